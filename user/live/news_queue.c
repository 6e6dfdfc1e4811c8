// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <stdlib.h>
#include <string.h>
#include "live/news_queue.h"

bool news_queue__push(struct news_queue *queue, const void *bytes, size_t len)
{
	struct news_item *item = malloc(sizeof(*item) + len);

	if (!item)
		return false;
	item->next = NULL;
	item->len = len;
	memcpy(item->bytes, bytes, len);
	if (queue->last)
		queue->last->next = item;
	else
		queue->first = item;
	queue->last = item;
	queue->bytes += len;
	return true;
}

struct news_item *news_queue__pop(struct news_queue *queue)
{
	struct news_item *item = queue->first;

	if (!item)
		return NULL;
	queue->first = item->next;
	if (!queue->first)
		queue->last = NULL;
	queue->bytes -= item->len;
	return item;
}

void news_queue__fini(struct news_queue *queue)
{
	struct news_item *item;

	while ((item = news_queue__pop(queue)))
		free(item);
}
