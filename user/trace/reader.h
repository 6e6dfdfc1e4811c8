/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Reads a trace file block by block; survives anything a file can hold. Bounded memory: one block
 * at a time. */
#ifndef RSSTRACE_TRACE_READER_H
#define RSSTRACE_TRACE_READER_H

#include <stdbool.h>
#include "record_abi.h"
#include "base/err.h"
#include "base/record_source.h"

/* What a reader can say about the file once it has reached the end. */
struct trace_health {
	__u64 file_bytes; /* known from the start when the byte source tells it */
	__u64 read_bytes; /* up to the end of the last whole block; for progress, too */
	__u64 nr_blocks;
	bool cut;	      /* ends inside a block; one cut behind a block just has no REC_END */
	__u64 damaged_blocks; /* skipped; what they held is missing from the stream */
	__u64 damaged_bytes;
};

/* Where the bytes come from, so that the file, a test and a fuzzer use the same reader. */
struct byte_source {
	/* read up to @len bytes at the current position; 0 at the end, -errno. */
	long (*read)(struct byte_source *source, void *buf, unsigned long len);
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

/* trace_source__health() - what is known so far; of the whole file once next() returned 0. Lives as
 * long as the source. */
const struct trace_health *trace_source__health(const struct record_source *source);

#endif
