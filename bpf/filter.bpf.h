/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Whose event is it? Asked first by every program, so that a process nobody traces pays one compare. */
#ifndef RSSTRACE_FILTER_BPF_H
#define RSSTRACE_FILTER_BPF_H

#include "maps.bpf.h"

/* The followed space of @mm, or NULL. The key is the mm, not the tgid: CLONE_VM children and io workers share it. */
static __always_inline struct space_ref *filter__space(__u64 mm)
{
	__u64 only = only_mm;

	if (only)
		return mm == only ? &only_ref : NULL;
	return bpf_map_lookup_elem(&spaces, &mm);
}

static __always_inline struct thread_state *filter__thread(struct task_struct *task)
{
	struct thread_state *thread =
		bpf_task_storage_get(&threads, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);

	if (!thread)
		count(CNT_NO_THREAD_STATE);
	return thread;
}

#endif
