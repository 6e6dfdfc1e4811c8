/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The user's whole call stack, at the moment of an event, from the unwind tables the live side
 * built: 340 ns for 5 frames, 1 us for 26. bpf_get_stack() costs as much for the one frame it
 * finds in code without frame pointers.
 */
#ifndef RSSTRACE_UNWIND_BPF_H
#define RSSTRACE_UNWIND_BPF_H

#include "emit.bpf.h"
#include "unwind_copy.bpf.h"
#include "stack_memo.bpf.h"
#include "unwind_sets.bpf.h"
#include "unwind_window.bpf.h"
#ifdef UNWIND_TRUTH
#include "unwind_truth.bpf.h"
#endif

#define UNWIND_SEEN_IDS 65536 /* a power of two */

/* Frame pointers instead of tables: for comparison, and where the tables cannot be built. */
const volatile bool unwind_frame_pointers = false;

/* Stack ids told of, by their low bits. One that pushes another out has it told once more. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, UNWIND_SEEN_IDS);
	__type(key, __u32);
	__type(value, __u64);
} unwind_seen SEC(".maps");

/* Frame @i: note it and step to its caller. 0, or the enum stack_end of the walk. */
static __always_inline int unwind__one_frame(struct unwind_target *t, __u32 i)
{
	struct unwind_rule *rule;
	__u32 id, first_word;
	int found, end;

	if (i >= RSST_MAX_FRAMES)
		return STACK_END_DEPTH;
	t->record.frames[i] = t->regs.ip;
	t->record.nr_frames = i + 1;
	t->hash = unwind__mix(t->hash, t->regs.ip); /* beside the step's reads it costs nothing */
	found = unwind_code(t, unwind__pc(&t->regs));
	if (found < 0)
		return -found;
	id = found;
	rule = bpf_map_lookup_elem(&unwind_rules, &id);
	if (!rule)
		return STACK_END_NO_RULE;
	first_word = t->log.nr_words;
	end = unwind__step(t, &t->regs, rule);
	if (first_word <= MEMO_WORDS)
		memo__step(rule->how, rule->rbx_words < 0, first_word);
	return end;
}

/* Frame @i and the one after it, since a call costs half of what a frame does. Global, as above. */
__noinline int unwind__frames(__u32 i)
{
	struct unwind_target *t = unwind__target();
	int end;

	if (!t)
		return STACK_END_READ;
	end = unwind__one_frame(t, i);
	barrier_var(end);
	return end ?: unwind__one_frame(t, i + 1);
}

/* Tell of the stack in the record. One that does not fit into the ring is told next time. */
static __always_inline void unwind__tell(struct unwind_record *record, __u64 *seen)
{
	__u64 size = sizeof(struct rec_stack) + 8ULL * record->nr_frames;

	record->h.type = REC_STACK;
	record->h.pad = 0;
	record->h.size = size;
	record->h.ts = bpf_ktime_get_ns();
	record->pad = 0;
	barrier_var(size);
	if (size > sizeof(*record))
		return;
	if (bpf_ringbuf_output(&ring, record, size, BPF_RB_NO_WAKEUP)) {
		count(CNT_RING_FULL);
		return;
	}
	*seen = record->id;
	count(CNT_STACKS_SENT);
}

/* Ends that are no fault; one test, since the verifier walks the loop below for each answer. */
#define UNWIND_FINE_ENDS                                                                           \
	(1U << STACK_END_ROOT | 1U << STACK_END_FRAMEPTR | 1U << STACK_END_UNSAMPLED)

/* Tell of the stack in the record, whose id is @id, unless that was done. */
static __always_inline void unwind__tell_once(struct unwind_record *record, __u64 id)
{
	__u32 slot = id & (UNWIND_SEEN_IDS - 1);
	__u64 *seen = bpf_map_lookup_elem(&unwind_seen, &slot);

	record->id = id;
	if (seen && *seen != id)
		unwind__tell(record, seen);
}

static __always_inline bool unwind__is_told(__u64 id)
{
	__u32 slot = id & (UNWIND_SEEN_IDS - 1);
	__u64 *seen = bpf_map_lookup_elem(&unwind_seen, &slot);

	return seen && *seen == id;
}

