// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Pages that arrive: faults, copies, fault-around, populating calls. */
#include <errno.h>
#include "model/story.h"

static void a_run_of_faults_crosses_tables(void **state)
{
	struct story s = story__new();
	struct snapshot *now;

	(void)state;
	story__fault(&s, BASE + 510 * PAGE, 600, RSST_ANON, 5);
	assert_int_equal(story__stack_at(&s, BASE + 510 * PAGE), 5);
	assert_int_equal(story__stack_at(&s, BASE + 1109 * PAGE), 5);
	assert_int_equal(story__stack_at(&s, BASE + 1110 * PAGE), 0);
	story__fault(&s, BASE + 4 * TABLE, 512, RSST_ANON, 5); /* a huge page: one fault */
	now = session__freeze(s.session);
	assert_int_equal(now->faults, 601);
	assert_int_equal(now->spaces[0].attributed, 1112);
	assert_int_equal(now->causes[CAUSE_FAULT].in[RSST_ANON], 1112);
	snapshot__free(now);
	assert_int_equal(story__pages_of(&s, 5).faulted, 1112);
	story__check(&s);
	story__free(&s);
}

static void no_stack_is_unknown(void **state)
{
	struct story s = story__new();
	struct snapshot *now;

	(void)state;
	story__fault(&s, BASE, 3, RSST_ANON, 0);
	now = session__freeze(s.session);
	assert_int_equal(now->spaces[0].unknown, 3);
	assert_int_equal(now->spaces[0].attributed, 0);
	snapshot__free(now);
	story__free(&s);
}

static void a_birth_on_a_resident_page_replaces_and_disputes(void **state)
{
	struct story s = story__new();

	(void)state;
	story__fault(&s, BASE, 3, RSST_ANON, 1);
	story__fault(&s, BASE + PAGE, 1, RSST_ANON, 2);
	assert_int_equal(story__stack_at(&s, BASE + PAGE), 2);
	assert_int_equal(story__pages_of(&s, 1).freed, 1);
	assert_int_equal(story__pages_of(&s, 1).rss, 2);
	assert_int_equal(story__nr_disputes(&s), 1);
	story__check(&s);
	story__free(&s);
}

static void a_copy_replaces_the_files_page(void **state)
{
	struct story s = story__new();
	struct snapshot *now;

	(void)state;
	story__fault(&s, BASE, 1, RSST_FILE, 1);
	FEED(&s, fault, FAULT, .space = SPACE, .addr = BASE, .stack = 2, .gen = s.gen,
	     .nr_pages = 1, .member = RSST_ANON, .cause = CAUSE_FAULT, .flags = FAULT_COW,
	     .cow_member = RSST_FILE);
	assert_int_equal(story__stack_at(&s, BASE), 2);
	now = session__freeze(s.session);
	assert_int_equal(now->spaces[0].counted[RSST_FILE], 0);
	assert_int_equal(now->spaces[0].counted[RSST_ANON], 1);
	assert_int_equal(now->causes[CAUSE_FAULT].out[RSST_FILE], 1);
	assert_int_equal(now->peak_pages, 1); /* never two pages at once */
	snapshot__free(now);
	assert_int_equal(story__pages_of(&s, 1).freed, 1);
	assert_int_equal(story__nr_disputes(&s), 0);
	/* a copy of a page the books do not hold */
	FEED(&s, fault, FAULT, .space = SPACE, .addr = BASE + PAGE, .stack = 2, .gen = s.gen,
	     .nr_pages = 1, .member = RSST_ANON, .cause = CAUSE_FAULT, .flags = FAULT_COW,
	     .cow_member = RSST_FILE);
	assert_int_equal(story__nr_disputes(&s), 1);
	story__check(&s);
	story__free(&s);
}

static void around(struct story *s, __u64 addr, __u32 nr, __u64 stack)
{
	FEED(s, fault, FAULT, .space = SPACE, .addr = addr, .stack = stack, .gen = s->gen,
	     .nr_pages = nr, .member = RSST_FILE, .cause = CAUSE_FAULT, .flags = FAULT_AROUND);
}

