/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From a 64-bit hash to an index into a table that only grows. Open addressing; entries are never
 * removed. */
#ifndef RSSTRACE_MODEL_INDEX_MAP_H
#define RSSTRACE_MODEL_INDEX_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

struct index_slot {
	__u32 hash;
	__u32 index; /* 0: free */
};

struct index_map {
	__u32 nr, mask; /* mask + 1 slots, at most half of them used */
	struct index_slot *slots;
};

/* Mixes two words into a hash. */
static inline __u64 index_hash(__u64 a, __u64 b)
{
	__u64 x = (a ^ (b * 0x9e3779b97f4a7c15ULL)) * 0xbf58476d1ce4e5b9ULL;

	x = (x ^ x >> 31) * 0x94d049bb133111ebULL;
	return x ^ x >> 29;
}

__u64 index_hash_bytes(const void *bytes, size_t len);

/* The index stored under @hash for which @same says yes, or 0. Inlined, and @same with it: it is
 * what a record costs most. */
static inline __attribute__((always_inline)) __u32
index_map__find(const struct index_map *map, __u64 hash, bool (*same)(const void *ctx, __u32 index),
		const void *ctx)
{
	__u32 tag = hash >> 32;

	if (!map->slots)
		return 0;
	for (__u32 i = tag & map->mask; map->slots[i].index; i = (i + 1) & map->mask)
		if (map->slots[i].hash == tag && same(ctx, map->slots[i].index))
			return map->slots[i].index;
	return 0;
}

/* Store @index (not 0) under @hash. 0 or -ENOMEM. */
int index_map__add(struct index_map *map, __u64 hash, __u32 index);
void index_map__fini(struct index_map *map);

#endif
