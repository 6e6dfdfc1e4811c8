/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Faults the kernel takes for us: read(2) into memory nobody touched before. */
#include "workload.h"

SITE void site_read_into(int fd)
{
	char *at = workload__map(16 * MIB);

	for (size_t done = 0; done < 16 * MIB;) {
		ssize_t got = read(fd, at + done, 16 * MIB - done);

		if (got <= 0)
			workload__die("read");
		done += (size_t)got;
	}
	SITE_RETURN();
}

int main(int argc, char **argv)
{
	int fd;

	workload__init(argc, argv);
	fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		workload__die("/dev/zero");
	workload__start();
	site_read_into(fd);
	workload__site("site_read_into", 16 * MIB);
	return workload__finish();
}
