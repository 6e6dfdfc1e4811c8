// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <string.h>
#include <sys/mman.h>
#include "live/news_queue.h"

#define ADDRESS_BYTES (NEWS_QUEUE_MAX_BYTES + (2U << 20)) /* a little is lost at the end */
#define KEPT_BYTES (512U << 10)				  /* of memory, by one that is empty */
#define STEP_BYTES (1U << 20)

/* Linux 5.14, and headers that know of it */
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

static size_t bytes_of(size_t len)
{
	return (sizeof(struct news_item) + len + 7) & ~(size_t)7;
}

static bool has_addresses(struct news_queue *queue)
{
	void *memory = queue->memory;

	if (memory)
		return true;
	memory = mmap(NULL, ADDRESS_BYTES, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED)
		return false;
	queue->memory = memory;
	return true;
}

/* Have @room bytes at end. */
static bool make_room(struct news_queue *queue, size_t room)
{
	if (queue->wrap)
		return queue->begin - queue->end >= room;
	if (ADDRESS_BYTES - queue->end >= room)
		return true;
	if (queue->begin < room)
		return false;
	queue->wrap = queue->end;
	queue->end = 0;
	return true;
}

/* Have memory up to @end. Page by page it takes as long as the other side takes to fill as much;
 * where it cannot be had otherwise that is how it comes. */
static void reach(struct news_queue *queue, size_t end)
{
	size_t from = queue->used;

	if (end <= from)
		return;
	queue->used = end <= KEPT_BYTES ? end : end + STEP_BYTES;
	if (queue->used > ADDRESS_BYTES)
		queue->used = ADDRESS_BYTES;
	if (end > KEPT_BYTES) {
		from = (from + 4095) & ~(size_t)4095;
		madvise(queue->memory + from, queue->used - from, MADV_POPULATE_WRITE);
	}
}

bool news_queue__push(struct news_queue *queue, const void *bytes, size_t len)
{
	struct news_item *item;

	if (!has_addresses(queue) || len > ADDRESS_BYTES || !make_room(queue, bytes_of(len)))
		return false;
	reach(queue, queue->end + bytes_of(len));
	item = (struct news_item *)(queue->memory + queue->end);
	item->len = len;
	memcpy(item->bytes, bytes, len);
	queue->end += bytes_of(len);
	queue->bytes += len;
	queue->nr++;
	return true;
}

const struct news_item *news_queue__first(const struct news_queue *queue)
{
	return queue->nr ? (const struct news_item *)(queue->memory + queue->begin) : NULL;
}

static void rewind_empty(struct news_queue *queue)
{
	queue->begin = queue->end = queue->wrap = 0;
	if (queue->used <= KEPT_BYTES)
		return;
	madvise(queue->memory + KEPT_BYTES, queue->used - KEPT_BYTES, MADV_DONTNEED);
	queue->used = KEPT_BYTES;
}

void news_queue__drop(struct news_queue *queue)
{
	const struct news_item *item = news_queue__first(queue);

	queue->bytes -= item->len;
	queue->nr--;
	queue->begin += bytes_of(item->len);
	if (queue->begin == queue->wrap)
		queue->begin = queue->wrap = 0;
	if (!queue->nr)
		rewind_empty(queue);
}

void news_queue__fini(struct news_queue *queue)
{
	if (queue->memory)
		munmap(queue->memory, ADDRESS_BYTES);
	*queue = (struct news_queue){ 0 };
}
