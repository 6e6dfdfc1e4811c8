/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the live side learns outside the ring, as records: the stream's start, a process, its maps, its pages. */
#ifndef RSSTRACE_LIVE_FACTS_H
#define RSSTRACE_LIVE_FACTS_H

#include <sys/types.h>
#include "base/err.h"
#include "live/proc_maps.h"
#include "live/record_queue.h"
#include "live/residency.h"

/* Anonymous memory of this process, bytes, in steps of 256 KiB; 0: unknown. Of the rest of its RSS most is BPF maps. */
__u64 facts__own_memory(void);
__u64 facts__now(void); /* CLOCK_MONOTONIC, ns: the clock of bpf_ktime_get_ns() */

/* REC_START: this machine, now. */
int facts__start(struct record_queue *queue);

/* REC_PROCESS. @flags: PROCESS_*; @pages: the space's counters when it was adopted. */
int facts__process(struct record_queue *queue, __u32 space, const struct proc_status *status,
		   __u32 flags, const __s64 *pages);

/* A REC_MAP for each mapping, the first with MAP_SNAPSHOT_RESET. */
int facts__maps(struct record_queue *queue, __u32 space, const struct proc_maps *maps);

/* REC_MAP of one mapping. @flags: 0 or MAP_SNAPSHOT_RESET. */
int facts__map(struct record_queue *queue, __u32 space, const struct proc_map *map, __u32 flags);

/*
 * facts__pages() - REC_PAGES for what is resident in [start, end), told from @residency now; @why: PAGES_ATTACH or
 * PAGES_FOUND. The member follows from the mapping a page lies in.
 */
int facts__pages(struct record_queue *queue, __u32 space, struct residency *residency,
		 const struct proc_maps *maps, __u64 start, __u64 end, __u32 why);

int facts__stats(struct record_queue *queue, const __u64 *values, __u32 nr);
int facts__mark(struct record_queue *queue, enum mark_from from, pid_t pid, const char *label);
int facts__tick(struct record_queue *queue, __u64 ts);
int facts__end(struct record_queue *queue, __u64 ts, __u32 why, __u32 exit_code);

#endif
