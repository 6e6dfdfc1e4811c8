// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>
#include <uthash.h>
#include "live/unwind_tables.h"

struct built_table {
	struct siphash_value id;
	struct unwind_object object; /* of the file that came first; just where its pages are */
	UT_hash_handle hh;
};

int unwind_tables__init(struct unwind_tables *tables, struct unwind_store *store,
			struct map_view *rows, struct map_view *pages)
{
	*tables = (struct unwind_tables){ .store = store, .rows = rows, .pages = pages };
	return getrandom(&tables->key, sizeof(tables->key), 0) == sizeof(tables->key) ? 0 : -errno;
}

void unwind_tables__fini(struct unwind_tables *tables)
{
	struct built_table *built, *next;

	HASH_ITER (hh, tables->built, built, next) {
		HASH_DEL(tables->built, built);
		free(built);
	}
}

/* Without memory the next of its kind is built once more, which only costs room. */
static void remember(struct unwind_tables *tables, const struct siphash_value *id,
		     const struct unwind_object *object)
{
	struct built_table *built = calloc(1, sizeof(*built));

	if (!built)
		return;
	built->id = *id;
	built->object = *object;
	HASH_ADD(hh, tables->built, id, sizeof(built->id), built);
}

/* Have our side of the maps ready for so many; beyond what there is the store says so itself. */
static int reach(struct unwind_tables *tables, __u64 rows, __u64 pages)
{
	int code = 0;

	if (rows <= tables->store->max_rows)
		code = unwind_maps__reach(tables->rows, (__u32)rows / UNWIND_ROWS_PER_BLOCK + 1);
	if (!code && pages <= tables->store->max_pages)
		code = unwind_maps__reach(tables->pages, (__u32)pages);
	return code;
}

static int store(struct unwind_tables *tables, const struct unwind_table *table,
		 struct unwind_object *object)
{
	int code = reach(tables, unwind_store__rows_with(tables->store, table),
			 unwind_store__pages_with(tables->store, table));

	return code ? code : unwind_store__add(tables->store, table, object);
}

static int store_again(struct unwind_tables *tables, const struct unwind_object *met,
		       struct unwind_object *object)
{
	__u64 pages = (__u64)tables->store->nr_pages + met->nr_pages;
	int code = reach(tables, tables->store->nr_rows, pages);

	return code ? code : unwind_store__add_again(tables->store, met, object);
}

static int build(struct unwind_tables *tables, struct unwind_source *source, const char *name,
		 const struct siphash_value *id, struct unwind_object *object)
{
	struct unwind_table table;
	int code = unwind_table__from(&table, source, name, NULL);

	if (code)
		return code;
	code = store(tables, &table, object);
	unwind_table__fini(&table);
	if (code)
		return code;
	remember(tables, id, object);
	tables->nr_built++;
	return 0;
}

static int find(struct unwind_tables *tables, struct unwind_source *source, const char *name,
		struct unwind_object *object)
{
	struct siphash_value id = unwind_source__id(source, &tables->key);
	struct built_table *built;
	int code;

	HASH_FIND(hh, tables->built, &id, sizeof(id), built);
	if (!built)
		return build(tables, source, name, &id, object);
	code = store_again(tables, &built->object, object);
	tables->nr_shared += !code;
	return code;
}

/* @source is ours; @code 0: there is one. */
static int keep(struct unwind_tables *tables, int code, struct unwind_source *source,
		const char *name, struct unwind_object *object)
{
	*object = (struct unwind_object){ 0 };
	if (!code)
		code = find(tables, source, name, object);
	unwind_source__free(source);
	if (!code || code == -ENOMEM)
		return code;
	if (code == -ENOSPC)
		tables->nr_left_out++;
	else
		tables->nr_none++;
	*object = (struct unwind_object){ 0 };
	return 0;
}

int unwind_tables__find(struct unwind_tables *tables, int fd, const char *name,
			struct unwind_object *object)
{
	struct unwind_source *source;
	int code = unwind_source__read(&source, fd, name, NULL);

	return keep(tables, code, source, name, object);
}

int unwind_tables__find_memory(struct unwind_tables *tables, const void *image, size_t len,
			       const char *name, struct unwind_object *object)
{
	struct unwind_source *source;
	int code = unwind_source__read_memory(&source, image, len, name, NULL);

	return keep(tables, code, source, name, object);
}
