// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Names, objects, frames and stacks of a checkpoint, into the tables of a session. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "model/restore.h"

/* Room for one more of @size bytes; NULL: ENOMEM, and @array is as it was. */
static void *grown(void *array, __u32 nr, __u32 *cap, size_t size)
{
	__u32 bigger = *cap ? *cap * 2 : 64;
	void *more;

	if (nr < *cap)
		return array;
	more = realloc(array, bigger * size);
	if (more)
		*cap = bigger;
	return more;
}

/* @here 0: making it failed, but for the first of a map that begins with 0. */
static int add_number(struct number_map *map, __u32 here)
{
	bool made = here || (!map->first && !map->nr);
	__u32 *more = made ? grown(map->here, map->nr, &map->cap, sizeof(*more)) : NULL;

	if (!more)
		return -ENOMEM;
	map->here = more;
	map->here[map->nr++] = here;
	return 0;
}

static int add_pages(struct pages_list *list, const struct state_pages *pages)
{
	struct state_pages *more = grown(list->pages, list->nr, &list->cap, sizeof(*more));

	if (!more)
		return -ENOMEM;
	list->pages = more;
	list->pages[list->nr++] = *pages;
	return 0;
}

static int add_count(struct count_list *list, __u64 count)
{
	__u64 *more = grown(list->counts, list->nr, &list->cap, sizeof(*more));

	if (!more)
		return -ENOMEM;
	list->counts = more;
	list->counts[list->nr++] = count;
	return 0;
}

static int on_names(struct session *session, const struct rec_state *state)
{
	const char *name = (const char *)(state + 1);
	int code = 0;

	for (__u32 i = 0; !code && i < state->nr; i++) {
		size_t len = strlen(name);

		code = add_number(&session->restore->names,
				  name_table__intern(&session->names, name, len));
		name += len + 1;
	}
	return code;
}

static int on_object(struct session *session, const struct state_object *told)
{
	__u32 index = object_table__intern(&session->objects, told->dev, told->ino);
	struct object *object;
	bool named;

	if (!index && object_table__is_full(&session->objects))
		return -EBADMSG;
	if (add_number(&session->restore->objects, index))
		return -ENOMEM;
	object = &session->objects.objects[index];
	named = object->named;
	if (told->named && object_table__name(&session->objects, index, told->path))
		return -ENOMEM;
	object->flags = told->flags | (named ? object->flags : 0);
	if (told->build_id_len) {
		object->build_id_len = told->build_id_len;
		memcpy(object->build_id, told->build_id, sizeof(object->build_id));
	}
	return 0;
}

static int on_frame(struct session *session, const struct state_frame *told)
{
	struct restore *restore = session->restore;
	struct frame *frame;
	__u32 object, index;
	bool fresh;

	if (!number_map__find(&restore->objects, told->object, &object))
		return -EBADMSG;
	index = stack_table__frame(&session->stacks, object, told->space, told->offset);
	if (!index && stack_table__full_of_frames(&session->stacks))
		return -EBADMSG;
	if (add_number(&restore->frames, index))
		return -ENOMEM;
	frame = &session->stacks.frames[index];
	fresh = told->resolved && !frame->resolved;
	if (fresh) {
		frame->resolved = true;
		frame->start_delta = told->start_delta;
	}
	return add_number(&restore->fresh, fresh ? FRAME_FRESH : FRAME_KNOWN);
}

/* The text of name @told, NULL for 0; false: not told. */
static bool text_of(const struct session *session, __u32 told, char **text)
{
	__u32 here;

	*text = NULL;
	if (!number_map__find(&session->restore->names, told, &here))
		return false;
	if (here)
		*text = session->names.names[here];
	return true;
}

