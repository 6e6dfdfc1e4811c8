// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Which pages a release takes: see release.c. */
#include "model/story.h"

static void a_whole_range_goes_table_by_table(void **state)
{
	struct story s = story__new();
	struct story_call call;

	(void)state;
	story__fault(&s, BASE, 1024, RSST_ANON, 1);
	story__fault(&s, BASE + 2 * TABLE, 10, RSST_ANON, 2);
	call = story__munmap(&s, PID, BASE, 2 * TABLE + 4 * PAGE);
	story__release(&s, &call, 512, RSST_ANON);
	assert_int_equal(story__resident(&s, BASE, BASE + TABLE), 0);
	assert_int_equal(story__resident(&s, BASE + TABLE, BASE + 3 * TABLE), 522);
	story__release(&s, &call, 512, RSST_ANON);
	story__release(&s, &call, 4, RSST_ANON);
	assert_int_equal(story__resident(&s, BASE, BASE + 3 * TABLE), 6);
	assert_int_equal(story__stack_at(&s, BASE + 2 * TABLE + 4 * PAGE), 2);
	assert_int_equal(story__nr_disputes(&s), 0);
	story__check(&s);
	story__free(&s);
}

static void members_of_one_table_go_apart(void **state)
{
	struct story s = story__new();
	struct story_call call;

	(void)state;
	story__fault(&s, BASE, 4, RSST_FILE, 1);
	story__fault(&s, BASE + 4 * PAGE, 4, RSST_ANON, 1);
	story__fault(&s, BASE + TABLE, 4, RSST_FILE, 1);
	call = story__munmap(&s, PID, BASE, 2 * TABLE);
	story__release(&s, &call, 4, RSST_FILE);
	story__release(&s, &call, 4, RSST_ANON);
	assert_int_equal(story__resident(&s, BASE, BASE + TABLE), 0);
	assert_int_equal(story__resident(&s, BASE + TABLE, BASE + 2 * TABLE), 4);
	story__free(&s);
}

/* Another thread fills the first table again before the zap reaches the second. */
static void refill_behind_the_cursor_stays(void **state)
{
	struct story s = story__new();
	struct story_call call;

	(void)state;
	story__fault(&s, BASE, 8, RSST_ANON, 1);
	story__fault(&s, BASE + TABLE, 3, RSST_ANON, 1);
	call = story__enter(&s, PID, VM_OP_MADVISE, CAUSE_DONTNEED, BASE, 2 * TABLE, 4, 0);
	story__release(&s, &call, 8, RSST_ANON);
	story__fault(&s, BASE, 3, RSST_ANON, 2);
	story__release(&s, &call, 3, RSST_ANON);
	assert_int_equal(story__stack_at(&s, BASE), 2);
	assert_int_equal(story__resident(&s, BASE + TABLE, BASE + 2 * TABLE), 0);
	assert_int_equal(story__nr_disputes(&s), 0);
	story__free(&s);
}

/* Filled after the call was entered, ahead of it: the zap may have passed it, but not the old page
 * behind it. */
static void a_table_filled_during_the_call_may_be_passed(void **state)
{
	struct story s = story__new();
	struct story_call call;

	(void)state;
	story__fault(&s, BASE + TABLE, 5, RSST_ANON, 1);
	call = story__enter(&s, PID, VM_OP_MADVISE, CAUSE_DONTNEED, BASE, 2 * TABLE, 4, 0);
	story__fault(&s, BASE, 2, RSST_ANON, 2); /* the zap is past this one */
	story__release(&s, &call, 5, RSST_ANON);
	assert_int_equal(story__stack_at(&s, BASE), 2);
	assert_int_equal(story__resident(&s, BASE + TABLE, BASE + 2 * TABLE), 0);
	story__free(&s);
}

/* Filled during the call, but before its last release was told: the zap is not past this one. */
static void a_page_older_than_the_last_release_is_not_passed(void **state)
{
	struct story s = story__new();
	struct story_call call;

	(void)state;
	story__fault(&s, BASE, 4, RSST_ANON, 1);
	story__fault(&s, BASE + 2 * TABLE, 2, RSST_ANON, 1);
	call = story__munmap(&s, PID, BASE, 3 * TABLE);
	story__fault(&s, BASE + TABLE, 2, RSST_ANON, 2);
	story__release(&s, &call, 4, RSST_ANON);
	story__release(&s, &call, 2, RSST_ANON);
	assert_int_equal(story__resident(&s, BASE + TABLE, BASE + 2 * TABLE), 0);
	assert_int_equal(story__stack_at(&s, BASE + 2 * TABLE), 1);
	story__free(&s);
}

