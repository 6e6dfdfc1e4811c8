/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What tracing costs, and how much of it is too much (--overhead): CPU time of our programs in the kernel and of this
 * process, held against that of the followed processes. Above the budget the kernel takes fewer stacks; pages, regions
 * and causes are told as ever.
 *
 * Where no budget was asked for, there is one that only a target has use for that runs through new stacks most of its
 * time: then tracing costs it as much as it would notice. How many stacks are new says when that may be, and nothing is
 * measured, or told, before.
 *
 * What the programs run is measured in slices of 10 ms: the kernel's own statistics (BPF_STATS_RUN_TIME) cost two
 * readings of the clock a run while they are on.
 */
#ifndef RSSTRACE_LIVE_OVERHEAD_H
#define RSSTRACE_LIVE_OVERHEAD_H

#include "live/kernel_side.h"
#include "live/record_queue.h"
#include "live/targets.h"

#define OVERHEAD_UNASKED_PPM 500000

struct overhead_meter {
	__u32 budget_ppm; /* of the targets' CPU time; 0: nothing is measured, nothing below is of use */
	bool told;	  /* asked for, or fewer stacks were taken: REC_OVERHEAD tells */
	bool measuring;	  /* what the programs run */
	__u32 shift;	  /* stacks are sampled with, see SAMPLE_FLAGS() */
	__u64 told_at;	  /* when the last record was made, CLOCK_MONOTONIC, ns */
	__u64 target_ns;  /* of the targets since then */
	__u64 tracer_at;  /* our own CPU time then */
	__u64 nr_stacks;  /* taken by then, */
	__u64 nr_new;	  /* and those of them that were no repetition */
	int stats_fd;	  /* a slice is under way; 0: none */
	__u64 slice_at, slice_run_ns, slice_target_ns; /* when it began, or the next is to; what was run by then */
	__u64 run_ns, run_target_ns; /* of all slices since told_at */
	__u64 rate_ppm;		     /* run_ns a run_target_ns, of the last slices that saw the targets run */
};

/*
 * @budget_ppm: asked for; 0: OVERHEAD_UNASKED_PPM, where the kernel lets us measure, or none with @every_stack. 0, or -errno
 * with a sentence: the kernel does not let us.
 */
int overhead__begin(struct overhead_meter *meter, __u32 budget_ppm, bool every_stack,
		    struct targets *targets, struct err *err);

/* To be called now and then, at best each 10 ms. */
void overhead__step(struct overhead_meter *meter, struct kernel_side *kernel,
		    struct targets *targets);

/* @target has died; what it ran is read while somebody can. */
void overhead__died(struct overhead_meter *meter, struct target *target);

/* Before a tick: REC_OVERHEAD when a quarter of a second is over and the targets ran, and the next rate. @stats: by CNT_;
 * @last: of what there is. 0 or -ENOMEM. */
int overhead__tell(struct overhead_meter *meter, struct kernel_side *kernel,
		   struct targets *targets, struct record_queue *queue, const __u64 *stats,
		   bool last);

/* May @nr_new stacks that were no repetitions have cost a good part of OVERHEAD_UNASKED_PPM of @target_ns? */
bool overhead__may_matter(__u64 nr_new, __u64 target_ns);

/*
 * The shift to go on with where @shift cost @cost_ppm, @stacks_ppm of it for stacks. Fewer stacks help only where they are
 * what costs: not where the target hardly runs, or other processes keep our programs busy.
 */
__u32 overhead__next_shift(__u32 shift, __u64 cost_ppm, __u64 stacks_ppm, __u32 budget_ppm);

void overhead__end(struct overhead_meter *meter);

#endif
