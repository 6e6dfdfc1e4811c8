// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Names, stacks, residency told by others, disputes, the stream's own facts. */
#include <errno.h>
#include "model/decode.h"
#include "model/object_table.h"
#include "model/session_state.h"
#include "model/stack_table.h"
#include "model/story.h"

static void map_code(struct story *s)
{
	struct rec_map map =
		RECORD(map, MAP, .space = SPACE, .start = BASE, .end = BASE + 16 * PAGE,
		       .pgoff = 0x3000, .ino = 9, .dev = 1, .backing = BACKING_FILE, .prot = 5);
	struct rec_map vdso =
		RECORD(map, MAP, .space = SPACE, .start = BASE + TABLE, .end = BASE + TABLE + PAGE,
		       .backing = BACKING_SPECIAL, .prot = 5);

	story__feed(s, record_map(&map, "/lib/x"));
	story__feed(s, record_map(&vdso, "[vdso]"));
}

static void frames_are_places_in_files(void **state)
{
	const __u64 pcs[] = { BASE + 0x100, BASE + 0x200, BASE + TABLE + 0x40, 0x1234 };
	struct story s = story__new();
	const struct stack *stack;
	const struct frame *frame;

	(void)state;
	map_code(&s);
	story__fault(&s, BASE + 4 * TABLE, 1, RSST_ANON, 42); /* before its definition */
	assert_null(session__stack(s.session, OWNER_FIRST_STACK)->frames);
	story__feed(&s, record_stack(SPACE, 42, STACK_END_ROOT, 4, pcs));
	stack = session__stack(s.session, OWNER_FIRST_STACK);
	assert_int_equal(stack->nr_frames, 4);
	frame = session__frame(s.session, stack->frames[0]);
	assert_int_equal(frame->offset, 0x3100); /* where the innermost frame is */
	assert_string_equal(session__object(s.session, frame->object)->path, "/lib/x");
	frame = session__frame(s.session, stack->frames[1]);
	assert_int_equal(frame->offset, 0x31ff); /* the call before the return address */
	frame = session__frame(s.session, stack->frames[2]);
	assert_string_equal(session__object(s.session, frame->object)->path, "[vdso]");
	assert_int_equal(frame->offset, 0x3f);
	frame = session__frame(s.session, stack->frames[3]);
	assert_int_equal(frame->object, 0);
	assert_int_equal(frame->space, SPACE);
	assert_int_equal(frame->offset, 0x1233);
	/* told again, or differently: the first word counts */
	story__feed(&s, record_stack(SPACE, 42, STACK_END_DEPTH, 1, pcs));
	assert_int_equal(session__stack(s.session, OWNER_FIRST_STACK)->nr_frames, 4);
	assert_int_equal(session__nr_stacks(s.session), OWNER_FIRST_STACK + 1);
	story__free(&s);
}

static void incomplete_stacks_are_counted(void **state)
{
	const __u64 pcs[] = { 0x1000 };
	struct story s = story__new();
	struct snapshot *now;

	(void)state;
	story__feed(&s, record_stack(SPACE, 1, STACK_END_ROOT, 1, pcs));
	story__feed(&s, record_stack(SPACE, 2, STACK_END_NO_RULE, 1, pcs));
	story__feed(&s, record_stack(SPACE, 2, STACK_END_NO_RULE, 1, pcs));
	now = session__freeze(s.session);
	assert_int_equal(now->stacks_truncated, 1);
	snapshot__free(now);
	story__free(&s);
}

static __u32 told(struct story *s, enum stack_end end, __u16 nr)
{
	const __u64 pcs[] = { BASE + 0x100, BASE + 0x200, BASE + 0x300, BASE + 0x400 };

	story__feed(s, record_stack(SPACE, 42, end, nr, pcs));
	return session__stack(s->session, OWNER_FIRST_STACK)->nr_frames;
}

