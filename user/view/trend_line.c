// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The shape of one counter. In this order, because each test is blind to what the one before it
 * finds: too short, level, along a line, teeth, a new level (step or plateau, and whether it goes
 * on from there), a late start, a line in noise.
 */
#include <math.h>
#include <stdlib.h>
#include "base/units.h"
#include "view/line_fit.h"
#include "view/trend.h"

#define JITTER_BYTES                                                                               \
	(64 << 10)	  /* moves within so much are level: allocators and the stack breathe */
#define JITTER_SHARE 0.05 /* of the highest point: likewise, when no line stands out */
#define LINE_R2 0.95	  /* a line without a doubt */
#define NOISY_LINE_R2 0.5
#define LEAK_R2 0.9
#define KEEPS_ON (2.0 / 3)
#define TOOTH_SHARE 0.25 /* of high - low: a smaller fall is no tooth */
#define SPIKE_SHARE 0.25 /* of high - low: a smaller net move and one fall is a spike */
#define STEP_SHARE 0.1	 /* of the window: a faster rise is a step */
#define LEVEL_SHARE 0.7	 /* of the window: a new level must be reached by then */
#define LEVEL_SLOPE 0.25 /* of the rise's slope: a slower tail is level */
#define WARM_UP_SHARE 0.3
#define BYTES_MAX 1e18
#define MAX_LOWS 512
#define LEAST_LOWS 4 /* below, no line is laid through them */

struct points {
	const __u64 *ts;
	const double *y;
	__u32 nr;
};

static struct points from_on(const struct points *points, __u32 first)
{
	return (struct points){ points->ts + first, points->y + first, points->nr - first };
}

static void set_fit(struct trend_line *line, const struct points *points, __u32 first)
{
	struct points part = from_on(points, first);
	struct line_fit fit = line_fit__make(part.ts, part.y, part.nr);

	line->since_ns = part.ts[0];
	line->nr_fitted = fit.nr;
	line->slope = fit.slope;
	line->slope_error = fit.slope_error;
	line->r2 = fit.r2;
	line->rises = fit.slope > fit.slope_error;
}

/* In bounds that leave room for sums and differences: the numbers may come from a damaged trace. */
static __s64 whole_bytes(double bytes)
{
	return fabs(bytes) < BYTES_MAX ? (__s64)bytes
	       : bytes < 0	       ? -(__s64)BYTES_MAX
				       : (__s64)BYTES_MAX;
}

static void set_range(struct trend_line *line, const struct points *points)
{
	double low = points->y[0], high = low;

	for (__u32 i = 1; i < points->nr; i++) {
		low = points->y[i] < low ? points->y[i] : low;
		high = points->y[i] > high ? points->y[i] : high;
	}
	line->low = whole_bytes(low);
	line->high = whole_bytes(high);
	line->growth = whole_bytes(points->y[points->nr - 1] - points->y[0]);
}

static double span_ns(const struct points *points)
{
	return points->ts[points->nr - 1] - points->ts[0];
}

/* Is the slope of the fit beyond its error, and more than jitter over the stretch? */
static bool is_moving(const struct trend_line *line, double stretch_ns)
{
	double moved = fabs(line->slope) * stretch_ns / (3600.0 * NSEC_PER_SEC);

	return line->nr_fitted && fabs(line->slope) > 1.5 * line->slope_error &&
	       moved >= JITTER_BYTES;
}

/* The low points between falls; those behind the first MAX_LOWS do not count. */
struct lows {
	__u32 nr;
	__u64 ts[MAX_LOWS];
	double y[MAX_LOWS];
};

/* Where a walk over falls and rises of at least a tooth stands. */
struct teeth {
	bool falling;
	double peak, low; /* of the rise and the fall it is in */
	__u64 low_ts;
	double fallen; /* bytes, in all falls that are over */
	struct lows lows;
};

