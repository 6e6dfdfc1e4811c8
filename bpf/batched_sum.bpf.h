/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The counters of a space on kernels before 6.2: summed over its threads, told into the ring. */
#ifndef RSSTRACE_BATCHED_SUM_BPF_H
#define RSSTRACE_BATCHED_SUM_BPF_H

#include "rss_batched.bpf.h"

#ifdef RSST_BATCHED

/*
 * Sum the counters of space ask_space: the shared counts, and what each of its threads has pending.
 * Run by the live side; the last call of an iteration has no task and tells the sum, into the ring
 * with ask_tell, else as an answer.
 *
 * The sum is that of no moment if a thread ran meanwhile: one met early has had faults since, which
 * are told already, or has synced what was seen pending. Then what the records add up to is told,
 * and by how much the kernel was found to differ from that when last nobody ran, twice the same:
 * an addition whose event has not run yet goes unnoticed once.
 */
__s64 batched_sum[RSST_NR_MEMBERS] = {};
__u64 batched_begun = 0;      /* of the space, when its first thread was met */
bool batched_met = false;     /* a thread */
bool batched_running = false; /* one of its threads is on a CPU */

/* One attempt to put the counters where they belong: 1: somebody told something meanwhile, try
 * again. @last: no more attempts, tell what there is. */
__noinline int batched__tell_counters(__u32 space, __u32 last)
{
	struct space_state *state = bpf_map_lookup_elem(&space_states, &space);
	struct rec_counters *rec;
	__u64 done;

	if (!state)
		return 0;
	done = *(volatile __u64 *)&state->done;
	if (!emit__reserve(rec, REC_COUNTERS))
		return 0;
	rec->space = space;
	rec->pad = 0;
	for (__u32 member = 0; member < RSST_NR_MEMBERS; member++) {
		rec->pages[member] = *(volatile __s64 *)&state->counted[member] +
				     *(volatile __s64 *)&state->drift[member];
		rec->lost[member] = *(volatile __s64 *)&state->lost[member];
	}
	rec->hiwater_pages = 0;
	if (!last && *(volatile __u64 *)&state->begun != done) {
		bpf_ringbuf_discard(rec, BPF_RB_NO_WAKEUP);
		return 1;
	}
	emit__submit(rec);
	return 0;
}

/* Who is telling something may be kept from it for long: on a machine that is emulated, or a CPU
 * that is taken away. Then the live side asks again. */
__noinline int batched__tell(__u32 space)
{
	for (int i = 0; i < TELL_ATTEMPTS; i++)
		if (!batched__tell_counters(space, false))
			return 0;
	if (dialog.ask_tell == SUM_TELL_LAST)
		batched__tell_counters(space, true);
	else
		dialog.answer_again = AGAIN_BUSY;
	return 0;
}

/* What the thread has pending as it is met is part of the space's first counters. */
static __always_inline void batched__meet(struct task_struct *task)
{
	struct thread_state *thread = thread__find_or_new(task);

	if (!thread)
		return;
	for (__u32 member = 0; member < RSST_NR_MEMBERS; member++)
		thread->told[member] = thread->synced[member] + batched__pending(task, member);
}

struct task_struct___before_5_14 {
	long state;
} __attribute__((preserve_access_index));

struct task_struct___since_5_14 {
	unsigned int __state;
} __attribute__((preserve_access_index));

/* include/linux/sched.h */
#define TASK_STOPPED_OR_TRACED 0xc

static __always_inline bool batched__stopped(struct task_struct *task)
{
	struct task_struct___before_5_14 *before = (void *)task;
	struct task_struct___since_5_14 *since = (void *)task;
	__u64 state;

	if (bpf_core_field_exists(since->__state))
		state = BPF_CORE_READ(since, __state);
	else
		state = BPF_CORE_READ(before, state);
	return state & TASK_STOPPED_OR_TRACED;
}

/*
 * Is the thread in the midst of something that tells at its end what has come? A fault, or a call
 * that fills memory: told before, its pages would have neither a place nor a stack. A fault that a
 * signal has cut short may have mapped what lies around (do_fault_around(), mm/memory.c) and never
 * ends.
 */
