/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Only when built with UNWIND_TRUTH: each new stack, and some of the others, with all it takes to
 * walk it again, for tests/stacks/stack_truth.c. Nothing here is looked at by 5.10.
 */
#ifndef RSSTRACE_UNWIND_TRUTH_BPF_H
#define RSSTRACE_UNWIND_TRUTH_BPF_H

#include "task.bpf.h"
#include "unwind_lookup.bpf.h"
#include "unwind_truth_abi.h"

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, UNWIND_TRUTH_BYTES);
} unwind_truth SEC(".maps");

__u64 unwind_truth_lost = 0;

static __always_inline void truth__fill(struct unwind_truth *truth, const struct unwind_target *t,
					__u64 id, __u32 end, const __u32 nr_pages)
{
	const __u64 *regs = t->regs.leaf_regs;
	__u32 i;

	truth->id = id;
	truth->nr_lost = unwind_truth_lost;
	truth->space = t->record.space;
	truth->pid = bpf_get_current_pid_tgid() >> 32;
	truth->tid = bpf_get_current_pid_tgid();
	truth->nr_frames = end ? t->record.nr_frames : 0;
	truth->end = end;
	truth->start = regs[UNWIND_REG_SP] & ~(__u64)(UNWIND_COPY_PAGE_BYTES - 1);
	for (i = 0; i < UNWIND_NR_REGS - 1; i++)
		truth->regs[i] = regs[i];
	truth->regs[UNWIND_REG_PC] = end ? t->record.frames[0] : t->regs.ip;
	bpf_probe_read_kernel(truth->frames, sizeof(truth->frames), t->record.frames);
	for (i = 0; i < nr_pages; i++) {
		__u64 offset = (__u64)i * UNWIND_COPY_PAGE_BYTES;

		/* one that fails is filled with zeroes */
		bpf_probe_read_user((char *)truth->words + offset, UNWIND_COPY_PAGE_BYTES,
				    (const void *)(truth->start + offset));
	}
	truth->nr_pages = nr_pages;
}

#define truth__pages(t, id, end, nr)                                                               \
	({                                                                                         \
		struct unwind_truth *_truth = bpf_ringbuf_reserve(                                 \
			&unwind_truth, sizeof(*_truth) + (nr)*UNWIND_COPY_PAGE_BYTES, 0);          \
		if (_truth) {                                                                      \
			truth__fill(_truth, t, id, end, nr);                                       \
			bpf_ringbuf_submit(_truth, 0);                                             \
		} else {                                                                           \
			__sync_fetch_and_add(&unwind_truth_lost, 1);                               \
		}                                                                                  \
	})

/* The stack of the walk in the scratch; @end 0: it is that of an earlier one. Global: verified
 * once. */
__noinline int truth__tell(__u64 id, __u32 end)
{
	struct unwind_target *t = unwind__target();
	__u64 sp, top, pages;

	if (!t)
		return 0;
	sp = t->regs.leaf_regs[UNWIND_REG_SP];
	top = BPF_CORE_READ(current_task(), mm, start_stack);
	pages = top / UNWIND_COPY_PAGE_BYTES - sp / UNWIND_COPY_PAGE_BYTES + 1;
	if (top < sp || pages > UNWIND_TRUTH_MAX_PAGES * 8)
		truth__pages(t, id, end, UNWIND_TRUTH_THREAD_PAGES);
	else if (pages <= UNWIND_COPY_USUAL_PAGES)
		truth__pages(t, id, end, UNWIND_COPY_USUAL_PAGES);
	else if (pages <= UNWIND_TRUTH_THREAD_PAGES)
		truth__pages(t, id, end, UNWIND_TRUTH_THREAD_PAGES);
	else if (pages <= UNWIND_TRUTH_DEEP_PAGES)
		truth__pages(t, id, end, UNWIND_TRUTH_DEEP_PAGES);
	else
		truth__pages(t, id, end, UNWIND_TRUTH_MAX_PAGES);
	return 0;
}

/* The answer @id to the walk in the scratch: @is_new, or one it may be worth to look at again. */
static __always_inline void truth__of(__u64 id, __u32 end, bool is_new)
{
	if (is_new || !(bpf_get_prandom_u32() & (UNWIND_TRUTH_EVERY - 1)))
		truth__tell(id, end);
}

#endif