static void end_fall(struct teeth *teeth, double y)
{
	struct lows *lows = &teeth->lows;

	teeth->falling = false;
	teeth->fallen += teeth->peak - teeth->low;
	teeth->peak = y;
	if (lows->nr == MAX_LOWS)
		return;
	lows->ts[lows->nr] = teeth->low_ts;
	lows->y[lows->nr++] = teeth->low;
}

/* True when a fall begins. */
static bool step_teeth(struct teeth *teeth, __u64 ts, double y, double tooth)
{
	bool begins = !teeth->falling && y <= teeth->peak - tooth;

	if (begins)
		teeth->falling = true;
	else if (teeth->falling && y >= teeth->low + tooth)
		end_fall(teeth, y);
	if (begins || (teeth->falling && y < teeth->low)) {
		teeth->low = y;
		teeth->low_ts = ts;
	}
	if (!teeth->falling && y > teeth->peak)
		teeth->peak = y;
	return begins;
}

/* The falls of at least @tooth, and a line through the low points after them. */
static void find_falls(struct trend_line *line, const struct points *points, double tooth)
{
	struct teeth teeth = { .peak = points->y[0] };
	struct line_fit floor;

	for (__u32 i = 1; i < points->nr; i++)
		line->nr_falls += step_teeth(&teeth, points->ts[i], points->y[i], tooth);
	if (teeth.falling)
		teeth.fallen += teeth.peak - teeth.low;
	line->fall_bytes = line->nr_falls ? whole_bytes(teeth.fallen / line->nr_falls) : 0;
	if (teeth.lows.nr < LEAST_LOWS)
		return;
	floor = line_fit__make(teeth.lows.ts, teeth.lows.y, teeth.lows.nr);
	line->floor_r2 = floor.r2;
	line->floor_slope = floor.slope;
}

static double mean(const double *y, __u32 nr)
{
	double sum = 0;

	for (__u32 i = 0; i < nr; i++)
		sum += y[i];
	return sum / nr;
}

/* A move from one level to another: the points by which a tenth, half and nine tenths are made. */
struct move {
	double bytes;
	__u32 tenth, half, nine;
};

static __u32 first_past(const struct points *points, double from, double part)
{
	for (__u32 i = 0; i < points->nr; i++) {
		if (part >= 0 ? points->y[i] >= from + part : points->y[i] <= from + part)
			return i;
	}
	return points->nr - 1;
}

static struct move find_move(const struct points *points)
{
	__u32 ends = points->nr / 20 + 1;
	double start = points->y[0], end = mean(points->y + points->nr - ends, ends);
	double bytes = end - start;

	return (struct move){
		.bytes = bytes,
		.tenth = first_past(points, start, bytes * 0.1),
		.half = first_past(points, start, bytes * 0.5),
		.nine = first_past(points, start, bytes * 0.9),
	};
}

static double share_of_time(const struct points *points, __u32 from, __u32 to)
{
	return (points->ts[to] - points->ts[from]) / span_ns(points);
}

/* After a fast start the rest is what counts, if it goes on along a line. */
static bool goes_on_steadily(struct trend_line *line, const struct points *points, __u32 from)
{
	struct points tail = from_on(points, from);

	if (tail.nr < TREND_LEAST_POINTS || span_ns(&tail) < TREND_LEAST_NS)
		return false;
	set_fit(line, points, from);
	return line->r2 >= NOISY_LINE_R2 && is_moving(line, span_ns(&tail));
}

static bool is_level_after(const struct trend_line *line, const struct points *points,
			   const struct move *move)
{
	double rise_hours =
		(points->ts[move->nine] - points->ts[move->tenth]) / (3600.0 * NSEC_PER_SEC);

	if (move->nine == move->tenth)
		return true;
	return fabs(line->slope) < LEVEL_SLOPE * fabs(move->bytes) * 0.8 / rise_hours;
}

