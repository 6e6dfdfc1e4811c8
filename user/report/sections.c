// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include "base/units.h"
#include "report/sections.h"
#include "report/sentences.h"
#include "report/table.h"

#define STACKS_SHOWN 3 /* of a region, when the style does not say */

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

int sections__print(const struct text_report *report, const struct groups *groups)
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
