/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The files with code seen so far, each with the place of its table in the store. Internal to
 * unwind_upload.
 *
 * They are held open, UNWIND_FILES_HELD of them at most: names are asked for later, when the file
 * may be deleted and who mapped it gone; and nobody gets the inode number of a file that is open.
 */
#ifndef RSSTRACE_LIVE_UNWIND_FILES_H
#define RSSTRACE_LIVE_UNWIND_FILES_H

#include <sys/types.h>
#include "live/proc_maps.h"
#include "live/unwind_tables.h"

#define UNWIND_FILES_HELD 256 /* of the usual 1024 descriptors: names open theirs anew */

struct unwind_file;

struct unwind_files {
	struct unwind_tables tables;
	struct unwind_control *control; /* NULL: none */
	int objects_fd;			/* of the map that tells the kernel side; -1: none */
	struct unwind_file *files;	/* by device, inode, size and time of change */
	struct unwind_object
		vdso;	     /* the same in every process of a kernel; nr_pages 0: not yet met */
	__u64 vdso_bytes;    /* of its mapping; 0: there is none */
	bool only_known;     /* build nothing: what is new is UNWIND_TABLE_AWAITED */
	bool in_interpreter; /* what is being added is one: it has none itself */
	size_t nr_held;
	size_t nr_untold; /* files the kernel's map had no room for: each mapping is asked for */
};

/* 0 or -errno, see unwind_tables__init(). */
int unwind_files__init(struct unwind_files *files, struct unwind_store *store,
		       struct map_view *rows, struct map_view *pages, int objects_fd);

bool unwind_files__is_code(const struct proc_map *map);

/* Just its own image and the loader's: execve(2) has returned, little else has happened. */
bool unwind_files__has_just_begun(const struct proc_maps *maps);

/*
 * unwind_files__find() - where the table of the file behind the executable @map of process @pid is;
 * builds and stores it when the file is new. nr_pages 0: it has none, or it did not fit.
 * 0 or -ENOMEM.
 */
int unwind_files__find(struct unwind_files *files, pid_t pid, const struct proc_map *map,
		       struct unwind_object *object);

/* Bytes of the vdso's mapping, 0: there is none. */
__u64 unwind_files__vdso_bytes(void);

/* unwind_files__find() for a file that may be out of reach by now. false: it was not met before. */
bool unwind_files__recall(const struct unwind_files *files, __u64 ino, __u32 dev,
			  struct unwind_object *object);

/* Have the table of the file at @path ready, under the name the kernel side will know it by. */
void unwind_files__preload(struct unwind_files *files, const char *path);
void unwind_files__fini(struct unwind_files *files);

/* Open the file behind @map: by map_files, which is the very file though it be deleted or replaced,
 * else by name. -errno; -ESTALE: another file is there now. */
int unwind_files__open(pid_t pid, const struct proc_map *map);

/* A descriptor of the last file met as (dev, ino), the files' own; -ENOENT: it is not held. */
int unwind_files__held(const struct unwind_files *files, __u32 dev, __u64 ino);

/* A descriptor of the file with the table @mapping of process @pid has, the caller's; -errno. */
int unwind_files__open_by_table(const struct unwind_files *files, pid_t pid,
				const struct unwind_mapping *mapping);

/* unwind_files__held() by where its table begins; who the file is goes to @key. */
int unwind_files__held_by_table(const struct unwind_files *files, __u32 first_page,
				struct unwind_object_key *key);

#endif
