/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* malloc() and free() in a mixed order; in the end all is given back. Sizes no thread cache keeps.
 */
#include <malloc.h>
#include "workload.h"

#define NR_SLOTS 512
#define NR_OPS 60000

static void *slots[NR_SLOTS];

SITE void site_churn(void)
{
	uint32_t seed = 7;

	for (int i = 0; i < NR_OPS; i++) {
		seed = seed * 1664525 + 1013904223;
		void **slot = &slots[(seed >> 8) % NR_SLOTS];
		size_t bytes = 2048 + (seed >> 4) % (62 << 10);

		free(*slot);
		*slot = malloc(bytes);
		workload__touch(*slot, bytes);
	}
	for (int i = 0; i < NR_SLOTS; i++)
		free(slots[i]);
	malloc_trim(0);
	SITE_RETURN();
}

SITE void site_keep(void)
{
	workload__touch(workload__map(6 * MIB), 6 * MIB);
	SITE_RETURN();
}

int main(int argc, char **argv)
{
	workload__init(argc, argv);
	free(malloc(4096));
	malloc_trim(0);
	workload__start();
	site_churn();
	site_keep();
	workload__site("site_churn", 0);
	workload__site("site_keep", 6 * MIB);
	return workload__finish();
}
