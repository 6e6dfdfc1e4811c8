// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The live table: the last interval beside the window since attach, one line a region, its stacks
 * below it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/units.h"
#include "report/groups.h"
#include "report/sentences.h"
#include "report/table.h"
#include "report/whole_stacks.h"

#define STACKS_SHOWN 2 /* of a region, when the style does not say */

struct live_table {
	const struct view *interval, *since;
	__u32 stacks_shown;
	struct table *table;
};

static void print_head(FILE *out, const struct view *interval, const struct view *since,
		       __u32 width)
{
	struct facts facts = facts__begin(out, width, "   ", "", 2);
	char clock[UNITS_LEN], total[UNITS_LEN], anon[UNITS_LEN], file[UNITS_LEN], shmem[UNITS_LEN];

	facts__add(&facts, "%s", units__clock(clock, since->to_wall_ns));
	facts__add(&facts, "RSS %s", units__bytes(total, since->rss.total));
	facts.gap = " ";
	facts__add(&facts, "= anon %s", units__bytes(anon, since->rss.anon));
	facts__add(&facts, "+ file %s", units__bytes(file, since->rss.file));
	facts__add(&facts, "+ shmem %s", units__bytes(shmem, since->rss.shmem));
	facts.gap = "   ";
	facts__add_rate(&facts, interval);
	if (since->rss.swap)
		facts__add(&facts, "swap %s", units__bytes(total, since->rss.swap));
	facts__add_doubts(&facts, since);
	if (since->before_attach)
		facts__add(&facts, "%s from before tracing",
			   units__bytes(total, since->before_attach));
	if (since->unattributed)
		facts__add(&facts, "%s unattributed",
			   units__bytes_signed(total, since->unattributed));
	facts__finish(&facts);
}

/* @known: by the region's row. A window whose rows were cut cannot tell 0 for a region it does not
 * hold. */
static void growth_cell(struct table *table, __s64 growth, bool known, const struct view *view)
{
	char text[UNITS_LEN];

	if (!known && view->other_regions.nr)
		table__cell(table, "-");
	else
		table__cell(table, units__bytes_signed(text, growth));
}

/* A row of @group: its own with its figures and @rss, or one of its stacks' with theirs. */
static void add_row(const struct live_table *live, const struct group *group,
		    const struct group_figure *figures, const char *rss)
{
	table__row(live->table, figures == group->figures);
	table__cell(live->table, rss);
	growth_cell(live->table, figures[WINDOW_FIRST].growth, group->figures[WINDOW_FIRST].known,
		    live->interval);
	growth_cell(live->table, figures[WINDOW_SECOND].growth, group->figures[WINDOW_SECOND].known,
		    live->since);
}

static void add_group_row(const struct live_table *live, const struct group *group)
{
	const struct group_figure *figures = group->figures;
	__s64 rss = figures[figures[WINDOW_FIRST].known ? WINDOW_FIRST : WINDOW_SECOND].rss;
	char text[UNITS_LEN];

	add_row(live, group, figures, units__bytes(text, rss));
	table__group_text(live->table, group);
}

static bool moved(const struct group_figure *figures)
{
	return figures[WINDOW_FIRST].growth || figures[WINDOW_SECOND].growth;
}

static bool is_worth_a_row(const struct group *group)
{
	return moved(group->figures) || group->figures[WINDOW_FIRST].rss ||
	       group->figures[WINDOW_SECOND].rss;
}

static __u32 count_moved(const struct group *group)
{
	__u32 nr = 0;

	for (struct group_stack *stack = group->stacks; stack; stack = stack->hh.next)
		nr += moved(stack->figures);
	return nr;
}

static void add_figures(struct group_figure *sum, const struct group_figure *figures)
{
	for (int w = 0; w < NR_WINDOWS; w++)
		sum[w].growth += figures[w].growth;
}

/* The stacks that moved in either window. */
static void add_stacks(const struct live_table *live, const struct group *group)
{
	__u32 nr = count_moved(group), shown = 0;
	__u32 limit = stacks_to_show(nr, live->stacks_shown);
	struct group_figure rest[NR_WINDOWS] = { 0 };

	for (struct group_stack *stack = group->stacks; stack; stack = stack->hh.next) {
		if (!moved(stack->figures))
			continue;
		if (shown++ < limit) {
			add_row(live, group, stack->figures, "");
			table__text(live->table, 2, "%s", stack->label);
		} else {
			add_figures(rest, stack->figures);
		}
	}
	if (nr <= limit)
		return;
	add_row(live, group, rest, "");
	table__text(live->table, 2, "%u more stacks", nr - limit);
}

static void add_groups(const struct live_table *live, const struct groups *groups, __u32 top)
{
	bool cut = live->interval->other_regions.nr || live->since->other_regions.nr;
	__u32 nr = 0;

	for (const struct group *group = groups->first; group; group = group->hh.next) {
		if (!is_worth_a_row(group))
			continue;
		if (top && nr++ >= top) {
			cut = true;
			break;
		}
		add_group_row(live, group);
		add_stacks(live, group);
	}
	if (!cut)
		return;
	table__row(live->table, false);
	table__text(live->table, 0, "more regions" PART_NEAR "(--all lists them)");
}

static int print_table(FILE *out, const struct live_table *live, const struct groups *groups,
		       const struct report_style *style)
{
	char interval[UNITS_LEN], clock[UNITS_LEN], last[UNITS_LEN + 8], first[UNITS_LEN + 8];
	struct table_column columns[] = { { "resident", 1 }, { last, 0 }, { first, 2 } };
	struct live_table filled = *live;
	int ret;

	snprintf(last, sizeof(last), "+%s",
		 units__duration(interval, live->interval->to_ns - live->interval->from_ns));
	snprintf(first, sizeof(first), "since %s", units__clock(clock, live->since->from_wall_ns));
	filled.table = table__new(columns, 3, "region");
	if (!filled.table)
		return -ENOMEM;
	add_groups(&filled, groups, style->top);
	ret = table__print(filled.table, out, style->width, style->color);
	table__free(filled.table);
	return ret;
}

static void print_quiet(FILE *out, __u32 width, const struct view *interval,
			const struct view *since)
{
	if (!since->nr_living)
		return;
	if (since->grown <= 0)
		facts__say(out, width, "Nothing has grown since tracing began.");
	else if (interval->grown <= 0)
		facts__say(out, width, "Nothing grew in this interval.");
}

int report__live(FILE *out, const struct session *session, const struct view *interval,
		 const struct view *since, const struct report_style *style)
{
	struct groups groups = {
		.session = session,
		.shown = style->shown,
		.moved_only = true,
	};
	struct live_table live = { interval, since, style->stacks ? style->stacks : STACKS_SHOWN,
				   NULL };
	int ret = groups__add(&groups, interval, WINDOW_FIRST);

	if (!ret)
		ret = groups__add(&groups, since, WINDOW_SECOND);
	groups__sort(&groups);
	print_head(out, interval, since, style->width);
	if (style->why_incomplete)
		report__incomplete(out, style->width, "", since);
	if (since->trend.kind != TREND_TOO_SHORT)
		report__trend(out, style->width, since);
	report__fall(out, style->width, interval);
	report__target_state(out, style->width, session, since);
	report__marks(out, interval, style->top);
	print_quiet(out, style->width, interval, since);
	if (!ret && groups.first)
		ret = print_table(out, &live, &groups, style);
	report__causes(out, style->width, interval);
	groups__fini(&groups);
	if (ret)
		return ret;
	return fflush(out) || ferror(out) ? -EIO : 0;
}
