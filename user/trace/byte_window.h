/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The bytes of a file that are looked at: as many as the longest block has, from one offset on. */
#ifndef RSSTRACE_TRACE_BYTE_WINDOW_H
#define RSSTRACE_TRACE_BYTE_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include "trace/reader.h"

#define BYTE_WINDOW_MAX (sizeof(struct trace_block_header) + TRACE_BLOCK_STORED_MAX)

/* Invariant: buf[at, len) are the bytes from `offset` on; nothing is kept of those before. */
struct byte_window {
	struct byte_source *bytes;
	char *name; /* of the file, for sentences */
	__u8 *buf;
	size_t at, len;
	__u64 offset;
	__u64 taken_bytes; /* from the source so far */
	bool at_end;	   /* the bytes behind the window are none */
};

/* Takes ownership of @bytes when it succeeds; 0 or -ENOMEM. */
int byte_window__init(struct byte_window *window, struct byte_source *bytes, const char *name);
void byte_window__fini(struct byte_window *window);

/* Have @want bytes (at most BYTE_WINDOW_MAX) in the window, or all there are. 0 or -errno with a
 * sentence. */
int byte_window__fill(struct byte_window *window, size_t want, struct err *err);

/* Be at @offset, with nothing in the window. 0 or -errno with a sentence. */
int byte_window__go(struct byte_window *window, __u64 offset, struct err *err);

static inline size_t byte_window__left(const struct byte_window *window)
{
	return window->len - window->at;
}

static inline const __u8 *byte_window__here(const struct byte_window *window)
{
	return window->buf + window->at;
}

static inline void byte_window__pass(struct byte_window *window, size_t len)
{
	window->at += len;
	window->offset += len;
}

#endif
