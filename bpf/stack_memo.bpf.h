/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Walks remembered, to be used again when they would find the same.
 *
 * What a walk by the tables finds depends on the registers it begins with, on the words of the
 * stack it reads, and on mappings and tables, which the generation of the set stands for. So a walk
 * logs the words; later, with the same registers in the same set, the words are compared and the
 * tables not asked. Comparing less is not enough: by ip, sp and bp alone 23 % of Python's pages got
 * a wrong stack. But what was read and then not used may differ: mostly rbp and rbx as the callers
 * saved them, general registers nearly everywhere.
 *
 * A walk is kept only if it reached the root, its words all lie in the window above sp, and no rule
 * in it used anything else (other registers, guesses from what is not mapped).
 *
 * Built with UNWIND_CHECK_REUSE, each stack used again is walked all the same, and compared.
 */
#ifndef RSSTRACE_STACK_MEMO_BPF_H
#define RSSTRACE_STACK_MEMO_BPF_H

#include "unwind_lookup.bpf.h"

/*
 * Walks remembered, a power of two: those that begin alike have two slots. A fifth of what Python
 * asks for was walked that had been known with 64 slots, a tenth with 256, less than that in pairs.
 */
#define MEMO_SLOTS 256
#define MEMO_SLOT_BITS 8

/* A walk; its CPU's, by memo__of(). */
struct stack_memo {
	__u64 generation; /* of the set it went by; 0: none */
	__u64 id;	  /* what it found */
	__u32 space;
	__u32 misses; /* of the pair, in its first: about how many since one of them served */
	struct stack_log log;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, MEMO_SLOTS);
	__type(key, __u32);
	__type(value, struct stack_memo);
} stack_memos SEC(".maps");

static __always_inline void memo__spoil(struct unwind_target *t)
{
	t->log.nr_words = MEMO_WORDS + 1;
}

/* Logging costs 20 ns a frame, comparing 100: not where it did not pay, but for a try now and then.
 * A walk saved pays for many that were logged: its tables are cold, 1 to 3 us. */
static __always_inline bool memo__worth_it(__u32 misses)
{
	return misses < 32 || (misses & 31) < 2; /* the first to log, the second to compare */
}

/* A walk is to begin at @regs. */
static __always_inline void memo__begin(struct unwind_target *t, const struct pt_regs *regs)
{
	t->log.ip = regs->ip;
	t->log.sp = regs->sp;
	t->log.bp = regs->bp;
	t->log.start = t->log.sp & ~7ULL;
	t->log.reach = 0;
	t->log.nr_words = 0;
	t->log.bp_word = MEMO_WORDS;
	t->log.needs_bp = 0;
	t->log.idle = 0;
	t->log.way = 0;
}

/* The walk under way read @value at @addr. */
static __always_inline void memo__note(struct unwind_target *t, __u64 addr, __u64 value)
{
	__u64 offset = (addr - t->log.start) >> 3;
	__u32 at = t->log.nr_words;

	barrier_var(at);
	if (at >= MEMO_WORDS || (addr & 7) || offset >= UNWIND_WINDOW_WORDS) {
		memo__spoil(t);
		return;
	}
	t->log.values[at] = value;
	t->log.offsets[at] = offset;
	t->log.nr_words = at + 1;
	if (offset >= t->log.reach)
		t->log.reach = offset + 1;
}

static __always_inline void memo__needs_bp(struct unwind_target *t)
{
	if (t->log.bp_word < MEMO_WORDS)
		t->log.idle &= ~(1ULL << (t->log.bp_word & (MEMO_WORDS - 1)));
	else
		t->log.needs_bp = 1;
}

/*
 * The walk under way made a step by a rule with this @how, that read rbx, too, or not; @first is
 * the first word it read. In the order of unwind__from_table(): what the CFA is made of, rbp, rbx,
 * the return address; of unwind__from_signal(): rbp, rbx, and so on. rbx is used by no rule but
 * UNWIND_CFA_REG. A global function, else each of its ways would be verified with each of the
 * step's.
 */
__noinline int memo__step(__u32 how, __u32 reads_rbx, __u32 first)
{
	struct unwind_target *t = unwind__target();
	__u32 cfa = how & 15, rbp = how >> 4;
	bool signal = cfa == UNWIND_CFA_SIGNAL;

	if (!t || t->log.nr_words > MEMO_WORDS)
		return 0;
	if (cfa == UNWIND_CFA_REG || cfa == UNWIND_CFA_NONE || cfa == UNWIND_CFA_FP ||
	    cfa == UNWIND_CFA_SWITCH)
		memo__spoil(t);
	if (cfa == UNWIND_CFA_RBP || cfa == UNWIND_CFA_DEREF_RBP || rbp == UNWIND_RBP_RBP)
		memo__needs_bp(t);
	first += cfa == UNWIND_CFA_DEREF_RSP || cfa == UNWIND_CFA_DEREF_RBP;
	if (signal || rbp != UNWIND_RBP_SAME) {
		t->log.bp_word = first;
		t->log.idle |= 1ULL << (first & (MEMO_WORDS - 1));
		first++;
	}
	if (signal || reads_rbx)
		t->log.idle |= 1ULL << (first & (MEMO_WORDS - 1));
	return 0;
}