static void fault_around_fills_its_window(void **state)
{
	struct story s = story__new();
	struct rec_map map = RECORD(map, MAP, .space = SPACE, .start = BASE + 20 * PAGE,
				    .end = BASE + 40 * PAGE, .ino = 9, .backing = BACKING_FILE);

	(void)state;
	story__feed(&s, record_map(&map, "/lib/x"));
	around(&s, BASE + 25 * PAGE, 16, 1); /* 16.. clipped to 20.., and 16 pages from there */
	assert_int_equal(story__resident(&s, BASE + 20 * PAGE, BASE + 36 * PAGE), 16);
	assert_int_equal(story__nr_disputes(&s), 0);
	around(&s, BASE + 39 * PAGE, 4, 1); /* 32..47 clipped to 40, of which 4 are missing */
	assert_int_equal(story__resident(&s, BASE, BASE + TABLE), 20);
	assert_int_equal(story__nr_disputes(&s), 0);
	story__free(&s);
}

static void fault_around_leaves_out_what_is_resident(void **state)
{
	struct story s = story__new();

	(void)state;
	story__fault(&s, BASE + 3 * PAGE, 1, RSST_ANON, 1);
	around(&s, BASE + 5 * PAGE, 15, 2);
	assert_int_equal(story__stack_at(&s, BASE + 3 * PAGE), 1);
	assert_int_equal(story__pages_of(&s, 2).rss, 15);
	assert_int_equal(story__nr_disputes(&s), 0);
	story__free(&s);
}

static void fewer_than_the_window_is_ambiguous(void **state)
{
	struct story s = story__new();

	(void)state;
	around(&s, BASE + 5 * PAGE, 12, 2); /* of 16: its own, upward to the end, then downward */
	assert_int_equal(story__stack_at(&s, BASE + 5 * PAGE), 2);
	assert_int_equal(story__stack_at(&s, BASE + 15 * PAGE), 2);
	assert_int_equal(story__stack_at(&s, BASE), 2);
	assert_int_equal(story__stack_at(&s, BASE + PAGE), 0);
	assert_int_equal(story__nr_disputes(&s), 1);
	story__check(&s);
	story__free(&s);
}

static void mmap_populate_is_placed_at_its_return(void **state)
{
	struct story s = story__new();
	struct story_call call =
		story__enter(&s, PID, VM_OP_MMAP, CAUSE_OTHER, 0, 8 * PAGE, 3, 0x8022);

	(void)state;
	for (int i = 0; i < 8; i++)
		story__populate(&s, &call, 1, RSST_ANON, 3);
	assert_int_equal(story__resident(&s, 0, 1ULL << 56), 0);
	story__return(&s, &call, BASE);
	assert_int_equal(story__resident(&s, BASE, BASE + 8 * PAGE), 8);
	assert_int_equal(story__pages_of(&s, 3).faulted, 8);
	assert_int_equal(story__nr_disputes(&s), 0);
	story__free(&s);
}

/* A scan in the midst of the call finds pages that are still queued: they are the call's. */
static void what_a_scan_finds_of_a_call_is_the_calls(void **state)
{
	struct story s = story__new();
	struct story_call call =
		story__enter(&s, PID, VM_OP_MMAP, CAUSE_OTHER, BASE, 8 * PAGE, 3, 0x8032);

	(void)state;
	for (int i = 0; i < 5; i++)
		story__populate(&s, &call, 1, RSST_ANON, 3);
	story__look(&s, PAGES_FOUND, BASE, 5, RSST_ANON);
	story__look(&s, PAGES_SEEN, BASE, 512, RSST_ANON);
	for (int i = 0; i < 3; i++)
		story__populate(&s, &call, 1, RSST_ANON, 3);
	story__return(&s, &call, BASE);
	assert_int_equal(story__resident(&s, BASE, BASE + 8 * PAGE), 8);
	assert_int_equal(story__pages_of(&s, 3).rss, 8);
	assert_int_equal(story__pages_of(&s, 3).faulted, 8);
	assert_int_equal(story__nr_disputes(&s), 0);
	story__check(&s);
	story__free(&s);
}

