/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A command held before its first instruction until the hooks are live. */
#ifndef RSSTRACE_LIVE_LAUNCH_H
#define RSSTRACE_LIVE_LAUNCH_H

#include <sys/types.h>
#include "base/err.h"

/*
 * launch__start() - fork and exec @argv (found by PATH), stopped at the end of execve(2) by ptrace(2). Returns the pid,
 * or -errno with a sentence (not found, not executable, ...).
 */
pid_t launch__start(char *const *argv, struct err *err);

/* Let it run, no longer traced by ptrace. 0 or -errno. */
int launch__release(pid_t pid);

/* End one that was never released. */
void launch__kill(pid_t pid);

/* Wait for its end: status as wait(2). */
int launch__wait(pid_t pid);

#endif
