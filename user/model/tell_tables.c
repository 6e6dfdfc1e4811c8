// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <string.h>
#include "model/teller.h"

static void tell_names(struct teller *teller)
{
	const struct name_table *names = &teller->session->names;

	for (__u32 i = 1; i < names->nr; i++)
		teller__put_item(teller, STATE_NAME, 0, names->names[i],
				 strlen(names->names[i]) + 1);
}

static void tell_objects(struct teller *teller)
{
	const struct object_table *objects = &teller->session->objects;

	for (__u32 i = 1; i < objects->nr; i++) {
		const struct object *object = &objects->objects[i];
		struct state_object item = {
			.ino = object->ino,
			.dev = object->dev,
			.flags = object->flags,
			.named = object->named,
			.build_id_len = object->build_id_len,
		};

		memcpy(item.build_id, object->build_id, sizeof(item.build_id));
		teller__open(teller, STATE_OBJECT, 0);
		teller->rec.state.nr = 1;
		teller__put(teller, &item, sizeof(item));
		teller__put_path(teller, object->path);
	}
}

static __u32 name_number(const struct teller *teller, const char *text)
{
	return text ? name_table__find(&teller->session->names, text, strlen(text)) : 0;
}

static void tell_entries(struct teller *teller, __u32 index, const struct frame *frame)
{
	for (__u32 i = 0; i < frame->nr_entries; i++) {
		const struct symbol_entry *entry = &frame->entries[i];
		struct state_entry item = {
			.frame = index,
			.function = name_number(teller, entry->function),
			.file = name_number(teller, entry->file),
			.line = entry->line,
		};

		teller__put_item(teller, STATE_ENTRY, 0, &item, sizeof(item));
	}
}

static void tell_frames(struct teller *teller)
{
	const struct stack_table *stacks = &teller->session->stacks;

	for (__u32 i = 1; i < stacks->nr_frames; i++) {
		const struct frame *frame = &stacks->frames[i];
		struct state_frame item = {
			.offset = frame->offset,
			.object = frame->object,
			.space = frame->space,
			.resolved = frame->resolved,
			.start_delta = frame->start_delta,
		};

		teller__put_item(teller, STATE_FRAME, 0, &item, sizeof(item));
	}
	for (__u32 i = 1; i < stacks->nr_frames; i++)
		tell_entries(teller, i, &stacks->frames[i]);
}

struct state_pages state_pages(const struct stack_pages *pages)
{
	return (struct state_pages){ pages->rss, pages->faulted, pages->freed };
}

static void tell_stacks(struct teller *teller)
{
	const struct stack_table *stacks = &teller->session->stacks;

	for (__u32 i = OWNER_FIRST_STACK; i < stacks->nr; i++) {
		const struct stack *stack = &stacks->stacks[i];
		struct state_stack item = {
			.id = stack->id,
			.pages = state_pages(&stacks->pages[i]),
			.space = stack->space,
			.end = stack->end,
		};

		teller__open(teller, STATE_STACK, 0);
		teller->rec.state.nr = stack->nr_frames;
		teller__put(teller, &item, sizeof(item));
		if (stack->nr_frames)
			teller__put(teller, stack->frames,
				    stack->nr_frames * sizeof(*stack->frames));
	}
}

void teller__sampled(struct teller *teller, const struct stack_pages *pages, __u32 nr)
{
	for (__u32 i = OWNER_FIRST_STACK; i < nr; i++) {
		struct state_sampled item = { pages[i].stands_for, pages[i].variance, i, 0 };

		if (item.stands_for)
			teller__put_item(teller, STATE_SAMPLED, 0, &item, sizeof(item));
	}
}

static void tell_threads(struct teller *teller)
{
	const struct thread_table *threads = &teller->session->threads;

	for (__u32 i = 0; i < threads->nr; i++) {
		const struct thread_stack *by = &threads->entries[i];
		struct state_thread item = { threads->pages[i], by->tid, by->space, by->owner, 0 };

		teller__put_item(teller, STATE_THREAD, 0, &item, sizeof(item));
	}
	for (__u32 i = 1; i < threads->nr_names; i++) {
		struct state_thread_name item = { .tid = threads->names[i].tid };

		memcpy(item.comm, threads->names[i].comm, sizeof(item.comm));
		teller__put_item(teller, STATE_THREAD_NAME, 0, &item, sizeof(item));
	}
}

void teller__tables(struct teller *teller)
{
	tell_names(teller);
	tell_objects(teller);
	tell_frames(teller);
	tell_stacks(teller);
	teller__sampled(teller, teller->session->stacks.pages, teller->session->stacks.nr);
	tell_threads(teller);
}