/* A step or a plateau, or what came before a steady rest. False: neither. */
static bool find_level(struct trend_line *line, const struct points *points)
{
	struct move move = find_move(points);
	__u32 settled = move.nine + 1 < points->nr ? move.nine + 1 : move.nine;
	bool fast = move.nine - move.tenth <= 1 ||
		    share_of_time(points, move.tenth, move.nine) <= STEP_SHARE;

	if (fabs(move.bytes) < 0.6 * (line->high - line->low))
		return false;
	line->step_ns = points->ts[move.half];
	line->step_bytes = whole_bytes(move.bytes);
	if (share_of_time(points, 0, move.nine) <= WARM_UP_SHARE &&
	    goes_on_steadily(line, points, settled)) {
		line->kind = TREND_STEADY;
		return true;
	}
	if (!fast && share_of_time(points, 0, move.nine) > LEVEL_SHARE)
		return false;
	set_fit(line, points, settled);
	if (!is_level_after(line, points, &move))
		return false;
	line->kind = fast ? TREND_STEP : TREND_PLATEAU;
	return true;
}

/* Level first, then along a line to the end. */
static bool starts_late(struct trend_line *line, const struct points *points)
{
	struct move move = find_move(points);
	struct points tail = from_on(points, move.tenth);

	if (share_of_time(points, 0, move.tenth) < WARM_UP_SHARE || tail.nr < TREND_LEAST_POINTS ||
	    span_ns(&tail) < TREND_LEAST_NS)
		return false;
	set_fit(line, points, move.tenth);
	return line->r2 >= LINE_R2;
}

/* Not ever slower: the second half rises nearly as fast as the first. */
static bool keeps_on(const struct points *points)
{
	__u32 half = points->nr / 2;
	struct line_fit first = line_fit__make(points->ts, points->y, half);
	struct line_fit second =
		line_fit__make(points->ts + half, points->y + half, points->nr - half);

	return second.slope >= first.slope * KEEPS_ON;
}

static bool looks_like_a_leak(const struct trend_line *line, const struct points *points)
{
	__u32 first = 0;
	struct points fitted;

	while (first + 1 < points->nr && points->ts[first] < line->since_ns)
		first++;
	fitted = from_on(points, first);
	if (span_ns(&fitted) < TREND_LEAK_NS)
		return false;
	if (line->kind == TREND_SAWTOOTH)
		return line->floor_slope > 0 && line->floor_r2 >= LEAK_R2;
	return line->kind == TREND_STEADY && line->rises && line->r2 >= LEAK_R2 &&
	       keeps_on(&fitted);
}

static enum trend_kind find_kind(struct trend_line *line, const struct points *points)
{
	double range = line->high - line->low, jitter = JITTER_SHARE * line->high;
	bool is_level = range <= jitter;

	if (range <= JITTER_BYTES)
		return TREND_FLAT;
	if (line->r2 >= LINE_R2 && is_moving(line, span_ns(points)))
		return TREND_STEADY;
	find_falls(line, points, TOOTH_SHARE * range);
	if (line->nr_falls >= 2 && !is_level)
		return TREND_SAWTOOTH;
	if (line->nr_falls == 1 && !is_level && llabs(line->growth) < SPIKE_SHARE * range)
		return TREND_SPIKE;
	if (line->nr_falls < 2 && find_level(line, points))
		return line->kind;
	if (line->nr_falls < 2 && starts_late(line, points))
		return TREND_STEADY;
	set_fit(line, points, 0);
	if (line->r2 >= NOISY_LINE_R2 && is_moving(line, span_ns(points)))
		return TREND_STEADY;
	return is_level ? TREND_FLAT : TREND_IRREGULAR;
}

struct trend_line trend_line__measure(const __u64 *ts, const double *bytes, __u32 nr)
{
	const struct points points = { ts, bytes, nr };
	struct trend_line line = { .nr_points = nr, .r2 = -1, .floor_r2 = -1 };

	if (!nr)
		return line;
	set_range(&line, &points);
	line.since_ns = ts[0];
	if (nr < TREND_LEAST_POINTS || span_ns(&points) < TREND_LEAST_NS)
		return line;
	set_fit(&line, &points, 0);
	line.kind = find_kind(&line, &points);
	line.suspected_leak = looks_like_a_leak(&line, &points);
	return line;
}
