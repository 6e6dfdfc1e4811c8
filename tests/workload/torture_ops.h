/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The operations of torture.c. What operation number n of thread t does follows from (seed, t, n)
 * alone: leaving others out changes none of it, so a failing storm can be cut down.
 *
 * Memory the storm may destroy lies in arenas at addresses where the kernel places nothing of its
 * own, and in slots: mappings the kernel placed, each used by one thread. Calls may fail: a range
 * may be unmapped, protected or of the wrong kind. So may touches; a signal handler jumps out of
 * them.
 */
#ifndef RSSTRACE_TORTURE_OPS_H
#define RSSTRACE_TORTURE_OPS_H

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include "workload.h"

#define ARENA_BASE 0x100000000000UL /* far below mmap_base, far above brk */
#define ARENA_STRIDE (1UL << 32)
#define FILE_PAGES 2048UL
#define NR_SLOTS 12
#define NR_BLOCKS 24
#define BLOCK_MAX (192UL << 10)
#define HUGE_PAGES 512UL

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif
#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

struct range {
	char *at;
	size_t pages;
};

struct storm {
	uint64_t seed;
	size_t arena_pages;
	unsigned int shared_percent; /* of the operations on arenas: in the one all threads share */
	int file_fd, memory_fd;	     /* FILE_PAGES each: on disk, in memory */
	pthread_mutex_t brk_lock;
	char *brk_base;
};

struct actor {
	struct storm *storm;
	unsigned int number;
	unsigned long op; /* number of the current operation */
	unsigned int drawn;
	struct range arena, shared;
	struct range slots[NR_SLOTS];
	void *blocks[NR_BLOCKS];
};

static __thread sigjmp_buf torture_escape;
static __thread volatile sig_atomic_t torture_touching;

static void on_bad_touch(int signum)
{
	if (!torture_touching)
		_exit(128 + signum);
	torture_touching = 0;
	siglongjmp(torture_escape, 1);
}

/* splitmix64 of what names this draw */
static uint64_t draw(struct actor *actor, uint64_t below)
{
	uint64_t x = actor->storm->seed * 0x9e3779b97f4a7c15ULL + actor->number;

	for (int i = 0; i < 2; i++) {
		x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
		x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
		x ^= x >> 31;
		x += i ? 0 : actor->op * 64 + actor->drawn;
	}
	actor->drawn++;
	return x % below;
}

/* --- memory ------------------------------------------------------------------------------------
 */

static void touch(struct range range, size_t step, bool write)
{
	if (sigsetjmp(torture_escape, 0))
		return;
	torture_touching = 1;
	for (size_t i = 0; i < range.pages; i += step) {
		volatile char *page = range.at + i * WORKLOAD_PAGE;

		if (write)
			*page = 1;
		else
			(void)*page;
	}
	torture_touching = 0;
}

/* Mostly a few pages, now and then some page tables. */
static size_t draw_pages(struct actor *actor)
{
	static const size_t most[] = { 4, 16, 64, 64, 256, 1200 };
	size_t kind = draw(actor, sizeof(most) / sizeof(*most));

	return 1 + draw(actor, most[kind]);
}

static struct range part_of(struct actor *actor, struct range whole)
{
	size_t first = draw(actor, whole.pages), pages = draw_pages(actor);

	if (pages > whole.pages - first)
		pages = whole.pages - first;
	return (struct range){ whole.at + first * WORKLOAD_PAGE, pages };
}

static struct range part_of_arena(struct actor *actor)
{
	bool shared = draw(actor, 100) < actor->storm->shared_percent;

	return part_of(actor, shared ? actor->shared : actor->arena);
}

static struct range part_of_any(struct actor *actor)
{
	size_t slot = draw(actor, 4 * NR_SLOTS);

	if (slot < NR_SLOTS && actor->slots[slot].pages)
		return part_of(actor, actor->slots[slot]);
	return part_of_arena(actor);
}

static size_t bytes_of(struct range range)
{
	return range.pages * WORKLOAD_PAGE;
}

static void touch_some(struct actor *actor, struct range range)
{
	uint64_t how = draw(actor, 8);

	touch(range, 1 + how % 2, how < 6);
}

/* --- mapping -----------------------------------------------------------------------------------
 */

/* @at NULL: where the kernel likes. */
static char *map(struct actor *actor, char *at, size_t pages, int prot, int flags, int fd)
{
	size_t room = FILE_PAGES - (pages < FILE_PAGES ? pages : FILE_PAGES);
	off_t offset = fd < 0 ? 0 : (off_t)(draw(actor, room + 1) * WORKLOAD_PAGE);

	return mmap(at, pages * WORKLOAD_PAGE, prot, flags | (at ? MAP_FIXED : 0), fd, offset);
}

