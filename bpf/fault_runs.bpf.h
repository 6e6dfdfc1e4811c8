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
 *
 * Nobody waits for anybody: the place in the ring is had before the word is taken, so that whoever
 * finds no run knows that its record stands before his own, even if who told it was held up.
 */
#ifndef RSSTRACE_FAULT_RUNS_BPF_H
#define RSSTRACE_FAULT_RUNS_BPF_H

#include "filter.bpf.h"
#include "emit.bpf.h"
#ifndef RSST_BATCHED
#include "rss_delta.bpf.h"

#define RUN_NONE 0
#define RUN_MAX_PAGES 256 /* 512 would read as a huge page */
#define RUN_PAGE_BITS 35  /* memory above, of five page-table levels, is told page by page */
#define RUN_ATTEMPTS 16	  /* to take a run that grows meanwhile; a fault takes longer */

/* first page (35 bits) | version of the other fields (20) | number of pages (9); no page is 0 */
#define RUN_PAGES(word) ((word)&511)
#define RUN_FIRST(word) ((word) >> 29)
#define RUN_WORD(first, version) ((first) << 29 | ((version)&0xfffffULL) << 9 | 1)

/* Take the run, its fields into @rec: they stay as they are while the word's version does. */
static __always_inline __u64 run__take(struct space_cpu *own, struct rec_fault *rec)
{
	for (int i = 0; i < RUN_ATTEMPTS; i++) {
		__u64 word = *(volatile __u64 *)&own->run;

		if (word == RUN_NONE)
			return RUN_NONE;
		rec->tid = *(volatile __u32 *)&own->run_tid;
		rec->stack = *(volatile __u64 *)&own->run_stack;
		rec->gen = *(volatile __u64 *)&own->run_gen;
		rec->member = *(volatile __u8 *)&own->run_member;
		rec->cause = *(volatile __u8 *)&own->run_cause;
		rec->flags = *(volatile __u8 *)&own->run_flags;
		if (__sync_val_compare_and_swap(&own->run, word, RUN_NONE) == word)
			return word;
	}
	count(CNT_ODD_ORDER);
	return RUN_NONE;
}

/* Tell the run of one CPU; on return its place in the ring is taken, by whomever. */
__noinline int run__tell(__u32 space, __u32 cpu)
{
	struct space_state *state = bpf_map_lookup_elem(&space_states, &space);
	struct space_cpu *own = delta__cpu(space, cpu);
	struct rec_fault *rec;
	__u64 word;

	if (!own || !state)
		return 0;
	if (!emit__reserve(rec, REC_FAULT)) {
		struct rec_fault unsent;

		word = run__take(own, &unsent);
		if (word != RUN_NONE)
			emit__lost(state, unsent.member, RUN_PAGES(word));
		return 0;
	}
	word = run__take(own, rec);
	if (word == RUN_NONE) {
		bpf_ringbuf_discard(rec, BPF_RB_NO_WAKEUP);
		return 0;
	}
	rec->space = space;
	rec->addr = RUN_FIRST(word) << 12;
	rec->nr_pages = RUN_PAGES(word);
	rec->cow_member = 0;
	emit__submit(rec);
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
	bool follows = own->run_next == page && run__fits(own, fault) && !(page >> RUN_PAGE_BITS);

	own->run_next = page + 1;
	if (word != RUN_NONE && follows && RUN_PAGES(word) < RUN_MAX_PAGES &&
	    __sync_val_compare_and_swap(&own->run, word, word + 1) == word)
		return true;
	if (word != RUN_NONE)
		run__tell(fault->space, cpu);
	if (*(volatile __u64 *)&own->run != RUN_NONE) { /* could not be taken: see ODD_ORDER */
		own->run_next = 0;
		return false;
	}
	if (follows) {
		own->run_version++;
		*(volatile __u64 *)&own->run = RUN_WORD(page, (__u64)own->run_version);
		return true;
	}
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
