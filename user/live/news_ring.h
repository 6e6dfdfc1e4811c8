/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The ring of the kernel side's unwinder, emptied by a thread of its own that does nothing else:
 * what is in it is worked on elsewhere, and a table takes longer to build than copies of deep
 * stacks take to fill 8 MiB.
 */
#ifndef RSSTRACE_LIVE_NEWS_RING_H
#define RSSTRACE_LIVE_NEWS_RING_H

#include "base/err.h"
#include "live/news_queue.h"

struct news_ring;

/* Takes the ring @fd into use and starts the thread. NULL and a sentence: no memory, no thread, no
 * such ring. */
struct news_ring *news_ring__new(int fd, struct err *err);
void news_ring__free(struct news_ring *ring);

/*
 * news_ring__wakes() - a descriptor that can be read once there was something that woke the thread,
 * until news_ring__wait_again(). Copies of stacks wake nobody as long as there is room.
 */
int news_ring__wakes(const struct news_ring *ring);
void news_ring__wait_again(struct news_ring *ring);

/* The oldest of what has come so far, good until news_ring__drop(); NULL: none. One caller at a
 * time, from any thread. */
const struct news_item *news_ring__first(struct news_ring *ring);
void news_ring__drop(struct news_ring *ring);

#endif
