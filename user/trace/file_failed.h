/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The sentence for a system call on a trace file that failed. */
#ifndef RSSTRACE_TRACE_FILE_FAILED_H
#define RSSTRACE_TRACE_FILE_FAILED_H

#include "base/err.h"

/*
 * file_failed() - `cannot @verb "@path": why@then`. @code: negative errno, returned. @then: what
 * follows from it, with its "; ", or "".
 */
int file_failed(int code, const char *verb, const char *path, const char *then, struct err *err);

#endif
