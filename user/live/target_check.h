/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Can this process be traced, and if not, in one sentence, why? */
#ifndef RSSTRACE_LIVE_TARGET_CHECK_H
#define RSSTRACE_LIVE_TARGET_CHECK_H

#include "live/proc_maps.h"

/*
 * target_check() - fills @status of process @pid. 0, or -errno with a sentence: no such process, a thread of another
 * process, a kernel thread, a zombie, ourselves, or we see another pid namespace than the kernel's programs do.
 */
int target_check(pid_t pid, struct proc_status *status, struct err *err);

#endif
