// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* residency against memory of our own, whose truth is known; both ways of asking the kernel. */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "live/pagemap_abi.h"
#include "live/proc_maps.h"
#include "live/residency.h"
#include "live/zero_page.h"

#define PAGE 4096UL
#define HUGE_BYTES (2UL << 20)

struct tally {
	__u64 runs, anon_pages, file_pages, last_end;
	bool ascending;
};

static int count_run(void *ctx, __u64 addr, __u64 nr_pages, bool file)
{
	struct tally *tally = ctx;

	if (addr < tally->last_end)
		tally->ascending = false;
	tally->last_end = addr + nr_pages * PAGE;
	tally->runs++;
	*(file ? &tally->file_pages : &tally->anon_pages) += nr_pages;
	return 0;
}

static struct tally scan(const void *start, size_t len)
{
	struct residency *residency = residency__open(getpid(), NULL);
	struct tally tally = { .ascending = true };

	assert_non_null(residency);
	assert_int_equal(residency__scan(residency, (uintptr_t)start, (uintptr_t)start + len,
					 count_run, &tally),
			 0);
	assert_true(tally.ascending);
	residency__close(residency);
	return tally;
}

static bool zero_page_known(void)
{
	struct residency *residency = residency__open(getpid(), NULL);
	struct zero_page zero;
	bool known;

	zero_page__init(&zero);
	known = residency__has_scan(residency) || zero.small;
	zero_page__fini(&zero);
	residency__close(residency);
	return known;
}

static char *map_anon(size_t len)
{
	char *mem = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(mem, MAP_FAILED);
	madvise(mem, len, MADV_NOHUGEPAGE);
	return mem;
}

static void test_every_other_page(void **state)
{
	const size_t nr = 4096; /* 2048 runs: several vectors, so that walk_end matters */
	char *mem = map_anon(nr * PAGE);
	struct tally tally;

	(void)state;
	for (size_t i = 0; i < nr; i += 2)
		mem[i * PAGE] = 1;
	tally = scan(mem, nr * PAGE);
	assert_int_equal(tally.runs, nr / 2);
	assert_int_equal(tally.anon_pages, nr / 2);
	assert_int_equal(tally.file_pages, 0);
	munmap(mem, nr * PAGE);
}

/* The trap: a first full vector, a second one that ends the walk with fewer. */
static void test_runs_around_the_vector(void **state)
{
	(void)state;
	for (size_t runs = 510; runs <= 1026; runs += runs == 514 ? 508 : 1) {
		char *mem = map_anon(2 * runs * PAGE);
		struct tally tally;

		for (size_t i = 0; i < runs; i++)
			mem[2 * i * PAGE] = 1;
		tally = scan(mem, 2 * runs * PAGE);
		assert_int_equal(tally.runs, runs);
		assert_int_equal(tally.anon_pages, runs);
		munmap(mem, 2 * runs * PAGE);
	}
}

static void test_neighbours_are_one_run(void **state)
{
	char *mem = map_anon(64 * PAGE);
	struct tally tally;

	(void)state;
	memset(mem + 8 * PAGE, 1, 16 * PAGE);
	tally = scan(mem, 64 * PAGE);
	assert_int_equal(tally.runs, 1);
	assert_int_equal(tally.anon_pages, 16);
	tally = scan(mem + 10 * PAGE, 4 * PAGE);
	assert_int_equal(tally.anon_pages, 4);
	munmap(mem, 64 * PAGE);
}

static void test_zero_pages_do_not_count(void **state)
{
	volatile char *mem = map_anon(64 * PAGE);

	(void)state;
	if (!zero_page_known())
		skip();
	for (size_t i = 0; i < 64; i++)
		(void)mem[i * PAGE];
	mem[0] = 1;
	assert_int_equal(scan((void *)mem, 64 * PAGE).anon_pages, 1);
	munmap((void *)mem, 64 * PAGE);
}

static void test_huge_zero_page_does_not_count(void **state)
{
	char *mem = map_anon(3 * HUGE_BYTES);
	volatile char *huge = (char *)(((uintptr_t)mem + HUGE_BYTES - 1) & ~(HUGE_BYTES - 1));

	(void)state;
	if (!zero_page_known())
		skip();
	madvise(mem, 3 * HUGE_BYTES, MADV_HUGEPAGE);
	(void)*huge;
	assert_int_equal(scan((void *)huge, HUGE_BYTES).anon_pages, 0);
	munmap(mem, 3 * HUGE_BYTES);
}

