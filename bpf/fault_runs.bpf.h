/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Faults on page after page by one stack, told as one record: a third of what a fault in a loop
 * costs is its record.
 *
 * The first fault is told at once; from the second on a run is kept back, one a space and CPU. Its
 * word says which pages, changes in one piece, and is grown by its CPU only, under the page-table
 * lock of the page that came. Whoever tells anything else of the space takes the runs of all CPUs
 * first (runs__tell()), so that what came before a release stands before it in the ring; the live
 * side does when it asks for the counters. A run ends when the generation changes: its faults all
 * saw the same.
 */
#ifndef RSSTRACE_FAULT_RUNS_BPF_H
#define RSSTRACE_FAULT_RUNS_BPF_H

#include "filter.bpf.h"
#include "emit.bpf.h"
#ifndef RSST_BATCHED
#include "rss_delta.bpf.h"

#define RUN_NONE 0
#define RUN_TAKEN 1 /* on its way into the ring; it is none when it is there */
#define RUN_NR_BITS 12
#define RUN_MAX_PAGES 256 /* 512 would read as a huge page */
#define RUN_PATIENCE 256  /* looks, 2 ns each, at a run that another CPU has taken */

/* first page | number of pages; no page has number 0 */
static __always_inline __u64 run__word(__u64 page, __u64 nr_pages)
{
	return page << RUN_NR_BITS | nr_pages;
}

static __always_inline void run__emit(__u32 space, const struct space_cpu *own, __u64 word)
{
	struct space_state *state = bpf_map_lookup_elem(&space_states, &space);
	__u64 nr_pages = word & ((1 << RUN_NR_BITS) - 1);
	struct rec_fault *rec;

	if (!state)
		return;
	if (!emit__reserve(rec, REC_FAULT)) {
		emit__lost(state, own->run_member, nr_pages);
		return;
	}
	rec->space = space;
	rec->tid = own->run_tid;
	rec->addr = word >> RUN_NR_BITS << 12;
	rec->stack = own->run_stack;
	rec->gen = own->run_gen;
	rec->nr_pages = nr_pages;
	rec->member = own->run_member;
	rec->cause = own->run_cause;
	rec->flags = own->run_flags;
	rec->cow_member = 0;
	emit__submit(rec);
}

/* Tell the run of one CPU; on return it is in the ring, whoever put it there. */
__noinline int run__tell(__u32 space, __u32 cpu)
{
	struct space_cpu *own = delta__cpu(space, cpu);
	__u64 word = RUN_NONE;

	if (!own)
		return 0;
	for (int i = 0; i < RUN_PATIENCE; i++) {
		word = *(volatile __u64 *)&own->run;
		if (word == RUN_NONE)
			return 0;
		if (word != RUN_TAKEN)
			word = __sync_lock_test_and_set(&own->run, RUN_TAKEN);
		if (word != RUN_TAKEN)
			break;
	}
	if (word == RUN_TAKEN) { /* its taker sleeps, in a virtual machine */
		count(CNT_ODD_ORDER);
		return 0;
	}
	if (word != RUN_NONE)
		run__emit(space, own, word);
	*(volatile __u64 *)&own->run = RUN_NONE;
	return 0;
}

/* Everything else of @space waits for this. */
__noinline int runs__tell(__u32 space)
{
	for (__u32 cpu = 0; cpu < RSST_MAX_CPUS && cpu < settings.nr_cpus; cpu++) {
		struct space_cpu *own = delta__cpu(space, cpu);

		if (own && *(volatile __u64 *)&own->run)
			run__tell(space, cpu);
	}
	return 0;
}

static __always_inline bool run__fits(const struct space_cpu *own, const struct rec_fault *fault)
{
	return own->run_stack == fault->stack && own->run_gen == fault->gen &&
	       own->run_tid == fault->tid && own->run_member == fault->member &&
	       own->run_cause == fault->cause && own->run_flags == fault->flags;
}

/* The run that ends with @fault, if any, or the fault alone: what a next one may follow. */
static __always_inline void run__remember(struct space_cpu *own, const struct rec_fault *fault)
{
	own->run_stack = fault->stack;
	own->run_gen = fault->gen;
	own->run_tid = fault->tid;
	own->run_member = fault->member;
	own->run_cause = fault->cause;
	own->run_flags = fault->flags;
}

/*
 * Keep @fault, of one page, for a run; false: it is to be told now. @own: of @fault's space and
 * this
 * @cpu.
 */
static __always_inline bool run__keep(struct space_cpu *own, const struct rec_fault *fault,
				      __u32 cpu)
{
	__u64 page = fault->addr >> 12, word = *(volatile __u64 *)&own->run;
	__u64 nr_pages = word & ((1 << RUN_NR_BITS) - 1);
	bool follows = own->run_next == page && run__fits(own, fault);

	if (word == RUN_TAKEN)
		return false; /* it is being read */
	own->run_next = page + 1;
	if (word != RUN_NONE && follows && nr_pages < RUN_MAX_PAGES &&
	    __sync_val_compare_and_swap(&own->run, word, word + 1) == word)
		return true;
	if (word != RUN_NONE) {
		run__tell(fault->space, cpu);
		if (*(volatile __u64 *)&own->run != RUN_NONE) {
			own->run_next = 0;
			return false;
		}
	}
	if (follows)
		return __sync_val_compare_and_swap(&own->run, RUN_NONE, run__word(page, 1)) ==
		       RUN_NONE;
	run__remember(own, fault);
	return false;
}
#else
static __always_inline int runs__tell(__u32 space)
{
	return 0;
}
#endif

#endif
