// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A trend in words: the kind, then the figures it rests on. */
#include <math.h>
#include <stdlib.h>
#include "base/units.h"
#include "report/sentences.h"

#define TOLD_SHARE 0.1 /* of all that moved: a counter that moved less is not worth a line */

struct trend_words {
	FILE *out;
	__u32 width;
	const struct view *view;
	const char *counter; /* "anon", ... */
	const struct trend_line *line;
};

static char *clock_at(char *buf, const struct view *view, __u64 ns)
{
	return units__clock(buf, view->from_wall_ns - view->from_ns + ns);
}

/* "+92.0 MiB/h ± 2 %"; a slope that may as well be none does not pretend to a percentage. */
static void slope_text(char *buf, size_t len, double slope, double error)
{
	char text[UNITS_LEN];
	double percent = slope ? fabs(error / slope) * 100 : 100;

	units__bytes_signed(text, slope);
	if (percent < 1)
		snprintf(buf, len, "%s/h ± < 1 %%", text);
	else if (percent < 100)
		snprintf(buf, len, "%s/h ± %.0f %%", text, ceil(percent));
	else
		snprintf(buf, len, "%s/h, within its error,", text);
}

/* "r² 0.99, 600 ticks in 10 min"; rounded down: 1.00 is for a perfect line. */
static void fit_text(char *buf, size_t len, const struct trend_words *words)
{
	char span[UNITS_LEN];

	snprintf(buf, len, "r² %.2f, %u ticks in %s",
		 words->line->r2 < 0 ? 0 : floor(words->line->r2 * 100) / 100,
		 words->line->nr_fitted,
		 units__duration(span, words->view->trend.to_ns - words->line->since_ns));
}

static const char *suspicion(const struct trend_words *words)
{
	if (words->line->suspected_leak)
		return "; a suspected leak";
	if (words->line->kind == TREND_STEADY && words->line->rises &&
	    words->view->trend.to_ns - words->line->since_ns < TREND_LEAK_NS &&
	    words->line != &words->view->trend.file)
		return "; too early to suspect a leak";
	return "";
}

static void say_steady(const struct trend_words *words)
{
	char slope[80], fit[80], clock[UNITS_LEN], since[UNITS_LEN + 8] = "";

	if (words->line->since_ns > words->view->trend.from_ns)
		snprintf(since, sizeof(since), " since %s",
			 clock_at(clock, words->view, words->line->since_ns));
	slope_text(slope, sizeof(slope), words->line->slope, words->line->slope_error);
	fit_text(fit, sizeof(fit), words);
	facts__say(words->out, words->width, "Trend: %s %s steadily%s, %s (%s)%s.", words->counter,
		   words->line->slope < 0 ? "falls" : "grows", since, slope, fit, suspicion(words));
}

/* A plateau or a step: how far, when, and how level it is since. */
static void say_level(const struct trend_words *words)
{
	const struct trend_line *line = words->line;
	bool step = line->kind == TREND_STEP;
	char moved[UNITS_LEN], clock[UNITS_LEN], span[UNITS_LEN], slope[80];

	units__bytes_signed(moved, line->step_bytes);
	clock_at(clock, words->view, step ? line->step_ns : line->since_ns);
	units__duration(span, words->view->trend.to_ns - line->since_ns);
	slope_text(slope, sizeof(slope), line->slope, line->slope_error);
	if (step)
		facts__say(words->out, words->width,
			   "Trend: %s made one step of %s at %s and is flat since (%s over %s).",
			   words->counter, moved, clock, slope, span);
	else
		facts__say(words->out, words->width,
			   "Trend: %s %s by %s until %s, a plateau since (%s over %s).",
			   words->counter, line->step_bytes < 0 ? "fell" : "grew", moved, clock,
			   slope, span);
}

