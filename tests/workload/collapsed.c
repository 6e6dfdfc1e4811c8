/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One page each of four huge pages; khugepaged makes them whole. Needs it to be in a hurry. */
#include "resident.h"

#define HUGE_BYTES (2 * MIB)
#define NR_HUGE 4

SITE char *site_sparse(void)
{
	char *at = workload__map((NR_HUGE + 1) * HUGE_BYTES);

	at = (char *)(((uintptr_t)at + HUGE_BYTES - 1) & ~(HUGE_BYTES - 1));
	for (int i = 0; i < NR_HUGE; i++)
		workload__touch(at + i * HUGE_BYTES, WORKLOAD_PAGE);
	SITE_RETURN();
	return at;
}

int main(int argc, char **argv)
{
	char *at;

	workload__init(argc, argv);
	resident__warm();
	workload__start();
	at = site_sparse();
	madvise(at, NR_HUGE * HUGE_BYTES, MADV_HUGEPAGE);
	if (!resident__wait(at, NR_HUGE * HUGE_BYTES, NR_HUGE * HUGE_BYTES))
		resident__skip("khugepaged did not come");
	/* the rest was brought in by no code of this program */
	workload__site("site_sparse", NR_HUGE * WORKLOAD_PAGE);
	return workload__finish();
}
