/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Two moments of a trace, frozen: what --from, --to and --at ask for. */
#ifndef RSSTRACE_CMD_TRACE_WINDOW_H
#define RSSTRACE_CMD_TRACE_WINDOW_H

#include "cmd/options.h"
#include "cmd/trace_input.h"

struct trace_window {
	struct session *session;
	struct session *from_session; /* `from` is of another one; NULL: of the same */
	struct snapshot *from, *to;   /* may be the same one */
	__u64 from_ns, to_ns;	      /* since the start of the stream */
	const char *health;	      /* what is wrong with the trace; NULL when it is whole */
	char health_buf[HEALTH_LEN];
};

/* Who wants to look on while the window is read. Each function: 0, or -errno with a sentence. */
struct trace_listener {
	void *ctx;
	/* Both ends are known, nothing is read yet. */
	int (*begin)(void *ctx, const struct trace_window *window, struct err *err);
	/* A record the model accepted. NULL: wants none. With it, and no end asked for, the trace
	 * is read to its last record, not just to the last tick. */
	int (*record)(void *ctx, const struct rec *rec, bool inside, struct err *err);
	/* The model stands at a tick of the window, its first and its last among them. NULL: no. */
	int (*tick)(void *ctx, const struct trace_window *window, bool last, struct err *err);
};

/*
 * trace_window__open() - read options->trace twice: once for the ticks the window falls on, once
 * into the model. Without
 * --from, --to and --at: the first tick to the last; with them, and nobody listening, only what
 * lies behind the checkpoints before the two moments is read. 0 or -errno with a sentence; free
 * with trace_window__close() in either case. Time and memory: that of the trace's live run at most.
 * @listener: NULL for none.
 */
int trace_window__open(struct trace_window *window, const struct options *options,
		       const struct trace_listener *listener, struct err *err);
void trace_window__close(struct trace_window *window);

/* trace_window__tell_late() - the peak that was asked for is not in the trace: its first moment is
 * shown instead. */
void trace_window__tell_late(const char *trace);

#endif
