/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * /proc/PID/pagemap as Documentation/admin-guide/mm/pagemap.rst describes it. PAGEMAP_SCAN came
 * with Linux 6.7 (commit 52526ca7fdb9) and is missing from older <linux/fs.h>; the names here are
 * ours so that both may be included.
 */
#ifndef RSSTRACE_LIVE_PAGEMAP_ABI_H
#define RSSTRACE_LIVE_PAGEMAP_ABI_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* The ioctl's categories. */
#define SCAN_IS_FILE (1ULL << 2) /* not anonymous: a file's or shmem's */
#define SCAN_IS_PRESENT (1ULL << 3)
#define SCAN_IS_PFNZERO (1ULL << 5)
#define SCAN_IS_HUGE (1ULL << 6) /* mapped by a PMD */

struct scan_region {
	__u64 start, end;
	__u64 categories;
};

struct scan_arg {
	__u64 size;
	__u64 flags;
	__u64 start, end;
	__u64 walk_end; /* out; may be short of what was reported */
	__u64 vec, vec_len;
	__u64 max_pages; /* 0: no limit */
	__u64 category_inverted;
	__u64 category_mask; /* all of these, after inversion */
	__u64 category_anyof_mask;
	__u64 return_mask;
};

#define PAGEMAP_SCAN_IOCTL _IOWR('f', 16, struct scan_arg)

/* The file: 8 bytes a page. */
#define PAGEMAP_PRESENT (1ULL << 63)
#define PAGEMAP_FILE (1ULL << 61)
#define PAGEMAP_PFN ((1ULL << 55) - 1) /* 0 without CAP_SYS_ADMIN */

#endif
