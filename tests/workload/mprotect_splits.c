/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One mapping cut into 128 by mprotect(2), half of them touched afterwards. */
#include "workload.h"

#define PIECE_BYTES (64UL << 10)

SITE char *site_half(void)
{
	char *at = workload__map(16 * MIB);

	workload__touch(at, 8 * MIB);
	SITE_RETURN();
	return at;
}

SITE void site_split(char *at)
{
	for (size_t i = 0; i < 16 * MIB; i += 2 * PIECE_BYTES)
		if (mprotect(at + i, PIECE_BYTES, PROT_READ))
			workload__die("mprotect");
	SITE_RETURN();
}

/* The odd pieces of the upper half stayed writable. */
SITE void site_rest(char *at)
{
	for (size_t i = 8 * MIB + PIECE_BYTES; i < 16 * MIB; i += 2 * PIECE_BYTES)
		workload__touch(at + i, PIECE_BYTES);
	SITE_RETURN();
}

int main(int argc, char **argv)
{
	char *at;

	workload__init(argc, argv);
	workload__start();
	at = site_half();
	site_split(at);
	site_rest(at);
	workload__site("site_half", 8 * MIB);
	workload__site("site_split", 0);
	workload__site("site_rest", 4 * MIB);
	return workload__finish();
}
