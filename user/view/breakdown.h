/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One look at a process without tracing: its mappings as smaps tells them, summed by kind and by
 * name. No stacks and no growth, as there is no second moment. Bytes throughout; -1: the kernel
 * does not tell.
 */
#ifndef RSSTRACE_VIEW_BREAKDOWN_H
#define RSSTRACE_VIEW_BREAKDOWN_H

#include "live/proc_maps.h"
#include "view/query.h"

struct usage {
	__u32 nr; /* mappings */
	__s64 size, rss, pss, anon, swap;
};

/* What is unknown of a part is unknown of the sum. */
void usage__add(struct usage *sum, const struct usage *usage);

struct usage_row {
	const char *name; /* of the breakdown's maps */
	struct usage usage;
};

struct breakdown_region {
	const struct proc_map *map;
	enum region_kind kind;
	char perms[5];
	struct usage usage; /* nr 1 */
};

struct breakdown {
	struct members rss; /* summed from smaps, which walks the page tables: exact where status is
			       an estimate */
	__s64 peak_total;
	struct usage kinds[NR_KINDS];
	__u32 nr_names;
	struct usage_row *names; /* named anonymous memory, largest first */
	__u32 nr_regions;
	struct breakdown_region *regions; /* largest first, then by address */
};

/* kind of one line of maps. */
enum region_kind breakdown__kind(const struct proc_map *map);

/* @maps were read with smaps; borrowed. NULL on ENOMEM. */
struct breakdown *breakdown__new(const struct proc_maps *maps, const struct proc_status *status);
void breakdown__free(struct breakdown *breakdown);

#endif