/* A stack that was walked again, with tables that were not there at first. */
static void the_better_walk_counts(void **state)
{
	struct story s = story__new();
	struct snapshot *now;

	(void)state;
	map_code(&s);
	assert_int_equal(told(&s, STACK_END_FRAMEPTR, 4), 4);
	assert_int_equal(told(&s, STACK_END_NO_MAPPING, 2), 2); /* nobody checked the four */
	assert_int_equal(told(&s, STACK_END_FRAMEPTR, 4), 2);
	assert_int_equal(told(&s, STACK_END_NO_RULE, 3), 3);
	assert_int_equal(told(&s, STACK_END_NO_MAPPING, 2), 3);
	now = session__freeze(s.session);
	assert_int_equal(now->stacks_truncated, 1);
	snapshot__free(now);
	assert_int_equal(told(&s, STACK_END_ROOT, 2), 2);
	assert_int_equal(told(&s, STACK_END_NO_RULE, 4), 2);
	now = session__freeze(s.session);
	assert_int_equal(now->stacks_truncated, 0);
	snapshot__free(now);
	story__free(&s);
}

/* Frames that nobody keeps would fill the table, and the live side would look up their names. */
static void what_is_not_wanted_leaves_no_frames(void **state)
{
	const __u64 good[] = { BASE + 0x100 }, worse[] = { BASE + 0x500, BASE + 0x600 };
	struct story s = story__new();
	__u32 nr;

	(void)state;
	map_code(&s);
	story__feed(&s, record_stack(SPACE, 42, STACK_END_NO_RULE, 1, good));
	nr = s.session->stacks.nr_frames;
	story__feed(&s, record_stack(SPACE, 42, STACK_END_FRAMEPTR, 2, worse));
	assert_int_equal(s.session->stacks.nr_frames, nr);
	story__feed(&s, record_stack(SPACE, 42, STACK_END_ROOT, 2, worse));
	assert_int_equal(s.session->stacks.nr_frames, nr + 2);
	story__free(&s);
}

static void symbols_name_frames(void **state)
{
	const __u64 pcs[] = { BASE + 0x100, 0x1235 };
	struct story s = story__new();
	struct rec_symbol in_file =
		RECORD(symbol, SYMBOL, .ino = 9, .dev = 1, .offset = 0x3100, .start_delta = 16);
	struct rec_symbol in_space = RECORD(symbol, SYMBOL, .space = SPACE, .offset = 0x1234);
	struct rec_symbol nowhere = RECORD(symbol, SYMBOL, .ino = 9, .dev = 1, .offset = 0x9999);
	const struct stack *stack;
	const struct frame *frame;

	(void)state;
	map_code(&s);
	story__feed(&s, record_stack(SPACE, 42, STACK_END_ROOT, 2, pcs));
	story__feed(&s, record_symbol(&in_file, "work", "work.c", 12));
	story__feed(&s, record_symbol(&in_space, "jitted", "", 0));
	story__feed(&s, record_symbol(&nowhere, "nobody", "", 0));
	stack = session__stack(s.session, OWNER_FIRST_STACK);
	frame = session__frame(s.session, stack->frames[0]);
	assert_true(frame->resolved);
	assert_int_equal(frame->nr_entries, 1);
	assert_string_equal(frame->entries[0].function, "work");
	assert_string_equal(frame->entries[0].file, "work.c");
	assert_int_equal(frame->entries[0].line, 12);
	assert_int_equal(frame->start_delta, 16);
	frame = session__frame(s.session, stack->frames[1]);
	assert_string_equal(frame->entries[0].function, "jitted");
	assert_null(frame->entries[0].file);
	story__free(&s);
}

static void pages_told(struct story *s, __u32 why, __u64 addr, __u64 nr, __u32 member)
{
	FEED(s, pages, PAGES, .space = SPACE, .why = why, .addr = addr, .nr_pages = nr,
	     .member = member);
}

