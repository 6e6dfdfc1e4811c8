// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "model/index_map.h"

__u64 index_hash_bytes(const void *bytes, size_t len)
{
	const unsigned char *p = bytes;
	__u64 hash = len, word;

	for (; len >= 8; len -= 8, p += 8) {
		memcpy(&word, p, 8);
		hash = index_hash(hash, word);
	}
	word = 0;
	memcpy(&word, p, len);
	return index_hash(hash, word);
}

static void put(struct index_map *map, struct index_slot slot)
{
	__u32 i = slot.hash & map->mask;

	while (map->slots[i].index)
		i = (i + 1) & map->mask;
	map->slots[i] = slot;
}

static int grow(struct index_map *map)
{
	struct index_map bigger = { map->nr, map->slots ? map->mask * 2 + 1 : 255, NULL };

	bigger.slots = calloc((size_t)bigger.mask + 1, sizeof(*bigger.slots));
	if (!bigger.slots)
		return -ENOMEM;
	for (__u32 i = 0; map->slots && i <= map->mask; i++)
		if (map->slots[i].index)
			put(&bigger, map->slots[i]);
	free(map->slots);
	*map = bigger;
	return 0;
}

int index_map__add(struct index_map *map, __u64 hash, __u32 index)
{
	if (!map->slots || map->nr >= map->mask / 2) {
		int ret = grow(map);

		if (ret)
			return ret;
	}
	put(map, (struct index_slot){ hash >> 32, index });
	map->nr++;
	return 0;
}

void index_map__fini(struct index_map *map)
{
	free(map->slots);
	memset(map, 0, sizeof(*map));
}
