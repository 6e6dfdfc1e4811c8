/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * News of the kernel side's unwinder, taken out of their ring and not yet worked on. A ring of 8
 * MiB holds 60 copies of deep stacks; while a large table is built ten times as many may come.
 */
#ifndef RSSTRACE_LIVE_NEWS_QUEUE_H
#define RSSTRACE_LIVE_NEWS_QUEUE_H

#include <stdbool.h>
#include <stddef.h>

#define NEWS_QUEUE_MAX_BYTES (64U << 20) /* then whoever fills it had better wait */

struct news_item {
	struct news_item *next;
	size_t len;
	char bytes[] __attribute__((aligned(8)));
};

/* Zero: empty. */
struct news_queue {
	struct news_item *first, *last;
	size_t bytes;
};

/* Copy @len bytes to the end; false: there is no memory. */
bool news_queue__push(struct news_queue *queue, const void *bytes, size_t len);

/* The oldest, the caller's to free(); NULL: none. */
struct news_item *news_queue__pop(struct news_queue *queue);
void news_queue__fini(struct news_queue *queue);

#endif
