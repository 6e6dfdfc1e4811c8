/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The acceptance program: every common way memory comes, moves and goes, each behind a site of its
 * own. */
#include <malloc.h>
#include "workload.h"

#define HUGE_BYTES (2 * MIB)
#define NR_LEAKS 20000
#define LEAK_BYTES 1040 /* beyond the bins a thread caches */
#define MALLOC_HEADER_BYTES 8

static size_t leaked_bytes;
static void *leak_sink;

SITE void site_cache(void)
{
	char *at = workload__map(48 * MIB);

	workload__touch(at, 48 * MIB);
	munmap(at + 16 * MIB, 8 * MIB);
	SITE_RETURN();
}

/* Aligned, so that the kernel may use huge pages; if it has none, the bytes are the same. */
SITE void site_huge(void)
{
	char *at = workload__map(64 * MIB + HUGE_BYTES);
	char *aligned = (char *)(((uintptr_t)at + HUGE_BYTES - 1) & ~(HUGE_BYTES - 1));

	madvise(aligned, 64 * MIB, MADV_HUGEPAGE);
	workload__touch(aligned, 64 * MIB);
	SITE_RETURN();
}

SITE void site_file(int fd)
{
	void *at = mmap(NULL, 32 * MIB, PROT_READ, MAP_PRIVATE, fd, 0);

	if (at == MAP_FAILED)
		workload__die("mmap");
	workload__read(at, 32 * MIB);
	SITE_RETURN();
}

SITE void site_memfd(int fd)
{
	void *at = mmap(NULL, 16 * MIB, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (at == MAP_FAILED)
		workload__die("mmap");
	workload__touch(at, 16 * MIB);
	SITE_RETURN();
}

SITE void *site_before_move(void)
{
	void *at = workload__map(8 * MIB);

	workload__touch(at, 8 * MIB);
	SITE_RETURN();
	return at;
}

/* To a place chosen before: it does move. The pages stay those of the site that touched them. */
SITE void site_mover(void *from)
{
	void *to = workload__map(8 * MIB);

	if (mremap(from, 8 * MIB, 8 * MIB, MREMAP_MAYMOVE | MREMAP_FIXED, to) != to)
		workload__die("mremap");
	SITE_RETURN();
}

SITE void *leak_helper(size_t bytes)
{
	char *at = malloc(bytes);

	for (size_t i = 0; i < bytes; i++)
		((volatile char *)at)[i] = 2;
	leaked_bytes += malloc_usable_size(at) + MALLOC_HEADER_BYTES;
	SITE_RETURN();
	return at;
}

SITE void site_leak(void)
{
	for (int i = 0; i < NR_LEAKS; i++)
		leak_sink = leak_helper(LEAK_BYTES);
	SITE_RETURN();
}

SITE void site_given_back(void)
{
	for (int i = 0; i < 3; i++) {
		char *at = workload__map(64 * MIB);

		workload__touch(at, 64 * MIB);
		munmap(at, 64 * MIB);
	}
	SITE_RETURN();
}

int main(int argc, char **argv)
{
	char path[256];
	int file, memfd;

	workload__init(argc, argv);
	free(malloc(LEAK_BYTES));
	file = workload__file(path, sizeof(path), 32 * MIB);
	memfd = memfd_create("workload", 0);
	if (memfd < 0 || ftruncate(memfd, 16 * MIB))
		workload__die("memfd");
	workload__start();
	site_cache();
	site_huge();
	site_file(file);
	site_memfd(memfd);
	site_mover(site_before_move());
	site_leak();
	site_given_back();
	workload__site("site_cache", 40 * MIB);
	workload__site("site_huge", 64 * MIB);
	workload__site("site_file", 32 * MIB);
	workload__site("site_memfd", 16 * MIB);
	workload__site("site_before_move", 8 * MIB);
	workload__site("site_mover", 0);
	workload__site("site_leak", leaked_bytes);
	workload__site("site_given_back", 0);
	workload__finish();
	return unlink(path);
}
