/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The marks of a stream, in its order. */
#ifndef RSSTRACE_MODEL_MARK_LIST_H
#define RSSTRACE_MODEL_MARK_LIST_H

#include "model/session.h"

/* Invariant: marks[0, nr_closed) have their tick, those behind are MARK_OPEN. */
struct mark_list {
	__u32 nr, cap, nr_closed;
	struct mark *marks;
};

/* Takes a copy of @rec, which is checked; @ts: ns since the start. 0, -ENOSPC (MARKS_MAX) or
 * -ENOMEM. */
int mark_list__add(struct mark_list *list, const struct rec_mark *rec, __u64 ts);

/* The same of a mark as another session had it; behind an open one only open ones. */
int mark_list__put(struct mark_list *list, const struct mark *mark);

/* A tick came: it is the moment of every open mark. */
void mark_list__close(struct mark_list *list, __u64 tick_ns);
void mark_list__fini(struct mark_list *list);

#endif
