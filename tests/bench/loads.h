/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Loads for `make bench`: programs of known work that time themselves, so that what a tracer does
 * before the first and after the last instruction does not count.
 */
#ifndef BENCH_LOADS_H
#define BENCH_LOADS_H

#include <stddef.h>
#include <stdint.h>

#define LOAD_MIB (1UL << 20)
#define LOAD_PAGE 4096UL

/*
 * A load runs nr_rounds rounds of the same work. Only round() is timed. Each of begin, prepare and
 * end may be NULL; prepare is called before each round.
 */
struct load {
	const char *name;
	unsigned int nr_rounds;
	uint64_t ops_per_round; /* what an operation is depends on the load: a page, a call, ... */
	void (*begin)(void);
	void (*prepare)(void);
	void (*round)(void);
	void (*end)(void);
};

/* NULL-terminated */
extern const struct load *const memory_loads[];
extern const struct load *const kernel_loads[];

/* Where the result will be: FILE of the command line. */
extern const char *load_path;

/* Print what failed and its errno, and end with status 1. */
void load__die(const char *what) __attribute__((noreturn));

/* Nanoseconds of CLOCK_MONOTONIC. */
uint64_t load__now_ns(void);

#endif
