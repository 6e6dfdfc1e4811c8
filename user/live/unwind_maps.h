/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The unwinder's BPF maps, in our memory. Internal to unwind_upload, but for the descriptors. */
#ifndef RSSTRACE_LIVE_UNWIND_MAPS_H
#define RSSTRACE_LIVE_UNWIND_MAPS_H

#include <stddef.h>
#include <linux/types.h>
#include "base/err.h"

/* The maps of bpf/unwind_*.bpf.h. */
struct unwind_map_fds {
	int rows, pages, rules, mappings, sets, spaces, cache, control, objects, news, procs;
};

#define UNWIND_MAP_FDS(skel)                                                                       \
	{                                                                                          \
		.rows = bpf_map__fd((skel)->maps.unwind_rows),                                     \
		.pages = bpf_map__fd((skel)->maps.unwind_pages),                                   \
		.rules = bpf_map__fd((skel)->maps.unwind_rules),                                   \
		.mappings = bpf_map__fd((skel)->maps.unwind_mappings),                             \
		.sets = bpf_map__fd((skel)->maps.unwind_sets),                                     \
		.spaces = bpf_map__fd((skel)->maps.unwind_spaces),                                 \
		.cache = bpf_map__fd((skel)->maps.unwind_cache),                                   \
		.control = bpf_map__fd((skel)->maps.unwind_control),                               \
		.objects = bpf_map__fd((skel)->maps.unwind_objects),                               \
		.news = bpf_map__fd((skel)->maps.unwind_news),                                     \
		.procs = bpf_map__fd((skel)->maps.procs),                                          \
	}

/*
 * A BPF array map in our memory: the addresses of all of it, and behind them the map as far as
 * unwind_maps__reach() was asked for. The kernel puts a map's pages in place, and counts them as
 * ours, when they are mapped, not when they are used.
 */
struct map_view {
	void *at;
	size_t bytes, reached_bytes; /* multiples of the page size */
	__u32 entries;
	size_t value_bytes;
	int fd; /* not ours */
};

struct unwind_maps {
	struct map_view rows, pages, rules, mappings, sets, spaces, cache, control;
};

/* All but rows and pages can be used at once. 0 or -errno and a sentence: no memory, a map of
 * another shape. To be ended either way. */
int unwind_maps__init(struct unwind_maps *maps, const struct unwind_map_fds *fds, struct err *err);
void unwind_maps__fini(struct unwind_maps *maps);

/* Have the first @nr values of @view, or all there are, ready to be used; the others may or may not
 * be. 0 or -errno. */
int unwind_maps__reach(struct map_view *view, __u32 nr);

#endif
