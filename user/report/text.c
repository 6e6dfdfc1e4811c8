// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The post-mortem report: the answer first, each doubt where its number stands. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/units.h"
#include "report/readings.h"
#include "report/sections.h"
#include "report/sentences.h"
#include "report/utf8.h"
#include "report/whole_stacks.h"

static bool is_instant(const struct view *view)
{
	return view->to_ns <= view->from_ns;
}

static void add_window(struct facts *facts, const struct view *view)
{
	char from[UNITS_LEN], to[UNITS_LEN], length[UNITS_LEN];

	if (is_instant(view))
		facts__add(facts, "at %s", units__clock(to, view->to_wall_ns));
	else
		facts__add(facts, "%s – %s (%s)", units__clock(from, view->from_wall_ns),
			   units__clock(to, view->to_wall_ns),
			   units__duration(length, view->to_ns - view->from_ns));
}

static void add_target(struct facts *facts, const struct view *view)
{
	char *comm = utf8__clean(*view->comm ? view->comm : "-", true);

	facts__add(facts, "%s (%u)", comm ? comm : "-", view->pid);
	if (view->nr_living > 1)
		facts__add(facts, "%u processes", view->nr_living);
	free(comm);
}

static void print_head(const struct text_report *report, const char *health)
{
	struct facts facts = facts__begin(report->out, report->style->width, "   ", "", 2);
	const struct rec_start *start = session__start(report->session);
	char count[UNITS_LEN];

	add_target(&facts, report->view);
	add_window(&facts, report->view);
	if (start && *start->kernel) {
		char *kernel = utf8__clean(start->kernel, true);

		facts__add(&facts, "kernel %s", kernel ? kernel : "-");
		free(kernel);
	}
	facts__add(&facts, "%s faults", count_text(count, report->view->faults));
	facts__add_doubts(&facts, report->view);
	facts__finish(&facts);
	if (report->style->why_incomplete)
		report__incomplete(report->out, report->style->width, "", report->view);
	if (health)
		facts__say(report->out, report->style->width, "The trace is %s.", health);
}

/* Within one percent of the peak is at the peak; the two ends and the peak support no finer word.
 */
static const char *kind_of_growth(const struct view *view)
{
	__s64 total = view->rss.total, peak = view->peak_total, slack = peak / 100;
	bool peaked_here = view->peak_ns >= view->from_ns;

	if (view->growth.total > slack)
		return total >= peak - slack ? "still at its peak" : "grew, below its peak now";
	if (peaked_here && total < peak - 5 * slack)
		return "fell back from its peak";
	return view->growth.total < -slack ? "shrank" : "flat";
}

static void add_signed(struct facts *facts, const char *name, __s64 bytes)
{
	char text[UNITS_LEN];

	facts__add(facts, "%s %s", name, units__bytes_signed(text, bytes));
}

static void add_peak(struct facts *facts, const struct view *view)
{
	char peak[UNITS_LEN], clock[UNITS_LEN];
	__u64 wall_ns = view->from_wall_ns - view->from_ns + view->peak_ns;

	facts__add(facts, "peak %s at %s", units__bytes(peak, view->peak_total),
		   units__clock(clock, wall_ns));
}

static void add_growth(struct facts *facts, const struct view *view)
{
	const char *kind = kind_of_growth(view);
	char then[UNITS_LEN], now[UNITS_LEN];

	facts__add(facts, "RSS %s → %s", units__bytes(then, view->rss.total - view->growth.total),
		   units__bytes(now, view->rss.total));
	add_peak(facts, view);
	facts__add_rate(facts, view);
	facts__add(facts, "%s", kind);
	add_signed(facts, "anon", view->growth.anon);
	add_signed(facts, "file", view->growth.file);
	add_signed(facts, "shmem", view->growth.shmem);
}