/* Ends a walk in user space may get beyond, with newer tables or with elfutils. */
static __always_inline bool unwind__is_worth_copying(__u32 end)
{
	switch (end) {
	case STACK_END_FRAMEPTR:
		return !unwind_frame_pointers;
	case STACK_END_NO_MAPPING:
	case STACK_END_NO_RULE:
	case STACK_END_UNSUPPORTED:
	case STACK_END_ZERO:
		return true;
	default:
		return false;
	}
}

/*
 * Give the stack in the record its id, and tell of it unless that was done. One that did not reach
 * its end gets an id that two different ones will not share, if a copy of it could be had.
 */
__noinline __u64 unwind__finish(__u32 space, __u32 end)
{
	struct unwind_target *t = unwind__target();
	__u64 hash, full;

	if (!t)
		return 0;
	if (!(UNWIND_FINE_ENDS >> (end & 31) & 1))
		count(CNT_STACKS_INCOMPLETE);
	hash = unwind__mix(unwind__mix(t->hash, space), end);
	if (!hash)
		hash = 1;
	t->record.space = space;
	t->record.end = end;
	if (unwind__is_worth_copying(end)) {
		full = unwind__fingerprint(hash);
		t->record.id = full;
		if (unwind__is_told(full) || (unwind__may_copy() && unwind__copy_stack()))
			hash = full;
	}
#ifdef UNWIND_TRUTH
	truth__of(hash, end, !unwind__is_told(hash));
#endif
	unwind__tell_once(&t->record, hash);
	return hash;
}

static __always_inline void unwind__take_regs(struct unwind_regs *to, const struct pt_regs *from)
{
	to->ip = from->ip;
	to->sp = from->sp;
	to->bp = from->bp;
	to->bx = from->bx;
	to->exact = 1;
	to->leaf = 1;
	to->leaf_regs[0] = from->ax;
	to->leaf_regs[1] = from->dx;
	to->leaf_regs[2] = from->cx;
	to->leaf_regs[3] = from->bx;
	to->leaf_regs[4] = from->si;
	to->leaf_regs[5] = from->di;
	to->leaf_regs[6] = from->bp;
	to->leaf_regs[7] = from->sp;
	to->leaf_regs[8] = from->r8;
	to->leaf_regs[9] = from->r9;
	to->leaf_regs[10] = from->r10;
	to->leaf_regs[11] = from->r11;
	to->leaf_regs[12] = from->r12;
	to->leaf_regs[13] = from->r13;
	to->leaf_regs[14] = from->r14;
	to->leaf_regs[15] = from->r15;
}

/* The hash of the frames in the record, as unwind__frame() makes it. Global: verified once. */
__noinline int unwind__hash_frames(void)
{
	struct unwind_target *t = unwind__target();

	if (!t)
		return 0;
	for (__u32 i = 0; i < RSST_MAX_FRAMES; i++) {
		if (i >= t->record.nr_frames)
			break;
		t->hash = unwind__mix(t->hash, t->record.frames[i]);
	}
	return 0;
}

/* enum stack_end; STACK_END_INVALID: nothing could be read. */
static __always_inline int unwind__by_frame_pointers(void *ctx, struct unwind_target *t)
{
	long len;

	if (!ctx)
		return STACK_END_INVALID;
	len = bpf_get_stack(ctx, t->record.frames, sizeof(t->record.frames), BPF_F_USER_STACK);
	if (len <= 0)
		return STACK_END_INVALID;
	t->record.nr_frames = (__u64)len >> 3;
	unwind__hash_frames();
	return STACK_END_FRAMEPTR;
}

/* From the registers in the scratch to the outermost frame. Global: called from several programs.
 */
__noinline int unwind__walk(void)
{
	int end = STACK_END_DEPTH;

	for (__u32 i = 0; i <= RSST_MAX_FRAMES; i += 2) {
		end = unwind__frames(i);
		if (end)
			break;
	}
	return end;
}

static __always_inline void unwind__take(struct unwind_target *t, const struct pt_regs *regs)
{
	unwind__take_regs(&t->regs, regs);
	t->hash = 0;
}

