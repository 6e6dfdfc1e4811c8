// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The options several commands share: how each is written, what it may be, what it says in --help.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/units.h"
#include "cmd/instants.h"
#include "cmd/options.h"

#define PID_MAX 4194304 /* PID_MAX_LIMIT, include/linux/threads.h */
#define TOP_MAX 1000000
#define OVERHEAD_MIN 0.01 /* percent */
#define OVERHEAD_MAX 1000.0
#define RING_MIN_BYTES (4ULL << 10)
#define RING_MAX_BYTES (1ULL << 30)
#define INTERVAL_MIN_NS 10000000ULL
#define INTERVAL_MAX_NS (86400 * NSEC_PER_SEC)
#define DURATION_MAX_NS (365 * INTERVAL_MAX_NS)

/* A decimal number in [min, max] that ends at @stop, and nothing else: no sign, no blanks. */
static int parse_number(const char *text, char **stop, long min, long max, long *value)
{
	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	*value = strtol(text, stop, 10);
	return errno || *value < min || *value > max ? -EINVAL : 0;
}

static int add_pid(struct options *options, pid_t pid, struct err *err)
{
	for (unsigned int i = 0; i < options->nr_pids; i++)
		if (options->pids[i] == pid)
			return err__set(err, -EINVAL, "%d is named twice", pid);
	if (options->nr_pids == MAX_PIDS)
		return err__set(err, -EINVAL, "at most %d processes", MAX_PIDS);
	options->pids[options->nr_pids++] = pid;
	return 0;
}

static int parse_pid(struct options *options, const char *value, struct err *err)
{
	char *stop;
	long pid;
	int code;

	for (;; value = stop + 1) {
		if (parse_number(value, &stop, 1, PID_MAX, &pid) || (*stop && *stop != ','))
			return err__set(err, -EINVAL, "a process id is a number from 1 to %d",
					PID_MAX);
		code = add_pid(options, (pid_t)pid, err);
		if (code || !*stop)
			return code;
	}
}

static int parse_only_pid(struct options *options, const char *value, struct err *err)
{
	char *stop;
	long pid;

	if (parse_number(value, &stop, 1, PID_MAX, &pid) || *stop)
		return err__set(err, -EINVAL, "a process id is a number from 1 to %d", PID_MAX);
	options->only_pid = (pid_t)pid;
	return 0;
}

static int parse_output(struct options *options, const char *value, struct err *err)
{
	if (!*value)
		return err__set(err, -EINVAL, "the file name is empty");
	options->output = value;
	return 0;
}

static int parse_marks(struct options *options, const char *value, struct err *err)
{
	if (!*value)
		return err__set(err, -EINVAL, "the name of the FIFO is empty");
	options->mark_fifo = value;
	return 0;
}

/* As perf's: the servers' URLs, or those of the environment; never the environment alone. */
static int parse_debuginfod(struct options *options, const char *value, struct err *err)
{
	const char *urls = getenv("DEBUGINFOD_URLS");

	options->debuginfod = value ? value : "";
	if (value ? *value : urls && *urls)
		return 0;
	return err__set(err, -EINVAL,
			"no server: give its URL, --debuginfod=URL, or set DEBUGINFOD_URLS");
}

static int parse_span(const char *value, __u64 min, __u64 max, const char *range, __u64 *ns,
		      struct err *err)
{
	if (units__parse_duration(value, ns))
		return err__set(err, -EINVAL, "not a duration such as 500ms, 10s, 1h30m");
	return *ns < min || *ns > max ? err__set(err, -EINVAL, "must lie between %s", range) : 0;
}

static int parse_interval(struct options *options, const char *value, struct err *err)
{
	options->interval_given = true;
	return parse_span(value, INTERVAL_MIN_NS, INTERVAL_MAX_NS, "10ms and 24h",
			  &options->interval_ns, err);
}

static int parse_duration(struct options *options, const char *value, struct err *err)
{
	return parse_span(value, INTERVAL_MIN_NS, DURATION_MAX_NS, "10ms and 8760h",
			  &options->duration_ns, err);
}

