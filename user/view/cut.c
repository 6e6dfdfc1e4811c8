// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Shortens the lists of a view that was made whole. What goes is summed up. */
#include <stdlib.h>
#include "view/rows.h"

static void add_other(struct other_row *other, __s64 rss, __s64 growth, __s64 faulted, __s64 freed)
{
	other->nr++;
	bytes__add(&other->rss, rss);
	bytes__add(&other->growth, growth);
	bytes__add(&other->faulted, faulted);
	bytes__add(&other->freed, freed);
}

static void cut_regions(struct view *view, __u32 top)
{
	for (; view->nr_regions > top; view->nr_regions--) {
		struct region_row *row = view->regions + view->nr_regions - 1;

		add_other(&view->other_regions, row->rss, row->growth, row->faulted, 0);
		free(row->stacks);
	}
}

static void cut_stacks(struct view *view, __u32 top)
{
	for (; view->nr_stacks > top; view->nr_stacks--) {
		struct stack_row *row = view->stacks + view->nr_stacks - 1;

		add_other(&view->other_stacks, row->rss, row->growth, row->faulted, row->freed);
		stack_row__fini(row);
	}
}

/* The row without key is not one of the many: it stays, last. */
static void cut_groups(struct view *view, __u32 top)
{
	struct group_row *groups = view->groups;
	bool keyless = view->nr_groups && !groups[view->nr_groups - 1].key;
	__u32 end = view->nr_groups - keyless;

	for (__u32 i = top; i < end; i++) {
		struct group_row *row = groups + i;

		add_other(&view->other_groups, row->rss, row->growth, row->faulted, row->freed);
		free(row->key);
	}
	if (end <= top)
		return;
	if (keyless)
		groups[top] = groups[end];
	view->nr_groups = top + keyless;
}

void view__cut(struct view *view, __u32 top)
{
	if (!top)
		return;
	cut_regions(view, top);
	cut_stacks(view, top);
	cut_groups(view, top);
}
