/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Writes records to a trace file in blocks, as specified in include/README.md. */
#ifndef RSSTRACE_TRACE_WRITER_H
#define RSSTRACE_TRACE_WRITER_H

#include <stdbool.h>
#include "record_abi.h"
#include "base/err.h"
#include "model/session.h"

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

/*
 * trace_writer__checkpoint() - state here, between two records, everything that @session knows: it
 * was fed all that was appended. A reader can enter the trace here. Blocks of its own: what is
 * buffered goes out before. 0 or -errno as append(); -EINVAL also before REC_START and behind
 * REC_END.
 */
int trace_writer__checkpoint(struct trace_writer *writer, const struct session *session,
			     struct err *err);

/*
 * trace_writer__ticked() - call it when @session was fed the REC_TICK appended last: a checkpoint
 * is written if one is due. 8 MiB of blocks behind the last one, or a minute, but never less than
 * four times what the last one took: so they are a fifth of a trace at most, and what stands
 * between two is read in well under a second.
 */
int trace_writer__ticked(struct trace_writer *writer, const struct session *session,
			 struct err *err);

/* trace_writer__note() - the stream has ended: what the index says of its peak is of @session. */
void trace_writer__note(struct trace_writer *writer, const struct session *session);

/* Write what is buffered and, unless the stream was cut short, the index, fsync, close and free. 0
 * or -errno with a sentence. NULL is allowed: 0.
 */
int trace_writer__close(struct trace_writer *writer, struct err *err);

/* The same but for fsync, which may take long while a stream is running. */
int trace_writer__finish(struct trace_writer *writer, struct err *err);

/* Close and free; the file ends with the last block written: nobody wants it any more. */
void trace_writer__drop(struct trace_writer *writer);

/* Bytes of records that wait for their block to be written. */
__u64 trace_writer__buffered(const struct trace_writer *writer);

/* So far: bytes in the file, records taken. */
__u64 trace_writer__bytes(const struct trace_writer *writer);
__u64 trace_writer__records(const struct trace_writer *writer);

#endif