static void a_scan_settles_a_dispute(void **state)
{
	struct story s = story__new();
	struct story_call call;
	__u64 start = 0, end, touched;
	__u32 space = 0, owner = 0;
	struct snapshot *now;

	(void)state;
	story__fault(&s, BASE, 10, RSST_ANON, 1);
	call = story__munmap(&s, PID, BASE, TABLE);
	story__release(&s, &call, 12, RSST_ANON);
	story__fault(&s, BASE, 4, RSST_ANON, 1);
	story__fault(&s, BASE + 200 * PAGE, 1, RSST_ANON, 1);
	assert_true(session__next_dispute(s.session, &space, &start, &end, &touched));
	assert_int_equal(start, BASE);
	assert_int_equal(touched, session__touched(s.session, SPACE, BASE));
	pages_told(&s, PAGES_FOUND, BASE + PAGE, 2, RSST_ANON);
	pages_told(&s, PAGES_FOUND, BASE + 100 * PAGE, 1, RSST_FILE);
	pages_told(&s, PAGES_SEEN, BASE, 512, 0);
	assert_int_equal(story__nr_disputes(&s), 0);
	assert_int_equal(story__page(&s, BASE, NULL), MEMBER_NONE);
	assert_int_equal(story__page(&s, BASE + PAGE, &owner), RSST_ANON);
	assert_int_equal(owner, OWNER_FIRST_STACK);
	assert_int_equal(story__page(&s, BASE + 3 * PAGE, NULL), MEMBER_NONE);
	assert_int_equal(story__page(&s, BASE + 200 * PAGE, NULL), MEMBER_NONE);
	assert_int_equal(story__page(&s, BASE + 100 * PAGE, &owner), RSST_FILE);
	assert_int_equal(owner, OWNER_UNKNOWN);
	now = session__freeze(s.session);
	assert_int_equal(now->spaces[0].counted[RSST_ANON], 3); /* looking does not count */
	snapshot__free(now);
	story__check(&s);
	story__free(&s);
}

static void touched_tells_any_change(void **state)
{
	struct story s = story__new();
	struct story_call call;
	__u64 before = session__touched(s.session, SPACE, BASE), now;

	(void)state;
	story__fault(&s, BASE, 1, RSST_ANON, 1);
	now = session__touched(s.session, SPACE, BASE);
	assert_int_not_equal(before, now);
	call = story__munmap(&s, PID, BASE, TABLE);
	story__release(&s, &call, 1, RSST_ANON);
	assert_int_not_equal(now, session__touched(s.session, SPACE, BASE));
	story__return(&s, &call, 0); /* the table is dropped: not the state before it was */
	assert_int_not_equal(before, session__touched(s.session, SPACE, BASE));
	story__free(&s);
}

static void found_pages_keep_their_owner(void **state)
{
	struct story s = story__new();
	__u32 owner = 0;

	(void)state;
	story__fault(&s, BASE, 2, RSST_SHMEM, 1);
	pages_told(&s, PAGES_FOUND, BASE, 1, RSST_FILE); /* pagemap cannot tell shmem from file */
	assert_int_equal(story__page(&s, BASE, &owner), RSST_SHMEM);
	assert_int_equal(owner, OWNER_FIRST_STACK);
	pages_told(&s, PAGES_FOUND, BASE + PAGE, 1, RSST_ANON); /* a copy nobody told */
	assert_int_equal(story__page(&s, BASE + PAGE, &owner), RSST_ANON);
	assert_int_equal(owner, OWNER_UNKNOWN);
	pages_told(&s, PAGES_GONE, BASE, 2, 0);
	assert_int_equal(story__resident(&s, BASE, BASE + TABLE), 0);
	story__check(&s);
	story__free(&s);
}

static void reclaim_disputes_the_members_tables(void **state)
{
	struct story s = story__new();

	(void)state;
	story__fault(&s, BASE, 4, RSST_FILE, 1);
	story__fault(&s, BASE + TABLE, 4, RSST_ANON, 1);
	FEED(&s, delta, DELTA, .space = SPACE, .delta = -1, .member = RSST_ANON,
	     .cause = CAUSE_SWAP_OUT);
	FEED(&s, delta, DELTA, .space = SPACE, .delta = 1, .member = RSST_SWAP,
	     .cause = CAUSE_SWAP_OUT);
	assert_int_equal(story__nr_disputes(&s), 1);
	pages_told(&s, PAGES_FOUND, BASE + TABLE, 3, RSST_ANON);
	pages_told(&s, PAGES_SEEN, BASE + TABLE, 512, 0);
	assert_int_equal(story__nr_disputes(&s), 0);
	story__free(&s);
}

