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
static __always_inline void batched__boundary(void *ctx, struct task_struct *task,
					      struct thread_state *thread, __u32 space)
{
}

#else

#define HUGE_PAGES 512
#define SYNC_EVENTS 65 /* TASK_RSS_EVENTS_THRESH + 1 */
#define CLAIM_ATTEMPTS 64

/* Pages of @member that this thread's faults have moved since the last boundary. */
static __always_inline __s64 batched__news(struct task_struct *task, struct thread_state *thread,
					   __u32 member)
{
	__s64 now = thread->synced[member] + batched__pending(task, member);
	__s64 news = now - thread->told[member];

	thread->told[member] = now;
	return news;
}

/* A boundary that is not the end of a fault: gains without a fault (GUP), told as such. */
static __always_inline void batched__boundary(void *ctx, struct task_struct *task,
					      struct thread_state *thread, __u32 space)
{
	struct rss_event e = { .task = task, .thread = thread, .ctx = ctx, .space = space };

	e.state = bpf_map_lookup_elem(&space_states, &space);
	if (!e.state)
		return;
	e.regs = task__regs(task);
	e.nr = arch_syscall_nr(e.regs);
	e.op = e.nr < 0 ? VM_OP_NONE : arch_vm_op(e.nr);
	for (e.member = 0; e.member < RSST_NR_MEMBERS; e.member++) {
		e.pages = batched__news(task, thread, e.member);
		if (e.pages > 0 && e.member != RSST_SWAP && e.op != VM_OP_EXEC)
			emit_populate(&e);
		else if (e.pages)
			emit_delta(&e, e.op == VM_OP_EXEC ? CAUSE_EXEC : CAUSE_OTHER);
	}
}

/*
 * PERF_COUNT_SW_PAGE_FAULTS_MIN and _MAJ: the fault that armed the thread has been handled. Members
 * in the order in which a copy-on-write moves them: the file's page goes, the anonymous one comes.
 */
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
		/* FILE, SHMEM, ANON, SWAP */
		e.member = i == 1   ? RSST_SHMEM
			   : i == 2 ? RSST_ANON
			   : i == 3 ? RSST_SWAP
				    : RSST_FILE;
		e.pages = batched__news(task, thread, e.member);
		if (e.pages)
			in_fault_event(&e);
	}
	return 0;
}

/*
 * What an event adds. A thread's sync adds what it has pending, which is cleared only after the
 * event. Everything else is added directly: a huge page by a fault, single pages by reclaim, by a
 * zap as many as one page table held. Only of the last the amount has to be guessed from how far
 * the shared count has moved; other threads' additions that are in the count, but whose events have
 * not run yet, are in such a guess.
 */
struct batched_event {
	struct rss_event e;
	__s64 pending; /* of this thread and member; 0 for somebody else's address space */
	__s64 moved;   /* the shared count since the last event */
	bool fault, zap;
};

/*
 * check_sync_rss_stat(), mm/memory.c: at the start of a fault, after more than 64 of them. A zap
 * syncs first whatever is pending, but not one of a huge page: there only the amount tells.
 */
static __always_inline bool batched__is_sync(const struct batched_event *b)
{
	struct task_struct___batched *task = (void *)b->e.task;
	__s64 surplus = b->moved - b->pending;

	if (!b->pending)
		return false;
	if (BPF_CORE_READ(task, rss_stat.events) > SYNC_EVENTS)
		return true;
	return !b->fault && surplus < HUGE_PAGES / 2 && surplus > -HUGE_PAGES / 2;
}

