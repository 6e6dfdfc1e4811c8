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

/* Plain loads through a read-only cast. */
#define kernel_object(addr, type)                                                                  \
	((type *)bpf_rdonly_cast((void *)(addr), bpf_core_type_id_kernel(type)))

/* The word at @addr: as a pivot, which is a number to the verifier, as a slot is not. */
#define word_at(addr)                                                                              \
	(kernel_object((addr)-bpf_core_field_offset(struct maple_range_64, pivot),                 \
		       struct maple_range_64)                                                      \
		 ->pivot[0])

/* Address of an array of the node at @at. */
#define maple_field(at, arange, field)                                                             \
	((at) + ((arange) ? bpf_core_field_offset(struct maple_arange_64, field)                   \
			  : bpf_core_field_offset(struct maple_range_64, field)))

/* What the slot of node @entry that covers @addr holds; 0: nothing. A global function: verified
 * once. */
__noinline __u64 maple_slot(__u64 entry, __u64 addr)
{
	bool arange = MAPLE_TYPE(entry) == MAPLE_ARANGE;
	__u64 at = entry & ~MAPLE_NODE_MASK, pivots = maple_field(at, arange, pivot);
	__u32 last = MAPLE_PIVOTS, i;

	/* a full node without gaps has no room to say how many slots are in use */
	if (arange || !word_at(pivots + (MAPLE_PIVOTS - 1) * sizeof(__u64)))
		last = kernel_object(maple_field(at, arange, meta), struct maple_metadata)->end;
	for (i = 0; i < MAPLE_PIVOTS; i++)
		if (i >= last || word_at(pivots + i * sizeof(__u64)) >= addr)
			break;
	return word_at(maple_field(at, arange, slot) + i * sizeof(__u64));
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
	return word_at((__u64)mm + bpf_core_field_offset(struct mm_struct, mm_mt.ma_root));
}

#define vma__field(vma, field) (kernel_object(vma, struct vm_area_struct)->field)

/* Is all of [start, end) in one mapping? */
static __always_inline bool vma__covers(__u64 root, __u64 start, __u64 end)
{
	__u64 vma = vma__at(root, start);

	return vma && vma__field(vma, vm_end) >= end;
}
#endif

#endif
