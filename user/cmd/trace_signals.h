/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The signals that do not end a trace: SIGUSR1 sets a mark; SIGUSR2 is what `--trigger signal`
 * waits for. */
#ifndef RSSTRACE_CMD_TRACE_SIGNALS_H
#define RSSTRACE_CMD_TRACE_SIGNALS_H

#include <stdbool.h>
#include <sys/types.h>
#include "base/record_source.h"

/*
 * trace_signals__catch() - SIGUSR1 calls @mark on @source with the sender's pid
 * (async-signal-safe); with NULL it does nothing. A launched command has its defaults: handlers end
 * at exec, unlike SIG_IGN.
 */
void trace_signals__catch(struct record_source *source,
			  void (*mark)(struct record_source *source, pid_t sender));

/* Has SIGUSR2 come since this was asked last? */
bool trace_signals__take_trigger(void);

#endif
