/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Memory that arrives without a fault: MAP_POPULATE, MADV_POPULATE_WRITE and mlock(2). */
#include "workload.h"

SITE void site_populate(void)
{
	void *at = mmap(NULL, 16 * MIB, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (at == MAP_FAILED)
		workload__die("mmap");
	SITE_RETURN();
}

/* An older kernel has no MADV_POPULATE_WRITE: touching gives the same bytes. */
SITE void site_madvise(void)
{
	void *at = workload__map(8 * MIB);

	if (madvise(at, 8 * MIB, 23 /* MADV_POPULATE_WRITE */))
		workload__touch(at, 8 * MIB);
	SITE_RETURN();
}

/* The limit of an unprivileged user may be small: touching gives the same bytes. */
SITE void site_mlock(void)
{
	void *at = workload__map(4 * MIB);

	if (mlock(at, 4 * MIB))
		workload__touch(at, 4 * MIB);
	SITE_RETURN();
}

int main(int argc, char **argv)
{
	workload__init(argc, argv);
	munlock(&argc, sizeof(argc));
	workload__start();
	site_populate();
	site_madvise();
	site_mlock();
	workload__site("site_populate", 16 * MIB);
	workload__site("site_madvise", 8 * MIB);
	workload__site("site_mlock", 4 * MIB);
	return workload__finish();
}
