// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Pages and regions that mremap moves: see mremap.c. */
#include <errno.h>
#include "model/story.h"

static void mremap_moves_pages_when_the_place_is_chosen(void **state)
{
	struct story s = story__new();
	struct story_call move, map, unmap;
	const __u64 to = BASE + 16 * TABLE;

	(void)state;
	story__mmap(&s, BASE, 4 * PAGE);
	story__fault(&s, BASE, 4, RSST_ANON, 1);
	move = story__enter(&s, 1, VM_OP_MREMAP, CAUSE_MREMAP, BASE, 4 * PAGE, 8 * PAGE, 1);
	story__area(&s, &move, to, 8 * PAGE);
	/* another thread is given the old place and fills it before the move's return is told */
	map = story__enter(&s, 2, VM_OP_MMAP, CAUSE_OTHER, 0, 4 * PAGE, 1, 0x22);
	story__area(&s, &map, BASE, 4 * PAGE);
	story__return(&s, &map, BASE);
	story__fault(&s, BASE, 2, RSST_ANON, 2);
	story__return(&s, &move, to);
	assert_int_equal(story__stack_at(&s, to + 3 * PAGE), 1);
	assert_int_equal(story__stack_at(&s, BASE), 2);
	assert_int_equal(story__resident(&s, 0, 1ULL << 56), 6);
	assert_int_equal(story__pages_of(&s, 1).freed, 0);
	assert_int_equal(story__pages_of(&s, 1).faulted, 4);
	assert_int_equal(session__vma(s.session, SPACE, to)->end, to + 8 * PAGE);
	assert_int_equal(session__vma(s.session, SPACE, to)->prot, 3);	 /* the moved one's */
	assert_int_equal(session__vma(s.session, SPACE, BASE)->prot, 1); /* the new one stays */
	assert_int_equal(story__nr_disputes(&s), 0);
	unmap = story__munmap(&s, 1, to, 8 * PAGE);
	story__release(&s, &unmap, 4, RSST_ANON);
	story__return(&s, &unmap, 0);
	assert_int_equal(story__resident(&s, 0, 1ULL << 56), 2);
	story__check(&s);
	story__free(&s);
}

static void a_failed_mremap_puts_the_pages_back(void **state)
{
	struct story s = story__new();
	struct story_call move;

	(void)state;
	story__mmap(&s, BASE, 4 * PAGE);
	story__fault(&s, BASE, 4, RSST_ANON, 1);
	move = story__enter(&s, 1, VM_OP_MREMAP, CAUSE_MREMAP, BASE, 4 * PAGE, 8 * PAGE, 1);
	story__area(&s, &move, BASE + 8 * TABLE, 8 * PAGE);
	assert_int_equal(story__resident(&s, 0, 1ULL << 56), 0);
	story__return(&s, &move, -ENOMEM);
	assert_int_equal(story__resident(&s, BASE, BASE + 4 * PAGE), 4);
	assert_int_equal(session__vma(s.session, SPACE, BASE)->end, BASE + 4 * PAGE);
	story__check(&s);
	story__free(&s);
}

static void mremap_shrinks_and_grows_in_place(void **state)
{
	struct story s = story__new();
	struct story_call call;

	(void)state;
	story__mmap(&s, BASE, 8 * PAGE);
	story__fault(&s, BASE, 8, RSST_ANON, 1);
	call = story__enter(&s, 1, VM_OP_MREMAP, CAUSE_MREMAP, BASE, 8 * PAGE, 3 * PAGE, 1);
	story__release(&s, &call, 5, RSST_ANON);
	story__return(&s, &call, BASE);
	assert_int_equal(story__resident(&s, BASE, BASE + 3 * PAGE), 3);
	assert_int_equal(session__vma(s.session, SPACE, BASE)->end, BASE + 3 * PAGE);
	call = story__enter(&s, 1, VM_OP_MREMAP, CAUSE_MREMAP, BASE, 3 * PAGE, 6 * PAGE, 1);
	story__return(&s, &call, BASE);
	assert_non_null(session__vma(s.session, SPACE, BASE + 5 * PAGE));
	assert_null(session__vma(s.session, SPACE, BASE + 6 * PAGE));
	assert_int_equal(story__nr_disputes(&s), 0);
	story__free(&s);
}