static void forget_slot(struct actor *actor, size_t i)
{
	if (actor->slots[i].pages)
		munmap(actor->slots[i].at, bytes_of(actor->slots[i]));
	actor->slots[i].pages = 0;
}

/* Over live memory in an arena, or into a slot. */
static void map_somewhere(struct actor *actor, int prot, int flags, int fd)
{
	struct range range = part_of_arena(actor);
	size_t slot = draw(actor, NR_SLOTS);

	if (range.pages > FILE_PAGES)
		range.pages = FILE_PAGES;
	if (draw(actor, 2)) {
		map(actor, range.at, range.pages, prot, flags, fd);
	} else {
		forget_slot(actor, slot);
		range.at = map(actor, NULL, range.pages, prot, flags, fd);
		if (range.at == MAP_FAILED)
			return;
		actor->slots[slot] = range;
	}
	if (prot != PROT_NONE && !(flags & MAP_POPULATE))
		touch_some(actor, range);
}

static void op_map_anon(struct actor *actor)
{
	map_somewhere(actor, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
}

static void op_map_shared(struct actor *actor)
{
	bool named = draw(actor, 2);

	map_somewhere(actor, PROT_READ | PROT_WRITE, MAP_SHARED | (named ? 0 : MAP_ANONYMOUS),
		      named ? actor->storm->memory_fd : -1);
}

static void op_map_file(struct actor *actor)
{
	map_somewhere(actor, PROT_READ | PROT_WRITE, MAP_PRIVATE, actor->storm->file_fd);
}

static void op_map_file_shared(struct actor *actor)
{
	map_somewhere(actor, PROT_READ | PROT_WRITE, MAP_SHARED, actor->storm->file_fd);
}

static void op_populate(struct actor *actor)
{
	static const int flags[] = { MAP_PRIVATE | MAP_ANONYMOUS, MAP_SHARED | MAP_ANONYMOUS,
				     MAP_PRIVATE, MAP_SHARED };
	int how = flags[draw(actor, 4)];

	map_somewhere(actor, PROT_READ | PROT_WRITE, how | MAP_POPULATE,
		      how & MAP_ANONYMOUS ? -1 : actor->storm->file_fd);
}

static void op_reserve(struct actor *actor)
{
	struct range range = part_of_arena(actor);

	map(actor, range.at, range.pages, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	range.pages = (range.pages + 1) / 2;
	mprotect(range.at, bytes_of(range), PROT_READ | PROT_WRITE);
	touch_some(actor, range);
}

/* A slot loses its head, its tail or all; an arena gets a hole, which is mostly filled again. */
static void op_munmap(struct actor *actor)
{
	struct range *slot = &actor->slots[draw(actor, NR_SLOTS)];
	struct range hole = part_of_arena(actor);
	size_t how = draw(actor, 6);

	if (how < 3 && slot->pages) {
		size_t cut = how ? 1 + draw(actor, slot->pages) : slot->pages;

		munmap(how == 1 ? slot->at : slot->at + (slot->pages - cut) * WORKLOAD_PAGE,
		       cut * WORKLOAD_PAGE);
		if (how == 1)
			slot->at += cut * WORKLOAD_PAGE;
		slot->pages -= cut;
		return;
	}
	munmap(hole.at, bytes_of(hole));
	if (how != 5)
		map(actor, hole.at, hole.pages, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		    -1);
}

static void op_mremap(struct actor *actor)
{
	struct range *slot = &actor->slots[draw(actor, NR_SLOTS)];
	size_t pages = draw_pages(actor);
	char *at;

	if (!slot->pages)
		return;
	at = mremap(slot->at, bytes_of(*slot), pages * WORKLOAD_PAGE, MREMAP_MAYMOVE);
	if (at == MAP_FAILED)
		return;
	*slot = (struct range){ at, pages };
	touch_some(actor, *slot);
}

/* Within the arenas, over live memory: from one into the other, or in place. */
static void op_mremap_fixed(struct actor *actor)
{
	struct range from = part_of_arena(actor), to = part_of_arena(actor);
	bool keep = !draw(actor, 6), same = draw(actor, 3);

	if (same || keep)
		to.pages = from.pages;
	mremap(from.at, bytes_of(from), bytes_of(to),
	       MREMAP_MAYMOVE | MREMAP_FIXED | (keep ? MREMAP_DONTUNMAP : 0), to.at);
	if (!keep && draw(actor, 2))
		map(actor, from.at, from.pages, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		    -1);
}

/* --- advice and the rest -----------------------------------------------------------------------
 */

static void advise(struct actor *actor, int advice)
{
	struct range range = part_of_any(actor);

	madvise(range.at, bytes_of(range), advice);
}

static void op_dontneed(struct actor *actor)
{
	advise(actor, MADV_DONTNEED);
}

/* Takes the pages of every mapping of that part of the file. */
static void op_remove(struct actor *actor)
{
	advise(actor, MADV_REMOVE);
}

static void op_free(struct actor *actor)
{
	advise(actor, MADV_FREE);
}

static void op_pageout(struct actor *actor)
{
	advise(actor, MADV_PAGEOUT);
}

static void op_madv_populate(struct actor *actor)
{
	advise(actor, draw(actor, 2) ? MADV_POPULATE_READ : MADV_POPULATE_WRITE);
}

static void op_huge(struct actor *actor)
{
	struct range range = part_of_arena(actor);
	size_t arena_pages = actor->storm->arena_pages;
	char *base = (char *)((uintptr_t)range.at & ~(HUGE_PAGES * WORKLOAD_PAGE - 1));

	if (arena_pages < HUGE_PAGES)
		return;
	if (!draw(actor, 3)) {
		madvise(range.at, bytes_of(range), MADV_NOHUGEPAGE);
		return;
	}
	range = (struct range){ base, HUGE_PAGES };
	if (draw(actor, 2))
		map(actor, range.at, range.pages, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1);
	madvise(range.at, bytes_of(range), MADV_HUGEPAGE);
	touch(range, 16, true);
}

static void op_mprotect(struct actor *actor)
{
	static const int prots[] = { PROT_READ, PROT_NONE, PROT_READ | PROT_WRITE,
				     PROT_READ | PROT_WRITE };
	struct range range = part_of_any(actor);

	mprotect(range.at, bytes_of(range), prots[draw(actor, 4)]);
	touch_some(actor, range);
}

static void op_brk(struct actor *actor)
{
	struct storm *storm = actor->storm;
	struct range heap = { storm->brk_base, draw(actor, 1024) };

	pthread_mutex_lock(&storm->brk_lock);
	if (!syscall(SYS_brk, storm->brk_base + bytes_of(heap)))
		_exit(72);
	touch_some(actor, heap);
	pthread_mutex_unlock(&storm->brk_lock);
}

/* A child copies pages of its parent and ends; then the parent copies some of its own. */
static void op_fork(struct actor *actor)
{
	struct range first = part_of_any(actor), second = part_of_any(actor);
	pid_t child = fork();

	if (!child) {
		touch(first, 1, true);
		munmap(second.at, bytes_of(second));
		_exit(0);
	}
	touch(second, 1, true);
	if (child > 0)
		waitpid(child, NULL, 0);
}

static void op_malloc(struct actor *actor)
{
	void **block = &actor->blocks[draw(actor, NR_BLOCKS)];
	size_t bytes = 1 + draw(actor, BLOCK_MAX);

	if (*block && draw(actor, 2)) {
		free(*block);
		*block = NULL;
		return;
	}
	*block = realloc(*block, bytes);
	if (*block)
		workload__touch(*block, bytes);
}

static void op_touch(struct actor *actor)
{
	touch_some(actor, part_of_any(actor));
}

/* Faults taken by the kernel, in one call over the whole range. */
static void op_read(struct actor *actor)
{
	struct range range = part_of_any(actor);
	off_t offset = draw(actor, FILE_PAGES / 2) * WORKLOAD_PAGE;

	if (draw(actor, 2))
		madvise(range.at, bytes_of(range), MADV_DONTNEED);
	if (pread(actor->storm->file_fd, range.at, bytes_of(range), offset) < 0)
		SITE_RETURN(); /* no memory there, or not writable */
}

static void op_mlock(struct actor *actor)
{
	struct range range = part_of_any(actor);

	if (range.pages > 128)
		range.pages = 128;
	mlock(range.at, bytes_of(range));
	if (draw(actor, 4))
		munlock(range.at, bytes_of(range));
}

struct kind {
	const char *name;
	unsigned int weight; /* 0: only when asked for */
	void (*run)(struct actor *actor);
};

static const struct kind kinds[] = {
	{ "map_anon", 8, op_map_anon },
	{ "map_shared", 4, op_map_shared },
	{ "map_file", 4, op_map_file },
	{ "map_file_shared", 3, op_map_file_shared },
	{ "populate", 3, op_populate },
	{ "reserve", 3, op_reserve },
	{ "munmap", 8, op_munmap },
	{ "mremap", 6, op_mremap },
	{ "mremap_fixed", 4, op_mremap_fixed },
	{ "dontneed", 10, op_dontneed },
	{ "remove", 2, op_remove },
	{ "free", 2, op_free },
	{ "pageout", 1, op_pageout },
	{ "madv_populate", 3, op_madv_populate },
	{ "huge", 2, op_huge },
	{ "mprotect", 6, op_mprotect },
	{ "brk", 3, op_brk },
	{ "fork", 1, op_fork },
	{ "malloc", 8, op_malloc },
	{ "touch", 18, op_touch },
	{ "read", 5, op_read },
	{ "mlock", 2, op_mlock },
};
#define NR_KINDS (sizeof(kinds) / sizeof(*kinds))

#endif