static __always_inline bool batched__under_way(struct task_struct *task,
					       const struct thread_state *thread)
{
	long nr = arch_syscall_nr(task__regs(task));
	enum vm_op op = nr < 0 ? VM_OP_NONE : arch_vm_op(nr);

	if (!thread || batched__stopped(task))
		return false;
	return in_fault(task, thread, nr) || op == VM_OP_MMAP || op == VM_OP_MREMAP ||
	       op == VM_OP_BRK || op == VM_OP_MADVISE || op == VM_OP_MLOCK;
}

/* What the shared counts lack of the pages a thread has: in the midst of a fault as they were
 * before it, which is what the records so far say. */
static __always_inline void batched__add(struct task_struct *task)
{
	struct thread_state *thread = thread__find(task);
	bool under_way = batched__under_way(task, thread);

	for (__u32 member = 0; member < RSST_NR_MEMBERS; member++)
		batched_sum[member] += under_way ? thread->told[member] - thread->synced[member]
						 : batched__pending(task, member);
}

/*
 * A thread that sleeps may have gained in a call that is no boundary: pages pinned for read(2) with
 * O_DIRECT, say. What tells at its end what has come is left alone.
 */
static __always_inline void batched__of_sleeper(struct task_struct *task, __u32 space)
{
	struct rss_event e = { .task = task, .space = space, .nr = -1 };
	struct thread_state *thread = thread__find(task);

	e.state = bpf_map_lookup_elem(&space_states, &space);
	if (!thread || !e.state || kernel_field(task, on_cpu) || batched__under_way(task, thread))
		return;
#pragma unroll
	for (e.member = 0; e.member < RSST_NR_MEMBERS; e.member++) {
		e.pages = batched__news(task, thread, e.member);
		if (!e.pages)
			continue;
		emit_delta(&e, CAUSE_POPULATE);
		batched_begun++; /* that was us */
	}
}

/* Did nobody run since the first thread was met? */
static __always_inline bool batched__stood_still(const struct space_state *state)
{
	__u64 done = *(volatile __u64 *)&state->done;

	return !batched_running && done == batched_begun &&
	       done == *(volatile __u64 *)&state->begun;
}

static __always_inline void batched__found(struct space_state *state, __u32 member)
{
	__s64 drift = dialog.answer_pages[member] - state->counted[member];

	if (drift == state->drift_seen[member])
		state->drift[member] = drift;
	state->drift_seen[member] = drift;
}

SEC("iter/task")
int sum_batched(struct bpf_iter__task *ctx)
{
	__u32 space = dialog.ask_space;
	struct space_state *state = bpf_map_lookup_elem(&space_states, &space);
	struct task_struct *task = ctx->task;
	__s64 shared[RSST_NR_MEMBERS], unclaimed;
	bool still;

	if (!state)
		return 0;
	if (!batched_met)
		batched_begun = *(volatile __u64 *)&state->begun;
	batched_met = task;
	if (task) {
		if ((__u64)kernel_field(task, mm) != state->mm)
			return 0;
		batched__add(task);
		if (kernel_field(task, on_cpu))
			batched_running = true;
		if (dialog.ask_tell)
			batched__of_sleeper(task, space);
		else
			batched__meet(task);
		return 0;
	}
	for (__u32 member = 0; member < RSST_NR_MEMBERS; member++) {
		shared[member] = space__sum(space, member, 0);
		dialog.answer_pages[member] = batched_sum[member] + shared[member];
		batched_sum[member] = 0;
	}
	still = batched__stood_still(state);
	batched_running = false;
#pragma unroll /* a loop the verifier of iterators takes for endless otherwise */
	for (__u32 member = 0; member < RSST_NR_MEMBERS; member++) {
		if (!dialog.ask_tell)
			state->counted[member] = dialog.answer_pages[member];
		else if (still && (unclaimed = batched__claim(space, member, shared[member])))
			space__tell_unclaimed(state, space, member, unclaimed);
		if (still)
			batched__found(state, member);
	}
	if (dialog.ask_tell && space__in_use(state))
		batched__tell(space);
	return 0;
}

#endif

#endif
