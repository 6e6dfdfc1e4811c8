/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Of a stack that cannot be walked to its end, most often because the table of its code is still
 * being built, the live side gets a copy.
 */
#ifndef RSSTRACE_UNWIND_COPY_BPF_H
#define RSSTRACE_UNWIND_COPY_BPF_H

#include "arch_x86.bpf.h"
#include "task.bpf.h"
#include "unwind_news.bpf.h"
#include "unwind_window.bpf.h"

#define UNWIND_HASHED_WORDS 48

/*
 * Where no rule can express the code it is no matter of a moment: all the stacks through that code
 * are told apart by these, 2 KiB, for good.
 */
#define UNWIND_HASHED_WORDS_UNSUPPORTED 256

/* Copies that may be made by the end of the current span of time, and when the reader of the news
 * was last woken; CPUs race here, which makes it a few more or less. */
__u64 unwind_span = 0;
__s64 unwind_copies_left = 0;
__u64 unwind_woken = 0;

static __always_inline __u64 unwind__mix(__u64 hash, __u64 value)
{
	hash = (hash ^ value) * 0x9e3779b97f4a7c15ULL;
	return hash ^ hash >> 29;
}

static __always_inline __s64 unwind__copies_left(void)
{
	__u64 span = bpf_ktime_get_ns() >> UNWIND_SPAN_SHIFT, before = unwind_span;
	__s64 left = unwind_copies_left;

	if (span <= before)
		return left;
	unwind_span = span;
	if (span - before >= UNWIND_COPIES_KEPT / UNWIND_COPIES_A_SPAN)
		left = UNWIND_COPIES_KEPT;
	else
		left += (span - before) * UNWIND_COPIES_A_SPAN;
	unwind_copies_left = left < UNWIND_COPIES_KEPT ? left : UNWIND_COPIES_KEPT;
	return unwind_copies_left;
}

static __always_inline bool unwind__may_copy(void)
{
	/* some of the ring is for news of code, without which there would be ever more copies */
	return unwind__copies_left() > 0 &&
	       bpf_ringbuf_query(&unwind_news, BPF_RB_AVAIL_DATA) < UNWIND_NEWS_BYTES / 8 * 7;
}

/* A copy is about to go into the ring: the flags to submit it with. Global: verified once. */
__noinline __u64 unwind__count_copy(void)
{
	__u64 now = bpf_ktime_get_ns() >> UNWIND_WAKE_SHIFT;

	unwind_copies_left--;
	if (now == unwind_woken ||
	    bpf_ringbuf_query(&unwind_news, BPF_RB_AVAIL_DATA) < UNWIND_NEWS_WAKE_BYTES)
		return BPF_RB_NO_WAKEUP;
	unwind_woken = now;
	return BPF_RB_FORCE_WAKEUP;
}

/*
 * Mix word @i above the last frame into @hash, if it points into code of the space, or may: as long
 * as the live side has not told where code is. 0: it cannot be read. Global: verified once, not for
 * each word; and 5.10 refuses the loop with this in its body.
 */
__noinline __u64 unwind__mix_word(__u64 hash, __u32 i)
{
	struct unwind_target *t = unwind__target();
	__u64 word = 0;

	if (!t || unwind_read(t, (t->regs.sp & ~7ULL) + 8ULL * i, &word))
		return 0;
	if (word >> 16 && word < ARCH_USER_END && (!t->nr_sorted || unwind__find_mapping(t, word)))
		hash = unwind__mix(hash, word);
	return hash ? hash : 1;
}

/*
 * What tells two stacks apart that look the same as far as the walk came: the words above its last
 * frame that point into code. Global, as it is called from several programs.
 */
__noinline __u64 unwind__fingerprint(__u64 hash)
{
	struct unwind_target *t = unwind__target();
	__u64 mixed;
	__u32 nr;

	if (!t)
		return hash;
	nr = t->record.end == STACK_END_UNSUPPORTED ? UNWIND_HASHED_WORDS_UNSUPPORTED
						    : UNWIND_HASHED_WORDS;
	hash = unwind__mix(hash, t->regs.sp);
	for (__u32 i = 0; i < UNWIND_HASHED_WORDS_UNSUPPORTED; i++) {
		if (i >= nr)
			break;
		mixed = unwind__mix_word(hash, i);
		if (!mixed)
			break;
		hash = mixed;
	}
	return hash ? hash : 1;
}

