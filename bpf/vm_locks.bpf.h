/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The VM calls by the mmap lock they change the address space under: from its acquisition for
 * writing to its release a call is one section. A tracepoint of a system call, even of one that
 * nobody makes, slows down every call of every process (SYSCALL_WORK_SYSCALL_TRACEPOINT); these
 * cost who takes the lock. The release is told before it happens: REC_CALLs stand in the kernel's
 * own order. Linux 6.14 and later; before, each event makes out a cgroup's path first.
 *
 * Zaps may come after the lock is downgraded to reading: the section lasts until that is released.
 */
#ifndef RSSTRACE_VM_LOCKS_BPF_H
#define RSSTRACE_VM_LOCKS_BPF_H

#ifndef RSST_BATCHED
#include "vm_calls.bpf.h"
#include "vm_outcome.bpf.h"

enum vm_section {
	SECTION_NONE = 0,
	SECTION_WRITING = 1,
	SECTION_DOWNGRADED = 2,
};

/*
 * Each taking for writing has a number. Where one is missing, or its release, a program was left
 * out: since Linux 7 they are preemptible, and whoever comes onto the CPU meanwhile goes unseen.
 * The kernel counts them, too, but mostly for processes that are none of ours.
 */
static __always_inline void check_sequence(const struct mm_struct *mm, __u32 space)
{
	struct space_state *state = bpf_map_lookup_elem(&space_states, &space);
	__u32 seq;

	if (!state || !bpf_core_field_exists(mm->mm_lock_seq))
		return;
	seq = mm->mm_lock_seq.sequence;
	if (state->lock_open || (state->lock_seq && seq != state->lock_seq + 2))
		count(CNT_MAPS_UNTOLD);
	state->lock_seq = seq;
	state->lock_open = 1;
}

static __always_inline void note_released(__u32 space)
{
	struct space_state *state = bpf_map_lookup_elem(&space_states, &space);

	if (state)
		state->lock_open = 0;
}

static __always_inline void section_begin(struct mm_struct *mm, struct task_struct *task)
{
	struct thread_state *thread = filter__thread(task);
	struct pt_regs *regs = task__regs(task);

	if (!thread)
		return;
	thread->section = SECTION_WRITING;
	thread->old_vma = arch_vm_op(arch_syscall_nr(regs)) == VM_OP_MREMAP
				  ? vma__at(vma__root(mm), PAGE_DOWN(regs->di))
				  : 0;
	thread->call++;
	thread->old_brk = mm->brk;
	thread->old_total = mm->total_vm;
	thread->area[0] = thread->area[1] = 0;
	thread->fill_bytes = 0;
	thread->call_gen = emit__next_generation();
}

static __always_inline void section_downgraded(struct task_struct *task)
{
	struct thread_state *thread = thread__find(task);

	if (thread && thread->section == SECTION_WRITING)
		thread->section = SECTION_DOWNGRADED;
}

/* A function of its own, see call_exit(). */
static __noinline int section_outcome(struct mm_struct *mm, struct task_struct *task,
				      struct thread_state *thread)
{
	struct pt_regs *regs = task__regs(task);
	long nr = arch_syscall_nr(regs);
	enum vm_op op = nr < 0 ? VM_OP_NONE : arch_vm_op(nr);

	if (in_fault(task, thread, nr)) /* a stack that grows by a fault: the fault tells */
		return 0;
	switch (op) {
	case VM_OP_MMAP:
	case VM_OP_MUNMAP:
	case VM_OP_MREMAP:
	case VM_OP_BRK:
	case VM_OP_MPROTECT:
	case VM_OP_SHMAT:
	case VM_OP_SHMDT:
		outcome__find(mm, thread, regs, op);
		if (thread->outcome != OUTCOME_UNKNOWN)
			return 1;
		break;
	case VM_OP_NONE:
		return 0;
	case VM_OP_OTHER:
		if (nr == ARCH_NR_PRCTL && !(regs->dx & 4095)) {
			memory_named(0);
			return 0;
		}
		/* fallthrough */
	default: /* io_setup(2), or a driver's own way to map */
		if (!pages_grown(mm, thread))
			return 0;
	}
	count(CNT_MAPS_UNTOLD);
	return 0;
}

static __always_inline void section_end(void *ctx, struct mm_struct *mm, struct task_struct *task,
					bool write)
{
	struct thread_state *thread = thread__find(task);

	if (!thread || thread->section != (write ? SECTION_WRITING : SECTION_DOWNGRADED))
		return;
	if (section_outcome(mm, task, thread))
		call_exit(ctx, thread->outcome);
	else
		thread->call++;
	thread->section = SECTION_NONE;
}

/* include/trace/events/mmap_lock.h: (mm, write, success); also told at a downgrade */
SEC("tp_btf/mmap_lock_acquire_returned")
int BPF_PROG(mmap_lock_acquired, struct mm_struct *mm, bool write, bool success)
{
	struct space_ref *ref = filter__space((__u64)mm);
	struct task_struct *task = current_task();

	if (!ref || !success)
		return 0;
	cpu__hold();
	if (write)
		check_sequence(mm, ref->space);
	if (task->mm == mm && write)
		section_begin(mm, task);
	else if (task->mm == mm)
		section_downgraded(task);
	cpu__let_go();
	return 0;
}

/* (mm, write), just before it happens */
SEC("tp_btf/mmap_lock_released")
int BPF_PROG(mmap_lock_released, struct mm_struct *mm, bool write)
{
	struct space_ref *ref = filter__space((__u64)mm);
	struct task_struct *task = current_task();

	if (!ref)
		return 0;
	cpu__hold();
	note_released(ref->space);
	if (task->mm == mm)
		section_end(ctx, mm, task, write);
	cpu__let_go();
	return 0;
}
#endif

#endif
