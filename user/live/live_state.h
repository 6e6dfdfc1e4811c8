/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The live source from inside, shared by its three rooms: attach.c gets it going, live_source.c keeps it going, live_records.c looks at what it takes. */
#ifndef RSSTRACE_LIVE_LIVE_STATE_H
#define RSSTRACE_LIVE_LIVE_STATE_H

#include <signal.h>
#include "live/heal.h"
#include "live/kernel_side.h"
#include "live/live_source.h"
#include "live/mark_inbox.h"
#include "live/mark_probes.h"
#include "live/names.h"
#include "live/overhead.h"
#include "live/region_check.h"
#include "live/unwind_watch.h"

/* Where next() goes on when everything handed out has been taken. */
enum stage {
	STAGE_DRAIN,   /* take from the ring until it is time for a tick */
	STAGE_SERVICE, /* find out what the model is missing */
	STAGE_CLOSE,   /* believe the scans, tell counters, tick */
	STAGE_END,
	STAGE_DONE,
};

struct live_source {
	struct record_source base;
	struct kernel_side *kernel;
	struct unwind_watch *unwind;
	struct record_queue queue;
	struct targets targets;
	struct names *names;
	struct heal heal;
	struct overhead_meter overhead;
	struct region_check regions;
	const struct session *session; /* NULL until bound: nothing is looked up */
	enum stage stage;
	__u64 tick_ns, idle_tick_ns, last_tick, deadline; /* deadline: end of --duration, 0: none */
	__u64 stats[NR_COUNTERS];
	__u64 most_memory; /* of our own so far, bytes */
	__u64 pending_tick;   /* ts of the tick that goes out behind the last awaited counters; 0: none */
	__u32 awaited;	      /* REC_COUNTERS the ring still owes */
	bool news;	      /* records came since the last tick */
	bool nameless;	      /* stacks came since names were last told */
	unsigned int tries;   /* at this tick */
	bool ticked;	      /* it went out */
	bool maps_changed;    /* code came, or a file that has no name yet: look at the maps */
	bool code_came;	      /* since the last tick, by mmap */
	bool code_changed;    /* so did code, in ways the kernel side does not follow by itself */
	struct mark_inbox *inbox;
	struct mark_probes probes;
	bool marked;	      /* a mark came: it wants a tick */
	int nr_signals;	      /* marks by signal so far */
	volatile sig_atomic_t signals, signal_pid; /* SIGUSR1 so far, sender of the last */
	bool ending;	      /* no further tick after this one */
	int error;	      /* -errno met where it could not be returned */
	pid_t command;	      /* launched by us; 0: none */
	int command_status;
	volatile sig_atomic_t stop;
	char comm[RSST_COMM_LEN];
	struct {
		__u64 opened, attached;	  /* when */
		__u64 tables;		  /* how long they took, of that */
		__u64 first_stack, named; /* when it came, when all so far had names; 0: not yet */
	} times_ns;
	char self[160], fetched[160], times[400];
};

/* Everything that can be refused is asked before the kernel is touched. 0 or -errno with a sentence. */
int live__check_targets(const struct live_options *options, struct err *err);

/*
 * Load and attach the programs, follow the targets, and queue what the stream begins with. @on_record: what the ring's
 * records are given to. 0 or -errno with a sentence.
 */
int live__attach(struct live_source *live, const struct live_options *options,
		 int (*on_record)(void *ctx, void *rec, size_t len), struct err *err);

/* live_records.c: what was walked for the space that @rec ends is queued before the space is gone. */
void live__before(struct live_source *live, const struct rec *rec);

/* Queue @rec, with room for a label. What a target says is not trusted; a label it had no page for is read where it
 * is. 0 or -ENOMEM. */
int live__push_mark(struct live_source *live, const struct rec_mark *rec);

/* @rec is in the queue: what it says of processes, code and mappings. */
void live__notice(struct live_source *live, const struct rec *rec);

/* What @target has mapped, told to the model and to the unwinder. *@maps is the caller's to free; 0 or -errno. */
int live__tell_maps(struct live_source *live, const struct target *target, struct proc_maps *maps,
		    struct err *err);

#endif
