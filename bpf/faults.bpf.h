/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Page faults arm the thread's cause; rss_stat.bpf.h tells what, if anything, came of it. */
#ifndef RSSTRACE_FAULTS_BPF_H
#define RSSTRACE_FAULTS_BPF_H

#include "filter.bpf.h"
#include "arch_x86.bpf.h"
#include "rss_batched.bpf.h"
#include "rss_stat.bpf.h"

#define X86_PF_WRITE (1 << 1)

static __always_inline void arm_fault(void *ctx, struct task_struct *task,
				      const struct space_ref *ref, __u64 addr, bool kernel,
				      bool write)
{
	struct thread_state *thread = filter__thread(task);

	if (!thread)
		return;
	batched__boundary(ref->space); /* what is left over was no fault's */
	if (thread->cow)
		emit_orphan(task, thread, ref->space);
	thread->fault_addr = addr;
	thread->fault_mark = fault_mark(task);
	thread->fault_kernel = kernel;
	thread->fault_write = write;
#ifndef RSST_BATCHED
	thread->fault_nr = kernel ? arch_syscall_nr(task__regs(task)) : -1;
#endif
}

/* arch/x86/include/asm/trace/exceptions.h: (address, regs, error_code), interrupts off */
SEC("tp_btf/page_fault_user")
int BPF_PROG(page_fault_user, unsigned long address, struct pt_regs *regs, unsigned long error_code)
{
	struct task_struct *task = current_task();
	struct space_ref *ref = filter__space((__u64)kernel_field(task, mm));

	if (ref)
		arm_fault(ctx, task, ref, address, false, error_code & X86_PF_WRITE);
	return 0;
}

SEC("tp_btf/page_fault_kernel")
int BPF_PROG(page_fault_kernel, unsigned long address, struct pt_regs *regs,
	     unsigned long error_code)
{
	struct task_struct *task = current_task();
	struct space_ref *ref;

	if (address >= ARCH_USER_END)
		return 0;
	ref = filter__space((__u64)kernel_field(task, mm));
	if (!ref)
		return 0;
	if (task__faults_disabled(task)) {
		count(CNT_PAGEFAULT_DISABLED);
		return 0;
	}
	arm_fault(ctx, task, ref, address, true, error_code & X86_PF_WRITE);
	return 0;
}

#endif
