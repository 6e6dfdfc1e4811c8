/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * RSS over time, in bounded memory: a point a tick, and when there are too many, every second one
 * is dropped and from then on only every second tick becomes one. What is kept depends on the ticks
 * alone, so a replay keeps the same points.
 *
 * Invariant: points[i] is tick i * stride.
 */
#ifndef RSSTRACE_MODEL_SERIES_H
#define RSSTRACE_MODEL_SERIES_H

#include "model/session.h"

#define SERIES_MAX 4096	     /* points of a session: 160 KiB. Even, as the next */
#define SPACE_SERIES_MAX 512 /* points of each of up to a thousand spaces */

struct series {
	__u32 nr, cap;
	__u64 stride; /* 0: nothing was added yet */
	__u64 skip;   /* ticks to pass over before the next point */
	struct series_point *points;
};

/* Never more than @max points. 0 or -ENOMEM. */
int series__add(struct series *series, const struct series_point *point, __u32 max);
void series__fini(struct series *series);

#endif
