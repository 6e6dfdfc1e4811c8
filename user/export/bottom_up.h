/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Stacks merged from the inside out: who brought it in, then who called that. Massif's kind of
 * tree. */
#ifndef RSSTRACE_EXPORT_BOTTOM_UP_H
#define RSSTRACE_EXPORT_BOTTOM_UP_H

#include "export/pool.h"
#include "view/query.h"

#define BOTTOM_UP_DEPTH 30 /* as massif's own --depth */

struct bottom_up_node {
	const char *name; /* "cache_put (cache.c:211)"; of the root NULL */
	__u64 offset;	  /* of its code in the module */
	__u64 bytes;	  /* kids may tell less: stacks end */
	struct pool_list kids;
	struct intern_table names;
};

/*
 * bottom_up__add() - @bytes by @stack, whose frames are named. Starts at the frame the stack is
 * named by: allocators are left out, as massif does. bottom_up__add_name(): by no stack. A failure
 * shows in @pool.
 */
void bottom_up__add(struct bottom_up_node *root, struct pool *pool, const struct stack_row *stack,
		    __u64 bytes);
void bottom_up__add_name(struct bottom_up_node *root, struct pool *pool, const char *name,
			 __u64 bytes);

/* Every node's kids by bytes, largest first, then by name. */
void bottom_up__sort(struct bottom_up_node *root);

void bottom_up__fini(struct bottom_up_node *root); /* before the pool's */

#endif
