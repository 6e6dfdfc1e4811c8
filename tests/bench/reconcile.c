// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What asking the kernel for residency costs: time for a GiB, and the longest mmap_lock can have
 * been held (the longest single question). A child holds the memory: 4 KiB pages, every other page,
 * huge pages. Prints one line a pattern.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "live/residency.h"

#define MIB (1UL << 20)
#define ROUNDS 9

static const struct pattern {
	const char *name;
	size_t step_bytes; /* touch a byte each */
	int advice;
} patterns[] = {
	{ "4 KiB pages, dense", 4096, MADV_NOHUGEPAGE },
	{ "4 KiB pages, every other", 8192, MADV_NOHUGEPAGE },
	{ "huge pages", 4096, MADV_HUGEPAGE },
};

struct tally {
	uint64_t nr_pages;
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static int on_run(void *ctx, __u64 addr, __u64 nr_pages, bool file)
{
	struct tally *tally = ctx;

	(void)addr, (void)file;
	tally->nr_pages += nr_pages;
	return 0;
}

static int by_time(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return (left > right) - (left < right);
}

static pid_t hold(const struct pattern *pattern, char *at, size_t bytes)
{
	int ready[2];
	pid_t pid;
	char c;

	if (pipe(ready))
		exit(1);
	pid = fork();
	if (pid) {
		close(ready[1]);
		if (read(ready[0], &c, 1) != 1)
			exit(1);
		close(ready[0]);
		return pid;
	}
	if (madvise(at, bytes, pattern->advice))
		perror("madvise");
	for (size_t i = 0; i < bytes; i += pattern->step_bytes)
		at[i] = 1;
	if (write(ready[1], "", 1) != 1)
		_exit(1);
	pause();
	_exit(0);
}

/* The longest scan of a piece is the longest question: a piece is what one question covers at most.
 */
static void measure(const struct pattern *pattern, char *at, size_t bytes)
{
	size_t piece = 32 * MIB;
	uint64_t whole[ROUNDS], longest[ROUNDS];
	struct tally tally = { 0 };
	pid_t pid = hold(pattern, at, bytes);
	struct err err = { "" };
	struct residency *residency = residency__open(pid, &err);

	for (int round = 0; residency && round < ROUNDS; round++) {
		uint64_t begin = now_ns();

		tally.nr_pages = 0;
		residency__scan(residency, (uintptr_t)at, (uintptr_t)at + bytes, on_run, &tally);
		whole[round] = now_ns() - begin;
		longest[round] = 0;
		for (size_t done = 0; done < bytes; done += piece) {
			begin = now_ns();
			residency__scan(residency, (uintptr_t)at + done,
					(uintptr_t)at + done + piece, on_run, &(struct tally){ 0 });
			if (now_ns() - begin > longest[round])
				longest[round] = now_ns() - begin;
		}
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	if (!residency) {
		fprintf(stderr, "reconcile: %s\n", err.text);
		exit(2);
	}
	residency__close(residency);
	qsort(whole, ROUNDS, sizeof(whole[0]), by_time);
	qsort(longest, ROUNDS, sizeof(longest[0]), by_time);
	printf("%-26s %" PRIu64 " pages  %6.2f ms/GiB  longest hold %6.3f ms\n", pattern->name,
	       tally.nr_pages, whole[ROUNDS / 2] / 1e6 * (1024.0 * MIB / bytes),
	       longest[ROUNDS / 2] / 1e6);
}

int main(int argc, char **argv)
{
	size_t bytes = (argc > 1 ? strtoul(argv[1], NULL, 10) : 1024) * MIB;
	char *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (at == MAP_FAILED)
		return 1;
	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++)
		measure(&patterns[i], at, bytes);
	return 0;
}
