/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Processes come and go: fork, exec, exit, and the end of an address space.
 * include/trace/events/sched.h, mmap.h */
#ifndef RSSTRACE_PROCESSES_BPF_H
#define RSSTRACE_PROCESSES_BPF_H

#include "filter.bpf.h"
#include "emit.bpf.h"
#include "spaces.bpf.h"
#include "fault_runs.bpf.h"
#include "rss_batched.bpf.h"
#include "unwind_exec.bpf.h"

static __always_inline int emit_thread(__u32 space, struct task_struct *child)
{
	struct rec_thread *rec;

	if (!emit__reserve(rec, REC_THREAD))
		return 0;
	rec->space = space;
	rec->pid = kernel_field(child, tgid);
	rec->tid = kernel_field(child, pid);
	rec->pad = 0;
	BPF_CORE_READ_STR_INTO(&rec->comm, child, comm);
	emit__submit(rec);
	return 0;
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(sched_process_fork, struct task_struct *parent, struct task_struct *child)
{
	__u64 mm = (__u64)kernel_field(child, mm), gen;
	struct space_ref *ref = filter__space((__u64)kernel_field(parent, mm));
	__s64 pages[RSST_NR_MEMBERS] = {};
	struct rec_fork *rec;
	struct proc_ref proc;
	__u32 space, tgid;

	if (!ref)
		return 0;
	if (kernel_field(child, tgid) == kernel_field(parent, tgid))
		return emit_thread(ref->space, child);
	if (!settings.follow_children || !mm)
		return 0;
	space = ref->space;
	proc.space = space;
	proc.pad = 0;
	tgid = kernel_field(child, tgid);
	if (mm == (__u64)kernel_field(parent, mm)) /* vfork: lives in the parent's until it execs */
		bpf_map_update_elem(&procs, &tgid, &proc, BPF_ANY);
	else
		proc.space = space__adopt(mm, tgid, false, pages);
	if (proc.space && proc.space != space)
		unwind__forked(space, proc.space);
	runs__tell(space);
	gen = emit__next_generation();
	if (!proc.space || !emit__reserve(rec, REC_FORK))
		return 0;
	rec->space = space;
	rec->child_space = proc.space;
	rec->pid = kernel_field(parent, tgid);
	rec->child_pid = tgid;
	rec->gen = gen;
	for (__u32 member = 0; member < RSST_NR_MEMBERS; member++)
		rec->pages[member] = pages[member];
	BPF_CORE_READ_STR_INTO(&rec->comm, child, comm);
	emit__submit(rec);
	return 0;
}

/* The mm_struct of @space will be somebody else's soon. */
static __always_inline void let_go(__u32 space)
{
	struct space_state *state = bpf_map_lookup_elem(&space_states, &space);
	__u64 mm;

	if (!state)
		return;
	mm = state->mm;
	state->mm = 0;
	bpf_map_delete_elem(&spaces, &mm);
	if (only_mm == mm)
		only_mm = 0;
}

static __always_inline void tell_space_end(__u32 space)
{
	struct rec_space_end *rec;

	if (!emit__reserve(rec, REC_SPACE_END))
		return;
	rec->space = space;
	rec->pad = 0;
	emit__submit(rec);
}

#ifdef RSST_BATCHED
/* Is @tgid the process the space was followed for? A vfork child only borrows it. */
static __always_inline bool owns(__u32 tgid, __u32 space)
{
	struct space_state *state = bpf_map_lookup_elem(&space_states, &space);

	return state && state->tgid == tgid;
}
#endif

SEC("tp_btf/sched_process_exec")
int BPF_PROG(sched_process_exec, struct task_struct *task, pid_t old_pid, struct linux_binprm *bprm)
{
	__u32 tgid = kernel_field(task, tgid), old_space, new_space;
	struct proc_ref *proc = bpf_map_lookup_elem(&procs, &tgid);
	__s64 pages[RSST_NR_MEMBERS] = {};
	struct rec_exec *rec;
	__u64 gen;

	if (!proc)
		return 0;
	old_space = proc->space;
#ifdef RSST_BATCHED /* the others hear of it by exit_mmap */
	if (owns(tgid, old_space))
		let_go(old_space);
#endif
	if (old_pid != (pid_t)tgid)
		thread__forget(old_pid);
	new_space = space__adopt((__u64)kernel_field(task, mm), tgid, false, pages);
#ifdef RSST_BATCHED
	batched__begin(task, new_space, pages);
#endif
	if (!new_space)
		return 0;
	/* before the record wakes the live side: the set it publishes then is to stay */
	cpu__hold();
	unwind__began(new_space, BPF_CORE_READ(bprm, filename));
	cpu__let_go();
	gen = emit__next_generation();
	if (!emit__reserve(rec, REC_EXEC))
		return 0;
	rec->old_space = old_space;
	rec->new_space = new_space;
	rec->pid = tgid;
	rec->pad = 0;
	rec->gen = gen;
	for (__u32 member = 0; member < RSST_NR_MEMBERS; member++)
		rec->pages[member] = pages[member];
	BPF_CORE_READ_STR_INTO(&rec->comm, task, comm);
	__builtin_memset(rec->filename, 0, sizeof(rec->filename));
	bpf_probe_read_kernel_str(rec->filename, sizeof(rec->filename),
				  BPF_CORE_READ(bprm, filename));
	emit__submit_now(rec);
	return 0;
}

/*
 * Before the teardown of the address space since 6.18, after it on older kernels. There is no
 * exit_mmap tracepoint on some of the batched family: there an address space ends with the process
 * it was followed for.
 */
SEC("tp_btf/sched_process_exit")
int BPF_PROG(sched_process_exit, struct task_struct *task)
{
	__u32 tgid = kernel_field(task, tgid), tid = kernel_field(task, pid), space;
	struct proc_ref *proc = bpf_map_lookup_elem(&procs, &tgid);
	struct signal_struct *signal;
	struct rec_exit *rec;
	bool dead;

	thread__forget(tid); /* whoever's: a thread of a space need not be of a followed process */
	if (!proc)
		return 0;
	space = proc->space;
	signal = kernel_field(task, signal);
	dead = kernel_field(signal, live.counter) == 0;
	runs__tell(space);
	if (emit__reserve(rec, REC_EXIT)) {
		rec->space = space;
		rec->pid = tgid;
		rec->tid = tid;
		rec->exit_code = kernel_field(task, exit_code);
		rec->group_dead = dead;
		rec->pad = 0;
		emit__submit(rec);
	}
	if (!dead)
		return 0;
	bpf_map_delete_elem(&procs, &tgid);
#ifdef RSST_BATCHED
	if (owns(tgid, space)) {
		let_go(space);
		tell_space_end(space);
	}
#endif
	return 0;
}

#ifndef RSST_BATCHED
/* The last user let go (since 6.1, commit 763ecb035029). */
SEC("tp_btf/exit_mmap")
int BPF_PROG(exit_mmap, struct mm_struct *mm)
{
	struct task_struct *task = current_task();
	__u64 key = (__u64)mm;
	struct space_ref *ref = bpf_map_lookup_elem(&spaces, &key);
	__u32 space;
	bool exec;

	if (!ref)
		return 0;
	space = ref->space;
	exec = kernel_field(task, mm) && (__u32)kernel_field(task, tgid) == ref->tgid;
	runs__tell(space);
	let_go(space);
	if (!exec) /* else the old image of an exec: REC_EXEC follows and says more */
		tell_space_end(space);
	return 0;
}
#endif

#endif
