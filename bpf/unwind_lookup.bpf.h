/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From a pc of a followed address space to its unwind rule; see include/unwind_abi.h. */
#ifndef RSSTRACE_UNWIND_LOOKUP_BPF_H
#define RSSTRACE_UNWIND_LOOKUP_BPF_H

#include "maps.bpf.h"
#include "unwind_abi.h"
#include "unwind_step.h"

#define UNWIND_WINDOW_WORDS 512 /* 4 KiB: 1.02 reads a stack of Python, 7.3 one of 49 frames */

/* struct rec_stack with its frames */
struct unwind_record {
	struct rec h;
	__u64 id;
	__u32 space;
	__u16 nr_frames;
	__u8 end;
	__u8 pad;
	__u64 frames[RSST_MAX_FRAMES];
};
_Static_assert(__builtin_offsetof(struct unwind_record, frames) == sizeof(struct rec_stack),
	       "frames follow the head of struct rec_stack");

#define MEMO_WORDS 64 /* of the stack; a walk that reads more is not remembered */

/* What the walk under way read, see stack_memo.bpf.h. */
struct stack_log {
	__u64 start; /* sp, rounded down */
	__u64 ip;    /* the registers it began with */
	__u64 sp;
	__u64 bp;
	__u32 nr_words; /* > MEMO_WORDS: not to be kept */
	__u32 reach;	/* words from start on that hold them all */
	__u32 bp_word;	/* index of the word bp is from; MEMO_WORDS: it is still the register */
	__u32 needs_bp; /* 1: the register is needed */
	__u64 idle;	/* bit i: nothing has needed word i yet */
	__u32 way;	/* of the two slots it may have, the one it would be kept in */
	__u32 pad;
	__u64 values[MEMO_WORDS];
	__u16 offsets[MEMO_WORDS];
};

/*
 * The walk under way on this CPU. busy keeps out a program that comes in between: our own failing
 * read of user memory is a page fault, and fires the tracepoint.
 */
struct unwind_target {
	__u32 busy;
	__u32 set; /* index, of the space walked; its fields as they were when the walk began: */
	__u64 generation;
	__u32 nr_sorted;
	__u32 nr_recent;
	struct unwind_regs regs;
	__u64 hash;	   /* of the frames so far */
	__u64 usual_bytes; /* of stack that walks take here, see unwind__expect() */
	__u64 window_start;
	__u64 window_len; /* bytes; 0: nothing read yet */
	__u64 window[UNWIND_WINDOW_WORDS];
	struct unwind_record record;
	struct stack_log log;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct unwind_target);
} unwind_scratch SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, (2U << 20) / UNWIND_ROWS_PER_BLOCK); /* set before load */
	__type(key, __u32);
	__type(value, struct unwind_row_block);
} unwind_rows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, UNWIND_MAX_PAGES);
	__type(key, __u32);
	__type(value, struct unwind_page);
} unwind_pages SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, UNWIND_MAX_RULES);
	__type(key, __u32);
	__type(value, struct unwind_rule);
} unwind_rules SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, UNWIND_NR_SETS *UNWIND_SET_MAPPINGS);
	__type(key, __u32);
	__type(value, struct unwind_mapping);
} unwind_mappings SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, UNWIND_NR_SETS);
	__type(key, __u32);
	__type(value, struct unwind_set);
} unwind_sets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, RSST_MAX_SPACES);
	__type(key, __u32);
	__type(value, struct unwind_space);
} unwind_spaces SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, UNWIND_CACHE_WORDS);
	__type(key, __u32);
	__type(value, __u64);
} unwind_cache SEC(".maps");

static __always_inline struct unwind_target *unwind__target(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&unwind_scratch, &zero);
}

/* The set @space names now, or NULL; *@index: which. */
static __always_inline struct unwind_set *unwind__set_of(__u32 space, __u32 *index)
{
	struct unwind_space *known = bpf_map_lookup_elem(&unwind_spaces, &space);
	struct unwind_set *set;
	__u64 named;

	if (!known)
		return NULL;
	named = *(volatile __u64 *)&known->word;
	if (!named)
		return NULL;
	*index = (__u32)named - 1;
	set = bpf_map_lookup_elem(&unwind_sets, index);
	if (!set || set->epoch != named >> 32)
		return NULL; /* reused meanwhile */
	return set;
}

static __always_inline bool unwind__begin_set(struct unwind_target *t, __u32 space)
{
	__u32 index = 0, still = 0;
	struct unwind_set *set = unwind__set_of(space, &index);

	t->nr_sorted = 0;
	t->nr_recent = 0;
	if (!set)
		return false;
	t->set = index;
	t->generation = *(volatile __u64 *)&set->generation;
	t->nr_sorted = set->nr_sorted;
	t->nr_recent = set->nr_recent;
	/* asked again: the generation may be that of what the set was reused for */
	return t->generation != 0 && unwind__set_of(space, &still) && still == index;
}

static __always_inline struct unwind_mapping *unwind__mapping_at(__u32 set, __u32 i)
{
	__u32 index = set * UNWIND_SET_MAPPINGS + i;

	return bpf_map_lookup_elem(&unwind_mappings, &index);
}

