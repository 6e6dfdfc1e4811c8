// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include "base/units.h"
#include "cmd/commands.h"
#include "cmd/instants.h"
#include "cmd/output.h"
#include "cmd/trace_window.h"
#include "report/diff.h"

static int parse_at(struct options *options, const char *value, struct err *err)
{
	struct instant instant;

	if (options->at_b)
		return err__set(err, -EINVAL, "twice at most: for A, then for B");
	*(options->at ? &options->at_b : &options->at) = value;
	return instant__parse(&instant, value, err);
}

static int parse_threshold(struct options *options, const char *value, struct err *err)
{
	if (units__parse_bytes(value, &options->threshold_bytes) ||
	    options->threshold_bytes > INT64_MAX)
		return err__set(err, -EINVAL, "a size such as 64KiB, 1MiB, 0");
	return 0;
}

static int parse_exit_code(struct options *options, const char *value, struct err *err)
{
	(void)value, (void)err;
	options->exit_code = true;
	return 0;
}

static const struct option_spec opt_diff_at = { 0, "at", "T",
						"moment of both traces (end); a second one is B's",
						parse_at };
static const struct option_spec opt_threshold = {
	0, "threshold", "SIZE", "a smaller change is no difference (0: every page counts)",
	parse_threshold
};
static const struct option_spec opt_exit_code = { 0, "exit-code", NULL,
						  "exit with 1 if the two differ",
						  parse_exit_code };

static const struct option_spec *const diff_options[] = {
	&opt_from, &opt_to,   &opt_diff_at, &opt_threshold, &opt_exit_code, &opt_top, &opt_all,
	&opt_hide, &opt_json, &opt_quiet,   &opt_verbose,   &opt_color,	    NULL,
};

/* One trace has two moments, two traces have one each. */
struct sides {
	struct trace_window a, b;
	struct diff_side from, to;
};

static int check(const struct options *options, struct err *err)
{
	if (!options->trace_b && options->at)
		return err__set(err, -EINVAL,
				"--at goes with two traces; one takes --from and --to");
	if (options->trace_b && (options->from || options->to))
		return err__set(err, -EINVAL, "--from and --to go with one trace; two take --at");
	return 0;
}

static void say_health(const struct trace_window *window, const char *trace)
{
	if (window->health)
		say("'%s' is %s", trace, window->health);
}

static int open_one(struct sides *sides, const struct options *options, struct err *err)
{
	int code = trace_window__open(&sides->a, options, NULL, err);

	if (code)
		return code;
	say_health(&sides->a, options->trace);
	sides->from = (struct diff_side){
		sides->a.from_session ? sides->a.from_session : sides->a.session,
		sides->a.from,
	};
	sides->to = (struct diff_side){ sides->a.session, sides->a.to };
	return 0;
}

static int open_two(struct sides *sides, const struct options *options, struct err *err)
{
	struct options of_b = *options;
	int code = trace_window__open(&sides->a, options, NULL, err);

	of_b.trace = options->trace_b;
	of_b.at = options->at_b ? options->at_b : options->at;
	if (!code)
		code = trace_window__open(&sides->b, &of_b, NULL, err);
	if (code)
		return code;
	say_health(&sides->a, options->trace);
	say_health(&sides->b, options->trace_b);
	sides->from = (struct diff_side){ sides->a.session, sides->a.to };
	sides->to = (struct diff_side){ sides->b.session, sides->b.to };
	return 0;
}

/* 0 or 1: the same, different. */
static int print_diff(const struct sides *sides, const struct options *options, struct err *err)
{
	const struct diff_options rows = {
		.top = options->top,
		.least_bytes = options->threshold_bytes ? (__s64)options->threshold_bytes : 1,
		.shown = output__shown(options),
	};
	struct report_style style = output__style(options);
	struct view_diff *diff = view_diff__new(&sides->from, &sides->to, &rows);
	struct diff_report report = {
		.diff = diff,
		.trace_a = options->trace,
		.trace_b = options->trace_b ? options->trace_b : options->trace,
		.lost_a = sides->from.moment->lost,
		.lost_b = sides->to.moment->lost,
		.least_bytes = rows.least_bytes,
	};
	int differs;

	if (!diff)
		return err__set(err, -ENOMEM, "out of memory");
	if (options->json)
		diff_report__json(stdout, &report);
	else
		diff_report__text(stdout, &report, &style);
	differs = diff->differs;
	view_diff__free(diff);
	return differs;
}

static int run(const struct options *options)
{
	struct sides sides = { 0 };
	struct err err = { "" };
	int code = check(options, &err), status;

	if (!code)
		code = options->trace_b ? open_two(&sides, options, &err)
					: open_one(&sides, options, &err);
	if (!code)
		code = print_diff(&sides, options, &err);
	if (code < 0)
		say("%s", err.text);
	trace_window__close(&sides.a);
	trace_window__close(&sides.b);
	if (code < 0)
		return EXIT_WRONG;
	status = output__close();
	return status ? status : options->exit_code && code ? EXIT_DIFFERS : 0;
}

const struct command cmd_diff = {
	.name = "diff",
	.usage = "[options] TRACE [TRACE]",
	.summary = "compare two traces, or two moments of one: what differs, by how much, where",
	.targets = TARGET_TRACE,
	.two_traces = true,
	.options = diff_options,
	.run = run,
};
