/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A MiB each from the innermost call of stacks of so many frames, as libgcc's unwinder counts them.
 */
#include <execinfo.h>
#include "workload.h"

#define FRAMES_MAX 1024

static void *frames[FRAMES_MAX];
static int nr_found;

/* @calls more of itself, then the work. Its pages are touched here: no call may be inlined. */
#define DEEP(name)                                                                                 \
	SITE void name(int calls, volatile char *at)                                               \
	{                                                                                          \
		if (calls)                                                                         \
			name(calls - 1, at);                                                       \
		else if (!at)                                                                      \
			nr_found = backtrace(frames, FRAMES_MAX);                                  \
		else                                                                               \
			for (size_t i = 0; i < MIB; i += WORKLOAD_PAGE)                            \
				at[i] = 1;                                                         \
		SITE_RETURN();                                                                     \
	}

DEEP(site_300)
DEEP(site_511)
DEEP(site_512)
DEEP(site_600)

/* In main() alone, so that all that lies below a stack is the same for all. */
static const struct {
	const char *name;
	void (*call)(int calls, volatile char *at);
	int nr_frames;
} stacks[] = {
	{ "site_300", site_300, 300 },
	{ "site_511", site_511, 511 },
	{ "site_512", site_512, 512 },
	{ "site_600", site_600, 600 },
};

int main(int argc, char **argv)
{
	int calls[4];
	char *memory;

	workload__init(argc, argv);
	for (int i = 0; i < 4; i++) {
		stacks[i].call(0, NULL);
		calls[i] = stacks[i].nr_frames - nr_found;
		stacks[i].call(calls[i], NULL);
		if (nr_found != stacks[i].nr_frames)
			abort();
	}
	workload__start();
	memory = workload__map(4 * MIB);
	for (int i = 0; i < 4; i++) {
		stacks[i].call(calls[i], memory + i * MIB);
		workload__site(stacks[i].name, MIB);
	}
	return workload__finish();
}