/* What the books still hold of the memory that was there before is in nobody's way. */
static void what_was_there_before_makes_room(void **state)
{
	struct story s = story__new();
	struct story_call call;

	(void)state;
	story__fault(&s, BASE, 2, RSST_FILE, 1);
	call = story__enter(&s, PID, VM_OP_MMAP, CAUSE_OTHER, BASE, 8 * PAGE, 3, 0x8032);
	for (int i = 0; i < 8; i++)
		story__populate(&s, &call, 1, RSST_ANON, 3);
	story__return(&s, &call, BASE);
	assert_int_equal(story__stack_at(&s, BASE), 3);
	assert_int_equal(story__pages_of(&s, 3).rss, 8);
	assert_int_equal(story__nr_disputes(&s), 1);
	story__free(&s);
}

/* Told when it unlocks the address space, a call fills its mapping after that. */
static void a_call_may_be_told_before_it_fills(void **state)
{
	struct story s = story__new();
	struct story_call call =
		story__enter(&s, PID, VM_OP_MMAP, CAUSE_OTHER, 0, 4 * PAGE, 3, 0x8022);
	struct rec_populate rec =
		RECORD(populate, POPULATE, .space = SPACE, .tid = PID, .nr_pages = 1, .stack = 3,
		       .member = RSST_ANON, .op = VM_OP_MMAP, .flags = POPULATE_PLACED,
		       .cause = CAUSE_POPULATE, .args = { BASE, 4 * PAGE });

	(void)state;
	call.gen = s.gen + 1;
	story__return(&s, &call, BASE);
	rec.call = call.number + 1;
	for (int i = 0; i < 4; i++) {
		rec.gen = ++s.gen;
		story__feed(&s, &rec.h);
		assert_int_equal(story__stack_at(&s, BASE + i * PAGE), 3);
	}
	assert_int_equal(story__nr_disputes(&s), 0);
	story__check(&s);
	story__free(&s);
}

/* The place is chosen under the mmap lock; until the mapping itself is locked pages may come. */
static void a_page_that_comes_as_the_mapping_moves_moves_too(void **state)
{
	struct story s = story__new();
	struct story_call call;

	(void)state;
	story__mmap(&s, BASE, 4 * PAGE);
	story__fault(&s, BASE, 1, RSST_ANON, 1);
	call = story__enter(&s, PID, VM_OP_MREMAP, CAUSE_MREMAP, BASE, 4 * PAGE, 8 * PAGE, 1);
	story__area(&s, &call, BASE + TABLE, 8 * PAGE);
	story__fault(&s, BASE + PAGE, 1, RSST_ANON, 2);
	call.gen = s.gen + 1;
	story__return(&s, &call, BASE + TABLE);
	assert_int_equal(story__stack_at(&s, BASE + TABLE), 1);
	assert_int_equal(story__stack_at(&s, BASE + TABLE + PAGE), 2);
	assert_int_equal(story__resident(&s, BASE, BASE + TABLE), 0);
	assert_int_equal(story__nr_disputes(&s), 0);
	story__check(&s);
	story__free(&s);
}

/* Before Linux 6.2 the pages of a whole call come as one amount: more than a fault brings, across
 * page tables. */
static void a_populated_file_told_as_one(void **state)
{
	struct story s = story__new();
	__u64 at = BASE + TABLE - 100 * PAGE;
	struct story_call call =
		story__enter(&s, PID, VM_OP_MMAP, CAUSE_OTHER, 0, 256 * PAGE, 1, 0x8001);

	(void)state;
	story__populate(&s, &call, 256, RSST_FILE, 3);
	story__return_backed(&s, &call, at, BACKING_FILE, 7, 0);
	assert_int_equal(story__resident(&s, at, at + 256 * PAGE), 256);
	assert_int_equal(story__pages_of(&s, 3).faulted, 256);
	assert_int_equal(story__nr_disputes(&s), 0);
	story__check(&s);
	story__free(&s);
}

