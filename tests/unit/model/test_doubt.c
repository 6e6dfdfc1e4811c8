// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Pages nobody knows the place of: what is doubted, when a scan may be believed, and whose the
 * found pages are. */
#include "model/story.h"

static __u64 touched(struct story *s, __u64 addr)
{
	return session__touched(s->session, SPACE, addr);
}

/* Two tables that fit, the wrong one is taken: the scan gives the other's pages back to their
 * stack. */
static void a_doubtful_release_keeps_the_owners(void **state)
{
	struct story s = story__new();
	struct story_call call;

	(void)state;
	call = story__enter(&s, PID, VM_OP_MADVISE, CAUSE_DONTNEED, BASE, 2 * TABLE, 4, 0);
	story__fault(&s, BASE, 2, RSST_ANON, 1);
	story__fault(&s, BASE + TABLE, 2, RSST_ANON, 2);
	story__release(&s, &call, 2, RSST_ANON);
	assert_int_equal(story__stack_at(&s, BASE), 0);
	story__look(&s, PAGES_FOUND, BASE, 2, RSST_ANON);
	story__look(&s, PAGES_SEEN, BASE, 512, RSST_ANON);
	story__look(&s, PAGES_GONE, BASE + TABLE, 512, RSST_ANON);
	story__look(&s, PAGES_SEEN, BASE + TABLE, 512, RSST_ANON);
	assert_int_equal(story__stack_at(&s, BASE), 1);
	assert_int_equal(story__stack_at(&s, BASE + PAGE), 1);
	assert_int_equal(story__stack_at(&s, BASE + TABLE), 0);
	assert_int_equal(story__pages_of(&s, 1).freed, 0);
	assert_int_equal(story__pages_of(&s, 1).rss, 2);
	assert_int_equal(story__pages_of(&s, 2).freed, 2);
	assert_int_equal(story__nr_disputes(&s), 0);
	story__check(&s);
	story__free(&s);
}

/* Once its pages are known for sure, a later find has nothing to do with the old owner. */
static void a_settled_table_keeps_no_owners(void **state)
{
	struct story s = story__new();
	struct story_call call;

	(void)state;
	call = story__enter(&s, PID, VM_OP_MADVISE, CAUSE_DONTNEED, BASE, 2 * TABLE, 4, 0);
	story__fault(&s, BASE, 2, RSST_ANON, 1);
	story__fault(&s, BASE + TABLE, 2, RSST_ANON, 2);
	story__release(&s, &call, 2, RSST_ANON);
	story__look(&s, PAGES_SEEN, BASE, 512, RSST_ANON);
	story__look(&s, PAGES_FOUND, BASE, 2, RSST_ANON);
	assert_int_equal(story__stack_at(&s, BASE), 99);
	story__check(&s);
	story__free(&s);
}

/* Some pages of a fault's window were not there: those that are found near are that fault's. */
static void pages_found_near_a_fault_are_its(void **state)
{
	struct story s = story__new();

	(void)state;
	FEED(&s, fault, FAULT, .space = SPACE, .addr = BASE + 20 * PAGE, .stack = 1, .gen = s.gen,
	     .nr_pages = 3, .member = RSST_FILE, .cause = CAUSE_FAULT, .flags = FAULT_AROUND);
	story__look(&s, PAGES_FOUND, BASE + 17 * PAGE, 2, RSST_FILE);
	story__look(&s, PAGES_FOUND, BASE + 20 * PAGE, 1, RSST_FILE);
	story__look(&s, PAGES_FOUND, BASE + 300 * PAGE, 1, RSST_FILE);
	story__look(&s, PAGES_SEEN, BASE, 512, RSST_FILE);
	assert_int_equal(story__stack_at(&s, BASE + 17 * PAGE), 1);
	assert_int_equal(story__stack_at(&s, BASE + 18 * PAGE), 1);
	assert_int_equal(story__stack_at(&s, BASE + 20 * PAGE), 1);
	assert_int_equal(story__stack_at(&s, BASE + 300 * PAGE), 99);
	assert_int_equal(story__pages_of(&s, 1).rss, 3);
	story__check(&s);
	story__free(&s);
}

static __u64 next_dispute(struct story *s)
{
	__u64 start = 0, end, seen;
	__u32 space = 0;

	return session__next_dispute(s->session, &space, &start, &end, &seen) ? start : 0;
}

/* Disputes are looked at in turn; where the sweep for holes begins, their turn may be further on.
 */
static void a_hole_before_what_was_seen_is_swept(void **state)
{
	struct story s = story__new();

	(void)state;
	story__mmap(&s, BASE, 2 * TABLE);
	FEED(&s, delta, DELTA, .space = SPACE, .delta = 1, .member = RSST_ANON,
	     .cause = CAUSE_OTHER);
	story__look(&s, PAGES_SEEN, BASE + TABLE, 512, RSST_ANON);
	assert_int_equal(next_dispute(&s), BASE);
	story__look(&s, PAGES_SEEN, BASE, 512, RSST_ANON);
	assert_int_equal(next_dispute(&s), BASE + TABLE);
	story__look(&s, PAGES_SEEN, BASE + TABLE, 512, RSST_ANON);
	assert_int_equal(story__nr_disputes(&s), 0);
	story__free(&s);
}

static void tell_map(struct story *s, __u64 addr, __u64 pages, __u32 flags)
{
	struct rec_map map =
		RECORD(map, MAP, .space = SPACE, .start = addr, .end = addr + pages * PAGE,
		       .prot = 3, .backing = BACKING_ANON, .flags = flags);

	story__feed(s, record_map(&map, ""));
}

