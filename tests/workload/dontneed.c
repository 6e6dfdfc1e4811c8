/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* MADV_DONTNEED in one big piece and in single pages, and a second owner for some of what went. */
#include "workload.h"

SITE char *site_first(void)
{
	char *at = workload__map(32 * MIB);

	workload__touch(at, 32 * MIB);
	SITE_RETURN();
	return at;
}

SITE void site_drop(char *at)
{
	madvise(at + 8 * MIB, 12 * MIB, MADV_DONTNEED);
	for (size_t i = 0; i < 1 * MIB; i += 2 * WORKLOAD_PAGE)
		madvise(at + 24 * MIB + i, WORKLOAD_PAGE, MADV_DONTNEED);
	SITE_RETURN();
}

SITE void site_second(char *at)
{
	workload__touch(at + 10 * MIB, 8 * MIB);
	SITE_RETURN();
}

int main(int argc, char **argv)
{
	char *at;

	workload__init(argc, argv);
	workload__start();
	at = site_first();
	site_drop(at);
	site_second(at);
	workload__site("site_first", 20 * MIB - MIB / 2);
	workload__site("site_drop", 0);
	workload__site("site_second", 8 * MIB);
	return workload__finish();
}
