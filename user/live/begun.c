// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <string.h>
#include "live/begun.h"

void begun__note(struct begun *begun, __u32 space, struct proc_maps *maps)
{
	struct begun_program *program = &begun->programs[begun->next];

	begun->next = (begun->next + 1) % BEGUN_MAX;
	proc_maps__free(&program->maps);
	*program = (struct begun_program){ .space = space, .maps = *maps };
	memset(maps, 0, sizeof(*maps));
}

bool begun__take(struct begun *begun, __u32 space, struct proc_maps *maps)
{
	for (unsigned int i = 0; i < BEGUN_MAX; i++) {
		if (begun->programs[i].space != space)
			continue;
		*maps = begun->programs[i].maps;
		memset(&begun->programs[i], 0, sizeof(begun->programs[i]));
		return true;
	}
	return false;
}

void begun__fini(struct begun *begun)
{
	for (unsigned int i = 0; i < BEGUN_MAX; i++)
		proc_maps__free(&begun->programs[i].maps);
}