static __always_inline int unwind__by_tables(struct unwind_target *t, const struct pt_regs *regs)
{
	int end;

	unwind__take(t, regs);
	end = unwind__walk();
	unwind__expect(t, regs->sp);
	return end;
}

/* The stack at @regs as an earlier walk found it; 0: to be walked. */
static __always_inline __u64 unwind__again(struct unwind_target *t, const struct pt_regs *regs,
					   __u32 space)
{
	__u64 id;

	memo__begin(t, regs);
	id = memo__recall(space);
	if (id)
		count(CNT_STACKS_REUSED);
	return id;
}

static __always_inline __u64 unwind__anew(struct unwind_target *t, const struct pt_regs *regs,
					  __u32 space)
{
	int end = unwind__by_tables(t, regs);
	__u64 id = end ? unwind__finish(space, end) : 0;

	if (end == STACK_END_ROOT && unwind__is_told(id)) /* else the next walk tells of it */
		memo__keep(space, id);
	return id;
}

static __always_inline __u64 unwind__of_regs(struct unwind_target *t, const struct pt_regs *regs,
					     __u32 space)
{
	__u64 id = unwind__again(t, regs, space);

#ifdef UNWIND_CHECK_REUSE
	__u64 walked = unwind__anew(t, regs, space);

	if (id && walked != id)
		count(CNT_REUSE_WRONG);
	return walked;
#endif
#ifdef UNWIND_TRUTH
	if (id) {
		unwind__take(t, regs);
		t->record.space = space;
		truth__of(id, 0, false);
	}
#endif
	return id ? id : unwind__anew(t, regs, space);
}

/* A @space without tables falls back to frame pointers. */
static __always_inline __u64 unwind__of_task(struct unwind_target *t, void *ctx,
					     const struct pt_regs *regs, __u32 space)
{
	int end;

	count(CNT_STACKS_WALKED);
	t->window_start = 0;
	t->window_len = 0;
	if (!unwind_frame_pointers && unwind__begin_set(t, space))
		return unwind__of_regs(t, regs, space);
	unwind__take(t, regs); /* for a copy */
	end = unwind__by_frame_pointers(ctx, t);
	return end ? unwind__finish(space, end) : 0;
}

/*
 * The id of the current task's user stack, told of as REC_STACK when it is new; 0: there was none
 * to be had (counted). @ctx: the program's, or NULL: no frame pointers; @regs: the user's
 * registers. Not @take: the id that stands for the stacks that are not taken.
 */
static __always_inline __u64 unwind__stack(void *ctx, struct pt_regs *regs, __u32 space, bool take)
{
	struct unwind_target *t = unwind__target();
	__u64 id;

	if (!t || t->busy) {
		count(CNT_STACKS_FAILED);
		return 0;
	}
	t->busy = 1;
	if (take) {
		id = unwind__of_task(t, ctx, regs, space);
	} else {
		t->record.nr_frames = 0;
		t->hash = 0;
		id = unwind__finish(space, STACK_END_UNSAMPLED);
	}
	if (!id)
		count(CNT_STACKS_FAILED);
	t->busy = 0;
	return id;
}

/*
 * Is the stack that brings @pages in one of those to be taken? Then the shift that says with which
 * chance, else -1. Global: what follows is verified once, not for either answer.
 */
__noinline int unwind__draw(__u64 pages)
{
	__u32 shift = *(volatile __u32 *)&dialog.sample_shift & 15, every = 1U << shift;

	if (!shift || pages >= every || (bpf_get_prandom_u32() & (every - 1)) < pages)
		return shift;
	return -1;
}

/* The stack that brings @pages in, or the id that stands for those not taken; adds to @flags what
 * its record says of that. */
static __always_inline __u64 unwind__sample(void *ctx, struct pt_regs *regs, __u32 space,
					    __u64 pages, __u8 *flags)
{
	int shift = 0;

	if (*(volatile __u32 *)&dialog.sample_shift) /* the usual answer without a call */
		shift = unwind__draw(pages);

	barrier_var(shift);
	*flags |= SAMPLE_FLAGS(shift & ~(shift >> 31));
	return unwind__stack(ctx, regs, space, shift >= 0);
}

#endif
