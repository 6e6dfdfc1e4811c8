// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include "base/regular_file.h"
#include "live/facts.h"
#include "live/modules.h"
#include "live/unwind_files.h"

#define VDSO_DEV 0xffffffffU /* the model's device number for code that no file backs */

/*
 * Every process of this kernel has the same vdso, so ours serves: reading the target's through
 * /proc/PID/mem would fault its pages in, and its RSS would grow by our doing.
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

int modules__init(struct modules *modules, const char *debuginfod, struct err *err)
{
	*modules = (struct modules){ .budget_bytes = MODULES_BUDGET_BYTES,
				     .most_bytes = MODULES_MOST_BYTES };
	if (debuginfod) {
		modules->fetch = debug_fetch__new(debuginfod, err);
		if (!modules->fetch)
			return -ENOENT;
	}
	modules->vdso = open_vdso();
	return 0;
}

void modules__fini(struct modules *modules)
{
	for (__u32 i = 0; i < modules->nr; i++)
		elf_object__free(modules->all[i].elf);
	free(modules->all);
	elf_object__free(modules->vdso);
	debug_fetch__free(modules->fetch);
}

void modules__rest(struct modules *modules)
{
	for (__u32 i = 0; i < modules->nr; i++)
		if (modules->all[i].elf)
			elf_object__rest(modules->all[i].elf);
}

void modules__drop_pages(const struct modules *modules)
{
	for (__u32 i = 0; i < modules->nr; i++)
		if (modules->all[i].elf)
			elf_object__drop_pages(modules->all[i].elf);
}

__u64 modules__memory_bytes(const struct modules *modules)
{
	__u64 bytes = modules->nr * sizeof(struct module);

	for (__u32 i = 0; i < modules->nr; i++)
		if (modules->all[i].elf)
			bytes += elf_object__memory_bytes(modules->all[i].elf);
	return bytes;
}

/* The module whose symbols were not asked for for longest, none of an object at @used; NULL. */
static struct module *find_idle(struct modules *modules, __u32 used)
{
	struct module *idle = NULL, *module;

	for (__u32 i = 0; i < modules->nr; i++) {
		module = &modules->all[i];
		if (i != used && module->elf && elf_object__has_symbols(module->elf) &&
		    (!idle || module->used_ns < idle->used_ns))
			idle = module;
	}
	return idle;
}

static __u64 symbol_bytes(const struct modules *modules)
{
	__u64 bytes = 0;

	for (__u32 i = 0; i < modules->nr; i++)
		if (modules->all[i].elf)
			bytes += elf_object__symbol_bytes(modules->all[i].elf);
	return bytes;
}

void modules__bound(struct modules *modules, __u32 used, __u64 now_ns)
{
	__u64 bytes = symbol_bytes(modules);
	struct module *idle;

	while (bytes > modules->budget_bytes && (idle = find_idle(modules, used))) {
		if (bytes <= modules->most_bytes &&
		    now_ns - idle->used_ns < MODULES_PACE * idle->read_ns)
			return;
		elf_object__drop_symbols(idle->elf);
		bytes = symbol_bytes(modules);
	}
}

/* --- where a file is -------------------------------------------------------------------------- */

static const struct proc_map *map_of_object(const struct proc_maps *maps,
					    const struct object *object)
{
	for (size_t i = 0; i < maps->nr; i++)
		if (maps->maps[i].ino == object->ino && maps->maps[i].dev == object->dev)
			return &maps->maps[i];
	return NULL;
}

