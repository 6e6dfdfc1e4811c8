// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <stdlib.h>
#include <string.h>
#include "model/stack_table.h"

/* Either of them is 0: code in a file is the same place in each space. */
static __u32 place_key(__u32 object, __u32 space)
{
	return object ? object : ~space;
}

/* @array with room for element @nr, new room zero-filled; NULL on ENOMEM (@array stays as it is).
 */
static void *with_room(void *array, __u32 nr, __u32 *cap, size_t size)
{
	__u32 bigger = *cap ? *cap * 2 : 256;
	char *grown;

	if (nr < *cap)
		return array;
	grown = realloc(array, bigger * size);
	if (!grown)
		return NULL;
	memset(grown + *cap * size, 0, (bigger - *cap) * size);
	*cap = bigger;
	return grown;
}

__u32 stack_table__find_frame(const struct stack_table *table, __u32 object, __u32 space,
			      __u64 offset)
{
	return index_map__find(&table->frame_map, offset, place_key(object, space));
}

__u32 stack_table__frame(struct stack_table *table, __u32 object, __u32 space, __u64 offset)
{
	__u32 index = stack_table__find_frame(table, object, space, offset);
	__u32 nr = table->nr_frames ? table->nr_frames : 1;
	struct frame *frames;

	if (index || stack_table__full_of_frames(table))
		return index;
	frames = with_room(table->frames, nr, &table->cap_frames, sizeof(*frames));
	if (!frames)
		return 0;
	table->frames = frames;
	if (index_map__add(&table->frame_map, offset, place_key(object, space), nr))
		return 0;
	table->frames[nr] = (struct frame){
		.object = object,
		.space = space,
		.offset = offset,
		.start_delta = 0xffffffff,
	};
	table->nr_frames = nr + 1;
	return nr;
}

bool stack_table__full_of_frames(const struct stack_table *table)
{
	return table->nr_frames >= FRAMES_MAX;
}

static __u32 new_stack(struct stack_table *table, __u32 space, __u64 id)
{
	__u32 nr = table->nr ? table->nr : OWNER_FIRST_STACK, cap = table->cap;
	struct stack_pages *pages;
	struct stack *stacks;

	if (nr >= STACKS_MAX)
		return OWNER_UNKNOWN;
	pages = with_room(table->pages, nr, &cap, sizeof(*pages));
	if (!pages)
		return 0;
	table->pages = pages;
	stacks = with_room(table->stacks, nr, &table->cap, sizeof(*stacks));
	if (!stacks)
		return 0;
	table->stacks = stacks;
	if (index_map__add(&table->map, id, space, nr))
		return 0;
	table->stacks[nr] = (struct stack){ .id = id, .space = space };
	table->nr = nr + 1;
	return nr;
}

__u32 stack_table__intern(struct stack_table *table, __u32 space, __u64 id)
{
	__u32 index;

	if (table->last_index && table->last_id == id && table->last_space == space)
		return table->last_index;
	index = index_map__find(&table->map, id, space);
	if (!index)
		index = new_stack(table, space, id);
	table->last_id = id;
	table->last_space = space;
	table->last_index = index;
	return index;
}

static bool is_truncated(__u8 end)
{
	return end != STACK_END_INVALID && end != STACK_END_ROOT && end != STACK_END_UNSAMPLED;
}

/* A walk by frame pointers is worth less than any that knows its way. */
static bool is_better(const struct stack *stack, __u32 nr, __u8 end)
{
	if (!is_truncated(stack->end))
		return stack->end == STACK_END_INVALID;
	return end == STACK_END_ROOT ||
	       (end != STACK_END_FRAMEPTR &&
		(stack->end == STACK_END_FRAMEPTR || nr > stack->nr_frames));
}

bool stack_table__wants(const struct stack_table *table, __u32 index, __u32 nr, __u8 end)
{
	return index >= OWNER_FIRST_STACK && is_better(&table->stacks[index], nr, end);
}

void stack_table__define(struct stack_table *table, __u32 index, __u32 *frames, __u32 nr, __u8 end)
{
	struct stack *stack = &table->stacks[index];

	if (!stack_table__wants(table, index, nr, end)) {
		free(frames);
		return;
	}
	table->truncated -= is_truncated(stack->end);
	table->truncated += is_truncated(end);
	free(stack->frames);
	stack->frames = frames;
	stack->nr_frames = nr;
	stack->end = end;
}

void stack_table__fini(struct stack_table *table)
{
	for (__u32 i = 1; i < table->nr_frames; i++)
		free(table->frames[i].entries);
	for (__u32 i = OWNER_FIRST_STACK; i < table->nr; i++)
		free(table->stacks[i].frames);
	free(table->frames);
	free(table->stacks);
	free(table->pages);
	index_map__fini(&table->frame_map);
	index_map__fini(&table->map);
	memset(table, 0, sizeof(*table));
}
