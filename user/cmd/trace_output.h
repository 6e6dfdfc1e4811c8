/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where a recording goes: one file; one after the other (--rotate); or a file that holds the last
 * while (--keep). Each file can be read alone: it starts from the trace's start, or from REC_START
 * and a checkpoint.
 *
 * --rotate: PATH is written; when it is long enough it becomes PATH.1 (then .2, ...) and PATH
 * begins anew.
 * --keep: PATH is written from its start on. Once it is as long as asked for, PATH.next is begun
 * beside it, and the same goes into both; when that is as long it becomes PATH, and the old one is
 * gone. So PATH holds at least what was asked for, at most twice that, whenever somebody looks or
 * we are killed. What a trigger keeps becomes PATH.1 (then .2, ...).
 */
#ifndef RSSTRACE_CMD_TRACE_OUTPUT_H
#define RSSTRACE_CMD_TRACE_OUTPUT_H

#include <stdbool.h>
#include "base/err.h"
#include "model/session.h"

#define KEPT_MAX 16 /* files triggers may fill the disk with */

/* A length, by time or by size; both 0: none was asked for. */
struct trace_length {
	__u64 ns, bytes;
};

struct trace_plan {
	bool overwrite;
	__u64 max_bytes;		  /* of all files together; 0: no limit */
	struct trace_length rotate, keep; /* at most one of them */
};

struct trace_output;

/* NULL and a sentence: as trace_writer__open(), also for a PATH.1 that is there already. With
 * overwrite, PATH.1 and those that follow it are removed. */
struct trace_output *trace_output__open(const char *path, const struct trace_plan *plan,
					struct err *err);

/* One record of the stream, then, when @session was fed it, trace_output__fed(): there files
 * change. 0 or -errno with a sentence: nothing more is taken. */
int trace_output__append(struct trace_output *output, const struct rec *rec, struct err *err);
int trace_output__fed(struct trace_output *output, const struct rec *rec,
		      const struct session *session, struct err *err);

/* Keep what --keep has at the next tick. False: it has been asked for too often, or nothing is
 * kept. */
bool trace_output__keep(struct trace_output *output);

/* The files have reached max_bytes: the recording should end. Never with --keep, which makes room.
 */
bool trace_output__is_full(const struct trace_output *output);

/* The stream has ended, or what can be written of it. 0 or -errno with a sentence. NULL is allowed:
 * 0. */
int trace_output__close(struct trace_output *output, const struct session *session,
			struct err *err);

__u64 trace_output__bytes(const struct trace_output *output);	 /* of all files */
__u32 trace_output__nr_parts(const struct trace_output *output); /* PATH.1 to PATH.N */

#endif
