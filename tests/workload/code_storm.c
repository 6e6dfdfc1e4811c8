/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A JIT at work: a thread makes every other page of an area executable, one by one, and the whole
 * of it writable again, until stdin ends; each page is a region of its own meanwhile. The other
 * thread does its job beside it.
 */
#include <pthread.h>
#include "workload.h"

#define REGIONS 1500
#define PAGE 4096
#define BESIDE_BYTES (16 * MIB)

static bool is_over;
static unsigned long nr_rounds;

static void *storm(void *code)
{
	while (!__atomic_load_n(&is_over, __ATOMIC_RELAXED)) {
		for (size_t i = 0; i < REGIONS; i++) {
			if (mprotect((char *)code + 2 * i * PAGE, PAGE, PROT_READ | PROT_EXEC))
				workload__die("mprotect");
		}
		if (mprotect(code, 2 * REGIONS * PAGE, PROT_READ | PROT_WRITE))
			workload__die("mprotect");
		__atomic_add_fetch(&nr_rounds, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

SITE void site_beside(char *at)
{
	workload__touch(at, BESIDE_BYTES);
	SITE_RETURN();
}

int main(int argc, char **argv)
{
	char *memory, *code;
	pthread_t thread;
	int status;

	workload__init(argc, argv);
	memory = workload__map(BESIDE_BYTES);
	code = workload__map(2 * REGIONS * PAGE);
	workload__start();
	if (pthread_create(&thread, NULL, storm, code))
		workload__die("pthread_create");
	while (!__atomic_load_n(&nr_rounds, __ATOMIC_RELAXED))
		;
	site_beside(memory);
	workload__site("site_beside", BESIDE_BYTES);
	status = workload__finish();
	__atomic_store_n(&is_over, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	return status;
}
