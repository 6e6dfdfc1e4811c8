/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Memory for messages that live as long as one export: taken piece by piece, freed at once. A
 * failure is remembered, so that a builder checks once at its end.
 */
#ifndef RSSTRACE_EXPORT_POOL_H
#define RSSTRACE_EXPORT_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <uthash.h>
#include <linux/types.h>

struct pool {
	struct pool_chunk *chunks; /* the newest first */
	bool failed;		   /* something was not there: what was built is not whole */
};

/* Zeroed and aligned for anything; NULL and pool->failed on ENOMEM. */
void *pool__take(struct pool *pool, size_t bytes);
char *pool__copy(struct pool *pool, const char *text);
void pool__fini(struct pool *pool);

/* Pointers in a row, as protobuf-c wants its repeated messages. The array moves as it grows. */
struct pool_list {
	size_t nr, cap;
	void **items;
};

/* A new zeroed item of @bytes at the end; NULL and pool->failed on ENOMEM. */
void *pool_list__add(struct pool_list *list, struct pool *pool, size_t bytes);

/* Numbers for keys, from 1 on in the order of first sight. Zero-initialised. */
struct intern_table {
	struct intern_entry *entries; /* uthash */
	__u64 nr;
};

/* The number of the @len bytes at @key; *@is_new: seen for the first time. 0 on ENOMEM. */
__u64 intern_table__number(struct intern_table *table, struct pool *pool, const void *key,
			   size_t len, bool *is_new);
void intern_table__fini(struct intern_table *table); /* before the pool's */

#endif
