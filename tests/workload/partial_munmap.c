/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Holes: every fourth MiB of 32 goes, at odd places inside page tables. */
#include "workload.h"

SITE char *site_touch(void)
{
	char *at = workload__map(32 * MIB);

	workload__touch(at, 32 * MIB);
	SITE_RETURN();
	return at;
}

SITE void site_punch(char *at)
{
	for (size_t i = 0; i < 8; i++)
		if (munmap(at + 4 * i * MIB + 3 * WORKLOAD_PAGE, 1 * MIB))
			workload__die("munmap");
	SITE_RETURN();
}

int main(int argc, char **argv)
{
	workload__init(argc, argv);
	workload__start();
	site_punch(site_touch());
	workload__site("site_touch", 24 * MIB);
	workload__site("site_punch", 0);
	return workload__finish();
}