static void say_teeth(const struct trend_words *words)
{
	const struct trend_line *line = words->line;
	char low[UNITS_LEN], high[UNITS_LEN], fall[UNITS_LEN], slope[UNITS_LEN], lows[120] = "";

	if (line->floor_r2 >= 0)
		snprintf(lows, sizeof(lows), ", its low points move by %s/h (r² %.2f)",
			 units__bytes_signed(slope, line->floor_slope),
			 floor(line->floor_r2 * 100) / 100);
	facts__say(words->out, words->width,
		   "Trend: %s is a sawtooth between %s and %s: %u falls of %s on average%s%s.",
		   words->counter, units__bytes(low, line->low), units__bytes(high, line->high),
		   line->nr_falls, units__bytes(fall, line->fall_bytes), lows, suspicion(words));
}

static void say_range(const struct trend_words *words, const char *what)
{
	char low[UNITS_LEN], high[UNITS_LEN], fit[80];

	fit_text(fit, sizeof(fit), words);
	facts__say(words->out, words->width, "Trend: %s %s between %s and %s (a line: %s).",
		   words->counter, what, units__bytes(low, words->line->low),
		   units__bytes(high, words->line->high), fit);
}

static void say_line(const struct trend_words *words)
{
	switch (words->line->kind) {
	case TREND_STEADY:
		say_steady(words);
		break;
	case TREND_PLATEAU:
	case TREND_STEP:
		say_level(words);
		break;
	case TREND_SAWTOOTH:
		say_teeth(words);
		break;
	case TREND_SPIKE:
		say_range(words, "rose and fell back once,");
		break;
	case TREND_IRREGULAR:
		say_range(words, "moved irregularly");
		break;
	default:
		break;
	}
}

static void say_too_short(FILE *out, __u32 width, const struct trend *trend)
{
	char span[UNITS_LEN];

	facts__say(out, width, "Trend: too short to tell (%u tick%s in %s; it takes %u in %llu s).",
		   trend->total.nr_points, trend->total.nr_points == 1 ? "" : "s",
		   units__duration(span, trend->to_ns - trend->from_ns), TREND_LEAST_POINTS,
		   TREND_LEAST_NS / NSEC_PER_SEC);
}

static void say_flat(FILE *out, __u32 width, const struct trend *trend)
{
	char range[UNITS_LEN], span[UNITS_LEN];

	facts__say(out, width, "Trend: flat, within %s for %s (%u ticks).",
		   units__bytes(range, trend->total.high - trend->total.low),
		   units__duration(span, trend->to_ns - trend->from_ns), trend->total.nr_points);
}

/* Did it move enough, beside the others, to be told about? */
static bool is_told(const struct trend *trend, const struct trend_line *line)
{
	double all = trend->anon.high - trend->anon.low + trend->file.high - trend->file.low +
		     trend->shmem.high - trend->shmem.low;

	if (line->kind == TREND_TOO_SHORT || line->kind == TREND_FLAT)
		return false;
	return line->suspected_leak || line->high - line->low >= TOLD_SHARE * all;
}

void report__trend(FILE *out, __u32 width, const struct view *view)
{
	const struct trend *trend = &view->trend;
	struct trend_words words = { .out = out, .width = width, .view = view };
	const struct {
		const char *name;
		const struct trend_line *line;
	} counters[] = { { "anon", &trend->anon },
			 { "file", &trend->file },
			 { "shmem", &trend->shmem } };
	__u32 told = 0;

	if (view->to_ns <= view->from_ns)
		return;
	if (trend->kind == TREND_TOO_SHORT) {
		say_too_short(out, width, trend);
		return;
	}
	for (size_t i = 0; i < sizeof(counters) / sizeof(*counters); i++) {
		if (!is_told(trend, counters[i].line))
			continue;
		words.counter = counters[i].name;
		words.line = counters[i].line;
		say_line(&words);
		told++;
	}
	if (trend->kind == TREND_FILE_CACHE)
		facts__say(out, width,
			   "What grew most are pages of mapped files: the kernel can take clean "
			   "ones back.");
	if (!told)
		say_flat(out, width, trend);
}
