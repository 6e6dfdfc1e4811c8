// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What a filter leaves. Regions and the stacks in them are a table of bytes: a term on regions
 * takes rows of it, a term on stacks takes columns, and the sums of what is left are exact. What
 * was ever brought in or freed is known of whole stacks only, and of a thread nothing but that.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include "model/page_ledger.h"
#include "view/rows.h"

/* A yes or no for each stack. */
struct chosen {
	__u32 nr;
	bool *yes;
};

static bool chosen__has(const struct chosen *chosen, __u32 stack)
{
	return stack < chosen->nr && chosen->yes[stack];
}

/* The stacks the terms hold for; also those without a row, which regions may name. */
static int choose_stacks(struct chosen *chosen, const struct window *window,
			 const struct filter *filter)
{
	chosen->nr = window->to->nr_stacks;
	chosen->yes = calloc(chosen->nr + 1, sizeof(*chosen->yes));
	if (!chosen->yes)
		return -ENOMEM;
	for (__u32 id = OWNER_FIRST_STACK; id < chosen->nr; id++) {
		struct stack_row row = { .id = id };

		if (stack_row__name(&row, window->session))
			return -ENOMEM;
		chosen->yes[id] = filter__stack(filter, &row);
		stack_row__fini(&row);
	}
	return 0;
}

static void keep_chosen(struct region_row *row, const struct chosen *chosen)
{
	__u32 kept = 0;

	row->rss = row->growth = row->faulted = 0;
	row->before = row->unknown = (struct region_stack_row){ 0 };
	for (__u32 i = 0; i < row->nr_stacks; i++) {
		const struct region_stack_row stack = row->stacks[i];

		if (!chosen__has(chosen, stack.stack))
			continue;
		row->rss += stack.rss;
		row->growth += stack.growth;
		row->faulted += stack.faulted;
		row->stacks[kept++] = stack;
	}
	row->nr_stacks = kept;
}

static void filter_regions(struct view *view, const struct filter *filter,
			   const struct chosen *chosen)
{
	__u32 kept = 0;

	view->grown = view->shrunk = 0;
	for (__u32 i = 0; i < view->nr_regions; i++) {
		struct region_row row = view->regions[i];

		if (filter->fields & FILTER_OF_STACKS)
			keep_chosen(&row, chosen);
		if (!filter__region(filter, &row) ||
		    (filter->fields & FILTER_OF_STACKS && !row.nr_stacks)) {
			free(row.stacks);
			continue;
		}
		*(row.growth > 0 ? &view->grown : &view->shrunk) += row.growth;
		view->regions[kept++] = row;
	}
	view->nr_regions = kept;
	qsort(view->regions, kept, sizeof(*view->regions), region_row__compare);
}

/* Of each stack what the regions that are left hold of it. */
static int count_in_regions(struct view *view, const struct window *window)
{
	struct region_stack_row *sums = calloc(window->to->nr_stacks + 1, sizeof(*sums));

	if (!sums)
		return -ENOMEM;
	for (__u32 r = 0; r < view->nr_regions; r++) {
		for (__u32 i = 0; i < view->regions[r].nr_stacks; i++) {
			const struct region_stack_row *row = view->regions[r].stacks + i;

			sums[row->stack].rss += row->rss;
			sums[row->stack].growth += row->growth;
		}
	}
	for (__u32 i = 0; i < view->nr_stacks; i++) {
		struct stack_row *row = view->stacks + i;

		row->rss = sums[row->id].rss;
		row->growth = sums[row->id].growth;
		row->faulted = row->freed = UNKNOWN_BYTES;
	}
	free(sums);
	return 0;
}

/* Of each stack what the threads asked for brought in by it. */
static int count_by_threads(struct view *view, const struct window *window,
			    const struct filter *filter)
{
	const struct snapshot *from = window->from, *to = window->to;
	__s64 *sums = calloc(to->nr_stacks + 1, sizeof(*sums));

	if (!sums)
		return -ENOMEM;
	for (__u32 i = 1; i < to->nr_thread_stacks; i++) {
		const struct thread_stack *pair = session__thread_stack(window->session, i);
		__u64 then = i < from->nr_thread_stacks ? from->thread_pages[i] : 0;

		if (pair->owner < to->nr_stacks && window__has_space(window, pair->space) &&
		    filter__thread(filter, pair->tid,
				   session__thread_comm(window->session, pair->tid)))
			sums[pair->owner] += (to->thread_pages[i] - then) * LEDGER_PAGE_BYTES;
	}
	for (__u32 i = 0; i < view->nr_stacks; i++) {
		struct stack_row *row = view->stacks + i;

		row->rss = row->growth = row->freed = UNKNOWN_BYTES;
		row->faulted = sums[row->id];
	}
	free(sums);
	return 0;
}

static void filter_stacks(struct view *view, const struct filter *filter,
			  const struct chosen *chosen)
{
	__u32 kept = 0;

	for (__u32 i = 0; i < view->nr_stacks; i++) {
		struct stack_row row = view->stacks[i];

		if (!says_something(row.rss, row.growth, row.faulted, row.freed) ||
		    (filter->fields & FILTER_OF_STACKS && !chosen__has(chosen, row.id))) {
			stack_row__fini(&row);
			continue;
		}
		view->stacks[kept++] = row;
	}
	view->nr_stacks = kept;
	qsort(view->stacks, kept, sizeof(*view->stacks), stack_row__compare);
}

static void sum_regions(const struct view *view, __s64 *rss, __s64 *growth)
{
	for (__u32 i = 0; i < view->nr_regions; i++) {
		*rss += view->regions[i].rss;
		*growth += view->regions[i].growth;
	}
}

/* With a term on threads no region is left: its pages do not remember theirs. */
static void drop_regions(struct view *view)
{
	for (__u32 i = 0; i < view->nr_regions; i++)
		free(view->regions[i].stacks);
	view->nr_regions = 0;
	view->grown = view->shrunk = 0;
}

int view__filter(struct view *view, const struct window *window, const struct filter *filter)
{
	struct chosen chosen = { 0 };
	int ret = 0;

	view->filter = filter;
	sum_regions(view, &view->filtered.all_rss, &view->filtered.all_growth);
	if (filter->fields & FILTER_OF_STACKS)
		ret = choose_stacks(&chosen, window, filter);
	if (!ret && filter->fields & FILTER_THREAD) {
		drop_regions(view);
		ret = count_by_threads(view, window, filter);
		view->filtered.rss = view->filtered.growth = UNKNOWN_BYTES;
	} else if (!ret) {
		filter_regions(view, filter, &chosen);
		sum_regions(view, &view->filtered.rss, &view->filtered.growth);
		if (filter->fields & FILTER_OF_REGIONS)
			ret = count_in_regions(view, window);
	}
	if (!ret)
		filter_stacks(view, filter, &chosen);
	free(chosen.yes);
	return ret;
}
