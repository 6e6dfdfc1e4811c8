/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Reading private memory nobody wrote maps the zero page, which is in nobody's RSS; 4 MiB written
 * beside it are. */
#include "workload.h"

SITE char *site_read(void)
{
	char *at = workload__map(32 * MIB);

	workload__read(at, 32 * MIB);
	SITE_RETURN();
	return at;
}

SITE void site_write(char *at)
{
	workload__touch(at, 4 * MIB);
	SITE_RETURN();
}

int main(int argc, char **argv)
{
	workload__init(argc, argv);
	workload__start();
	site_write(site_read());
	workload__site("site_read", 0);
	workload__site("site_write", 4 * MIB);
	return workload__finish();
}
