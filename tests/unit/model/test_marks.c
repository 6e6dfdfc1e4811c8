// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Marks: the moment each names, what is refused, and the end of a victim of the OOM killer. */
#include <errno.h>
#include "model/story.h"

static void tick(struct story *s)
{
	FEED(s, tick, TICK);
}

static void a_mark_names_the_next_tick(void **state)
{
	struct story s = story__new();
	const struct mark *marks;
	__u32 nr;

	(void)state;
	session__marks(s.session, &nr);
	assert_int_equal(nr, 0);
	tick(&s);
	story__feed(&s, record_mark(MARK_SOCKET, 77, "one"));
	story__feed(&s, record_mark(MARK_SIGNAL, 0, "one"));
	marks = session__marks(s.session, &nr);
	assert_int_equal(nr, 2);
	assert_true(marks[0].tick_ns == MARK_OPEN);
	tick(&s);
	tick(&s);
	story__feed(&s, record_mark(MARK_PROBE, PID, "three"));
	marks = session__marks(s.session, &nr);
	assert_int_equal(nr, 3);
	assert_string_equal(marks[0].label, "one");
	assert_int_equal(marks[0].pid, 77);
	assert_int_equal(marks[1].from, MARK_SIGNAL);
	assert_int_equal(marks[0].tick_ns, marks[1].tick_ns);
	assert_int_equal(marks[0].tick_ns, marks[0].ts + 2);
	assert_true(marks[2].tick_ns == MARK_OPEN);
	story__free(&s);
}

static void bad_marks_are_refused(void **state)
{
	char label[MARK_LABEL_MAX + 1];
	struct story s = story__new();
	__u32 nr;

	(void)state;
	memset(label, 'x', sizeof(label));
	label[MARK_LABEL_MAX] = 0;
	assert_int_equal(story__try(&s, record_mark(MARK_SOCKET, 1, label)), -EBADMSG);
	assert_int_equal(story__try(&s, record_mark(MARK_SOCKET, 1, "")), -EBADMSG);
	assert_int_equal(story__try(&s, record_mark(MARK_INVALID, 1, "x")), -EBADMSG);
	assert_int_equal(story__try(&s, record_mark(NR_MARK_FROMS, 1, "x")), -EBADMSG);
	label[MARK_LABEL_MAX - 1] = 0;
	story__feed(&s, record_mark(MARK_SOCKET, 1, label));
	assert_string_equal(session__marks(s.session, &nr)->label, label);
	assert_int_equal(nr, 1);
	story__free(&s);
}

static void there_is_an_end_to_marks(void **state)
{
	struct story s = story__new();
	__u32 nr;

	(void)state;
	for (__u32 i = 0; i < MARKS_MAX + 3; i++)
		story__feed(&s, record_mark(MARK_SOCKET, 1, "again"));
	session__marks(s.session, &nr);
	assert_int_equal(nr, MARKS_MAX);
	assert_int_equal(session__nr_ignored_records(s.session), 3);
	story__free(&s);
}

/* The reaper takes its pages before it dies; what it had is what the trace is asked for. */
static void a_victim_keeps_what_it_had(void **state)
{
	struct story s = story__new();
	struct snapshot *now;

	(void)state;
	story__mmap(&s, BASE, TABLE);
	story__fault(&s, BASE, 100, RSST_ANON, 1);
	story__feed(&s, record_mark(MARK_OOM, PID + 1, "oom")); /* somebody else */
	story__fault(&s, BASE + 100 * PAGE, 20, RSST_ANON, 1);
	story__feed(&s, record_mark(MARK_OOM, PID, "oom"));
	FEED(&s, delta, DELTA, .space = SPACE, .tid = 9, .gen = ++s.gen, .delta = -120,
	     .member = RSST_ANON, .cause = CAUSE_OOM, .nr = 0xffff, .comm = "oom_reaper");
	tick(&s);
	for (int dead = 0; dead < 2; dead++) {
		now = session__freeze(s.session);
		assert_int_equal(now->spaces[0].counted[RSST_ANON], 120);
		assert_int_equal(now->spaces[0].attributed, 120);
		assert_int_equal(now->ts, session__now(s.session));
		snapshot__free(now);
		FEED(&s, exit, EXIT, .space = SPACE, .pid = PID, .tid = PID, .group_dead = 1);
		tick(&s);
	}
	story__free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_mark_names_the_next_tick),
		cmocka_unit_test(bad_marks_are_refused),
		cmocka_unit_test(there_is_an_end_to_marks),
		cmocka_unit_test(a_victim_keeps_what_it_had),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
