/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From a file to its table in the store. A table is built once for all files of the same content:
 * the libc of another container, or a copy, costs a look at its sections. Internal to
 * unwind_upload.
 */
#ifndef RSSTRACE_LIVE_UNWIND_TABLES_H
#define RSSTRACE_LIVE_UNWIND_TABLES_H

#include "live/unwind_maps.h"
#include "live/unwind_store.h"

struct built_table;

struct unwind_tables {
	struct unwind_store *store;
	struct map_view *rows, *pages; /* what the store writes to, mapped as it grows */
	struct siphash_key key;	       /* of this run alone */
	struct built_table *built;     /* by unwind_source__id() */
	size_t nr_built;	       /* tables that are in the store */
	size_t nr_shared;	       /* files that have the rows of one of them */
	size_t nr_none;		       /* files without one */
	size_t nr_left_out;	       /* that did not fit */
};

/* 0 or -errno: no random numbers. */
int unwind_tables__init(struct unwind_tables *tables, struct unwind_store *store,
			struct map_view *rows, struct map_view *pages);
void unwind_tables__fini(struct unwind_tables *tables);

/*
 * unwind_tables__find() - where the table of the file @fd is, which is not known yet; @name is for
 * nothing but sentences. nr_pages 0: it has none, or it did not fit. Pages are of this file alone.
 * unwind_tables__find_memory() - the same for an image in memory. 0 or -ENOMEM.
 */
int unwind_tables__find(struct unwind_tables *tables, int fd, const char *name,
			struct unwind_object *object);
int unwind_tables__find_memory(struct unwind_tables *tables, const void *image, size_t len,
			       const char *name, struct unwind_object *object);

#endif
