// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include "cmd/commands.h"
#include "cmd/output.h"
#include "cmd/trace_input.h"
#include "cmd/tracing.h"
#include "view/query.h"

static const struct option_spec *const live_options[] = {
	&opt_pid,    &opt_interval, &opt_duration, &opt_top,	    &opt_all,	  &opt_json,
	&opt_output, &opt_force,    &opt_children, &opt_quiet,	    &opt_verbose, &opt_color,
	&opt_ring,   &opt_marks,    &opt_overhead, &opt_debuginfod, &opt_hide,	  NULL,
};

/* On a terminal the new table takes the place of the old one; elsewhere tables follow each other.
 */
static int print_table(const struct run_loop *loop, const struct view *interval,
		       const struct view *since)
{
	struct report_style style = output__style(loop->ctx);
	char *text = NULL;
	size_t len = 0;
	FILE *screen;
	int code;

	if (!output__is_terminal())
		return report__live(stdout, loop->session, interval, since, &style);
	screen = open_memstream(&text, &len);
	if (!screen)
		return -errno;
	code = report__live(screen, loop->session, interval, since, &style);
	if (!fclose(screen))
		output__redraw(text, len);
	free(text);
	return code;
}

static int print_interval(struct run_loop *loop, const struct snapshot *from,
			  const struct snapshot *to, struct err *err)
{
	const struct options *options = loop->ctx;
	struct view_options rows = output__rows(options);
	struct view *interval = view__new(loop->session, from, to, &rows);
	struct view *since =
		options->json ? NULL : view__new(loop->session, loop->first, to, &rows);
	int code = 0;

	if (!interval || (!since && !options->json))
		code = err__set(err, -ENOMEM, "out of memory");
	else if (options->json)
		report__json(stdout, interval, "live", options->top, true);
	else
		print_table(loop, interval, since);
	view__free(since);
	view__free(interval);
	return code ? code : output__flush(err);
}

/* 0 also when the reader of our output has gone: nobody is left to tell. */
static int conclude(int code, const struct err *err)
{
	if (!code || code == -EPIPE)
		return 0;
	say("%s", err->text);
	return EXIT_WRONG;
}

static int replay(const struct options *options)
{
	struct run_loop loop = {
		.session = session__new(),
		.interval_ns = options->interval_ns,
		.duration_ns = options->duration_ns,
		.interval = print_interval,
		.keeps_first = !options->json,
		.ctx = (void *)options,
	};
	struct trace_input input = { 0 };
	struct err err = { "" };
	char buf[HEALTH_LEN];
	const char *health;
	int code = loop.session ? trace_input__open(&input, options->trace, false, &err)
				: err__set(&err, -ENOMEM, "out of memory");

	loop.source = input.source;
	if (!code)
		code = run_loop__run(&loop, &err);
	health = code ? NULL : trace_input__health(&input, loop.session, buf);
	if (health && !options->duration_ns)
		say("'%s' is %s", options->trace, health);
	run_loop__fini(&loop);
	trace_input__close(&input);
	if (loop.session)
		session__free(loop.session);
	return conclude(code, &err);
}

static int trace_live(const struct options *options)
{
	struct tracing tracing;
	struct err err = { "" };
	int code;

	if (tracing__open(&tracing, options, options->output != NULL, &err)) {
		say("%s", err.text);
		return tracing__failed(options);
	}
	tracing.loop.interval_ns = options->interval_ns;
	tracing.loop.interval = print_interval;
	tracing.loop.keeps_first = !options->json;
	tracing.loop.ctx = (void *)options;
	code = tracing__run(&tracing, &err);
	if (tracing__close(&tracing, code ? NULL : &err) && (!code || code == -EPIPE))
		code = -EIO;
	return conclude(code, &err) ? tracing__failed(options)
				    : tracing__exit_status(&tracing, !code);
}

static int run(const struct options *options)
{
	if (!options->trace)
		return trace_live(options);
	if (!options->output)
		return replay(options);
	say("--output '%s': goes with -p PID or -- CMD, not with a trace", options->output);
	return EXIT_WRONG;
}

const struct command cmd_live = {
	.name = "live",
	.usage = "[options] -p PID[,PID...] | TRACE | -- CMD ARG...",
	.summary = "attach and print what grew, interval after interval",
	.targets = TARGET_PID | TARGET_TRACE | TARGET_COMMAND,
	.options = live_options,
	.run = run,
};
