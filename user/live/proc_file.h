/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Whole files of /proc/PID: their size is unknown until they are read, and the process may go any
 * time. */
#ifndef RSSTRACE_LIVE_PROC_FILE_H
#define RSSTRACE_LIVE_PROC_FILE_H

#include <stddef.h>
#include <sys/types.h>
#include "base/err.h"

/*
 * proc_file__read() - the text of /proc/@pid/@name, NUL-terminated, in *@text (free() it); its
 * length in *@len. 0, -ESRCH (no such process, or gone while reading), -EACCES (the sentence says
 * who may), -ENOMEM, ...
 */
int proc_file__read(pid_t pid, const char *name, char **text, size_t *len, struct err *err);

/* The sentence for @code (negative errno) met on /proc/@pid/@name; hands back the code, ENOENT as
 * ESRCH. */
int proc_file__failed(pid_t pid, const char *name, int code, struct err *err);

/* read(2) until the end of @fd into a growing *@text, NUL-terminated. 0 or -errno; *@text is NULL
 * then. */
int proc_file__slurp(int fd, char **text, size_t *len);

#endif
