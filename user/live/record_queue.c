// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "live/record_queue.h"

void record_queue__fini(struct record_queue *queue)
{
	free(queue->bytes);
	memset(queue, 0, sizeof(*queue));
}

bool record_queue__empty(const struct record_queue *queue)
{
	return queue->start == queue->end;
}

/* Makes room for @size bytes at the end; what has been taken is given up first. */
static char *reserve(struct record_queue *queue, size_t size)
{
	size_t used = queue->end - queue->start, cap;
	char *bytes;

	if (queue->start && (!used || queue->end + size > queue->cap)) {
		memmove(queue->bytes, queue->bytes + queue->start, used);
		queue->start = 0;
		queue->end = used;
	}
	if (queue->end + size > queue->cap) {
		cap = queue->cap ? queue->cap * 2 : 1 << 16;
		while (cap < queue->end + size)
			cap *= 2;
		bytes = realloc(queue->bytes, cap);
		if (!bytes)
			return NULL;
		queue->bytes = bytes;
		queue->cap = cap;
	}
	bytes = queue->bytes + queue->end;
	queue->end += size;
	return bytes;
}

int record_queue__push(struct record_queue *queue, const void *rec)
{
	size_t size = ((const struct rec *)rec)->size;
	char *room = reserve(queue, size);

	if (!room)
		return -ENOMEM;
	memcpy(room, rec, size);
	return 0;
}

void *record_queue__add(struct record_queue *queue, enum rec_type type, size_t size, __u64 ts)
{
	size_t rounded = (size + 7) & ~(size_t)7;
	struct rec *rec = (struct rec *)reserve(queue, rounded);

	if (!rec)
		return NULL;
	memset(rec, 0, rounded);
	rec->type = type;
	rec->size = rounded;
	rec->ts = ts;
	return rec;
}

const struct rec *record_queue__pop(struct record_queue *queue)
{
	const struct rec *rec;

	if (record_queue__empty(queue))
		return NULL;
	rec = (const struct rec *)(queue->bytes + queue->start);
	queue->start += rec->size;
	return rec;
}
