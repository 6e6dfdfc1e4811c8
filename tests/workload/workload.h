/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A workload is a program that knows its truth: how many bytes each of its sites has resident in
 * the end.
 *
 * Protocol. Without options it does its job at once. With --wait it first prints
 * {"pid":N,"ready":true} and waits for a line on stdin, so that a tracer can attach. In its final
 * state it prints {"pid":N,"sites":{"site_x":BYTES,...}} on one line and waits for the end of
 * stdin, so that a test can look at /proc; then it exits with the status 0.
 *
 * A site is a function named site_*, never inlined; its bytes are those of every page that is
 * resident now and was brought in by a stack that site is part of. Nothing here allocates, so the
 * output does not disturb the books.
 */
#ifndef RSSTRACE_WORKLOAD_H
#define RSSTRACE_WORKLOAD_H

#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MIB (1UL << 20)
#define WORKLOAD_PAGE 4096UL
#define WORKLOAD_LINE_BYTES 1024

/* Never inlined, cloned or turned into a tail call's target: its name has to be on the stack. */
#if defined(__has_attribute) && __has_attribute(noipa)
#define SITE __attribute__((noipa))
#else
#define SITE __attribute__((noinline))
#endif

/* Keeps the call before it from becoming a tail call. */
#define SITE_RETURN() __asm__ volatile("" ::: "memory")

static bool workload_waits;
static char workload_sites[WORKLOAD_LINE_BYTES];
static size_t workload_sites_len;

/* Ends the program with a sentence; for set-up that must not fail. */
__attribute__((noreturn, unused)) static void workload__die(const char *what)
{
	perror(what);
	exit(70);
}

__attribute__((unused)) static void workload__put(const char *line, size_t len)
{
	if (write(STDOUT_FILENO, line, len) != (ssize_t)len)
		_exit(71);
}

/* Blocks until a line came on stdin; false at its end. */
__attribute__((unused)) static bool workload__read_line(void)
{
	char c;

	while (read(STDIN_FILENO, &c, 1) == 1)
		if (c == '\n')
			return true;
	return false;
}

__attribute__((unused)) static void *workload__map(size_t bytes)
{
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		workload__die("mmap");
	return at;
}

/* A page-wise loop instead of memset(): no code of libc gets faulted in on a site's account. */
__attribute__((always_inline, unused)) static inline void workload__touch(void *at, size_t bytes)
{
	volatile char *p = at;

	for (size_t i = 0; i < bytes; i += WORKLOAD_PAGE)
		p[i] = 1;
}

__attribute__((always_inline, unused)) static inline void workload__read(const void *at,
									 size_t bytes)
{
	const volatile char *p = at;

	for (size_t i = 0; i < bytes; i += WORKLOAD_PAGE)
		(void)p[i];
}

/*
 * Runs the calls the sites use once, on nothing, so that the pages of libc and of the linker's
 * tables are resident before the first site runs: they would be the site's in all truth, but not in
 * the truth it knows.
 */
__attribute__((unused)) static void workload__warm(void)
{
	size_t bytes = 4 * WORKLOAD_PAGE;
	char *at = workload__map(bytes);
	char *moved;

	workload__touch(at, bytes);
	madvise(at, WORKLOAD_PAGE, MADV_DONTNEED);
	mprotect(at, bytes, PROT_READ);
	moved = mremap(at, bytes, 2 * bytes, MREMAP_MAYMOVE);
	if (moved == MAP_FAILED || munmap(moved, 2 * bytes))
		workload__die("warm-up");
	if (lseek(STDIN_FILENO, 0, SEEK_CUR) < 0)
		SITE_RETURN(); /* a pipe: all that counts is that the call was made */
}

/* First thing in main(). */
__attribute__((unused)) static void workload__init(int argc, char **argv)
{
	workload_waits = argc > 1 && !strcmp(argv[1], "--wait");
	workload__warm();
}

/* Where a tracer may attach. */
__attribute__((unused)) static void workload__start(void)
{
	char line[64];

	if (!workload_waits)
		return;
	workload__put(line,
		      snprintf(line, sizeof(line), "{\"pid\":%d,\"ready\":true}\n", getpid()));
	if (!workload__read_line())
		exit(0);
}

/* States the truth of one site. */
__attribute__((unused)) static void workload__site(const char *name, size_t bytes)
{
	workload_sites_len += snprintf(workload_sites + workload_sites_len,
				       sizeof(workload_sites) - workload_sites_len, "%s\"%s\":%zu",
				       workload_sites_len ? "," : "", name, bytes);
	if (workload_sites_len >= sizeof(workload_sites))
		abort();
}

/* Prints the truth, @more of it included (", \"key\": value" or ""), and waits for the end of
 * stdin. */
__attribute__((unused)) static int workload__finish_with(const char *more)
{
	char line[WORKLOAD_LINE_BYTES + 256];

	workload__put(line, snprintf(line, sizeof(line), "{\"pid\":%d,\"sites\":{%s}%s}\n",
				     getpid(), workload_sites, more));
	while (workload__read_line())
		;
	return 0;
}

__attribute__((unused)) static int workload__finish(void)
{
	return workload__finish_with("");
}

/*
 * A file of @bytes bytes in $TMPDIR or /tmp, wholly in the page cache; its path goes to @path. The
 * caller unlinks it. Returns its descriptor, open for reading and writing.
 */
__attribute__((unused)) static int workload__file(char *path, size_t path_bytes, size_t bytes)
{
	static char block[64 << 10];
	const char *dir = getenv("TMPDIR");
	int fd;

	snprintf(path, path_bytes, "%s/rsstrace-workload-XXXXXX", dir ? dir : "/tmp");
	fd = mkstemp(path);
	if (fd < 0)
		workload__die(path);
	memset(block, 'x', sizeof(block));
	for (size_t done = 0; done < bytes; done += sizeof(block))
		if (write(fd, block, sizeof(block)) != sizeof(block))
			workload__die("write");
	return fd;
}

#endif
