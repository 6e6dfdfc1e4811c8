// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Traces nobody wrote by accident: every CRC is right, and the rest is a lie. */
#include <time.h>
#include "trace/made_trace.h"

#define BOMB_BYTES (64UL << 20)
#define MIB (1UL << 20)

/* @bytes is a start, then one bad block; a good one behind it must still be found. */
static void check_one_damaged(struct bytes *bytes)
{
	struct reading reading;

	reading = reading__of_bytes(bytes->at, bytes->len);
	assert_true(reading.opened);
	assert_int_equal(reading.health.damaged_blocks, 1);
	assert_int_equal(reading.nr_records, 1);
	add_record_block(bytes, 2, REC_DELTA);
	reading = reading__of_bytes(bytes->at, bytes->len);
	assert_int_equal(reading.health.damaged_blocks, 1);
	assert_int_equal(reading.health.nr_blocks, 2);
	assert_int_equal(reading.nr_records, 2);
	assert_int_equal(reading.last_type, REC_DELTA);
	assert_false(reading.health.cut);
	bytes__free(bytes);
}

/* Block 1 holds one record of 24 bytes; spoil(header) changes what is said about it. */
static void check_lie(void (*spoil)(struct trace_block_header *header))
{
	struct bytes bytes = made_start();
	size_t at = add_record_block(&bytes, 1, REC_DELTA);
	struct trace_block_header header;

	memcpy(&header, bytes.at + at, sizeof(header));
	spoil(&header);
	seal_block_header(&header);
	memcpy(bytes.at + at, &header, sizeof(header));
	check_one_damaged(&bytes);
}

static void raw_huge(struct trace_block_header *header)
{
	header->raw_bytes = 0xfffffff8;
}

static void raw_over(struct trace_block_header *header)
{
	header->raw_bytes = TRACE_BLOCK_RAW_MAX + 8;
}

static void raw_more(struct trace_block_header *header)
{
	header->raw_bytes += 8;
}

static void raw_less(struct trace_block_header *header)
{
	header->raw_bytes -= 8;
}

static void raw_odd(struct trace_block_header *header)
{
	header->raw_bytes += 4;
}

static void raw_none(struct trace_block_header *header)
{
	header->raw_bytes = 0;
}

static void stored_huge(struct trace_block_header *header)
{
	header->stored_bytes = UINT32_MAX;
}

static void stored_over(struct trace_block_header *header)
{
	header->stored_bytes = TRACE_BLOCK_STORED_MAX + 1;
}

static void stored_none(struct trace_block_header *header)
{
	header->stored_bytes = 0;
}

static void records_more(struct trace_block_header *header)
{
	header->nr_records++;
}

static void records_none(struct trace_block_header *header)
{
	header->nr_records = 0;
}

static void lies_in_the_block_header_cost_the_block(void **state)
{
	static void (*const lies[])(struct trace_block_header *) = {
		raw_huge,    raw_over,	  raw_more,    raw_less,     raw_odd,	   raw_none,
		stored_huge, stored_over, stored_none, records_more, records_none,
	};

	(void)state;
	for (size_t i = 0; i < NR(lies); i++)
		check_lie(lies[i]);
}

/* Block 1 with this payload, said to be a record of 24 bytes. */
static struct bytes with_payload(const void *payload, size_t len)
{
	struct trace_block_header header = {
		.seq = 1, .nr_records = 1, .raw_bytes = 24, .stored_bytes = len
	};
	struct bytes bytes = made_start();

	memcpy(header.magic, TRACE_BLOCK_MAGIC, TRACE_MAGIC_LEN);
	header.payload_crc = crc32(0, payload, len);
	seal_block_header(&header);
	bytes__add(&bytes, &header, sizeof(header));
	bytes__add(&bytes, payload, len);
	return bytes;
}