/* need_resched before the first page: nothing is told, and what comes behind it meanwhile stays. */
static void a_zap_may_stop_before_its_first_page(void **state)
{
	struct story s = story__new();
	struct story_call call;

	(void)state;
	story__fault(&s, BASE + 100 * PAGE, 30, RSST_ANON, 1);
	story__fault(&s, BASE + TABLE, 3, RSST_ANON, 1);
	call = story__enter(&s, PID, VM_OP_MADVISE, CAUSE_DONTNEED, BASE, 2 * TABLE, 4, 0);
	story__fault(&s, BASE, 50, RSST_ANON, 2);
	story__fault(&s, BASE + 130 * PAGE, 5, RSST_ANON, 3);
	story__release(&s, &call, 35, RSST_ANON);
	assert_int_equal(story__resident(&s, BASE, BASE + 50 * PAGE), 50);
	assert_int_equal(story__resident(&s, BASE + 50 * PAGE, BASE + TABLE), 0);
	story__release(&s, &call, 3, RSST_ANON);
	assert_int_equal(story__resident(&s, BASE, BASE + 2 * TABLE), 50);
	assert_int_equal(story__nr_disputes(&s), 0);
	story__check(&s);
	story__free(&s);
}

/* need_resched: the zap stops inside a table and goes on there. */
static void an_early_break_goes_on_in_the_same_table(void **state)
{
	struct story s = story__new();
	struct story_call call;

	(void)state;
	story__fault(&s, BASE, 10, RSST_ANON, 1);
	call = story__munmap(&s, PID, BASE, TABLE);
	story__release(&s, &call, 4, RSST_ANON);
	assert_int_equal(story__stack_at(&s, BASE + 3 * PAGE), 0);
	assert_int_equal(story__stack_at(&s, BASE + 4 * PAGE), 1);
	story__fault(&s, BASE, 2, RSST_ANON, 2); /* behind the cursor */
	story__release(&s, &call, 6, RSST_ANON);
	assert_int_equal(story__stack_at(&s, BASE), 2);
	assert_int_equal(story__resident(&s, BASE, BASE + TABLE), 2);
	story__free(&s);
}

/* Two calls flushed at the same instant: 7 + 3 were told as 9 + 1. */
static void soft_amounts_balance(void **state)
{
	struct story s = story__new();
	struct story_call a, b;

	(void)state;
	story__fault(&s, BASE, 7, RSST_ANON, 1);
	story__fault(&s, BASE + 4 * TABLE, 3, RSST_ANON, 1);
	a = story__enter(&s, 1, VM_OP_MADVISE, CAUSE_DONTNEED, BASE, TABLE, 4, 0);
	b = story__enter(&s, 2, VM_OP_MADVISE, CAUSE_DONTNEED, BASE + 4 * TABLE, TABLE, 4, 0);
	story__release_flags(&s, &a, 9, RSST_ANON, RELEASE_SOFT);
	story__release_flags(&s, &b, 1, RSST_ANON, RELEASE_SOFT);
	assert_int_equal(story__resident(&s, BASE, BASE + 8 * TABLE), 0);
	assert_int_equal(story__nr_disputes(&s), 0);
	story__check(&s);
	story__free(&s);
}

/* The other zap took the whole amount: this one is told as 0. */
static void a_soft_release_of_nothing_balances(void **state)
{
	struct story s = story__new();
	struct story_call a, b;

	(void)state;
	story__fault(&s, BASE, 7, RSST_ANON, 1);
	story__fault(&s, BASE + 4 * TABLE, 3, RSST_ANON, 1);
	a = story__enter(&s, 1, VM_OP_MADVISE, CAUSE_DONTNEED, BASE, TABLE, 4, 0);
	b = story__enter(&s, 2, VM_OP_MADVISE, CAUSE_DONTNEED, BASE + 4 * TABLE, TABLE, 4, 0);
	story__release_flags(&s, &a, 10, RSST_ANON, RELEASE_SOFT);
	story__release_flags(&s, &b, 0, RSST_ANON, RELEASE_SOFT);
	assert_int_equal(story__resident(&s, BASE, BASE + 8 * TABLE), 0);
	story__free(&s);
}

/* What one claimed for both may be more than there was: then the other takes some back. */
static void a_soft_release_of_less_than_nothing_balances(void **state)
{
	struct story s = story__new();
	struct story_call first, second;
	struct snapshot *now;

	(void)state;
	story__fault(&s, BASE, 100, RSST_ANON, 1);
	story__fault(&s, BASE + TABLE, 40, RSST_ANON, 2);
	first = story__munmap(&s, PID, BASE, TABLE);
	second = story__munmap(&s, PID + 1, BASE + TABLE, TABLE);
	story__release_flags(&s, &first, 147, RSST_ANON, RELEASE_SOFT);
	story__release_flags(&s, &second, -7, RSST_ANON, RELEASE_SOFT);
	assert_int_equal(story__resident(&s, BASE, BASE + 2 * TABLE), 0);
	assert_int_equal(session__nr_bad_records(s.session), 0);
	now = session__freeze(s.session);
	assert_int_equal(now->spaces[0].counted[RSST_ANON], 0);
	snapshot__free(now);
	story__check(&s);
	story__free(&s);
}

