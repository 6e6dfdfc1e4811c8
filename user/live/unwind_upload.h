/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Keeps the kernel side's unwind maps in step with what the followed processes have mapped: builds
 * a table for each file with code, once, and publishes each space's executable mappings as a set.
 */
#ifndef RSSTRACE_LIVE_UNWIND_UPLOAD_H
#define RSSTRACE_LIVE_UNWIND_UPLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include "base/err.h"
#include "elf/unwind_table.h"
#include "live/proc_maps.h"
#include "live/unwind_maps.h"
#include "unwind_abi.h"
#include "unwind_news_abi.h"

struct unwind_upload;

/* What it holds and what it could not do; the nr_* below `objects` count since the start. */
struct unwind_upload_stats {
	size_t rows, max_rows, rules, pages;
	size_t map_bytes;   /* of the maps that hold tables, as allocated in the kernel */
	size_t objects;	    /* files with a table */
	size_t nr_shared;   /* of them, those that have another one's rows */
	size_t nr_no_table; /* files that have none, or could not be opened */
	size_t nr_left_out; /* tables that did not fit */
	size_t nr_untold;   /* files with a table that the kernel side had no room for */
	size_t nr_no_set;   /* syncs that found every set in use */
	size_t nr_cut;	    /* syncs with more executable mappings than fit into a set */
	size_t nr_published;
};

/*
 * unwind_upload__row_blocks() - max_entries for unwind_rows, to set before load: twice what the
 * files mapped now need, from their section sizes, within 2 and 64 M rows (8 to 256 MiB). @maps may
 * be NULL.
 */
__u32 unwind_upload__row_blocks(pid_t pid, const struct proc_maps *maps);

/*
 * unwind_upload__new() - map the maps of a loaded object; the descriptors stay the caller's and
 * must live as long. NULL and a sentence: no memory, a map of another shape.
 */
struct unwind_upload *unwind_upload__new(const struct unwind_map_fds *fds, struct err *err);
void unwind_upload__free(struct unwind_upload *upload);

/*
 * unwind_upload__sync() - make @space walk by the tables of what process @pid has mapped. Builds
 * tables for files not seen before (about 15 ms per MiB of .eh_frame); else some 5 us a mapping.
 * For a process fresh from execve(2) also those of the libraries it will load, once its own are
 * there. 0; -ENOSPC (no free set: the space walks by frame pointers), -ENOMEM, -ESRCH, -EAGAIN (its
 * mappings change faster than they can be read: what was published before stays, as the kernel side
 * kept it, or, seldom, nothing is: call again). A file that cannot be read or has no table is no
 * error: its code is walked by frame pointers.
 */
int unwind_upload__sync(struct unwind_upload *upload, __u32 space, pid_t pid, struct err *err);

/*
 * unwind_upload__is_overtaken() - did the last sync of @space find mappings that changed while it
 * read them? Not for the kernel side, but stacks copied before that may be walked by them, too:
 * unwind_upload__code() knows them until unwind_upload__drop_overtaken(), of all spaces.
 */
bool unwind_upload__is_overtaken(const struct unwind_upload *upload, __u32 space);
void unwind_upload__drop_overtaken(struct unwind_upload *upload);

/* What the kernel side tells of @space, below RSST_MAX_SPACES, as it changes. */
const struct unwind_space *unwind_upload__space(const struct unwind_upload *upload, __u32 space);

/* Has no code of @space come or gone since the last unwind_upload__sync() of it? */
bool unwind_upload__is_current(const struct unwind_upload *upload, __u32 space);

/*
 * unwind_upload__add_file() - build the table of one file the kernel side met, and let the mappings
 * that await it have it: the short way, without a look at all the others. 0; -ENOENT: it takes a
 * sync; -ENOMEM.
 */
int unwind_upload__add_file(struct unwind_upload *upload, const struct unwind_code *file);

/*
 * unwind_upload__begin() - a program began: unwind_upload__sync(), or, if it is over already, what
 * copies of its stacks need. As unwind_upload__sync(); -ESRCH: nothing is to be had.
 * @maps: what it has mapped, the caller's to free; when it is over, its own code alone, or nothing.
 */
int unwind_upload__begin(struct unwind_upload *upload, const struct unwind_exec *exec,
			 struct proc_maps *maps);

/*
 * unwind_upload__code() - the id of the rule for @pc, as the kernel side would find it now, or
 * minus an enum stack_end. O(mappings). unwind_upload__rule() - the rule of an id it gave.
 */
int unwind_upload__code(const struct unwind_upload *upload, __u32 space, __u64 pc);
const struct unwind_rule *unwind_upload__rule(const struct unwind_upload *upload, int id);

/*
 * unwind_upload__preload() - build the tables of what process @pid has mapped, for whoever maps the
 * same files later: the kernel side then has them from the first instruction on. For a command
 * about to be launched, our own maps: they have its libc and loader in them. 0 or -ENOMEM.
 */
int unwind_upload__preload(struct unwind_upload *upload, pid_t pid, const struct proc_maps *maps);

/* A descriptor of the file whose code was met as (dev, ino), the upload's own; -ENOENT. */
int unwind_upload__held_file(const struct unwind_upload *upload, __u32 dev, __u64 ino);

/* Does process @pid run in another space than @space by now? One that is not followed yet does not.
 */
bool unwind_upload__has_gone_on(const struct unwind_upload *upload, pid_t pid, __u32 space);

/* The space is gone for good: its set is free for another. */
void unwind_upload__forget(struct unwind_upload *upload, __u32 space);

struct unwind_upload_stats unwind_upload__stats(const struct unwind_upload *upload);

#endif
