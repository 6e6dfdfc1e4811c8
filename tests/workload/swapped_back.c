/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Everything goes to swap, and another process's swapoff(2) brings it back. Root, swap. */
#include "resident.h"

#define TOUCHED_BYTES (8 * MIB)
#define SWAP_OFF_AND_ON                                                                            \
	"swap=$(sed -n '2s/ .*//p' /proc/swaps | cut -f1); swapoff $swap && swapon $swap"

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
	size_t kept;
	char *at;

	workload__init(argc, argv);
	resident__warm();
	workload__start();
	at = site_touch();
	madvise(at, TOUCHED_BYTES, MADV_PAGEOUT);
	kept = resident__bytes(at, TOUCHED_BYTES);
	if (kept == TOUCHED_BYTES)
		resident__skip("nothing went to swap");
	for (int i = 0; i < 15; i++) /* so that a tracer sees them gone */
		resident__nap();
	if (resident__elsewhere(SWAP_OFF_AND_ON) || resident__bytes(at, TOUCHED_BYTES) == kept)
		resident__skip("swapoff brought nothing back");
	/* whose those are that came back, nobody knows */
	workload__site("site_touch", kept);
	return workload__finish();
}