/* A call nobody saw begin: the same range dropped twice looks like one call. */
static void a_guessed_call_may_be_the_next_one(void **state)
{
	struct story s = story__new();
	struct story_call call;

	(void)state;
	story__fault(&s, BASE, 5, RSST_ANON, 1);
	story__fault(&s, BASE + TABLE, 6, RSST_ANON, 1);
	call = story__enter(&s, PID, VM_OP_MADVISE, CAUSE_DONTNEED, BASE, 2 * TABLE, 4, 0);
	story__release_flags(&s, &call, 5, RSST_ANON, RELEASE_GUESSED);
	story__release_flags(&s, &call, 6, RSST_ANON, RELEASE_GUESSED);
	story__fault(&s, BASE, 7, RSST_ANON, 2);
	story__fault(&s, BASE + TABLE, 8, RSST_ANON, 2);
	story__release_flags(&s, &call, 7, RSST_ANON, RELEASE_GUESSED);
	assert_int_equal(story__resident(&s, BASE, BASE + TABLE), 0);
	assert_int_equal(story__resident(&s, BASE + TABLE, BASE + 2 * TABLE), 8);
	story__release_flags(&s, &call, 8, RSST_ANON, RELEASE_GUESSED);
	assert_int_equal(story__resident(&s, BASE, BASE + 2 * TABLE), 0);
	assert_int_equal(story__nr_disputes(&s), 0);
	story__check(&s);
	story__free(&s);
}

static void a_soft_release_may_stand_for_two_tables(void **state)
{
	struct story s = story__new();
	struct story_call call;

	(void)state;
	story__fault(&s, BASE, 7, RSST_ANON, 1);
	story__fault(&s, BASE + TABLE, 30, RSST_ANON, 1);
	call = story__munmap(&s, PID, BASE, 2 * TABLE);
	story__release_flags(&s, &call, 37, RSST_ANON, RELEASE_SOFT);
	assert_int_equal(story__resident(&s, BASE, BASE + 2 * TABLE), 0);
	story__free(&s);
}

static void more_than_there_is_disputes_the_range(void **state)
{
	struct story s = story__new();
	struct story_call call;
	struct snapshot *now;

	(void)state;
	story__fault(&s, BASE, 7, RSST_ANON, 1);
	call = story__munmap(&s, PID, BASE, 2 * TABLE);
	story__release(&s, &call, 9, RSST_ANON);
	assert_int_equal(story__resident(&s, BASE, BASE + 2 * TABLE), 0);
	assert_int_equal(story__nr_disputes(&s), 1);
	now = session__freeze(s.session);
	assert_int_equal(now->spaces[0].counted[RSST_ANON], -2); /* counted is the kernel's word */
	assert_int_equal(now->spaces[0].placed[RSST_ANON], 0);
	assert_int_equal(now->causes[CAUSE_MUNMAP].out[RSST_ANON], 9);
	snapshot__free(now);
	story__check(&s);
	story__free(&s);
}

/* Two young tables with just as many pages, none of them surely there when the zap came by. */
static void a_tie_is_disputed(void **state)
{
	struct story s = story__new();
	struct story_call call;

	(void)state;
	call = story__enter(&s, PID, VM_OP_MADVISE, CAUSE_DONTNEED, BASE, 3 * TABLE, 4, 0);
	story__fault(&s, BASE, 2, RSST_ANON, 1);
	story__fault(&s, BASE + TABLE, 2, RSST_ANON, 1);
	story__release(&s, &call, 2, RSST_ANON);
	assert_int_equal(story__resident(&s, BASE, BASE + 2 * TABLE), 2);
	assert_int_equal(story__nr_disputes(&s), 2);
	story__free(&s);
}

