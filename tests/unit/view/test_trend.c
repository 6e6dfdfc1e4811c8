// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Shapes of growth, made with numbers that are known, and fed as records: what word do they get? */
#include <math.h>
#include <stdlib.h>
#include "base/units.h"
#include "model/series.h"
#include "model/story.h"
#include "view/line_fit.h"
#include "view/trend.h"

#define MIB 1048576.0
#define GIB_PAGES 262144
#define HOUR 3600.0

/* MiB at @second of a run of @length seconds. */
typedef double (*shape)(double second, double length);

static double level(double s, double length)
{
	(void)s, (void)length;
	return 100;
}

static double noise(double amplitude)
{
	return amplitude * (2.0 * rand() / RAND_MAX - 1);
}

static double jittery_level(double s, double length)
{
	return level(s, length) + noise(1.5);
}

static double line_60_an_hour(double s, double length)
{
	(void)length;
	return 100 + s / 60;
}

static double noisy_line(double s, double length)
{
	return line_60_an_hour(s, length) + noise(2);
}

static double falling_line(double s, double length)
{
	return 200 - line_60_an_hour(s, length) / 2;
}

/* 16 MiB at a time, as an allocator takes arenas. */
static double staircase(double s, double length)
{
	(void)length;
	return 100 + 16 * floor(s / 120);
}

static double one_step(double s, double length)
{
	return s < length / 3 ? 100 : 400 + noise(1);
}

static double step_down(double s, double length)
{
	return s < length / 3 ? 400 : 100;
}

static double plateau(double s, double length)
{
	return s < length / 2 ? 100 + 300 * s / (length / 2) : 400;
}

static double saturating(double s, double length)
{
	return 100 + 300 * (1 - exp(-s / (length / 6)));
}

static double teeth(double s, double length)
{
	(void)length;
	return 100 + fmod(s, 60) * 2;
}

static double rising_teeth(double s, double length)
{
	return teeth(s, length) + s / 20;
}

static double spike(double s, double length)
{
	return s > length * 0.4 && s < length * 0.5 ? 300 : 100;
}

static double late_line(double s, double length)
{
	return s < length / 2 ? 100 : 100 + (s - length / 2) / 6;
}

static double warm_up_then_line(double s, double length)
{
	(void)length;
	return s < 10 ? s * 50 : 500 + s / 60;
}

static double twelve_mib_a_day(double s, double length)
{
	(void)length;
	return 900 + s * 12 / 86400;
}

/* From and to in seconds. */
static void measure(struct trend *trend, struct session *session, double from, double to, __u32 pid)
{
	struct snapshot *end = session__freeze(session);

	assert_non_null(end);
	end->ts = to * NSEC_PER_SEC;
	assert_int_equal(trend__measure(trend, session, from * NSEC_PER_SEC, end, pid), 0);
	snapshot__free(end);
}

struct made {
	struct story story;
	struct trend trend;
};

/* A tick of the kernel's counters every @step seconds. */
static struct made *make(shape anon, shape file, double length, double step)
{
	struct made *made = calloc(1, sizeof(*made));

	assert_non_null(made);
	made->story = story__new();
	srand(3);
	for (double s = 0; s <= length; s += step) {
		made->story.ts = s * NSEC_PER_SEC + 10;
		FEED(&made->story, counters, COUNTERS, .space = SPACE,
		     .pages = { [RSST_ANON] = anon(s, length) * 256,
				[RSST_FILE] = file(s, length) * 256 });
		FEED(&made->story, tick, TICK);
	}
	measure(&made->trend, made->story.session, 0, 1e9, 0);
	return made;
}

static void made__free(struct made *made)
{
	story__free(&made->story);
	free(made);
}

static void assert_kind(shape anon, double length, enum trend_kind kind, const char *what)
{
	struct made *made = make(anon, level, length, 1);

	if (made->trend.kind != kind)
		fail_msg("%s: %s instead of %s (r2 %.3f, %u falls)", what,
			 trend_kind_name(made->trend.kind), trend_kind_name(kind),
			 made->trend.anon.r2, made->trend.anon.nr_falls);
	made__free(made);
}

