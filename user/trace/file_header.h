/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The header of a trace: is the file one at all, and one that can be read here? */
#ifndef RSSTRACE_TRACE_FILE_HEADER_H
#define RSSTRACE_TRACE_FILE_HEADER_H

#include "trace/byte_window.h"

/*
 * file_header__read() - at the start of a file: pass its header; the window stands at the first
 * block. 0, or -errno with a sentence: empty, cut inside it, no trace, damaged, a newer version.
 */
int file_header__read(struct byte_window *window, struct err *err);

#endif