static void time_is_the_ticks(void **state)
{
	struct story s = story__new();
	struct snapshot *now;

	(void)state;
	s.ts = 1000;
	story__fault(&s, BASE, 1, RSST_ANON, 1);
	assert_int_equal(session__now(s.session), 0);
	s.ts = 2000;
	FEED(&s, tick, TICK);
	assert_int_equal(session__now(s.session), 2000); /* 2001 - 1 */
	now = session__freeze(s.session);
	assert_int_equal(now->wall_ns, 1000000 + 2000);
	snapshot__free(now);
	assert_null(session__end(s.session));
	FEED(&s, end, END, .why = END_ASKED, .exit_code = 3);
	assert_int_equal(session__end(s.session)->exit_code, 3);
	story__free(&s);
}

static void stats_are_taken_over(void **state)
{
	__u64 values[NR_COUNTERS + 3] = { 0 };
	struct story s = story__new();
	struct snapshot *now;

	(void)state;
	values[CNT_RING_FULL] = 17;
	story__feed(&s, record_stats(NR_COUNTERS + 3, values)); /* a newer tracer has more */
	now = session__freeze(s.session);
	assert_int_equal(now->lost, 17);
	snapshot__free(now);
	story__free(&s);
}

/* A frozen moment must not move with the session. */
static void snapshots_stay_as_they_are(void **state)
{
	struct story s = story__new();
	struct story_call call;
	struct snapshot *then;

	(void)state;
	story__mmap(&s, BASE, TABLE);
	story__fault(&s, BASE, 9, RSST_ANON, 1);
	then = session__freeze(s.session);
	call = story__munmap(&s, PID, BASE, TABLE);
	story__release(&s, &call, 9, RSST_ANON);
	story__return(&s, &call, 0);
	assert_int_equal(page_ledger__count(then->spaces[0].ledger, BASE, BASE + TABLE), 9);
	assert_int_equal(then->spaces[0].nr_vmas, 1);
	assert_int_equal(then->stacks[OWNER_FIRST_STACK].rss, 9);
	snapshot__free(then);
	assert_int_equal(story__resident(&s, BASE, BASE + TABLE), 0);
	then = session__freeze(s.session);
	assert_int_equal(then->spaces[0].ledger->nr_tables,
			 0); /* and the empty table is given back */
	snapshot__free(then);
	story__free(&s);
}

static void snapshots_without_pages_keep_their_sums(void **state)
{
	struct story s = story__new();
	const struct ledger_table *table;
	struct snapshot *then;

	(void)state;
	story__mmap(&s, BASE, TABLE);
	story__fault(&s, BASE, 9, RSST_ANON, 1);
	table = page_ledger__find(&s.session->spaces[SPACE]->ledger, BASE >> LEDGER_TABLE_SHIFT);
	then = session__freeze(s.session);
	assert_int_equal(table->refs, 2);
	snapshot__drop_pages(then);
	assert_int_equal(table->refs, 1); /* the next fault copies nothing */
	story__fault(&s, BASE + 9 * PAGE, 1, RSST_ANON, 1);
	snapshot__drop_pages(then);
	assert_null(then->spaces[0].ledger);
	assert_int_equal(then->spaces[0].counted[RSST_ANON], 9);
	assert_int_equal(then->stacks[OWNER_FIRST_STACK].rss, 9);
	snapshot__free(then);
	assert_int_equal(story__resident(&s, BASE, BASE + TABLE), 10);
	story__free(&s);
}

/* mprotect over a hole fails, but has changed what lies before the hole. */
static void a_failed_mprotect_reaches_up_to_the_hole(void **state)
{
	struct story s = story__new();
	struct story_call call;
	struct snapshot *now;

	(void)state;
	story__mmap(&s, BASE, 4 * PAGE);
	story__mmap(&s, BASE + 8 * PAGE, 4 * PAGE);
	call = story__enter(&s, PID, VM_OP_MPROTECT, 0, BASE + 2 * PAGE, 8 * PAGE, 1, 0);
	story__return(&s, &call, -12);
	now = session__freeze(s.session);
	assert_int_equal(now->spaces[0].nr_vmas, 3);
	assert_int_equal(now->spaces[0].vmas[1].start, BASE + 2 * PAGE);
	assert_int_equal(now->spaces[0].vmas[1].prot, 1);
	assert_int_equal(now->spaces[0].vmas[2].prot, 3);
	snapshot__free(now);
	story__free(&s);
}

