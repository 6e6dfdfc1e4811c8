/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Every way a kernel-side program can return early or lose something, as a named counter. X(id,
 * text). REC_STATS carries them in this order; append only. Each CPU has its own in the kernel,
 * summed by the live side; MISSED is the kernel's count of it, TRACER_* are no counts, and the live
 * side's own.
 */
#ifndef RSSTRACE_COUNTERS_H
#define RSSTRACE_COUNTERS_H

#define RSST_COUNTERS(X)                                                                           \
	X(FAULTS, "faults that added pages")                                                       \
	X(RING_FULL, "records lost: ring full")                                                    \
	X(NO_THREAD_STATE, "no memory for a thread's state")                                       \
	X(NO_SPACE_STATE, "address-space table full")                                              \
	X(BAD_MEMBER, "rss_stat with an unknown counter")                                          \
	X(PAGEFAULT_DISABLED, "kernel-mode faults with page faults disabled (not real)")           \
	X(UNMATCHED, "changes whose cause could not be told")                                      \
	X(ODD_AMOUNT, "fault amounts repaired after a concurrent flush")                           \
	X(FLUSH, "flushes of a per-CPU counter claimed")                                           \
	X(SNAPSHOT_RETRY, "counter snapshots retried")                                             \
	X(SNAPSHOT_FAIL, "counter snapshots given up")                                             \
	X(NO_CPU_OFFSET, "per-CPU offset unknown")                                                 \
	X(STACKS_WALKED, "user stacks walked")                                                     \
	X(STACKS_SENT, "distinct stacks sent")                                                     \
	X(STACKS_FAILED, "user stacks that could not be read at all")                              \
	X(STACKS_INCOMPLETE, "user stacks whose walk did not reach the root")                      \
	X(ZERO_DELTA, "rss_stat events that changed nothing")                                      \
	X(CALLS, "VM calls")                                                                       \
	X(EXITING, "changes by an exiting address space (not sent)")                               \
	X(STACKS_REUSED, "user stacks found by an earlier walk")                                   \
	X(REUSE_WRONG, "of these, another one by a new walk (checked builds only)")                \
	X(ODD_ORDER, "runs of faults that may stand too late in the stream")                       \
	X(MISSED, "events lost: the kernel left a program out")                                    \
	X(TRACER_MEMORY, "the recorder's own memory, bytes")                                       \
	X(TRACER_MAPS, "its maps in the kernel, bytes")                                            \
	X(MAPS_UNTOLD, "changes of mappings that were not told (the maps were read again)")

enum rsst_counter {
#define X(id, text) CNT_##id,
	RSST_COUNTERS(X)
#undef X
		NR_COUNTERS
};

#define RSST_COUNTER_SLOTS 32 /* room of one CPU: a power of two, whole cache lines */

#endif
