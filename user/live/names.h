/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Names for what the model has only numbers for: paths of mapped files, functions and lines of frames. */
#ifndef RSSTRACE_LIVE_NAMES_H
#define RSSTRACE_LIVE_NAMES_H

#include "live/debug_fetch.h"
#include "live/kernel_side.h"
#include "live/proc_maps.h"
#include "live/record_queue.h"
#include "live/targets.h"
#include "live/unwind_watch.h"
#include "model/session.h"

struct names;

/* @debuginfod: NULL, or as debug_fetch__new(). NULL and a sentence. */
struct names *names__new(const char *debuginfod, struct err *err);
void names__free(struct names *names);

/* Has the path of file (dev, ino) been told? */
bool names__is_known(const struct names *names, __u32 dev, __u64 ino);

/* A REC_OBJECT for each mapped file in @maps not told before. 0 or -ENOMEM. */
int names__tell_maps(struct names *names, const struct proc_maps *maps, struct record_queue *queue);

/*
 * names__tell() - a REC_OBJECT for each object the model has no path for and a REC_SYMBOL for each frame without a
 * name, oldest first, with the build-ids of their files, for at most @budget_ns (0: all of them). 0, 1 when some are left, or -ENOMEM.
 * Within a budget the ring of @kernel is emptied now and then, into the same queue: it is full in less.
 */
int names__tell(struct names *names, const struct session *session, struct targets *targets,
		struct unwind_watch *unwind, struct kernel_side *kernel, struct record_queue *queue,
		__u64 budget_ns);

/*
 * Tracing ends: do frames wait for a debug file that is being fetched? Then names__tell() has more to tell later,
 * DEBUG_FETCH_WAIT_NS after this was first asked at the latest.
 */
bool names__are_awaited_last(struct names *names);

/* What was fetched so far; all 0 when nothing was to be. */
struct debug_fetch_stats names__fetched(const struct names *names);

/* Heap that symbol tables and DWARF have held at most, bytes. */
__u64 names__memory_bytes(const struct names *names);

#endif