/* Two at once must not claim the same pages. */
static __always_inline __s64 batched__claim(struct space_state *state, __u32 member, __s64 shared)
{
	__s64 *last = &state->last_count[member & 3], mine = 0;

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

static __always_inline void batched__amount(struct batched_event *b, __s64 shared)
{
	struct rss_event *e = &b->e;

	if (e->cause == CAUSE_RECLAIM)
		e->pages = e->member == RSST_SWAP ? 1 : -1; /* try_to_unmap_one(), mm/rmap.c */
	else if (e->cause == CAUSE_INVALID && !b->zap && b->moved >= HUGE_PAGES / 2)
		e->pages = HUGE_PAGES;
	if (e->pages) {
		__sync_fetch_and_add(&e->state->last_count[e->member & 3], e->pages);
		return;
	}
	e->soft = true;
	e->pages = batched__claim(e->state, e->member, shared);
}

static __always_inline int batched__tell(const struct batched_event *b)
{
	const struct rss_event *e = &b->e;

	if (!e->pages) {
		count(CNT_ZERO_DELTA);
		return 0;
	}
	if (e->cause != CAUSE_INVALID)
		return emit_delta(e, e->member == RSST_SWAP && e->cause == CAUSE_RECLAIM
					     ? CAUSE_SWAP_OUT
					     : e->cause);
	if (b->fault)
		return in_fault_event(e);
	if (e->nr < 0) {
		count(CNT_UNMATCHED);
		return emit_delta(e, CAUSE_OTHER);
	}
	return in_call_event(e, b->zap);
}

static __always_inline int batched__event(void *ctx, __u64 mm, __u32 member, __s64 shared,
					  const struct space_ref *ref)
{
	struct task_struct *task = current_task();
	struct batched_event b = {
		.e = { .task = task, .ctx = ctx, .space = ref->space, .member = member, .nr = -1 },
	};
	bool own = (__u64)kernel_field(task, mm) == mm;

	asm volatile("%0 &= 3" : "+r"(member));
	b.e.cause = foreign_cause(task, mm, ref);
	if (b.e.cause == CAUSE_EXIT || b.e.cause == CAUSE_EXEC) {
		count(CNT_EXITING);
		return 0;
	}
	b.e.state = bpf_map_lookup_elem(&space_states, &b.e.space);
	if (!b.e.state) {
		count(CNT_NO_SPACE_STATE);
		return 0;
	}
	b.moved = shared - b.e.state->last_count[member];
	b.pending = own ? batched__pending(task, member) : 0;
	b.e.regs = task__regs(task);
	if (own)
		b.e.thread = filter__thread(task);
	if (b.e.cause == CAUSE_INVALID) {
		b.e.nr = arch_syscall_nr(b.e.regs);
		b.e.op = b.e.nr < 0 ? VM_OP_NONE : arch_vm_op(b.e.nr);
		b.fault = b.e.thread && in_fault(task, b.e.thread, b.e.nr);
		b.zap = !b.fault && is_zap(b.e.op, b.e.regs);
		if (batched__is_sync(&b)) { /* told at the thread's boundaries */
			__sync_fetch_and_add(&b.e.state->last_count[member], b.pending);
			if (b.e.thread)
				b.e.thread->synced[member] += b.pending;
			return 0;
		}
	}
	batched__amount(&b, shared);
	return batched__tell(&b);
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

/*
 * Sum the counters of space ask_space: the shared counts, and what each of its threads has pending.
 * Run by the live side; the last call of an iteration has no task and tells the sum, into the ring
 * with ask_tell, else as an answer.
 */
__s64 batched_sum[RSST_NR_MEMBERS] = {};
__u32 batched_users = 0;

static __always_inline void tell_sum(struct space_state *state)
{
	struct rec_counters *rec;

	if (!emit__reserve(rec, REC_COUNTERS))
		return;
	rec->space = dialog.ask_space;
	rec->pad = 0;
	for (__u32 member = 0; member < RSST_NR_MEMBERS; member++) {
		rec->pages[member] = dialog.answer_pages[member];
		rec->lost[member] = state->lost[member];
	}
	rec->hiwater_pages = 0;
	emit__submit(rec);
}

SEC("iter/task")
int sum_batched(struct bpf_iter__task *ctx)
{
	__u32 space = dialog.ask_space;
	struct space_state *state = bpf_map_lookup_elem(&space_states, &space);
	struct task_struct *task = ctx->task;

	if (!state || !state->mm)
		return 0;
	if (task) {
		if ((__u64)kernel_field(task, mm) != state->mm)
			return 0;
		batched_users++;
		for (__u32 member = 0; member < RSST_NR_MEMBERS; member++)
			batched_sum[member] += batched__pending(task, member);
		return 0;
	}
	if (!batched_users) /* being torn down */
		return 0;
	batched_users = 0;
	for (__u32 member = 0; member < RSST_NR_MEMBERS; member++) {
		__s64 shared = space__sum(space, member, 0), unclaimed;

		dialog.answer_pages[member] = batched_sum[member] + shared;
		batched_sum[member] = 0;
		unclaimed = dialog.ask_tell ? batched__claim(state, member, shared) : 0;
		if (unclaimed)
			space__tell_unclaimed(state, space, member, unclaimed);
	}
	if (dialog.ask_tell)
		tell_sum(state);
	return 0;
}

#endif

#endif
