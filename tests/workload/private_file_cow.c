/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A private file mapping, read whole, then half of it written: those pages turn from file into
 * anonymous ones. */
#include "workload.h"

SITE char *site_read(int fd)
{
	char *at = mmap(NULL, 16 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);

	if (at == MAP_FAILED)
		workload__die("mmap");
	workload__read(at, 16 * MIB);
	SITE_RETURN();
	return at;
}

SITE void site_write(char *at)
{
	workload__touch(at + 4 * MIB, 8 * MIB);
	SITE_RETURN();
}

int main(int argc, char **argv)
{
	char path[256];
	int fd;

	workload__init(argc, argv);
	fd = workload__file(path, sizeof(path), 16 * MIB);
	workload__start();
	site_write(site_read(fd));
	workload__site("site_read", 8 * MIB);
	workload__site("site_write", 8 * MIB);
	workload__finish();
	return unlink(path);
}
