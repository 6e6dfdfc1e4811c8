// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdlib.h>
#include <uthash.h>
#include "live/jit_names.h"
#include "live/perf_map.h"

/* What the JIT of one space said, and the frames it said nothing of yet. */
struct jit {
	__u32 space;
	struct perf_map map;
	__u32 *waiting;
	__u32 nr_waiting, cap_waiting;
	UT_hash_handle hh;
};

static void free_jit(struct jit_names *names, struct jit *jit)
{
	HASH_DEL(names->jits, jit);
	perf_map__fini(&jit->map);
	free(jit->waiting);
	free(jit);
}

void jit_names__fini(struct jit_names *names)
{
	struct jit *jit, *next;

	HASH_ITER (hh, names->jits, jit, next)
		free_jit(names, jit);
}

static struct jit *jit_of(struct jit_names *names, __u32 space)
{
	struct jit *jit;

	HASH_FIND(hh, names->jits, &space, sizeof(space), jit);
	if (jit)
		return jit;
	jit = calloc(1, sizeof(*jit));
	if (!jit)
		return NULL;
	jit->space = space;
	HASH_ADD(hh, names->jits, space, sizeof(space), jit);
	return jit;
}

int jit_names__await(struct jit_names *names, __u32 space, __u32 index)
{
	struct jit *jit = jit_of(names, space);
	__u32 *bigger, cap;

	if (!jit)
		return -ENOMEM;
	if (jit->nr_waiting == jit->cap_waiting) {
		cap = jit->cap_waiting ? jit->cap_waiting * 2 : 16;
		bigger = realloc(jit->waiting, cap * sizeof(*bigger));
		if (!bigger)
			return -ENOMEM;
		jit->waiting = bigger;
		jit->cap_waiting = cap;
	}
	jit->waiting[jit->nr_waiting++] = index;
	return 0;
}

/* A name for @frame, told in @found, which points into @name. */
static bool look_up(const struct jit *jit, const struct frame *frame, struct symbol_name *name,
		    struct symbol_lookup *found)
{
	const struct perf_symbol *symbol = perf_map__find(&jit->map, frame->offset);

	if (!symbol)
		return false;
	*name = (struct symbol_name){ .function = symbol->name };
	*found = (struct symbol_lookup){ .nr = 1,
					 .entries = name,
					 .start_delta = (__u32)(frame->offset - symbol->start) };
	return true;
}

static int tell_known(struct jit *jit, const struct session *session,
		      int (*tell)(void *context, const struct frame *frame,
				  const struct symbol_lookup *found),
		      void *context)
{
	struct symbol_lookup found;
	struct symbol_name name;
	__u32 kept = 0;
	int code = 0;

	for (__u32 i = 0; i < jit->nr_waiting; i++) {
		const struct frame *frame = session__frame(session, jit->waiting[i]);

		if (!code && look_up(jit, frame, &name, &found))
			code = tell(context, frame, &found);
		else
			jit->waiting[kept++] = jit->waiting[i];
	}
	jit->nr_waiting = kept;
	return code;
}

int jit_names__tell(struct jit_names *names, const struct session *session, struct targets *targets,
		    int (*tell)(void *context, const struct frame *frame,
				const struct symbol_lookup *found),
		    void *context)
{
	struct jit *jit, *next;
	int code = 0;

	HASH_ITER (hh, names->jits, jit, next) {
		struct target *target = targets__last_in(targets, jit->space);

		if (!code && target && jit->nr_waiting) {
			perf_map__update(&jit->map, target->pid, target->uid, target->alive);
			code = tell_known(jit, session, tell, context);
		}
		if (!target || !target->alive)
			free_jit(names, jit); /* nothing more will be said */
	}
	return code;
}
