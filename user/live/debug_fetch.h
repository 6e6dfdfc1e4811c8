/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Debug files asked of a debuginfod server, one after the other, by a thread of their own: who asks
 * goes on draining. Nothing is waited for longer than DEBUG_FETCH_WAIT_NS from when it was asked.
 */
#ifndef RSSTRACE_LIVE_DEBUG_FETCH_H
#define RSSTRACE_LIVE_DEBUG_FETCH_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>
#include "base/err.h"

#define DEBUG_FETCH_WAIT_NS (10ULL * 1000 * 1000 * 1000)

struct debug_fetch;

struct debug_fetch_stats {
	unsigned int nr_asked, nr_came, nr_missing, nr_late, nr_failed;
	int error; /* the last -errno but -ENOENT and what was late; 0: none */
};

/* @urls: as DEBUGINFOD_URLS has them; "": those of the environment. NULL and a sentence. */
struct debug_fetch *debug_fetch__new(const char *urls, struct err *err);
void debug_fetch__free(struct debug_fetch *fetch); /* within a second or so */

/* Ask for the debug file of @build_id (64 bytes at most) on behalf of @number. 0 or -ENOMEM. */
int debug_fetch__ask(struct debug_fetch *fetch, __u32 number, const __u8 *build_id, size_t len);

/* What is asked for later is not waited for longer than what was asked for now. */
void debug_fetch__end(struct debug_fetch *fetch);

/*
 * debug_fetch__take() - the next answer, in the order of asking. False: none yet. *@fd: of the
 * file, the caller's from now on; -errno: there is none, or it did not come in time.
 */
bool debug_fetch__take(struct debug_fetch *fetch, __u32 *number, int *fd);

struct debug_fetch_stats debug_fetch__stats(struct debug_fetch *fetch);

#endif