static void feed_named(struct story *s, __u64 start, __u64 end, int ret, const char *name)
{
	struct rec_named head = RECORD(named, NAMED, .space = SPACE, .tid = PID, .gen = ++s->gen,
				       .start = start, .end = end, .ret = ret);

	story__feed(s, record_named(&head, name));
}

static void feed_file(struct story *s, __u64 addr, __u64 len)
{
	struct story_call call = story__enter(s, PID, VM_OP_MMAP, CAUSE_MMAP_FIXED, 0, len, 3, 2);

	story__return_backed(s, &call, addr, BACKING_FILE, 7, 0);
}

static void assert_named(const struct story *s, const struct snapshot *now, __u32 nr,
			 const __u64 *pages, const char *const *names)
{
	__u64 at = BASE;

	assert_int_equal(now->spaces[0].nr_vmas, nr);
	for (__u32 i = 0; i < nr; i++) {
		const struct vma *vma = &now->spaces[0].vmas[i];

		assert_int_equal(vma->start, at);
		at += pages[i] * PAGE;
		assert_int_equal(vma->end, at);
		assert_string_equal(session__name(s->session, vma->name), names[i]);
	}
}

/* What stopped the kernel, stops here; a part that is named is a region of its own. */
static void anonymous_memory_has_names(void **state)
{
	struct story s = story__new();
	struct story_call call;
	struct snapshot *now;

	(void)state;
	story__mmap(&s, BASE, 8 * PAGE);
	feed_file(&s, BASE + 8 * PAGE, 2 * PAGE);
	story__mmap(&s, BASE + 10 * PAGE, 4 * PAGE);
	feed_named(&s, BASE + 2 * PAGE, BASE + 4 * PAGE, 0, "arena");
	feed_named(&s, BASE + 6 * PAGE, BASE + 14 * PAGE, -EBADF, "up to the file");
	feed_named(&s, BASE, BASE + PAGE, -EINVAL, "bad");
	now = session__freeze(s.session);
	assert_named(
		&s, now, 6, (const __u64[]){ 2, 2, 2, 2, 2, 4 },
		(const char *const[]){ "", "[anon:arena]", "", "[anon:up to the file]", "", "" });
	snapshot__free(now);
	feed_named(&s, BASE, BASE + 8 * PAGE, 0, "");
	feed_named(&s, BASE + 12 * PAGE, BASE + 20 * PAGE, -ENOMEM, "up to the hole and on");
	FEED(&s, tick, TICK);
	now = session__freeze(s.session);
	assert_named(&s, now, 4, (const __u64[]){ 8, 2, 2, 2 },
		     (const char *const[]){ "", "", "", "[anon:up to the hole and on]" });
	snapshot__free(now);
	call = story__enter(&s, PID, VM_OP_MMAP, CAUSE_MMAP_FIXED, 0, PAGE, 3, 0x21);
	story__return_backed(&s, &call, BASE + 20 * PAGE, BACKING_SHMEM, 9, 0);
	feed_named(&s, BASE + 20 * PAGE, BASE + 21 * PAGE, 0, "an inode without a path");
	now = session__freeze(s.session);
	assert_int_equal(now->spaces[0].nr_vmas, 5);
	assert_string_equal(session__name(s.session, now->spaces[0].vmas[4].name),
			    "[anon_shmem:an inode without a path]");
	snapshot__free(now);
	feed_named(&s, 1, 0, 0, "nowhere");
	feed_named(&s, ~0ULL, ~0ULL, 0, "nowhere");
	story__free(&s);
}

static void feed_delta(struct story *s, __s32 delta)
{
	FEED(s, delta, DELTA, .space = SPACE, .delta = delta, .member = RSST_ANON,
	     .cause = CAUSE_OTHER);
}

