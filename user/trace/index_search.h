/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Finding the index of a trace: at its end, or from the headers of its blocks. */
#ifndef RSSTRACE_TRACE_INDEX_SEARCH_H
#define RSSTRACE_TRACE_INDEX_SEARCH_H

#include <zstd.h>
#include "trace/index.h"
#include "trace/reader.h"

struct index_search {
	struct byte_source *bytes; /* borrowed; it can seek */
	__u64 file_bytes;
	__u64 first_block; /* offset */
	__u64 start_ts;	   /* of REC_START */
	ZSTD_DCtx *unpacker;
	__u64 taken_bytes; /* read for it */
	/* its own */
	__u8 *stored, *raw;
};

/*
 * index_search__run() - into @index (empty). 0, -ENOMEM or what reading failed with. There is
 * always the start. O(index), or O(blocks) where it is missing: the header of each is read, and the
 * first block of each checkpoint.
 */
int index_search__run(struct index_search *search, struct trace_index *index);

#endif
