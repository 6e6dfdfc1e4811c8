// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Causes, kinds and ends of stacks in words: the ones of the JSON, which the text prints, too.
 * Never change one. */
#include "view/query.h"

static const char *const cause_names[NR_CAUSES] = {
	[CAUSE_FAULT] = "fault",       [CAUSE_FAULT_KERNEL] = "fault_kernel",
	[CAUSE_POPULATE] = "populate", [CAUSE_SWAP_IN] = "swap_in",
	[CAUSE_FORK] = "fork",	       [CAUSE_EXEC] = "exec",
	[CAUSE_COLLAPSE] = "collapse", [CAUSE_REMOTE] = "remote",
	[CAUSE_UFFD] = "uffd",	       [CAUSE_MUNMAP] = "munmap",
	[CAUSE_DONTNEED] = "dontneed", [CAUSE_BRK] = "brk",
	[CAUSE_MREMAP] = "mremap",     [CAUSE_MMAP_FIXED] = "mmap_fixed",
	[CAUSE_SHMDT] = "shmdt",       [CAUSE_TRUNCATE] = "truncate",
	[CAUSE_RECLAIM] = "reclaim",   [CAUSE_SWAP_OUT] = "swap_out",
	[CAUSE_EXIT] = "exit",	       [CAUSE_OOM] = "oom",
	[CAUSE_KTHREAD] = "kthread",   [CAUSE_LOST] = "lost",
	[CAUSE_OTHER] = "other",
};

static const char *const kind_names[NR_KINDS] = {
	[KIND_HEAP] = "heap",	    [KIND_STACK] = "stack", [KIND_ANON] = "anon",
	[KIND_FILE] = "file",	    [KIND_SHMEM] = "shmem", [KIND_HUGETLB] = "hugetlb",
	[KIND_SPECIAL] = "special",
};

static const char *const stack_end_names[NR_STACK_ENDS] = {
	[STACK_END_INVALID] = "lost",
	[STACK_END_ROOT] = "root",
	[STACK_END_FRAMEPTR] = "frame_pointers",
	[STACK_END_NO_MAPPING] = "no_mapping",
	[STACK_END_NO_RULE] = "no_rule",
	[STACK_END_UNSUPPORTED] = "unsupported",
	[STACK_END_READ] = "read",
	[STACK_END_DEPTH] = "depth",
	[STACK_END_ZERO] = "zero",
	[STACK_END_UNSAMPLED] = "unsampled",
};

const char *cause_name(enum rsst_cause cause)
{
	const char *name = (unsigned int)cause < NR_CAUSES ? cause_names[cause] : NULL;

	return name ? name : "other";
}

const char *kind_name(enum region_kind kind)
{
	const char *name = (unsigned int)kind < NR_KINDS ? kind_names[kind] : NULL;

	return name ? name : "anon";
}

const char *stack_end_name(enum stack_end end)
{
	const char *name = (unsigned int)end < NR_STACK_ENDS ? stack_end_names[end] : NULL;

	return name ? name : "lost";
}
