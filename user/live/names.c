// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include "live/facts.h"
#include "live/jit_names.h"
#include "live/modules.h"
#include "live/names.h"

#define KNOWN_MAX 65536				  /* files; then all are told once more */
#define DRAIN_NS (10 * 1000 * 1000)		  /* the ring fills meanwhile */
#define REST_AFTER_NS (2 * 1000 * 1000 * 1000ULL) /* without lookups */
#define REST_PACE 32 /* times what they took: reading it again costs a 32nd at most */

/* A file whose path was told. */
struct known_file {
	struct file_id {
		__u64 ino;
		__u64 dev;
	} id;
	UT_hash_handle hh;
};

struct names {
	struct jit_names jits;
	struct known_file *known; /* uthash */
	struct modules modules;
	__u32 next_object; /* first whose path was not looked for */
	__u32 next_frame;  /* first that has not been told */
	__u32 *waiting;	   /* frames below it that wait for a debug file */
	size_t nr_waiting, cap_waiting;
	__u64 looked_at, looked_ns; /* the last lookup; all since the files rested, 0: they do */
	__u64 most_bytes;	    /* they held when they did */
};

struct names *names__new(const char *debuginfod, struct err *err)
{
	struct names *names = calloc(1, sizeof(*names));

	if (!names) {
		err__set(err, -ENOMEM, "out of memory");
		return NULL;
	}
	if (modules__init(&names->modules, debuginfod, err)) {
		names__free(names);
		return NULL;
	}
	return names;
}

static void forget_files(struct names *names)
{
	struct known_file *file, *next;

	HASH_ITER (hh, names->known, file, next) {
		HASH_DEL(names->known, file);
		free(file);
	}
}

void names__free(struct names *names)
{
	if (!names)
		return;
	forget_files(names);
	jit_names__fini(&names->jits);
	modules__fini(&names->modules);
	free(names->waiting);
	free(names);
}

__u64 names__memory_bytes(const struct names *names)
{
	__u64 bytes = modules__memory_bytes(&names->modules);

	return bytes > names->most_bytes ? bytes : names->most_bytes;
}

/* --- paths of objects --------------------------------------------------------------------- */

static int tell_object(struct record_queue *queue, const struct proc_map *map)
{
	static const char deleted[] = " (deleted)";
	size_t len = strnlen(map->name, RSST_REC_MAX - sizeof(struct rec_object) - 8);
	struct rec_object *rec =
		record_queue__add(queue, REC_OBJECT, sizeof(*rec) + len + 1, facts__now());

	if (!rec)
		return -ENOMEM;
	rec->dev = map->dev;
	rec->ino = map->ino;
	rec->flags = map->backing == BACKING_SHMEM ? OBJECT_SHMEM : 0;
	if (len >= sizeof(deleted) && !strcmp(map->name + len - sizeof(deleted) + 1, deleted))
		rec->flags |= OBJECT_DELETED;
	memcpy(rec->path, map->name, len);
	return 0;
}

bool names__is_known(const struct names *names, __u32 dev, __u64 ino)
{
	struct file_id id = { .ino = ino, .dev = dev };
	struct known_file *file;

	HASH_FIND(hh, names->known, &id, sizeof(id), file);
	return file;
}

static int remember(struct names *names, __u32 dev, __u64 ino)
{
	struct known_file *file;

	if (HASH_COUNT(names->known) >= KNOWN_MAX)
		forget_files(names);
	file = calloc(1, sizeof(*file));
	if (!file)
		return -ENOMEM;
	file->id = (struct file_id){ .ino = ino, .dev = dev };
	HASH_ADD(hh, names->known, id, sizeof(file->id), file);
	return 0;
}

int names__tell_maps(struct names *names, const struct proc_maps *maps, struct record_queue *queue)
{
	int code = 0;

	for (size_t i = 0; i < maps->nr && !code; i++) {
		const struct proc_map *map = &maps->maps[i];

		if (!map->ino || names__is_known(names, map->dev, map->ino))
			continue;
		code = remember(names, map->dev, map->ino);
		if (!code)
			code = tell_object(queue, map);
	}
	return code;
}

/* The path of an object the maps no longer tell: its file is held, or it stays without. */
static int tell_held(const struct module_places *places, const struct object *object,
		     struct record_queue *queue)
{
	char path[PATH_MAX];
	struct proc_map map = { .ino = object->ino, .dev = object->dev, .name = path };

