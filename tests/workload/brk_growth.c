/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The heap grows by 16 MiB, in steps, and shrinks by 4. */
#include "workload.h"

#define NR_STEPS 16

SITE void site_grow(void)
{
	for (int i = 0; i < NR_STEPS; i++) {
		void *at = sbrk(1 * MIB);

		if (at == (void *)-1)
			workload__die("sbrk");
		workload__touch(at, 1 * MIB);
	}
	SITE_RETURN();
}

SITE void site_shrink(void)
{
	if (sbrk(-4 * (intptr_t)MIB) == (void *)-1)
		workload__die("sbrk");
	SITE_RETURN();
}

int main(int argc, char **argv)
{
	workload__init(argc, argv);
	sbrk(0);
	workload__start();
	site_grow();
	site_shrink();
	workload__site("site_grow", 12 * MIB);
	workload__site("site_shrink", 0);
	return workload__finish();
}