static void huge_pages_are_populated_aligned(void **state)
{
	struct story s = story__new();
	struct story_call call =
		story__enter(&s, PID, VM_OP_MMAP, CAUSE_OTHER, 0, 2 * TABLE, 3, 0x8022);

	(void)state;
	story__populate(&s, &call, 1, RSST_ANON, 3);
	story__populate(&s, &call, 512, RSST_ANON, 3);
	story__return(&s, &call, BASE + TABLE - PAGE);
	assert_int_equal(story__stack_at(&s, BASE + TABLE - PAGE), 3);
	assert_int_equal(story__resident(&s, BASE + TABLE, BASE + 2 * TABLE), 512);
	story__free(&s);
}

static void mlock_fills_what_is_missing_at_once(void **state)
{
	struct story s = story__new();
	struct story_call call;

	(void)state;
	story__fault(&s, BASE + PAGE, 1, RSST_ANON, 1);
	call = story__enter(&s, PID, VM_OP_MLOCK, CAUSE_OTHER, BASE, 3 * PAGE, 0, 0);
	story__populate(&s, &call, 1, RSST_ANON, 3);
	assert_int_equal(story__stack_at(&s, BASE), 3);
	story__populate(&s, &call, 1, RSST_ANON, 3);
	assert_int_equal(story__stack_at(&s, BASE + PAGE), 1);
	assert_int_equal(story__stack_at(&s, BASE + 2 * PAGE), 3);
	call.args[0] = BASE + TABLE; /* the next mlock has no number of its own */
	story__populate(&s, &call, 1, RSST_ANON, 3);
	assert_int_equal(story__stack_at(&s, BASE + TABLE), 3);
	assert_int_equal(story__nr_disputes(&s), 0);
	story__free(&s);
}

/* mlock of a private file copies the pages that were read before: each goes as its copy comes. */
static void mlock_copies_the_pages_of_a_file(void **state)
{
	struct story s = story__new();
	struct story_call call = story__enter(&s, PID, VM_OP_MMAP, CAUSE_OTHER, 0, 4 * PAGE, 3, 2);

	(void)state;
	story__return_backed(&s, &call, BASE, BACKING_FILE, 7, 0);
	story__fault(&s, BASE + PAGE, 1, RSST_FILE, 1);
	story__fault(&s, BASE + 3 * PAGE, 1, RSST_FILE, 1);
	call = story__enter(&s, PID, VM_OP_MLOCK, CAUSE_POPULATE, BASE, 4 * PAGE, 0, 0);
	story__populate(&s, &call, 1, RSST_ANON, 3); /* of the first page, which was not there */
	story__release(&s, &call, 1, RSST_FILE);
	assert_int_equal(story__stack_at(&s, BASE + PAGE), 0);
	story__populate(&s, &call, 1, RSST_ANON, 3);
	assert_int_equal(story__stack_at(&s, BASE + PAGE), 3);
	story__populate(&s, &call, 1, RSST_ANON, 3);
	assert_int_equal(story__stack_at(&s, BASE + 2 * PAGE), 3);
	story__release(&s, &call, 1, RSST_FILE);
	story__populate(&s, &call, 1, RSST_ANON, 3);
	assert_int_equal(story__stack_at(&s, BASE + 3 * PAGE), 3);
	assert_int_equal(story__nr_disputes(&s), 0);
	story__check(&s);
	story__free(&s);
}

/* mlock reads the zero page where it may not write: no page comes there. */
static void filling_skips_what_cannot_be_written(void **state)
{
	struct story s = story__new();
	struct story_call call;

	(void)state;
	story__mmap(&s, BASE, 4 * PAGE);
	call = story__enter(&s, PID, VM_OP_MPROTECT, CAUSE_OTHER, BASE, 2 * PAGE, 1, 0);
	story__return(&s, &call, 0);
	call = story__enter(&s, PID, VM_OP_MLOCK, CAUSE_OTHER, BASE, 4 * PAGE, 0, 0);
	story__populate(&s, &call, 1, RSST_ANON, 3);
	assert_int_equal(story__stack_at(&s, BASE), 0);
	assert_int_equal(story__stack_at(&s, BASE + 2 * PAGE), 3);
	story__check(&s);
	story__free(&s);
}

