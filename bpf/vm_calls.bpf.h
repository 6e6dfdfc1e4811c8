/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The system calls that change the address space. Entry numbers the call, so that the releases it
 * causes can be told from those of the next; exit tells what it did.
 */
#ifndef RSSTRACE_VM_CALLS_BPF_H
#define RSSTRACE_VM_CALLS_BPF_H

#include "filter.bpf.h"
#include "emit.bpf.h"
#include "arch_x86.bpf.h"
#include "unwind.bpf.h"
#include "fault_runs.bpf.h"
#include "rss_batched.bpf.h"
#include "vma_at.bpf.h"

#define PROT_EXEC 0x4
#define MAP_SHARED_TYPES 0x3
#define MAP_PRIVATE 0x2
#define MAP_ANONYMOUS 0x20
#define MAP_HUGETLB 0x40000
#define TMPFS_MAGIC 0x01021994
#define HUGETLBFS_MAGIC 0x958458f6

static __always_inline bool settings_by_locks(void)
{
#ifdef RSST_BATCHED
	return false;
#else
	return settings.by_locks;
#endif
}

/* A page that is looked for meanwhile is neither here nor there: kernel_side__moves(). */
static __always_inline void move_begins(struct thread_state *thread)
{
	thread->moving = 1;
	__sync_fetch_and_add(&moves.begun, 1);
}

static __always_inline void move_is_told(struct thread_state *thread)
{
	if (!thread->moving)
		return;
	thread->moving = 0;
	__sync_fetch_and_add(&moves.told, 1);
}

static __always_inline int call_enter(const struct trace_event_raw_sys_enter *ctx)
{
	struct task_struct *task = current_task();
	struct space_ref *ref = filter__space((__u64)kernel_field(task, mm));
	struct thread_state *thread;
	struct mm_struct *mm;

	if (!ref)
		return 0;
	thread = filter__thread(task);
	if (!thread)
		return 0;
	batched__boundary(ref->space);
	thread->fault_addr = 0; /* one that failed, in read(2) say, never completes */
	thread->args_back = 0;
	thread->call++;
	mm = kernel_field(task, mm);
	thread->old_brk = kernel_field(mm, brk);
	thread->call_gen = emit__next_generation();
	if (arch_vm_op(ctx->id) == VM_OP_MREMAP)
		move_begins(thread);
	return 0;
}

/* What file descriptor @fd maps: backing, device and inode. */
static __always_inline void describe_file(struct task_struct *task, struct rec_call *rec, __u32 fd)
{
	struct fdtable *fdt = BPF_CORE_READ(task, files, fdt);
	struct file **slots = BPF_CORE_READ(fdt, fd);
	struct file *file = NULL;
	struct inode *inode;
	unsigned long magic;

	if (fd >= BPF_CORE_READ(fdt, max_fds) ||
	    bpf_probe_read_kernel(&file, sizeof(file), &slots[fd]) || !file)
		return;
	inode = BPF_CORE_READ(file, f_inode);
	magic = BPF_CORE_READ(inode, i_sb, s_magic);
	rec->ino = BPF_CORE_READ(inode, i_ino);
	rec->dev = BPF_CORE_READ(inode, i_sb, s_dev);
	rec->backing = magic == TMPFS_MAGIC	  ? BACKING_SHMEM
		       : magic == HUGETLBFS_MAGIC ? BACKING_HUGETLB
						  : BACKING_FILE;
}

/* The same of shared memory that has no descriptor, by the mapping itself. */
static __always_inline void describe_shared(struct task_struct *task, struct rec_call *rec)
{
#ifndef RSST_BATCHED
	struct inode *inode;
	__u64 vma;

	if (!settings.by_locks || rec->backing != BACKING_SHMEM || rec->ino)
		return;
	vma = vma__at(vma__root(task->mm), rec->ret);
	if (!vma)
		return;
	inode = BPF_CORE_READ((struct vm_area_struct *)vma, vm_file, f_inode);
	rec->ino = BPF_CORE_READ(inode, i_ino);
	rec->dev = BPF_CORE_READ(inode, i_sb, s_dev);
	if (BPF_CORE_READ(inode, i_sb, s_magic) == HUGETLBFS_MAGIC)
		rec->backing = BACKING_HUGETLB;
#endif
}

static __always_inline void describe_mmap(struct task_struct *task, struct rec_call *rec)
{
	__u64 flags = rec->args[3];

	if (flags & MAP_HUGETLB)
		rec->backing = BACKING_HUGETLB;
	else if (!(flags & MAP_ANONYMOUS))
		describe_file(task, rec, rec->args[4]);
	else
		rec->backing =
			(flags & MAP_SHARED_TYPES) == MAP_PRIVATE ? BACKING_ANON : BACKING_SHMEM;
}

