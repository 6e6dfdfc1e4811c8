/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The separate file that a distribution's -dbgsym package installs. Local files only, never a
 * server. */
#ifndef RSSTRACE_ELF_DEBUG_FILE_H
#define RSSTRACE_ELF_DEBUG_FILE_H

#include "elf/elf_image.h"

/*
 * debug_file__open() - find and open the debug file of @program, in this order:
 * /usr/lib/debug/.build-id/xx/yyyy.debug, then the name in .gnu_debuglink in the directory of the
 * program, in .debug/ below that, and in the same directory below /usr/lib/debug; then all of these
 * again below @root. A file counts when its build-id is the program's or, without build-ids, when
 * its CRC is the one in .gnu_debuglink.
 * @path: how we opened the program; @name: its path as the target sees it, or just a name. @root:
 * where the target sees "/", like /proc/PID/root; "": as we do.
 * 0, -ENOENT (none, the normal case), -ENOMEM. @program awake; @debug is awake on success.
 */
int debug_file__open(struct elf_image *debug, const struct elf_image *program, const char *path,
		     const char *name, const char *root);

/* Open @path as the debug file of @program. 0; -EINVAL: it is another one's; -errno as
 * elf_image__open(). Both as with debug_file__open(). */
int debug_file__open_path(struct elf_image *debug, const struct elf_image *program,
			  const char *path);

#endif
