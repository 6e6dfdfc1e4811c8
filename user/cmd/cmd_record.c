// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "base/units.h"
#include "cmd/commands.h"
#include "cmd/output.h"
#include "cmd/tracing.h"
#include "view/query.h"

static const struct option_spec *const record_options[] = {
	&opt_pid,   &opt_interval, &opt_output, &opt_force, &opt_duration, &opt_children,
	&opt_quiet, &opt_verbose,  &opt_ring,	&opt_marks, NULL,
};

/* What the summary says; taken while the model is still there. */
struct summary {
	bool known;
	__u64 duration_ns, faults, lost;
	__s64 rss_from, rss_to;
};

static int summarise(struct run_loop *loop, const struct snapshot *from, const struct snapshot *to,
		     struct err *err)
{
	struct view *view = view__new(loop->session, from, to, &(struct view_options){ .top = 1 });

	if (!view)
		return err__set(err, -ENOMEM, "out of memory");
	*(struct summary *)loop->ctx = (struct summary){
		.known = true,
		.duration_ns = view->to_ns - view->from_ns,
		.faults = view->faults,
		.lost = view->lost,
		.rss_from = view->rss.total - view->growth.total,
		.rss_to = view->rss.total,
	};
	view__free(view);
	return 0;
}

static void print_summary(const struct tracing *tracing, const struct summary *summary)
{
	char duration[UNITS_LEN], from[UNITS_LEN], to[UNITS_LEN], size[UNITS_LEN];

	if (summary->known)
		say("%s, RSS %s -> %s, %llu faults, %llu lost",
		    units__duration(duration, summary->duration_ns),
		    units__bytes(from, summary->rss_from), units__bytes(to, summary->rss_to),
		    (unsigned long long)summary->faults, (unsigned long long)summary->lost);
	say("%s written; see it with: rsstrace report %s", units__bytes(size, tracing->file_bytes),
	    tracing->path);
}

static int run(const struct options *options)
{
	struct summary summary = { 0 };
	struct tracing tracing;
	struct err err = { "" };
	int code;

	if (tracing__open(&tracing, options, true, &err)) {
		say("%s", err.text);
		return tracing__failed(options);
	}
	tracing.loop.interval = summarise;
	tracing.loop.ctx = &summary;
	code = tracing__run(&tracing, &err);
	if (tracing__close(&tracing, code ? NULL : &err))
		code = code ? code : -EIO;
	if (code)
		say("%s", err.text);
	if (!options->quiet)
		print_summary(&tracing, &summary);
	return code ? tracing__failed(options) : tracing__exit_status(&tracing, !code);
}

const struct command cmd_record = {
	.name = "record",
	.usage = "[options] -p PID[,PID...] | -- CMD ARG...",
	.summary = "attach to or launch a process and write a trace",
	.targets = TARGET_PID | TARGET_COMMAND,
	.options = record_options,
	.run = run,
};