static __always_inline bool unwind__covers(const struct unwind_mapping *mapping, __u64 pc)
{
	return mapping->start && pc >= mapping->start && pc < mapping->end;
}

/*
 * The searches go by fixed powers of two rather than by two bounds that close in, and count from a
 * base the verifier cannot know: it then sees one path with an unknown number in it, else 2^16.
 */

/* Slot of the last of the set's sorted mappings that starts at or below @pc, or of its first. */
static __always_inline __u32 unwind__bisect(__u32 first, __u32 nr_sorted, __u64 pc)
{
	__u32 at = first;

#pragma unroll
	for (__u32 step = UNWIND_SET_MAPPINGS / 2; step; step >>= 1) {
		__u32 next = at + step;
		struct unwind_mapping *mapping;

		if (next - first >= nr_sorted)
			continue;
		mapping = bpf_map_lookup_elem(&unwind_mappings, &next);
		if (mapping && mapping->start <= pc)
			at = next;
	}
	return at;
}

static __always_inline struct unwind_mapping *unwind__find_mapping(const struct unwind_target *t,
								   __u64 pc)
{
	__u32 slot = unwind__bisect(t->set * UNWIND_SET_MAPPINGS, t->nr_sorted, pc);
	struct unwind_mapping *mapping = bpf_map_lookup_elem(&unwind_mappings, &slot);

	if (mapping && t->nr_sorted && unwind__covers(mapping, pc))
		return mapping;
	for (__u32 i = 0; i < UNWIND_SET_RECENT; i++) {
		if (i >= t->nr_recent)
			break;
		mapping = unwind__mapping_at(t->set, UNWIND_SET_SORTED + i);
		if (mapping && unwind__covers(mapping, pc))
			return mapping;
	}
	return NULL;
}

static __always_inline int unwind__row_at(__u32 index, __u32 *row)
{
	__u32 block = index / UNWIND_ROWS_PER_BLOCK;
	struct unwind_row_block *rows = bpf_map_lookup_elem(&unwind_rows, &block);

	if (!rows)
		return -1;
	*row = rows->rows[index % UNWIND_ROWS_PER_BLOCK];
	return 0;
}

/* The rule of byte @low of a page: its last row at or below it. */
static __always_inline int unwind__search_page(const struct unwind_page *page, __u32 low)
{
	__u32 first = page->first_row, nr = page->nr_rows, at = first, row = 0;

	if (!nr)
		return UNWIND_RULE_ID_NONE;
#pragma unroll
	for (__u32 step = 32768; step; step >>= 1) {
		__u32 next = at + step;

		if (next - first >= nr)
			continue;
		if (unwind__row_at(next, &row))
			return -STACK_END_NO_RULE;
		if ((row & 0xffff) <= low)
			at = next;
	}
	if (unwind__row_at(at, &row))
		return -STACK_END_NO_RULE;
	return row >> 16;
}

/*
 * Id of the rule for @pc in the set of the walk under way, or minus an enum stack_end. A global
 * function, and so verified once and not anew for each of 512 frames.
 */
__noinline int unwind__lookup(__u64 pc)
{
	struct unwind_target *t = unwind__target();
	struct unwind_mapping *mapping;
	struct unwind_page *page;
	struct unwind_set *set;
	int id = UNWIND_RULE_ID_FP;
	__u64 offset;
	__u32 index;

	if (!t)
		return -STACK_END_NO_MAPPING;
	mapping = unwind__find_mapping(t, pc);
	if (!mapping)
		return -STACK_END_NO_MAPPING;
	if (mapping->first_page == UNWIND_TABLE_AWAITED)
		return -STACK_END_NO_MAPPING;
	if (mapping->nr_pages) {
		offset = pc - mapping->bias;
		index = mapping->first_page + (__u32)(offset >> 16);
		page = offset >> 16 < mapping->nr_pages ? bpf_map_lookup_elem(&unwind_pages, &index)
							: NULL;
		id = page ? unwind__search_page(page, offset & 0xffff) : UNWIND_RULE_ID_NONE;
	}
	index = t->set;
	set = bpf_map_lookup_elem(&unwind_sets, &index);
	if (!set || *(volatile __u64 *)&set->generation != t->generation)
		return -STACK_END_NO_MAPPING; /* the set changed under our feet */
	return id;
}

/* unwind__lookup() through the cache, which answers 99 of 100. */
static __always_inline int unwind_code(struct unwind_target *t, __u64 pc)
{
	__u32 slot = unwind_cache_slot(pc);
	__u64 *word, tag;
	int id;

	if (pc >= 1ULL << 47) /* [vsyscall], or no address at all */
		return -STACK_END_NO_MAPPING;
	word = bpf_map_lookup_elem(&unwind_cache, &slot);
	if (!word)
		return -STACK_END_NO_MAPPING;
	tag = unwind_cache_word(pc, t->generation, 0);
	id = (int)(*word & (UNWIND_MAX_RULES - 1));
	if (*word - id == tag)
		return id;
	id = unwind__lookup(pc);
	if (id >= 0)
		*word = tag | (__u32)id;
	return id;
}

#endif