static int on_entry(struct session *session, const struct state_entry *told)
{
	struct restore *restore = session->restore;
	struct symbol_entry entry = { .line = told->line }, *more;
	struct frame *frame;
	__u32 index, fresh;

	if (!number_map__find(&restore->frames, told->frame, &index) || !index ||
	    !number_map__find(&restore->fresh, told->frame, &fresh) ||
	    !text_of(session, told->function, &entry.function) ||
	    !text_of(session, told->file, &entry.file))
		return -EBADMSG;
	if (fresh != FRAME_FRESH)
		return 0;
	frame = &session->stacks.frames[index];
	more = realloc(frame->entries, (frame->nr_entries + 1) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	frame->entries = more;
	frame->entries[frame->nr_entries++] = entry;
	return 0;
}

/* @told frames by the session's numbers, from malloc. NULL and *@code. */
static __u32 *frames_here(const struct restore *restore, const __u32 *told, __u32 nr, int *code)
{
	__u32 *frames = malloc((nr + !nr) * sizeof(*frames));

	*code = frames ? 0 : -ENOMEM;
	for (__u32 i = 0; !*code && i < nr; i++)
		if (!number_map__find(&restore->frames, told[i], &frames[i]) || !frames[i])
			*code = -EBADMSG;
	if (!*code)
		return frames;
	free(frames);
	return NULL;
}

static int on_stack(struct session *session, const struct state_stack *told, __u32 nr)
{
	struct restore *restore = session->restore;
	__u32 index = stack_table__intern(&session->stacks, told->space, told->id), *frames;
	int code;

	if (add_number(&restore->stacks, index) || add_pages(&restore->pages, &told->pages))
		return -ENOMEM;
	if (told->end == STACK_END_INVALID)
		return 0;
	frames = frames_here(restore, told->frames, nr, &code);
	if (frames)
		stack_table__define(&session->stacks, index, frames, nr, told->end);
	return code;
}

/* The first is of all that found no room. */
static int on_thread(struct session *session, const struct state_thread *told)
{
	struct restore *restore = session->restore;
	struct thread_stack by = { .tid = told->tid, .space = told->space };
	__u32 index = 0;

	if (!number_map__find(&restore->stacks, told->owner, &by.owner))
		return -EBADMSG;
	if (restore->threads.nr && thread_table__intern(&session->threads, &by, &index))
		return -ENOMEM;
	if (restore->threads.nr && !index) /* more than a table holds */
		return -EBADMSG;
	if (add_number(&restore->threads, index))
		return -ENOMEM;
	return add_count(&restore->thread_pages, told->pages);
}

static int on_final_thread(struct restore *restore, __u64 pages)
{
	return restore->final_thread_pages.nr < restore->threads.nr
		       ? add_count(&restore->final_thread_pages, pages)
		       : -EBADMSG;
}

static int on_sampled(struct restore *restore, const struct state_sampled *told)
{
	struct sampled_list *list = restore->final ? &restore->final_sampled : &restore->sampled;
	struct state_sampled item = *told;
	struct state_sampled *items;

	if (told->stack < OWNER_FIRST_STACK ||
	    !number_map__find(&restore->stacks, told->stack, &item.stack))
		return -EBADMSG;
	if (item.stack < OWNER_FIRST_STACK) /* more than a table holds */
		return 0;
	items = grown(list->items, list->nr, &list->cap, sizeof(*items));
	if (!items)
		return -ENOMEM;
	list->items = items;
	items[list->nr++] = item;
	return 0;
}

static int on_item(struct session *session, const struct rec_state *state, __u32 i)
{
	const void *items = state + 1;

	switch (state->sort) {
	case STATE_FRAME:
		return on_frame(session, (const struct state_frame *)items + i);
	case STATE_ENTRY:
		return on_entry(session, (const struct state_entry *)items + i);
	case STATE_THREAD:
		return on_thread(session, (const struct state_thread *)items + i);
	case STATE_THREAD_NAME:
		return thread_table__name(&session->threads,
					  ((const struct state_thread_name *)items)[i].tid,
					  ((const struct state_thread_name *)items)[i].comm);
	case STATE_SAMPLED:
		return on_sampled(session->restore, (const struct state_sampled *)items + i);
	case STATE_FINAL_THREAD:
		return on_final_thread(session->restore, ((const __u64 *)items)[i]);
	default:
		if (session->restore->final_pages.nr >= session->restore->stacks.nr)
			return -EBADMSG;
		return add_pages(&session->restore->final_pages,
				 (const struct state_pages *)items + i);
	}
}

int restore__tables(struct session *session, const struct rec_state *state)
{
	int code = 0;

	if (state->sort == STATE_NAME)
		return on_names(session, state);
	if (state->sort == STATE_OBJECT)
		return on_object(session, (const struct state_object *)(state + 1));
	if (state->sort == STATE_STACK)
		return on_stack(session, (const struct state_stack *)(state + 1), state->nr);
	for (__u32 i = 0; !code && i < state->nr; i++)
		code = on_item(session, state, i);
	return code;
}
