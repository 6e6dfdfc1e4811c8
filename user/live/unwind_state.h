/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* unwind_upload from inside, shared by its rooms: unwind_upload.c, unwind_begin.c for programs that
 * begin, and stack_dwfl.c, which needs the files themselves. */
#ifndef RSSTRACE_LIVE_UNWIND_STATE_H
#define RSSTRACE_LIVE_UNWIND_STATE_H

#include "config_abi.h"
#include "live/unwind_files.h"
#include "live/unwind_sets.h"
#include "live/unwind_upload.h"

/* What a space was last told. */
struct told_space {
	bool has_set;
	bool is_gone;
	__u32 set;
	__u64 generation;
	__u64 changes; /* of the space, before its mappings were read, or UNKNOWN_CHANGES */
	struct unwind_mapping *mappings; /* a copy of the sorted ones */
	__u32 nr;
	/* as last read while they changed: nothing for the kernel side, but each was there then */
	struct unwind_mapping *overtaken;
	__u32 nr_overtaken;
};

struct unwind_upload {
	struct unwind_maps maps;
	struct unwind_store store;
	struct unwind_files files;
	struct told_space told[RSST_MAX_SPACES];
	struct unwind_sets sets;
	int procs_fd; /* of the map from processes to spaces */
	size_t nr_no_set, nr_cut, nr_published;
};

/* Programs that began took sets that were ready: they are as good as published. A space that was
 * published before we knew has its word back before the set goes to somebody else. */
void unwind_state__note_begun(struct unwind_upload *upload);

/* What the loader of the program @path is about to map, so that the kernel side knows it when it
 * does. */
void unwind_state__preload_needed(struct unwind_upload *upload, const char *path);

#endif
