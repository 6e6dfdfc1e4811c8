/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a VM call has done, as the address space shows it while the call still holds the mmap lock:
 * what it will return is known to nobody then. It is left in thread->outcome, as the call would
 * return it, and thread->outcome_bytes. Linux 6.14 and later.
 */
#ifndef RSSTRACE_VM_OUTCOME_BPF_H
#define RSSTRACE_VM_OUTCOME_BPF_H

#ifndef RSST_BATCHED
#include "maps.bpf.h"
#include "vma_at.bpf.h"

/* uapi/asm-generic/mman-common.h, uapi/linux/mman.h, uapi/linux/shm.h */
#define MAP_FIXED_NOREPLACE 0x100000
#define MREMAP_FIXED 2
#define MREMAP_DONTUNMAP 4
#define SHM_REMAP 040000

#define OUTCOME_FAILED (-22) /* -EINVAL; which error it is does not matter */
#define OUTCOME_UNKNOWN (-4096)

#define VM_MAYSHARE 0x80 /* include/linux/mm.h; the three lowest bits are as PROT_ */

#define VM_SEALED (1ULL << 63 | 1ULL << 42) /* mseal(2): the first when it came, then the second */

#define PAGE_DOWN(addr) ((addr) & ~4095ULL)
#define PAGE_UP(addr) PAGE_DOWN((addr) + 4095)

#define PROTECTED_MAX 65536 /* mappings looked at one by one: as many as a process has */

/* Pages more than before the call; negative: less. */
static __always_inline __s64 pages_grown(struct mm_struct *mm, const struct thread_state *thread)
{
	return mm->total_vm - thread->old_total;
}

/*
 * Where in an area that was free before the call @len bytes are now; 0: nowhere. More may have been
 * asked for, to align what is mapped inside: the byte after what is too much is part of it in any
 * case. It can have grown together with what lies below only from its first byte on.
 */
static __always_inline __u64 mapped_in(__u64 root, __u64 area, __u64 area_bytes, __u64 len)
{
	__u64 vma, start;

	if (!area)
		return 0;
	vma = vma__at(root, area + (area_bytes > len ? area_bytes - len : 0));
	if (!vma)
		return 0;
	start = vma__field(vma, vm_start);
	if (start < area)
		start = area;
	return vma__field(vma, vm_end) >= start + len ? start : 0;
}

/* Where @len bytes went that the kernel chose the place of, or @hint was taken. */
static __always_inline __s64 chosen_place(__u64 root, const struct thread_state *thread, __u64 hint,
					  __u64 len)
{
	__u64 at;

	/* one was chosen, just as large: with no alignment to be made, the usual case */
	if (thread->area[1] && thread->area[0] == thread->area[1] && thread->area_bytes[1] == len)
		return thread->area[1];
	if (!thread->area[1])
		return hint && vma__covers(root, hint, hint + len) ? hint : OUTCOME_UNKNOWN;
	at = mapped_in(root, thread->area[1], thread->area_bytes[1], len);
	if (!at)
		at = mapped_in(root, thread->area[0], thread->area_bytes[0], len);
	return at ?: OUTCOME_UNKNOWN;
}

/* Are these the flags of what was mapped, or protected, as @prot? The kernel may add PROT_EXEC. */
static __always_inline bool has_prot(__u64 vm_flags, __u64 prot)
{
	return !((vm_flags ^ prot) & 3) && !(prot & 4 & ~vm_flags);
}

/*
 * In place of others memory need not grow: is what lies there of the kind that was asked for? It
 * was there before, and the call refused, where it is sealed or another part of a file.
 */
static __always_inline bool replaced(__u64 root, __u64 at, __u64 len, const struct pt_regs *regs)
{
	bool shared = regs->r10 & 1, file = shared || !(regs->r10 & MAP_ANONYMOUS);
	__u64 vma = vma__at(root, at), flags;

	if (!vma || vma__field(vma, vm_end) < at + len)
		return false;
	flags = vma__field(vma, vm_flags);
	if (flags & VM_SEALED || regs->r9 & 4095)
		return false;
	if (file && !(regs->r10 & MAP_ANONYMOUS) &&
	    vma__field(vma, vm_pgoff) + (at - vma__field(vma, vm_start)) / 4096 != regs->r9 / 4096)
		return false;
	return has_prot(flags, regs->dx) && !!(flags & VM_MAYSHARE) == shared &&
	       !!vma__field(vma, vm_file) == file;
}

static __noinline int mmap_outcome(struct mm_struct *mm, struct thread_state *thread,
				   const struct pt_regs *regs)
{
	__u64 root = vma__root(mm), at = PAGE_DOWN(regs->di), len = PAGE_UP(regs->si);
	bool grown = pages_grown(mm, thread) > 0;

	thread->outcome = OUTCOME_FAILED;
	if (regs->r10 & (MAP_FIXED | MAP_FIXED_NOREPLACE)) {
		if (grown ? vma__covers(root, at, at + len)
			  : regs->r10 & MAP_FIXED && at == regs->di &&
				    replaced(root, at, len, regs))
			thread->outcome = at;
	} else if (grown) {
		thread->outcome = chosen_place(root, thread, at, len);
	}
	thread->fill_start = thread->outcome;
	thread->fill_bytes = thread->outcome > 0 ? len : 0;
	return 0;
}

