// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* --by: a row a key. A column that is unknown in every row is left out; one that is in some says -.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/units.h"
#include "report/facts.h"
#include "report/label.h"
#include "report/readings.h"
#include "report/table.h"
#include "report/utf8.h"

enum figure { GROWTH, RSS, FAULTED, FREED, NR_FIGURES };

struct group_table {
	const struct session *session;
	const struct view *view;
	const struct report_style *style;
	struct table *table;
	__s64 whole;		/* 100 %: of all groups that grew */
	bool known[NR_FIGURES]; /* in any row; else the column is empty, and the table drops it */
};

static void figure_cell(const struct group_table *to, enum figure figure, __s64 bytes)
{
	char text[UNITS_LEN];

	if (bytes == UNKNOWN_BYTES)
		table__cell(to->table, to->known[figure] ? "-" : "");
	else if (figure == GROWTH || bytes < 0)
		table__cell(to->table, units__bytes_signed(text, bytes));
	else
		table__cell(to->table, units__bytes(text, bytes));
}

static void share_cell(struct table *table, __s64 part, __s64 whole)
{
	char text[UNITS_LEN] = "";

	if (part > 0 && whole > 0)
		snprintf(text, sizeof(text), part * 100.0 < whole ? "< 1 %%" : "%.0f %%",
			 part * 100.0 / whole);
	table__cell(table, text);
}

/* What the share is of: growth, or what a thread brought in, or what is resident. */
static __s64 weight(const struct view *view, __s64 rss, __s64 growth, __s64 faulted)
{
	if (growth == UNKNOWN_BYTES)
		return faulted;
	return view->to_ns > view->from_ns ? growth : rss;
}

static void add_cells(const struct group_table *to, __s64 rss, __s64 growth, __s64 faulted,
		      __s64 freed)
{
	share_cell(to->table, weight(to->view, rss, growth, faulted), to->whole);
	figure_cell(to, GROWTH, growth);
	figure_cell(to, RSS, rss);
	figure_cell(to, FAULTED, faulted);
	figure_cell(to, FREED, freed);
}

static void add_text(const struct group_table *to, const char *name, const char *place)
{
	char *clean = utf8__clean(name, true), *clean_place = utf8__clean(place, true);

	table__text(to->table, 0, "%s%s%s", clean ? clean : "?", *place ? PART_WIDE : "",
		    clean_place ? clean_place : "");
	free(clean_place);
	free(clean);
}

static const char *no_key(enum group_by by)
{
	return by == BY_THREAD ? "more threads" : "by no known stack";
}

static const char *no_key_why(enum group_by by)
{
	return by == BY_THREAD ? "(too many to tell apart)" : "(before tracing, or unattributed)";
}

static void add_stack_text(const struct group_table *to, const struct group_row *row)
{
	char *label = label__stack(to->session, row->stack, to->style->shown);

	table__text(to->table, 0, "%s", label ? label : "?");
	free(label);
}

static void add_frame_text(const struct group_table *to, const struct group_row *row)
{
	bool by_place = to->view->by == BY_FILE_LINE && row->frame.file;
	char *label = by_place ? label__place(&row->frame) : label__frame(&row->frame, true);

	table__text(to->table, 0, "%s", label ? label : "?");
	free(label);
}

static void add_region_text(const struct group_table *to, const struct group_row *row)
{
	char count[UNITS_LEN + 16] = "";

	if (row->nr > 1)
		snprintf(count, sizeof(count), "%u regions", row->nr);
	add_text(to, row->key, count);
}

static void add_row(const struct group_table *to, const struct group_row *row)
{
	enum group_by by = to->view->by;

	table__row(to->table, false);
	add_cells(to, row->rss, row->growth, row->faulted, row->freed);
	if (!row->key)
		add_text(to, no_key(by), no_key_why(by));
	else if (by == BY_STACK)
		add_stack_text(to, row);
	else if (by == BY_FUNCTION || by == BY_FILE_LINE)
		add_frame_text(to, row);
	else if (by == BY_REGION || by == BY_KIND)
		add_region_text(to, row);
	else
		add_text(to, row->key, "");
}

static __s64 sum_weights(const struct view *view)
{
	const struct other_row *other = &view->other_groups;
	__s64 sum = other->nr ? weight(view, other->rss, other->growth, other->faulted) : 0;

	sum = sum > 0 ? sum : 0;
	for (__u32 i = 0; i < view->nr_groups; i++) {
		const struct group_row *row = view->groups + i;
		__s64 part = weight(view, row->rss, row->growth, row->faulted);

		sum += part > 0 ? part : 0;
	}
	return sum;
}

static __s64 figure_of(const struct group_row *row, enum figure figure)
{
	const __s64 figures[] = { row->growth, row->rss, row->faulted, row->freed };

	return figures[figure];
}

static bool is_known(const struct view *view, enum figure figure)
{
	for (__u32 i = 0; i < view->nr_groups; i++) {
		if (figure_of(view->groups + i, figure) != UNKNOWN_BYTES)
			return true;
	}
	return false;
}

static void say_what_is_unknown(FILE *out, __u32 width, const struct view *view)
{
	if (view->by == BY_THREAD || (view->filter && view->filter->fields & FILTER_THREAD))
		facts__say(out, width,
			   "A page does not remember its thread: only what a thread brought in is "
			   "known, not what of it is still there.");
	else if (view->by == BY_REGION || view->by == BY_KIND)
		facts__say(out, width,
			   "faulted: came in the window and is still there; what went is in growth "
			   "only.");
}

static void add_other(const struct group_table *to)
{
	const struct other_row *other = &to->view->other_groups;

	if (!other->nr)
		return;
	table__row(to->table, false);
	add_cells(to, other->rss, other->growth, other->faulted, other->freed);
	table__text(to->table, 0, "%u more" PART_NEAR "(--all lists them)", other->nr);
}

int report__groups(FILE *out, const struct session *session, const struct view *view,
		   const struct report_style *style)
{
	const bool known[NR_FIGURES] = { is_known(view, GROWTH), is_known(view, RSS),
					 is_known(view, FAULTED), is_known(view, FREED) };
	const struct table_column columns[] = {
		{ "", 2 },
		{ known[GROWTH] ? "growth" : "", 0 },
		{ known[RSS] ? "resident" : "", 1 },
		{ known[FAULTED] ? "faulted" : "", known[GROWTH] ? 3 : 0 },
		{ known[FREED] ? "freed" : "", 4 },
	};
	struct group_table to = {
		.session = session,
		.view = view,
		.style = style,
		.table = table__new(columns, 5, group_by_name(view->by)),
		.whole = sum_weights(view),
	};
	int ret;

	if (!to.table)
		return -ENOMEM;
	memcpy(to.known, known, sizeof(to.known));
	for (__u32 i = 0; i < view->nr_groups; i++) {
		if (!view->groups[i].key)
			add_other(&to);
		add_row(&to, view->groups + i);
	}
	if (!view->nr_groups || view->groups[view->nr_groups - 1].key)
		add_other(&to);
	fprintf(out, "\nBy %s\n", group_by_name(view->by));
	say_what_is_unknown(out, style->width, view);
	ret = view->nr_groups ? table__print(to.table, out, style->width, style->color) : 0;
	if (!view->nr_groups)
		facts__say(out, style->width, "Nothing.");
	table__free(to.table);
	return ret;
}
