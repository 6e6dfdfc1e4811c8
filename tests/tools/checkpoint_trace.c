// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A trace written anew with checkpoints, or without, for tests that hold the two against each
 * other.
 *
 *   checkpoint_trace IN OUT EVERY    a checkpoint behind every EVERYth tick; 0: none
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include "model/checkpoint.h"
#include "trace/reader.h"
#include "trace/writer.h"

static void die(const char *what)
{
	fprintf(stderr, "checkpoint_trace: %s\n", what);
	exit(2);
}

int main(int argc, char **argv)
{
	struct session *session = session__new();
	struct record_source *source;
	struct trace_writer *writer;
	struct err err = { "" };
	const struct rec *rec;
	unsigned long every, ticks = 0;
	int got;

	if (argc != 4)
		die("usage: checkpoint_trace IN OUT EVERY");
	every = strtoul(argv[3], NULL, 10);
	source = trace_source__open(byte_source__file(argv[1], &err), argv[1], &err);
	writer = source ? trace_writer__open(argv[2], true, &err) : NULL;
	if (!session || !writer)
		die(err.text);
	while ((got = source->next(source, &rec, &err)) > 0) {
		if (is_checkpoint_record(rec->type))
			continue;
		if (trace_writer__append(writer, rec, &err) ||
		    session__feed(session, rec, rec->size, &err) == -ENOMEM)
			die(err.text);
		if (rec->type == REC_TICK && every && !(++ticks % every) &&
		    trace_writer__checkpoint(writer, session, &err))
			die(err.text);
	}
	trace_writer__note(writer, session);
	if (got < 0 || trace_writer__close(writer, &err))
		die(err.text);
	source->free(source);
	session__free(session);
	return 0;
}
