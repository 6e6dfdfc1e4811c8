/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* MADV_PAGEOUT sends half of a mapping to swap, and a part of that is touched again. Needs swap. */
#include "resident.h"

#define MAPPED_BYTES (16 * MIB)
#define AGAIN_BYTES (4 * MIB)

SITE char *site_touch(void)
{
	char *at = workload__map(MAPPED_BYTES);

	madvise(at, MAPPED_BYTES, MADV_NOHUGEPAGE);
	workload__touch(at, MAPPED_BYTES);
	SITE_RETURN();
	return at;
}

SITE void site_out(char *at)
{
	madvise(at, MAPPED_BYTES / 2, MADV_PAGEOUT);
	SITE_RETURN();
}

SITE void site_again(char *at)
{
	workload__touch(at, AGAIN_BYTES);
	SITE_RETURN();
}

int main(int argc, char **argv)
{
	size_t kept_again, kept;
	char *at;

	workload__init(argc, argv);
	resident__warm();
	workload__start();
	at = site_touch();
	site_out(at);
	kept_again = resident__bytes(at, AGAIN_BYTES);
	kept = resident__bytes(at, MAPPED_BYTES);
	if (kept == MAPPED_BYTES)
		resident__skip("nothing went to swap");
	site_again(at);
	/* readahead may bring more than was touched: that is the touching site's, too */
	workload__site("site_touch", kept);
	workload__site("site_again", resident__bytes(at, MAPPED_BYTES) - kept);
	workload__site("site_out", 0);
	return kept_again == AGAIN_BYTES ? 1 : workload__finish();
}
