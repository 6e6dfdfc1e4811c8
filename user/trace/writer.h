/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Writes records to a trace file in blocks, as specified in include/README.md. */
#ifndef RSSTRACE_TRACE_WRITER_H
#define RSSTRACE_TRACE_WRITER_H

#include <stdbool.h>
#include "record_abi.h"
#include "base/err.h"

struct trace_writer;

/*
 * trace_writer__open() - create @path and write the file header. @overwrite: replace an existing
 * file. NULL and a sentence: it exists ("exists already: use -f to replace it"), is not writable,
 * ...
 */
struct trace_writer *trace_writer__open(const char *path, bool overwrite, struct err *err);

/*
 * trace_writer__append() - buffer one record; a block goes out when it is full, and at the first
 * REC_TICK of all and each that is a second or more (record time) behind the last one written, so
 * that a killed tracer loses at most the last second. 0 or -errno with a sentence (disk full, ...):
 * the file then ends with a whole block and the writer refuses further records.
 */
int trace_writer__append(struct trace_writer *writer, const struct rec *rec, struct err *err);

/* Write what is buffered, fsync, close and free. 0 or -errno with a sentence. NULL is allowed: 0.
 */
int trace_writer__close(struct trace_writer *writer, struct err *err);

/* So far: bytes in the file, records taken. */
__u64 trace_writer__bytes(const struct trace_writer *writer);
__u64 trace_writer__records(const struct trace_writer *writer);

#endif