static int parse_ring(struct options *options, const char *value, struct err *err)
{
	__u64 bytes;

	if (units__parse_bytes(value, &bytes) || bytes < RING_MIN_BYTES || bytes > RING_MAX_BYTES ||
	    (bytes & (bytes - 1)))
		return err__set(err, -EINVAL, "a power of two from 4KiB to 1GiB");
	options->ring_bytes = bytes;
	return 0;
}

/* "1%", "0.5%", "2", "none" */
static int parse_overhead(struct options *options, const char *value, struct err *err)
{
	char *stop;
	double percent = *value >= '0' && *value <= '9' ? strtod(value, &stop) : -1;

	options->every_stack = !strcmp(value, "none");
	options->overhead_ppm = 0;
	if (options->every_stack)
		return 0;
	if (percent < OVERHEAD_MIN || percent > OVERHEAD_MAX || (strcmp(stop, "%") && *stop))
		return err__set(err, -EINVAL,
				"a percentage from %g%% to %g%%, such as 1%%, or none",
				OVERHEAD_MIN, OVERHEAD_MAX);
	options->overhead_ppm = (__u32)(percent * 1e4);
	return 0;
}

static int parse_top(struct options *options, const char *value, struct err *err)
{
	char *stop;
	long top;

	if (parse_number(value, &stop, 1, TOP_MAX, &top) || *stop)
		return err__set(err, -EINVAL,
				"a number of rows from 1 to %d; --all shows every one", TOP_MAX);
	options->top = (__u32)top;
	options->top_given = true;
	return 0;
}

static int parse_color(struct options *options, const char *value, struct err *err)
{
	static const char *const names[] = {
		[COLOR_AUTO] = "auto",
		[COLOR_ALWAYS] = "always",
		[COLOR_NEVER] = "never",
	};

	for (unsigned int i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(value, names[i]))
			continue;
		options->color = i;
		return 0;
	}
	return err__set(err, -EINVAL, "auto, always or never");
}

static int parse_instant(const char **field, const char *value, struct err *err)
{
	struct instant instant;

	*field = value;
	return instant__parse(&instant, value, err);
}

static int parse_by(struct options *options, const char *value, struct err *err)
{
	for (int by = BY_NOTHING + 1; by < NR_GROUPINGS; by++) {
		if (strcmp(value, group_by_name(by)))
			continue;
		options->by = by;
		return 0;
	}
	return err__set(err, -EINVAL,
			"region, stack, module, file-line, thread, kind, cause or function");
}

static int parse_tree(struct options *options, enum tree_kind tree, struct err *err)
{
	if (options->tree && options->tree != tree)
		return err__set(err, -EINVAL, "one tree at a time");
	options->tree = tree;
	return 0;
}

static int parse_top_down(struct options *options, const char *value, struct err *err)
{
	(void)value;
	return parse_tree(options, TREE_TOP_DOWN, err);
}

static int parse_bottom_up(struct options *options, const char *value, struct err *err)
{
	(void)value;
	return parse_tree(options, TREE_BOTTOM_UP, err);
}

static int parse_filter(struct options *options, const char *value, struct err *err)
{
	return filter__add(&options->filter, value, err);
}

/* Adds the class that @word names to @hidden. 0, or -EINVAL: it names none. */
static int hide_word(const char *word, size_t len, __u32 *hidden)
{
	static const struct {
		const char *name;
		__u32 hidden;
	} words[] = { { "alloc", FRAME_ALLOC },
		      { "libc", FRAME_LIBC },
		      { "runtime", FRAME_RUNTIME },
		      { "none", 0 } };

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (strlen(words[i].name) != len || strncmp(words[i].name, word, len))
			continue;
		*hidden |= words[i].hidden;
		return 0;
	}
	return -EINVAL;
}

static int parse_hide(struct options *options, const char *value, struct err *err)
{
	bool none = false;
	__u32 hidden = 0;

	for (const char *word = value;; word++) {
		size_t len = strcspn(word, ",");

		none |= len == strlen("none") && !strncmp(word, "none", len);
		if (hide_word(word, len, &hidden) || (none && hidden))
			return err__set(err, -EINVAL,
					"a list of alloc, libc and runtime, or none alone");
		word += len;
		if (!*word)
			break;
	}
	options->shown = EVERY_FRAME & ~hidden;
	options->hide_given = true;
	return 0;
}

