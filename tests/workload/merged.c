/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Pages with the same contents, merged by KSM and half of them written again: RSS stays. */
#include "resident.h"

#define MERGED_BYTES (4 * MIB)

static unsigned long nr_sharing(void)
{
	char text[32] = "";
	int fd = open("/sys/kernel/mm/ksm/pages_sharing", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read(fd, text, sizeof(text) - 1) < 0)
		resident__skip("no KSM");
	close(fd);
	return strtoul(text, NULL, 10);
}

SITE char *site_same(void)
{
	char *at = workload__map(MERGED_BYTES);

	madvise(at, MERGED_BYTES, MADV_NOHUGEPAGE);
	workload__touch(at, MERGED_BYTES);
	SITE_RETURN();
	return at;
}

SITE void site_break(char *at)
{
	workload__touch(at, MERGED_BYTES / 2);
	SITE_RETURN();
}

int main(int argc, char **argv)
{
	char *at;

	workload__init(argc, argv);
	resident__warm();
	nr_sharing();
	workload__start();
	at = site_same();
	madvise(at, MERGED_BYTES, MADV_MERGEABLE);
	for (int i = 0; nr_sharing() < MERGED_BYTES / WORKLOAD_PAGE / 2; i++) {
		if (i == PATIENCE_TENTHS)
			resident__skip("KSM merged nothing");
		resident__nap();
	}
	site_break(at);
	workload__site("site_same", MERGED_BYTES);
	workload__site("site_break", 0);
	return workload__finish();
}
