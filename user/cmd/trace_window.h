/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Two moments of a trace, frozen: what --from, --to and --at ask for. */
#ifndef RSSTRACE_CMD_TRACE_WINDOW_H
#define RSSTRACE_CMD_TRACE_WINDOW_H

#include "cmd/options.h"
#include "cmd/trace_input.h"

struct trace_window {
	struct session *session;
	struct snapshot *from, *to; /* may be the same one */
	const char *health;	    /* what is wrong with the trace; NULL when it is whole */
	char health_buf[HEALTH_LEN];
};

/*
 * trace_window__open() - read options->trace twice: once for the ticks the window falls on, once
 * into the model. Without
 * --from, --to and --at: the first tick to the last. 0 or -errno with a sentence; free with
 * trace_window__close() in either case. Time and memory: that of the trace's live run at most.
 */
int trace_window__open(struct trace_window *window, const struct options *options, struct err *err);
void trace_window__close(struct trace_window *window);

#endif
