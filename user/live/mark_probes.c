// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "elf/probe_notes.h"
#include "live/mark_probes.h"
#include "live/unwind_files.h"

#define SITES_MAX 32 /* of a file; a program that names more places than that names none */

struct probed_file {
	__u64 ino;
	__u32 dev;
	__u32 space;
};

static bool is_new(struct mark_probes *probes, __u32 space, const struct proc_map *map)
{
	for (size_t i = 0; i < probes->nr; i++)
		if (probes->files[i].ino == map->ino && probes->files[i].dev == map->dev &&
		    probes->files[i].space == space)
			return false;
	if (probes->nr == probes->cap) {
		size_t cap = probes->cap ? 2 * probes->cap : 64;
		struct probed_file *more = realloc(probes->files, cap * sizeof(*more));

		if (!more)
			return false;
		probes->files = more;
		probes->cap = cap;
	}
	probes->files[probes->nr++] =
		(struct probed_file){ .ino = map->ino, .dev = map->dev, .space = space };
	return true;
}

static void look_at(struct kernel_side *kernel, pid_t pid, const struct proc_map *map)
{
	struct probe_site sites[SITES_MAX];
	char path[PATH_MAX];
	int fd = unwind_files__open(pid, map), nr;

	if (fd < 0)
		return;
	nr = probe_notes__read(fd, "rsstrace", "mark", sites, SITES_MAX);
	snprintf(path, sizeof(path), "/proc/%d/root%s", pid, map->name);
	for (int i = 0; i < nr; i++)
		kernel_side__probe_mark(kernel, pid, path, sites[i].offset,
					!strcmp(sites[i].arguments, "8@%rdi"));
	close(fd);
}

void mark_probes__sync(struct mark_probes *probes, struct kernel_side *kernel, pid_t pid,
		       __u32 space, const struct proc_maps *maps)
{
	for (size_t i = 0; i < maps->nr; i++) {
		const struct proc_map *map = &maps->maps[i];

		if (map->ino && map->prot & 4 && *map->name == '/' && is_new(probes, space, map))
			look_at(kernel, pid, map);
	}
}

void mark_probes__fini(struct mark_probes *probes)
{
	free(probes->files);
	memset(probes, 0, sizeof(*probes));
}