/* @way: 0 or 1. */
static __always_inline struct stack_memo *memo__of(const struct unwind_target *t, __u32 way)
{
	__u64 hash = (t->log.ip ^ t->log.sp << 20) * 0x9e3779b97f4a7c15ULL;
	__u32 slot = (__u32)(hash >> (64 - MEMO_SLOT_BITS)) ^ way;

	return bpf_map_lookup_elem(&stack_memos, &slot);
}

/* Have @bytes of the stack in the window, which the walk goes on with if it has to be walked. */
static __always_inline bool memo__look(struct unwind_target *t, __u64 bytes)
{
	barrier_var(bytes);
	if (!bytes || bytes > sizeof(t->window))
		return false;
	if (t->window_len >= bytes)
		return true;
	t->window_len = 0;
	if (bpf_probe_read_user(t->window, bytes, (const void *)t->log.start))
		return false;
	t->window_start = t->log.start;
	t->window_len = bytes;
	return true;
}

/* Are the words still what they were? 1 or 0. Global: verified once. */
__noinline int memo__holds(__u32 way)
{
	struct unwind_target *t = unwind__target();
	struct stack_memo *memo = t ? memo__of(t, way & 1) : NULL;

	if (!t || !memo || !memo__look(t, 8ULL * memo->log.reach))
		return 0;
	for (__u32 i = 0; i < MEMO_WORDS; i++) {
		__u32 offset = memo->log.offsets[i];

		if (i >= memo->log.nr_words)
			break;
		barrier_var(offset);
		if (offset >= UNWIND_WINDOW_WORDS || t->window[offset] != memo->log.values[i])
			return 0;
	}
	return 1;
}

static __always_inline bool memo__is_of(const struct stack_memo *memo,
					const struct unwind_target *t, __u32 space)
{
	return memo->generation == t->generation && memo->space == space &&
	       memo->log.ip == t->log.ip && memo->log.sp == t->log.sp &&
	       (!memo->log.needs_bp || memo->log.bp == t->log.bp);
}

/*
 * Id of the stack that the walk after memo__begin() would find; 0: only the walk can tell. Of two
 * that begin alike and come in turns each keeps its slot: the next is had by what did not serve.
 * Global: its ways are not each gone on with.
 */
__noinline __u64 memo__recall(__u32 space)
{
	struct unwind_target *t = unwind__target();
	struct stack_memo *first = t ? memo__of(t, 0) : NULL;

	if (!t || !first)
		return 0;
	if (!memo__worth_it(++first->misses)) {
		memo__spoil(t);
		return 0;
	}
	t->log.way = first->misses & 1;
	for (__u32 way = 0; way < 2; way++) {
		struct stack_memo *memo = memo__of(t, way);

		if (!memo || !memo__is_of(memo, t, space) || !memo__holds(way))
			continue;
		first->misses = way;
		return memo->id;
	}
	return 0;
}

/* The walk under way reached the root and found @id: remember it, if that will do. */
__noinline int memo__keep(__u32 space, __u64 id)
{
	struct unwind_target *t = unwind__target();
	struct stack_memo *memo;
	__u32 kept = 0;

	if (!t || t->log.nr_words > MEMO_WORDS)
		return 0;
	memo = memo__of(t, t->log.way);
	if (!memo)
		return 0;
	memo->generation = t->generation;
	memo->id = id;
	memo->space = space;
	memo->log.ip = t->log.ip;
	memo->log.sp = t->log.sp;
	memo->log.bp = t->log.bp;
	memo->log.needs_bp = t->log.needs_bp;
	memo->log.reach = t->log.reach;
	for (__u32 i = 0; i < MEMO_WORDS; i++) {
		if (i >= t->log.nr_words)
			break;
		barrier_var(kept);
		if (kept >= MEMO_WORDS)
			break;
		memo->log.values[kept] = t->log.values[i];
		memo->log.offsets[kept] = t->log.offsets[i];
		kept += ~(t->log.idle >> i) & 1; /* no branch: two ways a word are too many */
	}
	memo->log.nr_words = kept;
	return 0;
}

#endif
