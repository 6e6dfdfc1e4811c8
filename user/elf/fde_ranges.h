/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Where functions begin and end, as the unwind tables know it: also in stripped files, without
 * names. */
#ifndef RSSTRACE_ELF_FDE_RANGES_H
#define RSSTRACE_ELF_FDE_RANGES_H

#include "elf/elf_image.h"

/* Link-time addresses [start, start + size_bytes), size_bytes > 0. */
struct fde_range {
	__u64 start;
	__u32 size_bytes;
	__u32 unused;
};

struct fde_ranges {
	struct fde_range *ranges; /* sorted by start, then size */
	size_t nr, cap;
};

/*
 * fde_ranges__init() - all functions of .eh_frame, found by section header (static programs have no
 * PT_GNU_EH_FRAME) or else through PT_GNU_EH_FRAME. A damaged table gives what comes before the
 * damage; none gives no ranges. O(n log n), about 5 ms for 100 000 functions. Image awake.
 */
void fde_ranges__init(struct fde_ranges *ranges, const struct elf_image *image);
void fde_ranges__fini(struct fde_ranges *ranges);

/* The range that covers @vaddr, NULL: none. O(log n). */
const struct fde_range *fde_ranges__find(const struct fde_ranges *ranges, __u64 vaddr);

/* Whether a function begins in [@start, @end). O(log n). */
bool fde_ranges__starts_in(const struct fde_ranges *ranges, __u64 start, __u64 end);

size_t fde_ranges__memory_bytes(const struct fde_ranges *ranges);

#endif