static void mremap_fixed_releases_its_destination(void **state)
{
	struct story s = story__new();
	struct story_call call;
	const __u64 to = BASE + 8 * TABLE;

	(void)state;
	story__mmap(&s, BASE, 4 * PAGE);
	story__mmap(&s, to, 4 * PAGE);
	story__fault(&s, BASE, 4, RSST_ANON, 1);
	story__fault(&s, to, 3, RSST_ANON, 2);
	call = story__enter(&s, 1, VM_OP_MREMAP, CAUSE_MREMAP, BASE, 4 * PAGE, 4 * PAGE, 3);
	story__release(&s, &call, 3, RSST_ANON);
	story__return(&s, &call, to);
	assert_int_equal(story__pages_of(&s, 2).freed, 3);
	assert_int_equal(story__pages_of(&s, 1).rss, 4);
	assert_int_equal(story__stack_at(&s, to), 1);
	assert_int_equal(story__resident(&s, 0, 1ULL << 56), 4);
	assert_int_equal(story__nr_disputes(&s), 0);
	assert_null(session__vma(s.session, SPACE, BASE));
	story__check(&s);
	story__free(&s);
}

/* The call waits for the mmap lock while others fault: what they bring is moved, too. */
static void mremap_fixed_moves_what_came_while_it_waited(void **state)
{
	struct story s = story__new();
	struct story_call move;
	const __u64 to = BASE + 8 * TABLE;

	(void)state;
	story__mmap(&s, BASE, 4 * PAGE);
	move = story__enter(&s, 1, VM_OP_MREMAP, CAUSE_MREMAP, BASE, 4 * PAGE, 4 * PAGE, 3);
	story__fault(&s, BASE + PAGE, 2, RSST_ANON, 1);
	story__return(&s, &move, to);
	assert_int_equal(story__resident(&s, BASE, BASE + 4 * PAGE), 0);
	assert_int_equal(story__stack_at(&s, to + PAGE), 1);
	assert_int_equal(story__stack_at(&s, to + 2 * PAGE), 1);
	assert_int_equal(story__nr_disputes(&s), 0);
	story__check(&s);
	story__free(&s);
}

/* It has moved, and before it returns another thread maps and faults where the pages were. */
static void mremap_fixed_leaves_what_came_on_a_newer_mapping(void **state)
{
	struct story s = story__new();
	struct story_call move;
	const __u64 to = BASE + 8 * TABLE;

	(void)state;
	story__mmap(&s, BASE, 4 * PAGE);
	story__fault(&s, BASE, 1, RSST_ANON, 1);
	move = story__enter(&s, 1, VM_OP_MREMAP, CAUSE_MREMAP, BASE, 4 * PAGE, 4 * PAGE, 3);
	story__mmap(&s, BASE, 4 * PAGE);
	story__fault(&s, BASE + PAGE, 1, RSST_ANON, 2);
	story__return(&s, &move, to);
	assert_int_equal(story__stack_at(&s, BASE + PAGE), 2);
	assert_true(story__nr_disputes(&s) > 0);
	story__check(&s);
	story__free(&s);
}

/* mremap_to() before Linux 6.17: the destination goes, and what the source has too much; only then
 * the source turns out not to be one mapping. */
static void a_failed_mremap_fixed_has_unmapped_its_destination(void **state)
{
	const __u64 to = BASE + 8 * TABLE;
	const char *const kernels[] = { "5.10.0-32-cloud-amd64", "6.12.0", "6.17.1", "7.0" };

	(void)state;
	for (size_t i = 0; i < sizeof(kernels) / sizeof(kernels[0]); i++) {
		struct story s = story__new_on(kernels[i]);
		struct story_call call;
		bool old = i < 2;

		story__mmap(&s, BASE, 4 * PAGE);
		story__mmap(&s, to, 8 * PAGE);
		story__fault(&s, BASE, 4, RSST_ANON, 1);
		story__fault(&s, to, 8, RSST_ANON, 2);
		call = story__enter(&s, 1, VM_OP_MREMAP, CAUSE_MREMAP, BASE, 8 * PAGE, 6 * PAGE, 3);
		call.args[4] = to;
		if (old)
			story__release(&s, &call, 6, RSST_ANON);
		story__return(&s, &call, -EFAULT);
		assert_int_equal(story__resident(&s, to, to + 8 * PAGE), old ? 2 : 8);
		assert_int_equal(!session__vma(s.session, SPACE, to + 5 * PAGE), old);
		assert_non_null(session__vma(s.session, SPACE, to + 6 * PAGE));
		assert_int_equal(story__resident(&s, BASE, BASE + 4 * PAGE), 4);
		story__check(&s);
		story__free(&s);
	}
}

