// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Any bytes as a captured stack (tests/unit/elf/stacks): whatever its registers, rules and words
 * are, the walk ends, by an end there is, and asks for nothing that it was not given.
 */
#include <stdint.h>
#include "../unit/elf/unwind_case.h"
#include "mutate.h"

#define LINE_BYTES 256

static struct unwind_target target;

/* Lines that are none of a case are left out. */
static void take(const uint8_t *data, size_t size)
{
	char line[LINE_BYTES];
	size_t len = 0;

	memset(&target, 0, sizeof(target));
	for (size_t at = 0; at <= size; at++) {
		if (at < size && data[at] != '\n') {
			if (len < sizeof(line) - 1)
				line[len++] = (char)data[at];
			continue;
		}
		line[len] = '\0';
		unwind_case__parse_line(&target, line);
		len = 0;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	__u64 frames[RSST_MAX_FRAMES];
	int nr, end;

	take(data, size);
	nr = unwind_case__walk(&target, frames, RSST_MAX_FRAMES, &end);
	if (nr < 1 || nr > RSST_MAX_FRAMES || end < STACK_END_ROOT || end > STACK_END_UNSAMPLED)
		abort();
	return 0;
}