static void test_shared_memory_is_of_a_file(void **state)
{
	char *mem;
	struct tally tally;

	(void)state;
	mem = mmap(NULL, 32 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(mem, MAP_FAILED);
	memset(mem, 1, 8 * PAGE);
	tally = scan(mem, 32 * PAGE);
	assert_int_equal(tally.file_pages, 8);
	assert_int_equal(tally.anon_pages, 0);
	munmap(mem, 32 * PAGE);
}

static int stop_at_once(void *ctx, __u64 addr, __u64 nr_pages, bool file)
{
	(void)addr, (void)nr_pages, (void)file;
	++*(int *)ctx;
	return 42;
}

static void test_callback_stops_the_scan(void **state)
{
	struct residency *residency = residency__open(getpid(), NULL);
	char *mem = map_anon(64 * PAGE);
	int calls = 0;

	(void)state;
	for (int i = 0; i < 64; i += 2)
		mem[i * PAGE] = 1;
	assert_int_equal(residency__scan(residency, (uintptr_t)mem, (uintptr_t)mem + 64 * PAGE,
					 stop_at_once, &calls),
			 42);
	assert_int_equal(calls, 1);
	residency__close(residency);
	munmap(mem, 64 * PAGE);
}

/* The whole address space of a child that sleeps, against its smaps: nothing moves in between. */
static void test_whole_process_equals_smaps(void **state)
{
	struct residency *residency;
	struct proc_maps maps;
	__u64 rss = 0, pages = 0;
	pid_t child = fork();

	(void)state;
	if (!child) {
		pause();
		_exit(0);
	}
	usleep(20000);
	assert_int_equal(proc_maps__read(&maps, child, true, NULL), 0);
	residency = residency__open(child, NULL);
	assert_non_null(residency);
	for (size_t i = 0; i < maps.nr; i++) {
		struct tally tally = { .ascending = true };

		if (maps.maps[i].backing == BACKING_HUGETLB)
			continue;
		assert_int_equal(residency__scan(residency, maps.maps[i].start, maps.maps[i].end,
						 count_run, &tally),
				 0);
		rss += maps.maps[i].rss;
		pages += tally.anon_pages + tally.file_pages;
	}
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	if (zero_page_known())
		assert_int_equal(pages * PAGE, rss);
	residency__close(residency);
	proc_maps__free(&maps);
}

static void test_no_such_process(void **state)
{
	struct err err;

	(void)state;
	assert_null(residency__open(0x7fffffff, &err));
	assert_string_equal(err.text, "no process with pid 2147483647");
}

/* PAGEMAP_SCAN answers ENOTTY from here on, as on a kernel that has none. */
static void forbid_pagemap_scan(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (__u32)PAGEMAP_SCAN_IOCTL, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOTTY),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { .len = sizeof(filter) / sizeof(filter[0]), .filter = filter };
	struct residency *residency;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, 2, &prog)) {
		fprintf(stderr, "no seccomp: the pagemap file is not tested\n");
		exit(0);
	}
	residency = residency__open(getpid(), NULL);
	if (!residency || residency__has_scan(residency))
		exit(1);
	residency__close(residency);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_other_page),
		cmocka_unit_test(test_runs_around_the_vector),
		cmocka_unit_test(test_neighbours_are_one_run),
		cmocka_unit_test(test_zero_pages_do_not_count),
		cmocka_unit_test(test_huge_zero_page_does_not_count),
		cmocka_unit_test(test_shared_memory_is_of_a_file),
		cmocka_unit_test(test_callback_stops_the_scan),
		cmocka_unit_test(test_whole_process_equals_smaps),
		cmocka_unit_test(test_no_such_process),
	};
	int failed = cmocka_run_group_tests_name("residency", tests, NULL, NULL);

	forbid_pagemap_scan();
	return failed + cmocka_run_group_tests_name("residency by pagemap file", tests, NULL, NULL);
}
