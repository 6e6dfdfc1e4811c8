/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Separate debug files from a debuginfod server, by build-id: elfutils' libdebuginfod, which also
 * keeps the cache (debuginfod_find_debuginfo(3)). Nothing else in rsstrace reaches for a network.
 *
 * The library is loaded when this is asked for and not linked: it brings libcurl and some twenty
 * more along, which would be a dependency, and 10 ms of each start, of those who never ask.
 */
#ifndef RSSTRACE_ELF_DEBUGINFOD_H
#define RSSTRACE_ELF_DEBUGINFOD_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>
#include "base/err.h"

struct debuginfod;

/*
 * debuginfod__new() - @urls: as DEBUGINFOD_URLS has them, which is set to it; "": those of
 * DEBUGINFOD_URLS. NULL and a sentence: no library, no memory.
 */
struct debuginfod *debuginfod__new(const char *urls, struct err *err);
void debuginfod__free(struct debuginfod *debuginfod);

/*
 * debuginfod__fetch() - a descriptor of the debug file of @build_id, the caller's to close; -errno:
 * -ENOENT (no server has it), -ETIME, -ECONNREFUSED, ... Blocks. @go_on is called about once a
 * second at least; false ends it (-ECANCELED or what the library says then).
 */
int debuginfod__fetch(struct debuginfod *debuginfod, const __u8 *build_id, size_t len,
		      bool (*go_on)(void *context), void *context);

#endif
