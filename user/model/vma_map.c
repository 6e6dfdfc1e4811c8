// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "model/vma_map.h"

__u32 vma_map__search(struct vma_map *map, __u64 addr)
{
	__u32 low = 0, high = map->nr;

	while (low < high) {
		__u32 mid = low + (high - low) / 2;

		if (map->entries[mid].vma.end <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	map->last = low;
	return low;
}

struct vma *vma_map__find(struct vma_map *map, __u64 addr)
{
	__u32 i = vma_map__at(map, addr);

	return vma_map__holds(map, i, addr) ? &map->entries[i].vma : NULL;
}

static int open_gap(struct vma_map *map, __u32 i)
{
	if (map->nr >= VMA_MAP_MAX)
		return -E2BIG;
	if (map->nr == map->cap) {
		__u32 cap = map->cap ? map->cap * 2 : 64;
		struct vma_entry *entries = realloc(map->entries, cap * sizeof(*entries));

		if (!entries)
			return -ENOMEM;
		map->entries = entries;
		map->cap = cap;
	}
	memmove(map->entries + i + 1, map->entries + i, (map->nr - i) * sizeof(*map->entries));
	map->nr++;
	return 0;
}

static void delete_at(struct vma_map *map, __u32 i)
{
	map->nr--;
	memmove(map->entries + i, map->entries + i + 1, (map->nr - i) * sizeof(*map->entries));
}

static void cut_front(struct vma *vma, __u64 start)
{
	if (vma->object)
		vma->pgoff += start - vma->start;
	vma->start = start;
}

/* Make @addr a border: entry @i, which holds it inside, becomes [.., addr) and [addr, ..). */
static int split(struct vma_map *map, __u32 i, __u64 addr)
{
	int ret = open_gap(map, i);

	if (ret)
		return ret;
	map->entries[i] = map->entries[i + 1];
	map->entries[i].vma.end = addr;
	cut_front(&map->entries[i + 1].vma, addr);
	return 0;
}

/* Cut entry @i to its part in [start, end); *@i is the part's index afterwards. */
static int isolate(struct vma_map *map, __u32 *i, __u64 start, __u64 end)
{
	int ret;

	if (map->entries[*i].vma.start < start) {
		ret = split(map, *i, start);
		if (ret)
			return ret;
		++*i;
	}
	if (map->entries[*i].vma.end <= end)
		return 0;
	return split(map, *i, end);
}

int vma_map__remove(struct vma_map *map, __u64 start, __u64 end, __u64 spare_after)
{
	__u32 i = vma_map__at(map, start);

	if (start >= end)
		return 0;
	while (i < map->nr && map->entries[i].vma.start < end) {
		int ret;

		if (map->entries[i].born > spare_after) {
			i++;
			continue;
		}
		ret = isolate(map, &i, start, end);
		if (ret)
			return ret;
		delete_at(map, i);
	}
	return 0;
}

int vma_map__insert(struct vma_map *map, const struct vma *vma, __u64 born)
{
	__u32 i;
	int ret;

	if (vma->start >= vma->end || vma->end > ADDRESS_END || (vma->start | vma->end) & 4095)
		return -EINVAL;
	ret = vma_map__remove(map, vma->start, vma->end, ~0ULL);
	if (ret)
		return ret;
	i = vma_map__at(map, vma->start);
	ret = open_gap(map, i);
	if (ret)
		return ret;
	map->entries[i] = (struct vma_entry){ *vma, born };
	map->last = i;
	return 0;
}

int vma_map__protect(struct vma_map *map, __u64 start, __u64 end, __u8 prot)
{
	if (start >= end) /* the kernel has nothing against it */
		return 0;
	for (__u32 i = vma_map__at(map, start); i < map->nr && map->entries[i].vma.start < end;
	     i++) {
		int ret;

		if (map->entries[i].vma.prot == prot)
			continue;
		ret = isolate(map, &i, start, end);
		if (ret)
			return ret;
		map->entries[i].vma.prot = prot;
	}
	return 0;
}

static int cut_at(struct vma_map *map, __u64 addr)
{
	__u32 i = vma_map__at(map, addr);

	return vma_map__holds(map, i, addr) && map->entries[i].vma.start < addr
		       ? split(map, i, addr)
		       : 0;
}

int vma_map__cut_out(struct vma_map *map, __u64 start, __u64 end)
{
	int ret = cut_at(map, start);

	return ret ? ret : cut_at(map, end);
}

static bool compatible(const struct vma *low, const struct vma *high)
{
	if (low->end != high->start || low->prot != high->prot || low->shared != high->shared ||
	    low->kind != high->kind || low->backing != high->backing ||
	    low->object != high->object || low->name != high->name)
		return false;
	if (low->kind == KIND_SPECIAL)
		return false;
	if (!low->object)
		return !low->shared;
	return low->pgoff + (low->end - low->start) == high->pgoff;
}

void vma_map__merge(struct vma_map *map, __u64 settled)
{
	__u32 kept = 0;

	for (__u32 i = 1; i < map->nr; i++) {
		struct vma_entry *low = &map->entries[kept], *high = &map->entries[i];

		if (compatible(&low->vma, &high->vma) && low->born < settled &&
		    high->born < settled)
			low->vma.end = high->vma.end;
		else
			map->entries[++kept] = *high;
	}
	if (map->nr)
		map->nr = kept + 1;
}

int vma_map__copy(struct vma_map *copy, const struct vma_map *map)
{
	memset(copy, 0, sizeof(*copy));
	if (!map->nr)
		return 0;
	copy->entries = malloc(map->nr * sizeof(*copy->entries));
	if (!copy->entries)
		return -ENOMEM;
	memcpy(copy->entries, map->entries, map->nr * sizeof(*copy->entries));
	copy->nr = copy->cap = map->nr;
	return 0;
}

void vma_map__fini(struct vma_map *map)
{
	free(map->entries);
	memset(map, 0, sizeof(*map));
}
