/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The sets of executable mappings that spaces walk by: which are in use, which are free, which wait
 * for programs that begin. See include/unwind_abi.h. Internal to unwind_upload.
 */
#ifndef RSSTRACE_LIVE_UNWIND_SETS_H
#define RSSTRACE_LIVE_UNWIND_SETS_H

#include <stdbool.h>
#include "live/unwind_maps.h"
#include "unwind_abi.h"

/*
 * Never given to a space that has none: so that one that has can always get its next, and that a
 * set is reused only this many publications later, when nobody who found it before is still at it.
 */
#define UNWIND_SPARE_SETS 8

struct unwind_sets {
	const struct unwind_maps *maps;
	__u32 free[UNWIND_NR_SETS]; /* a ring: the one free for longest is used next */
	__u32 first_free, nr_free;
	__u32 epoch;
	__u64 cleared_at; /* generation at which the cache was last cleared */
};

void unwind_sets__init(struct unwind_sets *sets, const struct unwind_maps *maps);

/* Number of a set nobody walks by; there is one as long as nr_free says so. To be put back. */
__u32 unwind_sets__take(struct unwind_sets *sets);
void unwind_sets__put(struct unwind_sets *sets, __u32 set);

/* Fill a set that was taken with @nr sorted mappings, for @owner. unwind_sets__word() is then what
 * a space says to walk by it. */
void unwind_sets__fill(struct unwind_sets *sets, __u32 set, __u32 owner,
		       const struct unwind_mapping *mappings, __u32 nr);
__u64 unwind_sets__word(const struct unwind_sets *sets, __u32 set);

/* Give the mappings of set @set that await the table of unwind_awaited_file() @file the one at
 * @object. */
void unwind_sets__fill_awaited(struct unwind_sets *sets, __u32 set, __u32 file,
			       const struct unwind_object *object);

/* The set @space walks by, which may be another's; -1: none. */
int unwind_sets__named_by(const struct unwind_sets *sets, __u32 space);

struct unwind_set *unwind_sets__at(const struct unwind_sets *sets, __u32 set);
struct unwind_mapping *unwind_sets__mappings(const struct unwind_sets *sets, __u32 set);

/*
 * unwind_sets__collect() - the set that was taken by a program that began, and for which @space;
 * the set is the caller's now. -1: no more. unwind_sets__offer() - have enough of them ready.
 */
int unwind_sets__collect(struct unwind_sets *sets, __u32 *space);
void unwind_sets__offer(struct unwind_sets *sets);

#endif
