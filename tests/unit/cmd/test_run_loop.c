// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Where intervals begin and end, and how a run ends, over a source that tells only time. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "cmd/run_loop.h"

#define MS 1000000ULL
#define ORIGIN (7000 * MS) /* the clock when the stream starts */
#define MAX_INTERVALS 16

struct fake_source {
	struct record_source source;
	const __u64 *ticks_ms; /* 0-terminated */
	size_t next;
	bool started, stopped, fails;
	union {
		struct rec_start start;
		struct rec_tick tick;
		struct rec_end end;
	} rec;
};

struct intervals {
	size_t nr, fail_at; /* fail_at: ordinal from 1 of the call that fails; 0: none */
	struct {
		__u64 from_ms, to_ms, first_ms;
	} at[MAX_INTERVALS];
};

static int fake_next(struct record_source *source, const struct rec **rec, struct err *err)
{
	struct fake_source *fake = (struct fake_source *)source;

	memset(&fake->rec, 0, sizeof(fake->rec));
	*rec = &fake->rec.start.h;
	if (!fake->started) {
		fake->started = true;
		fake->rec.start.h = (struct rec){ REC_START, 0, sizeof(struct rec_start), ORIGIN };
		fake->rec.start.page_bytes = 4096;
		return 1;
	}
	if (fake->ticks_ms[fake->next] && !fake->stopped) {
		__u64 ts = ORIGIN + fake->ticks_ms[fake->next++] * MS;

		fake->rec.tick.h = (struct rec){ REC_TICK, 0, sizeof(struct rec_tick), ts };
		return 1;
	}
	return fake->fails ? err__set(err, -EIO, "the source broke") : 0;
}

static void fake_stop(struct record_source *source)
{
	((struct fake_source *)source)->stopped = true;
}

static int note_interval(struct run_loop *loop, const struct snapshot *from,
			 const struct snapshot *to, struct err *err)
{
	struct intervals *intervals = loop->ctx;

	assert_true(intervals->nr < MAX_INTERVALS);
	intervals->at[intervals->nr].from_ms = from->ts / MS;
	intervals->at[intervals->nr].to_ms = to->ts / MS;
	intervals->at[intervals->nr].first_ms = loop->first->ts / MS;
	if (++intervals->nr == intervals->fail_at)
		return err__set(err, -ENOSPC, "the output broke");
	return 0;
}

/* Run over @ticks_ms; @set_up and the source as the caller made them. */
static int run(struct run_loop *set_up, struct fake_source *fake, const __u64 *ticks_ms,
	       struct err *err)
{
	int code;

	fake->source.next = fake_next;
	fake->ticks_ms = ticks_ms;
	set_up->source = &fake->source;
	set_up->session = session__new();
	set_up->interval = note_interval;
	code = run_loop__run(set_up, err);
	run_loop__fini(set_up);
	session__free(set_up->session);
	return code;
}

static void assert_interval(const struct intervals *intervals, size_t i, __u64 from_ms, __u64 to_ms)
{
	assert_true(i < intervals->nr);
	assert_int_equal(intervals->at[i].from_ms, from_ms);
	assert_int_equal(intervals->at[i].to_ms, to_ms);
}

static void test_boundaries_do_not_drift(void **state)
{
	static const __u64 ticks[] = { 100, 600, 1099, 1100, 2500, 3900, 4000, 0 };
	struct intervals intervals = { 0 };
	struct run_loop loop = { .interval_ns = 1000 * MS, .ctx = &intervals };
	struct fake_source fake = { .started = false };

	(void)state;
	assert_int_equal(run(&loop, &fake, ticks, NULL), 0);
	assert_int_equal(intervals.nr, 4);
	assert_interval(&intervals, 0, 100, 1100);
	assert_interval(&intervals, 1, 1100, 2500);
	assert_interval(&intervals, 2, 2500, 3900);
	assert_interval(&intervals, 3, 3900, 4000); /* what is left at the end */
	assert_int_equal(intervals.at[3].first_ms, 100);
}

static void test_one_interval(void **state)
{
	static const __u64 ticks[] = { 100, 600, 99000, 0 };
	struct intervals intervals = { 0 };
	struct run_loop loop = { .interval_ns = 0, .ctx = &intervals };
	struct fake_source fake = { .started = false };

	(void)state;
	assert_int_equal(run(&loop, &fake, ticks, NULL), 0);
	assert_int_equal(intervals.nr, 1);
	assert_interval(&intervals, 0, 100, 99000);
}

static void test_nothing_to_tell(void **state)
{
	static const __u64 none[] = { 0 }, one[] = { 100, 0 }, twice[] = { 100, 100, 0 };
	const __u64 *const runs[] = { none, one, twice };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct intervals intervals = { 0 };
		struct run_loop loop = { .interval_ns = 1000 * MS, .ctx = &intervals };
		struct fake_source fake = { .started = false };

		assert_int_equal(run(&loop, &fake, runs[i], NULL), 0);
		assert_int_equal(intervals.nr, 0);
	}
}

static void test_duration(void **state)
{
	static const __u64 ticks[] = { 100, 1100, 1700, 2200, 9000, 0 };
	struct intervals intervals = { 0 };
	struct run_loop loop = { .interval_ns = 1000 * MS,
				 .duration_ns = 1500 * MS,
				 .ctx = &intervals };
	struct fake_source fake = { .started = false };

	(void)state;
	assert_int_equal(run(&loop, &fake, ticks, NULL), 0);
	assert_int_equal(intervals.nr, 2);
	assert_interval(&intervals, 1, 1100, 1700);
}

static void test_a_failed_output_stops_the_source(void **state)
{
	static const __u64 ticks[] = { 100, 1100, 2100, 3100, 0 };
	struct intervals intervals = { .fail_at = 1 };
	struct run_loop loop = { .interval_ns = 1000 * MS, .ctx = &intervals, .stop = fake_stop };
	struct fake_source fake = { .fails = true };
	struct err err = { "" };

	(void)state;
	assert_int_equal(run(&loop, &fake, ticks, &err), -ENOSPC);
	assert_string_equal(err.text, "the output broke"); /* and not what went wrong after it */
	assert_true(fake.stopped);
	assert_int_equal(intervals.nr, 1);
}

static void test_a_failed_source(void **state)
{
	static const __u64 ticks[] = { 100, 1100, 1500, 0 };
	struct intervals intervals = { 0 };
	struct run_loop loop = { .interval_ns = 1000 * MS, .ctx = &intervals };
	struct fake_source fake = { .fails = true };
	struct err err = { "" };

	(void)state;
	assert_int_equal(run(&loop, &fake, ticks, &err), -EIO);
	assert_string_equal(err.text, "the source broke");
	assert_int_equal(intervals.nr, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_boundaries_do_not_drift),
		cmocka_unit_test(test_one_interval),
		cmocka_unit_test(test_nothing_to_tell),
		cmocka_unit_test(test_duration),
		cmocka_unit_test(test_a_failed_output_stops_the_source),
		cmocka_unit_test(test_a_failed_source),
	};

	return cmocka_run_group_tests_name("run_loop", tests, NULL, NULL);
}
