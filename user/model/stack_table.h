/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Places in code (frames) and the stacks that run through them. Both only grow, in stream order;
 * frame 0 is invalid and stacks start at OWNER_FIRST_STACK, so that a stack's index is the owner
 * its pages carry.
 */
#ifndef RSSTRACE_MODEL_STACK_TABLE_H
#define RSSTRACE_MODEL_STACK_TABLE_H

#include "model/index_map.h"
#include "model/session.h"

/*
 * What a program makes without end (code at ever new addresses, recursion) is told apart up to
 * here: some 65 MiB of stacks and 72 MiB of frames. Pages by later stacks are nobody's; a stack
 * for whose frames there is no room stays as it was, or without any.
 */
#define STACKS_MAX (1U << 18)
#define FRAMES_MAX (1U << 20)

struct stack_table {
	__u32 nr_frames, cap_frames;
	struct frame *frames;
	struct index_map frame_map;
	__u32 nr, cap; /* nr is at least OWNER_FIRST_STACK once there is one */
	struct stack *stacks;
	struct stack_pages *pages;
	struct index_map map;
	__u64 last_id; /* the stack asked for last: runs of faults come from one */
	__u32 last_space, last_index;
	__u64 truncated; /* definitions that do not end at the root */
};

/* Index of a place; made if new. 0: ENOMEM, or stack_table__full_of_frames(). find: 0 when unknown. */
__u32 stack_table__frame(struct stack_table *table, __u32 object, __u32 space, __u64 offset);
__u32 stack_table__find_frame(const struct stack_table *table, __u32 object, __u32 space,
			      __u64 offset);

/* Index (owner) of stack @id of @space; made, undefined, if new; OWNER_UNKNOWN: no room for it. 0: ENOMEM. */
__u32 stack_table__intern(struct stack_table *table, __u32 space, __u64 id);

bool stack_table__full_of_frames(const struct stack_table *table);

/*
 * stack_table__define() - define stack @index, if it is one, or define it anew if this is better:
 * whole where that was not, or longer. Takes @frames (from malloc) over in either case.
 * stack_table__wants() - would it? Ask before @frames are interned.
 */
bool stack_table__wants(const struct stack_table *table, __u32 index, __u32 nr, __u8 end);
void stack_table__define(struct stack_table *table, __u32 index, __u32 *frames, __u32 nr, __u8 end);
void stack_table__fini(struct stack_table *table);

#endif
