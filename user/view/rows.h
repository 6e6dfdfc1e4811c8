/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The two lists of a view, each built by its own file. Both: 0 or -ENOMEM; view__free() frees what
 * is there. */
#ifndef RSSTRACE_VIEW_ROWS_H
#define RSSTRACE_VIEW_ROWS_H

#include "view/query.h"

/* What a list is built from. */
struct window {
	const struct session *session;
	const struct snapshot *from, *to;
	bool unnamed_stacks;
	__u32 top; /* rows that are shown; 0: all */
	__u32 pid; /* the only process to look at; 0: all */
};

/* regions, other_regions, grown, shrunk. */
int view__add_regions(struct view *view, const struct window *window);

/* stacks, other_stacks, incomplete. */
int view__add_stacks(struct view *view, const struct window *window);

/* For qsort: the larger one first. */
#define DESCENDING(a, b) (((a) < (b)) - ((a) > (b)))

/* Is @space looked at? */
static inline bool window__has(const struct window *window, const struct space_snapshot *space)
{
	return !window->pid || space->pid == window->pid;
}

static inline __u32 window__shown(const struct window *window, __u32 nr)
{
	return window->top && window->top < nr ? window->top : nr;
}

#endif
