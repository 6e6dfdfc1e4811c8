/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Touches 8 MiB, then replaces itself by a second image that touches 12: only those are left. */
#include "workload.h"

SITE void site_first(void)
{
	workload__touch(workload__map(8 * MIB), 8 * MIB);
	SITE_RETURN();
}

SITE void site_second(void)
{
	workload__touch(workload__map(12 * MIB), 12 * MIB);
	SITE_RETURN();
}

int main(int argc, char **argv)
{
	char *second[] = { argv[0], "--second", NULL };

	workload__init(argc, argv);
	if (argc > 1 && !strcmp(argv[1], "--second")) {
		site_second();
		workload__site("site_first", 0);
		workload__site("site_second", 12 * MIB);
		return workload__finish();
	}
	workload__start();
	site_first();
	execv("/proc/self/exe", second);
	workload__die("execv");
}
