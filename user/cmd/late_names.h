/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Names come with the next tick, or some ticks later: how far to read behind a moment between two
 * ticks for them. At a tick a report says what `live` said there, not more.
 */
#ifndef RSSTRACE_CMD_LATE_NAMES_H
#define RSSTRACE_CMD_LATE_NAMES_H

#include <stdbool.h>
#include "model/session.h"

/* Zero: nothing is expected. */
struct late_names {
	bool expected;
	__u32 frame, nr_frames; /* that may lack theirs: from the first on */
	__u32 object, nr_objects;
	__u32 ticks; /* to wait for them yet */
};

/* The stacks @session knows by now are to be named. */
void late_names__expect(struct late_names *names, const struct session *session);

/* Another tick was fed: is nothing missing any more, or has it been waited for long enough? */
void late_names__ticked(struct late_names *names, const struct session *session);

#endif
