// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "base/units.h"
#include "cmd/commands.h"
#include "cmd/output.h"
#include "cmd/output_file.h"
#include "cmd/trace_window.h"
#include "export/exporter.h"
#include "report/whole_stacks.h"

static int parse_format(struct options *options, const char *value, struct err *err)
{
	char names[256] = "";

	options->format = value;
	if (exporter__find(value))
		return 0;
	for (const struct exporter *const *at = exporters; *at; at++) {
		strncat(names, *names ? ", " : "", sizeof(names) - strlen(names) - 1);
		strncat(names, (*at)->name, sizeof(names) - strlen(names) - 1);
	}
	return err__set(err, -EINVAL, "no such format; there are %s", names);
}

static int parse_value(struct options *options, const char *value, struct err *err)
{
	enum sample_value which;

	options->value = value;
	return sample_value__parse(value, &which)
		       ? err__set(err, -EINVAL, "resident, growth, shrunk, faulted or freed")
		       : 0;
}

static int parse_by_region(struct options *options, const char *value, struct err *err)
{
	(void)value, (void)err;
	options->by_region = true;
	return 0;
}

static int parse_regions(struct options *options, const char *value, struct err *err)
{
	return opt_top.parse(options, value, err);
}

static int parse_to_file(struct options *options, const char *value, struct err *err)
{
	return opt_output.parse(options, value, err);
}

static int parse_every(struct options *options, const char *value, struct err *err)
{
	return opt_interval.parse(options, value, err);
}

static const struct option_spec opt_format = { 0, "format", "NAME", "what to write; listed below",
					       parse_format };
static const struct option_spec opt_to_file = { 'o', "output", "FILE",
						"write to FILE instead of standard output (-)",
						parse_to_file };
static const struct option_spec opt_value = {
	0, "value", "NAME", "resident (default), growth, shrunk, faulted or freed", parse_value
};
static const struct option_spec opt_by_region = { 0, "by-region", NULL,
						  "stacks below a frame that names their region",
						  parse_by_region };
static const struct option_spec opt_every = { 'i', "interval", "TIME",
					      "time between two moments (every tick)",
					      parse_every };
static const struct option_spec opt_regions = { 'n', "top", "N",
						"regions with a counter of their own (10)",
						parse_regions };

static const struct option_spec *const export_options[] = {
	&opt_format, &opt_to_file,   &opt_force, &opt_from,    &opt_to,	 &opt_at,    &opt_only_pid,
	&opt_value,  &opt_by_region, &opt_every, &opt_regions, &opt_all, &opt_quiet, NULL,
};

/* An export while its trace is read. */
struct exporting {
	const struct exporter *exporter;
	struct export_run run;
	struct output_file *file;
	__u32 pid;		 /* the only process; 0: all */
	struct snapshot *before; /* the moment before this one; NULL: none yet */
	__u64 next_ns;		 /* earliest time of the next moment */
};

static int begin(void *ctx, const struct trace_window *window, struct err *err)
{
	struct exporting *exporting = ctx;

	exporting->run.session = window->session;
	exporting->run.from_ns = window->from_ns;
	exporting->run.to_ns = window->to_ns;
	return exporting->exporter->begin ? exporting->exporter->begin(&exporting->run, err) : 0;
}

static int on_record(void *ctx, const struct rec *rec, bool inside, struct err *err)
{
	struct exporting *exporting = ctx;

	int code = exporting->exporter->record(&exporting->run, rec, inside, err);

	return code ? code : output_file__check(exporting->file, err);
}

static int on_moment(struct exporting *exporting, struct snapshot *now, struct err *err)
{
	const struct view_options rows = { .pid = exporting->pid, .unnamed_stacks = true };
	const struct snapshot *before = exporting->before ? exporting->before : now;
	struct view *view = view__new(exporting->run.session, before, now, &rows);
	int code;

	if (!view)
		return err__set(err, -ENOMEM, "out of memory");
	code = exporting->exporter->tick(&exporting->run, view, err);
	view__free(view);
	return code ? code : output_file__check(exporting->file, err);
}

static int on_tick(void *ctx, const struct trace_window *window, bool last, struct err *err)
{
	struct exporting *exporting = ctx;
	__u64 now_ns = session__now(window->session);
	struct snapshot *now;
	int code;

	if (exporting->before && !last && now_ns < exporting->next_ns)
		return 0;
	exporting->next_ns = now_ns + exporting->run.options.interval_ns;
	now = session__freeze_between(window->session); /* an end may be the peak */
	if (!now)
		return err__set(err, -ENOMEM, "out of memory");
	code = on_moment(exporting, now, err);
	snapshot__free(exporting->before);
	exporting->before = now;
	return code;
}

/* Not each format has a place for it. */
static void say_what_is_incomplete(const struct view *view)
{
	const struct walk_ends *ends = view__walk_ends(view);
	char whole[UNITS_LEN];

	if (ends->incomplete > 0)
		say("stacks %s whole by bytes", whole_stacks__text(whole, ends));
}

