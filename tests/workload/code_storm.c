/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A JIT at work: a thread makes every other page of an area executable, one by one, and the whole
 * of it writable again, until stdin ends; each page is a region of its own meanwhile. The other
 * thread does its job beside it.
 */
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>
#include "island.h"

#define REGIONS 1500
#define PAGE 4096
#define BESIDE_BYTES (16 * MIB)
#define NEWCOMERS 200
#define NEWCOMER_BYTES (64 << 10)

static bool is_over;
static unsigned long nr_rounds;

static void make_code(char *code)
{
	for (size_t i = 0; i < REGIONS; i++) {
		if (mprotect(code + 2 * i * PAGE, PAGE, PROT_READ | PROT_EXEC))
			workload__die("mprotect");
	}
}

static void *storm(void *code)
{
	while (!__atomic_load_n(&is_over, __ATOMIC_RELAXED)) {
		make_code(code);
		if (mprotect(code, 2 * REGIONS * PAGE, PROT_READ | PROT_WRITE))
			workload__die("mprotect");
		__atomic_add_fetch(&nr_rounds, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

/* With more regions of code than a set has room for. */
SITE void site_crowded(char *at)
{
	workload__touch(at, BESIDE_BYTES);
	SITE_RETURN();
}

SITE void site_beside(char *at)
{
	workload__touch(at, BESIDE_BYTES);
	SITE_RETURN();
}

/* Code of a file, in more places than the kernel side can note by itself. */
ISLAND void site_newcomer(char *at, unsigned long bytes)
{
	workload__touch(at, bytes);
	SITE_RETURN();
}

static void run_newcomers(char *memory, int fd, off_t offset)
{
	for (size_t i = 0; i < NEWCOMERS; i++)
		((fill_fn)island__map(fd, NULL, offset, PROT_READ | PROT_EXEC))(
			memory + i * NEWCOMER_BYTES, NEWCOMER_BYTES);
}

int main(int argc, char **argv)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	char *memory, *code;
	pthread_t thread;
	int status;

	workload__init(argc, argv);
	memory = workload__map(2 * BESIDE_BYTES + NEWCOMERS * NEWCOMER_BYTES);
	code = workload__map(2 * REGIONS * PAGE);
	workload__start();
	make_code(code);
	usleep(100 * 1000); /* for who wants to look at it */
	site_crowded(memory + BESIDE_BYTES);
	if (pthread_create(&thread, NULL, storm, code))
		workload__die("pthread_create");
	while (!__atomic_load_n(&nr_rounds, __ATOMIC_RELAXED))
		;
	site_beside(memory);
	run_newcomers(memory + 2 * BESIDE_BYTES, fd, island__offset((char *)site_newcomer));
	workload__site("site_crowded", BESIDE_BYTES);
	workload__site("site_beside", BESIDE_BYTES);
	workload__site("site_newcomer", NEWCOMERS * (NEWCOMER_BYTES + ISLAND_BYTES));
	status = workload__finish();
	__atomic_store_n(&is_over, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	return status;
}
