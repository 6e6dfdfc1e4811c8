// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A trace as written, cut at every byte and with every byte flipped.
 *
 * For test_trace_format.py: with RSST_WRITE=PATH in the environment it writes a trace there, with
 * RSST_LIST=PATH it prints one line per record, "TYPE SIZE TS", and exits with 2 when the trace is
 * cut, damaged or none.
 */
#include <sys/stat.h>
#include "trace/made_trace.h"

#define MAX_BLOCKS 8

/* A small trace, what is in it, and where its blocks end. */
struct sample {
	struct bytes bytes;
	size_t nr_blocks;
	size_t ends[MAX_BLOCKS];
	__u64 records_until[MAX_BLOCKS];
	__u32 crc_until[MAX_BLOCKS];
};

static void write_sample(const char *path)
{
	struct trace_writer *writer = trace_writer__open(path, true, NULL);
	__u64 second;

	assert_non_null(writer);
	trace_writer__append(writer, record(REC_START, sizeof(struct rec_start), 7, false), NULL);
	trace_writer__append(writer, record(REC_TICK, 16, 8, false), NULL);
	for (second = 1; second < 4; second++) {
		trace_writer__append(writer, record(REC_FAULT, 56, second * NSEC_PER_SEC, false),
				     NULL);
		trace_writer__append(writer, record(60000, 24, 1ULL << 63, true), NULL);
		trace_writer__append(writer, record(REC_STACK, 40, second, true), NULL);
		trace_writer__append(writer,
				     record(REC_TICK, 16, 10 * second * NSEC_PER_SEC, false), NULL);
	}
	trace_writer__append(writer, record(REC_END, sizeof(struct rec_end), 9, false), NULL);
	assert_int_equal(trace_writer__close(writer, NULL), 0);
}

/* Four blocks, not through the writer: the reader is held against the specification. */
static struct sample make_sample(void)
{
	static const __u32 sizes[] = { 16, 24, 40, 56 };
	struct sample sample = { .bytes = made_start() };
	__u64 nr_records = 1, raw[512];
	__u32 crc = crc32(0, (const __u8 *)record(REC_START, sizeof(struct rec_start), 0, false),
			  sizeof(struct rec_start));

	for (size_t i = 0; i < 4; i++) {
		size_t len = 0;

		sample.ends[i] = sample.bytes.len;
		sample.records_until[i] = nr_records;
		sample.crc_until[i] = crc;
		sample.nr_blocks++;
		if (i == 3)
			break;
		for (size_t j = 0; j < NR(sizes); len += sizes[j++])
			memcpy((__u8 *)raw + len, record(REC_FAULT + j, sizes[j], i, j & 1),
			       sizes[j]);
		crc = crc32(crc, (const __u8 *)raw, len);
		nr_records += NR(sizes);
		add_block(&sample.bytes, i + 1, raw, len, NR(sizes));
	}
	return sample;
}

static void what_was_written_is_read(void **state)
{
	const char *path = scratch("round.rsst");
	struct trace_writer *writer = trace_writer__open(path, false, NULL);
	__u32 crc = crc32(0, NULL, 0), size;
	struct reading reading;
	struct bytes bytes;

	(void)state;
	assert_non_null(writer);
	for (__u64 i = 0; i < 5000; i++) {
		const struct rec *rec;

		size = i ? 16 + i * 2654435761U % 1024 * 8 : sizeof(struct rec_start);
		size = size > RSST_REC_MAX ? RSST_REC_MAX : size;
		rec = record(i ? (i % 50 ? i % REC_CHECKPOINT : REC_TICK) : REC_START, size,
			     i * NSEC_PER_SEC / 100, i & 1);
		crc = crc32(crc, (const __u8 *)rec, size);
		assert_int_equal(trace_writer__append(writer, rec, NULL), 0);
	}
	assert_int_equal(trace_writer__close(writer, NULL), 0);
	reading = reading__of(byte_source__file(path, NULL));
	bytes = bytes__of_file(path);
	assert_true(reading.opened);
	assert_int_equal(reading.code, 0);
	assert_int_equal(reading.nr_records, 5000);
	assert_int_equal(reading.crc, crc);
	assert_false(reading.health.cut);
	assert_int_equal(reading.health.damaged_blocks, 0);
	assert_int_equal(reading.health.damaged_bytes, 0);
	assert_int_equal(reading.health.file_bytes, bytes.len);
	assert_int_equal(reading.health.read_bytes, bytes.len);
	assert_true(reading.health.nr_blocks > 75);
	bytes__free(&bytes);
}

/* A source that gives one byte at a time, and fails with `failure` once it is used up. */
struct slow_bytes {
	struct byte_source source;
	const __u8 *at;
	size_t left;
	int failure;
};

static long slow__read(struct byte_source *source, void *buf, unsigned long len)
{
	struct slow_bytes *slow = (struct slow_bytes *)source;

	assert_true(len > 0);
	if (!slow->left)
		return slow->failure;
	*(__u8 *)buf = *slow->at++;
	slow->left--;
	return 1;
}

