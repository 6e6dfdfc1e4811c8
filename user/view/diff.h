/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Two moments side by side: of one trace, or of two that need not share a process, a start or an
 * address. What is compared is resident bytes; stacks are matched by names (stack_path.h), regions
 * by kind and name.
 */
#ifndef RSSTRACE_VIEW_DIFF_H
#define RSSTRACE_VIEW_DIFF_H

#include "view/query.h"

struct diff_side {
	const struct session *session;
	const struct snapshot *moment;
};

enum diff_status { DIFF_SAME, DIFF_CHANGED, DIFF_NEW, DIFF_GONE };

struct diff_row {
	enum diff_status status;
	__s64 a, b;	  /* resident bytes */
	__u32 nr_a, nr_b; /* regions or stacks summed up in it */
	/* of a region */
	char *name; /* region_key() without addresses; NULL: this is a row of stacks */
	enum region_kind kind;
	/* of stacks */
	const struct session *session; /* that names it: B's if it is there */
	__u32 stack;		       /* owner index there; 0: no known stack */
};

struct diff_list {
	__u32 nr;
	struct diff_row *rows; /* by absolute change, largest first, then size, then name or id */
	struct diff_row other; /* those left out, summed up; nr_a: how many rows */
};

struct diff_options {
	__u32 top;	   /* rows of each list; 0: all, also those that are the same */
	__s64 least_bytes; /* a smaller change is none; at least 1 */
	__u32 shown; /* match stacks also by frames of these classes, not only by the program's own */
};

struct view_diff {
	struct view *a, *b; /* as instants */
	struct members change;
	bool differs; /* some row does by least_bytes or more */
	struct diff_list regions, stacks;
};

/* NULL on ENOMEM. The sessions and moments must outlive it. */
struct view_diff *view_diff__new(const struct diff_side *a, const struct diff_side *b,
				 const struct diff_options *options);
void view_diff__free(struct view_diff *diff);

const char *diff_status_name(enum diff_status status); /* "same", "changed", "new", "gone" */

#endif