/* Pages of stack from the one sp lies in to the outermost frame; 0: not known. */
static __always_inline __u32 unwind__stack_pages(__u64 sp)
{
	struct task_struct *task = current_task();
	__u64 top = BPF_CORE_READ(task, mm, start_stack);
	__u64 pages = top / UNWIND_COPY_PAGE_BYTES - sp / UNWIND_COPY_PAGE_BYTES + 1;

	return top < sp || pages > UNWIND_COPY_MAX_PAGES * 16 ? 0 : pages;
}

static __always_inline void unwind__fill_copy(struct unwind_copy *copy,
					      const struct unwind_target *t, const __u32 nr_pages,
					      __u64 at_hole, __u64 losses)
{
	/* in memory the verifier does not tell its values apart, each of which it would look at */
	volatile __u64 *readable = &copy->readable;

	*readable = 0;
	copy->news.kind = UNWIND_NEWS_STACK;
	copy->news.space = t->record.space;
	copy->news.pid = bpf_get_current_pid_tgid() >> 32;
	copy->news.nr_pages = nr_pages;
	copy->id = t->record.id;
	copy->losses = losses;
	copy->nr_frames = t->record.nr_frames;
	copy->end = t->record.end;
	for (__u32 i = 0; i < UNWIND_NR_REGS - 1; i++)
		copy->regs[i] = t->regs.leaf_regs[i]; /* a walk leaves them alone */
	copy->regs[UNWIND_REG_PC] = t->record.frames[0];
	copy->start = t->regs.leaf_regs[UNWIND_REG_SP] & ~(__u64)(UNWIND_COPY_PAGE_BYTES - 1);
#pragma unroll /* as a loop it comes out with a jump into its middle, which 5.10 refuses */
	for (__u32 i = 0; i < UNWIND_COPY_MAX_PAGES; i++) {
		__u64 offset = (__u64)i * UNWIND_COPY_PAGE_BYTES;

		if (i >= nr_pages || *readable & UNWIND_COPY_ENDS)
			continue;
		if (!bpf_probe_read_user((char *)copy->words + offset, UNWIND_COPY_PAGE_BYTES,
					 (const void *)(copy->start + offset)))
			*readable |= 1ULL << i;
		else if (*readable) /* the page sp is in may be its fault's own */
			*readable |= at_hole;
	}
}

/* Code that the space loses from now on is not what this stack ran through. */
static __always_inline __u64 unwind__losses(__u32 space)
{
	struct unwind_space *known = bpf_map_lookup_elem(&unwind_spaces, &space);

	return known ? *(volatile __u64 *)&known->losses : 0;
}

#define unwind__copy_pages(t, nr)                                                                  \
	({                                                                                         \
		struct unwind_copy *_copy = bpf_ringbuf_reserve(                                   \
			&unwind_news, sizeof(*_copy) + (nr)*UNWIND_COPY_PAGE_BYTES, 0);            \
		if (_copy) {                                                                       \
			unwind__fill_copy(_copy, t, nr, at_hole, losses);                          \
			bpf_ringbuf_submit(_copy, unwind__count_copy());                           \
		}                                                                                  \
		_copy != NULL;                                                                     \
	})

/* The stack of the walk in the scratch, under the id in its record. 1: it is in the
 * ring. Global, as above. */
__noinline int unwind__copy_stack(void)
{
	struct unwind_target *t = unwind__target();
	__u64 at_hole = 0, losses;
	__u32 pages;

	if (!t)
		return 0;
	losses = unwind__losses(t->record.space);
	pages = unwind__stack_pages(t->regs.leaf_regs[UNWIND_REG_SP]);
	/* a stack that is known has holes: arrays that nobody has written to */
	if (!pages) {
		pages = UNWIND_COPY_USUAL_PAGES;
		at_hole = UNWIND_COPY_ENDS;
	}
	if (pages <= 1)
		return unwind__copy_pages(t, 1);
	if (pages <= 2)
		return unwind__copy_pages(t, 2);
	if (pages <= 3)
		return unwind__copy_pages(t, 3);
	if (pages <= 4)
		return unwind__copy_pages(t, 4);
	if (pages <= UNWIND_COPY_USUAL_PAGES)
		return unwind__copy_pages(t, UNWIND_COPY_USUAL_PAGES);
	return unwind__copy_pages(t, UNWIND_COPY_MAX_PAGES);
}

#endif
