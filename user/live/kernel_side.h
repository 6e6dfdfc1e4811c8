/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The BPF programs as loaded and attached. */
#ifndef RSSTRACE_LIVE_KERNEL_SIDE_H
#define RSSTRACE_LIVE_KERNEL_SIDE_H

#include <stdbool.h>
#include <sys/types.h>
#include "record_abi.h"
#include "counters.h"
#include "base/err.h"
#include "config_abi.h"
#include "live/unwind_upload.h"

struct kernel_side;

struct kernel_side_options {
	bool children;		 /* follow fork */
	__u32 ring_bytes;	 /* power of two, multiple of the page size; 0: the default */
	__u32 unwind_row_blocks; /* room for unwind tables, see unwind_upload__row_blocks() */
};

/*
 * kernel_side__open() - load and attach every program; nothing is followed yet. @on_record is
 * called by kernel_side__drain() for each record, non-zero stops. NULL and a sentence that says
 * what is missing and what to do.
 */
struct kernel_side *kernel_side__open(const struct kernel_side_options *options,
				      int (*on_record)(void *ctx, void *rec, size_t len), void *ctx,
				      struct err *err);
void kernel_side__free(struct kernel_side *side);

/*
 * kernel_side__adopt() - follow process @pid from here on. *@space: its id; @pages: its counters at
 * that moment. 0, -ESRCH (no such process), -EINVAL (a kernel thread), -ENOSPC (too many spaces).
 */
int kernel_side__adopt(struct kernel_side *side, pid_t pid, __u32 *space, __s64 *pages);

/* The id the next adopted process will most likely get: its unwind tables can be there before its
 * first event. */
__u32 kernel_side__next_space(const struct kernel_side *side);

/*
 * kernel_side__probe_mark() - from now on process @pid tells a mark each time it comes by @offset of the file at @path.
 * @label: it has one in %rdi. 0 or -errno (-ENOSPC: too many).
 */
int kernel_side__probe_mark(struct kernel_side *side, pid_t pid, const char *path, __u64 offset,
			    bool label);

/* Wait up to @timeout_ms for the ring to be half full. Then, or on a signal, return. */
void kernel_side__wait(struct kernel_side *side, int timeout_ms);

/* Take what is in the ring. Number of records, or -errno. */
int kernel_side__drain(struct kernel_side *side);

/* Have the faults of @space put into the ring that the kernel side still holds as runs. */
void kernel_side__tell_runs(struct kernel_side *side, __u32 space);

/* Have the counters of @space put into the ring. */
void kernel_side__tell_counters(struct kernel_side *side, __u32 space);

/* Cumulative counters, all CPUs summed, in the order of counters.h. */
void kernel_side__counters(struct kernel_side *side, __u64 values[NR_COUNTERS]);

/* CPU time all programs have run while such statistics were on, ns. */
__u64 kernel_side__run_ns(const struct kernel_side *side);

/* From here on stacks are sampled with @shift, see SAMPLE_FLAGS(). */
void kernel_side__sample_stacks(struct kernel_side *side, __u32 shift);

/* Descriptors of the maps the unwind tables go into. */
struct unwind_map_fds kernel_side__unwind_fds(const struct kernel_side *side);

/*
 * Calls that move pages, begun and told so far: what is looked up while the two differ, or the first changes, may be
 * from amid one of which no record tells yet.
 */
struct vm_moves kernel_side__moves(const struct kernel_side *side);

/* Are faults from user mode found on the kernel's stack, with no tracepoint? See bpf/fault_frame. */
bool kernel_side__finds_faults(const struct kernel_side *side);

/* Kernel memory held by our maps, bytes. */
__u64 kernel_side__map_bytes(const struct kernel_side *side);

#endif
