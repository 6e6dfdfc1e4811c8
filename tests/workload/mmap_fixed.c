/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* mmap(MAP_FIXED) over the middle of live memory: its pages go without a munmap(). */
#include "workload.h"

SITE char *site_under(void)
{
	char *at = workload__map(16 * MIB);

	workload__touch(at, 16 * MIB);
	SITE_RETURN();
	return at;
}

SITE void site_over(char *at)
{
	if (mmap(at, 8 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
		 0) != at)
		workload__die("mmap");
	workload__touch(at, 4 * MIB);
	SITE_RETURN();
}

int main(int argc, char **argv)
{
	workload__init(argc, argv);
	workload__start();
	site_over(site_under() + 4 * MIB);
	workload__site("site_under", 8 * MIB);
	workload__site("site_over", 4 * MIB);
	return workload__finish();
}