static void a_bomb_does_not_go_off(void **state)
{
	void *zeros = calloc(1, BOMB_BYTES), *payload = malloc(MIB);
	struct bytes bytes;
	size_t len;

	(void)state;
	assert_true(zeros && payload);
	len = ZSTD_compress(payload, MIB, zeros, BOMB_BYTES, 19);
	assert_true(len < TRACE_BLOCK_STORED_MAX);
	free(zeros);
	bytes = with_payload(payload, len);
	check_one_damaged(&bytes);
	free(payload);
}

/* The same with no content size in the frame, which a reader could believe. */
static void a_bomb_of_unknown_size_does_not_go_off(void **state)
{
	void *zeros = calloc(1, BOMB_BYTES), *payload = malloc(MIB);
	ZSTD_CCtx *packer = ZSTD_createCCtx();
	struct bytes bytes;
	size_t len;

	(void)state;
	assert_true(zeros && payload && packer);
	ZSTD_CCtx_setParameter(packer, ZSTD_c_contentSizeFlag, 0);
	len = ZSTD_compress2(packer, payload, MIB, zeros, BOMB_BYTES);
	assert_true(len < TRACE_BLOCK_STORED_MAX);
	bytes = with_payload(payload, len);
	check_one_damaged(&bytes);
	ZSTD_freeCCtx(packer);
	free(payload);
	free(zeros);
}

static void payloads_other_than_one_frame_cost_the_block(void **state)
{
	static const __u8 skippable[] = { 0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 0, 0 };
	__u8 payload[256];
	struct bytes bytes;
	size_t len;

	(void)state;
	len = ZSTD_compress(payload, sizeof(payload), record(REC_DELTA, 24, 1, false), 24, 3);
	bytes = with_payload(payload, len - 1);
	check_one_damaged(&bytes);
	memset(payload + len, 0, 8);
	bytes = with_payload(payload, len + 8);
	check_one_damaged(&bytes);
	memcpy(payload + len, skippable, sizeof(skippable));
	bytes = with_payload(payload, len + sizeof(skippable));
	check_one_damaged(&bytes);
	bytes = with_payload(skippable, sizeof(skippable));
	check_one_damaged(&bytes);
	bytes = with_payload("no frame at all", 15);
	check_one_damaged(&bytes);
	/* an empty frame, then the content */
	len = ZSTD_compress(payload, sizeof(payload), "", 0, 3);
	len += ZSTD_compress(payload + len, sizeof(payload) - len, record(REC_DELTA, 24, 1, false),
			     24, 3);
	bytes = with_payload(payload, len);
	check_one_damaged(&bytes);
}

static void lies_in_a_record_cost_its_block(void **state)
{
	static const __u32 sizes[] = { 0, 8, 15, 17, 44, 48 + 8, RSST_REC_MAX + 8, UINT32_MAX - 7 };
	struct bytes bytes;
	__u64 raw[6];

	(void)state;
	for (size_t i = 0; i < NR(sizes); i++) {
		memcpy(raw, record(REC_DELTA, 24, 1, false), 24);
		memcpy(raw + 3, record(REC_DELTA, 24, 1, false), 24);
		((struct rec *)(raw + 3))->size = sizes[i];
		bytes = made_start();
		add_block(&bytes, 1, raw, sizeof(raw), 2);
		check_one_damaged(&bytes);
	}
	/* a record, and 8 bytes that can be none */
	bytes = made_start();
	add_block(&bytes, 1, raw, 32, 1);
	check_one_damaged(&bytes);
}

static void a_record_over_the_limit_costs_its_block(void **state)
{
	__u8 *raw = calloc(1, TRACE_BLOCK_RAW_MAX);
	struct bytes bytes = made_start();

	(void)state;
	assert_non_null(raw);
	*(struct rec *)raw = (struct rec){ .type = REC_STACK, .size = RSST_REC_MAX + 8 };
	add_block(&bytes, 1, raw, RSST_REC_MAX + 8, 1);
	check_one_damaged(&bytes);
	free(raw);
}

