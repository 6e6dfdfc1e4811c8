/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Options as data: each command lists the options it takes and the targets it works on; parsing and
 * --help follow from that. An option of one command only may live in that command's file.
 */
#ifndef RSSTRACE_CMD_OPTIONS_H
#define RSSTRACE_CMD_OPTIONS_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>
#include <linux/types.h>
#include "base/err.h"
#include "cmd/trace_output.h"
#include "cmd/triggers.h"
#include "view/query.h"

#define MAX_PIDS 64
#define DEFAULT_TOP 10

enum color_when { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };

/* What was asked for. Strings belong to argv. */
struct options {
	pid_t pids[MAX_PIDS];
	unsigned int nr_pids;
	const char *trace;   /* NULL: none */
	const char *trace_b; /* the second one of a command with two_traces */
	char **command;	   /* argv behind "--", NULL-terminated; NULL: none */
	const char *label;   /* of a mark */
	const char *mark_fifo;
	const char *debuginfod; /* NULL: not asked for; "": of DEBUGINFOD_URLS */
	const char *output;
	bool overwrite;
	__u64 interval_ns, duration_ns; /* duration 0: no limit */
	__u32 ring_bytes;		/* 0: the default */
	__u32 overhead_ppm;		/* 0: none given */
	bool every_stack;		/* --overhead none */
	__u32 top;			/* rows; 0: all */
	bool top_given;			/* by -n or --all */
	bool children, json, quiet, verbose;
	__u32 shown;	 /* enum frame_class: what --hide leaves; as given */
	bool hide_given;
	struct trace_plan plan; /* but for overwrite */
	struct triggers triggers;
	enum color_when color;
	pid_t only_pid;	    /* of a trace's processes; 0: all */
	const char *format; /* of an export; NULL: not given */
	const char *value;
	bool by_region, interval_given;
	const char *from, *to, *at; /* instants as written, checked; NULL: not given */
	enum group_by by;
	enum tree_kind tree;
	struct filter filter;
	const char *at_b;      /* diff: of the second trace */
	__u64 threshold_bytes; /* diff */
	bool exit_code;	       /* diff */
};

struct option_spec {
	char letter;	      /* 0: long form only */
	const char *name;     /* without the dashes */
	const char *argument; /* NULL: a flag; "[=X]": it may be left out, and @value is NULL then */
	const char *help;     /* one line */
	/* 0 or -EINVAL; the sentence continues "--NAME 'value': ". @value is NULL for flags. */
	int (*parse)(struct options *options, const char *value, struct err *err);
};

extern const struct option_spec opt_pid, opt_output, opt_force, opt_interval, opt_duration, opt_top,
	opt_all, opt_json, opt_children, opt_quiet, opt_verbose, opt_color, opt_from, opt_to,
	opt_at, opt_ring, opt_only_pid, opt_by, opt_top_down, opt_bottom_up, opt_filter,
	opt_marks, opt_overhead, opt_debuginfod, opt_hide;

#define TARGET_PID (1 << 0)
#define TARGET_TRACE (1 << 1)
#define TARGET_COMMAND (1 << 2)

struct command {
	const char *name;
	const char *usage;    /* what follows the name: "[options] -p PID[,PID...]" */
	const char *summary;  /* one line */
	const char *word; /* what a word is that is no target, and must be there: "label"; then a target need not */
	unsigned int targets; /* TARGET_*: exactly one of them must be given; 0: none may */
	bool one_pid;
	bool two_traces; /* a second one may follow */
	const struct option_spec *const *options;  /* NULL-terminated */
	int (*run)(const struct options *options); /* returns the exit status */
	void (*more_help)(FILE *out);		   /* below the options; NULL: nothing */
};

/* options__parse() results that are not errors. */
#define OPTIONS_HELP 1

/*
 * options__parse() - @argv[0] is the command's name. 0, OPTIONS_HELP (--help was asked for), or
 * -EINVAL with a sentence.
 * @argv is reordered; @options borrows from it.
 */
int options__parse(struct options *options, const struct command *command, int argc, char **argv,
		   struct err *err);

/* Usage, summary and options of @command. */
void options__help(FILE *out, const struct command *command);

#endif
