// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "base/units.h"
#include "cmd/instants.h"

#define WALL_NS (1700000000 * NSEC_PER_SEC) /* 2023-11-14T22:13:20Z */

/* Ticks at 1 s, 2 s, ... 10 s; the peak is at 4.5 s. */
static struct timeline make_timeline(void)
{
	struct timeline timeline = { .wall_ns = WALL_NS, .peak_ns = 4500000000 };

	for (__u64 i = 1; i <= 10; i++)
		assert_int_equal(timeline__add(&timeline, i * NSEC_PER_SEC), 0);
	return timeline;
}

static void assert_tick(const char *text, __u64 seconds)
{
	struct timeline timeline = make_timeline();
	struct instant instant;
	struct err err = { "" };
	size_t tick;

	if (instant__parse(&instant, text, &err))
		fail_msg("'%s': %s", text, err.text);
	tick = timeline__find(&timeline, &instant);
	assert_int_equal(timeline.ticks[tick], seconds * NSEC_PER_SEC);
	timeline__fini(&timeline);
}

static void assert_tick_of(const struct timeline *timeline, const struct instant *instant,
			   __u64 seconds)
{
	assert_int_equal(timeline->ticks[timeline__find(timeline, instant)],
			 seconds * NSEC_PER_SEC);
}

static void test_words(void **state)
{
	(void)state;
	assert_tick("start", 1);
	assert_tick("end", 10);
	assert_tick("peak", 4);
}

static void test_since_the_start(void **state)
{
	(void)state;
	assert_tick("3s", 3);
	assert_tick("3.9s", 3);
	assert_tick("2999999999ns", 2);
	assert_tick("3000000000ns", 3);
	assert_tick("0", 1);
	assert_tick("500ms", 1);
	assert_tick("1h", 10);
}

static void test_before_the_end(void **state)
{
	(void)state;
	assert_tick("-3s", 7);
	assert_tick("-3500ms", 6);
	assert_tick("-0s", 10);
	assert_tick("-1h", 1);
}

static void test_wall_clock(void **state)
{
	(void)state;
	assert_tick("2023-11-14T22:13:25Z", 5);
	assert_tick("2023-11-14T22:13:25.5Z", 5);
	assert_tick("2023-11-14T23:13:26+01:00", 6);
	assert_tick("2000-01-01T00:00:00Z", 1);
	assert_tick("2100-01-01T00:00:00Z", 10);
}

static void test_junk(void **state)
{
	static const char *const junk[] = { "", "-", "--3s", "-lunch", "mark:" };
	struct instant instant;
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(junk) / sizeof(junk[0]); i++) {
		assert_int_equal(instant__parse(&instant, junk[i], &err), -EINVAL);
		assert_non_null(strstr(err.text, "start, end or peak"));
	}
}

/* Ticks at 1 s, 2 s, ...: a mark is at the tick behind it. */
static void test_marks(void **state)
{
	static const struct mark marks[] = {
		{ .label = "load", .tick_ns = 2 * NSEC_PER_SEC },
		{ .label = "peak", .tick_ns = 3 * NSEC_PER_SEC },
		{ .label = "load", .tick_ns = 5 * NSEC_PER_SEC },
		{ .label = "load#1", .tick_ns = 7 * NSEC_PER_SEC },
		{ .label = "-3s", .tick_ns = 8 * NSEC_PER_SEC },
		{ .label = "open", .tick_ns = MARK_OPEN },
	};
	static const struct {
		const char *text;
		__u64 seconds; /* 0: there is none */
	} cases[] = {
		{ "load", 5 },	   { "load#2", 5 },
		{ "load#1", 7 },   { "load#3", 0 },
		{ "load#0", 0 },   { "load#", 0 },
		{ "lo", 0 },	   { "mark:peak", 3 },
		{ "peak#1", 3 },   { "mark:load#2", 5 },
		{ "mark:-3s", 8 }, { "open", 10 },
		{ "load#2x", 0 },  { "3 parsecs", 0 },
		{ "END", 0 },	   { "2023-13-99T00:00:00Z", 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct timeline timeline = make_timeline();
		struct instant instant;
		struct err err;

		timeline.marks = marks;
		timeline.nr_marks = sizeof(marks) / sizeof(*marks);
		assert_int_equal(instant__parse(&instant, cases[i].text, &err), 0);
		assert_int_equal(instant.kind, INSTANT_MARK);
		assert_int_equal(!timeline__mark(&timeline, instant.label), !cases[i].seconds);
		if (cases[i].seconds)
			assert_tick_of(&timeline, &instant, cases[i].seconds);
		timeline__fini(&timeline);
	}
}

static void test_one_tick(void **state)
{
	struct timeline timeline = { 0 };
	struct instant instant;

	(void)state;
	timeline__add(&timeline, 7);
	for (int kind = INSTANT_START; kind <= INSTANT_WALL; kind++) {
		instant = (struct instant){ .kind = kind, .ns = UINT64_MAX };
		assert_int_equal(timeline__find(&timeline, &instant), 0);
	}
	timeline__fini(&timeline);
}

/* The ordinals must stay those of the stream's ticks, also when a damaged trace goes back in time.
 */
static void test_ticks_never_go_back(void **state)
{
	struct timeline timeline = { 0 };

	(void)state;
	timeline__add(&timeline, 5);
	timeline__add(&timeline, 3);
	timeline__add(&timeline, 9);
	assert_int_equal(timeline.nr, 3);
	assert_int_equal(timeline.ticks[1], 5);
	timeline__fini(&timeline);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),	       cmocka_unit_test(test_since_the_start),
		cmocka_unit_test(test_before_the_end), cmocka_unit_test(test_wall_clock),
		cmocka_unit_test(test_junk),	       cmocka_unit_test(test_marks),
		cmocka_unit_test(test_one_tick),       cmocka_unit_test(test_ticks_never_go_back),
	};

	return cmocka_run_group_tests_name("instants", tests, NULL, NULL);
}
