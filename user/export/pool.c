// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <stdlib.h>
#include <string.h>
#include "export/pool.h"

#define CHUNK_BYTES ((size_t)256 << 10)
#define ALIGN 16

struct pool_chunk {
	struct pool_chunk *next;
	size_t used, size;
	char bytes[] __attribute__((aligned(ALIGN)));
};

static struct pool_chunk *new_chunk(struct pool *pool, size_t bytes)
{
	size_t size = bytes > CHUNK_BYTES ? bytes : CHUNK_BYTES;
	struct pool_chunk *chunk = calloc(1, sizeof(*chunk) + size);

	if (!chunk) {
		pool->failed = true;
		return NULL;
	}
	chunk->size = size;
	chunk->next = pool->chunks;
	pool->chunks = chunk;
	return chunk;
}

void *pool__take(struct pool *pool, size_t bytes)
{
	struct pool_chunk *chunk = pool->chunks;
	void *taken;

	bytes = (bytes + ALIGN - 1) & ~(size_t)(ALIGN - 1);
	if (!chunk || chunk->size - chunk->used < bytes)
		chunk = new_chunk(pool, bytes);
	if (!chunk)
		return NULL;
	taken = chunk->bytes + chunk->used;
	chunk->used += bytes;
	return taken;
}

char *pool__copy(struct pool *pool, const char *text)
{
	size_t bytes = strlen(text) + 1;
	char *copy = pool__take(pool, bytes);

	return copy ? memcpy(copy, text, bytes) : NULL;
}

void pool__fini(struct pool *pool)
{
	while (pool->chunks) {
		struct pool_chunk *next = pool->chunks->next;

		free(pool->chunks);
		pool->chunks = next;
	}
}

/* The array before stays in the pool: together they are twice the last one. */
void *pool_list__add(struct pool_list *list, struct pool *pool, size_t bytes)
{
	void *item = pool__take(pool, bytes);

	if (item && list->nr == list->cap) {
		size_t cap = list->cap ? 2 * list->cap : 16;
		void **items = pool__take(pool, cap * sizeof(*items));

		if (!items)
			return NULL;
		if (list->nr)
			memcpy(items, list->items, list->nr * sizeof(*items));
		list->items = items;
		list->cap = cap;
	}
	return item ? list->items[list->nr++] = item : NULL;
}

struct intern_entry {
	UT_hash_handle hh;
	__u64 number;
	char key[] __attribute__((aligned(ALIGN)));
};

__u64 intern_table__number(struct intern_table *table, struct pool *pool, const void *key,
			   size_t len, bool *is_new)
{
	struct intern_entry *entry = NULL;

	HASH_FIND(hh, table->entries, key, len, entry);
	*is_new = !entry;
	if (entry)
		return entry->number;
	entry = pool__take(pool, sizeof(*entry) + len);
	if (!entry)
		return 0;
	memcpy(entry->key, key, len);
	entry->number = ++table->nr;
	HASH_ADD_KEYPTR(hh, table->entries, entry->key, len, entry);
	return entry->number;
}

void intern_table__fini(struct intern_table *table)
{
	HASH_CLEAR(hh, table->entries);
}
