/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Two moments of a trace through its index: what lies between its checkpoints and them is not read.
 */
#ifndef RSSTRACE_CMD_TRACE_SEEK_H
#define RSSTRACE_CMD_TRACE_SEEK_H

#include "cmd/instants.h"
#include "cmd/trace_window.h"

/* trace_seek__window() did not find the window this way: the trace has to be read from its start.
 */
#define SEEK_READ_ALL 1

/*
 * trace_seek__window() - fill in @window (empty) for the moments @from and @to. 0, SEEK_READ_ALL
 * (no checkpoint, or none that can be used; @window is as it was), or -errno with a sentence.
 * Reads, and feeds to the model, at most a segment for each moment; two more for the peak, one for a time before the end
 * or a mark.
 */
int trace_seek__window(struct trace_window *window, const struct instant *from,
		       const struct instant *to, const struct options *options, struct err *err);

#endif
