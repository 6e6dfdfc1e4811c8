/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the model is not sure of. A table is disputed when something happened to it that contradicts
 * the books, or when pages came or went nobody knows where and it can have been here, until
 * somebody looked (PAGES_SEEN). Holes are writable memory without a table; they are swept once
 * after such a gain.
 */
#ifndef RSSTRACE_MODEL_DISPUTE_H
#define RSSTRACE_MODEL_DISPUTE_H

#include "model/space.h"

#define HOLE_VMA_MAX (64ULL << 30) /* reservations larger than this are not swept, bytes */

/* The holes among tables [@first, @end) were looked at. Ends or restarts the sweep when none is left. */
void holes__seen(struct space *space, __u64 first, __u64 end);

#endif
