// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <stdlib.h>
#include <string.h>
#include "model/name_table.h"

struct wanted {
	const struct name_table *table;
	const char *text;
	size_t len;
};

static bool same_name(const void *ctx, __u32 index)
{
	const struct wanted *wanted = ctx;
	const char *name = wanted->table->names[index];

	return !strncmp(name, wanted->text, wanted->len) && !name[wanted->len];
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
	struct wanted wanted = { table, text, len };

	return len ? index_map__find(&table->map, index_hash_bytes(text, len), same_name, &wanted)
		   : 0;
}

__u32 name_table__intern(struct name_table *table, const char *text, size_t len)
{
	__u64 hash = index_hash_bytes(text, len);
	__u32 index = name_table__find(table, text, len);
	char *name;

	if (!len || index)
		return index;
	if (!make_room(table))
		return 0;
	name = malloc(len + 1);
	if (!name || index_map__add(&table->map, hash, table->nr)) {
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
