/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Files at paths that others chose: a traced process, or whoever wrote a trace or an ELF file. */
#ifndef RSSTRACE_BASE_REGULAR_FILE_H
#define RSSTRACE_BASE_REGULAR_FILE_H

/*
 * regular_file__open() - open @path for reading if a regular file is there; the descriptor is the
 * caller's. Of anything else nothing but its type is looked at: to open a device or a FIFO can do
 * things. @flags: 0 or O_NOFOLLOW. -errno; -ENOEXEC: not a regular file. Needs /proc.
 */
int regular_file__open(const char *path, int flags);

#endif
