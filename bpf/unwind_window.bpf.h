/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The walked stack through a window of 4 KiB: one read where a word at a time would be hundreds. */
#ifndef RSSTRACE_UNWIND_WINDOW_BPF_H
#define RSSTRACE_UNWIND_WINDOW_BPF_H

#include "stack_memo.bpf.h"
#include "unwind_lookup.bpf.h"

#define UNWIND_EDGES 256 /* a power of two */
#define UNWIND_WINDOW_BYTES (UNWIND_WINDOW_WORDS * 8)
#define UNWIND_PAGE_BYTES 4096ULL
#define UNWIND_KEEP_BELOW 64 /* bytes in front of a word far up the stack that are read with it */

/* Page addresses just above the end of a stack: a read across one costs a page fault, 0.7 us. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, UNWIND_EDGES);
	__type(key, __u32);
	__type(value, __u64);
} unwind_edges SEC(".maps");

/* Copy @len bytes, 1 to UNWIND_WINDOW_BYTES, from @start on. */
static __always_inline int unwind__copy(struct unwind_target *t, __u64 start, __u64 len)
{
	t->window_len = 0;
	barrier_var(len); /* else clang drops the checks it can prove and the verifier cannot */
	if (!len || len > UNWIND_WINDOW_BYTES)
		return -1;
	if (bpf_probe_read_user(t->window, len, (const void *)start))
		return -1;
	t->window_start = start;
	t->window_len = len;
	return 0;
}

/* A window from @start on, up to the end of the stack: the walk's first is as large as walks have
 * been lately. */
static __always_inline int unwind__copy_upwards(struct unwind_target *t, __u64 start)
{
	__u64 bytes = t->window_start || !t->usual_bytes ? UNWIND_WINDOW_BYTES : t->usual_bytes;
	__u64 boundary = (start & ~(UNWIND_PAGE_BYTES - 1)) + UNWIND_PAGE_BYTES;
	__u32 slot = (__u32)(boundary / UNWIND_PAGE_BYTES) & (UNWIND_EDGES - 1);
	__u64 *edge = bpf_map_lookup_elem(&unwind_edges, &slot);

	if (!edge)
		return -1;
	if (*edge != boundary && !unwind__copy(t, start, bytes))
		return 0;
	if (bytes > boundary - start)
		bytes = boundary - start;
	if (unwind__copy(t, start, bytes))
		return -1;
	*edge = boundary;
	return 0;
}

/* Have the word at @addr in the window. 0, or -1: not readable. Global: verified once, not per
 * read. */
__noinline int unwind__refill(__u64 addr)
{
	struct unwind_target *t = unwind__target();
	__u64 sp, start = addr;

	if (!t)
		return -1;
	sp = t->regs.sp;
	if (addr >= sp && addr - sp <= UNWIND_WINDOW_BYTES - UNWIND_KEEP_BELOW)
		start = sp & ~7ULL; /* the whole frame */
	else if (addr > sp)
		start = addr - UNWIND_KEEP_BELOW;
	if (!unwind__copy_upwards(t, start) && addr - start < t->window_len)
		return 0;
	/* the page at sp may be the very one whose fault this is: the word's own page */
	return unwind__copy(t, addr, UNWIND_PAGE_BYTES - (addr & (UNWIND_PAGE_BYTES - 1)));
}

/*
 * The walk from @sp has come to the registers in the scratch: so much will the next take. A copy of
 * 4 KiB costs 40 ns more than one of 1 KiB, a second copy 80: what was needed once is forgotten
 * slowly.
 */
static __always_inline void unwind__expect(struct unwind_target *t, __u64 sp)
{
	__u64 bytes = (t->regs.sp - sp + 2 * UNWIND_KEEP_BELOW) & ~7ULL, less = t->usual_bytes;

	less -= less >> 5 & ~7ULL;
	if (bytes > UNWIND_WINDOW_BYTES)
		bytes = UNWIND_WINDOW_BYTES;
	t->usual_bytes = bytes > less ? bytes : less;
}

static __always_inline int unwind_read(struct unwind_target *t, __u64 addr, __u64 *value)
{
	__u64 offset;

	if (addr & 7) {
		memo__spoil(t);
		return bpf_probe_read_user(value, 8, (const void *)addr);
	}
	if (addr - t->window_start >= t->window_len && unwind__refill(addr))
		return -1;
	offset = (addr - t->window_start) >> 3;
	barrier_var(offset);
	if (offset >= UNWIND_WINDOW_WORDS)
		return -1;
	*value = t->window[offset];
	memo__note(t, addr, *value);
	return 0;
}

#endif
