/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A thread that answers the kernel side's unwinder at once, whatever the rest of the live side is
 * busy with: it builds the tables of new code, and walks the stacks copied while they were missing.
 *
 * The tables are the thread's and the caller's in turn: everything goes through here, under one
 * lock. Walked stacks wait here until the caller has taken from the main ring what came before
 * them.
 */
#ifndef RSSTRACE_LIVE_UNWIND_WATCH_H
#define RSSTRACE_LIVE_UNWIND_WATCH_H

#include "live/record_queue.h"
#include "live/unwind_upload.h"

struct unwind_watch;

/* Takes the maps of @fds into use and starts the thread. NULL and a sentence: no memory, no
 * thread, a map of another shape. */
struct unwind_watch *unwind_watch__new(const struct unwind_map_fds *fds, struct err *err);
void unwind_watch__free(struct unwind_watch *watch);

/* As unwind_upload__sync(), __preload(), __forget() and __stats(). A sync right behind another of
 * the same space says 0 and is made a little later, by the thread. */
int unwind_watch__sync(struct unwind_watch *watch, __u32 space, pid_t pid, struct err *err);
int unwind_watch__preload(struct unwind_watch *watch, pid_t pid, const struct proc_maps *maps);
void unwind_watch__forget(struct unwind_watch *watch, __u32 space);
struct unwind_upload_stats unwind_watch__stats(struct unwind_watch *watch);

/* Does process @pid run in another space than @space by now? */
bool unwind_watch__has_gone_on(struct unwind_watch *watch, pid_t pid, __u32 space);

/* What the program that began in @space had mapped then, the caller's to free; false: unknown. */
bool unwind_watch__take_maps(struct unwind_watch *watch, __u32 space, struct proc_maps *maps);

/* As unwind_upload__held_file(); good until unwind_watch__free(). */
int unwind_watch__held_file(struct unwind_watch *watch, __u32 dev, __u64 ino);

/*
 * The stacks walked from copies, as REC_STACKs. What the mappings of a stack follow from must stand
 * before it, and the end of its space behind it: so
 * unwind_watch__collect() - before the main ring is drained: the copies made so far are walked;
 * unwind_watch__give() - afterwards: those are pushed. Number of records, or -ENOMEM. Both leave it
 *   for the next time if the thread is at work, or copies come faster than they are walked, unless
 *   @all are wanted: then they wait, and half a second is spent on it;
 * unwind_watch__give_space() - before the end of @space is pushed: all of its own.
 */
void unwind_watch__collect(struct unwind_watch *watch, bool all);
int unwind_watch__give(struct unwind_watch *watch, bool all, struct record_queue *queue);
int unwind_watch__give_space(struct unwind_watch *watch, __u32 space, struct record_queue *queue);

/*
 * unwind_watch__end() - before the last of these: copies that wait for a look at code that never
 * stands still get one more half second, and are then walked by what is known.
 */
void unwind_watch__end(struct unwind_watch *watch);

#endif
