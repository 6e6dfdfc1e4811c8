/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Names of frames in no file: what the JIT compiler that made the code calls it, see perf_map.h. */
#ifndef RSSTRACE_LIVE_JIT_NAMES_H
#define RSSTRACE_LIVE_JIT_NAMES_H

#include "elf/symbolizer.h"
#include "live/targets.h"
#include "model/session.h"

struct jit_names {
	struct jit *jits; /* uthash, by space */
};

/* Frame @index of the session, of code of @space, wants a name; it may come later. 0 or -ENOMEM. */
int jit_names__await(struct jit_names *names, __u32 space, __u32 index);

/* Calls @tell for each frame there is a name for now; stops when it fails. Its code, or 0. */
int jit_names__tell(struct jit_names *names, const struct session *session, struct targets *targets,
		    int (*tell)(void *context, const struct frame *frame,
				const struct symbol_lookup *found),
		    void *context);
void jit_names__fini(struct jit_names *names);

#endif
