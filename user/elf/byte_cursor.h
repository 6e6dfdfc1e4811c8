/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Reading foreign bytes front to back. A read past the end gives 0 and sets `bad`; at never exceeds
 * end. */
#ifndef RSSTRACE_ELF_BYTE_CURSOR_H
#define RSSTRACE_ELF_BYTE_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <linux/types.h>

struct byte_cursor {
	const __u8 *at, *end;
	bool bad;
};

static inline size_t byte_cursor__left(const struct byte_cursor *cursor)
{
	return (size_t)(cursor->end - cursor->at);
}

/* Little-endian, @bytes <= 8. */
static inline __u64 byte_cursor__fixed(struct byte_cursor *cursor, size_t bytes)
{
	__u64 value = 0;

	if (byte_cursor__left(cursor) < bytes) {
		cursor->at = cursor->end;
		cursor->bad = true;
		return 0;
	}
	memcpy(&value, cursor->at, bytes);
	cursor->at += bytes;
	return value;
}

static inline void byte_cursor__skip(struct byte_cursor *cursor, __u64 bytes)
{
	if (byte_cursor__left(cursor) < bytes) {
		cursor->at = cursor->end;
		cursor->bad = true;
		return;
	}
	cursor->at += bytes;
}

/* The 7-bit groups of a LEB128 number; *@shift: bits they hold. What is beyond 64 bits is dropped.
 */
static inline __u64 byte_cursor__groups(struct byte_cursor *cursor, unsigned int *shift, __u8 *last)
{
	__u64 value = 0;

	*shift = 0;
	do {
		*last = (__u8)byte_cursor__fixed(cursor, 1);
		if (*shift < 64)
			value |= (__u64)(*last & 0x7f) << *shift;
		*shift += 7;
	} while (*last & 0x80);
	return value;
}

static inline __u64 byte_cursor__uleb(struct byte_cursor *cursor)
{
	unsigned int shift;
	__u8 last;

	return byte_cursor__groups(cursor, &shift, &last);
}

static inline __s64 byte_cursor__sleb(struct byte_cursor *cursor)
{
	unsigned int shift;
	__u8 last;
	__u64 value = byte_cursor__groups(cursor, &shift, &last);

	if (shift < 64 && (last & 0x40))
		value |= ~0ULL << shift;
	return (__s64)value;
}

#endif
