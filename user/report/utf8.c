// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <stdlib.h>
#include <string.h>
#include <linux/types.h>
#include "report/utf8.h"

#define REPLACEMENT "\xef\xbf\xbd"

/* Bytes of the character at @text (NUL-terminated) and its code point; 0: not valid UTF-8 (RFC
 * 3629). */
static size_t decode(const unsigned char *text, __u32 *code)
{
	static const __u32 least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t len = text[0] < 0x80	  ? 1
		     : text[0] >> 5 == 6  ? 2
		     : text[0] >> 4 == 14 ? 3
		     : text[0] >> 3 == 30 ? 4
					  : 0;

	if (len <= 1) {
		*code = text[0];
		return len;
	}
	*code = text[0] & (0xff >> (len + 1));
	for (size_t i = 1; i < len; i++) {
		if (text[i] >> 6 != 2) /* the NUL stops here, too */
			return 0;
		*code = *code << 6 | (text[i] & 0x3f);
	}
	if (*code < least[len] || *code > 0x10ffff || *code >> 11 == 0x1b)
		return 0;
	return len;
}

static bool is_control(__u32 code)
{
	return code < 0x20 || (code >= 0x7f && code < 0xa0);
}

char *utf8__clean(const char *text, bool printable)
{
	char *copy = malloc(strlen(text) * strlen(REPLACEMENT) + 1), *at = copy;

	if (!copy)
		return NULL;
	while (*text) {
		__u32 code;
		size_t len = decode((const unsigned char *)text, &code);

		if (!len)
			at = stpcpy(at, REPLACEMENT);
		else if (printable && is_control(code))
			*at++ = '?';
		else
			at = mempcpy(at, text, len);
		text += len ? len : 1;
	}
	*at = 0;
	return copy;
}

static bool starts_character(char byte)
{
	return ((unsigned char)byte & 0xc0) != 0x80;
}

size_t utf8__columns(const char *text)
{
	size_t nr = 0;

	for (; *text; text++)
		nr += starts_character(*text);
	return nr;
}

size_t utf8__prefix(const char *text, size_t columns)
{
	size_t i = 0;

	for (; text[i]; i++) {
		if (starts_character(text[i]) && !columns--)
			break;
	}
	return i;
}
