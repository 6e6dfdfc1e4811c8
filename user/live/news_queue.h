/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * News of the kernel side's unwinder, taken out of their ring and not yet worked on. A ring of 8
 * MiB holds 60 copies of deep stacks; while a large table is built ten times as many may come, and
 * as fast as memory can be written: it is had for many at once, and given back when the queue is
 * empty.
 */
#ifndef RSSTRACE_LIVE_NEWS_QUEUE_H
#define RSSTRACE_LIVE_NEWS_QUEUE_H

#include <stdbool.h>
#include <stddef.h>

#define NEWS_QUEUE_MAX_BYTES (64U << 20) /* then whoever fills it had better wait */

struct news_item {
	size_t len;
	char bytes[] __attribute__((aligned(8)));
};

/* Zero: empty. What is in it lies in order from begin on, and, where it did not fit before the end
 * of the memory, from 0 on. */
struct news_queue {
	char *memory;	   /* addresses alone, until they are written to */
	size_t begin, end; /* of what is in it */
	size_t wrap;	   /* where it goes on at 0; 0: nowhere */
	size_t used;	   /* below this there may be memory */
	size_t nr, bytes;  /* of news */
};

/* Copy @len bytes to the end; false: there is no room. */
bool news_queue__push(struct news_queue *queue, const void *bytes, size_t len);

/* The oldest, which stays where it is, whatever is pushed, until news_queue__drop(); NULL: none. */
const struct news_item *news_queue__first(const struct news_queue *queue);
void news_queue__drop(struct news_queue *queue);
void news_queue__fini(struct news_queue *queue);

#endif
