/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Files that others may truncate while a library has them mapped: what is behind their new end is
 * read as zeros from then on. Without that the kernel ends the reader by SIGBUS (mmap(2)).
 */
#ifndef RSSTRACE_BASE_MAPPED_GUARD_H
#define RSSTRACE_BASE_MAPPED_GUARD_H

#include <stddef.h>

#define MAPPED_GUARDS_MAX 64

/* Guard the private mapping at @at, of @bytes, until mapped_guard__end(@at). One thread does so at
 * a time. 0; -ENOSPC: so many are, it has to be read instead; -errno of sigaction(2). */
int mapped_guard__begin(const void *at, size_t bytes);
void mapped_guard__end(const void *at);

#endif
