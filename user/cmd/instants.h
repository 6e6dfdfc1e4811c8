/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Moments of a trace as people write them (--from, --to, --at), and the ticks they fall on. */
#ifndef RSSTRACE_CMD_INSTANTS_H
#define RSSTRACE_CMD_INSTANTS_H

#include <stddef.h>
#include <linux/types.h>
#include "model/session.h"

enum instant_kind {
	INSTANT_START,	/* the first tick */
	INSTANT_END,	/* the last tick */
	INSTANT_PEAK,	/* highest RSS */
	INSTANT_SINCE,	/* ns after the start */
	INSTANT_BEFORE, /* ns before the end */
	INSTANT_WALL,	/* ns since the epoch */
	INSTANT_MARK,	/* the last mark with this label */
};

struct instant {
	enum instant_kind kind;
	__u64 ns;
	const char *label; /* of INSTANT_MARK, borrowed: LABEL or LABEL#N */
};

/*
 * instant__parse() - what is no other moment may be a mark's label; "mark:LABEL" is one for certain.
 * 0, or -EINVAL and a sentence that lists what is accepted. Borrows @text.
 */
int instant__parse(struct instant *instant, const char *text, struct err *err);

/* The ticks of a trace; only at a tick are the books complete. */
struct timeline {
	__u64 *ticks; /* ns since the start of the stream, ascending */
	size_t nr, cap;
	__u64 wall_ns; /* CLOCK_REALTIME of the start */
	__u64 peak_ns; /* only for INSTANT_PEAK */
	const struct mark *marks; /* borrowed, in stream order */
	__u32 nr_marks;
};

/* 0 or -ENOMEM. A tick that goes back in time counts as one of the same moment as the tick before.
 */
int timeline__add(struct timeline *timeline, __u64 tick_ns);
void timeline__fini(struct timeline *timeline);

/*
 * timeline__mark() - the mark @label names: the last one of that label, or for "LABEL#N" its Nth, from 1. A
 * label that has the '#' itself comes first. NULL: there is none.
 */
const struct mark *timeline__mark(const struct timeline *timeline, const char *label);

/*
 * Index of the last tick at or before the instant, 0 if it lies before the first; for a mark, its tick.
 * Needs nr > 0, and a mark that is there.
 */
size_t timeline__find(const struct timeline *timeline, const struct instant *instant);

#endif
