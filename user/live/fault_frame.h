/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Where on the kernel stack a fault is described, learned by faults of our own. Internal to
 * kernel_side. */
#ifndef RSSTRACE_LIVE_FAULT_FRAME_H
#define RSSTRACE_LIVE_FAULT_FRAME_H

#include <stdbool.h>
#include "live/kernel_object.h"

/* In the environment: do without, so that tests hold the other way, too. */
#define FAULT_HOOK_VARIABLE "RSSTRACE_FAULT_HOOK"

/*
 * Learn it, for the programs of @object, loaded and not attached yet; see bpf/fault_frame.bpf.h.
 * false: faults of different kinds have it in different places, or it is not found; then the
 * programs know of user-mode faults only by their hook. Takes some milliseconds.
 */
bool fault_frame__learn(const struct kernel_object *object);

#endif
