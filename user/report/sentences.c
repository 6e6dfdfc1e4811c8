// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/units.h"
#include "model/page_ledger.h"
#include "report/readings.h"
#include "report/sentences.h"
#include "report/utf8.h"
#include "report/whole_stacks.h"

#define RATE_MAX 1e18			     /* bytes; fits an __s64 */
#define PER_MINUTE_FROM (120 * NSEC_PER_SEC) /* windows from here on are thought of in minutes */

char *count_text(char *buf, __u64 count)
{
	char digits[UNITS_LEN], *at = buf;
	int len = snprintf(digits, sizeof(digits), "%llu", count);

	for (int i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			*at++ = ' ';
		*at++ = digits[i];
	}
	*at = 0;
	return buf;
}

void facts__add_doubts(struct facts *facts, const struct view *view)
{
	char text[UNITS_LEN];

	facts__add(facts, "%s lost", count_text(text, view->lost));
	if (view->error)
		facts__add(facts, "books off by %s", units__bytes_signed(text, view->error));
	else
		facts__add(facts, "books exact");
	facts__add(facts, "stacks %s whole", whole_stacks__text(text, view__walk_ends(view)));
}

void facts__add_rate(struct facts *facts, const struct view *view)
{
	__u64 window_ns = view->to_ns > view->from_ns ? view->to_ns - view->from_ns : 0;
	bool minutes = window_ns >= PER_MINUTE_FROM;
	char text[UNITS_LEN];
	double rate;

	if (!window_ns)
		return;
	rate = (double)view->growth.total / window_ns * NSEC_PER_SEC * (minutes ? 60 : 1);
	if (fabs(rate) > RATE_MAX) /* only of a trace that lies */
		return;
	facts__add(facts, "%s/%s", units__bytes_signed(text, rate), minutes ? "min" : "s");
}

/* A cause as it reads in a list: "swap in", "DONTNEED" and its like as madvise(2) spells them. */
static void cause_words(char *buf, size_t len, enum rsst_cause cause)
{
	if (cause == CAUSE_DONTNEED)
		snprintf(buf, len, "DONTNEED");
	else if (cause == CAUSE_FAULT_KERNEL)
		snprintf(buf, len, "fault in kernel mode");
	else
		snprintf(buf, len, "%s", cause_name(cause));
	for (char *at = buf; *at; at++)
		*at = *at == '_' ? ' ' : *at;
}

static void print_direction(FILE *out, __u32 width, const struct view *view, bool is_out)
{
	struct facts facts = facts__begin(out, width, " · ", is_out ? "  out  " : "  in   ", 7);

	for (__u32 i = 0; i < view->nr_causes; i++) {
		const struct cause_row *row = view->causes + i;
		char text[UNITS_LEN], words[UNITS_LEN];

		if (row->out != is_out)
			continue;
		cause_words(words, sizeof(words), row->cause);
		facts__add(&facts, "%s %s", words, units__bytes(text, row->bytes.total));
	}
	facts__finish(&facts);
}

static bool has_causes(const struct view *view, bool out)
{
	for (__u32 i = 0; i < view->nr_causes; i++) {
		if (view->causes[i].out == out)
			return true;
	}
	return false;
}

void report__causes(FILE *out, __u32 width, const struct view *view)
{
	if (has_causes(view, false))
		print_direction(out, width, view, false);
	if (has_causes(view, true))
		print_direction(out, width, view, true);
}

void report__filter(FILE *out, __u32 width, const struct view *view)
{
	const struct filtered *left = &view->filtered;
	char rss[UNITS_LEN], growth[UNITS_LEN], all_rss[UNITS_LEN], all_growth[UNITS_LEN];
	struct facts facts;

	if (!view->filter)
		return;
	facts = facts__begin(out, width, " and ", "Filter: ", strlen("Filter: "));
	for (__u32 i = 0; i < view->filter->nr; i++) {
		char *clean = utf8__clean(view->filter->terms[i].text, true);

		facts__add(&facts, "%s", clean ? clean : "?");
		free(clean);
	}
	facts__finish(&facts);
	if (left->rss != UNKNOWN_BYTES)
		facts__say(
			out, width,
			"It leaves %s of %s resident and %s of %s growth; the lines above are of "
			"the whole.",
			units__bytes(rss, left->rss), units__bytes(all_rss, left->all_rss),
			units__bytes_signed(growth, left->growth),
			units__bytes_signed(all_growth, left->all_growth));
}

static void say_sampled(FILE *out, __u32 width, const struct view *view)
{
	double share = 100.0 * (view->attributed - view->unsampled) / view->attributed;
	char bytes[UNITS_LEN], every[2 * UNITS_LEN] = "";

	if (view->overhead.shift)
		snprintf(every, sizeof(every), " (at the end one every %s)",
			 units__bytes(bytes, LEDGER_PAGE_BYTES << view->overhead.shift));
	facts__say(out, width,
		   "Stacks are sampled: %.3g %% of the attributed bytes carry their own%s, the "
		   "others are shared out by them; a stack's bytes have a standard error of %s at "
		   "most. Pages, regions and causes are exact.",
		   share, every, units__bytes(bytes, view->sampling_error));
}

void report__overhead(FILE *out, __u32 width, const struct view *view)
{
	const struct overhead *cost = &view->overhead;
	__u64 spent = cost->kernel_ns + cost->tracer_ns;
	double percent = cost->target_ns ? 100.0 * spent / cost->target_ns : 0;
	double budget = cost->budget_ppm / 1e4;

	if (cost->budget_ppm && cost->target_ns)
		facts__say(out, width,
			   "Tracing cost %.3g %% of the target's CPU time (--overhead %g%%%s).",
			   percent, budget, percent > budget ? ", not kept" : "");
	if (view->unsampled > 0 && view->attributed > 0)
		say_sampled(out, width, view);
}

void report__target_state(FILE *out, __u32 width, const struct session *session,
			  const struct view *view)
{
	bool last = view->to_ns >= session__now(session);

	if (!view->nr_living)
		facts__say(out, width,
			   "Nothing of the target is alive: it has no resident memory.");
	else if (last && !session__roots_alive(session))
		facts__say(out, width, "The target has exited; this is what it held at its end.");
}

void table__group_text(struct table *table, const struct group *group)
{
	__u32 nr = group->nr_regions[WINDOW_FIRST];
	char regions[UNITS_LEN] = "";

	if (group->nr_regions[WINDOW_SECOND] > nr)
		nr = group->nr_regions[WINDOW_SECOND];
	if (nr > 1)
		snprintf(regions, sizeof(regions), PART_KEEP "%u regions", nr);
	table__text(table, 0, "%s%s%s%s", group->label, group->unmapped ? PART_KEEP "unmapped" : "",
		    regions, group->note ? group->note : "");
}
