/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which mapping lies at an address: a walk of the kernel's own tree (lib/maple_tree.c), for who
 * holds the mmap lock. Linux 6.14 and later.
 */
#ifndef RSSTRACE_VMA_AT_BPF_H
#define RSSTRACE_VMA_AT_BPF_H

#ifndef RSST_BATCHED
#include "task.bpf.h"

#define MAPLE_DEPTH 8 /* of 10 slots and more: 10^8 mappings */
#define MAPLE_NODE_MASK 255UL
#define MAPLE_TYPE(entry) ((entry) >> 3 & 15)
#define MAPLE_RANGE 2  /* enum maple_type: below it, leaves */
#define MAPLE_ARANGE 3 /* with gaps: all nodes of an mm but the leaves */
#define MAPLE_PIVOTS 15
#define MAPLE_ARANGE_PIVOTS 9

/* Address of an array of a node's, whose layout follows from @entry's type. */
#define maple_field(entry, field)                                                                  \
	(((entry) & ~MAPLE_NODE_MASK) +                                                            \
	 (MAPLE_TYPE(entry) == MAPLE_ARANGE                                                        \
		  ? bpf_core_field_offset(struct maple_arange_64, field)                           \
		  : bpf_core_field_offset(struct maple_range_64, field)))

/* Index of the last slot in use. A node that is full has no room to say so. */
static __always_inline __u32 maple_end(__u64 entry, const __u64 *pivots)
{
	__u8 end = 0;

	if (MAPLE_TYPE(entry) != MAPLE_ARANGE && pivots[MAPLE_PIVOTS - 1])
		return MAPLE_PIVOTS;
	bpf_probe_read_kernel(&end, sizeof(end), (void *)maple_field(entry, meta.end));
	return end;
}

/* What the slot of node @entry that covers @addr holds; 0: nothing. A global function: verified
 * once. */
__noinline __u64 maple_slot(__u64 entry, __u64 addr)
{
	__u64 pivots[MAPLE_PIVOTS] = {}, slot = 0;
	__u32 end, i;

	if (MAPLE_TYPE(entry) == MAPLE_ARANGE)
		bpf_probe_read_kernel(pivots, MAPLE_ARANGE_PIVOTS * sizeof(*pivots),
				      (void *)maple_field(entry, pivot));
	else
		bpf_probe_read_kernel(pivots, sizeof(pivots), (void *)maple_field(entry, pivot));
	end = maple_end(entry, pivots);
	for (i = 0; i < MAPLE_PIVOTS; i++)
		if (i >= end || pivots[i] >= addr)
			break;
	bpf_probe_read_kernel(&slot, sizeof(slot),
			      (void *)(maple_field(entry, slot) + i * sizeof(slot)));
	return slot;
}

/* Address of the vm_area_struct that @addr lies in, 0: of none. @root: mm->mm_mt.ma_root */
__noinline __u64 vma__at(__u64 root, __u64 addr)
{
	__u64 entry = root;

	if ((root & 3) != 2 || root < 4096) /* a single entry, at 0 */
		return 0;
	for (int depth = 0; depth < MAPLE_DEPTH; depth++) {
		bool leaf = MAPLE_TYPE(entry) < MAPLE_RANGE;

		entry = maple_slot(entry, addr);
		if (leaf || !entry)
			return entry;
	}
	return 0;
}

static __always_inline __u64 vma__root(struct mm_struct *mm)
{
	return (__u64)BPF_CORE_READ(mm, mm_mt.ma_root);
}

#define vma__field(vma, field) BPF_CORE_READ((struct vm_area_struct *)(vma), field)

/* Is all of [start, end) in one mapping? */
static __always_inline bool vma__covers(__u64 root, __u64 start, __u64 end)
{
	__u64 vma = vma__at(root, start);

	return vma && vma__field(vma, vm_end) >= end;
}
#endif

#endif