/* Differences of two sums, in bytes, still fit 64 bits. */
static void no_sum_of_pages_is_absurd(void **state)
{
	struct story s = story__new();
	struct snapshot *now;
	__s64 counted;

	(void)state;
	for (__u32 i = 0; i < RECORD_COUNT_MAX / INT32_MAX + 10; i++)
		feed_delta(&s, INT32_MAX);
	assert_int_equal(session__nr_ignored_records(s.session), 10);
	now = session__freeze(s.session);
	counted = now->spaces[0].counted[RSST_ANON];
	assert_true(counted <= RECORD_COUNT_MAX && counted > RECORD_COUNT_MAX - INT32_MAX - 1);
	assert_true((__s64)now->peak_pages == counted);
	snapshot__free(now);
	for (__u32 i = 0; i < PAGES_SUM_MAX / INT32_MAX + 10; i++) {
		feed_delta(&s, -INT32_MAX);
		feed_delta(&s, INT32_MAX);
	}
	assert_true(session__nr_ignored_records(s.session) > 10);
	now = session__freeze(s.session);
	assert_true(now->causes[CAUSE_OTHER].in[RSST_ANON] <= PAGES_SUM_MAX + INT32_MAX);
	assert_true(now->causes[CAUSE_OTHER].out[RSST_ANON] <= PAGES_SUM_MAX + INT32_MAX);
	snapshot__free(now);
	story__free(&s);
}

/* A program can make stacks and files without end; a session cannot take them so. */
static void stacks_and_files_have_an_end(void **state)
{
	struct story s = story__new();
	struct snapshot *now;
	__u64 pc = 0x1000;

	(void)state;
	for (__u64 id = 1; id <= STACKS_MAX + 10; id++, pc += id % 4)
		story__feed(&s, record_stack(SPACE, id, STACK_END_ROOT, 1, &pc));
	assert_int_equal(session__nr_stacks(s.session), STACKS_MAX);
	assert_int_equal(session__nr_ignored_records(s.session), 10 + OWNER_FIRST_STACK);
	FEED(&s, call, CALL, .space = SPACE, .tid = PID, .call = 1, .op = VM_OP_MMAP,
	     .backing = BACKING_ANON, .gen = 2, .ret = BASE, .args = { 0, 1 << 21, 3, 0x22 });
	FEED(&s, fault, FAULT, .space = SPACE, .tid = PID, .addr = BASE, .stack = STACKS_MAX + 5,
	     .gen = 2, .nr_pages = 1, .member = RSST_ANON, .cause = CAUSE_FAULT);
	for (__u64 ino = 1; ino <= OBJECTS_MAX + 10; ino++)
		FEED(&s, call, CALL, .space = SPACE, .tid = PID, .call = ino, .op = VM_OP_MMAP,
		     .backing = BACKING_FILE, .gen = 2 + ino, .ret = BASE + (1 << 21),
		     .args = { 0, 1 << 21, 1, 2 }, .ino = ino, .dev = 1);
	assert_int_equal(session__nr_objects(s.session), OBJECTS_MAX);
	now = session__freeze(s.session);
	assert_int_equal(now->spaces[0].unknown, 1);
	snapshot__free(now);
	story__free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_are_places_in_files),
		cmocka_unit_test(incomplete_stacks_are_counted),
		cmocka_unit_test(the_better_walk_counts),
		cmocka_unit_test(what_is_not_wanted_leaves_no_frames),
		cmocka_unit_test(symbols_name_frames),
		cmocka_unit_test(a_scan_settles_a_dispute),
		cmocka_unit_test(touched_tells_any_change),
		cmocka_unit_test(found_pages_keep_their_owner),
		cmocka_unit_test(reclaim_disputes_the_members_tables),
		cmocka_unit_test(time_is_the_ticks),
		cmocka_unit_test(stats_are_taken_over),
		cmocka_unit_test(snapshots_stay_as_they_are),
		cmocka_unit_test(snapshots_without_pages_keep_their_sums),
		cmocka_unit_test(a_failed_mprotect_reaches_up_to_the_hole),
		cmocka_unit_test(anonymous_memory_has_names),
		cmocka_unit_test(no_sum_of_pages_is_absurd),
		cmocka_unit_test(stacks_and_files_have_an_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
