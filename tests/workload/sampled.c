/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Two sites fault in turn into one region, three pages to one, by a thousand paths each and round
 * after round: stacks that cost much, for tracers that have to do without most of them. --rounds N,
 * and
 * --levels N calls from main() to each.
 */
#include "workload.h"

#define REGION_BYTES (64 * MIB)
#define STEP_PAGES 4 /* 3 by one site, 1 by the other */

static char *region;
static int nr_rounds = 40, nr_levels = 10;

SITE void site_large(char *at)
{
	workload__touch(at, 3 * WORKLOAD_PAGE);
	SITE_RETURN();
}

SITE void site_small(char *at)
{
	workload__touch(at + 3 * WORKLOAD_PAGE, WORKLOAD_PAGE);
	SITE_RETURN();
}

SITE void go_right(unsigned int path, int level, char *at);

SITE void go_left(unsigned int path, int level, char *at)
{
	if (!level)
		site_large(at);
	else
		(path & 1 ? go_left : go_right)(path >> 1, level - 1, at);
	SITE_RETURN();
}

SITE void go_right(unsigned int path, int level, char *at)
{
	if (!level)
		site_large(at);
	else
		(path & 1 ? go_left : go_right)(path >> 1, level - 1, at);
	SITE_RETURN();
}

SITE void turn_right(unsigned int path, int level, char *at);

SITE void turn_left(unsigned int path, int level, char *at)
{
	if (!level)
		site_small(at);
	else
		(path & 1 ? turn_left : turn_right)(path >> 1, level - 1, at);
	SITE_RETURN();
}

SITE void turn_right(unsigned int path, int level, char *at)
{
	if (!level)
		site_small(at);
	else
		(path & 1 ? turn_left : turn_right)(path >> 1, level - 1, at);
	SITE_RETURN();
}

static void fill(void)
{
	const size_t step = STEP_PAGES * WORKLOAD_PAGE;

	for (size_t at = 0; at < REGION_BYTES; at += step) {
		go_left(at / step, nr_levels, region + at);
		turn_left(at / step, nr_levels, region + at);
	}
}

int main(int argc, char **argv)
{
	workload__init(argc, argv);
	for (int i = 1; i + 1 < argc; i++) {
		if (!strcmp(argv[i], "--rounds"))
			nr_rounds = atoi(argv[i + 1]);
		if (!strcmp(argv[i], "--levels"))
			nr_levels = atoi(argv[i + 1]);
	}
	region = workload__map(REGION_BYTES);
	if (madvise(region, REGION_BYTES, MADV_NOHUGEPAGE))
		workload__die("madvise");
	workload__start();
	for (int i = 0; i < nr_rounds; i++) {
		if (i && madvise(region, REGION_BYTES, MADV_DONTNEED))
			workload__die("madvise");
		fill();
	}
	workload__site("site_large", REGION_BYTES / 4 * 3);
	workload__site("site_small", REGION_BYTES / 4);
	return workload__finish();
}
