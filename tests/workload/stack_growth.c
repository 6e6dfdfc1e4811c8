/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The main thread's stack grows by 4 MiB, a frame of 64 KiB at a time. */
#include "workload.h"

#define FRAME_BYTES (64UL << 10)
#define NR_FRAMES (4 * MIB / FRAME_BYTES)

SITE int site_deep(unsigned int depth)
{
	volatile char room[FRAME_BYTES];

	for (size_t i = 0; i < FRAME_BYTES; i += WORKLOAD_PAGE)
		room[i] = 1;
	if (depth)
		site_deep(depth - 1);
	SITE_RETURN();
	return room[0];
}

int main(int argc, char **argv)
{
	workload__init(argc, argv);
	workload__start();
	site_deep(NR_FRAMES - 1);
	workload__site("site_deep", NR_FRAMES * FRAME_BYTES);
	return workload__finish();
}
