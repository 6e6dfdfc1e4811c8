/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * RSS changes on kernels before 6.2 (SPLIT_RSS_COUNTING).
 *
 * A thread counts the pages of its faults in task->rss_stat and adds them to the shared count every
 * 64 faults, at zaps and at exit; only then rss_stat fires, with the shared count after the
 * addition. So what a fault brought is not in the event but in the change of (what the thread has
 * synced + what it has pending) from one boundary to the next: the start of a fault, its end (the
 * perf software events MIN and MAJ, since 5.9 in mm_account_fault()), the end of a VM call. Zaps,
 * huge pages, reclaim and other processes add to the shared count directly; their events are told
 * as on later kernels.
 */
#ifndef RSSTRACE_RSS_BATCHED_BPF_H
#define RSSTRACE_RSS_BATCHED_BPF_H

#include "rss_stat.bpf.h"
#include "spaces.bpf.h"

#ifndef RSST_BATCHED

/* Where amounts are told as they happen nothing is left over at a boundary. */
static __always_inline void batched__boundary(__u32 space)
{
}

#else

#define HUGE_PAGES 512
#define SYNC_EVENTS 65 /* TASK_RSS_EVENTS_THRESH + 1 */
#define CLAIM_ATTEMPTS 64
#define BATCHED_SYNC (1LL << 62)

/* What is known of an event before its amount is. */
enum batched_what {
	BATCHED_OWN = 1, /* by a thread of the space */
	BATCHED_FAULT = 2,
	BATCHED_ZAP = 4,   /* inside a call that releases ranges */
	BATCHED_OTHER = 8, /* reclaim, a kernel thread, another process */
	BATCHED_RECLAIM = 16,
	BATCHED_EXEC = 32,
	BATCHED_PAGEOUT = 64, /* page by page, and nothing synced before */
};

/* Pages of @member that this thread's faults have moved since the last boundary. */
static __always_inline __s64 batched__news(struct task_struct *task, struct thread_state *thread,
					   __u32 member)
{
	__s64 now = thread->synced[member] + batched__pending(task, member);
	__s64 news = now - thread->told[member];

	thread->told[member] = now;
	return news;
}

/* The thread begins anew in an address space of which @pages are the shared counts: what it has
 * pending there is told with them. */
static __always_inline void batched__begin(struct task_struct *task, __u32 space, __s64 *pages)
{
	struct space_state *state = bpf_map_lookup_elem(&space_states, &space);
	struct thread_state *thread = thread__find(task);

	for (__u32 member = 0; member < RSST_NR_MEMBERS; member++) {
		__s64 pending = batched__pending(task, member);

		pages[member] += pending;
		if (state)
			state->counted[member] = pages[member];
		if (thread)
			thread->told[member] = thread->synced[member] + pending;
	}
}

/* Members in the order in which a copy-on-write moves them: the file's page goes, the anonymous
 * one comes. */
#define BATCHED_IN_ORDER(i)                                                                        \
	((i) == 0 ? RSST_FILE : (i) == 1 ? RSST_SHMEM : (i) == 2 ? RSST_ANON : RSST_SWAP)

/*
 * A boundary that is not the end of a fault: gains without a fault (GUP), told as such, and what
 * made room for them: mlock(2) copies the pages of a private file it can write to. Global functions
 * here take scalars and are verified once; in a space without unwind tables this has no stack,
 * since only a program's context brings one.
 */
__noinline int batched__left_over(__u32 space, __u32 member)
{
	struct task_struct *task = current_task();
	struct rss_event e = { .task = task, .space = space, .member = member };

	e.state = bpf_map_lookup_elem(&space_states, &space);
	e.thread = thread__find(task);
	if (!e.state || !e.thread || member >= RSST_NR_MEMBERS)
		return 0;
	asm volatile("%0 &= 3" : "+r"(member));
	e.pages = batched__news(task, e.thread, member);
	if (!e.pages)
		return 0;
	e.regs = task__regs(task);
	e.nr = arch_syscall_nr(e.regs);
	e.op = e.nr < 0 ? VM_OP_NONE : arch_vm_op(e.nr);
	if (e.pages > 0 && member != RSST_SWAP && e.op != VM_OP_EXEC)
		return emit_populate(&e);
	if (e.pages < 0 && member != RSST_SWAP && populates_range(e.op, e.regs))
		return emit_release(&e);
	return emit_delta(&e, e.op == VM_OP_EXEC ? CAUSE_EXEC : CAUSE_OTHER);
}

static __always_inline void batched__boundary(__u32 space)
{
	for (__u32 i = 0; i < RSST_NR_MEMBERS; i++)
		batched__left_over(space, BATCHED_IN_ORDER(i));
}

