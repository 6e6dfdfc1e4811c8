// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The post-mortem report: the answer first, each doubt where its number stands. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/units.h"
#include "report/groups.h"
#include "report/sentences.h"
#include "report/table.h"
#include "report/utf8.h"

#define STACKS_SHOWN 3 /* of a region, when the style does not say */

struct text_report {
	FILE *out;
	const struct session *session;
	const struct view *view;
	const struct report_style *style;
};

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

static void share_cell(struct table *table, __s64 part, __s64 whole)
{
	char text[UNITS_LEN];

	if (part <= 0 || whole <= 0)
		*text = 0;
	else if (part * 100.0 < whole)
		snprintf(text, sizeof(text), "< 1 %%");
	else
		snprintf(text, sizeof(text), "%.0f %%", part * 100.0 / whole);
	table__cell(table, text);
}

enum section { GREW, STAYED, SHRANK };

/* What a section's rows are made with. */
struct section_table {
	struct table *table;
	enum section section;
	__s64 whole; /* 100 % of the share; 0: no share */
	__u32 nr_stacks;
};

/* Where nothing changed, a column of zeros says nothing. @share: of the section's whole. */
static void add_figures(const struct section_table *to, const struct group_figure *figure,
			bool share)
{
	char text[UNITS_LEN];
	__s64 part = to->section == STAYED ? figure->rss : figure->growth;

	share_cell(to->table, share ? part : 0, to->whole);
	table__cell(to->table,
		    to->section == STAYED ? "" : units__bytes_signed(text, figure->growth));
	table__cell(to->table, figure->rss < 0 ? units__bytes_signed(text, figure->rss)
					       : units__bytes(text, figure->rss));
}

/* Does the figure say something in its section? */
static bool matters(const struct section_table *to, const struct group_figure *figure)
{
	return to->section == STAYED ? figure->rss : figure->growth;
}

static __u32 count_stacks(const struct section_table *to, const struct group *group)
{
	__u32 nr = 0;

	for (struct group_stack *stack = group->stacks; stack; stack = stack->hh.next)
		nr += matters(to, stack->figures + WINDOW_FIRST);
	return nr;
}

static const struct group_stack *first_stack(const struct group *group, bool backwards)
{
	if (!group->stacks || !backwards)
		return group->stacks;
	return ELMT_FROM_HH(group->stacks->hh.tbl, group->stacks->hh.tbl->tail);
}

/* The stacks that say something, and the rest of them: together they make the region's figure. */
static void add_stacks(const struct section_table *to, const struct group *group)
{
	bool backwards = to->section == SHRANK;
	__u32 nr = count_stacks(to, group), shown = 0;
	__u32 limit = stacks_to_show(nr, to->nr_stacks);
	const struct group_stack *stack = first_stack(group, backwards);
	struct group_figure rest = { 0 };

	for (; stack; stack = backwards ? stack->hh.prev : stack->hh.next) {
		const struct group_figure *figure = stack->figures + WINDOW_FIRST;

		if (!matters(to, figure))
			continue;
		if (shown++ < limit) {
			table__row(to->table, false);
			add_figures(to, figure, false);
			table__text(to->table, 2, "%s", stack->label);
			continue;
		}
		rest.growth += figure->growth;
		rest.rss += figure->rss;
	}
	if (nr <= limit)
		return;
	table__row(to->table, false);
	add_figures(to, &rest, false);
	table__text(to->table, 2, "%u more stacks", nr - limit);
}

static void add_group(const struct section_table *to, const struct group *group)
{
	const struct group_figure *without = group->without_stack + WINDOW_FIRST;

	table__row(to->table, true);
	add_figures(to, group->figures + WINDOW_FIRST, true);
	table__group_text(to->table, group);
	add_stacks(to, group);
	if (!matters(to, without))
		return;
	table__row(to->table, false);
	add_figures(to, without, false);
	table__text(to->table, 2,
		    "by no known stack" PART_NEAR "(before tracing, or unattributed)");
}

static void add_hidden(const struct section_table *to, const struct other_row *hidden)
{
	struct group_figure figure = { true, hidden->rss, hidden->growth };

	if (!hidden->nr)
		return;
	table__row(to->table, true);
	add_figures(to, &figure, false);
	table__text(to->table, 0, "%u more region%s" PART_NEAR "(--all lists them)", hidden->nr,
		    hidden->nr > 1 ? "s" : "");
}

