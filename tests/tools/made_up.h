/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* For programs that make up a stream of records: chance by a seed, and what a stream goes through.
 */
#ifndef RSSTRACE_TESTS_TOOLS_MADE_UP_H
#define RSSTRACE_TESTS_TOOLS_MADE_UP_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include "model/session.h"
#include "trace/writer.h"

static void die(const char *what)
{
	fprintf(stderr, "%s: %s\n", program_invocation_short_name, what);
	exit(2);
}

/* 0 .. @sides - 1, the same for the same *@seed (Knuth's MMIX generator). */
static inline __u64 dice(__u64 *seed, __u64 sides)
{
	*seed = *seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (*seed >> 33) % sides;
}

/* @rec, of @size bytes, is what comes next: as record does it, or without @writer for the model
 * alone. */
static inline void stream__tell(struct trace_writer *writer, struct session *session,
				struct rec *rec, __u16 type, __u32 size, __u64 ts)
{
	struct err err = { "" };

	rec->type = type;
	rec->size = (size + 7) & ~7U;
	rec->ts = ts;
	if ((writer && trace_writer__append(writer, rec, &err)) ||
	    session__feed(session, rec, rec->size, &err) ||
	    (writer && type == REC_TICK && trace_writer__ticked(writer, session, &err)))
		die(err.text);
}

#endif
