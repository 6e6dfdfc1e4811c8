/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where a trace can be entered: its segments, each from a checkpoint (the first: from REC_START) to
 * the next. Written at the end of a trace; found again from the block headers where the end is
 * missing.
 */
#ifndef RSSTRACE_TRACE_INDEX_H
#define RSSTRACE_TRACE_INDEX_H

#include <stdbool.h>
#include "base/err.h"
#include "trace_format.h"

#define INDEX_SEGMENTS_MAX (1U << 20) /* 64 MiB of them; more are not believed */

/* Invariants: offsets ascend; segments[0] is the start, its model is 0. */
struct trace_index {
	__u32 nr, cap;
	struct index_segment *segments;
	bool closed;	    /* told by the trace's end: the next two are known */
	__u64 last_tick_ts; /* CLOCK_MONOTONIC, ns */
	__u64 peak_ts;	    /* ns since the start of the stream, as everything about peaks */
};

/* 0 or -ENOMEM. */
int trace_index__add(struct trace_index *index, const struct index_segment *segment);
void trace_index__fini(struct trace_index *index);

/*
 * trace_index__record() - the part of the index from segment *@next on that fits into a record, in
 * @rec (RSST_REC_MAX bytes, aligned to 8); *@next moves on. @offset: of the first index block.
 */
void trace_index__record(const struct trace_index *index, __u64 offset, __u32 *next,
			 struct rec_index *rec);

/* Take the segments of a record. 0, -ENOMEM, or -EBADMSG: it cannot be true. @end: where the index
 * begins, bytes. */
int trace_index__take(struct trace_index *index, const struct rec *rec, __u64 end);

/* The last segment that a reader of @model can enter and that starts at or before @ts
 * (CLOCK_MONOTONIC, ns); 0 if none. */
__u32 trace_index__find(const struct trace_index *index, __u64 ts, __u32 model);

#endif
