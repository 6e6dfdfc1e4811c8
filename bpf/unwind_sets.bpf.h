/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Keeping a space's executable mappings true between two visits of the live side: a library is
 * unwound from its first instruction on, and one that left is not believed for what came after it.
 */
#ifndef RSSTRACE_UNWIND_SETS_BPF_H
#define RSSTRACE_UNWIND_SETS_BPF_H

#include "task.bpf.h"
#include "unwind_lookup.bpf.h"
#include "unwind_news.bpf.h"

/* Files whose tables are in the maps, by what the kernel side sees of a file. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
#ifndef RSST_BATCHED /* old kernels warn of allocations in a tracepoint */
	__uint(map_flags, BPF_F_NO_PREALLOC);
#endif
	__type(key, struct unwind_object_key);
	__type(value, struct unwind_object);
} unwind_objects SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct unwind_control);
} unwind_control SEC(".maps");

/* Set @index is no longer what it was. Global: verified once. */
__noinline int unwind__new_generation(__u32 index)
{
	struct unwind_set *set = bpf_map_lookup_elem(&unwind_sets, &index);
	__u32 zero = 0;
	struct unwind_control *control = bpf_map_lookup_elem(&unwind_control, &zero);

	if (control && set)
		*(volatile __u64 *)&set->generation = number__next(&control->generation);
	return 0;
}

#define UNWIND_DROPPED (1 << 0)
#define UNWIND_DROPPED_FILE (1 << 1) /* other than a JIT's code it has a table, and a name */

/* What lies before the range stays: a library whose first segment is code is mapped whole with its
 * rights, and then in part once more, as data. Returns UNWIND_DROPPED*. */
static __always_inline int unwind__drop(struct unwind_mapping *mapping, __u64 start, __u64 end)
{
	if (!mapping || !mapping->start || mapping->start >= end || mapping->end <= start)
		return 0;
	mapping->end = mapping->start < start ? start : 0;
	return mapping->nr_pages ? UNWIND_DROPPED | UNWIND_DROPPED_FILE : UNWIND_DROPPED;
}

#define UNWIND_DROP_SORTED 32 /* executable mappings one munmap can be expected to hit */

/*
 * Forget what of set @index lies in the range; global: verified once. Returns what did. A range
 * over more than UNWIND_DROP_SORTED mappings makes the whole set unusable until the live side comes
 * by.
 */
__noinline int unwind__drop_range(__u32 index, __u64 start, __u64 end)
{
	struct unwind_set *set = bpf_map_lookup_elem(&unwind_sets, &index);
	struct unwind_mapping *mapping;
	int dropped = 0;
	__u32 first;

	if (!set)
		return 0;
	first = index * UNWIND_SET_MAPPINGS;
	first = unwind__bisect(first, set->nr_sorted, start) - first;
	for (__u32 i = 0; i < UNWIND_DROP_SORTED; i++) {
		mapping = unwind__mapping_at(index, first + i);
		if (!mapping || first + i >= set->nr_sorted || mapping->start >= end)
			goto recent;
		dropped |= unwind__drop(mapping, start, end);
	}
	*(volatile __u64 *)&set->generation = 0;
	return UNWIND_DROPPED | UNWIND_DROPPED_FILE;
recent:
	for (__u32 i = 0; i < UNWIND_SET_RECENT; i++) {
		if (i >= set->nr_recent)
			break;
		mapping = unwind__mapping_at(index, UNWIND_SET_SORTED + i);
		dropped |= unwind__drop(mapping, start, end);
	}
	return dropped;
}

static __always_inline void unwind__note_change(__u32 space)
{
	struct unwind_space *known = bpf_map_lookup_elem(&unwind_spaces, &space);

	if (known)
		__sync_fetch_and_add(&known->changes, 1);
}

/* The set @space names, if it is its own. A child to which something comes does without its
 * parent's. */
