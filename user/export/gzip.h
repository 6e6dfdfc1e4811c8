/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Bytes as a gzip file without a time in it: the same bytes give the same file. */
#ifndef RSSTRACE_EXPORT_GZIP_H
#define RSSTRACE_EXPORT_GZIP_H

#include <stddef.h>
#include <stdio.h>

/* 0 or -ENOMEM; what cannot be written shows in @out. */
int gzip__write(FILE *out, unsigned char *bytes, size_t len);

#endif
