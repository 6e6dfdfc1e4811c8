// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What code, files and stacks are called. */
#include <stdlib.h>
#include <string.h>
#include "model/session_state.h"

static __u32 vdso_object(struct session *session)
{
	__u32 object = object_table__intern(&session->objects, VDSO_DEV, 0);

	if (!object || object_table__name(&session->objects, object, "[vdso]"))
		session->no_memory |= object || !object_table__is_full(&session->objects);
	return object;
}

/* The place of @pc in the file mapped there now, or as an address of this space where there is
 * none. */
static __u32 intern_frame(struct session *session, struct space *space, __u64 pc)
{
	const struct vma *vma = vma_map__find(&space->map, pc);
	__u32 object = 0, index;
	__u64 offset = pc;

	if (vma && vma->object) {
		object = vma->object;
		offset = pc - vma->start + vma->pgoff;
	} else if (vma && !strcmp(name_table__get(&session->names, vma->name), "[vdso]")) {
		object = vdso_object(session);
		offset = pc - vma->start;
	}
	index = stack_table__frame(&session->stacks, object, object ? 0 : space->id, offset);
	if (!index)
		session->no_memory |= !stack_table__full_of_frames(&session->stacks);
	return index;
}

/*
 * A walk by frame pointers that nobody checked runs into whatever the stack holds. Its frames count
 * up to the first that lies in no executable mapping; beyond it they may be the program's data. The
 * innermost is the pc itself.
 */
static __u32 sound_frames(struct space *space, const struct rec_stack *rec)
{
	__u32 nr = rec->nr_frames ? 1 : 0;

	if (rec->end == STACK_END_ROOT)
		return rec->nr_frames;
	for (; nr < rec->nr_frames; nr++) {
		const struct vma *vma = vma_map__find(&space->map, rec->frames[nr] - 1);

		if (!vma || !(vma->prot & 4))
			break;
	}
	return nr;
}

void session__define_stack(struct session *session, const struct rec_stack *rec)
{
	struct space *space = session__space(session, rec->space);
	__u32 index, nr, *frames;

	if (!space) {
		session->nr_ignored++;
		return;
	}
	index = stack_table__intern(&session->stacks, rec->space, rec->id);
	session->no_memory |= !index;
	if (index < OWNER_FIRST_STACK) {
		session->nr_ignored += !!index;
		return;
	}
	nr = sound_frames(space, rec);
	if (!stack_table__wants(&session->stacks, index, nr, rec->end))
		return; /* and none of its frames, of which there is room for so many only */
	frames = malloc((nr + !nr) * sizeof(*frames));
	if (!frames) {
		session->no_memory = true;
		return;
	}
	for (__u32 i = 0; i < nr; i++) {
		frames[i] = intern_frame(session, space, rec->frames[i] - !!i);
		if (frames[i])
			continue;
		session->nr_ignored++;
		free(frames);
		return;
	}
	stack_table__define(&session->stacks, index, frames, nr, rec->end);
}

/* The kernel tells shmem from other files late: its mappings so far were taken for files. */
static void turn_to_shmem(struct session *session, __u32 object)
{
	for (__u32 id = 0; id < session->nr_spaces; id++) {
		struct space *space = session__space(session, id);

		for (__u32 i = 0; space && i < space->map.nr; i++) {
			struct vma *vma = &space->map.entries[i].vma;

			if (vma->object == object && vma->kind == KIND_FILE)
				vma->kind = KIND_SHMEM;
		}
	}
}

void session__name_object(struct session *session, const struct rec_object *rec)
{
	__u32 index = object_table__intern(&session->objects, rec->dev, rec->ino);
	struct object *object;

	if (!index && object_table__is_full(&session->objects)) {
		session->nr_ignored++;
		return;
	}
	if (!index || object_table__name(&session->objects, index, rec->path)) {
		session->no_memory = true;
		return;
	}
	object = &session->objects.objects[index];
	object->flags |= rec->flags & (OBJECT_SHMEM | OBJECT_DELETED);
	if (rec->build_id_len) {
		object->build_id_len = rec->build_id_len;
		memcpy(object->build_id, rec->build_id, sizeof(object->build_id));
	}
	if (rec->flags & OBJECT_SHMEM)
		turn_to_shmem(session, index);
}

static char *intern_text(struct session *session, const __u8 *text, __u32 len)
{
	__u32 index = name_table__intern(&session->names, (const char *)text, len);

	if (len && !index)
		session->no_memory = true;
	return index ? session->names.names[index] : NULL;
}

static void read_entries(struct session *session, const struct rec_symbol *symbol,
			 struct symbol_entry *entries)
{
	const __u8 *at = symbol->entries;

	for (__u32 i = 0; i < symbol->nr; i++) {
		__u16 lengths[2];

		memcpy(&entries[i].line, at, sizeof(entries[i].line));
		memcpy(lengths, at + 4, sizeof(lengths));
		entries[i].function = intern_text(session, at + 8, lengths[0]);
		entries[i].file = intern_text(session, at + 8 + lengths[0], lengths[1]);
		at += 8 + lengths[0] + lengths[1];
	}
}

void session__name_code(struct session *session, const struct rec_symbol *symbol)
{
	bool in_file = symbol->ino || symbol->dev;
	__u32 object =
		in_file ? object_table__find(&session->objects, symbol->dev, symbol->ino) : 0;
	__u32 index = in_file && !object ? 0
					 : stack_table__find_frame(&session->stacks, object,
								   in_file ? 0 : symbol->space,
								   symbol->offset);
	struct frame *frame = index ? &session->stacks.frames[index] : NULL;

	if (!frame || frame->resolved)
		return;
	frame->resolved = true;
	frame->start_delta = symbol->start_delta;
	if (!symbol->nr)
		return;
	frame->entries = calloc(symbol->nr, sizeof(*frame->entries));
	if (!frame->entries) {
		session->no_memory = true;
		return;
	}
	frame->nr_entries = symbol->nr;
	read_entries(session, symbol, frame->entries);
}