static __always_inline struct unwind_set *unwind__own_set(__u32 space, __u32 *index)
{
	struct unwind_space *known = bpf_map_lookup_elem(&unwind_spaces, &space);
	struct unwind_set *set = unwind__set_of(space, index);

	if (!known || !set || set->owner == space)
		return set;
	*(volatile __u64 *)&known->word = 0;
	return NULL;
}

/* Before something else can be there. Global: verified once. */
__noinline int unwind__note_loss(__u32 space, __u64 start, __u64 end)
{
	struct unwind_space *known = bpf_map_lookup_elem(&unwind_spaces, &space);
	struct unwind_loss *loss;
	__u64 number;

	if (!known)
		return 0;
	number = number__next(&known->losses);
	if (!number) { /* of unknown range, then */
		__sync_fetch_and_add(&known->losses, 1);
		return 0;
	}
	loss = &known->lost[number % UNWIND_LOSSES];
	*(volatile __u64 *)&loss->number = 0;
	*(volatile __u64 *)&loss->start = start;
	*(volatile __u64 *)&loss->end = end;
	*(volatile __u64 *)&loss->number = number;
	return 0;
}

/* Drop the range from the set the space names now; its index, or -1 when nothing was in it. */
__noinline int unwind__drop_now(__u32 space, __u64 start, __u64 end)
{
	__u32 index = 0;
	struct unwind_set *set = unwind__set_of(space, &index);
	int dropped = set ? unwind__drop_range(index, start, end) : 0;

	if (!set || !dropped)
		return -1;
	if (dropped & UNWIND_DROPPED_FILE)
		unwind__note_loss(space, start, end);
	if (set->generation) /* 0: not usable as it is */
		unwind__new_generation(index);
	return index;
}

/*
 * [start, end) of @space is gone, or something else. Call it when the kernel is done with that, at
 * the end of the call or of its hold on the mmap lock. Cost 0.1 us when no code was in the range.
 *
 * Noted only when code was hit, else a process that frees a lot would look as if it changed all the
 * time; and looked at once more after that: if user space puts a new set in place, it either sees
 * the note, or we see its set.
 */
static __always_inline void unwind__unmapped(__u32 space, __u64 start, __u64 end)
{
	if (unwind__drop_now(space, start, end) < 0)
		return;
	unwind__note_change(space);
	unwind__drop_now(space, start, end);
}

/* Index of a recent slot of the set that is ours now, its end being 1; -1: none is free, or two
 * wanted the same. */
__noinline int unwind__claim_recent(__u32 index)
{
	struct unwind_set *set = bpf_map_lookup_elem(&unwind_sets, &index);
	struct unwind_mapping *mapping;
	__u32 i;

	if (!set)
		return -1;
	for (i = 0; i < UNWIND_SET_RECENT; i++) {
		mapping = unwind__mapping_at(index, UNWIND_SET_SORTED + i);
		if (mapping && !mapping->end)
			break;
	}
	mapping = unwind__mapping_at(index, UNWIND_SET_SORTED + i);
	if (i >= UNWIND_SET_RECENT || !mapping || !word__claim(&mapping->end))
		return -1;
	/* two at once may leave it too low: then a frame is not found */
	if (set->nr_recent <= i)
		set->nr_recent = i + 1;
	return i;
}

/* Put [start, end) into a recent slot of the space's set; false: it has none, or none is free. */
static __always_inline bool unwind__add_recent(__u32 space, __u64 start, __u64 end, __u64 bias,
					       __u32 first_page, __u32 nr_pages)
{
	struct unwind_mapping *mapping;
	__u32 index = 0;
	int slot;

	if (!unwind__own_set(space, &index))
		return false;
	slot = unwind__claim_recent(index);
	if (slot < 0)
		return false;
	mapping = unwind__mapping_at(index, UNWIND_SET_SORTED + slot);
	if (!mapping)
		return false;
	mapping->bias = bias;
	mapping->first_page = first_page;
	mapping->nr_pages = nr_pages;
	*(volatile __u64 *)&mapping->start = start;
	*(volatile __u64 *)&mapping->end = end;
	return true;
}