	if (!modules__held_path(places, object, path, sizeof(path)))
		return 0;
	if (object->flags & OBJECT_SHMEM)
		map.backing = BACKING_SHMEM;
	return tell_object(queue, &map);
}

static int tell_objects(struct names *names, const struct session *session,
			const struct module_places *places, struct record_queue *queue)
{
	__u32 index;
	int code = 0;

	while (!code && session__next_unnamed(session, &names->next_object, &index)) {
		const struct object *object = session__object(session, index);
		struct proc_maps maps;
		const struct proc_map *map;
		pid_t pid;

		map = modules__find_map(places, object, &maps, &pid);
		code = map ? tell_object(queue, map) : tell_held(places, object, queue);
		proc_maps__free(&maps);
	}
	return code;
}

/* --- symbols of frames -------------------------------------------------------------------- */

static size_t text_len(const char *text)
{
	return text ? strnlen(text, 1000) : 0;
}

static char *put(char *at, const void *bytes, size_t len)
{
	if (len)
		memcpy(at, bytes, len);
	return at + len;
}

/* At most so many inlined levels as fit; the function proper is the last and the first to go. */
static size_t entries_bytes(const struct symbol_lookup *found, size_t *nr)
{
	size_t bytes = 0;

	for (*nr = 0; *nr < found->nr; (*nr)++) {
		const struct symbol_name *name = &found->entries[*nr];
		size_t each = 8 + text_len(name->function) + text_len(name->file);

		if (sizeof(struct rec_symbol) + bytes + each + 8 > RSST_REC_MAX)
			break;
		bytes += each;
	}
	return bytes;
}

static int tell_symbol(struct record_queue *queue, const struct session *session,
		       const struct frame *frame, const struct symbol_lookup *found)
{
	const struct object *object = session__object(session, frame->object);
	size_t nr, bytes = entries_bytes(found, &nr);
	struct rec_symbol *rec =
		record_queue__add(queue, REC_SYMBOL, sizeof(*rec) + bytes, facts__now());
	char *at;

	if (!rec)
		return -ENOMEM;
	rec->dev = frame->object ? object->dev : 0;
	rec->ino = frame->object ? object->ino : 0;
	rec->space = frame->object ? 0 : frame->space;
	rec->offset = frame->offset;
	rec->nr = nr;
	rec->start_delta = found->start_delta;
	at = (char *)rec->entries;
	for (size_t i = 0; i < nr; i++) {
		const struct symbol_name *name = &found->entries[i];
		__u16 lens[2] = { text_len(name->function), text_len(name->file) };

		at = put(at, &name->line, sizeof(name->line));
		at = put(at, lens, sizeof(lens));
		at = put(at, name->function, lens[0]);
		at = put(at, name->file, lens[1]);
	}
	return 0;
}

/* What is being told, and to whom. */
struct telling {
	const struct session *session;
	struct record_queue *queue;
};

static int tell_jit_frame(void *context, const struct frame *frame,
			  const struct symbol_lookup *found)
{
	const struct telling *telling = context;

	return tell_symbol(telling->queue, telling->session, frame, found);
}

static int let_wait(struct names *names, __u32 index)
{
	size_t cap = names->cap_waiting ? 2 * names->cap_waiting : 256;
	__u32 *waiting;

	if (names->nr_waiting == names->cap_waiting) {
		waiting = realloc(names->waiting, cap * sizeof(*waiting));
		if (!waiting)
			return -ENOMEM;
		names->waiting = waiting;
		names->cap_waiting = cap;
	}
	names->waiting[names->nr_waiting++] = index;
	return 0;
}

static void lookup(struct names *names, struct elf_object *elf, __u64 offset,
		   struct symbol_lookup *found)
{
	__u64 start = facts__now();

	elf_object__lookup(elf, offset, found);
	names->looked_at = facts__now();
	names->looked_ns += names->looked_at - start;
}

static int tell_frame(struct names *names, const struct session *session,
		      const struct module_places *places, struct record_queue *queue, __u32 index)
{
	const struct frame *frame = session__frame(session, index);
	struct elf_object *elf;
	struct symbol_lookup found;

	if (!frame->object)
		return jit_names__await(&names->jits, frame->space, index);
	elf = modules__get(&names->modules, session, places, frame->object);
	if (!elf)
		return 0;
	if (modules__is_awaited(&names->modules, frame->object))
		return let_wait(names, index);
	lookup(names, elf, frame->offset, &found);
	return tell_symbol(queue, session, frame, &found);
}