static void brk_takes_from_the_heaps_end(void **state)
{
	struct story s = story__new();
	struct story_call call = story__enter(&s, PID, VM_OP_BRK, CAUSE_BRK, 0, 0, 0, 0);

	(void)state;
	story__return(&s, &call, 0x5000000);
	call = story__enter(&s, PID, VM_OP_BRK, CAUSE_BRK, 0x5020000, 0, 0, 0);
	story__return(&s, &call, 0x5020000);
	story__fault(&s, 0x5000000, 32, RSST_ANON, 1);
	story__fault(&s, 0x5020000, 4, RSST_ANON, 2); /* not the heap */
	call = story__enter(&s, PID, VM_OP_BRK, CAUSE_BRK, 0x5010000, 0, 0, 0);
	story__release(&s, &call, 16, RSST_ANON);
	story__return(&s, &call, 0x5010000);
	assert_int_equal(story__resident(&s, 0x5000000, 0x5010000), 16);
	assert_int_equal(story__resident(&s, 0x5010000, 0x5020000), 0);
	assert_int_equal(story__stack_at(&s, 0x5020000), 2);
	story__free(&s);
}

static void a_release_without_range_disputes_its_members_tables(void **state)
{
	struct story s = story__new();
	struct story_call call;

	(void)state;
	story__fault(&s, BASE, 4, RSST_FILE, 1);
	story__fault(&s, BASE + TABLE, 4, RSST_ANON, 1);
	call = story__enter(&s, PID, VM_OP_TRUNCATE, CAUSE_TRUNCATE, 3, 0, 0, 0);
	story__release(&s, &call, 2, RSST_FILE);
	assert_int_equal(story__resident(&s, BASE, BASE + 2 * TABLE), 8);
	assert_int_equal(story__nr_disputes(&s), 1);
	story__free(&s);
}

static void pages_left_under_a_munmap_are_disputed(void **state)
{
	struct story s = story__new();
	struct story_call call;

	(void)state;
	story__mmap(&s, BASE, TABLE);
	story__fault(&s, BASE, 4, RSST_ANON, 1);
	call = story__munmap(&s, PID, BASE, TABLE);
	story__return(&s, &call, 0); /* its release was lost */
	assert_int_equal(story__resident(&s, BASE, BASE + TABLE), 4);
	assert_int_equal(story__nr_disputes(&s), 1);
	story__free(&s);
}

static void swap_is_counted_and_nothing_else(void **state)
{
	struct story s = story__new();
	struct story_call call;
	struct snapshot *now;

	(void)state;
	story__fault(&s, BASE, 4, RSST_ANON, 1);
	call = story__munmap(&s, PID, BASE, TABLE);
	story__release(&s, &call, 3, RSST_SWAP);
	now = session__freeze(s.session);
	assert_int_equal(now->spaces[0].counted[RSST_SWAP], -3);
	assert_int_equal(now->spaces[0].placed[RSST_ANON], 4);
	snapshot__free(now);
	assert_int_equal(story__nr_disputes(&s), 0);
	story__free(&s);
}

static void the_threads_next_call_starts_afresh(void **state)
{
	struct story s = story__new();
	struct story_call call;

	(void)state;
	story__fault(&s, BASE, 4, RSST_ANON, 1);
	call = story__enter(&s, PID, VM_OP_MADVISE, CAUSE_DONTNEED, BASE, TABLE, 4, 0);
	story__release(&s, &call, 4, RSST_ANON);
	story__fault(&s, BASE, 4, RSST_ANON, 1);
	call = story__enter(&s, PID, VM_OP_MADVISE, CAUSE_DONTNEED, BASE, TABLE, 4, 0);
	story__release(&s, &call, 4, RSST_ANON);
	assert_int_equal(story__resident(&s, BASE, BASE + TABLE), 0);
	assert_int_equal(story__nr_disputes(&s), 0);
	story__free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_whole_range_goes_table_by_table),
		cmocka_unit_test(members_of_one_table_go_apart),
		cmocka_unit_test(refill_behind_the_cursor_stays),
		cmocka_unit_test(a_table_filled_during_the_call_may_be_passed),
		cmocka_unit_test(a_page_older_than_the_last_release_is_not_passed),
		cmocka_unit_test(a_zap_may_stop_before_its_first_page),
		cmocka_unit_test(an_early_break_goes_on_in_the_same_table),
		cmocka_unit_test(soft_amounts_balance),
		cmocka_unit_test(a_soft_release_of_nothing_balances),
		cmocka_unit_test(a_soft_release_of_less_than_nothing_balances),
		cmocka_unit_test(a_guessed_call_may_be_the_next_one),
		cmocka_unit_test(a_soft_release_may_stand_for_two_tables),
		cmocka_unit_test(more_than_there_is_disputes_the_range),
		cmocka_unit_test(a_tie_is_disputed),
		cmocka_unit_test(brk_takes_from_the_heaps_end),
		cmocka_unit_test(a_release_without_range_disputes_its_members_tables),
		cmocka_unit_test(pages_left_under_a_munmap_are_disputed),
		cmocka_unit_test(swap_is_counted_and_nothing_else),
		cmocka_unit_test(the_threads_next_call_starts_afresh),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