/* MADV_POPULATE_WRITE goes on behind a hole, and tells of that at its end. */
static void filling_skips_holes(void **state)
{
	struct story s = story__new();
	struct story_call call;

	(void)state;
	story__mmap(&s, BASE + 2 * PAGE, 4 * PAGE);
	story__fault(&s, BASE + 3 * PAGE, 1, RSST_ANON, 1);
	call = story__enter(&s, PID, VM_OP_MADVISE, CAUSE_OTHER, BASE, 8 * PAGE, 23, 0);
	story__populate(&s, &call, 3, RSST_ANON, 3);
	assert_int_equal(story__resident(&s, BASE, BASE + 2 * PAGE), 0);
	assert_int_equal(story__resident(&s, BASE + 2 * PAGE, BASE + 6 * PAGE), 4);
	story__populate(&s, &call, 2, RSST_ANON, 3); /* where no mapping is known one may be */
	assert_int_equal(story__resident(&s, BASE, BASE + 8 * PAGE), 6);
	story__check(&s);
	story__free(&s);
}

/* MADV_POPULATE_WRITE of two pages brings the huge page they are in. */
static void a_huge_page_may_stand_out_of_the_range(void **state)
{
	struct story s = story__new();
	struct story_call call;

	(void)state;
	story__mmap(&s, BASE, 2 * TABLE);
	call = story__enter(&s, PID, VM_OP_MADVISE, CAUSE_OTHER, BASE + 100 * PAGE, 2 * PAGE, 23,
			    0);
	story__populate(&s, &call, 512, RSST_ANON, 3);
	assert_int_equal(story__resident(&s, BASE, BASE + TABLE), 512);
	assert_int_equal(story__nr_disputes(&s), 0);
	story__check(&s);
	story__free(&s);
}

/* Locked memory is filled where mremap made it longer. */
static void mremap_of_locked_memory_fills_the_new_part(void **state)
{
	struct story s = story__new();
	struct story_call call;

	(void)state;
	story__mmap(&s, BASE, 2 * PAGE);
	story__fault(&s, BASE, 1, RSST_ANON, 1);
	call = story__enter(&s, PID, VM_OP_MREMAP, CAUSE_MREMAP, BASE, 2 * PAGE, 4 * PAGE, 1);
	story__populate(&s, &call, 1, RSST_ANON, 3);
	story__populate(&s, &call, 1, RSST_ANON, 3);
	story__return(&s, &call, BASE);
	assert_int_equal(story__stack_at(&s, BASE + PAGE), 0);
	assert_int_equal(story__stack_at(&s, BASE + 2 * PAGE), 3);
	assert_int_equal(story__stack_at(&s, BASE + 3 * PAGE), 3);
	story__check(&s);
	story__free(&s);
}

static void a_gain_without_place_is_looked_for_once(void **state)
{
	struct story s = story__new();
	struct story_call call = story__enter(&s, PID, VM_OP_OTHER, CAUSE_OTHER, 0, 0, 0, 0);
	__u64 start = 0, end, touched, nr = 0;
	__u32 space = 0;

	(void)state;
	story__mmap(&s, BASE, 3 * TABLE);
	story__fault(&s, BASE + TABLE, 1, RSST_ANON, 1);
	story__populate(&s, &call, 4, RSST_ANON, 3); /* read(2) with O_DIRECT */
	while (session__next_dispute(s.session, &space, &start, &end, &touched)) {
		assert_int_equal(space, SPACE);
		assert_int_equal(start, BASE + nr++ * TABLE);
		assert_int_equal(end, start + TABLE);
		FEED(&s, pages, PAGES, .space = SPACE, .why = PAGES_FOUND, .addr = start,
		     .nr_pages = 2, .member = RSST_ANON);
		FEED(&s, pages, PAGES, .space = SPACE, .why = PAGES_SEEN, .addr = start,
		     .nr_pages = 512);
	}
	assert_int_equal(nr, 3);
	assert_int_equal(story__nr_disputes(&s), 0);
	assert_int_equal(story__resident(&s, BASE, BASE + 3 * TABLE), 6);
	assert_int_equal(story__stack_at(&s, BASE + TABLE), 1); /* told again: keeps its owner */
	assert_int_equal(story__stack_at(&s, BASE + TABLE + PAGE), 99);
	story__check(&s);
	story__free(&s);
}