#define FLAG(function, assignment)                                                                 \
	static int function(struct options *options, const char *value, struct err *err)           \
	{                                                                                          \
		(void)value, (void)err;                                                            \
		assignment;                                                                        \
		return 0;                                                                          \
	}
#define INSTANT(function, field)                                                                   \
	static int function(struct options *options, const char *value, struct err *err)           \
	{                                                                                          \
		return parse_instant(&options->field, value, err);                                 \
	}

FLAG(parse_force, options->overwrite = true)
FLAG(parse_all, options->top = 0; options->top_given = true)
FLAG(parse_json, options->json = true)
FLAG(parse_children, options->children = true)
FLAG(parse_quiet, options->quiet = true)
FLAG(parse_verbose, options->verbose = true)
INSTANT(parse_from, from)
INSTANT(parse_to, to)
INSTANT(parse_at, at)

const struct option_spec opt_pid = { 'p', "pid", "PID[,PID...]", "processes to look at",
				     parse_pid };
const struct option_spec opt_only_pid = { 'p', "pid", "PID", "this process of the trace alone",
					  parse_only_pid };
const struct option_spec opt_output = { 'o', "output", "FILE", "write a trace to FILE",
					parse_output };
const struct option_spec opt_force = { 'f', "force", NULL, "replace an existing FILE",
				       parse_force };
const struct option_spec opt_interval = { 'i', "interval", "TIME", "length of an interval (1s)",
					  parse_interval };
const struct option_spec opt_duration = { 'd', "duration", "TIME", "stop after TIME",
					  parse_duration };
const struct option_spec opt_ring = { 0, "ring", "SIZE", "ring buffer for records (16MiB)",
				      parse_ring };
const struct option_spec opt_marks = { 0, "marks", "FIFO", "take marks from FIFO, a line each",
				       parse_marks };
const struct option_spec opt_debuginfod = {
	0, "debuginfod", "[=URLS]", "fetch debug files from URLS, or from $DEBUGINFOD_URLS",
	parse_debuginfod
};
const struct option_spec opt_top = { 'n', "top", "N", "rows of each list (10)", parse_top };
const struct option_spec opt_all = { 0, "all", NULL, "every row", parse_all };
const struct option_spec opt_json = { 0, "json", NULL, "JSON on standard output", parse_json };
const struct option_spec opt_children = { 0, "children", NULL, "follow forked children, too",
					  parse_children };
const struct option_spec opt_quiet = { 'q', "quiet", NULL, "no summary on standard error",
				       parse_quiet };
const struct option_spec opt_verbose = {
	'v', "verbose", NULL, "every frame, why stacks are cut; facts about rsstrace itself",
	parse_verbose
};
const struct option_spec opt_color = { 0, "color", "WHEN", "auto, always or never", parse_color };
const struct option_spec opt_hide = {
	0, "hide", "LIST", "leave out frames of alloc, libc, runtime (all three); none: show all",
	parse_hide
};
const struct option_spec opt_from = { 0, "from", "T",
				      "start of the window: 90s, -10s, 2026-11-20T14:03:10, peak",
				      parse_from };
const struct option_spec opt_to = { 0, "to", "T", "end of the window, likewise", parse_to };
const struct option_spec opt_at = { 0, "at", "T", "what was resident at T", parse_at };
const struct option_spec opt_by = { 0, "by", "KEY",
				    "rows by region, stack, module, file-line, function, kind, "
				    "thread or cause",
				    parse_by };
const struct option_spec opt_overhead = { 0, "overhead", "PCT",
					  "of the target's CPU time at most: samples stacks when "
					  "tracing costs more (50%); none: takes every stack",
					  parse_overhead };
const struct option_spec opt_top_down = { 0, "top-down", NULL, "a tree of stacks from main down",
					  parse_top_down };
const struct option_spec opt_bottom_up = { 0, "bottom-up", NULL,
					   "a tree of stacks from the code that faulted up",
					   parse_bottom_up };
const struct option_spec opt_filter = { 0, "filter", "TERM",
					"only region~TEXT, kind=KIND, symbol, module, thread; "
					"several: all hold",
					parse_filter };
