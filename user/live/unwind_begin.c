// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "live/unwind_state.h"

#define LOST_MAPS 8 /* of a program that is over; what it had mapped later the stream tells */

/* Not by its inode: of a stacked file system, before Linux 6.8, the maps tell the lower one's. */
static bool has_code_at(const struct proc_maps *maps, __u64 start)
{
	for (size_t i = 0; i < maps->nr; i++) {
		if (maps->maps[i].start == start && maps->maps[i].ino &&
		    unwind_files__is_code(&maps->maps[i]))
			return true;
	}
	return false;
}

/* Append what lies at @mapping, by the name of the file that is held, if it is. */
static void add_map(const struct unwind_upload *upload, const struct unwind_mapping *mapping,
		    struct proc_maps *maps)
{
	struct proc_map *map = &maps->maps[maps->nr];
	struct unwind_object_key key = { 0 };
	int fd = unwind_files__held_by_table(&upload->files, mapping->first_page, &key);
	char link[64], *name = maps->text + maps->nr * PATH_MAX;
	ssize_t len;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = fd < 0 ? -1 : readlink(link, name, PATH_MAX - 1);
	if (len <= 0)
		return;
	name[len] = '\0';
	*map = (struct proc_map){ .start = mapping->start,
				  .end = mapping->end,
				  .pgoff = mapping->start - mapping->bias,
				  .ino = key.ino,
				  .dev = key.dev,
				  .prot = PROT_READ | PROT_EXEC,
				  .backing = BACKING_FILE,
				  .name = name };
	maps->nr++;
}

/* The code that the kernel side saw a program get that is over: its own and its loader's. */
static int make_maps(const struct unwind_upload *upload, const struct unwind_mapping *mappings,
		     struct proc_maps *maps)
{
	maps->text = calloc(LOST_MAPS, PATH_MAX);
	maps->maps = calloc(LOST_MAPS, sizeof(*maps->maps));
	if (!maps->text || !maps->maps)
		return -ENOMEM;
	for (__u32 i = 0; i < UNWIND_SET_RECENT && maps->nr < LOST_MAPS; i++) {
		if (mappings[i].start && mappings[i].end > mappings[i].start)
			add_map(upload, &mappings[i], maps);
	}
	return 0;
}

/* The program of a process that is over already: copies of its stacks may still be there. */
static int add_lost_program(struct unwind_upload *upload, const struct unwind_exec *exec,
			    struct proc_maps *maps)
{
	int set = unwind_sets__named_by(&upload->sets, exec->news.space);
	struct unwind_mapping *mappings;
	struct unwind_object object;

	unwind_files__preload(&upload->files, exec->path);
	if (set < 0 || !unwind_files__recall(&upload->files, exec->ino, exec->dev, &object))
		return -ESRCH;
	unwind_state__preload_needed(upload, exec->path);
	mappings = unwind_sets__mappings(&upload->sets, (__u32)set) + UNWIND_SET_SORTED;
	for (__u32 i = 0; i < UNWIND_SET_RECENT; i++) {
		if (mappings[i].start == exec->start &&
		    mappings[i].first_page == UNWIND_TABLE_AWAITED)
			mappings[i].bias = exec->start - object.offset;
	}
	unwind_sets__fill_awaited(&upload->sets, (__u32)set,
				  unwind_awaited_file(exec->ino, exec->dev), &object);
	return maps->nr ? 0 : make_maps(upload, mappings, maps);
}

int unwind_upload__begin(struct unwind_upload *upload, const struct unwind_exec *exec,
			 struct proc_maps *maps)
{
	int code = -ESRCH;

	memset(maps, 0, sizeof(*maps));
	if (exec->path[sizeof(exec->path) - 1])
		return -EINVAL;
	unwind_state__note_begun(upload);
	if (!proc_maps__read(maps, (pid_t)exec->news.pid, false, NULL)) {
		if (has_code_at(maps, exec->start) &&
		    !unwind_upload__has_gone_on(upload, (pid_t)exec->news.pid, exec->news.space))
			code = unwind_upload__sync(upload, exec->news.space, (pid_t)exec->news.pid,
						   NULL);
		else
			proc_maps__free(maps);
	}
	return code == -ESRCH ? add_lost_program(upload, exec, maps) : code;
}
