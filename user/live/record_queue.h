/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Records waiting to be taken, in order. */
#ifndef RSSTRACE_LIVE_RECORD_QUEUE_H
#define RSSTRACE_LIVE_RECORD_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include "record_abi.h"

struct record_queue {
	char *bytes;
	size_t start, end, cap; /* records fill [start, end) */
};

void record_queue__fini(struct record_queue *queue);

/* Copies @rec (rec->size bytes). 0 or -ENOMEM. */
int record_queue__push(struct record_queue *queue, const void *rec);

/* Room for a record of @size bytes (rounded up to 8), zeroed, header filled in; NULL: no memory. Valid until the next push. */
void *record_queue__add(struct record_queue *queue, enum rec_type type, size_t size, __u64 ts);

/* The oldest record, or NULL. Valid until the next push or add. */
const struct rec *record_queue__pop(struct record_queue *queue);
bool record_queue__empty(const struct record_queue *queue);

#endif
