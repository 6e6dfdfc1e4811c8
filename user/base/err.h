/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The sentence that says what failed. A function that knows the name of what failed writes it. */
#ifndef RSSTRACE_BASE_ERR_H
#define RSSTRACE_BASE_ERR_H

#include <stdarg.h>

struct err {
	char text[512]; /* one line: lower case, what failed first, subject quoted, no full stop; "" when none */
};

/*
 * err__set() - write the sentence and hand back @code, so that `return err__set(err, -ENOENT, ...)` works.
 * @err: may be NULL (the sentence is dropped). @code: a negative errno; returned as it is.
 */
int err__set(struct err *err, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
