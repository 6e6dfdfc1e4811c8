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

/* marks. */
int view__add_marks(struct view *view, const struct window *window);

/* stacks, other_stacks, resident_walks, faulted_walks. */
int view__add_stacks(struct view *view, const struct window *window);

/*
 * Keep only what options->filter lets through, in regions and stacks that hold every row; sums are
 * made anew. 0 or -ENOMEM.
 */
int view__filter(struct view *view, const struct window *window, const struct filter *filter);

/* groups of all rows. 0 or -ENOMEM. */
int view__add_groups(struct view *view, const struct window *window);

/* Shorten the lists to window->top rows. */
void view__cut(struct view *view, __u32 top);

/* For qsort: regions and stacks in the order of a view; unknown growth is the smallest. */
int region_row__compare(const void *a, const void *b);
int stack_row__compare(const void *a, const void *b);

/* What is unknown of a part is unknown of the sum. */
static inline void bytes__add(__s64 *sum, __s64 bytes)
{
	*sum = *sum == UNKNOWN_BYTES || bytes == UNKNOWN_BYTES ? UNKNOWN_BYTES : *sum + bytes;
}

/* Is any of the figures known, and not 0? */
static inline bool says_something(__s64 rss, __s64 growth, __s64 faulted, __s64 freed)
{
	const __s64 figures[] = { rss, growth, faulted, freed };

	for (size_t i = 0; i < sizeof(figures) / sizeof(*figures); i++) {
		if (figures[i] && figures[i] != UNKNOWN_BYTES)
			return true;
	}
	return false;
}

/* @frame stands for @other, too: a line only one of them is in says nothing about both. */
static inline void frame_row__merge(struct frame_row *frame, const struct frame_row *other)
{
	if (frame->line != other->line)
		frame->line = 0;
}

/* For qsort: the larger one first. */
#define DESCENDING(a, b) (((a) < (b)) - ((a) > (b)))

/* Is @space looked at? */
static inline bool window__has(const struct window *window, const struct space_snapshot *space)
{
	return !window->pid || space->pid == window->pid;
}

/* The same for an address space by id. O(log spaces). */
bool window__has_space(const struct window *window, __u32 space);

static inline __u32 window__shown(const struct window *window, __u32 nr)
{
	return window->top && window->top < nr ? window->top : nr;
}

#endif
