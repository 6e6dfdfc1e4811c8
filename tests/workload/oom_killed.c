/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Takes memory until its cgroup's limit kills it; gives up at 256 MiB. */
#include "resident.h"

SITE void site_take(char *at)
{
	workload__touch(at, 256 * MIB);
	SITE_RETURN();
}

int main(int argc, char **argv)
{
	char *at;

	workload__init(argc, argv);
	at = workload__map(256 * MIB);
	madvise(at, 256 * MIB, MADV_NOHUGEPAGE);
	workload__start();
	site_take(at);
	resident__skip("no memory limit");
}