/* There was nothing to be released where it went. */
static void a_failed_mremap_fixed_has_unmapped_what_was_empty(void **state)
{
	struct story s = story__new_on("6.1.0");
	struct story_call call;
	const __u64 to = BASE + 8 * TABLE;

	(void)state;
	story__mmap(&s, BASE, 4 * PAGE);
	story__mmap(&s, to, 8 * PAGE);
	call = story__enter(&s, 1, VM_OP_MREMAP, CAUSE_MREMAP, BASE, 8 * PAGE, 8 * PAGE, 3);
	call.args[4] = to;
	story__return(&s, &call, -EFAULT);
	assert_null(session__vma(s.session, SPACE, to));
	story__mmap(&s, to, 8 * PAGE);
	call = story__enter(&s, 1, VM_OP_MREMAP, CAUSE_MREMAP, BASE + TABLE, PAGE, PAGE, 3);
	call.args[4] = to;
	story__return(&s, &call, -EFAULT); /* nothing at the source: found at once */
	assert_non_null(session__vma(s.session, SPACE, to));
	story__free(&s);
}

/* Two mappings and the gap between them: what lies in the gap's destination stays. */
static void mremap_fixed_moves_several_mappings_and_their_gaps(void **state)
{
	struct story s = story__new();
	struct story_call call;
	struct snapshot *now;
	__u64 to = BASE + TABLE;

	(void)state;
	story__mmap(&s, BASE, 2 * PAGE);
	story__mmap(&s, BASE + 4 * PAGE, 2 * PAGE);
	story__mmap(&s, to, 8 * PAGE);
	story__fault(&s, BASE, 1, RSST_ANON, 1);
	story__fault(&s, BASE + 5 * PAGE, 1, RSST_ANON, 2);
	story__fault(&s, to, 8, RSST_ANON, 3);
	call = story__enter(&s, PID, VM_OP_MREMAP, CAUSE_MREMAP, BASE, 6 * PAGE, 6 * PAGE, 3);
	story__release(&s, &call, 2, RSST_ANON);
	story__release(&s, &call, 2, RSST_ANON);
	story__return(&s, &call, to);
	assert_int_equal(story__stack_at(&s, to), 1);
	assert_int_equal(story__stack_at(&s, to + PAGE), 0);
	assert_int_equal(story__stack_at(&s, to + 2 * PAGE), 3);
	assert_int_equal(story__stack_at(&s, to + 3 * PAGE), 3);
	assert_int_equal(story__stack_at(&s, to + 4 * PAGE), 0);
	assert_int_equal(story__stack_at(&s, to + 5 * PAGE), 2);
	assert_int_equal(story__stack_at(&s, to + 6 * PAGE), 3);
	assert_int_equal(story__resident(&s, BASE, to), 0);
	assert_int_equal(story__nr_disputes(&s), 0);
	now = session__freeze(s.session);
	assert_int_equal(now->spaces[0].vmas[0].start, to);
	snapshot__free(now);
	story__check(&s);
	story__free(&s);
}

static void dontunmap_keeps_the_old_region(void **state)
{
	struct story s = story__new();
	struct story_call call;

	(void)state;
	story__mmap(&s, BASE, 4 * PAGE);
	story__fault(&s, BASE, 4, RSST_ANON, 1);
	call = story__enter(&s, 1, VM_OP_MREMAP, CAUSE_MREMAP, BASE, 4 * PAGE, 4 * PAGE, 5);
	story__area(&s, &call, BASE + TABLE, 4 * PAGE);
	story__return(&s, &call, BASE + TABLE);
	assert_non_null(session__vma(s.session, SPACE, BASE));
	assert_non_null(session__vma(s.session, SPACE, BASE + TABLE));
	assert_int_equal(story__resident(&s, BASE, BASE + TABLE), 0);
	assert_int_equal(story__resident(&s, BASE + TABLE, BASE + 2 * TABLE), 4);
	story__free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mremap_moves_pages_when_the_place_is_chosen),
		cmocka_unit_test(a_failed_mremap_puts_the_pages_back),
		cmocka_unit_test(mremap_shrinks_and_grows_in_place),
		cmocka_unit_test(mremap_fixed_releases_its_destination),
		cmocka_unit_test(mremap_fixed_moves_what_came_while_it_waited),
		cmocka_unit_test(mremap_fixed_leaves_what_came_on_a_newer_mapping),
		cmocka_unit_test(a_failed_mremap_fixed_has_unmapped_its_destination),
		cmocka_unit_test(a_failed_mremap_fixed_has_unmapped_what_was_empty),
		cmocka_unit_test(mremap_fixed_moves_several_mappings_and_their_gaps),
		cmocka_unit_test(dontunmap_keeps_the_old_region),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
