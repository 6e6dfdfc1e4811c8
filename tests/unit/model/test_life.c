// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Processes and address spaces: fork, exec, exit, and the snapshot that outlives them. */
#include <errno.h>
#include "model/story.h"

static const struct space_snapshot *space_of(const struct snapshot *snapshot, __u32 id)
{
	for (__u32 i = 0; i < snapshot->nr_spaces; i++)
		if (snapshot->spaces[i].space == id)
			return &snapshot->spaces[i];
	return NULL;
}

static void feed_fork(struct story *s, __u32 child_space, __u32 child, __s64 file, __s64 anon)
{
	FEED(s, fork, FORK, .space = SPACE, .child_space = child_space, .pid = PID,
	     .child_pid = child, .gen = ++s->gen, .pages = { file, anon, 0, 0 }, .comm = "child");
}

static void feed_exit(struct story *s, __u32 space, __u32 pid)
{
	FEED(s, exit, EXIT, .space = space, .pid = pid, .tid = pid, .group_dead = 1);
}

static void a_process_starts_with_what_it_had(void **state)
{
	const __s64 pages[RSST_NR_MEMBERS] = { 10, 20, 5, 3 };
	struct story s = story__new();
	struct snapshot *now;

	(void)state;
	story__feed(&s, record_process(2, 200, 0, pages, "other", "/bin/other"));
	FEED(&s, pages, PAGES, .space = 2, .why = PAGES_ATTACH, .addr = BASE, .nr_pages = 7,
	     .member = RSST_ANON);
	now = session__freeze(s.session);
	assert_int_equal(space_of(now, 2)->counted[RSST_ANON], 20);
	assert_int_equal(space_of(now, 2)->before, 7);
	assert_string_equal(space_of(now, 2)->exe, "/bin/other");
	assert_int_equal(now->peak_pages, 33); /* swap is not RSS */
	snapshot__free(now);
	assert_int_equal(story__try(&s, record_process(2, 201, 0, NULL, "x", "x")), -EBADMSG);
	story__check(&s);
	story__free(&s);
}

static void fork_inherits_anon_and_its_owners(void **state)
{
	struct story s = story__new();
	struct snapshot *now;

	(void)state;
	story__mmap(&s, BASE, TABLE);
	story__fault(&s, BASE, 6, RSST_ANON, 1);
	story__fault(&s, BASE + 2 * TABLE, 4, RSST_SHMEM, 2);
	feed_fork(&s, 2, 200, 0, 6);
	now = session__freeze(s.session);
	assert_int_equal(space_of(now, 2)->placed[RSST_ANON], 6);
	assert_int_equal(space_of(now, 2)->placed[RSST_SHMEM], 0);
	assert_int_equal(space_of(now, SPACE)->placed[RSST_SHMEM], 4);
	assert_int_equal(space_of(now, 2)->attributed, 6);
	assert_int_equal(space_of(now, 2)->nr_vmas, 1);
	assert_int_equal(now->causes[CAUSE_FORK].in[RSST_ANON], 6);
	assert_int_equal(now->stacks[OWNER_FIRST_STACK].rss, 12);
	assert_int_equal(now->stacks[OWNER_FIRST_STACK].faulted, 6);
	assert_ptr_equal(space_of(now, 2)->ledger->tables[0],
			 space_of(now, SPACE)->ledger->tables[0]); /* shared until one writes */
	snapshot__free(now);
	assert_int_equal(story__nr_disputes(&s), 0);
	/* the child writes: the parent's books stay */
	FEED(&s, fault, FAULT, .space = 2, .addr = BASE + 9 * PAGE, .stack = 5, .gen = s.gen,
	     .nr_pages = 1, .member = RSST_ANON, .cause = CAUSE_FAULT);
	now = session__freeze(s.session);
	assert_int_equal(space_of(now, SPACE)->placed[RSST_ANON], 6);
	assert_int_equal(space_of(now, 2)->placed[RSST_ANON], 7);
	snapshot__free(now);
	feed_exit(&s, 2, 200);
	now = session__freeze(s.session);
	assert_false(space_of(now, 2)->alive);
	assert_null(space_of(now, 2)->ledger);
	assert_int_equal(now->stacks[OWNER_FIRST_STACK].rss, 6);
	assert_int_equal(now->stacks[OWNER_FIRST_STACK].freed, 6);
	assert_int_equal(now->causes[CAUSE_EXIT].out[RSST_ANON], 7);
	snapshot__free(now);
	story__check(&s);
	story__free(&s);
}

