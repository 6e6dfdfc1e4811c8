/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What execve(2) goes by in a program's headers: where its code will lie, and who loads the rest.
 */
#ifndef RSSTRACE_ELF_EXEC_IMAGE_H
#define RSSTRACE_ELF_EXEC_IMAGE_H

#include <linux/types.h>

#define EXEC_IMAGE_PATH_MAX 256

/* Addresses are link-time ones. */
struct exec_image {
	__u64 entry;
	__u64 start; /* of the first executable segment, whole pages as they are mapped */
	__u64 end;
	__u64 offset;			       /* of start in the file */
	char interpreter[EXEC_IMAGE_PATH_MAX]; /* "": none, the program loads itself */
};

/* 0; -ENOEXEC: not an ELF file, or without code. The descriptor stays the caller's. */
int exec_image__read(struct exec_image *image, int fd);

#endif