/* PERF_COUNT_SW_PAGE_FAULTS_MIN and _MAJ: the fault that armed the thread has been handled. */
SEC("perf_event")
int fault_end(struct bpf_perf_event_data *ctx)
{
	struct task_struct *task = current_task();
	struct space_ref *ref = filter__space((__u64)kernel_field(task, mm));
	struct rss_event e = { .task = task, .ctx = ctx };
	struct thread_state *thread;

	if (!ref)
		return 0;
	thread = thread__find(task);
	if (!thread || !thread->fault_addr)
		return 0;
	e.thread = thread;
	e.space = ref->space;
	e.state = bpf_map_lookup_elem(&space_states, &e.space);
	if (!e.state)
		return 0;
	e.regs = task__regs(task);
	e.nr = arch_syscall_nr(e.regs);
	for (__u32 i = 0; i < RSST_NR_MEMBERS; i++) {
		e.member = BATCHED_IN_ORDER(i);
		e.pages = batched__news(task, thread, e.member);
		if (e.pages)
			in_fault_event(&e);
	}
	return 0;
}

static __always_inline __s64 batched__distance(__s64 a, __s64 b)
{
	return a > b ? a - b : b - a;
}

/*
 * check_sync_rss_stat(), mm/memory.c: at the start of a fault, after more than 64 of them. A zap of
 * small pages syncs first whatever is pending (add_mm_rss_vec()), so what it adds with something
 * pending is that, or a huge page that came or went. By the shared count alone one cannot tell:
 * other threads' additions may be in it whose events have not run yet. The nearest it is.
 * MADV_PAGEOUT does not sync: there a gain is one.
 *
 * execve() charges the arguments of the program to come to the caller's space, which is the
 * parent's after vfork(), and takes them back in one piece (acct_arg_size(), fs/exec.c); only then
 * exec_mmap() syncs.
 */
static __always_inline bool batched__is_sync(struct task_struct *task,
					     const struct thread_state *thread, __s64 pending,
					     __s64 moved, __u32 what)
{
	struct task_struct___batched *old = (void *)task;

	if (!pending || (what & BATCHED_OTHER))
		return false;
	if (BPF_CORE_READ(old, rss_stat.events) > SYNC_EVENTS)
		return true;
	if (kernel_field(task, flags) &
	    PF_EXITING) /* do_exit(), maybe out of a fault that failed */
		return true;
	if (what & BATCHED_FAULT)
		return false;
	if (what & BATCHED_EXEC)
		return thread && thread->args_back;
	if ((what & (BATCHED_ZAP | BATCHED_PAGEOUT)) == BATCHED_ZAP) {
		__s64 huge = moved < 0 ? -HUGE_PAGES : HUGE_PAGES;

		return batched__distance(moved, pending) <= batched__distance(moved, huge);
	}
	return what & BATCHED_PAGEOUT && pending > 0 ? moved > 0 : moved == pending;
}

/* Two at once must not claim the same pages. */
__noinline __s64 batched__claim(__u32 space, __u32 member, __s64 shared)
{
	struct space_state *state = bpf_map_lookup_elem(&space_states, &space);
	__s64 *last, mine = 0;

	if (!state)
		return 0;
	last = &state->last_count[member & 3];
	for (int i = 0; i < CLAIM_ATTEMPTS; i++) {
		if (!word__claim(&state->claiming))
			continue;
		mine = shared - *(volatile __s64 *)last;
		__sync_fetch_and_add(last, mine);
		__sync_fetch_and_add(&state->claiming, -1);
		return mine;
	}
	count(CNT_SNAPSHOT_FAIL);
	return 0; /* the next one takes it, or sum_batched */
}

/*
 * What the event under way adds: twice its pages, plus 1 if that is a guess; BATCHED_SYNC when it
 * is a thread's sync, which is told at the thread's boundaries.
 *
 * A sync adds what the thread has pending, which is cleared only after the event. Everything else
 * is added directly: a huge page by a fault, single pages by reclaim, by a zap as many as one page
 * table held. Only of the last the amount has to be guessed from how far the shared count has
 * moved; other threads' additions that are in the count, but whose events have not run yet, are in
 * such a guess.
 */
