/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which pages of a process are resident: PAGEMAP_SCAN (Linux 6.7, commit 52526ca7fdb9), else /proc/PID/pagemap.
 * The zero page is not counted, as in RSS.
 */
#ifndef RSSTRACE_LIVE_RESIDENCY_H
#define RSSTRACE_LIVE_RESIDENCY_H

#include <stdbool.h>
#include <sys/types.h>
#include <linux/types.h>
#include "base/err.h"

struct residency;

/* Opens /proc/@pid/pagemap. NULL and a sentence (gone, privilege). */
struct residency *residency__open(pid_t pid, struct err *err);
void residency__close(struct residency *residency);
bool residency__has_scan(const struct residency *residency); /* PAGEMAP_SCAN works here */

/*
 * residency__scan() - calls @fn for each run of resident pages of one sort in [start, end), ascending.
 * @file: the pages belong to a file or to shmem (not anonymous). 0, the first non-zero return of @fn, or -errno.
 * mmap_lock is held for reading at most 8192 resident pages (32 MiB) or 512 runs at a time.
 */
int residency__scan(struct residency *residency, __u64 start, __u64 end,
		    int (*fn)(void *ctx, __u64 addr, __u64 nr_pages, bool file), void *ctx);

#endif
