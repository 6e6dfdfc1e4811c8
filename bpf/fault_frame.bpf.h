/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The fault under way, from where the kernel itself keeps it.
 *
 * A tracepoint at each fault that only says where it is costs the target 100 ns, and everybody else
 * as much. But when something is mapped the kernel knows: handle_mm_fault() describes the fault it
 * handles in a struct vm_fault on its stack (mm/memory.c), and a fault from user mode always has
 * the same functions above that, each with a frame of fixed size. So it lies at one distance below
 * the user's registers, which is another for each build of the kernel: the live side learns it at
 * the start, by faults of its own of every kind (user/live/fault_frame.c), and where they do not
 * agree the tracepoint is used.
 *
 * A fault in kernel mode has what its system call did above it, and keeps its tracepoint.
 */
#ifndef RSSTRACE_FAULT_FRAME_BPF_H
#define RSSTRACE_FAULT_FRAME_BPF_H

#include "filter.bpf.h"
#include "arch_x86.bpf.h"

#ifndef RSST_BATCHED

#define FRAME_SEARCH_WORDS 512 /* below the registers; seen: some 40 */

/* @place: bytes from the lower end of the task's kernel stack. */
static __always_inline struct vm_fault *fault_frame__at(struct task_struct *task, __u64 place)
{
	return bpf_rdonly_cast((void *)((__u64)task->stack + place),
			       bpf_core_type_id_kernel(struct vm_fault));
}

#define PMD_LEAF (1 << 7) /* _PAGE_PSE, arch/x86/include/asm/pgtable_types.h */

enum fault_size {
	FAULT_SIZE_UNKNOWN,
	FAULT_SIZE_TABLE, /* pages of a page table */
	FAULT_SIZE_HUGE,  /* the one huge page that is in place of a table */
};

/*
 * What the user's fault under way, of anonymous memory, has put where it belongs: the kernel counts
 * after that (mm/huge_memory.c, map_anon_folio_pmd(); mm/memory.c, set_pte_range()).
 */
static __always_inline enum fault_size fault_frame__size(struct task_struct *task)
{
	struct vm_fault *fault = fault_frame__at(task, dialog.fault_frame);

	if (!dialog.fault_frame)
		return FAULT_SIZE_UNKNOWN;
	return *fault->pmd & PMD_LEAF ? FAULT_SIZE_HUGE : FAULT_SIZE_TABLE;
}

/* Is this the description of a fault of a user in @mm? Words that an earlier fault left there are,
 * too, see fault_frame__take(). */
static __always_inline bool fault_frame__is_of(struct vm_fault *fault, __u64 mm)
{
	struct vm_area_struct *vma = fault->vma;
	__u64 addr = fault->real_address;

	return (__u64)vma->vm_mm == mm && addr >= vma->vm_start && addr < vma->vm_end &&
	       (fault->flags & FAULT_FLAG_USER);
}

/*
 * Run by the live side: it faults at learn_addr, and here is what that maps. Where is the address?
 * Each fault must have it at the same distance.
 */
SEC("tp_btf/rss_stat")
int learn_fault_frame(__u64 *ctx)
{
	struct task_struct *task = current_task();
	__u64 mm = ctx[0], addr = dialog.learn_addr, place = task_regs_offset;

	if (!addr || (__u32)task->tgid != dialog.ask_tgid || (__u64)task->mm != mm)
		return 0;
	for (__u32 i = 0; i < FRAME_SEARCH_WORDS; i++) {
		struct vm_fault *fault;

		place -= 8;
		fault = fault_frame__at(task, place);
		if (fault->real_address != addr || !fault_frame__is_of(fault, mm))
			continue;
		if (dialog.learned_frame && dialog.learned_frame != place)
			dialog.learned_other = 1;
		dialog.learned_frame = place;
		dialog.learned_times++;
		return 0;
	}
	dialog.learned_other = 1;
	return 0;
}

/*
 * @thread, the current one, is in an exception from user mode: arm it with the fault it handles.
 * false: it handles none. On its way back to user mode an exception may still change the counters:
 * by faults in kernel mode, which are armed, and for io_uring, which pins pages there. Those pass
 * for the fault that was before, if its words are still on the stack, until the table is healed.
 */
static __always_inline bool fault_frame__take(struct task_struct *task, struct thread_state *thread,
					      __u64 mm)
{
	struct vm_fault *fault = fault_frame__at(task, dialog.fault_frame);

	if (!fault_frame__is_of(fault, mm))
		return false;
	thread->fault_addr = fault->real_address;
	thread->fault_mark = fault_mark(task);
	thread->fault_nr = -1;
	thread->fault_kernel = 0;
	thread->fault_write = fault->flags & FAULT_FLAG_WRITE;
	return true;
}
#endif

#endif
