// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdio.h>
#include "cmd/commands.h"
#include "cmd/output.h"
#include "cmd/trace_window.h"
#include "view/query.h"

static const struct option_spec *const report_options[] = {
	&opt_from, &opt_to,    &opt_at,	     &opt_only_pid, &opt_top, &opt_all,
	&opt_json, &opt_quiet, &opt_verbose, &opt_color,    NULL,
};

static int print_report(const struct trace_window *window, const struct options *options,
			struct err *err)
{
	struct report_style style = output__style(options);
	struct view_options rows = output__rows(options);
	struct view *view = view__new(window->session, window->from, window->to, &rows);

	if (!view)
		return err__set(err, -ENOMEM, "out of memory");
	if (window->health)
		say("'%s' is %s", options->trace, window->health);
	if (options->json)
		report__json(stdout, window->session, view, "report", false);
	else
		report__text(stdout, window->session, view, &style, window->health);
	view__free(view);
	return 0;
}

static int run(const struct options *options)
{
	struct trace_window window;
	struct err err = { "" };
	int code = trace_window__open(&window, options, NULL, &err);

	if (!code)
		code = print_report(&window, options, &err);
	if (code)
		say("%s", err.text);
	trace_window__close(&window);
	return code ? EXIT_WRONG : output__close();
}

const struct command cmd_report = {
	.name = "report",
	.usage = "[options] TRACE",
	.summary = "read a trace: what was resident, what grew, by region and by stack",
	.targets = TARGET_TRACE,
	.options = report_options,
	.run = run,
};