static bool in_section(const struct group *group, enum section section)
{
	const struct group_figure *figure = group->figures + WINDOW_FIRST;

	if (section == GREW)
		return figure->growth > 0;
	if (section == SHRANK)
		return figure->growth < 0;
	return !figure->growth && figure->rss;
}

static __u32 count_section(const struct groups *groups, enum section section)
{
	__u32 nr = 0;

	for (const struct group *group = groups->first; group; group = group->hh.next)
		nr += in_section(group, section);
	return nr;
}

static const struct group *first_group(const struct groups *groups, bool backwards)
{
	if (!groups->first || !backwards)
		return groups->first;
	return ELMT_FROM_HH(groups->first->hh.tbl, groups->first->hh.tbl->tail);
}

/* The groups of the section, what changed most first. @hidden: sums up those left out. */
static void add_groups(const struct section_table *to, const struct groups *groups, __u32 top,
		       struct other_row *hidden)
{
	bool backwards = to->section == SHRANK;
	const struct group *group = first_group(groups, backwards);
	__u32 nr = 0;

	for (; group; group = backwards ? group->hh.prev : group->hh.next) {
		if (!in_section(group, to->section))
			continue;
		if (!top || nr++ < top) {
			add_group(to, group);
			continue;
		}
		hidden->nr += group->nr_regions[WINDOW_FIRST];
		hidden->growth += group->figures[WINDOW_FIRST].growth;
		hidden->rss += group->figures[WINDOW_FIRST].rss;
	}
}

/* @other: regions the view cut off, in the last section that is printed. */
static int print_section(const struct text_report *report, const struct groups *groups,
			 enum section section, const struct other_row *other)
{
	static const char *const titles[] = { "What grew and is still there", "What is resident",
					      "What shrank" };
	const struct table_column columns[] = { { "", 2 },
						{ section == STAYED ? "" : "growth", 0 },
						{ "resident", section == STAYED ? 0 : 1 } };
	const struct view *view = report->view;
	const __s64 wholes[] = { view->grown, view->rss.total, 0 };
	struct section_table to = {
		.table = table__new(columns, 3, "region"),
		.section = section,
		.whole = wholes[section],
		.nr_stacks = report->style->stacks ? report->style->stacks : STACKS_SHOWN,
	};
	struct other_row hidden = *other;
	int ret;

	if (!to.table)
		return -ENOMEM;
	add_groups(&to, groups, report->style->top, &hidden);
	add_hidden(&to, &hidden);
	fprintf(report->out, "\n%s\n", titles[section]);
	ret = table__print(to.table, report->out, report->style->width, report->style->color);
	table__free(to.table);
	return ret;
}

/* Growth first; what only stayed is the answer when nothing moved. */
static int print_sections(const struct text_report *report, const struct groups *groups)
{
	const struct other_row none = { 0 }, *other = &report->view->other_regions;
	bool shrank = count_section(groups, SHRANK);
	int ret = 0;

	if (count_section(groups, GREW))
		ret = print_section(report, groups, GREW, shrank ? &none : other);
	else if (count_section(groups, STAYED))
		ret = print_section(report, groups, STAYED, shrank ? &none : other);
	if (!ret && shrank)
		ret = print_section(report, groups, SHRANK, other);
	return ret;
}

static void print_no_growth(const struct text_report *report)
{
	const struct view *view = report->view;

	if (is_instant(view))
		facts__say(report->out, report->style->width,
			   "The window is empty: this is what was resident at that instant.");
	else if (view->grown <= 0)
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

int report__text(FILE *out, const struct session *session, const struct view *view,
		 const struct report_style *style, const char *health)
{
	struct text_report report = { out, session, view, style };
	struct groups groups = { .session = session, .fold_internal = style->fold_internal };
	int ret = groups__add(&groups, view, WINDOW_FIRST);

	groups__sort(&groups);
	print_head(&report, health);
	print_totals(&report);
	print_owners(&report);
	report__target_state(out, style->width, session, view);
	print_no_growth(&report);
	if (!ret)
		ret = print_sections(&report, &groups);
	if (view->nr_causes) {
		fputs("\nWhere it came from and went\n", out);
		report__causes(out, style->width, view);
	}
	print_before(&report);
	groups__fini(&groups);
	if (ret)
		return ret;
	return fflush(out) || ferror(out) ? -EIO : 0;
}
