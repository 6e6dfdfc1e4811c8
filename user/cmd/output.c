// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "cmd/commands.h"
#include "cmd/output.h"

#define SENTENCE_LEN 8192 /* two paths of PATH_MAX fit */
#define FALLBACK_WIDTH 80

static volatile sig_atomic_t reader_gone;

/* Not SIG_IGN: a launched command would inherit that over execve(2). */
static void on_broken_pipe(int signal_nr)
{
	(void)signal_nr;
	reader_gone = 1;
}

/* RLIMIT_FSIZE: write(2) says so, too. */
static void on_full_file(int signal_nr)
{
	(void)signal_nr;
}

void output__init(void)
{
	struct sigaction action = { .sa_handler = on_broken_pipe, .sa_flags = SA_RESTART };

	sigemptyset(&action.sa_mask);
	sigaction(SIGPIPE, &action, NULL);
	action.sa_handler = on_full_file;
	sigaction(SIGXFSZ, &action, NULL);
	/* opened for reading: what is written to a closed standard output fails, as it should */
	for (int fd = 0; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDONLY) != fd)
			_exit(EXIT_WRONG);
}

void say(const char *format, ...)
{
	char text[SENTENCE_LEN];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	for (char *at = text; *at; at++)
		if ((unsigned char)*at < ' ' || *at == 0x7f)
			*at = '?';
	fprintf(stderr, "rsstrace: %s\n", text);
}

int output__flush(struct err *err)
{
	int code = errno; /* of the write that failed, if a report flushed before us */

	errno = 0;
	if (!fflush(stdout) && !ferror(stdout))
		return 0;
	if (reader_gone)
		return -EPIPE;
	if (errno || !code)
		code = errno ? errno : EIO;
	return err__set(err, -code, "cannot write to standard output: %s", strerror(code));
}

int output__close(void)
{
	struct err err = { "" };
	int code = output__flush(&err);

	if (!code || code == -EPIPE)
		return 0;
	say("%s", err.text);
	return EXIT_WRONG;
}

bool output__is_terminal(void)
{
	return isatty(STDOUT_FILENO);
}

static bool want_color(enum color_when when)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

	if (when != COLOR_AUTO)
		return when == COLOR_ALWAYS;
	return output__is_terminal() && (!no_color || !*no_color) && term && strcmp(term, "dumb");
}

static __u32 terminal_width(void)
{
	struct winsize size;

	if (!output__is_terminal())
		return 0;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || !size.ws_col)
		return FALLBACK_WIDTH;
	return size.ws_col;
}

/* So many of each region when nothing is said; as many as regions when it is. */
static __u32 stacks_of_a_region(const struct options *options)
{
	if (!options->top_given)
		return 0;
	return options->top ? options->top : UINT32_MAX;
}

__u32 output__shown(const struct options *options)
{
	if (options->hide_given)
		return options->shown;
	return options->verbose ? EVERY_FRAME : 0;
}

struct report_style output__style(const struct options *options)
{
	return (struct report_style){
		.color = want_color(options->color),
		.width = terminal_width(),
		.top = options->top,
		.stacks = stacks_of_a_region(options),
		.shown = output__shown(options),
		.why_incomplete = options->verbose,
	};
}

struct view_options output__rows(const struct options *options)
{
	bool grouped = options->by || options->tree;

	return (struct view_options){
		.pid = (__u32)options->only_pid,
		.top = options->json || grouped ? options->top : 0,
		.filter = &options->filter,
		.by = options->by,
		.tree = options->tree,
		.shown = output__shown(options),
	};
}

/* Line by line over the old screen rather than clearing it first: no flicker. */
void output__redraw(const char *text, size_t len)
{
	fputs("\033[H", stdout);
	while (len) {
		const char *end = memchr(text, '\n', len);
		size_t line = end ? (size_t)(end - text) : len;

		fwrite(text, 1, line, stdout);
		fputs("\033[K\n", stdout);
		line += end != NULL;
		text += line;
		len -= line;
	}
	fputs("\033[J", stdout);
}