/*
 * [start, end) of @space is executable now, whatever it was before: file (dev, ino) from byte
 * @pgoff on, or, ino 0, anonymous memory. If its table is not there the live side is told: until it
 * has made one, stacks through these frames are copied for it.
 */
static __always_inline void unwind__mapped(__u32 space, __u64 start, __u64 end, __u64 pgoff,
					   __u32 dev, __u64 ino)
{
	struct unwind_object_key key = { .ino = ino, .dev = dev };
	__u32 first_page = ino ? UNWIND_TABLE_AWAITED : 0;
	__u32 nr_pages = ino ? unwind_awaited_file(ino, dev) : 0;
	__u32 pid = bpf_get_current_pid_tgid() >> 32;
	struct unwind_object *object;

	unwind__note_change(space); /* before the set is looked at, see unwind__unmapped() */
	unwind__drop_now(space, start, end);
	object = ino ? bpf_map_lookup_elem(&unwind_objects, &key) : NULL;
	if (object) {
		first_page = object->first_page;
		nr_pages = object->nr_pages;
	}
	if (!unwind__add_recent(space, start, end, start - pgoff, first_page, nr_pages))
		unwind__tell_code(space, pid);
	else if (ino && !object)
		unwind__tell_file(space, pid, start, end, dev, ino);
}

/* Where the mapping of the code at @pc ends, 0 if it is not known in @space. Global: verified once.
 */
__noinline __u64 unwind__end_of_code(__u32 space, __u64 pc)
{
	struct unwind_target *t = unwind__target();
	struct unwind_mapping *mapping;

	if (!t || t->busy || !unwind__begin_set(t, space))
		return 0;
	mapping = unwind__find_mapping(t, pc);
	return mapping ? mapping->end : 0;
}

#define UNWIND_ASKED_MAPPINGS 4 /* that one mprotect can be expected to reach over */

/* Is all of [start, end) known as code? Global, as above. */
__noinline int unwind__knows(__u32 space, __u64 start, __u64 end)
{
	for (__u32 i = 0; i < UNWIND_ASKED_MAPPINGS && start < end; i++) {
		start = unwind__end_of_code(space, start);
		if (!start)
			return 0;
	}
	return start >= end;
}

/*
 * mprotect(2) made memory in [start, end) executable: a JIT's, or a file's whose table nobody asked
 * for. What it is only the live side can tell; a JIT that does it time and again is told of once.
 */
static __always_inline void unwind__made_executable(__u32 space, __u64 start, __u64 end)
{
	unwind__note_change(space);
	if (!unwind__knows(space, start, end))
		unwind__tell_code(space, bpf_get_current_pid_tgid() >> 32);
}

/*
 * mremap(2) took the @old_bytes at @from, whole pages, to @to, or changed their number there. If
 * there was code among them the live side has to look what it is now. Global: a function's worth of
 * stack of its own.
 */
__noinline int unwind__moved(__u32 space, __u64 from, __u64 old_bytes, __u64 to, __u64 new_bytes)
{
	if (!old_bytes) /* the same once more, elsewhere */
		old_bytes = 4096;
	if (to != from)
		unwind__unmapped(space, to, to + new_bytes);
	if (unwind__drop_now(space, from, from + old_bytes) < 0)
		return 0;
	unwind__note_change(space); /* and again, see unwind__unmapped() */
	unwind__drop_now(space, from, from + old_bytes);
	unwind__tell_code(space, bpf_get_current_pid_tgid() >> 32);
	return 0;
}

/* @child begins with a copy of @parent's memory: it uses the parent's set until it gets its own. */
static __always_inline void unwind__forked(__u32 parent, __u32 child)
{
	struct unwind_space *from = bpf_map_lookup_elem(&unwind_spaces, &parent);
	struct unwind_space *to = bpf_map_lookup_elem(&unwind_spaces, &child);

	if (from && to)
		*(volatile __u64 *)&to->word = *(volatile __u64 *)&from->word;
}

#endif