#define KIND(shape, length, kind) assert_kind(shape, length, kind, #shape)

static void every_shape_has_its_word(void **state)
{
	(void)state;
	KIND(level, 600, TREND_FLAT);
	KIND(jittery_level, 600, TREND_FLAT);
	KIND(line_60_an_hour, 600, TREND_STEADY);
	KIND(line_60_an_hour, 20, TREND_STEADY);
	KIND(noisy_line, 1200, TREND_STEADY);
	KIND(falling_line, 600, TREND_STEADY);
	KIND(staircase, 1800, TREND_STEADY);
	KIND(one_step, 600, TREND_STEP);
	KIND(step_down, 600, TREND_STEP);
	KIND(plateau, 600, TREND_PLATEAU);
	KIND(saturating, 600, TREND_PLATEAU);
	KIND(teeth, 600, TREND_SAWTOOTH);
	KIND(rising_teeth, 900, TREND_SAWTOOTH);
	KIND(spike, 600, TREND_SPIKE);
	KIND(late_line, 600, TREND_STEADY);
	KIND(warm_up_then_line, 1800, TREND_STEADY);
	KIND(line_60_an_hour, 9, TREND_TOO_SHORT);
	KIND(teeth, 9, TREND_TOO_SHORT);
}

static void assert_near(double value, double wanted, double tolerance)
{
	if (fabs(value - wanted) > tolerance)
		fail_msg("%g is not %g within %g", value, wanted, tolerance);
}

static void slopes_are_as_made(void **state)
{
	struct made *made = make(line_60_an_hour, level, 600, 1);

	(void)state;
	assert_near(made->trend.anon.slope, 60 * MIB, 0.1 * MIB);
	assert_true(made->trend.anon.r2 > 0.999);
	assert_near(made->trend.anon.growth, 10 * MIB, 4096);
	assert_true(made->trend.anon.rises);
	made__free(made);
	made = make(noisy_line, level, 1200, 1);
	assert_near(made->trend.anon.slope, 60 * MIB, made->trend.anon.slope_error);
	assert_true(made->trend.anon.slope_error > 0 && made->trend.anon.slope_error < 6 * MIB);
	made__free(made);
	made = make(falling_line, level, 600, 1);
	assert_near(made->trend.anon.slope, -30 * MIB, 0.1 * MIB);
	assert_false(made->trend.anon.rises || made->trend.suspected_leak);
	made__free(made);
}

/* In how many of 400 runs the interval holds the truth; each step's noise keeps @kept of the last.
 */
static int runs_that_hold(double kept)
{
	int held = 0;

	srand(17);
	for (int run = 0; run < 400; run++) {
		double off = 0, y[200];
		struct line_fit fit;
		__u64 ts[200];

		for (int i = 0; i < 200; i++) {
			ts[i] = i * NSEC_PER_SEC * 60;
			off = kept * off + noise(8 * MIB);
			y[i] = 1e12 + i * MIB + off;
		}
		fit = line_fit__make(ts, y, 200);
		held += fabs(fit.slope - 60 * MIB) <= fit.slope_error;
	}
	return held;
}

/* 95 of 100, also where a point resembles the one before it, as memory does. */
static void intervals_hold_the_truth(void **state)
{
	(void)state;
	assert_in_range(runs_that_hold(0), 370, 395);
	assert_in_range(runs_that_hold(0.8), 350, 395);
}

static void a_late_or_early_part_is_left_out_of_the_fit(void **state)
{
	struct made *made = make(late_line, level, 600, 1);

	(void)state;
	assert_near(made->trend.anon.slope, 600 * MIB, 6 * MIB);
	assert_near(made->trend.anon.since_ns / 1e9, 320, 20);
	made__free(made);
	made = make(warm_up_then_line, level, 1800, 1);
	assert_near(made->trend.anon.slope, 60 * MIB, MIB);
	assert_near(made->trend.anon.since_ns / 1e9, 10, 3);
	assert_true(made->trend.suspected_leak);
	made__free(made);
}

