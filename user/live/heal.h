/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The reconciler: asks the kernel which pages of a disputed page table are resident and tells it as records.
 *
 * The target runs on meanwhile, so a scan is believed only if no event touched the table between its start and the moment
 * everything that happened before its end has been taken from the ring: scan, drain, feed, then heal__tell(). Nor is it
 * if pages were being moved, which no event tells before the call ends.
 */
#ifndef RSSTRACE_LIVE_HEAL_H
#define RSSTRACE_LIVE_HEAL_H

#include "live/kernel_side.h"
#include "live/record_queue.h"
#include "live/targets.h"
#include "model/page_ledger.h"
#include "model/session.h"

#define HEAL_TABLES_PER_TICK 256 /* 512 MiB: at 10 ms a GiB of small pages this bounds the work to 5 ms */

#define HEAL_PATIENCE 20 /* ticks: then a scan is believed though somebody always moves pages */

struct heal_run {
	__u64 addr, nr_pages;
	bool file;
};

struct heal_scan {
	__u32 space;
	__u64 start, end, touched;
	size_t first_run, nr_runs;
};

struct heal {
	struct heal_scan scans[HEAL_TABLES_PER_TICK];
	size_t nr_scans;
	struct heal_run *runs;
	size_t nr_runs, cap_runs;
	__u32 nr_refused;   /* scans in a row, for pages that were being moved */
	__u32 cursor_space; /* where the next round goes on */
	__u64 cursor_start;
};

void heal__fini(struct heal *heal);

/* Scan up to HEAL_TABLES_PER_TICK disputed tables; 0 (all: several rounds may be needed) or -ENOMEM. */
int heal__scan(struct heal *heal, const struct session *session, struct targets *targets,
	       const struct kernel_side *kernel);

/* REC_PAGES for each scanned table that nothing has touched since. 0 or -ENOMEM. */
int heal__tell(struct heal *heal, const struct session *session, struct record_queue *queue);

#endif
