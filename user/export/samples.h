/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A view as flat samples: who (a stack, or one of the names for "no stack") holds how much in which
 * region. Every resident byte is in one sample, so that their sum is the kernel's RSS.
 */
#ifndef RSSTRACE_EXPORT_SAMPLES_H
#define RSSTRACE_EXPORT_SAMPLES_H

#include "view/query.h"

enum sample_value {
	VALUE_RESIDENT, /* at the window's end */
	VALUE_GROWTH,	/* signed, over the window */
	VALUE_SHRUNK,	/* only for asking: growth below zero, as a positive number */
	VALUE_FAULTED,	/* over the window; with VALUE_FREED known by stack, not by region */
	VALUE_FREED,
	NR_VALUES,
};

enum sample_origin {
	ORIGIN_STACK,
	ORIGIN_BEFORE,	     /* resident when tracing began */
	ORIGIN_UNATTRIBUTED, /* arrived, nobody knows by whom or where */
	ORIGIN_ERROR,	     /* the kernel's counters minus what was counted: signed */
};

struct sample {
	enum sample_origin origin;
	const struct stack_row *stack;	 /* ORIGIN_STACK: of the view; NULL: its row is missing */
	const struct region_row *region; /* NULL: in no one region */
	__s64 bytes[NR_VALUES];		 /* bytes[VALUE_SHRUNK] is 0 */
};

struct samples {
	__u32 nr, cap;
	struct sample *all;
	__s64 total[NR_VALUES]; /* resident: the view's rss.total; growth: its growth.total */
};

/*
 * samples__init() - from a view with all rows, which must outlive them. In the order of the view's
 * regions, then its stacks. 0 or -ENOMEM. O(rows).
 */
int samples__init(struct samples *samples, const struct view *view);
void samples__fini(struct samples *samples);

/* @value of @sample: of growth only what grew, of VALUE_SHRUNK what shrank; never negative. */
__u64 sample__positive(const struct sample *sample, enum sample_value value);

/* "stack", "before_attach", "unattributed", "error". */
const char *sample_origin__name(enum sample_origin origin);

/* "resident", "growth", ... */
const char *sample_value__name(enum sample_value value);
int sample_value__parse(const char *name, enum sample_value *value); /* 0 or -EINVAL */

#endif
