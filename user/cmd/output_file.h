/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A file that is there complete or not at all: written under another name beside it, then renamed.
 */
#ifndef RSSTRACE_CMD_OUTPUT_FILE_H
#define RSSTRACE_CMD_OUTPUT_FILE_H

#include <stdbool.h>
#include <stdio.h>
#include "base/err.h"

struct output_file {
	const char *path; /* as asked for */
	FILE *out;
	char *temporary; /* NULL: written in place (standard output, a pipe, a device) */
	bool overwrite;
};

/*
 * output_file__open() - "-" is standard output. Without @overwrite @path must not exist; only its
 * owner may read what is made. Ctrl-C and SIGTERM take the unfinished file away. 0 or -errno with a
 * sentence. One at a time.
 */
int output_file__open(struct output_file *file, const char *path, bool overwrite, struct err *err);

/* output_file__check() - 0 while all that was written got through; else -EPIPE (the reader of
 * standard output is gone: nobody to tell) or -errno with a sentence. */
int output_file__check(struct output_file *file, struct err *err);

/* Everything is written: on the disk and under its name. 0 or -errno with a sentence. Closes. */
int output_file__commit(struct output_file *file, struct err *err);

/* Leave nothing behind. */
void output_file__abandon(struct output_file *file);

#endif
