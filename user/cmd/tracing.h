/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A running trace, as `live` and `record` start and end it: source, model, and the file it is
 * written to. */
#ifndef RSSTRACE_CMD_TRACING_H
#define RSSTRACE_CMD_TRACING_H

#include <linux/limits.h>
#include "cmd/options.h"
#include "cmd/run_loop.h"
#include "cmd/triggers.h"

struct tracing {
	struct run_loop loop;	     /* source, session and writer belong to the tracing */
	struct trace_output *output; /* NULL: nothing is written */
	char path[PATH_MAX];	     /* of the trace; "" when nothing is written */
	__u64 file_bytes;	     /* of PATH; set by tracing__close() */
	__u64 all_bytes;	     /* with its parts; likewise */
	__u32 nr_parts;		     /* PATH.1 to PATH.N; likewise */
	struct triggers triggers;    /* their state */
	pid_t pid;		     /* of the target; likewise */
	int command_status;	     /* as wait(2); likewise */
	const struct options *options;
};

/*
 * tracing__open() - attach to the target of @options or launch it, and say "attached to PID
 * (COMM)". @write: to options->output, or without one to rsstrace.COMM.PID.rsst. 0, or -errno with
 * a sentence; then nothing is left open.
 */
int tracing__open(struct tracing *tracing, const struct options *options, bool write,
		  struct err *err);

/* Run until the end, signals included. 0 or -errno with a sentence. */
int tracing__run(struct tracing *tracing, struct err *err);

/* Close the trace, detach, free. 0 or -errno with a sentence (the trace could not be completed). */
int tracing__close(struct tracing *tracing, struct err *err);

/*
 * tracing__exit_status() - after close: the launched command's own exit status, 128 + N if signal N
 * ended it; 0 without a command. With @wait, a command that outlives --duration is waited for; one
 * that outlives a signal to us runs on, and the status is 0.
 */
int tracing__exit_status(const struct tracing *tracing, bool wait);

/* What rsstrace exits with when it failed itself: another status where a command's own is expected.
 */
int tracing__failed(const struct options *options);

#endif
