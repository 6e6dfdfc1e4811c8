// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/units.h"
#include "report/diff.h"
#include "report/label.h"
#include "report/sentences.h"
#include "report/table.h"
#include "report/utf8.h"
#include "report/whole_stacks.h"

static void add_clean(struct facts *facts, const char *format, const char *text)
	__attribute__((format(printf, 2, 0)));
static void add_clean(struct facts *facts, const char *format, const char *text)
{
	char *clean = utf8__clean(text, true);

	facts__add(facts, format, clean ? clean : "?");
	free(clean);
}

static void print_side(FILE *out, __u32 width, const char *letter, const struct view *view,
		       const char *trace, __u64 lost)
{
	struct facts facts = facts__begin(out, width, "   ", "", 2);
	char text[UNITS_LEN];

	add_clean(&facts, *letter == 'A' ? "A  %s" : "B  %s", trace);
	add_clean(&facts, "%s", *view->comm ? view->comm : "-");
	facts__add(&facts, "pid %u", view->pid);
	facts__add(&facts, "at %s", units__clock(text, view->to_wall_ns));
	facts__add(&facts, "%s in", units__duration(text, view->to_ns));
	facts__add(&facts, "RSS %s", units__bytes(text, view->rss.total));
	if (view->before_attach)
		facts__add(&facts, "%s from before tracing",
			   units__bytes(text, view->before_attach));
	if (view->unattributed)
		facts__add(&facts, "%s unattributed",
			   units__bytes_signed(text, view->unattributed));
	facts__add(&facts, "stacks %s whole", whole_stacks__text(text, &view->resident_walks));
	if (view->error)
		facts__add(&facts, "books off by %s", units__bytes_signed(text, view->error));
	if (lost)
		facts__add(&facts, "%s lost", count_text(text, lost));
	facts__finish(&facts);
}

static void print_change(FILE *out, __u32 width, const struct view_diff *diff)
{
	struct facts facts = facts__begin(out, width, "   ", "", 2);
	const struct members *change = &diff->change;
	char text[UNITS_LEN];

	if (diff->a->rss.total)
		facts__add(&facts, "RSS %s (%+.1f %%)", units__bytes_signed(text, change->total),
			   change->total * 100.0 / diff->a->rss.total);
	else
		facts__add(&facts, "RSS %s", units__bytes_signed(text, change->total));
	facts__add(&facts, "anon %s", units__bytes_signed(text, change->anon));
	facts__add(&facts, "file %s", units__bytes_signed(text, change->file));
	facts__add(&facts, "shmem %s", units__bytes_signed(text, change->shmem));
	if (change->swap)
		facts__add(&facts, "swap %s", units__bytes_signed(text, change->swap));
	facts__finish(&facts);
}

static void side_cell(struct table *table, __s64 bytes, __u32 nr)
{
	char text[UNITS_LEN];

	if (!nr)
		table__cell(table, "-");
	else
		table__cell(table, bytes < 0 ? units__bytes_signed(text, bytes)
					     : units__bytes(text, bytes));
}

static void add_cells(struct table *table, const struct diff_row *row)
{
	char text[UNITS_LEN];

	table__row(table, false);
	table__cell(table, units__bytes_signed(text, row->b - row->a));
	side_cell(table, row->a, row->nr_a);
	side_cell(table, row->b, row->nr_b);
	table__cell(table, row->status == DIFF_NEW || row->status == DIFF_GONE
				   ? diff_status_name(row->status)
				   : "");
}

static void add_region(struct table *table, const struct diff_row *row)
{
	__u32 nr = row->nr_a > row->nr_b ? row->nr_a : row->nr_b;
	char *name = utf8__clean(row->name, true), regions[UNITS_LEN + 16] = "";

	if (nr > 1)
		snprintf(regions, sizeof(regions), PART_KEEP "%u regions", nr);
	table__text(table, 0, "%s%s%s", name ? name : "?",
		    row->kind == KIND_FILE ? PART_KEEP "mapped file" : "", regions);
	free(name);
}

static void add_stack(struct table *table, const struct diff_row *row, __u32 shown)
{
	char *label = row->stack ? label__stack(row->session, row->stack, shown) : NULL;

	if (row->stack)
		table__text(table, 0, "%s", label ? label : "?");
	else
		table__text(table, 0,
			    "by no known stack" PART_WIDE "(before tracing, or unattributed)");
	free(label);
}

static void add_other(struct table *table, const struct diff_row *other)
{
	struct diff_row sum = *other;

	if (!other->nr_a || other->a == other->b)
		return;
	sum.nr_b = sum.nr_a;
	add_cells(table, &sum);
	table__text(table, 0, "%u more" PART_NEAR "(--all lists them)", other->nr_a);
}

static int print_list(FILE *out, const struct diff_list *list, bool stacks,
		      const struct report_style *style)
{
	static const struct table_column columns[] = {
		{ "change", 0 }, { "A", 3 }, { "B", 2 }, { "", 1 }
	};
	struct table *table = table__new(columns, 4, stacks ? "stack" : "region");
	int ret;

	if (!table)
		return -ENOMEM;
	for (__u32 i = 0; i < list->nr; i++) {
		add_cells(table, list->rows + i);
		if (stacks)
			add_stack(table, list->rows + i, style->shown);
		else
			add_region(table, list->rows + i);
	}
	add_other(table, &list->other);
	fprintf(out, "\n%s\n", stacks ? "By which code" : "Where");
	ret = table__print(table, out, style->width, style->color);
	table__free(table);
	return ret;
}

static void say_verdict(FILE *out, __u32 width, const struct diff_report *report)
{
	char text[UNITS_LEN];

	if (report->diff->differs)
		return;
	if (report->least_bytes > 1)
		facts__say(out, width, "No region and no stack differs by %s or more.",
			   units__bytes(text, report->least_bytes));
	else
		facts__say(out, width, "No region and no stack differs.");
}

int diff_report__text(FILE *out, const struct diff_report *report, const struct report_style *style)
{
	const struct view_diff *diff = report->diff;
	int ret = 0;

	print_side(out, style->width, "A", diff->a, report->trace_a, report->lost_a);
	print_side(out, style->width, "B", diff->b, report->trace_b, report->lost_b);
	if (style->why_incomplete) {
		report__incomplete(out, style->width, "A  ", diff->a);
		report__incomplete(out, style->width, "B  ", diff->b);
	}
	print_change(out, style->width, diff);
	say_verdict(out, style->width, report);
	if (diff->regions.nr)
		ret = print_list(out, &diff->regions, false, style);
	if (!ret && diff->stacks.nr)
		ret = print_list(out, &diff->stacks, true, style);
	if (ret)
		return ret;
	return fflush(out) || ferror(out) ? -EIO : 0;
}