static void fork_copies_file_pages_beside_anonymous_ones(void **state)
{
	struct story s = story__new();
	struct rec_map data =
		RECORD(map, MAP, .space = SPACE, .start = BASE, .end = BASE + 8 * PAGE, .ino = 9,
		       .backing = BACKING_FILE, .prot = 3);
	struct rec_map text =
		RECORD(map, MAP, .space = SPACE, .start = BASE + 8 * PAGE, .end = BASE + 16 * PAGE,
		       .ino = 9, .backing = BACKING_FILE, .prot = 5);
	struct snapshot *now;

	(void)state;
	story__feed(&s, record_map(&data, "/lib/x"));
	story__feed(&s, record_map(&text, "/lib/x"));
	story__fault(&s, BASE, 2, RSST_ANON, 1);
	story__fault(&s, BASE + 2 * PAGE, 3, RSST_FILE, 1);
	story__fault(&s, BASE + 8 * PAGE, 4, RSST_FILE, 1);
	story__fault(&s, BASE - 8 * PAGE, 4, RSST_FILE, 1); /* below the one that is copied */
	feed_fork(&s, 2, 200, 3, 2);
	now = session__freeze(s.session);
	assert_int_equal(space_of(now, 2)->placed[RSST_FILE], 3);
	assert_int_equal(space_of(now, 2)->placed[RSST_ANON], 2);
	snapshot__free(now);
	assert_int_equal(story__nr_disputes(&s), 0);
	feed_fork(&s, 3, 300, 5, 2); /* two file pages more than we think: somebody has to look */
	assert_true(story__nr_disputes(&s) > 0);
	story__free(&s);
}

static void vfork_shares_until_exec(void **state)
{
	struct story s = story__new();
	struct snapshot *now;

	(void)state;
	story__fault(&s, BASE, 6, RSST_ANON, 1);
	feed_fork(&s, SPACE, 200, 0, 0);
	FEED(&s, exec, EXEC, .old_space = SPACE, .new_space = 2, .pid = 200, .gen = ++s.gen,
	     .pages = { 0, 3, 0, 0 }, .comm = "ls", .filename = "/bin/ls");
	now = session__freeze(s.session);
	assert_true(space_of(now, SPACE)->alive);
	assert_int_equal(space_of(now, SPACE)->placed[RSST_ANON], 6);
	assert_int_equal(space_of(now, 2)->counted[RSST_ANON], 3);
	assert_int_equal(space_of(now, 2)->ppid, PID);
	assert_string_equal(space_of(now, 2)->exe, "/bin/ls");
	snapshot__free(now);
	feed_exit(&s, 2, 200);
	assert_true(session__roots_alive(s.session));
	story__check(&s);
	story__free(&s);
}

static void exec_empties_the_old_space(void **state)
{
	struct story s = story__new();
	struct snapshot *now;

	(void)state;
	story__fault(&s, BASE, 6, RSST_ANON, 1);
	FEED(&s, exec, EXEC, .old_space = SPACE, .new_space = 2, .pid = PID, .gen = ++s.gen,
	     .pages = { 0, 3, 0, 0 }, .comm = "ls", .filename = "/bin/ls");
	now = session__freeze(s.session);
	assert_false(space_of(now, SPACE)->alive);
	assert_true(space_of(now, 2)->flags & PROCESS_ROOT);
	assert_int_equal(now->causes[CAUSE_EXEC].out[RSST_ANON], 6);
	assert_int_equal(now->causes[CAUSE_EXEC].in[RSST_ANON], 3);
	assert_int_equal(now->stacks[OWNER_FIRST_STACK].freed, 6);
	snapshot__free(now);
	assert_true(session__roots_alive(s.session));
	feed_exit(&s, 2, PID);
	assert_false(session__roots_alive(s.session));
	story__free(&s);
}

static void the_end_is_what_was_resident_at_death(void **state)
{
	struct story s = story__new();
	struct snapshot *now;

	(void)state;
	story__mmap(&s, BASE, TABLE);
	story__fault(&s, BASE, 6, RSST_ANON, 1);
	FEED(&s, counters, COUNTERS, .space = SPACE, .pages = { 0, 6, 0, 0 });
	story__fault(&s, BASE + 6 * PAGE, 1, RSST_ANON, 1);
	feed_exit(&s, SPACE, PID);
	FEED(&s, delta, DELTA, .space = SPACE, .delta = -7, .member = RSST_ANON,
	     .cause = CAUSE_EXIT);
	s.ts = 5000;
	FEED(&s, tick, TICK);
	for (int i = 0; i < 2; i++) { /* as often as asked */
		now = session__freeze(s.session);
		assert_true(space_of(now, SPACE)->alive);
		assert_int_equal(space_of(now, SPACE)->attributed, 7);
		assert_int_equal(space_of(now, SPACE)->kernel[RSST_ANON], 7);
		assert_int_equal(space_of(now, SPACE)->nr_vmas, 1);
		assert_int_equal(now->stacks[OWNER_FIRST_STACK].rss, 7);
		assert_int_equal(now->causes[CAUSE_EXIT].out[RSST_ANON], 0);
		assert_int_equal(now->ts, session__now(s.session));
		snapshot__free(now);
	}
	assert_true(session__nr_ignored_records(s.session) > 0);
	story__free(&s);
}

