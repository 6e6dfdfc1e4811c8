// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdio.h>
#include "cmd/commands.h"
#include "cmd/output.h"
#include "cmd/trace_window.h"
#include "view/query.h"

static const struct option_spec *const report_options[] = {
	&opt_from,  &opt_to,	   &opt_at,	   &opt_only_pid, &opt_top,  &opt_all,
	&opt_by,    &opt_top_down, &opt_bottom_up, &opt_filter,	  &opt_hide, &opt_json,
	&opt_quiet, &opt_verbose,  &opt_color,	   NULL,
};

/* What cannot be answered is refused; an empty table would look like an answer. */
static int check_reading(const struct options *options, struct err *err)
{
	__u32 fields = options->filter.fields;

	if (fields && options->by == BY_CAUSE)
		return err__set(err, -EINVAL,
				"--by cause goes without --filter: causes are counted for the "
				"whole process");
	if (fields & FILTER_OF_REGIONS && (fields & FILTER_THREAD || options->by == BY_THREAD))
		return err__set(err, -EINVAL,
				"threads and regions do not go together: a page does not remember "
				"its thread");
	if (fields & FILTER_THREAD && (options->by == BY_REGION || options->by == BY_KIND ||
				       (!options->by && !options->tree)))
		return err__set(err, -EINVAL,
				"--filter thread goes with --by stack, function, module, file-line "
				"or thread, or a tree: a page does not remember its thread");
	return 0;
}

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
		report__json(stdout, view, "report", options->top, false);
	else
		report__text(stdout, window->session, view, &style, window->health);
	view__free(view);
	return 0;
}

static int run(const struct options *options)
{
	struct trace_window window;
	struct err err = { "" };
	int code = check_reading(options, &err);

	if (code) {
		say("%s", err.text);
		return EXIT_WRONG;
	}
	code = trace_window__open(&window, options, NULL, &err);
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