static int write_window(struct exporting *exporting, const struct trace_window *window,
			struct err *err)
{
	const struct view_options rows = { .pid = exporting->pid };
	struct view *view;
	int code;

	if (!exporting->exporter->write)
		return 0;
	view = view__new(window->session, window->from, window->to, &rows);
	if (!view)
		return err__set(err, -ENOMEM, "out of memory");
	code = exporting->exporter->write(&exporting->run, view, err);
	if (!code)
		say_what_is_incomplete(view);
	view__free(view);
	return code;
}

static int read_and_write(struct exporting *exporting, const struct options *options,
			  struct err *err)
{
	const struct trace_listener listener = {
		.ctx = exporting,
		.begin = begin,
		.record = exporting->exporter->record ? on_record : NULL,
		.tick = exporting->exporter->tick ? on_tick : NULL,
	};
	struct trace_window window;
	int code = trace_window__open(&window, options, &listener, err);

	if (!code)
		code = write_window(exporting, &window, err);
	if (!code && window.health)
		say("'%s' is %s", options->trace, window.health);
	if (exporting->exporter->end)
		exporting->exporter->end(&exporting->run);
	snapshot__free(exporting->before);
	trace_window__close(&window);
	return code;
}

static int refuse(const struct exporter *exporter, const char *option, struct err *err)
{
	return err__set(err, -EINVAL, "%s does not go with --format %s", option, exporter->name);
}

/* -f would put the export in the place of what it is made from. */
static bool is_the_trace(const struct options *options)
{
	struct stat trace, output;

	return strcmp(options->output, "-") && !stat(options->trace, &trace) &&
	       !stat(options->output, &output) && trace.st_dev == output.st_dev &&
	       trace.st_ino == output.st_ino;
}

static int check_options(const struct exporter *exporter, const struct options *options,
			 struct err *err)
{
	bool to_terminal = !strcmp(options->output, "-") && output__is_terminal();

	if (options->value && !(exporter->flags & EXPORT_TAKES_VALUE))
		return refuse(exporter, "--value", err);
	if (options->by_region && !(exporter->flags & EXPORT_TAKES_REGIONS))
		return refuse(exporter, "--by-region", err);
	if (options->top_given && !(exporter->flags & EXPORT_TAKES_TOP))
		return refuse(exporter, "--top", err);
	if (options->interval_given && !(exporter->flags & EXPORT_TAKES_INTERVAL))
		return refuse(exporter, "--interval", err);
	if (to_terminal && exporter->flags & EXPORT_IS_BINARY)
		return err__set(err, -EINVAL, "%s is nothing for a terminal: name a file with -o",
				exporter->name);
	if (is_the_trace(options))
		return err__set(err, -EINVAL, "'%s' is the trace itself: name another file",
				options->output);
	return 0;
}

static void set_options(struct export_options *to, const struct options *from)
{
	to->by_region = from->by_region;
	to->top = from->top;
	to->interval_ns = from->interval_given ? from->interval_ns : 0;
	if (from->value)
		sample_value__parse(from->value, &to->value);
}

static int export_trace(const struct options *options, struct err *err)
{
	struct exporting exporting = { .exporter = exporter__find(options->format) };
	struct output_file file;
	int code = check_options(exporting.exporter, options, err);

	if (!code)
		code = output_file__open(&file, options->output, options->overwrite, err);
	if (code)
		return code;
	exporting.file = &file;
	exporting.pid = (__u32)options->only_pid;
	exporting.run.out = file.out;
	set_options(&exporting.run.options, options);
	code = read_and_write(&exporting, options, err);
	if (!code)
		return output_file__commit(&file, err);
	output_file__abandon(&file);
	return code;
}

static int run(const struct options *given)
{
	struct options options = *given;
	struct err err = { "" };
	int code;

	if (!options.format) {
		say("no format: --format NAME; see 'rsstrace export --help'");
		return EXIT_WRONG;
	}
	if (!options.output)
		options.output = "-";
	code = export_trace(&options, &err);
	if (code == -EPIPE) /* the reader has seen enough */
		return 0;
	if (code)
		say("%s", err.text);
	return code ? EXIT_WRONG : 0;
}

static void list_formats(FILE *out)
{
	fprintf(out, "\nformats:\n");
	for (const struct exporter *const *at = exporters; *at; at++) {
		unsigned int flags = (*at)->flags;

		fprintf(out, "  %-12s %s%s%s%s%s\n", (*at)->name, (*at)->what,
			flags & EXPORT_TAKES_VALUE ? "  [--value]" : "",
			flags & EXPORT_TAKES_REGIONS ? "  [--by-region]" : "",
			flags & EXPORT_TAKES_INTERVAL ? "  [-i]" : "",
			flags & EXPORT_TAKES_TOP ? "  [-n]" : "");
	}
}

const struct command cmd_export = {
	.name = "export",
	.usage = "--format NAME [options] TRACE",
	.summary = "a trace as another program's format: pprof, flame graph, Perfetto, SQLite, ...",
	.targets = TARGET_TRACE,
	.options = export_options,
	.run = run,
	.more_help = list_formats,
};
