// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "live/memory_devices.h"
#include "live/proc_file.h"
#include "live/proc_maps.h"

#define UNTOLD UINT64_MAX

static const struct {
	const char *key;
	size_t offset;
} smaps_keys[] = {
	{ "Rss", offsetof(struct proc_map, rss) },
	{ "Pss", offsetof(struct proc_map, pss) },
	{ "Anonymous", offsetof(struct proc_map, anonymous) },
	{ "Swap", offsetof(struct proc_map, swap) },
	{ "Private_Dirty", offsetof(struct proc_map, private_dirty) },
	{ "Private_Clean", offsetof(struct proc_map, private_clean) },
	{ "Shared_Dirty", offsetof(struct proc_map, shared_dirty) },
	{ "Shared_Clean", offsetof(struct proc_map, shared_clean) },
	{ "AnonHugePages", offsetof(struct proc_map, anon_huge) },
	{ "Locked", offsetof(struct proc_map, locked) },
};

#define NR_SMAPS_KEYS (sizeof(smaps_keys) / sizeof(smaps_keys[0]))

static __u64 *smaps_field(struct proc_map *map, size_t key)
{
	return (__u64 *)((char *)map + smaps_keys[key].offset);
}

static bool starts(const char *text, const char *prefix)
{
	return !strncmp(text, prefix, strlen(prefix));
}

/* A mapping of no file at all: its name, if any, is in brackets. */
static enum map_backing backing_of_no_file(const char *name)
{
	if (!*name || starts(name, "[heap]") || starts(name, "[stack") || starts(name, "[anon:"))
		return BACKING_ANON;
	return BACKING_SPECIAL; /* [vdso], [vvar], [vsyscall], [uprobes], [sigpage], ... */
}

static enum map_backing backing_of(const struct proc_map *map, const struct memory_devices *devices)
{
	if (!map->ino && !map->dev)
		return backing_of_no_file(map->name);
	if (starts(map->name, "/anon_hugepage"))
		return BACKING_HUGETLB;
	/* /dev/zero mapped privately is plain anonymous memory; shared, it is shmem under the name
	 * "/dev/zero (deleted)" */
	if (!strcmp(map->name, "/dev/zero") && !map->shared)
		return BACKING_ANON;
	if (starts(map->name, "anon_inode:"))
		return BACKING_SPECIAL;
	switch (memory_devices__sort(devices, map->dev)) {
	case DEVICE_SHMEM:
		return BACKING_SHMEM;
	case DEVICE_HUGETLB:
		return BACKING_HUGETLB;
	case DEVICE_NODES:
		return BACKING_SPECIAL;
	case DEVICE_OTHER:
		break;
	}
	return BACKING_FILE;
}

/* Read a number in @base that ends with @end; false when the line is not of that form. */
static bool take(char **at, int base, char end, __u64 *value)
{
	char *stop;

	*value = strtoull(*at, &stop, base);
	if (stop == *at || *stop != end)
		return false;
	*at = stop + 1;
	return true;
}

/* "55e0a8a2e000-55e0a8a30000 r--p 00000000 fe:00 1053  /usr/bin/cat" */
static bool parse_header(struct proc_map *map, char *line)
{
	__u64 dev_major, dev_minor;

	memset(map, 0, sizeof(*map));
	for (size_t i = 0; i < NR_SMAPS_KEYS; i++)
		*smaps_field(map, i) = UNTOLD;
	if (!take(&line, 16, '-', &map->start) || !take(&line, 16, ' ', &map->end) ||
	    strlen(line) < 5 || line[4] != ' ')
		return false;
	map->prot = (line[0] == 'r') | (line[1] == 'w') << 1 | (line[2] == 'x') << 2;
	map->shared = line[3] == 's';
	line += 5;
	if (!take(&line, 16, ' ', &map->pgoff) || !take(&line, 16, ':', &dev_major) ||
	    !take(&line, 16, ' ', &dev_minor))
		return false;
	map->dev = (__u32)(dev_major << 20 | dev_minor);
	map->ino = strtoull(line, &line, 10);
	map->name = line + strspn(line, " ");
	return map->start < map->end;
}

/* "Private_Dirty:        12 kB" */
static void parse_field(struct proc_map *map, const char *line)
{
	const char *colon = strchr(line, ':');

	if (!colon)
		return;
	for (size_t i = 0; i < NR_SMAPS_KEYS; i++) {
		if (strlen(smaps_keys[i].key) != (size_t)(colon - line) ||
		    !starts(line, smaps_keys[i].key))
			continue;
		*smaps_field(map, i) = strtoull(colon + 1, NULL, 10) * 1024;
		return;
	}
}

/*
 * The kernel hands the file out in pieces and drops mmap_lock between them, so a mapping that grew
 * in between may be told twice: keep what was told first of any address.
 */
static bool fits_behind(const struct proc_maps *maps, struct proc_map *map)
{
	__u64 told = maps->nr ? maps->maps[maps->nr - 1].end : 0;

	if (map->end <= told)
		return false;
	if (map->start < told) {
		if (map->ino)
			map->pgoff += told - map->start;
		map->start = told;
	}
	return true;
}

static struct proc_map *append(struct proc_maps *maps, size_t *cap, const struct proc_map *map)
{
	if (maps->nr == *cap) {
		size_t more = *cap ? 2 * *cap : 128;
		struct proc_map *grown = realloc(maps->maps, more * sizeof(*grown));

		if (!grown)
			return NULL;
		maps->maps = grown;
		*cap = more;
	}
	maps->maps[maps->nr] = *map;
	return &maps->maps[maps->nr++];
}

static int parse(struct proc_maps *maps, const struct memory_devices *devices)
{
	struct proc_map header, *map = NULL;
	char *line, *save = NULL;
	size_t cap = 0;

	for (line = strtok_r(maps->text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (*line >= 'A' && *line <= 'Z') {
			if (map)
				parse_field(map, line);
			continue;
		}
		map = NULL;
		if (!parse_header(&header, line) || !fits_behind(maps, &header))
			continue;
		header.backing = backing_of(&header, devices);
		map = append(maps, &cap, &header);
		if (!map)
			return -ENOMEM;
	}
	return 0;
}

int proc_maps__read(struct proc_maps *maps, pid_t pid, bool smaps, struct err *err)
{
	const char *file = smaps ? "smaps" : "maps";
	struct memory_devices devices;
	size_t len;
	int code;

	memset(maps, 0, sizeof(*maps));
	code = proc_file__read(pid, file, &maps->text, &len, err);
	if (code)
		return code;
	code = memory_devices__init(&devices, pid);
	if (!code)
		code = parse(maps, &devices);
	memory_devices__fini(&devices);
	if (code) {
		proc_maps__free(maps);
		return proc_file__failed(pid, file, code, err);
	}
	return 0;
}

void proc_maps__free(struct proc_maps *maps)
{
	free(maps->maps);
	free(maps->text);
	memset(maps, 0, sizeof(*maps));
}
