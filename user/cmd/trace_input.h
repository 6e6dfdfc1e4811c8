/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A trace file as commands read it: with progress on a terminal, and a word on its health at the
 * end. */
#ifndef RSSTRACE_CMD_TRACE_INPUT_H
#define RSSTRACE_CMD_TRACE_INPUT_H

#include <stdbool.h>
#include "base/record_source.h"
#include "model/session.h"

#define HEALTH_LEN 256

struct trace_input {
	struct record_source *source;
	__u64 opened_ns; /* CLOCK_MONOTONIC */
	__u64 seen_bytes;
	bool progress, shown; /* to be shown; on the screen now */
};

/* 0 or -errno with a sentence that names @path. @progress: tell how far it got once reading takes
 * long. */
int trace_input__open(struct trace_input *input, const char *path, bool progress, struct err *err);
void trace_input__close(struct trace_input *input);

/* As record_source's next(). */
int trace_input__next(struct trace_input *input, const struct rec **rec, struct err *err);

/*
 * trace_input__health() - what is wrong with the trace, a sentence in @buf (HEALTH_LEN); NULL when
 * it is whole. Once everything was read and fed to @session.
 */
const char *trace_input__health(const struct trace_input *input, const struct session *session,
				char *buf);

/* trace_input__health_so_far() - the same of a trace of which only a part was read. @closed: it has
 * its end. */
const char *trace_input__health_so_far(const struct trace_input *input, bool closed, char *buf);

#endif
