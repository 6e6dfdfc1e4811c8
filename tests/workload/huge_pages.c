/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Huge pages, faulted in and given back round after round, the last ones kept; with --beside a
 * second thread fills and drops some small ones all the while. Its line tells how many bytes came
 * in all: "faulted".
 */
#include <pthread.h>
#include "workload.h"

#define HUGE_BYTES (2 * MIB)
#define ROUND_BYTES (16 * HUGE_BYTES)
#define NR_ROUNDS 400
#define SMALL_BYTES (40 * WORKLOAD_PAGE)

static volatile bool done;

SITE void site_beside(void)
{
	char *at = workload__map(SMALL_BYTES);

	while (!done) {
		workload__touch(at, SMALL_BYTES);
		madvise(at, SMALL_BYTES, MADV_DONTNEED);
	}
	SITE_RETURN();
}

static void *beside(void *unused)
{
	site_beside();
	return unused;
}

SITE void site_huge(char *at)
{
	workload__touch(at, ROUND_BYTES);
	SITE_RETURN();
}

int main(int argc, char **argv)
{
	bool two = argc > 1 && !strcmp(argv[argc - 1], "--beside");
	pthread_t thread;
	char *at, more[64];

	workload__init(argc, argv);
	at = workload__map(ROUND_BYTES + HUGE_BYTES);
	at = (char *)(((uintptr_t)at + HUGE_BYTES - 1) & ~(HUGE_BYTES - 1));
	madvise(at, ROUND_BYTES, MADV_HUGEPAGE);
	workload__start();
	if (two && pthread_create(&thread, NULL, beside, NULL))
		workload__die("pthread_create");
	for (int i = 1; i < NR_ROUNDS; i++) {
		site_huge(at);
		madvise(at, ROUND_BYTES, MADV_DONTNEED);
	}
	done = true;
	if (two)
		pthread_join(thread, NULL);
	site_huge(at);
	workload__site("site_huge", ROUND_BYTES);
	snprintf(more, sizeof(more), ",\"faulted\":%lu", NR_ROUNDS * ROUND_BYTES);
	return workload__finish_with(more);
}
