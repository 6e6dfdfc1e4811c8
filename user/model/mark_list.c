// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "model/mark_list.h"

int mark_list__put(struct mark_list *list, const struct mark *mark)
{
	if (list->nr == MARKS_MAX)
		return -ENOSPC;
	if (list->nr == list->cap) {
		__u32 cap = list->cap ? 2 * list->cap : 16;
		struct mark *more = realloc(list->marks, cap * sizeof(*more));

		if (!more)
			return -ENOMEM;
		list->marks = more;
		list->cap = cap;
	}
	list->marks[list->nr++] = *mark;
	if (mark->tick_ns != MARK_OPEN)
		list->nr_closed = list->nr;
	return 0;
}

int mark_list__add(struct mark_list *list, const struct rec_mark *rec, __u64 ts)
{
	struct mark mark = {
		.ts = ts,
		.tick_ns = MARK_OPEN,
		.from = rec->from,
		.pid = rec->pid,
		.tid = rec->tid,
	};

	strncpy(mark.label, rec->label, sizeof(mark.label) - 1);
	return mark_list__put(list, &mark);
}

void mark_list__close(struct mark_list *list, __u64 tick_ns)
{
	while (list->nr_closed < list->nr)
		list->marks[list->nr_closed++].tick_ns = tick_ns;
}

void mark_list__fini(struct mark_list *list)
{
	free(list->marks);
	memset(list, 0, sizeof(*list));
}
