/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Paths, names and symbols are bytes; what is printed must be valid UTF-8, and on a terminal hold
 * no control codes. */
#ifndef RSSTRACE_REPORT_UTF8_H
#define RSSTRACE_REPORT_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/*
 * utf8__clean() - a copy of @text where each byte that is not valid UTF-8 is U+FFFD, and with
 * @printable each control character (an escape sequence in a file name, say) a "?". NULL on ENOMEM;
 * free() it.
 */
char *utf8__clean(const char *text, bool printable);

/* Columns of valid @text on a terminal, one a character. */
size_t utf8__columns(const char *text);

/* Bytes of the first @columns characters of valid @text, or of all. */
size_t utf8__prefix(const char *text, size_t columns);

#endif
