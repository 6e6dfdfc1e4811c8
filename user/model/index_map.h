/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From a key of 96 bits to an index into a table that only grows; entries are never removed. Open
 * addressing in buckets of one line of the cache, which hold whole keys: to find an index costs a
 * look at one of them and none at the table itself, and no jump that depends on the place within.
 */
#ifndef RSSTRACE_MODEL_INDEX_MAP_H
#define RSSTRACE_MODEL_INDEX_MAP_H

#include <stddef.h>
#include <linux/types.h>

#define BUCKET_SLOTS 4

/* Slots are taken from the first on; what finds its bucket full goes to the next one. */
struct index_bucket {
	__u64 key[BUCKET_SLOTS];
	__u32 more[BUCKET_SLOTS];  /* of the key */
	__u32 index[BUCKET_SLOTS]; /* 0: free */
} __attribute__((aligned(64)));

struct index_map {
	__u32 nr, mask; /* mask + 1 buckets, at most half of their slots used */
	struct index_bucket *buckets;
};

/* Mixes two words into a hash. */
static inline __u64 index_hash(__u64 a, __u64 b)
{
	__u64 x = (a ^ (b * 0x9e3779b97f4a7c15ULL)) * 0xbf58476d1ce4e5b9ULL;

	x = (x ^ x >> 31) * 0x94d049bb133111ebULL;
	return x ^ x >> 29;
}

__u64 index_hash_bytes(const void *bytes, size_t len);

/* The index stored under the key, or 0. Inlined: it is what a record costs most. */
static inline __attribute__((always_inline)) __u32 index_map__find(const struct index_map *map,
								   __u64 key, __u32 more)
{
	if (!map->buckets)
		return 0;
	for (__u32 i = index_hash(key, more) >> 32;; i++) {
		const struct index_bucket *bucket = map->buckets + (i & map->mask);
		__u32 index = 0;

#pragma GCC unroll 4
		for (int k = 0; k < BUCKET_SLOTS; k++)
			index |= bucket->index[k] &
				 -(__u32)((bucket->key[k] == key) & (bucket->more[k] == more));
		if (index || !bucket->index[BUCKET_SLOTS - 1])
			return index;
	}
}

/* Store @index (not 0) under a key that has none yet: of two, a find would mix the bits. 0 or
 * -ENOMEM. */
int index_map__add(struct index_map *map, __u64 key, __u32 more, __u32 index);
void index_map__fini(struct index_map *map);

#endif