/* What the block before left in the reader's memory would pass for the records that are missing. */
static void a_short_block_is_not_filled_from_the_last(void **state)
{
	struct bytes bytes = made_start();
	struct trace_block_header header;
	struct reading reading;
	__u64 raw[6];
	size_t at;

	(void)state;
	memcpy(raw, record(REC_DELTA, 24, 1, false), 24);
	memcpy(raw + 3, record(REC_DELTA, 24, 1, false), 24);
	add_block(&bytes, 1, raw, sizeof(raw), 2);
	at = add_block(&bytes, 2, raw, 24, 1);
	memcpy(&header, bytes.at + at, sizeof(header));
	header.raw_bytes = sizeof(raw);
	header.nr_records = 2;
	seal_block_header(&header);
	memcpy(bytes.at + at, &header, sizeof(header));
	reading = reading__of_bytes(bytes.at, bytes.len);
	assert_int_equal(reading.nr_records, 3);
	assert_int_equal(reading.health.damaged_blocks, 1);
	bytes__free(&bytes);
}

/* Blocks as long as they may be, where a step too far leaves the reader's memory. */
static void the_longest_block_is_not_stepped_over(void **state)
{
	const __u32 nr = TRACE_BLOCK_RAW_MAX / 16;
	struct rec *raw = calloc(nr + 1, sizeof(*raw));
	struct bytes bytes = made_start();

	(void)state;
	assert_non_null(raw);
	for (__u32 i = 0; i <= nr; i++)
		raw[i] = (struct rec){ .type = REC_TICK, .size = 16 };
	add_block(&bytes, 1, raw, TRACE_BLOCK_RAW_MAX, nr);
	assert_int_equal(reading__of_bytes(bytes.at, bytes.len).nr_records, 1 + nr);
	bytes__free(&bytes);
	bytes = made_start();
	add_block(&bytes, 1, raw, TRACE_BLOCK_RAW_MAX + 16, nr + 1); /* all true, but too long */
	check_one_damaged(&bytes);
	raw[nr - 1].size = RSST_REC_MAX;
	bytes = made_start();
	add_block(&bytes, 1, raw, TRACE_BLOCK_RAW_MAX, nr);
	check_one_damaged(&bytes);
	free(raw);
}

static void sequence_numbers_tell_what_is_missing(void **state)
{
	struct bytes bytes = made_start();
	struct reading reading;

	(void)state;
	add_record_block(&bytes, 4, REC_DELTA); /* 1 to 3 were cut out without a trace */
	add_record_block(&bytes, 4, REC_CALL);	/* twice the same */
	add_record_block(&bytes, 2, REC_CALL);	/* an old one */
	add_record_block(&bytes, 5, REC_TICK);
	reading = reading__of_bytes(bytes.at, bytes.len);
	assert_int_equal(reading.nr_records, 3);
	assert_int_equal(reading.last_type, REC_TICK);
	assert_int_equal(reading.health.damaged_blocks, 5);
	bytes__add(&bytes, "junk", 4);
	add_record_block(&bytes, 6, REC_TICK);
	reading = reading__of_bytes(bytes.at, bytes.len);
	assert_int_equal(reading.nr_records, 4);
	assert_int_equal(reading.health.damaged_blocks, 6);
	add_record_block(&bytes, UINT64_MAX, REC_TICK);
	add_record_block(&bytes, UINT64_MAX, REC_TICK);
	assert_int_equal(reading__of_bytes(bytes.at, bytes.len).code, 0);
	bytes__free(&bytes);
}

static void two_traces_in_a_row_are_one_and_damage(void **state)
{
	struct bytes one = made_start(), two = { 0 };
	struct reading reading;

	(void)state;
	add_record_block(&one, 1, REC_END);
	bytes__add(&two, one.at, one.len);
	bytes__add(&two, one.at, one.len);
	reading = reading__of_bytes(two.at, two.len);
	assert_int_equal(reading.nr_records, 2);
	assert_true(reading.health.damaged_blocks > 0);
	bytes__free(&one);
	bytes__free(&two);
}

