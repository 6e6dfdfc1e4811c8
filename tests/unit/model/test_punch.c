// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* MADV_REMOVE: see punch.c. */
#include "model/story.h"

#define REMOVE 9

static void map_file(struct story *s, __u64 start, __u32 pages, __u64 ino, __u32 pgoff)
{
	struct rec_map map = RECORD(map, MAP, .space = SPACE, .start = start,
				    .end = start + pages * PAGE, .ino = ino, .pgoff = pgoff * PAGE,
				    .backing = BACKING_SHMEM, .shared = 1, .prot = 3);

	story__feed(s, record_map(&map, "/memfd:x"));
}

static struct story_call removal(struct story *s, __u64 start, __u32 pages)
{
	return story__enter(s, PID, VM_OP_MADVISE, CAUSE_DONTNEED, start, pages * PAGE, REMOVE, 0);
}

/* Pages 4..12 of the file, mapped twice; the other mapping shows 4..8 of them. Other files are let
 * alone. */
static void every_mapping_of_the_part_loses_it(void **state)
{
	struct story s = story__new();
	const __u64 other = BASE + 4 * TABLE, foreign = BASE + 8 * TABLE;
	struct story_call call;

	(void)state;
	map_file(&s, BASE, 16, 7, 0);
	map_file(&s, other, 8, 7, 0);
	map_file(&s, foreign, 16, 8, 0);
	story__fault(&s, BASE, 16, RSST_SHMEM, 1);
	story__fault(&s, other, 8, RSST_SHMEM, 2);
	story__fault(&s, foreign, 16, RSST_SHMEM, 3);
	call = removal(&s, BASE + 4 * PAGE, 8);
	story__release(&s, &call, 4, RSST_SHMEM); /* the other mapping first */
	story__release(&s, &call, 8, RSST_SHMEM);
	assert_int_equal(story__resident(&s, BASE, BASE + 4 * PAGE), 4);
	assert_int_equal(story__resident(&s, BASE + 4 * PAGE, BASE + 12 * PAGE), 0);
	assert_int_equal(story__resident(&s, BASE + 12 * PAGE, BASE + 16 * PAGE), 4);
	assert_int_equal(story__resident(&s, other, other + 8 * PAGE), 4);
	assert_int_equal(story__resident(&s, foreign, foreign + 16 * PAGE), 16);
	assert_int_equal(story__nr_disputes(&s), 0);
	story__check(&s);
	story__free(&s);
}

static void an_amount_that_fits_nowhere_is_doubted(void **state)
{
	struct story s = story__new();
	const __u64 other = BASE + 4 * TABLE;
	struct story_call call;

	(void)state;
	map_file(&s, BASE, 16, 7, 0);
	map_file(&s, other, 16, 7, 0);
	story__fault(&s, BASE, 16, RSST_SHMEM, 1);
	story__fault(&s, other, 16, RSST_SHMEM, 2);
	call = removal(&s, BASE, 8);
	story__release(&s, &call, 5, RSST_SHMEM);
	assert_int_equal(story__resident(&s, BASE, BASE + 8 * TABLE), 32);
	assert_int_equal(story__nr_disputes(&s), 2);
	story__check(&s);
	story__free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_mapping_of_the_part_loses_it),
		cmocka_unit_test(an_amount_that_fits_nowhere_is_doubted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