/* Those whose debug file has come, or will not. */
static int tell_waiting(struct names *names, const struct session *session,
			const struct module_places *places, struct record_queue *queue)
{
	size_t nr = names->nr_waiting;
	int code = 0;

	if (!modules__take_answers(&names->modules))
		return 0;
	names->nr_waiting = 0;
	for (size_t i = 0; i < nr && !code; i++) /* none is behind where it is put back to */
		code = tell_frame(names, session, places, queue, names->waiting[i]);
	return code;
}

bool names__are_awaited_last(struct names *names)
{
	if (names->modules.fetch)
		debug_fetch__end(names->modules.fetch);
	return names->nr_waiting;
}

struct debug_fetch_stats names__fetched(const struct names *names)
{
	return names->modules.fetch ? debug_fetch__stats(names->modules.fetch)
				    : (struct debug_fetch_stats){ 0 };
}

/* --- build-ids ------------------------------------------------------------------------------ */

/* The record of a file's name again, now with its build-id: of files that code of a stack is in. */
static int tell_build_id(struct record_queue *queue, const struct object *object,
			 const struct elf_object *elf)
{
	size_t len = strnlen(object->path, RSST_REC_MAX - sizeof(struct rec_object) - 8);
	struct rec_object *rec =
		record_queue__add(queue, REC_OBJECT, sizeof(*rec) + len + 1, facts__now());

	if (!rec)
		return -ENOMEM;
	rec->dev = object->dev;
	rec->ino = object->ino;
	rec->flags = object->flags;
	rec->build_id_len = elf_object__build_id(elf, rec->build_id, sizeof(rec->build_id));
	memcpy(rec->path, object->path, len);
	return 0;
}

/* A path that is still on its way to the model would be taken back: such files wait. */
static int tell_build_ids(struct names *names, const struct session *session,
			  struct record_queue *queue)
{
	int code = 0;

	for (__u32 i = 0; i < names->modules.nr && !code; i++) {
		const struct object *object = session__object(session, i);
		struct module *module = names->modules.all + i;

		if (!module->elf || module->identified || !object || !*object->path)
			continue;
		module->identified = true;
		code = tell_build_id(queue, object, module->elf);
	}
	return code;
}

/* --- memory --------------------------------------------------------------------------------- */

/*
 * What DWARF the lookups have read is a large part of all we hold: 13 MiB for libc alone. A program
 * that does the same for minutes needs no further names.
 */
static void give_back(struct names *names, bool has_looked)
{
	__u64 idle_ns = facts__now() - names->looked_at;

	if (has_looked)
		modules__drop_pages(&names->modules);
	names->most_bytes = names__memory_bytes(names);
	modules__bound(&names->modules, 0, facts__now()); /* 0 is no object */
	if (!names->looked_ns || idle_ns < REST_AFTER_NS || idle_ns < REST_PACE * names->looked_ns)
		return;
	names->looked_ns = 0;
	modules__rest(&names->modules);
	malloc_trim(0); /* libdw's blocks lie between others' */
}

int names__tell(struct names *names, const struct session *session, struct targets *targets,
		struct unwind_watch *unwind, struct kernel_side *kernel, struct record_queue *queue,
		__u64 budget_ns)
{
	__u64 looked_ns = names->looked_ns, drained_ns = facts__now(), now_ns;
	__u64 deadline = budget_ns ? drained_ns + budget_ns : ~0ULL;
	const struct module_places places = { .targets = targets, .unwind = unwind };
	struct telling telling = { .session = session, .queue = queue };
	__u32 nr = session__nr_frames(session);
	int code = tell_objects(names, session, &places, queue);

	if (!code)
		code = tell_waiting(names, session, &places, queue);
	if (!names->next_frame)
		names->next_frame = 1;
	while (!code && names->next_frame < nr) {
		const struct frame *frame = session__frame(session, names->next_frame);

		if (!frame->resolved)
			code = tell_frame(names, session, &places, queue, names->next_frame);
		names->next_frame++;
		now_ns = facts__now();
		if (now_ns > deadline)
			break;
		if (budget_ns && now_ns - drained_ns > DRAIN_NS) {
			kernel_side__drain(kernel);
			drained_ns = now_ns;
		}
	}
	if (!code)
		code = jit_names__tell(&names->jits, session, targets, tell_jit_frame, &telling);
	if (!code)
		code = tell_build_ids(names, session, queue);
	give_back(names, names->looked_ns > looked_ns);
	return code ? code : names->next_frame < nr;
}
