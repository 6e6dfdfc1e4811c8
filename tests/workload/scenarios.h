/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A scenario is one way in which RSS changes, alone: what is there before a tracer attaches, what
 * happens then, and what the books must say of it, in pages by cause and member. Pages beyond what
 * is stated are allowed only where a program cannot help them: a few of its own code and stack.
 */
#ifndef RSSTRACE_SCENARIOS_H
#define RSSTRACE_SCENARIOS_H

#include <errno.h>
#include "workload.h"

#define PAGES 256UL
#define HALF (PAGES / 2)
#define BYTES (PAGES * WORKLOAD_PAGE)
#define HUGE_BYTES (2 * MIB)

/* One row of the report's causes. member "file": shmem where the file system is a tmpfs or ramfs,
 * see scenario_file(). */
struct expected {
	const char *cause, *direction, *member;
	unsigned long pages;
	bool at_least; /* the kernel may do more than asked */
};

struct scenario {
	const char *name, *what;
	/* "" or why it cannot be had here; makes what is there before */
	const char *(*prepare)(void);
	void (*act)(void);
	struct expected expected[4];
};

static char *scenario_at; /* the memory of the scenario */
static int scenario_fd = -1;

static inline void *scenario_map(size_t bytes, int flags, int fd)
{
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags, fd, 0);

	if (at == MAP_FAILED)
		workload__die("mmap");
	return at;
}

static inline const char *prepare_nothing(void)
{
	return "";
}

static inline const char *prepare_anon(void)
{
	scenario_at = workload__map(BYTES);
	return "";
}

/* Resident before anybody looks. */
static inline const char *prepare_touched(void)
{
	prepare_anon();
	workload__touch(scenario_at, BYTES);
	return "";
}

static inline const char *prepare_memfd(void)
{
	scenario_fd = memfd_create("scenario", MFD_CLOEXEC);
	if (scenario_fd < 0 || ftruncate(scenario_fd, BYTES))
		return strerror(errno);
	scenario_at = scenario_map(BYTES, MAP_SHARED, scenario_fd);
	workload__touch(scenario_at, BYTES);
	return "";
}

/* A file in the page cache, and not yet mapped. */
static inline void scenario_file(void)
{
	char path[256];

	scenario_fd = workload__file(path, sizeof(path), BYTES);
	unlink(path);
}

#endif
