/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The followed processes, as the live side knows them. */
#ifndef RSSTRACE_LIVE_TARGETS_H
#define RSSTRACE_LIVE_TARGETS_H

#include <stdbool.h>
#include <sys/types.h>
#include <linux/types.h>
#include "live/residency.h"

struct target {
	pid_t pid;
	uid_t uid; /* when it was added; -1: unknown */
	__u32 space;
	bool root;  /* named by the user */
	bool alive; /* its last thread has not exited */
	__u64 cpu_ns; /* that it is known to have run, see live/overhead.h */
	struct residency *residency; /* NULL: not open, or cannot be */
};

struct targets {
	struct target *all;
	size_t nr, cap;
};

/* NULL: no memory. The pointer is valid until the next add. */
struct target *targets__add(struct targets *targets, pid_t pid, __u32 space, bool root);
struct target *targets__by_pid(struct targets *targets, pid_t pid);     /* the living one, or NULL */
struct target *targets__by_space(struct targets *targets, __u32 space); /* the first living one, or NULL */
struct target *targets__last_in(struct targets *targets, __u32 space);  /* living or not, or NULL */
/* Does a living one other than process @pid have @space? */
bool targets__any_other_in(const struct targets *targets, __u32 space, pid_t pid);
bool targets__any_root(const struct targets *targets);			/* is one alive? */
void targets__fini(struct targets *targets);

/* The residency of a living target, opened when first needed; NULL when it cannot be. */
struct residency *target__residency(struct target *target);
void target__died(struct target *target);

#endif
