// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <ctype.h>
#include <stdint.h>
#include <string.h>
#include <sys/uio.h>
#include "live/mark_label.h"

/* Bytes of the character at @at, 1 to 4; 0: none begins there. Overlong forms, surrogates and what
 * lies beyond U+10FFFF are none. */
static size_t character_bytes(const unsigned char *at, size_t left)
{
	static const struct {
		unsigned char first, last, low, high; /* range of byte 0, then of byte 1 */
		size_t bytes;
	} forms[] = {
		{ 0x20, 0x7e, 0, 0, 1 },       { 0xc2, 0xc2, 0xa0, 0xbf, 2 }, /* no C1 controls */
		{ 0xc3, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 },
		{ 0xe1, 0xec, 0x80, 0xbf, 3 }, { 0xed, 0xed, 0x80, 0x9f, 3 },
		{ 0xee, 0xef, 0x80, 0xbf, 3 }, { 0xf0, 0xf0, 0x90, 0xbf, 4 },
		{ 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};

	for (size_t f = 0; f < sizeof(forms) / sizeof(*forms); f++) {
		size_t bytes = forms[f].bytes, i;

		if (*at < forms[f].first || *at > forms[f].last || bytes > left)
			continue;
		if (bytes > 1 && (at[1] < forms[f].low || at[1] > forms[f].high))
			return 0;
		for (i = 2; i < bytes && (at[i] & 0xc0) == 0x80; i++)
			;
		return bytes > 2 && i < bytes ? 0 : bytes;
	}
	return 0;
}

void mark_label__read(char text[MARK_LABEL_MAX], pid_t pid, __u64 addr)
{
	struct iovec here = { text, MARK_LABEL_MAX - 1 };
	struct iovec there = { (void *)(uintptr_t)addr, MARK_LABEL_MAX - 1 };
	ssize_t len = process_vm_readv(pid, &here, 1, &there, 1, 0);

	if (len < 0) { /* past the end of its mapping */
		there.iov_len =
			4096 - addr % 4096 < there.iov_len ? 4096 - addr % 4096 : there.iov_len;
		len = process_vm_readv(pid, &here, 1, &there, 1, 0);
	}
	text[len < 0 ? 0 : len] = '\0';
}

bool mark_label__clean(char label[MARK_LABEL_MAX], const char *bytes, size_t len)
{
	const unsigned char *at = (const unsigned char *)bytes;
	size_t out = 0;

	while (len && isspace(*at))
		at++, len--;
	while (len && isspace(at[len - 1]))
		len--;
	while (len) {
		size_t take = character_bytes(at, len), step = take ? take : 1;

		if (out + step >= MARK_LABEL_MAX)
			break;
		if (take)
			memcpy(label + out, at, take);
		else
			label[out] = '?';
		out += step;
		at += step;
		len -= step;
	}
	label[out] = '\0';
	return out;
}
