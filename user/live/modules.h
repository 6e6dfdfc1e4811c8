/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The files that frames lie in, opened for their symbols once and kept. Internal to names. */
#ifndef RSSTRACE_LIVE_MODULES_H
#define RSSTRACE_LIVE_MODULES_H

#include <stdbool.h>
#include "elf/symbolizer.h"
#include "live/debug_fetch.h"
#include "live/proc_maps.h"
#include "live/targets.h"
#include "live/unwind_watch.h"
#include "model/session.h"

/*
 * Symbols beyond so many bytes are given back, the longest unused first; read again when they are
 * asked for. Not before MODULES_PACE times what reading them takes has gone by, so that this costs
 * 1/32 at most, unless there are MODULES_MOST_BYTES.
 */
#define MODULES_BUDGET_BYTES (64ULL << 20)
#define MODULES_MOST_BYTES (256ULL << 20)
#define MODULES_PACE 32

struct module {
	struct elf_object *elf; /* NULL: could not be opened */
	__u64 used_ns;		/* when it was last asked for */
	__u64 read_ns;		/* what reading its symbols took */
	bool tried;
	bool identified; /* its build-id was told; for names to note */
	bool awaited;	 /* its debug file was asked for and there is no answer yet */
};

struct modules {
	struct module *all; /* by object index of the session */
	__u32 nr;
	__u64 budget_bytes, most_bytes;
	struct elf_object *vdso;   /* NULL: there is none */
	struct debug_fetch *fetch; /* NULL: nothing is fetched */
};

/* Who maps what, and who holds it. */
struct module_places {
	struct targets *targets;
	struct unwind_watch *unwind;
};

/* @debuginfod: where debug files are fetched from, see debug_fetch.h; NULL: nowhere. 0 or -errno
 * with a sentence. */
int modules__init(struct modules *modules, const char *debuginfod, struct err *err);
void modules__fini(struct modules *modules);

/*
 * modules__get() - the symbols of object @index, opened now if they were not asked for before;
 * NULL: they cannot be had. It is always the very file that was mapped, never another of its name:
 * a deleted or replaced one, or one in a mount namespace of its own, is what the unwinder holds
 * open, or what a living target's map_files lead to; its name is believed where device and inode
 * are its.
 */
struct elf_object *modules__get(struct modules *modules, const struct session *session,
				const struct module_places *places, __u32 index);

/* Is the debug file of object @index on its way? Names told now would be worse ones. */
bool modules__is_awaited(const struct modules *modules, __u32 index);

/* Take the debug files that came. True: some module is not awaited any more. */
bool modules__take_answers(struct modules *modules);

/* The first living target that maps @object; its maps stay in @maps for the caller to free. */
const struct proc_map *modules__find_map(const struct module_places *places,
					 const struct object *object, struct proc_maps *maps,
					 pid_t *pid);

/* Where the file of @object that is held lies, as the kernel says; false: none is, or its name is
 * too long. */
bool modules__held_path(const struct module_places *places, const struct object *object, char *path,
			size_t cap);

/* modules__bound() - keep to the budget as told above, but for object @used, now at @now_ns. */
void modules__bound(struct modules *modules, __u32 used, __u64 now_ns);

/* What lookups have read and can read again is given back; or just what costs nothing to have
 * again. */
void modules__rest(struct modules *modules);
void modules__drop_pages(const struct modules *modules);

/* Heap, bytes. */
__u64 modules__memory_bytes(const struct modules *modules);

#endif
