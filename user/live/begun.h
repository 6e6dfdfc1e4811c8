/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What programs had mapped right after they began, read when the kernel side said so: by the time
 * the stream comes to their REC_EXEC they may be over. Internal to unwind_watch.
 */
#ifndef RSSTRACE_LIVE_BEGUN_H
#define RSSTRACE_LIVE_BEGUN_H

#include <stdbool.h>
#include "live/proc_maps.h"

#define BEGUN_MAX 256 /* later ones take the place of the oldest */

struct begun_program {
	__u32 space; /* 0: none */
	struct proc_maps maps;
};

struct begun {
	struct begun_program programs[BEGUN_MAX];
	unsigned int next;
};

/* @maps become the list's. */
void begun__note(struct begun *begun, __u32 space, struct proc_maps *maps);

/* The maps of @space, the caller's from now on; false: nothing is known of it. O(BEGUN_MAX). */
bool begun__take(struct begun *begun, __u32 space, struct proc_maps *maps);
void begun__fini(struct begun *begun);

#endif