static void slow__close(struct byte_source *source)
{
	((struct slow_bytes *)source)->source.read = NULL;
}

static void a_source_may_give_byte_by_byte(void **state)
{
	struct sample sample = make_sample();
	struct slow_bytes slow = {
		{ .read = slow__read, .close = slow__close }, sample.bytes.at, sample.bytes.len, 0
	};
	struct reading reading = reading__of(&slow.source);

	(void)state;
	assert_int_equal(reading.crc, sample.crc_until[3]);
	assert_int_equal(reading.health.file_bytes, sample.bytes.len);
	assert_null(slow.source.read);
	bytes__free(&sample.bytes);
}

static void a_read_error_is_said(void **state)
{
	struct sample sample = make_sample();
	struct slow_bytes slow = { { .read = slow__read, .close = slow__close },
				   sample.bytes.at,
				   sample.bytes.len - 3,
				   -EIO };
	struct reading reading = reading__of(&slow.source);

	(void)state;
	assert_int_equal(reading.code, -EIO);
	assert_string_equal(reading.err.text, "cannot read \"made.rsst\": input/output error");
	assert_int_equal(reading.nr_records, sample.records_until[2]);
	slow = (struct slow_bytes){
		{ .read = slow__read, .close = slow__close }, sample.bytes.at, 3, -EIO
	};
	assert_false(reading__of(&slow.source).opened);
	assert_null(slow.source.read);
	bytes__free(&sample.bytes);
}

/* The blocks that lie in the first @len bytes. */
static size_t blocks_within(const struct sample *sample, size_t len)
{
	size_t nr = 0;

	while (nr < sample->nr_blocks && sample->ends[nr] <= len)
		nr++;
	return nr;
}

static void check_cut(const struct sample *sample, size_t len, struct reading reading)
{
	size_t nr = blocks_within(sample, len);

	assert_int_equal(reading.opened, nr > 0);
	if (!nr) {
		assert_non_null(strstr(reading.err.text, "\"made.rsst\""));
		assert_non_null(strstr(reading.err.text, !len ? "is empty" : "is cut"));
		return;
	}
	assert_int_equal(reading.code, 0);
	assert_int_equal(reading.nr_records, sample->records_until[nr - 1]);
	assert_int_equal(reading.crc, sample->crc_until[nr - 1]);
	assert_int_equal(reading.health.cut, len != sample->ends[nr - 1]);
	assert_int_equal(reading.health.read_bytes, sample->ends[nr - 1]);
	assert_int_equal(reading.health.damaged_blocks, 0);
	assert_int_equal(reading.health.damaged_bytes, 0);
}

static void every_prefix_reads_to_its_last_block(void **state)
{
	struct sample sample = make_sample();
	struct slow_bytes slow;

	(void)state;
	for (size_t len = 0; len <= sample.bytes.len; len++) {
		check_cut(&sample, len, reading__of_bytes(sample.bytes.at, len));
		slow = (struct slow_bytes){
			{ .read = slow__read, .close = slow__close }, sample.bytes.at, len, 0
		};
		check_cut(&sample, len, reading__of(&slow.source));
	}
	bytes__free(&sample.bytes);
}

/* A power failure: the length is there, the bytes are not. */
static void a_tail_of_zeros_is_a_cut(void **state)
{
	struct sample sample = make_sample();
	struct reading reading;

	(void)state;
	for (size_t nr = 1; nr < sample.nr_blocks; nr++) {
		struct bytes bytes = { 0 };

		bytes__add(&bytes, sample.bytes.at, sample.bytes.len);
		memset(bytes.at + sample.ends[nr - 1], 0, bytes.len - sample.ends[nr - 1]);
		reading = reading__of_bytes(bytes.at, bytes.len);
		assert_true(reading.health.cut);
		assert_int_equal(reading.health.damaged_blocks, 0);
		assert_int_equal(reading.nr_records, sample.records_until[nr - 1]);
		bytes__free(&bytes);
	}
	bytes__free(&sample.bytes);
}

static const char *flipped_sentence(size_t at)
{
	if (at < TRACE_MAGIC_LEN)
		return "not a trace";
	if (at < FILE_HEADER_BYTES)
		return at / 2 == offsetof(struct trace_file_header, major) / 2 ? "newer"
									       : "header of";
	return "no start record";
}

/* One byte at @at is wrong: one block is lost, and no other. */
static void check_flipped(const struct sample *sample, size_t at, struct reading reading)
{
	size_t block = blocks_within(sample, at), last = sample->nr_blocks - 1;

	assert_int_equal(reading.opened, block > 0);
	if (!block) {
		/* major 1 with its lowest bit flipped is 0, which is no version */
		if (at == offsetof(struct trace_file_header, major) &&
		    strstr(reading.err.text, "header of"))
			return;
		assert_non_null(strstr(reading.err.text, flipped_sentence(at)));
		return;
	}
	assert_int_equal(reading.code, 0);
	assert_int_equal(reading.health.nr_blocks, last);
	assert_int_equal(reading.health.damaged_blocks, 1);
	assert_int_equal(reading.nr_gaps,
			 block < last); /* what is missing at the end, health tells */
	assert_int_equal(reading.gap_blocks, reading.nr_gaps);
	assert_int_equal(reading.health.damaged_bytes,
			 sample->ends[block] - sample->ends[block - 1]);
	assert_false(reading.health.cut);
	assert_int_equal(reading.nr_records, sample->records_until[last] -
						     sample->records_until[block] +
						     sample->records_until[block - 1]);
}