static void a_sampled_stack_stands_for_others(void **state)
{
	struct story s = story__new();
	struct stack_pages pages;

	(void)state;
	FEED(&s, fault, FAULT, .space = SPACE, .tid = PID, .addr = BASE, .stack = 5, .gen = s.gen,
	     .nr_pages = 1, .member = RSST_ANON, .cause = CAUSE_FAULT, .flags = SAMPLE_FLAGS(4));
	FEED(&s, fault, FAULT, .space = SPACE, .tid = PID, .addr = BASE + TABLE, .stack = 5,
	     .gen = s.gen, .nr_pages = 512, .member = RSST_ANON, .cause = CAUSE_FAULT,
	     .flags = SAMPLE_FLAGS(4)); /* taken for sure */
	story__fault(&s, BASE + PAGE, 15, RSST_ANON, 6);
	pages = story__pages_of(&s, 5);
	assert_int_equal(pages.faulted, 513);
	assert_int_equal(pages.stands_for, 15);
	assert_int_equal(pages.variance, 16 * 15);
	assert_int_equal(story__pages_of(&s, 6).stands_for, 0);
	story__check(&s);
	story__free(&s);
}

static void no_such_sampling(void **state)
{
	struct story s = story__new();
	struct rec_fault fault =
		RECORD(fault, FAULT, .space = SPACE, .tid = PID, .addr = BASE, .stack = 5,
		       .gen = s.gen, .nr_pages = 1, .member = RSST_ANON, .cause = CAUSE_FAULT,
		       .flags = SAMPLE_FLAGS(SAMPLE_SHIFT_MAX + 1));

	(void)state;
	assert_int_equal(story__try(&s, &fault.h), -EBADMSG);
	story__free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_run_of_faults_crosses_tables),
		cmocka_unit_test(no_stack_is_unknown),
		cmocka_unit_test(a_sampled_stack_stands_for_others),
		cmocka_unit_test(no_such_sampling),
		cmocka_unit_test(a_birth_on_a_resident_page_replaces_and_disputes),
		cmocka_unit_test(a_copy_replaces_the_files_page),
		cmocka_unit_test(fault_around_fills_its_window),
		cmocka_unit_test(fault_around_leaves_out_what_is_resident),
		cmocka_unit_test(fewer_than_the_window_is_ambiguous),
		cmocka_unit_test(mmap_populate_is_placed_at_its_return),
		cmocka_unit_test(what_a_scan_finds_of_a_call_is_the_calls),
		cmocka_unit_test(what_was_there_before_makes_room),
		cmocka_unit_test(a_populated_file_told_as_one),
		cmocka_unit_test(huge_pages_are_populated_aligned),
		cmocka_unit_test(mlock_fills_what_is_missing_at_once),
		cmocka_unit_test(mlock_copies_the_pages_of_a_file),
		cmocka_unit_test(filling_skips_what_cannot_be_written),
		cmocka_unit_test(filling_skips_holes),
		cmocka_unit_test(a_huge_page_may_stand_out_of_the_range),
		cmocka_unit_test(mremap_of_locked_memory_fills_the_new_part),
		cmocka_unit_test(a_gain_without_place_is_looked_for_once),
		cmocka_unit_test(a_call_may_be_told_before_it_fills),
		cmocka_unit_test(a_page_that_comes_as_the_mapping_moves_moves_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
