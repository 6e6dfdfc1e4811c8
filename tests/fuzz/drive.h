/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A session under a fuzzer: what rsstrace does with records, to the last line of the report. */
#ifndef RSSTRACE_TESTS_FUZZ_DRIVE_H
#define RSSTRACE_TESTS_FUZZ_DRIVE_H

#include <stdint.h>
#include "model/session.h"

#define DRIVE_BYTES_MAX (1UL << 20) /* of records; a small file can hold a lot of them */

struct drive {
	struct session *session;
	struct snapshot *first; /* at the first tick, or NULL */
	bool in_checkpoint;	/* it is being read: what it says is not the session's yet */
};

void drive__begin(struct drive *drive);
void drive__end(struct drive *drive);
void drive__feed(struct drive *drive, const struct rec *rec, size_t len);

/* Text and JSON of the window from the first tick to now; @reading picks grouping, tree and filter.
 */
void drive__report(struct drive *drive, uint64_t reading);

/* The same with the start in one session and the end in another, as two segments of a trace give
 * them. */
void drive__report_between(struct drive *first, struct drive *last);

/* A fresh session that took what this one told as a checkpoint; NULL: it has ended. Aborts when it
 * is not taken. */
struct session *drive__twin(struct drive *drive);

/* Aborts when the two are not the same; frees @twin (NULL: there is none). */
void drive__compare(struct drive *drive, struct session *twin);

#endif