static void every_flipped_byte_costs_one_block(void **state)
{
	static const __u8 flips[] = { 0x01, 0x80, 0xff };
	struct sample sample = make_sample();

	(void)state;
	for (size_t at = 0; at < sample.bytes.len; at++) {
		for (size_t i = 0; i < NR(flips); i++) {
			sample.bytes.at[at] ^= flips[i];
			check_flipped(&sample, at,
				      reading__of_bytes(sample.bytes.at, sample.bytes.len));
			sample.bytes.at[at] ^= flips[i];
		}
	}
	bytes__free(&sample.bytes);
}

/* Cut and flipped at once, at places a fixed sequence picks: nothing to expect but an end. */
static void cut_and_flipped_comes_to_an_end(void **state)
{
	struct sample sample = make_sample();
	__u32 seed = 42;

	(void)state;
	for (int round = 0; round < 3000; round++) {
		size_t at, len;

		seed = seed * 1664525 + 1013904223;
		at = (seed >> 8) % sample.bytes.len;
		len = (seed >> 4) % sample.bytes.len;
		sample.bytes.at[at] ^= seed >> 24;
		assert_true(reading__of_bytes(sample.bytes.at, len).code <= 0);
		if (round % 4 == 3) { /* up to four wrong bytes */
			bytes__free(&sample.bytes);
			sample = make_sample();
		}
	}
	bytes__free(&sample.bytes);
}

static void not_readable(const char *path, const char *part)
{
	struct err err = { "" };

	assert_null(trace_source__open(byte_source__file(path, &err), path, &err));
	if (!strstr(err.text, part) || !strstr(err.text, path))
		fail_msg("\"%s\" does not say \"%s\"", err.text, part);
}

static void files_that_are_no_traces_are_named(void **state)
{
	static const char script[] = "#!/bin/sh\necho hello world, hello\n";
	const struct bytes text = { (__u8 *)script, sizeof(script) - 1, 0 }, none = { 0 };
	const char *path;

	(void)state;
	not_readable(scratch("absent.rsst"), "no such file or directory; check the name");
	not_readable("/tmp", "is a directory: name the trace in it");
	not_readable("/dev/zero", "is not a regular file");
	not_readable("/proc/self/exe", "is not a trace: name a file that 'rsstrace record' wrote");
	path = scratch("empty.rsst");
	bytes__to_file(&none, path);
	not_readable(path, "is empty");
	path = scratch("text.rsst");
	bytes__to_file(&text, path);
	not_readable(path, "is not a trace");
	path = scratch("pipe");
	assert_int_equal(mkfifo(path, 0600), 0); /* nobody writes: no waiting */
	not_readable(path, "is not a regular file");
}

static int list(const char *path)
{
	struct err err = { "" };
	struct record_source *source =
		trace_source__open(byte_source__file(path, &err), path, &err);
	const struct trace_health *health;
	const struct rec *rec;
	int code;

	if (!source) {
		fprintf(stderr, "%s\n", err.text);
		return 2;
	}
	while ((code = source->next(source, &rec, &err)) > 0)
		printf("%u %u %llu\n", rec->type, rec->size, (unsigned long long)rec->ts);
	health = trace_source__health(source);
	fprintf(stderr, "cut %d, damaged blocks %llu\n", health->cut,
		(unsigned long long)health->damaged_blocks);
	if (health->cut || health->damaged_blocks)
		code = -EBADMSG;
	source->free(source);
	return code ? 2 : 0;
}

static int clean_up(void **state)
{
	(void)state;
	remove_scratch();
	return 0;
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_written_is_read),
		cmocka_unit_test(a_source_may_give_byte_by_byte),
		cmocka_unit_test(a_read_error_is_said),
		cmocka_unit_test(every_prefix_reads_to_its_last_block),
		cmocka_unit_test(a_tail_of_zeros_is_a_cut),
		cmocka_unit_test(every_flipped_byte_costs_one_block),
		cmocka_unit_test(cut_and_flipped_comes_to_an_end),
		cmocka_unit_test(files_that_are_no_traces_are_named),
	};

	if (getenv("RSST_WRITE"))
		write_sample(getenv("RSST_WRITE"));
	if (getenv("RSST_LIST"))
		return list(getenv("RSST_LIST"));
	if (getenv("RSST_WRITE"))
		return 0;
	return cmocka_run_group_tests(tests, NULL, clean_up);
}
