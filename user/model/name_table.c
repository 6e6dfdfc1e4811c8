// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "model/name_table.h"

static bool is_name(const char *name, const char *text, size_t len)
{
	return !strncmp(name, text, len) && !name[len];
}

/* Index or 0, and in @nth how many others with its hash came before it. */
static __u32 find(const struct name_table *table, __u64 hash, const char *text, size_t len,
		  __u32 *nth)
{
	__u32 index;

	for (*nth = 0; (index = index_map__find(&table->map, hash, *nth)); ++*nth)
		if (is_name(table->names[index], text, len))
			break;
	return index;
}

static bool make_room(struct name_table *table)
{
	__u32 cap = table->cap ? table->cap * 2 : 64;
	char **names;

	if (table->nr + 1 < table->cap)
		return true;
	names = realloc(table->names, cap * sizeof(*names));
	if (!names)
		return false;
	table->names = names;
	table->cap = cap;
	if (!table->nr)
		table->names[table->nr++] = NULL; /* index 0 */
	return true;
}

__u32 name_table__find(const struct name_table *table, const char *text, size_t len)
{
	__u32 nth;

	return len ? find(table, index_hash_bytes(text, len), text, len, &nth) : 0;
}

__u32 name_table__intern(struct name_table *table, const char *text, size_t len)
{
	__u64 hash = index_hash_bytes(text, len);
	__u32 nth, index;
	char *name;

	if (!len)
		return 0;
	index = find(table, hash, text, len, &nth);
	if (index)
		return index;
	if (!make_room(table))
		return 0;
	name = malloc(len + 1);
	if (!name || index_map__add(&table->map, hash, nth, table->nr)) {
		free(name);
		return 0;
	}
	memcpy(name, text, len);
	name[len] = 0;
	table->names[table->nr] = name;
	return table->nr++;
}

const char *name_table__get(const struct name_table *table, __u32 index)
{
	return index && index < table->nr ? table->names[index] : "";
}

void name_table__fini(struct name_table *table)
{
	for (__u32 i = 1; i < table->nr; i++)
		free(table->names[i]);
	free(table->names);
	index_map__fini(&table->map);
	memset(table, 0, sizeof(*table));
}