/* Its call was lost: nobody told of its pages, either. */
static void a_region_found_is_looked_through(void **state)
{
	struct story s = story__new();

	(void)state;
	tell_map(&s, BASE, 512, MAP_FOUND);
	assert_non_null(session__vma(s.session, SPACE, BASE));
	assert_int_equal(next_dispute(&s), BASE);
	story__look(&s, PAGES_FOUND, BASE, 3, RSST_ANON);
	story__look(&s, PAGES_SEEN, BASE, 512, RSST_ANON);
	assert_int_equal(story__nr_disputes(&s), 0);
	story__free(&s);
}

static void a_region_found_gone_is_gone(void **state)
{
	struct story s = story__new();

	(void)state;
	story__mmap(&s, BASE, 8 * PAGE);
	story__fault(&s, BASE + PAGE, 4, RSST_ANON, 1);
	tell_map(&s, BASE + 2 * PAGE, 4, MAP_GONE);
	assert_null(session__vma(s.session, SPACE, BASE + 2 * PAGE));
	assert_non_null(session__vma(s.session, SPACE, BASE + PAGE));
	assert_non_null(session__vma(s.session, SPACE, BASE + 6 * PAGE));
	assert_int_equal(next_dispute(&s), BASE);
	story__free(&s);
}

/* A scan that began before a loss without a place, or before new doubt, must not settle it. */
static void losses_and_doubts_make_a_scan_stale(void **state)
{
	struct story s = story__new();
	struct story_call call;
	__u64 before;

	(void)state;
	story__fault(&s, BASE, 8, RSST_ANON, 1);
	before = touched(&s, BASE);
	FEED(&s, delta, DELTA, .space = SPACE, .delta = -1, .member = RSST_FILE,
	     .cause = CAUSE_RECLAIM);
	assert_int_equal(touched(&s, BASE), before); /* there is no file page here */
	FEED(&s, delta, DELTA, .space = SPACE, .delta = -1, .member = RSST_ANON,
	     .cause = CAUSE_RECLAIM);
	assert_int_not_equal(touched(&s, BASE), before);
	for (int i = 0; i < 2; i++) {
		before = touched(&s, BASE);
		call = story__munmap(&s, PID, BASE, 4 * PAGE);
		story__return(&s, &call, 0); /* it left pages that cannot be there */
		assert_int_not_equal(touched(&s, BASE), before);
	}
	story__free(&s);
}

/* MADV_FREE takes nothing of its range, but splits huge pages, which may be elsewhere by now. */
static void advice_that_frees_later_takes_nothing(void **state)
{
	struct story s = story__new();
	struct story_call call;

	(void)state;
	story__fault(&s, BASE, 8, RSST_ANON, 1);
	story__fault(&s, BASE + 4 * TABLE, 8, RSST_ANON, 1);
	call = story__enter(&s, PID, VM_OP_MADVISE, CAUSE_DONTNEED, BASE, 8 * PAGE, 8, 0);
	story__release(&s, &call, 1, RSST_ANON);
	assert_int_equal(story__resident(&s, BASE, BASE + 8 * TABLE), 16);
	assert_int_equal(story__nr_disputes(&s), 2);
	story__free(&s);
}

/* What soft releases told too much is taken back by the release of no call; then nothing is in
 * doubt. */
static void soft_amounts_are_settled(void **state)
{
	struct story s = story__new();
	struct story_call a, none = { 0 };

	(void)state;
	story__fault(&s, BASE, 7, RSST_ANON, 1);
	story__fault(&s, BASE + 4 * TABLE, 9, RSST_ANON, 1);
	a = story__enter(&s, 1, VM_OP_MADVISE, CAUSE_DONTNEED, BASE, TABLE, 4, 0);
	story__release_flags(&s, &a, 9, RSST_ANON, RELEASE_SOFT);
	none.cause = CAUSE_OTHER;
	story__release_flags(&s, &none, -2, RSST_ANON, RELEASE_SOFT);
	assert_int_equal(story__resident(&s, BASE, BASE + 8 * TABLE), 9);
	assert_int_equal(story__nr_disputes(&s), 0);
	story__release_flags(&s, &none, 1, RSST_ANON,
			     RELEASE_SOFT); /* one page went that nobody took */
	assert_int_equal(story__nr_disputes(&s), 1);
	story__check(&s);
	story__free(&s);
}

/* More than the table holds is believed only until the counters are told: by then another would
 * have told less. */
static void soft_amounts_that_never_balance_are_doubted(void **state)
{
	struct story s = story__new();
	struct story_call a;

	(void)state;
	story__fault(&s, BASE, 7, RSST_ANON, 1);
	story__fault(&s, BASE + 4 * TABLE, 9, RSST_ANON, 1);
	a = story__enter(&s, 1, VM_OP_MADVISE, CAUSE_DONTNEED, BASE, TABLE, 4, 0);
	story__release_flags(&s, &a, 9, RSST_ANON, RELEASE_SOFT);
	assert_int_equal(story__nr_disputes(&s), 0);
	FEED(&s, counters, COUNTERS, .space = SPACE, .pages = { 0, 7, 0, 0 });
	assert_int_equal(story__nr_disputes(&s), 1);
	story__check(&s);
	story__free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_doubtful_release_keeps_the_owners),
		cmocka_unit_test(a_settled_table_keeps_no_owners),
		cmocka_unit_test(pages_found_near_a_fault_are_its),
		cmocka_unit_test(a_hole_before_what_was_seen_is_swept),
		cmocka_unit_test(a_region_found_is_looked_through),
		cmocka_unit_test(a_region_found_gone_is_gone),
		cmocka_unit_test(losses_and_doubts_make_a_scan_stale),
		cmocka_unit_test(advice_that_frees_later_takes_nothing),
		cmocka_unit_test(soft_amounts_are_settled),
		cmocka_unit_test(soft_amounts_that_never_balance_are_doubted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
