/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Regions as people think of them: mappings of one name (a library's segments, an allocator's
 * arenas) are one line, and so are their stacks that read alike. Figures of up to two windows with
 * the same end stand side by side.
 */
#ifndef RSSTRACE_REPORT_GROUPS_H
#define RSSTRACE_REPORT_GROUPS_H

#include <uthash.h>
#include "report/report.h"

enum group_window { WINDOW_FIRST, WINDOW_SECOND, NR_WINDOWS };

struct group_figure {
	bool known; /* a row of this window told it; else rss and growth are 0 */
	__s64 rss, growth;
};

struct group_stack {
	char *label; /* see label.h */
	struct group_figure figures[NR_WINDOWS];
	UT_hash_handle hh;
};

struct group {
	char *key;
	char *label;	  /* printable; parts as in table.h */
	const char *note; /* what kind of memory it is, NULL: nothing to say */
	__u32 nr_regions[NR_WINDOWS];
	bool unmapped;
	struct group_figure figures[NR_WINDOWS];
	struct group_figure
		without_stack[NR_WINDOWS]; /* of figures: from before tracing, or by nobody known */
	struct group_stack
		*stacks; /* sorted by growth of the first window, of the second, rss, label */
	UT_hash_handle hh;
};

struct groups {
	const struct session *session;
	__u32 shown;	     /* as in report_style */
	bool moved_only;     /* leave out stacks without growth: naming them all takes its time */
	bool show_pid;	     /* regions of several processes */
	struct group *first; /* uthash, in the order of the sort */
};

/* Add the regions of @view as @window. 0 or -ENOMEM. */
int groups__add(struct groups *groups, const struct view *view, enum group_window window);
void groups__sort(struct groups *groups); /* as the stacks; the first window decides */
void groups__fini(struct groups *groups);

#endif
