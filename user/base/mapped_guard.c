// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include "base/mapped_guard.h"

#define PAGE 4096UL

/* The handler reads them at any moment: a range counts while its start is not 0, and it is set
 * last. */
static struct range {
	volatile uintptr_t start, end;
} ranges[MAPPED_GUARDS_MAX];

static bool installed;
static struct sigaction before;

static bool is_guarded(uintptr_t addr)
{
	for (size_t i = 0; i < MAPPED_GUARDS_MAX; i++)
		if (ranges[i].start && addr >= ranges[i].start && addr < ranges[i].end)
			return true;
	return false;
}

/* Returning runs the load again: it finds zeros now, or meets what stood here before. */
static void on_sigbus(int number, siginfo_t *info, void *context)
{
	uintptr_t addr = (uintptr_t)info->si_addr;
	int saved = errno;

	(void)context;
	if (!is_guarded(addr) || mmap((void *)(addr & -PAGE), PAGE, PROT_READ,
				      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
		sigaction(number, &before, NULL);
	errno = saved;
}

static int install(void)
{
	struct sigaction action = { .sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO };

	sigemptyset(&action.sa_mask);
	if (!installed && sigaction(SIGBUS, &action, &before))
		return -errno;
	installed = true;
	return 0;
}

int mapped_guard__begin(const void *at, size_t bytes)
{
	int code = install();

	for (size_t i = 0; i < MAPPED_GUARDS_MAX && !code; i++) {
		if (ranges[i].start)
			continue;
		ranges[i].end = (uintptr_t)at + bytes;
		ranges[i].start = (uintptr_t)at;
		return 0;
	}
	return code ? code : -ENOSPC;
}

void mapped_guard__end(const void *at)
{
	for (size_t i = 0; i < MAPPED_GUARDS_MAX; i++)
		if (ranges[i].start == (uintptr_t)at)
			ranges[i].start = 0;
}