static void resync_copes_with_false_magics(void **state)
{
	struct bytes bytes = made_start();
	struct reading reading;

	(void)state;
	for (size_t len = 1; len <= TRACE_MAGIC_LEN; len++)
		bytes__add(&bytes, TRACE_BLOCK_MAGIC, len);
	bytes__add(&bytes, "\xf5\xf5\xf5", 3);
	add_record_block(&bytes, 2, REC_DELTA);
	reading = reading__of_bytes(bytes.at, bytes.len);
	assert_int_equal(reading.nr_records, 2);
	assert_int_equal(reading.health.damaged_blocks, 1);
	assert_int_equal(reading.health.damaged_bytes, 36 + 3);
	bytes__free(&bytes);
}

/* The magic where a window of the reader ends, at every distance from it. */
static void resync_finds_a_magic_across_windows(void **state)
{
	const size_t window = BLOCK_HEADER_BYTES + TRACE_BLOCK_STORED_MAX;
	__u8 *junk = malloc(window + 64);

	(void)state;
	assert_non_null(junk);
	memset(junk, 0xf5, window + 64);
	for (size_t len = window - 200; len < window + 16; len++) {
		struct bytes bytes = made_start();
		struct reading reading;

		bytes__add(&bytes, junk, len);
		add_record_block(&bytes, 1, REC_DELTA);
		reading = reading__of_bytes(bytes.at, bytes.len);
		assert_int_equal(reading.nr_records, 2);
		assert_int_equal(reading.health.damaged_bytes, len);
		bytes__free(&bytes);
	}
	free(junk);
}

static double seconds_to_read(const struct bytes *bytes)
{
	clock_t before = clock();

	assert_int_equal(reading__of_bytes(bytes->at, bytes->len).nr_records, 1);
	return (double)(clock() - before) / CLOCKS_PER_SEC;
}

/* Nothing makes the reader look at a byte more than a few times. */
static void reading_takes_linear_time(void **state)
{
	struct bytes bytes = made_start(), unit = { 0 };

	(void)state;
	for (size_t i = 0; i < 4 * MIB; i += TRACE_MAGIC_LEN)
		bytes__add(&bytes, TRACE_BLOCK_MAGIC, TRACE_MAGIC_LEN);
	assert_true(seconds_to_read(&bytes) < 2);
	bytes__free(&bytes);
	/* sound headers that claim a large payload, back to back */
	bytes = made_start();
	add_record_block(&unit, 1, REC_DELTA);
	for (size_t i = 0; i < 4 * MIB / BLOCK_HEADER_BYTES; i++) {
		struct trace_block_header header;

		memcpy(&header, unit.at, sizeof(header));
		header.seq = i + 1;
		header.stored_bytes = TRACE_BLOCK_STORED_MAX;
		seal_block_header(&header);
		bytes__add(&bytes, &header, sizeof(header));
	}
	assert_true(seconds_to_read(&bytes) < 2);
	bytes__free(&bytes);
	bytes__free(&unit);
}

/* Nor the search for the index: what it takes from the file is counted. */
static void the_index_is_sought_in_linear_time(void **state)
{
	struct bytes bytes = made_start();
	struct record_source *source;

	(void)state;
	for (size_t i = 0; i < 2 * MIB; i += TRACE_MAGIC_LEN)
		bytes__add(&bytes, TRACE_BLOCK_MAGIC, TRACE_MAGIC_LEN);
	source = trace_source__open(byte_source__memory(bytes.at, bytes.len), "made.rsst", NULL);
	assert_non_null(source);
	assert_int_equal(trace_source__index(source, NULL)->nr, 1);
	assert_true(trace_source__health(source)->taken_bytes < 50 * bytes.len);
	source->free(source);
	bytes__free(&bytes);
}

static void not_opened(const struct bytes *bytes, const char *part)
{
	struct reading reading = reading__of_bytes(bytes->at, bytes->len);

	assert_false(reading.opened);
	if (!strstr(reading.err.text, part) || !strstr(reading.err.text, "\"made.rsst\""))
		fail_msg("\"%s\" does not say \"%s\"", reading.err.text, part);
}