/* The unwinder hears of code before the thread can run it. */
static __always_inline void tell_unwinder(const struct rec_call *rec)
{
	__u64 len = (rec->args[1] + 4095) & ~4095ULL;

	if (rec->op == VM_OP_MUNMAP) {
		unwind__unmapped(rec->space, rec->args[0], rec->args[0] + len);
	} else if (rec->op == VM_OP_MMAP) {
		if (rec->args[3] & MAP_FIXED)
			unwind__unmapped(rec->space, rec->ret, rec->ret + len);
		if (rec->args[2] & PROT_EXEC)
			unwind__mapped(rec->space, rec->ret, rec->ret + len, rec->args[5], rec->dev,
				       rec->ino);
	} else if (rec->op == VM_OP_MPROTECT && (rec->args[2] & PROT_EXEC)) {
		unwind__made_executable(rec->space, rec->args[0], rec->args[0] + len);
	} else if (rec->op == VM_OP_MREMAP) {
		unwind__moved(rec->space, rec->args[0], len, rec->ret,
			      (rec->args[2] + 4095) & ~4095ULL);
	}
}

/* What the address space tells better than the call. */
static __always_inline void outcome_args(const struct thread_state *thread, struct rec_call *rec)
{
#ifndef RSST_BATCHED
	if (!settings.by_locks)
		return;
	if (rec->op == VM_OP_SHMAT)
		rec->args[5] = thread->outcome_bytes;
	if (rec->op == VM_OP_MPROTECT && rec->ret == 0)
		rec->args[1] = thread->outcome_bytes;
#endif
}

#ifdef RSST_BATCHED
/* Tell what the call has left over, if it is one that is told. */
static __noinline int call_left_over(void)
{
	struct task_struct *task = current_task();
	struct space_ref *ref = filter__space((__u64)kernel_field(task, mm));

	if (ref && filter__thread(task))
		batched__boundary(ref->space);
	return 0;
}
#endif

/* Functions of their own, this and the one before: a program's stack of 512 bytes does not hold
 * both and the walk below either. */
static __noinline int call_exit(void *ctx, long ret)
{
	struct task_struct *task = current_task();
	struct space_ref *ref = filter__space((__u64)kernel_field(task, mm));
	struct thread_state *thread;
	struct pt_regs *regs;
	struct rec_call *rec;
	__u64 stack = 0, gen;
	bool ok = ret >= 0 || ret < -4095;
	enum vm_op op;

	if (!ref)
		return 0;
	thread = filter__thread(task);
	if (!thread)
		return 0;
	count(CNT_CALLS);
	regs = task__regs(task);
	op = arch_vm_op(arch_syscall_nr(regs));
	if (op == VM_OP_MADVISE || op == VM_OP_MLOCK ||
	    op == VM_OP_EXEC) /* change no region; their pages told themselves */
		goto out;
	if (ok && (op == VM_OP_MMAP || op == VM_OP_BRK || op == VM_OP_MREMAP || op == VM_OP_SHMAT))
		stack = unwind__stack(ctx, regs, ref->space, true);
	runs__tell(ref->space);
	gen = emit__next_generation();
	if (!emit__reserve(rec, REC_CALL))
		goto out;
	rec->space = ref->space;
	rec->tid = kernel_field(task, pid);
	rec->call = thread->call;
	rec->op = op;
	rec->backing = BACKING_UNKNOWN;
	rec->pad = 0;
	rec->call_gen = settings_by_locks() ? gen : thread->call_gen;
	rec->gen = gen;
	rec->ret = ret;
	arch_syscall_args(regs, rec->args, 6);
	rec->stack = stack;
	rec->ino = 0;
	rec->dev = 0;
	rec->pad2 = 0;
	if (op == VM_OP_SHMAT) {
		rec->backing = BACKING_SHMEM;
		rec->args[5] = 0; /* length: not among the arguments */
	}
	outcome_args(thread, rec);
	if (op == VM_OP_BRK)
		rec->args[1] = thread->old_brk;
	if (op == VM_OP_MMAP && ok)
		describe_mmap(task, rec);
	if (ok)
		describe_shared(task, rec);
	if (ok)
		tell_unwinder(rec);
	emit__submit(rec);
out:
	move_is_told(thread);
	thread->call++; /* what follows is not part of this call */
	return 0;
}

/*
 * Attached to syscalls:sys_enter_X and sys_exit_X of each call, see live/kernel_side.c. One program
 * for all: verifying it is what attaching takes its time for. From Linux 6.14 on vm_locks.bpf.h
 * takes their place.
 */
