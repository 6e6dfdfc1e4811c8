/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Anonymous memory with names of its own (Linux 5.17, CONFIG_ANON_VMA_NAME). */
#include <sys/prctl.h>
#include "resident.h"

#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#define PR_SET_VMA_ANON_NAME 0
#endif
#define ARENA_BYTES (4 * MIB)

static bool name(char *at, const char *text)
{
	return !prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, at, ARENA_BYTES, text);
}

SITE char *site_named(void)
{
	char *at = workload__map(2 * ARENA_BYTES);

	if (!name(at, "workload arena"))
		resident__skip("no CONFIG_ANON_VMA_NAME");
	workload__touch(at, 2 * ARENA_BYTES);
	SITE_RETURN();
	return at;
}

int main(int argc, char **argv)
{
	workload__init(argc, argv);
	resident__warm();
	workload__start();
	name(site_named() + ARENA_BYTES, "later");
	workload__site("site_named", 2 * ARENA_BYTES);
	return workload__finish_with(",\"names\":{\"[anon:workload arena]\":4194304,"
				     "\"[anon:later]\":4194304}");
}