static void levels_are_told(void **state)
{
	struct made *made = make(one_step, level, 600, 1);

	(void)state;
	assert_near(made->trend.anon.step_bytes, 300 * MIB, 2 * MIB);
	assert_near(made->trend.anon.step_ns / 1e9, 200, 1);
	made__free(made);
	made = make(plateau, level, 600, 1);
	assert_near(made->trend.anon.since_ns / 1e9, 275, 10);
	assert_false(made->trend.suspected_leak);
	made__free(made);
}

static void teeth_are_counted(void **state)
{
	struct made *made = make(teeth, level, 600, 1);

	(void)state;
	assert_int_equal(made->trend.anon.nr_falls, 10);
	assert_near(made->trend.anon.fall_bytes, 118 * MIB, 2 * MIB);
	assert_near(made->trend.anon.floor_slope, 0, MIB);
	assert_false(made->trend.suspected_leak);
	made__free(made);
	made = make(rising_teeth, level, 900, 1);
	assert_near(made->trend.anon.floor_slope, 180 * MIB, 2 * MIB);
	assert_true(made->trend.suspected_leak);
	made__free(made);
}

/* Slow, small beside what is there, but a day is long enough to see it. */
static void a_slow_leak_is_not_lost_in_percents(void **state)
{
	struct made *made = make(twelve_mib_a_day, level, 86400, 1);

	(void)state;
	assert_int_equal(made->trend.kind, TREND_STEADY);
	assert_near(made->trend.anon.slope * 24, 12 * MIB, 0.1 * MIB);
	assert_true(made->trend.suspected_leak);
	made__free(made);
}

static void files_are_no_leak(void **state)
{
	struct made *made = make(level, line_60_an_hour, 1200, 1);

	(void)state;
	assert_int_equal(made->trend.kind, TREND_FILE_CACHE);
	assert_int_equal(made->trend.of, RSST_FILE);
	assert_int_equal(made->trend.file.kind, TREND_STEADY);
	assert_int_equal(made->trend.anon.kind, TREND_FLAT);
	assert_false(made->trend.suspected_leak);
	made__free(made);
}

static double slowing_line(double s, double length)
{
	(void)length;
	return 100 + sqrt(s);
}

/* A cache that fills looks like a line for long; that it slows down is seen. */
static void what_slows_down_is_not_suspected(void **state)
{
	struct made *made = make(slowing_line, level, 1800, 1);

	(void)state;
	assert_int_equal(made->trend.kind, TREND_STEADY);
	assert_true(made->trend.anon.r2 > 0.9);
	assert_false(made->trend.suspected_leak);
	made__free(made);
}

static void minutes_are_too_short_for_a_suspicion(void **state)
{
	struct made *made = make(line_60_an_hour, level, 300, 1);

	(void)state;
	assert_int_equal(made->trend.kind, TREND_STEADY);
	assert_false(made->trend.suspected_leak);
	made__free(made);
}

/* Chance alone: a level with noise on it is never suspected, a random walk in few of a hundred. */
static void chance_is_seldom_suspected(void **state)
{
	static __u64 ts[900];
	static double noisy[900], walk[900];
	int suspected = 0;

	(void)state;
	srand(5);
	for (int run = 0; run < 1000; run++) {
		double near = 0, at = 500 * MIB;

		for (int i = 0; i < 900; i++) {
			ts[i] = i * NSEC_PER_SEC;
			near = 0.9 * near + noise(3 * MIB);
			at += noise(MIB);
			noisy[i] = 100 * MIB + near;
			walk[i] = at;
		}
		assert_false(trend_line__measure(ts, noisy, 900).suspected_leak);
		suspected += trend_line__measure(ts, walk, 900).suspected_leak;
	}
	assert_in_range(suspected, 0, 40);
}

/* A window of the series, also an empty one. */
static void windows_are_kept_to(void **state)
{
	struct made *made = make(late_line, level, 600, 1);
	struct session *session = made->story.session;
	struct trend trend;

	(void)state;
	measure(&trend, session, 0, 200, 0);
	assert_int_equal(trend.kind, TREND_FLAT);
	measure(&trend, session, 350, 500, 0);
	assert_int_equal(trend.kind, TREND_STEADY);
	assert_true(trend.from_ns >= 350 * NSEC_PER_SEC && trend.to_ns <= 500 * NSEC_PER_SEC);
	measure(&trend, session, 700, 800, 0);
	assert_int_equal(trend.kind, TREND_TOO_SHORT);
	assert_int_equal(trend.anon.nr_points, 0);
	made__free(made);
}

