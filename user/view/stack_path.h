/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Stacks as lists of numbers: the same number for the same code, whatever run it was seen in. A
 * function is its module's name and its symbol, so that a rebuilt or moved module is the same code;
 * without a symbol it is the build id (else the module's name) and the offset; code in no file is
 * all one.
 */
#ifndef RSSTRACE_VIEW_STACK_PATH_H
#define RSSTRACE_VIEW_STACK_PATH_H

#include "model/name_table.h"
#include "view/query.h"

#define PATH_MAX_FRAMES 512 /* deeper ones are cut at their outer end */

struct frame_ids {
	struct name_table names;
	char *buf; /* the name being looked up */
	size_t cap;
};

struct stack_path {
	__u32 nr;
	__u32 ids[PATH_MAX_FRAMES];    /* of frame_ids, innermost first */
	__u32 frames[PATH_MAX_FRAMES]; /* indices of the stack row's frames */
};

/*
 * stack_path__fill() - the frames of @row that stack_row__shows(), with those of the classes @shown,
 * and without direct recursion; with EVERY_FRAME all of them. 0 or -ENOMEM.
 */
int stack_path__fill(struct stack_path *path, const struct stack_row *row, struct frame_ids *ids,
		     __u32 shown);
void frame_ids__fini(struct frame_ids *ids);

#endif
