/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* x86-64: what a register set says about the system call it was saved for. Numbers:
 * arch/x86/entry/syscalls/syscall_64.tbl */
#ifndef RSSTRACE_ARCH_X86_BPF_H
#define RSSTRACE_ARCH_X86_BPF_H

#define ARCH_USER_END (1ULL << 47)
#define ARCH_NR_PRCTL 157

/* The call's number; negative when the thread came in by an exception or interrupt (orig_ax is -1
 * then). */
static __always_inline long arch_syscall_nr(const struct pt_regs *regs)
{
	return (long)regs->orig_ax;
}

/* enum vm_op. A global function: to the verifier the answer is then one number, not ten. */
__noinline int arch_vm_op(long nr)
{
	switch (nr) {
	case 9:
		return VM_OP_MMAP;
	case 10:
	case 329: /* pkey_mprotect */
		return VM_OP_MPROTECT;
	case 11:
		return VM_OP_MUNMAP;
	case 12:
		return VM_OP_BRK;
	case 25:
		return VM_OP_MREMAP;
	case 28:
		return VM_OP_MADVISE;
	case 30:
		return VM_OP_SHMAT;
	case 67:
		return VM_OP_SHMDT;
	case 149: /* mlock */
	case 151: /* mlockall */
	case 325: /* mlock2 */
		return VM_OP_MLOCK;
	case 2:	  /* open(O_TRUNC) */
	case 76:  /* truncate */
	case 77:  /* ftruncate */
	case 85:  /* creat */
	case 257: /* openat(O_TRUNC) */
	case 285: /* fallocate */
		return VM_OP_TRUNCATE;
	case 59:  /* execve */
	case 322: /* execveat */
		return VM_OP_EXEC;
	default:
		return VM_OP_OTHER;
	}
}

static __always_inline void arch_syscall_args(const struct pt_regs *regs, __u64 *args, int nr)
{
	args[0] = regs->di;
	args[1] = regs->si;
	args[2] = regs->dx;
	args[3] = regs->r10;
	if (nr > 4) {
		args[4] = regs->r8;
		args[5] = regs->r9;
	}
}

#endif
