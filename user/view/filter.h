/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which bytes a reader asks for: terms that must all hold, as written behind --filter.
 *
 *   FIELD=VALUE  is VALUE        FIELD!=VALUE  is not
 *   FIELD~TEXT   contains TEXT   FIELD!~TEXT   does not
 *
 * region: the mapping's name or path, or the path's last part; kind: heap, stack, ...; symbol and
 * module: of any frame of the stack that brought the page in (symbols with or without arguments,
 * modules by path or its last part); thread: a thread id or name. Bytes whose stack is not known
 * match no term on symbol, module or thread, negated or not: nobody can say.
 */
#ifndef RSSTRACE_VIEW_FILTER_H
#define RSSTRACE_VIEW_FILTER_H

#include <stdbool.h>
#include "base/err.h"
#include "model/session.h"

#define FILTER_MAX 16

enum filter_field {
	FILTER_REGION = 1 << 0,
	FILTER_KIND = 1 << 1,
	FILTER_SYMBOL = 1 << 2,
	FILTER_MODULE = 1 << 3,
	FILTER_THREAD = 1 << 4,
};

#define FILTER_OF_REGIONS (FILTER_REGION | FILTER_KIND)
#define FILTER_OF_STACKS (FILTER_SYMBOL | FILTER_MODULE)

struct filter_term {
	enum filter_field field;
	bool contains, negated;
	const char *value; /* borrowed */
	const char *text;  /* the term as written; borrowed */
};

struct filter {
	__u32 nr, fields; /* fields: all that are asked about */
	struct filter_term terms[FILTER_MAX];
};

struct region_row;
struct stack_row;

/* Add the term @text, which must outlive the filter. 0 or -EINVAL with a sentence. */
int filter__add(struct filter *filter, const char *text, struct err *err);

/* Do the terms on regions, on stacks, on threads hold? */
bool filter__region(const struct filter *filter, const struct region_row *row);
bool filter__stack(const struct filter *filter, const struct stack_row *named);
bool filter__thread(const struct filter *filter, __u32 tid, const char *comm);

#endif
