/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which libraries a program will have once it has started: a guess for getting ready, never for
 * telling anybody.
 */
#ifndef RSSTRACE_ELF_NEEDED_FILES_H
#define RSSTRACE_ELF_NEEDED_FILES_H

#define NEEDED_FILES_MAX 256

/*
 * needed_files__each() - call @visit with the path of each library the program @path needs,
 * directly or not, once, as ld.so(8) would look for it: DT_RPATH and DT_RUNPATH with $ORIGIN,
 * /etc/ld.so.cache, the system's folders; not LD_LIBRARY_PATH, which is the program's own. Those it
 * cannot find, and those beyond NEEDED_FILES_MAX, are left out. Some 50 us a library. 0 or -ENOMEM.
 */
int needed_files__each(const char *path, void (*visit)(void *context, const char *path),
		       void *context);

#endif
