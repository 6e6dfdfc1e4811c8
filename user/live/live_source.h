/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Records from a running kernel: attaches the BPF programs, drains the ring buffer, and adds what must be learned
 * elsewhere (maps, residency, names, counters) as records of its own.
 */
#ifndef RSSTRACE_LIVE_LIVE_SOURCE_H
#define RSSTRACE_LIVE_LIVE_SOURCE_H

#include <stdbool.h>
#include <sys/types.h>
#include "base/record_source.h"
#include "model/session.h"

struct live_options {
	const pid_t *pids; /* processes to attach to, or none with a command */
	unsigned int nr_pids;
	char *const *command; /* argv to launch, NULL-terminated; NULL: none */
	bool children;	      /* follow fork */
	__u64 tick_ns;	      /* longest time between two ticks */
	__u64 idle_tick_ns;   /* the same while nothing happens; 0: a second */
	__u64 duration_ns;    /* end the stream after this; 0: when the targets end */
	__u32 ring_bytes;     /* 0: RSST_RING_BYTES */
	__u32 overhead_ppm;    /* budget of tracing, of the targets' CPU time; 0: none asked for, see overhead__begin() */
	bool every_stack;      /* with no budget: whatever it costs */
	const char *mark_fifo; /* path of a FIFO to take marks from; NULL: none */
	const char *debuginfod; /* URLs to fetch debug files from, "": those of the environment; NULL: none */
};

/*
 * live_source__open() - attach. When it returns, every hook is live and the stream starts with REC_START, then for each
 * process REC_PROCESS, its REC_MAPs and the REC_PAGES that were resident. A launched command is held before its
 * first instruction until then.
 * NULL and one sentence that says what failed and what to do: no such process, a kernel thread, a process of another pid
 * namespace, gone during attach, no privilege (which capability), no BTF, no tracefs, command not found, ...
 */
struct record_source *live_source__open(const struct live_options *options, struct err *err);

/* Let the source see which names and pages the model is missing; it answers with records before each tick. */
void live_source__bind(struct record_source *source, const struct session *session);

/* Ask for the end of the stream: next() then gives the last records, a REC_TICK and a REC_END. Async-signal-safe. */
void live_source__stop(struct record_source *source);

/* A mark "usr1-N" for SIGUSR1 number N, sent by @sender. Async-signal-safe. */
void live_source__mark_signal(struct record_source *source, pid_t sender);

/* A mark at this place of the stream; @label is clean and short. 0 or -ENOMEM. */
int live_source__mark(struct record_source *source, enum mark_from from, pid_t pid,
		      const char *label);

/* The first process, for "attached to PID (COMM)". */
pid_t live_source__pid(const struct record_source *source);
const char *live_source__comm(const struct record_source *source);

/* wait(2) status of the launched command once the stream has ended; 0 without one. */
int live_source__command_status(const struct record_source *source);

/* For -v: a line of facts about the tracer itself ("ring 16 MiB, maps 21 MiB, ..."). Valid until free. */
const char *live_source__self(const struct record_source *source);

/* For -v: how long attaching took, its unwind tables, and the first names. Valid until free. */
const char *live_source__times(const struct record_source *source);

/* For -v: what became of --debuginfod, "" without it. Valid until free. */
const char *live_source__fetched(const struct record_source *source);

#endif
