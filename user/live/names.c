// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uthash.h>
#include "elf/symbolizer.h"
#include "live/facts.h"
#include "live/names.h"

#define VDSO_DEV 0xffffffffU /* the model's device number for code that no file backs */

#define KNOWN_MAX 65536 /* files; then all are told once more */

struct module {
	struct elf_object *elf; /* NULL: could not be opened */
	bool tried;
	bool identified; /* its build-id was told */
};

/* A file whose path was told. */
struct known_file {
	struct file_id {
		__u64 ino;
		__u64 dev;
	} id;
	UT_hash_handle hh;
};

struct names {
	struct known_file *known; /* uthash */
	struct module *modules; /* by object index of the session */
	__u32 nr_modules;
	__u32 next_object; /* first whose path was not looked for */
	__u32 next_frame;  /* first that has not been told */
	struct elf_object *vdso;
};

/*
 * Every process of this kernel has the same vdso, so ours serves: reading the target's through /proc/PID/mem would
 * fault its pages in, and its RSS would grow by our doing.
 */
static struct elf_object *open_vdso(void)
{
	struct elf_object *elf = NULL;
	struct proc_maps maps;

	if (proc_maps__read(&maps, getpid(), false, NULL))
		return NULL;
	for (size_t i = 0; i < maps.nr && !elf; i++)
		if (!strcmp(maps.maps[i].name, "[vdso]"))
			elf = elf_object__open_memory((void *)maps.maps[i].start,
						      maps.maps[i].end - maps.maps[i].start,
						      "[vdso]", NULL);
	proc_maps__free(&maps);
	return elf;
}

struct names *names__new(void)
{
	struct names *names = calloc(1, sizeof(*names));

	if (names)
		names->vdso = open_vdso();
	return names;
}

static void forget_files(struct names *names)
{
	struct known_file *file, *next;

	HASH_ITER(hh, names->known, file, next) {
		HASH_DEL(names->known, file);
		free(file);
	}
}

void names__free(struct names *names)
{
	if (!names)
		return;
	for (__u32 i = 0; i < names->nr_modules; i++)
		elf_object__free(names->modules[i].elf);
	forget_files(names);
	free(names->modules);
	elf_object__free(names->vdso);
	free(names);
}

__u64 names__memory_bytes(const struct names *names)
{
	__u64 bytes = names->nr_modules * sizeof(struct module);

	for (__u32 i = 0; i < names->nr_modules; i++)
		if (names->modules[i].elf)
			bytes += elf_object__memory_bytes(names->modules[i].elf);
	return bytes;
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

static const struct proc_map *map_of_object(const struct proc_maps *maps,
					    const struct object *object)
{
	for (size_t i = 0; i < maps->nr; i++)
		if (maps->maps[i].ino == object->ino && maps->maps[i].dev == object->dev)
			return &maps->maps[i];
	return NULL;
}

/* The first living target that maps @object; its maps stay in @maps for the caller to free. */
static const struct proc_map *find_map(struct targets *targets, const struct object *object,
				       struct proc_maps *maps, pid_t *pid)
{
	for (size_t i = 0; i < targets->nr; i++) {
		const struct proc_map *map;

		if (!targets->all[i].alive || proc_maps__read(maps, targets->all[i].pid, false, NULL))
			continue;
		*pid = targets->all[i].pid;
		map = map_of_object(maps, object);
		if (map)
			return map;
		proc_maps__free(maps);
	}
	memset(maps, 0, sizeof(*maps));
	return NULL;
}

static int tell_objects(struct names *names, const struct session *session,
			struct targets *targets, struct record_queue *queue)
{
	__u32 index;
	int code = 0;

	while (!code && session__next_unnamed(session, &names->next_object, &index)) {
		const struct object *object = session__object(session, index);
		struct proc_maps maps;
		const struct proc_map *map;
		pid_t pid;

		map = find_map(targets, object, &maps, &pid);
		if (map)
			code = tell_object(queue, map);
		proc_maps__free(&maps);
	}
	return code;
}

/* --- symbols of frames -------------------------------------------------------------------- */

static struct elf_object *open_checked(const char *path, const struct object *object)
{
	struct stat st;

	if (stat(path, &st) || st.st_ino != object->ino || !S_ISREG(st.st_mode))
		return NULL;
	return elf_object__open(path, object->path, NULL);
}

/* map_files survives deletion and mount namespaces; root only the latter; the plain path serves when all are gone. */
static struct elf_object *open_object(struct targets *targets, const struct object *object)
{
	char path[PATH_MAX + 64];
	struct elf_object *elf = NULL;
	const struct proc_map *map;
	struct proc_maps maps;
	pid_t pid;

	map = find_map(targets, object, &maps, &pid);
	if (map) {
		snprintf(path, sizeof(path), "/proc/%d/map_files/%llx-%llx", pid, map->start,
			 map->end);
		elf = open_checked(path, object);
		snprintf(path, sizeof(path), "/proc/%d/root%s", pid, object->path);
		if (!elf && object->path[0] == '/')
			elf = open_checked(path, object);
	}
	proc_maps__free(&maps);
	if (!elf && object->path[0] == '/')
		elf = open_checked(object->path, object);
	return elf;
}

static struct elf_object *module(struct names *names, const struct session *session,
				 struct targets *targets, __u32 index)
{
	const struct object *object = session__object(session, index);
	struct module *modules = names->modules;
	__u32 nr = session__nr_objects(session);

	if (object->dev == VDSO_DEV)
		return names->vdso;
	if (index >= names->nr_modules) {
		modules = realloc(modules, nr * sizeof(*modules));
		if (!modules)
			return NULL;
		memset(modules + names->nr_modules, 0,
		       (nr - names->nr_modules) * sizeof(*modules));
		names->modules = modules;
		names->nr_modules = nr;
	}
	if (!modules[index].tried) {
		modules[index].elf = open_object(targets, object);
		modules[index].tried = true;
	}
	return modules[index].elf;
}

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

static int tell_frame(struct names *names, const struct session *session, struct targets *targets,
		      struct record_queue *queue, const struct frame *frame)
{
	struct elf_object *elf = frame->object ? module(names, session, targets, frame->object) :
						 NULL;
	struct symbol_lookup found;

	if (!elf)
		return 0;
	elf_object__lookup(elf, frame->offset, &found);
	return tell_symbol(queue, session, frame, &found);
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

	for (__u32 i = 0; i < names->nr_modules && !code; i++) {
		const struct object *object = session__object(session, i);
		struct module *module = names->modules + i;

		if (!module->elf || module->identified || !object || !*object->path)
			continue;
		module->identified = true;
		code = tell_build_id(queue, object, module->elf);
	}
	return code;
}

int names__tell(struct names *names, const struct session *session, struct targets *targets,
		struct record_queue *queue, __u64 budget_ns)
{
	__u64 deadline = budget_ns ? facts__now() + budget_ns : ~0ULL;
	__u32 nr = session__nr_frames(session);
	int code = tell_objects(names, session, targets, queue);

	if (!names->next_frame)
		names->next_frame = 1;
	while (!code && names->next_frame < nr) {
		const struct frame *frame = session__frame(session, names->next_frame);

		if (!frame->resolved)
			code = tell_frame(names, session, targets, queue, frame);
		names->next_frame++;
		if (facts__now() > deadline)
			break;
	}
	if (!code)
		code = tell_build_ids(names, session, queue);
	return code ? code : names->next_frame < nr;
}
