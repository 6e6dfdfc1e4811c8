/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Standard output carries data, standard error carries talk; both may be closed, full or a
 * terminal. */
#ifndef RSSTRACE_CMD_OUTPUT_H
#define RSSTRACE_CMD_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include "base/err.h"
#include "cmd/options.h"
#include "report/report.h"

/*
 * output__init() - first thing in main: a write to a closed pipe is an error instead of a signal,
 * and descriptors 0 to 2 are taken, so that no trace is opened in the place of standard output.
 */
void output__init(void);

/* "rsstrace: SENTENCE" on standard error; control characters (a target chooses its own name) print
 * as '?'. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * output__flush() - what was printed so far is out. 0, -EPIPE when the reader is gone (nobody to
 * tell), or -errno with a sentence (disk full, ...).
 */
int output__flush(struct err *err);

/* Flush for the last time: the exit status, 0 also when the reader is gone; failures are said. */
int output__close(void);

/* Classes of frames to show beside the program's own: what --hide leaves; -v without it: all. */
__u32 output__shown(const struct options *options);

/* Colour, width and folding for text on standard output. */
struct report_style output__style(const struct options *options);

/* The rows an output needs: text groups and counts them itself, so it takes all. */
struct view_options output__rows(const struct options *options);

bool output__is_terminal(void);

/* Take the place of the screen before with @len bytes of @text. */
void output__redraw(const char *text, size_t len);

#endif
