/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The files that mappings and code come from, by (dev, ino). Index 0 is "no object"; indices are
 * given in stream order. */
#ifndef RSSTRACE_MODEL_OBJECT_TABLE_H
#define RSSTRACE_MODEL_OBJECT_TABLE_H

#include "model/index_map.h"
#include "model/session.h"

#define VDSO_DEV 0xffffffffu /* the [vdso] code's object: this dev, ino 0 */

#define OBJECTS_MAX (1U << 17) /* later ones are mappings of no known file; some 20 MiB */

struct object_table {
	__u32 nr, cap; /* nr includes index 0 once there is one */
	struct object *objects;
	struct index_map map;
};

__u32 object_table__find(const struct object_table *table, __u32 dev, __u64 ino); /* 0: unknown */
__u32 object_table__intern(struct object_table *table, __u32 dev, __u64 ino);	  /* 0: ENOMEM, or is_full() */
bool object_table__is_full(const struct object_table *table);

/* Name object @index unless it has a name. 0 or -ENOMEM. */
int object_table__name(struct object_table *table, __u32 index, const char *path);
void object_table__fini(struct object_table *table);

#endif
