/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Moments of a trace as people write them (--from, --to, --at), and the ticks they fall on. */
#ifndef RSSTRACE_CMD_INSTANTS_H
#define RSSTRACE_CMD_INSTANTS_H

#include <stddef.h>
#include <linux/types.h>
#include "base/err.h"

enum instant_kind {
	INSTANT_START,	/* the first tick */
	INSTANT_END,	/* the last tick */
	INSTANT_PEAK,	/* highest RSS */
	INSTANT_SINCE,	/* ns after the start */
	INSTANT_BEFORE, /* ns before the end */
	INSTANT_WALL,	/* ns since the epoch */
};

struct instant {
	enum instant_kind kind;
	__u64 ns;
};

/* instant__parse() - 0, or -EINVAL and a sentence that lists what is accepted. */
int instant__parse(struct instant *instant, const char *text, struct err *err);

/* The ticks of a trace; only at a tick are the books complete. */
struct timeline {
	__u64 *ticks; /* ns since the start of the stream, ascending */
	size_t nr, cap;
	__u64 wall_ns; /* CLOCK_REALTIME of the start */
	__u64 peak_ns; /* only for INSTANT_PEAK */
};

/* 0 or -ENOMEM. A tick that goes back in time counts as one of the same moment as the tick before.
 */
int timeline__add(struct timeline *timeline, __u64 tick_ns);
void timeline__fini(struct timeline *timeline);

/* Index of the last tick at or before the instant, 0 if it lies before the first. Needs nr > 0. */
size_t timeline__find(const struct timeline *timeline, const struct instant *instant);

#endif
