// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A real trace, with checkpoints and an index, as a power cut leaves it: cut at every byte, with
 * zeros behind, with a block that never reached the disk.
 */
#include "model/checkpoint.h"
#include "trace/block.h"
#include "trace/made_trace.h"

#define REAL "tests/golden/checkpoints.rsst"
#define MAX_BLOCKS 32

struct block_place {
	size_t start, end;
	__u32 flags;
	__u64 records_until; /* of the stream, up to its end */
};

struct real {
	struct bytes bytes;
	__u32 nr;
	struct block_place blocks[MAX_BLOCKS];
};

static struct real read_real(void)
{
	struct real real = { .bytes = bytes__of_file(REAL) };
	__u64 records = 0;

	for (size_t at = FILE_HEADER_BYTES; at < real.bytes.len; real.nr++) {
		struct block_place *place = &real.blocks[real.nr];
		struct trace_block_header header;

		assert_true(real.nr < MAX_BLOCKS);
		assert_true(block__read_header(&header, real.bytes.at + at));
		place->start = at;
		at += BLOCK_HEADER_BYTES + header.stored_bytes;
		place->end = at;
		place->flags = header.flags;
		records += header.flags ? 0 : header.nr_records;
		place->records_until = records;
	}
	return real;
}

/* How many of the blocks end at or before @len. */
static __u32 whole_until(const struct real *real, size_t len)
{
	__u32 nr = 0;

	while (nr < real->nr && real->blocks[nr].end <= len)
		nr++;
	return nr;
}

static void check_cut(const struct real *real, const struct reading *reading, size_t len,
		      bool zeros)
{
	__u32 nr = whole_until(real, len);

	if (!nr) {
		assert_false(reading->opened);
		assert_true(strstr(reading->err.text, "cut") || strstr(reading->err.text, "empty"));
		return;
	}
	assert_true(reading->opened);
	assert_int_equal(reading->code, 0);
	assert_int_equal(reading->health.nr_blocks, nr);
	assert_int_equal(reading->nr_records, real->blocks[nr - 1].records_until);
	assert_int_equal(reading->health.damaged_blocks, 0);
	assert_int_equal(reading->nr_gaps, 0);
	assert_int_equal(reading->health.cut, zeros || len != real->blocks[nr - 1].end);
}

/* All of its last blocks, all that lies near a block's ends, and a sample of the rest. */
static bool is_looked_at(const struct real *real, size_t len)
{
	__u32 nr = whole_until(real, len);

	return len + 2500 > real->bytes.len || !nr || len < real->blocks[nr - 1].end + 60 ||
	       (nr < real->nr && len + 3 > real->blocks[nr].end) || len * 2654435761U % 101 == 0;
}

static void cut_at_any_byte_it_is_a_prefix(void **state)
{
	struct real real = read_real();

	(void)state;
	for (size_t len = 0; len < real.bytes.len; len++) {
		struct reading reading;

		if (!is_looked_at(&real, len))
			continue;
		reading = reading__of_bytes(real.bytes.at, len);
		check_cut(&real, &reading, len, false);
	}
	bytes__free(&real.bytes);
}

/* The size was written, the content was not: from a place in a block's payload on, or from its
 * start. */
static void zeros_at_the_end_are_a_cut(void **state)
{
	struct real real = read_real();
	__u8 *bytes = malloc(real.bytes.len);

	(void)state;
	assert_non_null(bytes);
	for (__u32 i = 1; i < real.nr; i++) {
		size_t len = real.blocks[i].start;
		struct reading reading;

		memset(bytes, 0, real.bytes.len);
		memcpy(bytes, real.bytes.at, len);
		reading = reading__of_bytes(bytes, real.bytes.len);
		check_cut(&real, &reading, len, true);
	}
	free(bytes);
	bytes__free(&real.bytes);
}

