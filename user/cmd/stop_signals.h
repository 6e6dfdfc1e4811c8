/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Ctrl-C, SIGTERM and SIGHUP end a trace in order. */
#ifndef RSSTRACE_CMD_STOP_SIGNALS_H
#define RSSTRACE_CMD_STOP_SIGNALS_H

#include <stdbool.h>
#include "base/record_source.h"

/*
 * stop_signals__catch() - from now on the first such signal calls @stop on @source
 * (async-signal-safe), the second one ends the program at once. stop_signals__release() before the
 * source is freed: ignored from then on, so that the trace is closed in peace.
 * stop_signals__reset(): as if nothing had happened, but Ctrl-C, which a launched command answers.
 */
void stop_signals__catch(struct record_source *source, void (*stop)(struct record_source *source));
void stop_signals__release(void);
void stop_signals__reset(void);
bool stop_signals__seen(void);

#endif
