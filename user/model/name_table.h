/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Strings told by the stream, each kept once. Index 0 is ""; pointers stay valid until fini. */
#ifndef RSSTRACE_MODEL_NAME_TABLE_H
#define RSSTRACE_MODEL_NAME_TABLE_H

#include "model/index_map.h"

struct name_table {
	__u32 nr, cap;
	char **names;
	struct index_map map;
};

/* Index of the string of @len bytes at @text (no NUL needed); 0 for an empty one and on ENOMEM. */
__u32 name_table__find(const struct name_table *table, const char *text, size_t len); /* 0: unknown */
__u32 name_table__intern(struct name_table *table, const char *text, size_t len);
const char *name_table__get(const struct name_table *table, __u32 index); /* "" when out of range */
void name_table__fini(struct name_table *table);

#endif