SEC("tracepoint")
int vm_call_enter(struct trace_event_raw_sys_enter *ctx)
{
	cpu__hold();
	call_enter(ctx);
	cpu__let_go();
	return 0;
}

SEC("tracepoint")
int vm_call_exit(struct trace_event_raw_sys_exit *ctx)
{
	cpu__hold();
#ifdef RSST_BATCHED
	call_left_over();
#endif
	call_exit(ctx, ctx->ret);
	cpu__let_go();
	return 0;
}

#define PR_SET_VMA 0x53564d41 /* include/uapi/linux/prctl.h */
#define PR_SET_VMA_ANON_NAME 0

/* struct rec_named with all the room a name may take. */
struct named_record {
	struct rec h;
	__u32 space;
	__u32 tid;
	__u64 gen;
	__u64 start;
	__u64 end;
	__s32 ret;
	__u32 pad;
	char name[NAMED_MAX];
};

/* The kernel has just read the name, so it is there to be read again. */
static __always_inline int memory_named(long ret)
{
	struct task_struct *task = current_task();
	struct space_ref *ref = filter__space((__u64)kernel_field(task, mm));
	struct named_record *rec;
	__u64 args[6], gen;

	if (!ref)
		return 0;
	arch_syscall_args(task__regs(task), args, 6);
	if (args[0] != PR_SET_VMA || args[1] != PR_SET_VMA_ANON_NAME)
		return 0;
	runs__tell(ref->space);
	gen = emit__next_generation();
	if (!emit__reserve(rec, REC_NAMED))
		return 0;
	rec->space = ref->space;
	rec->tid = kernel_field(task, pid);
	rec->gen = gen;
	rec->start = args[2];
	rec->end = args[2] + args[3];
	rec->ret = ret;
	rec->pad = 0;
	__builtin_memset(rec->name, 0, sizeof(rec->name));
	if (args[4])
		bpf_probe_read_user_str(rec->name, sizeof(rec->name), (void *)args[4]);
	emit__submit(rec);
	return 0;
}

/* Attached to syscalls:sys_exit_prctl. */
SEC("tracepoint")
int prctl_exit(struct trace_event_raw_sys_exit *ctx)
{
	cpu__hold();
	memory_named(ctx->ret);
	cpu__let_go();
	return 0;
}

/* It is not always the last that is taken: see shmem_get_unmapped_area(). */
static __always_inline void note_area(struct thread_state *thread, __u64 addr, __u64 length)
{
#ifndef RSST_BATCHED
	int i = thread->area[0] != 0;

	thread->area[i] = addr;
	thread->area_bytes[i] = length;
	if (!i) {
		thread->area[1] = addr;
		thread->area_bytes[1] = length;
	}
#endif
}

static __always_inline int area_chosen(unsigned long addr, struct vm_unmapped_area_info *info)
{
	struct task_struct *task = current_task();
	struct space_ref *ref = filter__space((__u64)kernel_field(task, mm));
	struct thread_state *thread;
	struct pt_regs *regs;
	struct rec_area *rec;
	__u64 gen, length;
	enum vm_op op;
	long nr;

	if (!ref || (long)addr < 0) /* negative: an error, nothing chosen */
		return 0;
	thread = filter__thread(task);
	if (!thread)
		return 0;
	length = kernel_field(info, length);
	note_area(thread, addr, length);
	regs = task__regs(task);
	nr = arch_syscall_nr(regs);
	op = nr < 0 ? VM_OP_NONE : arch_vm_op(nr);
	/* in the kernel's order the calls themselves say that there is room, and where what was
	 * mapped is */
	if (settings_by_locks() && op == VM_OP_MMAP)
		return 0;
	runs__tell(ref->space);
	gen = emit__next_generation();
	if (!emit__reserve(rec, REC_AREA))
		return 0;
	rec->space = ref->space;
	rec->tid = kernel_field(task, pid);
	rec->call = thread->call;
	rec->op = op;
	__builtin_memset(rec->pad, 0, sizeof(rec->pad));
	rec->gen = gen;
	rec->addr = addr;
	rec->len = length;
	arch_syscall_args(regs, rec->args, 4);
	emit__submit(rec);
	return 0;
}

/* include/trace/events/mmap.h: fires under the mmap write lock once an address has been chosen */
SEC("tp_btf/vm_unmapped_area")
int BPF_PROG(vm_unmapped_area, unsigned long addr, struct vm_unmapped_area_info *info)
{
	cpu__hold();
	area_chosen(addr, info);
	cpu__let_go();
	return 0;
}

#endif
