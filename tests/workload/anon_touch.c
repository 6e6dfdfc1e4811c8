/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The plainest of all: 32 MiB of private memory, touched once. */
#include "workload.h"

SITE void site_touch(void)
{
	workload__touch(workload__map(32 * MIB), 32 * MIB);
	SITE_RETURN();
}

int main(int argc, char **argv)
{
	workload__init(argc, argv);
	workload__start();
	site_touch();
	workload__site("site_touch", 32 * MIB);
	return workload__finish();
}
