/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Touches more than its memory cgroup may hold, so that its own faults reclaim its pages; with
 * --squeeze another process then lowers the limit. Needs swap and a limit (memory.max).
 */
#include "resident.h"

#define TOUCHED_BYTES (64 * MIB)
#define SQUEEZE                                                                                    \
	"echo 16M >/sys/fs/cgroup$(sed -n 's/^0:://p' /proc/$PPID/cgroup)/memory.high; sleep 1"

SITE char *site_touch(void)
{
	char *at = workload__map(TOUCHED_BYTES);

	madvise(at, TOUCHED_BYTES, MADV_NOHUGEPAGE);
	workload__touch(at, TOUCHED_BYTES);
	SITE_RETURN();
	return at;
}

int main(int argc, char **argv)
{
	char *at;

	workload__init(argc, argv);
	resident__warm();
	workload__start();
	at = site_touch();
	if (resident__bytes(at, TOUCHED_BYTES) == TOUCHED_BYTES)
		resident__skip("no memory limit, or no swap");
	if (!strcmp(argv[argc - 1], "--squeeze"))
		resident__elsewhere(SQUEEZE);
	workload__site("site_touch", resident__bytes(at, TOUCHED_BYTES));
	return workload__finish();
}