const struct proc_map *modules__find_map(const struct module_places *places,
					 const struct object *object, struct proc_maps *maps,
					 pid_t *pid)
{
	const struct targets *targets = places->targets;

	for (size_t i = 0; i < targets->nr; i++) {
		const struct proc_map *map;

		if (!targets->all[i].alive ||
		    proc_maps__read(maps, targets->all[i].pid, false, NULL))
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

static void link_of(int fd, char *path, size_t cap)
{
	snprintf(path, cap, "/proc/self/fd/%d", fd);
}

bool modules__held_path(const struct module_places *places, const struct object *object, char *path,
			size_t cap)
{
	int fd = unwind_watch__held_file(places->unwind, object->dev, object->ino);
	char link[64];
	ssize_t len;

	if (fd < 0)
		return false;
	link_of(fd, link, sizeof(link));
	len = readlink(link, path, cap);
	if (len <= 0 || (size_t)len == cap)
		return false;
	path[len] = '\0';
	return true;
}

/* --- opening it ------------------------------------------------------------------------------- */

/* A file called like the mapped one, in our root: who mapped it is gone. */
/* @fd stays the caller's. */
static struct elf_object *open_by_descriptor(int fd, const char *name, const char *root)
{
	char path[64];

	link_of(fd, path, sizeof(path));
	return elf_object__open(path, name, root, NULL);
}

static struct elf_object *open_by_name(const struct object *object, const char *name)
{
	int fd = *name == '/' ? regular_file__open(name, 0) : -1;
	struct elf_object *elf = NULL;
	struct stat st;

	if (fd < 0)
		return NULL;
	if (!fstat(fd, &st) && st.st_ino == object->ino &&
	    (__u32)(major(st.st_dev) << 20 | minor(st.st_dev)) == object->dev)
		elf = open_by_descriptor(fd, name, "");
	close(fd);
	return elf;
}

static struct elf_object *open_by_map(pid_t pid, const struct proc_map *map, const char *name,
				      const char *root)
{
	int fd = unwind_files__open(pid, map);
	struct elf_object *elf = fd < 0 ? NULL : open_by_descriptor(fd, name, root);

	if (fd >= 0)
		close(fd);
	return elf;
}

/* Without the kernel's " (deleted)". */
static char *name_of(const struct object *object)
{
	static const char mark[] = " (deleted)";
	char *name = strdup(object->path);
	size_t len = name ? strlen(name) : 0;

	if (len > strlen(mark) && !strcmp(name + len - strlen(mark), mark))
		name[len - strlen(mark)] = '\0';
	return name;
}

static struct elf_object *open_object(const struct module_places *places,
				      const struct object *object)
{
	int held = unwind_watch__held_file(places->unwind, object->dev, object->ino);
	struct elf_object *elf = NULL;
	char *name = name_of(object), root[64] = "";
	const struct proc_map *map;
	struct proc_maps maps;
	pid_t pid;

	if (!name)
		return NULL;
	map = modules__find_map(places, object, &maps, &pid);
	if (map)
		snprintf(root, sizeof(root), "/proc/%d/root", pid);
	if (held >= 0)
		elf = open_by_descriptor(held, name, root);
	else if (map)
		elf = open_by_map(pid, map, name, root);
	if (!elf)
		elf = open_by_name(object, name);
	proc_maps__free(&maps);
	free(name);
	return elf;
}

/* --- debug files that are fetched ------------------------------------------------------------- */

static void ask(struct modules *modules, __u32 index)
{
	struct module *module = &modules->all[index];
	__u8 build_id[64];
	size_t len;

	if (!modules->fetch || !module->elf || !elf_object__lacks_debug(module->elf))
		return;
	len = elf_object__build_id(module->elf, build_id, sizeof(build_id));
	module->awaited = len && !debug_fetch__ask(modules->fetch, index, build_id, len);
}

bool modules__is_awaited(const struct modules *modules, __u32 index)
{
	return index < modules->nr && modules->all[index].awaited;
}

bool modules__take_answers(struct modules *modules)
{
	bool any = false;
	__u32 index;
	int fd;

	while (modules->fetch && debug_fetch__take(modules->fetch, &index, &fd)) {
		any = true;
		modules->all[index].awaited = false;
		if (fd < 0)
			continue;
		elf_object__add_debug(modules->all[index].elf, fd);
		close(fd);
	}
	return any;
}

/* --- by object -------------------------------------------------------------------------------- */

static bool make_room(struct modules *modules, __u32 nr)
{
	struct module *all = realloc(modules->all, nr * sizeof(*all));

	if (!all)
		return false;
	memset(all + modules->nr, 0, (nr - modules->nr) * sizeof(*all));
	modules->all = all;
	modules->nr = nr;
	return true;
}

struct elf_object *modules__get(struct modules *modules, const struct session *session,
				const struct module_places *places, __u32 index)
{
	const struct object *object = session__object(session, index);
	struct module *module;
	__u64 start;

	if (object->dev == VDSO_DEV)
		return modules->vdso;
	if (index >= modules->nr && !make_room(modules, session__nr_objects(session)))
		return NULL;
	module = &modules->all[index];
	start = facts__now();
	module->used_ns = start;
	if (!module->tried) {
		module->elf = open_object(places, object);
		module->tried = true;
		ask(modules, index);
	} else if (module->elf && !elf_object__has_symbols(module->elf)) {
		elf_object__read_symbols(module->elf);
	} else {
		return module->elf;
	}
	module->used_ns = facts__now();
	module->read_ns = module->used_ns - start;
	modules__bound(modules, index, module->used_ns);
	return module->elf;
}
