// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Who brought pages in: exact counts, whatever pages become of, in bounded memory. */
#include <stdlib.h>
#include "model/story.h"
#include "model/thread_table.h"

static void fault_by(struct story *s, __u32 tid, __u64 addr, __u32 nr, __u64 stack)
{
	FEED(s, fault, FAULT, .space = SPACE, .tid = tid, .addr = addr, .stack = stack,
	     .gen = s->gen, .nr_pages = nr, .member = RSST_ANON, .cause = CAUSE_FAULT);
}

static __u64 pages_of(const struct session *session, const struct snapshot *snapshot, __u32 tid)
{
	__u64 sum = 0;

	for (__u32 i = 1; i < snapshot->nr_thread_stacks; i++) {
		if (session__thread_stack(session, i)->tid == tid)
			sum += snapshot->thread_pages[i];
	}
	return sum;
}

static void faults_count_to_their_thread(void **state)
{
	struct story s = story__new();
	struct rec_thread named =
		RECORD(thread, THREAD, .space = SPACE, .pid = PID, .tid = 102, .comm = "worker");
	struct snapshot *before, *after;

	(void)state;
	story__mmap(&s, BASE, TABLE);
	story__feed(&s, &named.h);
	fault_by(&s, PID, BASE, 3, 71);
	fault_by(&s, 102, BASE + 10 * PAGE, 20, 71);
	fault_by(&s, 102, BASE + 40 * PAGE, 5, 72);
	before = session__freeze(s.session);
	fault_by(&s, 102, BASE + 50 * PAGE, 7, 71);
	after = session__freeze(s.session);
	assert_int_equal(pages_of(s.session, before, PID), 3);
	assert_int_equal(pages_of(s.session, before, 102), 25);
	assert_int_equal(pages_of(s.session, after, 102), 32);
	assert_int_equal(after->nr_thread_stacks, 4); /* entry 0 and three pairs */
	assert_string_equal(session__thread_comm(s.session, 102), "worker");
	assert_string_equal(session__thread_comm(s.session, 7), "");
	assert_null(session__thread_stack(s.session, 4));
	snapshot__free(before);
	snapshot__free(after);
	story__free(&s);
}

/* Also after the last root's end the counts are there. */
static void the_final_moment_has_them(void **state)
{
	struct story s = story__new();
	struct snapshot *end;

	(void)state;
	story__mmap(&s, BASE, TABLE);
	fault_by(&s, PID, BASE, 3, 71);
	FEED(&s, exit, EXIT, .space = SPACE, .pid = PID, .tid = PID, .group_dead = 1);
	end = session__freeze(s.session);
	assert_int_equal(pages_of(s.session, end, PID), 3);
	snapshot__free(end);
	story__free(&s);
}

static void a_full_table_loses_no_page(void **state)
{
	struct thread_table table = { 0 };
	__u64 sum = 0;

	(void)state;
	for (__u32 i = 0; i < THREAD_ENTRIES_MAX + 1000; i++) {
		struct thread_stack by = { .tid = i / 8, .space = 1, .owner = 3 + i % 8 };

		assert_int_equal(thread_table__count(&table, &by, 2), 0);
	}
	assert_int_equal(table.nr, THREAD_ENTRIES_MAX);
	for (__u32 i = 0; i < table.nr; i++)
		sum += table.pages[i];
	assert_int_equal(sum, 2ULL * (THREAD_ENTRIES_MAX + 1000));
	assert_int_equal(table.pages[0], 2 * 1001);
	thread_table__fini(&table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(faults_count_to_their_thread),
		cmocka_unit_test(the_final_moment_has_them),
		cmocka_unit_test(a_full_table_loses_no_page),
	};

	return cmocka_run_group_tests_name("thread_table", tests, NULL, NULL);
}
