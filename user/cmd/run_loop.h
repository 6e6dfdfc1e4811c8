/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The loop under `live` and `record`: records from a source into the model, and into a trace when
 * one is written; at interval boundaries of record time the model is frozen and handed out. A
 * replay of the trace hands out the same snapshots.
 */
#ifndef RSSTRACE_CMD_RUN_LOOP_H
#define RSSTRACE_CMD_RUN_LOOP_H

#include "base/record_source.h"
#include "model/session.h"
#include "cmd/trace_output.h"

struct run_loop {
	/* set by the caller; all borrowed */
	struct record_source *source;
	struct session *session;
	struct trace_output *output; /* NULL: none */
	__u64 interval_ns;	     /* 0: one interval, from the first tick to the last */
	bool sums_only;		     /* interval() looks at no page: the snapshots hold none */
	bool keeps_first;	     /* it looks at those of @first, too, as long as it is called */
	__u64 duration_ns; /* stop this long after the first tick; 0: at the end of the source */
	void (*stop)(struct record_source *source); /* ask for the end; NULL: just leave */
	/*
	 * interval() - the interval [from, to] is over; @first is the first snapshot of all. 0 goes
	 * on; a negative errno ends the run, with a sentence unless nobody is left to read it.
	 */
	int (*interval)(struct run_loop *loop, const struct snapshot *from,
			const struct snapshot *to, struct err *err);
	/* watch() - the model was fed @rec. NULL: nobody watches. */
	void (*watch)(struct run_loop *loop, const struct rec *rec);
	void *watcher; /* watch()'s own */
	void *ctx;
	/* the loop's own */
	struct snapshot *first, *previous, *current;
	bool full;     /* the output's limit has ended it */
	__u64 next_ns; /* end of the running interval, ns since the start of the stream */
};

/*
 * run_loop__run() - until the source ends. The trace is complete even when an interval() failed. 0,
 * or the first failure and its sentence: of the source, the writer, interval(), or -ENOMEM.
 */
int run_loop__run(struct run_loop *loop, struct err *err);

/* Frees the snapshots; before the session goes. */
void run_loop__fini(struct run_loop *loop);

#endif
