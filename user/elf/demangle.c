// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <ctype.h>
#include <setjmp.h>
#include <stdbool.h>
#include <string.h>
#include <libiberty/demangle.h>
#include "elf/demangle.h"

/*
 * Substitutions let 100 mangled bytes stand for gigabytes. The demanglers hand out their text in
 * pieces and cannot be told to stop, so a full buffer leaves them by longjmp: they print from their
 * own stack frame and hold no heap then.
 */
struct demangle_output {
	char *text;
	size_t len, cap;
	jmp_buf full;
};

/* Also the recursion of the demanglers grows with the name; longer ones are shown as they are. */
#define MAX_MANGLED_BYTES 16384

static void take_piece(const char *piece, size_t len, void *context)
{
	struct demangle_output *output = context;
	size_t room = output->cap - 1 - output->len;

	if (!len)
		return;
	memcpy(output->text + output->len, piece, len < room ? len : room);
	output->len += len < room ? len : room;
	if (len > room)
		longjmp(output->full, 1);
}

static bool run_demanglers(const char *mangled, struct demangle_output *output)
{
	const int options = DMGL_PARAMS | DMGL_ANSI | DMGL_AUTO;

	if (setjmp(output->full))
		return true;
	/* Legacy Rust names are valid C++ names, so Rust goes first. */
	if (rust_demangle_callback(mangled, options, take_piece, output))
		return true;
	output->len = 0;
	return cplus_demangle_v3_callback(mangled, options, take_piece, output);
}

static size_t without_rust_hash(const char *text, size_t len)
{
	const char *hash = text + len - 16;

	if (len <= 19 || memcmp(hash - 3, "::h", 3))
		return len;
	for (size_t i = 0; i < 16; i++) {
		if (!isdigit((unsigned char)hash[i]) && (hash[i] < 'a' || hash[i] > 'f'))
			return len;
	}
	return len - 19;
}

size_t demangle(const char *mangled, char *out, size_t cap)
{
	struct demangle_output output = { .text = out, .cap = cap };
	size_t len = strnlen(mangled, MAX_MANGLED_BYTES);

	if (mangled[0] != '_' || len == MAX_MANGLED_BYTES || !run_demanglers(mangled, &output)) {
		output.len = len < cap - 1 ? len : cap - 1;
		memcpy(out, mangled, output.len);
	}
	output.len = without_rust_hash(out, output.len);
	out[output.len] = '\0';
	return output.len;
}