/* Later blocks reached the disk, this one did not. */
static void a_hole_is_told_with_its_length(void **state)
{
	struct real real = read_real();

	(void)state;
	for (__u32 i = 1; i + 1 < real.nr; i++) {
		const struct block_place *place = &real.blocks[i];
		size_t len = place->end - place->start;
		__u8 *kept = malloc(len);
		struct reading reading;

		assert_non_null(kept);
		memcpy(kept, real.bytes.at + place->start, len);
		memset(real.bytes.at + place->start, 0, len);
		reading = reading__of_bytes(real.bytes.at, real.bytes.len);
		assert_int_equal(reading.health.damaged_blocks, 1);
		assert_int_equal(reading.health.damaged_bytes, len);
		assert_int_equal(reading.nr_gaps, 1);
		assert_int_equal(reading.gap_blocks, 1);
		assert_false(reading.health.cut);
		memcpy(real.bytes.at + place->start, kept, len);
		free(kept);
	}
	bytes__free(&real.bytes);
}

/* Nothing is missing of the stream where the payload of a checkpoint nobody needs is damaged. */
static void a_damaged_checkpoint_is_not_missed(void **state)
{
	struct real real = read_real();

	(void)state;
	for (__u32 i = 1; i < real.nr; i++) {
		size_t at = real.blocks[i].end - 1;
		struct reading reading;

		real.bytes.at[at] ^= 0xff;
		reading = reading__of_bytes(real.bytes.at, real.bytes.len);
		assert_int_equal(reading.health.damaged_blocks, 1);
		assert_int_equal(reading.health.spare_blocks, real.blocks[i].flags != 0);
		if (real.blocks[i].flags)
			assert_int_equal(reading.nr_records,
					 real.blocks[real.nr - 1].records_until);
		assert_int_equal(reading.nr_gaps, !real.blocks[i].flags && i + 1 < real.nr);
		real.bytes.at[at] ^= 0xff;
	}
	bytes__free(&real.bytes);
}

static struct session *replayed(struct record_source *source)
{
	struct session *session = session__new();
	const struct rec *rec;

	while (source->next(source, &rec, NULL) > 0)
		session__feed(session, rec, rec->size, NULL);
	return session;
}

static void assert_same(struct session *a, struct session *b)
{
	struct snapshot *x = session__freeze(a), *y = session__freeze(b);

	assert_int_equal(x->ts, y->ts);
	assert_int_equal(x->nr_stacks, y->nr_stacks);
	assert_memory_equal(x->stacks, y->stacks, x->nr_stacks * sizeof(*x->stacks));
	assert_memory_equal(x->causes, y->causes, sizeof(x->causes));
	snapshot__free(x);
	snapshot__free(y);
}

/* What is left is entered by its last checkpoint as if it had been read from the start. */
static void cut_at_any_byte_of_its_end_it_is_entered(void **state)
{
	struct real real = read_real();
	size_t from = real.blocks[real.nr - 4].start;

	(void)state;
	for (size_t len = from; len < real.bytes.len; len += 97) {
		struct record_source *source = trace_source__open(
			byte_source__memory(real.bytes.at, len), "cut.rsst", NULL);
		struct session *all = replayed(source), *entered;
		const struct trace_index *index = trace_source__index(source, NULL);

		assert_non_null(index);
		assert_false(index->closed);
		assert_true(index->nr > 1);
		assert_int_equal(trace_source__enter(source, index->nr - 1, NULL), 0);
		entered = replayed(source);
		if (session__nr_restored(entered)) /* its last blocks may be what is cut off */
			assert_same(entered, all);
		session__free(entered);
		session__free(all);
		source->free(source);
	}
	bytes__free(&real.bytes);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(cut_at_any_byte_it_is_a_prefix),
		cmocka_unit_test(zeros_at_the_end_are_a_cut),
		cmocka_unit_test(a_hole_is_told_with_its_length),
		cmocka_unit_test(a_damaged_checkpoint_is_not_missed),
		cmocka_unit_test(cut_at_any_byte_of_its_end_it_is_entered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
