// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Loads that bring memory in, in every way there is. */
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include "loads.h"

#define STORM_BYTES (64 * LOAD_MIB)
#define HUGE_BYTES (128 * LOAD_MIB)
#define BIG_BYTES (4096 * LOAD_MIB)

static volatile char *region;
static int file_fd;

static char *map(size_t bytes, int advice)
{
	char *at = mmap(NULL, bytes + 2 * LOAD_MIB, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (at == MAP_FAILED)
		load__die("mmap");
	at = (char *)(((uintptr_t)at + 2 * LOAD_MIB - 1) & ~(2 * LOAD_MIB - 1));
	if (advice)
		madvise(at, bytes, advice);
	return at;
}

static void touch(volatile char *at, size_t bytes)
{
	for (size_t i = 0; i < bytes; i += LOAD_PAGE)
		at[i] = 1;
}

static void drop(volatile char *at, size_t bytes)
{
	if (madvise((void *)at, bytes, MADV_DONTNEED))
		load__die("madvise");
}

static void storm_begin(void)
{
	region = map(STORM_BYTES, MADV_NOHUGEPAGE);
}

static void storm_prepare(void)
{
	drop(region, STORM_BYTES);
}

static void storm_round(void)
{
	touch(region, STORM_BYTES);
}

static const struct load storm = {
	.name = "storm",
	.nr_rounds = 30,
	.ops_per_round = STORM_BYTES / LOAD_PAGE,
	.begin = storm_begin,
	.prepare = storm_prepare,
	.round = storm_round,
};

/* Pages in an order that no extent helps with, by one stack. */
static void scatter_round(void)
{
	size_t nr = STORM_BYTES / LOAD_PAGE, at = 1;

	for (size_t i = 0; i < nr; i++) {
		at = (at * 5 + 12345) & (nr - 1); /* every number below nr once */
		region[at * LOAD_PAGE] = 1;
	}
}

static const struct load scatter = {
	.name = "scatter",
	.nr_rounds = 30,
	.ops_per_round = STORM_BYTES / LOAD_PAGE,
	.begin = storm_begin,
	.prepare = storm_prepare,
	.round = scatter_round,
};

#define STACKS_DEPTH 24

/* Each page by a stack of its own: @path's bits choose the way down. */
static __attribute__((noinline)) void by_path(unsigned int depth, unsigned int path,
					      volatile char *at);

static __attribute__((noinline)) void go_left(unsigned int depth, unsigned int path,
					      volatile char *at)
{
	by_path(depth - 1, path >> 1, at);
	asm volatile("" ::: "memory"); /* no tail call */
}

static __attribute__((noinline)) void go_right(unsigned int depth, unsigned int path,
					       volatile char *at)
{
	by_path(depth - 1, path >> 1, at);
	asm volatile("" ::: "memory");
}

static void by_path(unsigned int depth, unsigned int path, volatile char *at)
{
	if (!depth)
		*at = 1;
	else if (path & 1)
		go_right(depth, path, at);
	else
		go_left(depth, path, at);
	asm volatile("" ::: "memory");
}

static void stacks_round(void)
{
	size_t nr = STORM_BYTES / LOAD_PAGE;

	for (size_t i = 0; i < nr; i++)
		by_path(STACKS_DEPTH / 2, i, region + i * LOAD_PAGE);
}

static const struct load stacks = {
	.name = "stacks",
	.nr_rounds = 24,
	.ops_per_round = STORM_BYTES / LOAD_PAGE,
	.begin = storm_begin,
	.prepare = storm_prepare,
	.round = stacks_round,
};

static void huge_begin(void)
{
	region = map(HUGE_BYTES, MADV_HUGEPAGE);
}

static void huge_prepare(void)
{
	drop(region, HUGE_BYTES);
}

static void huge_round(void)
{
	touch(region, HUGE_BYTES);
}

static const struct load huge = {
	.name = "huge",
	.nr_rounds = 30,
	.ops_per_round = HUGE_BYTES / (2 * LOAD_MIB),
	.begin = huge_begin,
	.prepare = huge_prepare,
	.round = huge_round,
};

static void file_begin(void)
{
	char path[] = "/tmp/bench-load-XXXXXX";

	file_fd = mkstemp(path);
	if (file_fd < 0 || unlink(path) || ftruncate(file_fd, STORM_BYTES))
		load__die(path);
	region = mmap(NULL, STORM_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, file_fd, 0);
	if (region == MAP_FAILED)
		load__die("mmap");
	touch(region, STORM_BYTES);
}

static void file_prepare(void)
{
	munmap((void *)region, STORM_BYTES);
	region = mmap(NULL, STORM_BYTES, PROT_READ, MAP_SHARED, file_fd, 0);
	if (region == MAP_FAILED)
		load__die("mmap");
}

static void file_round(void)
{
	char sum = 0;

	for (size_t i = 0; i < STORM_BYTES; i += LOAD_PAGE)
		sum += region[i];
	asm volatile("" ::"r"(sum));
}

static const struct load file = {
	.name = "file",
	.nr_rounds = 100,
	.ops_per_round = STORM_BYTES / LOAD_PAGE,
	.begin = file_begin,
	.prepare = file_prepare,
	.round = file_round,
};

#define CHURN_SLOTS 4096
#define CHURN_OPS 500000
#define CHURN_LEAKS_ONE_IN 48

static void *slots[CHURN_SLOTS];
static uint64_t seed = 88172645463325252ULL;

static uint64_t next_random(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static void churn_round(void)
{
	for (unsigned int i = 0; i < CHURN_OPS; i++) {
		uint64_t random = next_random();
		unsigned int slot = random % CHURN_SLOTS;
		volatile char *block;

		if (i % CHURN_LEAKS_ONE_IN)
			free(slots[slot]);
		block = malloc(16 + (random >> 32) % 4000);
		if (!block)
			load__die("malloc");
		*block = 1;
		slots[slot] = (void *)block;
	}
}

static const struct load churn = {
	.name = "churn",
	.nr_rounds = 10,
	.ops_per_round = CHURN_OPS,
	.round = churn_round,
};

#define NR_THREADS 8
#define THREAD_BYTES (8 * LOAD_MIB)

static void *thread_main(void *own)
{
	touch(own, THREAD_BYTES);
	drop(own, THREAD_BYTES);
	return NULL;
}

static void threads_begin(void)
{
	region = map(NR_THREADS * THREAD_BYTES, MADV_NOHUGEPAGE);
}

static void threads_round(void)
{
	pthread_t threads[NR_THREADS];

	for (int i = 0; i < NR_THREADS; i++)
		if (pthread_create(&threads[i], NULL, thread_main,
				   (char *)region + i * THREAD_BYTES))
			load__die("pthread_create");
	for (int i = 0; i < NR_THREADS; i++)
		pthread_join(threads[i], NULL);
}

static const struct load threads = {
	.name = "threads",
	.nr_rounds = 24,
	.ops_per_round = NR_THREADS * THREAD_BYTES / LOAD_PAGE,
	.begin = threads_begin,
	.round = threads_round,
};

#define MAPS_OPS 2000
#define MAPS_BYTES (16 * LOAD_PAGE)

static void maps_round(void)
{
	for (int i = 0; i < MAPS_OPS; i++) {
		char *at = mmap(NULL, MAPS_BYTES, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (at == MAP_FAILED)
			load__die("mmap");
		touch(at, 4 * LOAD_PAGE);
		munmap(at, MAPS_BYTES);
	}
}

static const struct load maps = {
	.name = "maps",
	.nr_rounds = 30,
	.ops_per_round = MAPS_OPS,
	.round = maps_round,
};

#define PACED_ROUND_PAGES 500
#define PACED_ROUND_NS 50000000ULL

static uint64_t paced_until;

/* 10 000 faults a second: what it costs the tracer is the question, not how long it takes. */
static void paced_round(void)
{
	static unsigned int at;
	struct timespec until;

	if (!paced_until)
		paced_until = load__now_ns();
	paced_until += PACED_ROUND_NS;
	touch(region + at * LOAD_PAGE, PACED_ROUND_PAGES * LOAD_PAGE);
	at += PACED_ROUND_PAGES;
	if (at + PACED_ROUND_PAGES > STORM_BYTES / LOAD_PAGE) {
		drop(region, STORM_BYTES);
		at = 0;
	}
	until.tv_sec = paced_until / 1000000000ULL;
	until.tv_nsec = paced_until % 1000000000ULL;
	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}

static const struct load paced = {
	.name = "paced",
	.nr_rounds = 40,
	.ops_per_round = PACED_ROUND_PAGES,
	.begin = storm_begin,
	.round = paced_round,
};

static void big_begin(void)
{
	region = map(BIG_BYTES, MADV_NOHUGEPAGE);
}

static void big_round(void)
{
	touch(region, BIG_BYTES);
}

static const struct load big = {
	.name = "big",
	.nr_rounds = 1,
	.ops_per_round = BIG_BYTES / LOAD_PAGE,
	.begin = big_begin,
	.round = big_round,
};

const struct load *const memory_loads[] = { &storm,   &scatter, &stacks, &huge, &file, &churn,
					    &threads, &maps,	&paced,	 &big,	NULL };
