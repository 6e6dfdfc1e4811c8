// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "base/units.h"
#include "cmd/commands.h"
#include "cmd/output.h"
#include "cmd/tracing.h"
#include "report/whole_stacks.h"
#include "view/query.h"

#define LENGTH_MIN_NS NSEC_PER_SEC
#define LENGTH_MIN_BYTES (64ULL << 10)

/* "10m" is a time, "10M" and "10MiB" are sizes. */
static int parse_length(struct trace_length *length, const char *value, struct err *err)
{
	*length = (struct trace_length){ 0 };
	if (!units__parse_duration(value, &length->ns))
		return length->ns < LENGTH_MIN_NS ? err__set(err, -EINVAL, "a second or more") : 0;
	length->ns = 0;
	if (units__parse_bytes(value, &length->bytes))
		return err__set(err, -EINVAL, "a time such as 10m or a size such as 100MiB");
	return length->bytes < LENGTH_MIN_BYTES ? err__set(err, -EINVAL, "64KiB or more") : 0;
}

static int parse_rotate(struct options *options, const char *value, struct err *err)
{
	return parse_length(&options->plan.rotate, value, err);
}

static int parse_keep(struct options *options, const char *value, struct err *err)
{
	return parse_length(&options->plan.keep, value, err);
}

static int parse_max_size(struct options *options, const char *value, struct err *err)
{
	if (units__parse_bytes(value, &options->plan.max_bytes) ||
	    options->plan.max_bytes < LENGTH_MIN_BYTES)
		return err__set(err, -EINVAL, "a size of 64KiB or more");
	return 0;
}

static int parse_trigger(struct options *options, const char *value, struct err *err)
{
	return triggers__add(&options->triggers, value, err);
}

static const struct option_spec opt_max_size = { 0, "max-size", "SIZE",
						 "end at SIZE; with --keep: hold the disk to it",
						 parse_max_size };
static const struct option_spec opt_rotate = {
	0, "rotate", "SIZE|TIME", "a new file each SIZE or TIME; old ones are FILE.1 ...",
	parse_rotate
};
static const struct option_spec opt_keep = { 0, "keep", "TIME|SIZE",
					     "only the last TIME or SIZE (up to twice that)",
					     parse_keep };
static const struct option_spec opt_trigger = {
	0, "trigger", "WHAT",
	"mark it, keep what --keep has: rss>2G, growth>100M/1m, exit, signal, oom", parse_trigger
};

static const struct option_spec *const record_options[] = {
	&opt_pid,   &opt_interval, &opt_output,	  &opt_force,	   &opt_duration, &opt_children,
	&opt_quiet, &opt_verbose,  &opt_ring,	  &opt_marks,	   &opt_max_size, &opt_rotate,
	&opt_keep,  &opt_trigger,  &opt_overhead, &opt_debuginfod, NULL,
};

/* What the summary says; taken while the model is still there. */
struct summary {
	bool known;
	__u64 duration_ns, faults, lost;
	__s64 rss_from, rss_to;
	char whole[UNITS_LEN]; /* the share of stacks */
	__u64 tracer_memory, tracer_maps;
};

static int summarise(struct run_loop *loop, const struct snapshot *from, const struct snapshot *to,
		     struct err *err)
{
	struct view *view = view__new(loop->session, from, to, &(struct view_options){ .top = 1 });
	struct summary *summary = loop->ctx;

	if (!view)
		return err__set(err, -ENOMEM, "out of memory");
	*summary = (struct summary){
		.known = true,
		.duration_ns = view->to_ns - view->from_ns,
		.faults = view->faults,
		.lost = view->lost,
		.rss_from = view->rss.total - view->growth.total,
		.rss_to = view->rss.total,
		.tracer_memory = view->tracer_memory,
		.tracer_maps = view->tracer_maps,
	};
	whole_stacks__text(summary->whole, view__walk_ends(view));
	view__free(view);
	return 0;
}

static void print_summary(const struct tracing *tracing, const struct summary *summary)
{
	char duration[UNITS_LEN], from[UNITS_LEN], to[UNITS_LEN], size[UNITS_LEN];

	if (summary->known)
		say("%s, RSS %s -> %s, %llu faults, %llu lost, stacks %s whole",
		    units__duration(duration, summary->duration_ns),
		    units__bytes(from, summary->rss_from), units__bytes(to, summary->rss_to),
		    (unsigned long long)summary->faults, (unsigned long long)summary->lost,
		    summary->whole);
	if (summary->tracer_memory)
		say("the tracer held %s, and %s of maps in the kernel",
		    units__bytes(from, summary->tracer_memory),
		    units__bytes(to, summary->tracer_maps));
	if (tracing->loop.full)
		say("--max-size %s: the recording ends here",
		    units__bytes(size, tracing->options->plan.max_bytes));
	if (tracing->nr_parts)
		say("%s in %u files; the oldest is %s.1", units__bytes(size, tracing->all_bytes),
		    tracing->nr_parts + 1, tracing->path);
	say("%s written; see it with: rsstrace report %s", units__bytes(size, tracing->file_bytes),
	    tracing->path);
}

static bool is_set(const struct trace_length *length)
{
	return length->ns || length->bytes;
}

static int check(const struct options *options, struct err *err)
{
	if (is_set(&options->plan.rotate) && is_set(&options->plan.keep))
		return err__set(err, -EINVAL, "--rotate and --keep do not go together");
	return 0;
}

static int run(const struct options *options)
{
	struct summary summary = { 0 };
	struct tracing tracing;
	struct err err = { "" };
	int code;

	if (check(options, &err) || tracing__open(&tracing, options, true, &err)) {
		say("%s", err.text);
		return tracing__failed(options);
	}
	tracing.loop.interval = summarise;
	tracing.loop.sums_only = true;
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