static void a_thread_that_ends_is_not_the_process(void **state)
{
	struct story s = story__new();

	(void)state;
	FEED(&s, exit, EXIT, .space = SPACE, .pid = PID, .tid = PID + 1);
	assert_true(session__roots_alive(s.session));
	story__fault(&s, BASE, 2, RSST_ANON, 1);
	FEED(&s, space_end, SPACE_END, .space = SPACE); /* older kernels tell the exit after it */
	assert_false(session__roots_alive(s.session));
	assert_int_equal(story__resident(&s, BASE, BASE + TABLE), 2); /* what it was made of */
	feed_exit(&s, SPACE, PID);
	FEED(&s, space_end, SPACE_END, .space = SPACE);
	FEED(&s, space_end, SPACE_END, .space = 77);
	story__free(&s);
}

/* A child whose fork was lost must not take the parent's space along when it execs. */
static void exec_of_an_unknown_process_leaves_the_space_alone(void **state)
{
	struct story s = story__new();
	struct snapshot *now;

	(void)state;
	FEED(&s, exec, EXEC, .old_space = SPACE, .new_space = 2, .pid = 555, .gen = ++s.gen);
	now = session__freeze(s.session);
	assert_true(space_of(now, SPACE)->alive);
	snapshot__free(now);
	story__free(&s);
}

static void counters_telescope_to_the_kernels(void **state)
{
	struct story s = story__new();
	struct snapshot *now;

	(void)state;
	story__fault(&s, BASE, 6, RSST_ANON, 1);
	FEED(&s, counters, COUNTERS, .space = SPACE, .pages = { 0, 10, 0, 0 },
	     .lost = { 0, 4, 0, 0 });
	now = session__freeze(s.session);
	assert_int_equal(space_of(now, SPACE)->counted[RSST_ANON], 10);
	assert_int_equal(space_of(now, SPACE)->kernel[RSST_ANON], 10);
	assert_int_equal(space_of(now, SPACE)->placed[RSST_ANON], 6);
	assert_int_equal(now->causes[CAUSE_LOST].in[RSST_ANON], 4);
	snapshot__free(now);
	FEED(&s, counters, COUNTERS, .space = SPACE, .pages = { 0, 9, 0, 0 },
	     .lost = { 0, 1, 0, 0 }); /* cumulative: three went out unseen */
	now = session__freeze(s.session);
	assert_int_equal(space_of(now, SPACE)->counted[RSST_ANON], 7);
	assert_int_equal(space_of(now, SPACE)->kernel[RSST_ANON], 9);
	assert_int_equal(now->causes[CAUSE_LOST].out[RSST_ANON], 3);
	snapshot__free(now);
	story__free(&s);
}

static void the_peak_is_kept(void **state)
{
	struct story s = story__new();
	struct story_call call;
	struct snapshot *now;
	__u64 when;

	(void)state;
	story__fault(&s, BASE, 9, RSST_ANON, 1);
	when = s.ts - 1; /* REC_START was at 1 */
	call = story__munmap(&s, PID, BASE, TABLE);
	story__release(&s, &call, 9, RSST_ANON);
	story__fault(&s, BASE, 2, RSST_ANON, 1);
	now = session__freeze(s.session);
	assert_int_equal(now->peak_pages, 9);
	assert_int_equal(now->peak_ts, when);
	snapshot__free(now);
	story__free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_process_starts_with_what_it_had),
		cmocka_unit_test(fork_inherits_anon_and_its_owners),
		cmocka_unit_test(fork_copies_file_pages_beside_anonymous_ones),
		cmocka_unit_test(vfork_shares_until_exec),
		cmocka_unit_test(exec_empties_the_old_space),
		cmocka_unit_test(the_end_is_what_was_resident_at_death),
		cmocka_unit_test(a_thread_that_ends_is_not_the_process),
		cmocka_unit_test(exec_of_an_unknown_process_leaves_the_space_alone),
		cmocka_unit_test(counters_telescope_to_the_kernels),
		cmocka_unit_test(the_peak_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