/* Was the mapping moved to the fixed place @to? */
static __always_inline bool moved_to(__u64 root, const struct thread_state *thread,
				     const struct pt_regs *regs, __u64 to)
{
	__u64 vma = vma__at(root, to), old = vma__at(root, PAGE_DOWN(regs->di));

	if (!vma || !thread->old_vma)
		return false;
	if (!(regs->r10 & MREMAP_DONTUNMAP) && regs->si)
		return !old;
	return old && vma__field(vma, vm_file) == vma__field(old, vm_file) &&
	       has_prot(vma__field(vma, vm_flags), vma__field(old, vm_flags));
}

static __noinline int mremap_outcome(struct mm_struct *mm, struct thread_state *thread,
				     const struct pt_regs *regs)
{
	__u64 root = vma__root(mm), old = PAGE_DOWN(regs->di), to = regs->r8;
	__u64 old_len = PAGE_UP(regs->si), new_len = PAGE_UP(regs->dx);
	__s64 grown = pages_grown(mm, thread), at = OUTCOME_FAILED;

	if (regs->r10 & MREMAP_FIXED) {
		if (moved_to(root, thread, regs, to))
			at = to;
		/* of several mappings (since 6.17) it may have moved some before it failed */
		if (at > 0 && old_len && !(regs->r10 & MREMAP_DONTUNMAP) &&
		    vma__at(root, old + old_len - 4096))
			at = OUTCOME_UNKNOWN;
	} else if (thread->area[1]) {
		at = chosen_place(root, thread, 0, new_len);
		if (at < 0 && vma__at(root, old))
			at = OUTCOME_FAILED;
	} else if (new_len != old_len ? new_len > old_len ? grown > 0 : grown < 0
				      : !(regs->r10 & MREMAP_DONTUNMAP) && vma__at(root, old)) {
		at = old;
	}
	thread->outcome = at;
	thread->fill_start = at + old_len;
	thread->fill_bytes = at > 0 && new_len > old_len ? new_len - old_len : 0;
	return 0;
}

struct protected
{
	__u64 root, at, end, prot;
};

static long protected_next(__u64 i, void *ctx)
{
	struct protected *range = ctx;
	__u64 vma = range->at < range->end ? vma__at(range->root, range->at) : 0;

	if (!vma || !has_prot(vma__field(vma, vm_flags), range->prot))
		return 1;
	range->at = vma__field(vma, vm_end);
	return 0;
}

/* It may have protected some mappings before it failed. */
static __noinline int mprotect_outcome(struct mm_struct *mm, struct thread_state *thread,
				       const struct pt_regs *regs)
{
	__u64 start = PAGE_DOWN(regs->di);
	struct protected range = {
		.root = vma__root(mm),
		.at = start,
		.end = PAGE_UP(start + PAGE_UP(regs->si)),
		.prot = regs->dx,
	};

	if (bpf_loop(PROTECTED_MAX, protected_next, &range, 0) == PROTECTED_MAX) {
		thread->outcome = OUTCOME_UNKNOWN;
		return 0;
	}
	thread->outcome = range.at > start ? 0 : OUTCOME_FAILED;
	thread->outcome_bytes = (range.at < range.end ? range.at : range.end) - start;
	return 0;
}

static __noinline int shmat_outcome(struct mm_struct *mm, struct thread_state *thread,
				    const struct pt_regs *regs)
{
	__s64 grown = pages_grown(mm, thread);

	thread->outcome = OUTCOME_FAILED;
	if (grown > 0) {
		thread->outcome_bytes = (__u64)grown << 12;
		thread->outcome = chosen_place(vma__root(mm), thread, PAGE_DOWN(regs->si),
					       thread->outcome_bytes);
	} else if (regs->dx & SHM_REMAP) {
		thread->outcome = OUTCOME_UNKNOWN;
	}
	thread->fill_start = thread->outcome;
	thread->fill_bytes = thread->outcome > 0 ? thread->outcome_bytes : 0;
	return 0;
}

static __always_inline void brk_outcome(struct mm_struct *mm, struct thread_state *thread)
{
	__u64 old = PAGE_UP(thread->old_brk), now = PAGE_UP(mm->brk);

	thread->outcome = mm->brk;
	thread->fill_start = old;
	thread->fill_bytes = now > old ? now - old : 0;
}

static __always_inline void outcome__find(struct mm_struct *mm, struct thread_state *thread,
					  const struct pt_regs *regs, enum vm_op op)
{
	thread->outcome = 0;
	thread->outcome_bytes = 0;
	thread->fill_bytes = 0;
	switch (op) {
	case VM_OP_MMAP:
		mmap_outcome(mm, thread, regs);
		break;
	case VM_OP_MREMAP:
		mremap_outcome(mm, thread, regs);
		break;
	case VM_OP_MPROTECT:
		mprotect_outcome(mm, thread, regs);
		break;
	case VM_OP_SHMAT:
		shmat_outcome(mm, thread, regs);
		break;
	case VM_OP_BRK:
		brk_outcome(mm, thread);
		break;
	default: /* munmap, shmdt */
		thread->outcome = pages_grown(mm, thread) < 0 ? 0 : OUTCOME_FAILED;
	}
}
#endif

#endif
