/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Names its own moments: 8 MiB between "warm" and "loaded", 4 MiB more until a label made on the
 * heap. The nap behind each lets the tracer come by: the moment a mark names is when it has heard
 * of it.
 */
#include <stdio.h>
#include <time.h>
#include "../../include/rsstrace_mark.h"
#include "workload.h"

static void nap(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 300 * 1000 * 1000 }, NULL);
}

SITE void site_load(void)
{
	workload__touch(workload__map(8 * MIB), 8 * MIB);
	SITE_RETURN();
}

SITE void site_more(void)
{
	workload__touch(workload__map(4 * MIB), 4 * MIB);
	SITE_RETURN();
}

int main(int argc, char **argv)
{
	char label[100];

	workload__init(argc, argv);
	workload__start();
	RSSTRACE_MARK("warm");
	nap();
	site_load();
	RSSTRACE_MARK("loaded");
	nap();
	site_more();
	snprintf(label, sizeof(label), "round %d, \x1b[31mred \xff, %060d", 1, 0);
	RSSTRACE_MARK(label);
	nap();
	workload__site("site_load", 8 * MIB);
	workload__site("site_more", 4 * MIB);
	return workload__finish();
}