static void set_file_header(struct bytes *bytes, __u16 major, __u32 header_bytes)
{
	struct trace_file_header header = made_file_header();

	header.major = major;
	header.header_bytes = header_bytes;
	seal_file_header(&header);
	memcpy(bytes->at, &header, sizeof(header));
}

static void other_file_headers_are_refused(void **state)
{
	static const __u32 lengths[] = { 0, 16, 23, 28, TRACE_HEADER_MAX + 8, UINT32_MAX - 7 };
	struct bytes bytes = made_start();

	(void)state;
	set_file_header(&bytes, 2, 24);
	not_opened(&bytes, "newer format version 2.1, this rsstrace reads up to 1");
	set_file_header(&bytes, 0, 24);
	not_opened(&bytes, "header of \"made.rsst\" is damaged");
	for (size_t i = 0; i < NR(lengths); i++) {
		set_file_header(&bytes, 1, lengths[i]);
		not_opened(&bytes, "header of \"made.rsst\" is damaged");
	}
	set_file_header(&bytes, 1, TRACE_HEADER_MAX);
	not_opened(&bytes, "is cut inside its header");
	bytes__free(&bytes);
}

static void a_newer_minor_version_is_read(void **state)
{
	struct trace_file_header header = made_file_header();
	struct bytes bytes = { 0 }, start = made_start();
	__u8 longer[64] = { 0 };
	__u32 crc;

	(void)state;
	header.minor = 7;
	header.header_bytes = sizeof(longer);
	memcpy(longer, &header, sizeof(header));
	memset(longer + 16, 0x5a, 44);
	crc = crc32(0, longer, 60);
	memcpy(longer + 60, &crc, sizeof(crc));
	bytes__add(&bytes, longer, sizeof(longer));
	bytes__add(&bytes, start.at + FILE_HEADER_BYTES, start.len - FILE_HEADER_BYTES);
	add_record_block(&bytes, 1, 65535); /* a type of tomorrow comes through as it is */
	assert_int_equal(reading__of_bytes(bytes.at, bytes.len).last_type, 65535);
	bytes.at[40] ^= 1;
	not_opened(&bytes, "header of \"made.rsst\" is damaged");
	bytes__free(&bytes);
	bytes__free(&start);
}

static void a_trace_begins_with_its_start(void **state)
{
	struct trace_file_header header = made_file_header();
	struct bytes bytes = { 0 };

	(void)state;
	bytes__add(&bytes, &header, sizeof(header));
	not_opened(&bytes, "no start record: it is cut before the end of its first block");
	add_record_block(&bytes, 0, REC_TICK);
	not_opened(&bytes, "no start record: it was not written by");
	bytes.at[FILE_HEADER_BYTES] ^= 1;
	add_record_block(&bytes, 1, REC_TICK);
	not_opened(&bytes, "no start record: its first block is damaged");
	bytes__free(&bytes);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(lies_in_the_block_header_cost_the_block),
		cmocka_unit_test(a_bomb_does_not_go_off),
		cmocka_unit_test(a_bomb_of_unknown_size_does_not_go_off),
		cmocka_unit_test(payloads_other_than_one_frame_cost_the_block),
		cmocka_unit_test(lies_in_a_record_cost_its_block),
		cmocka_unit_test(a_record_over_the_limit_costs_its_block),
		cmocka_unit_test(a_short_block_is_not_filled_from_the_last),
		cmocka_unit_test(the_longest_block_is_not_stepped_over),
		cmocka_unit_test(sequence_numbers_tell_what_is_missing),
		cmocka_unit_test(two_traces_in_a_row_are_one_and_damage),
		cmocka_unit_test(resync_copes_with_false_magics),
		cmocka_unit_test(resync_finds_a_magic_across_windows),
		cmocka_unit_test(reading_takes_linear_time),
		cmocka_unit_test(the_index_is_sought_in_linear_time),
		cmocka_unit_test(other_file_headers_are_refused),
		cmocka_unit_test(a_newer_minor_version_is_read),
		cmocka_unit_test(a_trace_begins_with_its_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