/* A child that grows beside its parent: each has its own shape, and together they have one. */
static void each_process_has_its_own(void **state)
{
	struct story s = story__new();
	struct trend trend;

	(void)state;
	story__feed(&s, record_process(7, 200, 0, NULL, "child", "/bin/child"));
	for (double at = 0; at <= 600; at++) {
		s.ts = at * NSEC_PER_SEC + 10;
		FEED(&s, counters, COUNTERS, .space = SPACE, .pages = { [RSST_ANON] = 1000 });
		FEED(&s, counters, COUNTERS, .space = 7, .pages = { [RSST_ANON] = at * 256 });
		FEED(&s, tick, TICK);
	}
	measure(&trend, s.session, 0, 1e9, PID);
	assert_int_equal(trend.kind, TREND_FLAT);
	measure(&trend, s.session, 0, 1e9, 200);
	assert_int_equal(trend.kind, TREND_STEADY);
	assert_near(trend.anon.slope, 3600 * MIB, MIB);
	assert_in_range(trend.anon.nr_points, SPACE_SERIES_MAX / 2, SPACE_SERIES_MAX);
	measure(&trend, s.session, 0, 1e9, 0);
	assert_int_equal(trend.total.low, 1000 * PAGE);
	assert_int_equal(trend.anon.nr_points, 601);
	measure(&trend, s.session, 0, 1e9, 201);
	assert_int_equal(trend.anon.nr_points, 0);
	story__free(&s);
}

/* However long the stream, the points are bounded, even in time, and the first is the first tick.
 */
static void the_series_is_thinned_evenly(void **state)
{
	struct series series = { 0 };

	(void)state;
	for (__u64 i = 0; i < 100000; i++) {
		struct series_point point = { .ts = i };

		assert_int_equal(series__add(&series, &point, SERIES_MAX), 0);
		assert_true(series.nr <= SERIES_MAX);
	}
	assert_in_range(series.nr, SERIES_MAX / 2, SERIES_MAX);
	for (__u32 i = 0; i < series.nr; i++)
		assert_int_equal(series.points[i].ts, i * series.stride);
	assert_true((series.nr - 1) * series.stride + series.stride >= 100000);
	series__fini(&series);
}

static void hostile_numbers_are_survived(void **state)
{
	__u64 same[20], ts[20];
	double y[20];
	struct trend_line line;

	(void)state;
	for (int i = 0; i < 20; i++) {
		same[i] = 5;
		ts[i] = i * (UINT64_MAX / 20);
		y[i] = i % 2 ? 9e18 : -9e18;
	}
	line = trend_line__measure(same, y, 20);
	assert_int_equal(line.kind, TREND_TOO_SHORT);
	line = trend_line__measure(ts, y, 20);
	assert_true(isfinite(line.slope) && isfinite(line.slope_error) && isfinite(line.r2));
	line = trend_line__measure(ts, y, 0);
	assert_int_equal(line.kind, TREND_TOO_SHORT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_shape_has_its_word),
		cmocka_unit_test(slopes_are_as_made),
		cmocka_unit_test(intervals_hold_the_truth),
		cmocka_unit_test(a_late_or_early_part_is_left_out_of_the_fit),
		cmocka_unit_test(levels_are_told),
		cmocka_unit_test(teeth_are_counted),
		cmocka_unit_test(a_slow_leak_is_not_lost_in_percents),
		cmocka_unit_test(files_are_no_leak),
		cmocka_unit_test(what_slows_down_is_not_suspected),
		cmocka_unit_test(minutes_are_too_short_for_a_suspicion),
		cmocka_unit_test(chance_is_seldom_suspected),
		cmocka_unit_test(windows_are_kept_to),
		cmocka_unit_test(each_process_has_its_own),
		cmocka_unit_test(the_series_is_thinned_evenly),
		cmocka_unit_test(hostile_numbers_are_survived),
	};

	return cmocka_run_group_tests_name("trend", tests, NULL, NULL);
}
