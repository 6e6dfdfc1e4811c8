/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Where records come from: a running kernel (live/live_source.h) or a file (trace/trace_source.h). */
#ifndef RSSTRACE_BASE_RECORD_SOURCE_H
#define RSSTRACE_BASE_RECORD_SOURCE_H

#include "record_abi.h"
#include "base/err.h"

struct record_source {
	/*
	 * next() - 1 and *@rec (valid until the next call), 0 at the end, -errno with a sentence.
	 * The live source may sleep in here; it returns a REC_TICK at least every heartbeat.
	 */
	int (*next)(struct record_source *source, const struct rec **rec, struct err *err);
	void (*free)(struct record_source *source);
};

#endif
