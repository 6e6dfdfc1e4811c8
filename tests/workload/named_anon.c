/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Anonymous memory with names of its own (Linux 5.17, CONFIG_ANON_VMA_NAME): named before and after
 * it is touched, in part, across a hole, moved, made read-only, renamed, its name taken away;
 * shared memory, which has names since 6.2.
 */
#include <errno.h>
#include <sys/prctl.h>
#include "resident.h"

#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#define PR_SET_VMA_ANON_NAME 0
#endif
#define ARENA_BYTES (4 * MIB)
#define NR_ARENAS 8

static int name(char *at, size_t bytes, const char *text)
{
	return prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, at, bytes, text) ? errno : 0;
}

static void must(bool holds, const char *what)
{
	if (!holds)
		workload__die(what);
}

SITE char *site_named(void)
{
	char *at = workload__map(NR_ARENAS * ARENA_BYTES);

	if (name(at, ARENA_BYTES, "workload arena"))
		resident__skip("no CONFIG_ANON_VMA_NAME");
	workload__touch(at, NR_ARENAS * ARENA_BYTES);
	SITE_RETURN();
	return at;
}

SITE char *site_shared(void)
{
	char *at =
		mmap(NULL, ARENA_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	must(at != MAP_FAILED, "mmap");
	workload__touch(at, ARENA_BYTES);
	SITE_RETURN();
	return at;
}

/* Every arena but the first has lost a quarter of its pages to this hole in it. */
static void punch(char *arena)
{
	must(!munmap(arena + ARENA_BYTES / 2, ARENA_BYTES / 4), "munmap");
}

int main(int argc, char **argv)
{
	char *arena, *moved, names[512];
	bool shared;

	workload__init(argc, argv);
	resident__warm();
	workload__start();
	arena = site_named();
	must(!name(arena + ARENA_BYTES, ARENA_BYTES, "later"), "later");

	must(!name(arena + 2 * ARENA_BYTES, ARENA_BYTES, "first"), "first");
	must(!name(arena + 2 * ARENA_BYTES, ARENA_BYTES, "second"), "second");

	punch(arena + 3 * ARENA_BYTES);
	must(name(arena + 3 * ARENA_BYTES, ARENA_BYTES, "holes") == ENOMEM, "holes");

	must(!name(arena + 4 * ARENA_BYTES, ARENA_BYTES, "none"), "none");
	must(!name(arena + 4 * ARENA_BYTES, ARENA_BYTES, NULL), "taken away");

	must(!name(arena + 5 * ARENA_BYTES, ARENA_BYTES, "moved"), "moved");
	moved = mremap(arena + 5 * ARENA_BYTES, ARENA_BYTES, 2 * ARENA_BYTES, MREMAP_MAYMOVE);
	must(moved != MAP_FAILED && moved != arena + 5 * ARENA_BYTES, "mremap");

	must(!name(arena + 6 * ARENA_BYTES, ARENA_BYTES, "read only"), "read only");
	must(!mprotect(arena + 6 * ARENA_BYTES, ARENA_BYTES / 2, PROT_READ), "mprotect");
	must(name(arena + 7 * ARENA_BYTES, ARENA_BYTES, "bad [name]") == EINVAL, "bad");

	shared = !name(site_shared(), ARENA_BYTES, "between us");
	workload__site("site_named", NR_ARENAS * ARENA_BYTES - ARENA_BYTES / 4);
	workload__site("site_shared", ARENA_BYTES);
	snprintf(names, sizeof(names),
		 ",\"names\":{\"[anon:workload arena]\":4194304,\"[anon:later]\":4194304,"
		 "\"[anon:second]\":4194304,\"[anon:first]\":0,\"[anon:holes]\":3145728,"
		 "\"[anon:none]\":0,\"[anon:moved]\":4194304,\"[anon:read only]\":4194304,"
		 "\"[anon_shmem:between us]\":%d}",
		 shared ? (int)ARENA_BYTES : 0);
	return workload__finish_with(names);
}