__noinline __s64 batched__of_event(__u32 space, __u32 member, __s64 shared, __u32 what)
{
	struct space_state *state = bpf_map_lookup_elem(&space_states, &space);
	struct task_struct *task = current_task();
	struct thread_state *thread = NULL;
	__s64 pending = 0, moved, pages = 0;

	if (!state || member >= RSST_NR_MEMBERS)
		return 0;
	asm volatile("%0 &= 3" : "+r"(member));
	moved = shared - state->last_count[member];
	if (what & BATCHED_OWN) {
		pending = batched__pending(task, member);
		thread = thread__find(task);
	}
	if (batched__is_sync(task, thread, pending, moved, what)) {
		__sync_fetch_and_add(&state->begun, 1);
		__sync_fetch_and_add(&state->last_count[member], pending);
		if (thread)
			thread->synced[member] += pending;
		tell__end(state);
		return BATCHED_SYNC;
	}
	if (what & BATCHED_EXEC && thread && moved < 0)
		thread->args_back = 1;
	if (what & BATCHED_RECLAIM)
		pages = member == RSST_SWAP ? 1 : -1; /* try_to_unmap_one(), mm/rmap.c */
	else if (!(what & (BATCHED_OTHER | BATCHED_ZAP)) && moved >= HUGE_PAGES / 2)
		pages = HUGE_PAGES;
	if (!pages)
		return batched__claim(space, member, shared) * 2 + 1;
	__sync_fetch_and_add(&state->last_count[member], pages);
	return pages * 2;
}

static __always_inline int batched__tell_event(struct rss_event *e, bool fault, bool zap)
{
	if (!e->pages && !(zap && e->soft)) { /* see in_call_event() */
		count(CNT_ZERO_DELTA);
		return 0;
	}
	if (e->cause != CAUSE_INVALID)
		return emit_delta(e, e->member == RSST_SWAP && e->cause == CAUSE_RECLAIM
					     ? CAUSE_SWAP_OUT
					     : e->cause);
	if (fault)
		return in_fault_event(e);
	if (e->nr < 0) {
		count(CNT_UNMATCHED);
		return emit_delta(e, CAUSE_OTHER);
	}
	return in_call_event(e, zap);
}

/* process_madvise(MADV_PAGEOUT); later kernels reclaim with PF_MEMALLOC there, too */
static __always_inline bool is_pageout_by_other(const struct pt_regs *regs)
{
	return arch_syscall_nr(regs) == 440 && (__s32)regs->r10 == MADV_PAGEOUT;
}

static __always_inline int batched__event(void *ctx, __u64 mm, __u32 member, __s64 shared,
					  const struct space_ref *ref)
{
	struct task_struct *task = current_task();
	struct rss_event e = { .task = task, .ctx = ctx, .space = ref->space, .member = member };
	bool own = (__u64)kernel_field(task, mm) == mm, fault = false, zap = false;
	__u32 what = own ? BATCHED_OWN : 0;
	__s64 delta;

	e.cause = foreign_cause(task, mm, ref);
	if (e.cause == CAUSE_EXIT || e.cause == CAUSE_EXEC) {
		count(CNT_EXITING);
		return 0;
	}
	e.state = bpf_map_lookup_elem(&space_states, &e.space);
	if (!e.state) {
		count(CNT_NO_SPACE_STATE);
		return 0;
	}
	e.regs = task__regs(task);
	if (e.cause == CAUSE_REMOTE && is_pageout_by_other(e.regs))
		e.cause = CAUSE_RECLAIM;
	e.nr = -1;
	if (own)
		e.thread = filter__thread(task);
	if (e.cause == CAUSE_INVALID) {
		e.nr = arch_syscall_nr(e.regs);
		e.op = e.nr < 0 ? VM_OP_NONE : arch_vm_op(e.nr);
		fault = e.thread && in_fault(task, e.thread, e.nr);
		zap = !fault && is_zap(e.op, e.regs);
		what |= (fault ? BATCHED_FAULT : 0) | (zap ? BATCHED_ZAP : 0) |
			(!fault && e.op == VM_OP_EXEC ? BATCHED_EXEC : 0) |
			(zap && e.op == VM_OP_MADVISE && (__s32)e.regs->dx == MADV_PAGEOUT
				 ? BATCHED_PAGEOUT
				 : 0);
	} else {
		what |= BATCHED_OTHER | (e.cause == CAUSE_RECLAIM ? BATCHED_RECLAIM : 0);
	}
	delta = batched__of_event(e.space, member, shared, what);
	if (delta == BATCHED_SYNC)
		return 0;
	e.pages = delta >> 1;
	e.soft = delta & 1;
	return batched__tell_event(&e, fault, zap);
}

/* Before Linux 6.2: (mm, member, count), count as it is after the addition. */
SEC("tp_btf/rss_stat")
int rss_stat_batched(__u64 *ctx)
{
	__u64 mm = ctx[0];
	struct space_ref *ref = filter__space(mm);
	__u32 member;

	if (!ref)
		return 0;
	member = (__u32)ctx[1];
	if (member >= RSST_NR_MEMBERS) {
		count(CNT_BAD_MEMBER);
		return 0;
	}
	return batched__event(ctx, mm, member, (__s64)ctx[2], ref);
}

#endif

#endif
