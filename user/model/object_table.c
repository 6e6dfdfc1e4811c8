// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "model/object_table.h"

__u32 object_table__find(const struct object_table *table, __u32 dev, __u64 ino)
{
	return index_map__find(&table->map, ino, dev);
}

static bool make_room(struct object_table *table)
{
	__u32 cap = table->cap ? table->cap * 2 : 64;
	struct object *objects;

	if (table->nr + 1 < table->cap)
		return true;
	objects = realloc(table->objects, cap * sizeof(*objects));
	if (!objects)
		return false;
	memset(objects + table->cap, 0, (cap - table->cap) * sizeof(*objects));
	table->objects = objects;
	table->cap = cap;
	if (!table->nr)
		table->nr = 1;
	return true;
}

bool object_table__is_full(const struct object_table *table)
{
	return table->nr >= OBJECTS_MAX;
}

__u32 object_table__intern(struct object_table *table, __u32 dev, __u64 ino)
{
	__u32 index = object_table__find(table, dev, ino);
	struct object *object;

	if (index || object_table__is_full(table))
		return index;
	if (!make_room(table))
		return 0;
	object = &table->objects[table->nr];
	*object = (struct object){ .ino = ino, .dev = dev, .path = strdup("") };
	if (!object->path || index_map__add(&table->map, ino, dev, table->nr)) {
		free(object->path);
		return 0;
	}
	return table->nr++;
}

static bool is_deleted(const char *path)
{
	static const char mark[] = " (deleted)";
	size_t len = strlen(path);

	return len >= sizeof(mark) && !strcmp(path + len - (sizeof(mark) - 1), mark);
}

int object_table__name(struct object_table *table, __u32 index, const char *path)
{
	struct object *object = &table->objects[index];
	char *copy;

	if (object->named || !*path)
		return 0;
	copy = strdup(path);
	if (!copy)
		return -ENOMEM;
	free(object->path);
	object->path = copy;
	object->named = true;
	if (is_deleted(path))
		object->flags |= OBJECT_DELETED;
	return 0;
}

void object_table__fini(struct object_table *table)
{
	for (__u32 i = 1; i < table->nr; i++)
		free(table->objects[i].path);
	free(table->objects);
	index_map__fini(&table->map);
	memset(table, 0, sizeof(*table));
}