/* For a window that is an instant. */
static void add_levels(struct facts *facts, const struct view *view)
{
	char total[UNITS_LEN], anon[UNITS_LEN], file[UNITS_LEN], shmem[UNITS_LEN];

	facts__add(facts, "RSS %s = anon %s + file %s + shmem %s",
		   units__bytes(total, view->rss.total), units__bytes(anon, view->rss.anon),
		   units__bytes(file, view->rss.file), units__bytes(shmem, view->rss.shmem));
	add_peak(facts, view);
}

static void print_totals(const struct text_report *report)
{
	struct facts facts = facts__begin(report->out, report->style->width, "   ", "", 2);
	const struct view *view = report->view;
	char swap[UNITS_LEN];

	if (is_instant(view))
		add_levels(&facts, view);
	else
		add_growth(&facts, view);
	if (view->rss.swap || view->growth.swap)
		facts__add(&facts, "swap %s", units__bytes(swap, view->rss.swap));
	facts__finish(&facts);
}

/* Who the resident bytes belong to; what is not known is a number here, too. */
static void print_owners(const struct text_report *report)
{
	const struct view *view = report->view;
	char text[UNITS_LEN];
	struct facts facts;

	if (!view->rss.total)
		return;
	facts = facts__begin(report->out, report->style->width, " · ", "", 2);
	facts__add(&facts, "resident: %s by known stacks", units__bytes(text, view->attributed));
	facts__add(&facts, "%s from before tracing", units__bytes(text, view->before_attach));
	if (view->unattributed)
		facts__add(&facts, "%s unattributed",
			   units__bytes_signed(text, view->unattributed));
	facts__finish(&facts);
}

static void print_no_growth(const struct text_report *report)
{
	const struct view *view = report->view;

	if (is_instant(view))
		facts__say(report->out, report->style->width,
			   "The window is empty: this is what was resident at that instant.");
	else if (view->grown <= 0 && !view->filter)
		facts__say(report->out, report->style->width, "Nothing grew in this window.");
}

static void print_before(const struct text_report *report)
{
	const struct view *view = report->view;
	char then[UNITS_LEN], now[UNITS_LEN];

	if (view->before_at_start > 0 && !is_instant(view))
		facts__say(report->out, report->style->width,
			   "Of what was there before tracing began, %s were resident when the "
			   "window opened; %s still are.",
			   units__bytes(then, view->before_at_start),
			   units__bytes(now, view->before_attach));
}

/* The whole report; else only what was asked for. */
static bool is_plain(const struct view *view)
{
	return !view->filter && !view->by && !view->tree;
}

/* What was asked for takes the place of the regions. */
static int print_body(const struct text_report *report, const struct groups *groups)
{
	const struct view *view = report->view;
	int ret = 0;

	if (!view->by && !view->tree)
		return sections__print(report, groups);
	if (view->by)
		ret = report__groups(report->out, report->session, view, report->style);
	if (!ret && view->tree)
		ret = report__tree(report->out, view, report->style);
	return ret;
}

int report__text(FILE *out, const struct session *session, const struct view *view,
		 const struct report_style *style, const char *health)
{
	struct text_report report = { out, session, view, style };
	struct groups groups = { .session = session, .shown = style->shown };
	int ret = view->by || view->tree ? 0 : groups__add(&groups, view, WINDOW_FIRST);

	groups__sort(&groups);
	print_head(&report, health);
	print_totals(&report);
	report__trend(out, style->width, view);
	report__fall(out, style->width, view);
	print_owners(&report);
	report__overhead(out, style->width, view);
	report__target_state(out, style->width, session, view);
	print_no_growth(&report);
	report__filter(out, style->width, view);
	if (!ret)
		ret = print_body(&report, &groups);
	if (view->nr_causes && is_plain(view)) {
		fputs("\nWhere it came from and went\n", out);
		report__causes(out, style->width, view);
	}
	if (is_plain(view))
		print_before(&report);
	if (view->nr_marks) {
		fputc('\n', out);
		report__marks(out, view, style->top);
	}
	groups__fini(&groups);
	if (ret)
		return ret;
	return fflush(out) || ferror(out) ? -EIO : 0;
}
