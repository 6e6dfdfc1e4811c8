/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Whose event is it? Asked first by every program, so that a process nobody traces pays one
 * compare. */
#ifndef RSSTRACE_FILTER_BPF_H
#define RSSTRACE_FILTER_BPF_H

#include "task.bpf.h"

/* The followed space of @mm, or NULL. The key is the mm, not the tgid: CLONE_VM children and io
 * workers share it. */
static __always_inline struct space_ref *filter__space(__u64 mm)
{
	__u64 only = only_mm;

	if (only)
		return mm == only ? &only_ref : NULL;
	return bpf_map_lookup_elem(&spaces, &mm);
}

#ifdef RSST_BATCHED
static __always_inline __s64 batched__pending(struct task_struct *task, __u32 member)
{
	struct task_struct___batched *old = (void *)task;
	__s32 pages = 0;

	bpf_probe_read_kernel(&pages, sizeof(pages),
			      (void *)old + bpf_core_field_offset(old->rss_stat) +
				      bpf_core_field_offset(struct task_rss_stat, count) +
				      member * sizeof(__s32));
	return pages;
}
#endif

static __always_inline struct thread_state *filter__thread(struct task_struct *task)
{
	struct thread_state *thread = thread__find_or_new(task);

	if (!thread)
		count(CNT_NO_THREAD_STATE);
	return thread;
}

/* mm_account_fault() bumps one of the two when a fault has been handled (mm/memory.c), retries not
 * counted. */
static __always_inline __u64 fault_mark(const struct task_struct *task)
{
	return kernel_field(task, min_flt) + kernel_field(task, maj_flt);
}

/* Could a single fault have brought this? COW takes one; fault-around and folios bring up to a
 * table. */
static __always_inline bool plausible_fault(__u32 member, __s64 pages)
{
	if (pages == 1 || pages == -1)
		return true;
	if (member == RSST_ANON) /* folios: 16 KiB to 2 MiB, powers of two */
		return pages >= 4 && pages <= 512 && !(pages & (pages - 1));
	return pages >= 0 && pages <= 512;
}

#endif
