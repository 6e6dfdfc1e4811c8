/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Reads a trace file block by block; survives anything a file can hold. Bounded memory: one block
 * at a time. The records of checkpoints are passed over where nothing needs them: they come at the
 * start of a file that begins with one, behind REC_GAP, and when a segment was entered.
 */
#ifndef RSSTRACE_TRACE_READER_H
#define RSSTRACE_TRACE_READER_H

#include <stdbool.h>
#include "record_abi.h"
#include "base/err.h"
#include "base/record_source.h"
#include "trace/index.h"

/* What a reader can say about the file once it has reached the end. */
struct trace_health {
	__u64 file_bytes; /* known from the start when the byte source tells it */
	__u64 read_bytes; /* up to the end of the last whole block; for progress, too */
	__u64 nr_blocks;
	bool cut;	      /* ends inside a block; one cut behind a block just has no REC_END */
	__u64 damaged_blocks; /* skipped; what they held is missing from the stream */
	__u64 damaged_bytes;
	__u64 spare_blocks; /* of damaged_blocks: checkpoints nobody needed, or the index */
	__u64 taken_bytes; /* from the byte source, headers that were only looked at included */
	__u64 nr_unpacked; /* blocks; nr_blocks are the whole ones passed */
};

/* Where the bytes come from, so that the file, a test and a fuzzer use the same reader. */
struct byte_source {
	/* read up to @len bytes at the current position; 0 at the end, -errno. */
	long (*read)(struct byte_source *source, void *buf, unsigned long len);
	/* go on at @offset; 0 or -errno. NULL: it can only be read from start to end. */
	int (*seek)(struct byte_source *source, __u64 offset);
	void (*close)(struct byte_source *source);
	__u64 size_bytes; /* of all there is to read; 0: unknown */
};

/* NULL and a sentence: no such file, no permission, a directory, a pipe
 * or a device. */
struct byte_source *byte_source__file(const char *path, struct err *err); /* "-" is not special */
struct byte_source *byte_source__memory(const void *bytes, unsigned long len); /* borrows @bytes */

/*
 * trace_source__open() - a record source over a trace. NULL and one sentence that names @name: not
 * a trace, newer format version, empty, header damaged, no start record. Takes ownership of @bytes,
 * also on failure; NULL @bytes: NULL, and *@err is left as byte_source__file() wrote it.
 */
struct record_source *trace_source__open(struct byte_source *bytes, const char *name,
					 struct err *err);

/*
 * trace_source__index() - where the trace can be entered. From its end, or, where that is missing,
 * from the headers of its blocks. NULL and a sentence when it cannot be read twice or memory is
 * out. Any time; next() goes on where it was. Lives as long as the source.
 */
const struct trace_index *trace_source__index(struct record_source *source, struct err *err);

/*
 * trace_source__enter() - the next record is REC_START, then come those of segment @segment of the
 * index, its checkpoint first. 0 or -errno with a sentence; -EBADMSG: there is no such checkpoint
 * there (the index lies), and the next record is the first of the trace.
 */
int trace_source__enter(struct record_source *source, __u32 segment, struct err *err);

/* trace_source__health() - what is known so far; of the whole file once next() returned 0. Lives as
 * long as the source. */
const struct trace_health *trace_source__health(const struct record_source *source);

#endif
