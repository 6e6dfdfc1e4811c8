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

static void put(struct index_map *map, __u64 key, __u32 more, __u32 index)
{
	__u32 i = index_hash(key, more) >> 32;
	struct index_bucket *bucket;
	int k = 0;

	while (map->buckets[i & map->mask].index[BUCKET_SLOTS - 1])
		i++;
	bucket = map->buckets + (i & map->mask);
	while (bucket->index[k])
		k++;
	bucket->key[k] = key;
	bucket->more[k] = more;
	bucket->index[k] = index;
}

static int grow(struct index_map *map)
{
	struct index_map bigger = { map->nr, map->buckets ? map->mask * 2 + 1 : 63, NULL };
	size_t bytes = (bigger.mask + 1ULL) * sizeof(*bigger.buckets);

	bigger.buckets = aligned_alloc(sizeof(*bigger.buckets), bytes);
	if (!bigger.buckets)
		return -ENOMEM;
	memset(bigger.buckets, 0, bytes);
	for (__u32 i = 0; map->buckets && i <= map->mask; i++) {
		const struct index_bucket *bucket = map->buckets + i;

		for (int k = 0; k < BUCKET_SLOTS && bucket->index[k]; k++)
			put(&bigger, bucket->key[k], bucket->more[k], bucket->index[k]);
	}
	free(map->buckets);
	*map = bigger;
	return 0;
}

int index_map__add(struct index_map *map, __u64 key, __u32 more, __u32 index)
{
	if (!map->buckets || map->nr >= (map->mask + 1ULL) * BUCKET_SLOTS / 2) {
		int ret = grow(map);

		if (ret)
			return ret;
	}
	put(map, key, more, index);
	map->nr++;
	return 0;
}

void index_map__fini(struct index_map *map)
{
	free(map->buckets);
	memset(map, 0, sizeof(*map));
}
