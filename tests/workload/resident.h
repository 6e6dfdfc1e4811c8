/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * For workloads whose pages others take away or bring: how many the kernel holds, from
 * /proc/self/pagemap, and doing something in another process.
 */
#ifndef RSSTRACE_RESIDENT_H
#define RSSTRACE_RESIDENT_H

#include <spawn.h>
#include <sys/wait.h>
#include <time.h>
#include "workload.h"

#define PAGEMAP_PRESENT (1ULL << 63)
#define RESIDENT_BATCH 512
#define PATIENCE_TENTHS 300

extern char **environ;

/* Bytes resident in the range; needs no privilege. */
__attribute__((unused)) static size_t resident__bytes(const void *at, size_t bytes)
{
	static uint64_t entries[RESIDENT_BATCH];
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	size_t page = (uintptr_t)at / WORKLOAD_PAGE, end = page + bytes / WORKLOAD_PAGE, found = 0;

	if (fd < 0)
		workload__die("pagemap");
	for (; page < end; page += RESIDENT_BATCH) {
		size_t batch = end - page < RESIDENT_BATCH ? end - page : RESIDENT_BATCH;

		if (pread(fd, entries, batch * 8, page * 8) != (ssize_t)(batch * 8))
			workload__die("pagemap");
		for (size_t i = 0; i < batch; i++)
			found += (entries[i] & PAGEMAP_PRESENT) ? WORKLOAD_PAGE : 0;
	}
	close(fd);
	return found;
}

__attribute__((unused)) static void resident__nap(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 100000000 }, NULL);
}

/* Waits until at least @wanted bytes of the range are resident; false when patience ends. */
__attribute__((unused)) static bool resident__wait(const void *at, size_t bytes, size_t wanted)
{
	for (int i = 0; i < PATIENCE_TENTHS; i++) {
		if (resident__bytes(at, bytes) >= wanted)
			return true;
		resident__nap();
	}
	return false;
}

/* Runs a shell script in another process; its status. */
__attribute__((unused)) static int resident__elsewhere(const char *script)
{
	char *argv[] = { (char *)"sh", (char *)"-c", (char *)script, NULL };
	int status = -1;
	pid_t pid;

	if (posix_spawnp(&pid, "sh", NULL, NULL, argv, environ) || waitpid(pid, &status, 0) != pid)
		workload__die("sh");
	return status;
}

/* Ends the workload: this machine lacks what it is about. */
__attribute__((noreturn, unused)) static void resident__skip(const char *why)
{
	char line[128];

	workload__put(line, snprintf(line, sizeof(line), "{\"pid\":%d,\"skip\":\"%s\"}\n", getpid(),
				     why));
	while (workload__read_line())
		;
	exit(0);
}

/* What every such workload does first: the calls above once, while nobody's account is open. */
__attribute__((unused)) static void resident__warm(void)
{
	static char page[WORKLOAD_PAGE];

	page[0] = 1;
	resident__bytes(page, WORKLOAD_PAGE);
	resident__nap();
	resident__elsewhere(":");
}

#endif
