/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * RSS changes on kernels before 6.2 (SPLIT_RSS_COUNTING).
 *
 * A thread counts the pages of its faults in task->rss_stat and adds them to the shared count every 64 faults, at zaps and
 * at exit; only then rss_stat fires, with the shared count after the addition. So what a fault brought is not in the
 * event but in the change of (what the thread has synced + what it has pending) from one boundary to the next: the
 * start of a fault, its end (the perf software events MIN and MAJ, since 5.9 in mm_account_fault()), the end of a VM call.
 * Zaps, huge pages, reclaim and other processes add to the shared count directly; their events are told as on later kernels.
 */
#ifndef RSSTRACE_RSS_BATCHED_BPF_H
#define RSSTRACE_RSS_BATCHED_BPF_H

#include "rss_stat.bpf.h"
#include "spaces.bpf.h"

#define HUGE_PAGES 512

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
	e.regs = (struct pt_regs *)bpf_task_pt_regs(task);
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
 * PERF_COUNT_SW_PAGE_FAULTS_MIN and _MAJ: the fault that armed the thread has been handled. Members in the order in which
 * a copy-on-write moves them: the file's page goes, the anonymous one comes.
 */
SEC("perf_event")
int fault_end(struct bpf_perf_event_data *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct space_ref *ref = filter__space((__u64)task->mm);
	struct rss_event e = { .task = task, .ctx = ctx };
	struct thread_state *thread;

	if (!ref)
		return 0;
	thread = bpf_task_storage_get(&threads, task, NULL, 0);
	if (!thread || !thread->fault_addr)
		return 0;
	e.thread = thread;
	e.space = ref->space;
	e.state = bpf_map_lookup_elem(&space_states, &e.space);
	if (!e.state)
		return 0;
	e.regs = (struct pt_regs *)bpf_task_pt_regs(task);
	e.nr = arch_syscall_nr(e.regs);
	for (__u32 i = 0; i < RSST_NR_MEMBERS; i++) {
		/* FILE, SHMEM, ANON, SWAP */
		e.member = i == 1 ? RSST_SHMEM : i == 2 ? RSST_ANON : i == 3 ? RSST_SWAP : RSST_FILE;
		e.pages = batched__news(task, thread, e.member);
		if (e.pages)
			in_fault_event(&e);
	}
	return 0;
}

/* A direct addition: how much of the shared count has nobody told yet? */
static __always_inline __s64 batched__claim(struct space_state *state, __u32 member, __s64 shared)
{
	return shared - __sync_lock_test_and_set(&state->last_count[member & 3], shared);
}

static __always_inline int batched__event(void *ctx, __u64 mm, __u32 member, __s64 shared,
					  const struct space_ref *ref)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct rss_event e = { .task = task, .ctx = ctx, .space = ref->space, .member = member };
	__s64 pending, surplus;

	asm volatile("%0 &= 3" : "+r"(member));
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
	e.regs = (struct pt_regs *)bpf_task_pt_regs(task);
	e.nr = -1;
	pending = (__u64)task->mm == mm ? batched__pending(task, member) : 0;
	/*
	 * A sync adds what is pending, which is cleared only after the event; it is told at the thread's boundaries. An
	 * amount far from that is a huge page that comes or goes, added directly.
	 */
	surplus = shared - e.state->last_count[member] - pending;
	if (pending && surplus < HUGE_PAGES / 2 && surplus > -HUGE_PAGES / 2) {
		e.thread = filter__thread(task);
		__sync_fetch_and_add(&e.state->last_count[member], pending);
		if (e.thread)
			e.thread->synced[member] += pending;
		return 0;
	}
	e.pages = batched__claim(e.state, member, shared);
	e.soft = true; /* another thread's addition at the same instant may be in it */
	if (!e.pages) {
		count(CNT_ZERO_DELTA);
		return 0;
	}
	if (e.cause != CAUSE_INVALID)
		return emit_delta(&e, member == RSST_SWAP && e.cause == CAUSE_RECLAIM ?
					      CAUSE_SWAP_OUT :
					      e.cause);
	e.nr = arch_syscall_nr(e.regs);
	e.op = e.nr < 0 ? VM_OP_NONE : arch_vm_op(e.nr);
	e.thread = bpf_task_storage_get(&threads, task, NULL, 0);
	if (e.thread && in_fault(task, e.thread, e.nr))
		return in_fault_event(&e); /* a huge page */
	if (e.nr < 0) {
		count(CNT_UNMATCHED);
		return emit_delta(&e, CAUSE_OTHER);
	}
	return in_call_event(&e, is_zap(e.op, e.regs));
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
 * Sum the counters of space ask_space: the shared counts, and what each of its threads has pending. Run by the live side;
 * the last call of an iteration has no task and tells the sum, into the ring with ask_tell, else as an answer.
 */
volatile __u32 ask_space = 0;
volatile __u32 ask_tell = 0;
__s64 batched_sum[RSST_NR_MEMBERS] = {};
__u32 batched_users = 0;

static __always_inline void tell_sum(struct space_state *state)
{
	struct rec_counters *rec;

	if (!emit__reserve(rec, REC_COUNTERS))
		return;
	rec->space = ask_space;
	rec->pad = 0;
	for (__u32 member = 0; member < RSST_NR_MEMBERS; member++) {
		rec->pages[member] = answer_pages[member];
		rec->lost[member] = state->lost[member];
	}
	rec->hiwater_pages = 0;
	emit__submit(rec);
}

SEC("iter/task")
int sum_batched(struct bpf_iter__task *ctx)
{
	__u32 space = ask_space;
	struct space_state *state = bpf_map_lookup_elem(&space_states, &space);
	struct task_struct *task = ctx->task;

	if (!state || !state->mm)
		return 0;
	if (task) {
		if ((__u64)task->mm != state->mm)
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
		answer_pages[member] = batched_sum[member] + space__sum(space, member, 0);
		batched_sum[member] = 0;
	}
	if (ask_tell)
		tell_sum(state);
	return 0;
}

#endif
