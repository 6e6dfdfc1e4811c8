// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "trace/index.h"

#define SEGMENTS_A_RECORD ((RSST_REC_MAX - sizeof(struct rec_index)) / sizeof(struct index_segment))

int trace_index__add(struct trace_index *index, const struct index_segment *segment)
{
	if (index->nr == index->cap) {
		__u32 cap = index->cap ? index->cap * 2 : 16;
		struct index_segment *more = realloc(index->segments, cap * sizeof(*more));

		if (!more)
			return -ENOMEM;
		index->segments = more;
		index->cap = cap;
	}
	index->segments[index->nr++] = *segment;
	return 0;
}

void trace_index__fini(struct trace_index *index)
{
	free(index->segments);
	memset(index, 0, sizeof(*index));
}

void trace_index__record(const struct trace_index *index, __u64 offset, __u32 *next,
			 struct rec_index *rec)
{
	__u32 nr = index->nr - *next;

	if (nr > SEGMENTS_A_RECORD)
		nr = SEGMENTS_A_RECORD;
	*rec = (struct rec_index){
		.h = { .type = REC_INDEX,
		       .size = sizeof(*rec) + nr * sizeof(rec->segments[0]),
		       .ts = index->last_tick_ts },
		.offset = offset,
		.last_tick_ts = index->last_tick_ts,
		.peak_ts = index->peak_ts,
		.nr_segments = index->nr,
		.nr = nr,
	};
	memcpy(rec->segments, index->segments + *next, nr * sizeof(rec->segments[0]));
	*next += nr;
}

/* Does @segment stand behind the last one, and before the index? */
static bool follows(const struct trace_index *index, const struct index_segment *segment, __u64 end)
{
	const struct index_segment *last = index->nr ? &index->segments[index->nr - 1] : NULL;

	if (segment->offset >= end || index->nr == INDEX_SEGMENTS_MAX)
		return false;
	return last ? segment->model && segment->offset > last->offset && segment->seq > last->seq
		    : !segment->model;
}

int trace_index__take(struct trace_index *index, const struct rec *rec, __u64 end)
{
	const struct rec_index *told = (const struct rec_index *)rec;

	if (rec->type != REC_INDEX || rec->size < sizeof(*told) ||
	    told->nr > (rec->size - sizeof(*told)) / sizeof(told->segments[0]) ||
	    told->offset != end)
		return -EBADMSG;
	index->last_tick_ts = told->last_tick_ts;
	index->peak_ts = told->peak_ts;
	for (__u32 i = 0; i < told->nr; i++) {
		if (!follows(index, &told->segments[i], end))
			return -EBADMSG;
		if (trace_index__add(index, &told->segments[i]))
			return -ENOMEM;
	}
	index->closed = index->nr && index->nr == told->nr_segments;
	return 0;
}

__u32 trace_index__find(const struct trace_index *index, __u64 ts, __u32 model)
{
	for (__u32 i = index->nr; i > 1; i--)
		if (index->segments[i - 1].ts <= ts && index->segments[i - 1].model == model)
			return i - 1;
	return 0;
}
