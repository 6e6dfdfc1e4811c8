// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What the page ledger of a trace holds at given instants, page by page, for tests that know what
 * the kernel held.
 *
 *   ledger_pages TRACE INSTANT...     an instant is told@NS or tick@NS, NS of CLOCK_MONOTONIC,
 * ascending
 *
 * told@NS: once every record of the kernel side before NS is fed, and before anything was healed or
 * ticked since. tick@NS: just before the first tick after NS. "end" stands for the end of the
 * trace. One line a fact:
 *
 *   at INSTANT FOUND               what follows; 0: the trace ends before it
 *   books PID COUNTED PLACED KERNEL BEFORE ATTRIBUTED UNKNOWN LOST   of a living process, pages
 *   member PID MEMBER COUNTED PLACED KERNEL
 *   region PID START END PERMS KIND
 *   run PID START NR_PAGES MEMBER OWNER    OWNER: before, unknown or stack
 *   bad NR                         records the session refused, at the end
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "model/page_ledger.h"
#include "model/session.h"
#include "model/snapshot.h"
#include "trace/reader.h"

enum instant_kind { INSTANT_TOLD, INSTANT_TICK, INSTANT_END };

struct instant {
	const char *text;
	enum instant_kind kind;
	__u64 ns;
};

struct run {
	__u64 start, nr;
	__u8 member;
	const char *owner;
};

static const char *const members[] = { "file", "anon", "swap", "shmem" };
static const char *const region_kinds[] = { "invalid", "heap",	"stack",   "anon",
					    "file",    "shmem", "hugetlb", "special" };

static void die(const char *what)
{
	fprintf(stderr, "ledger_pages: %s\n", what);
	exit(2);
}

static struct instant parse(const char *text)
{
	struct instant instant = { .text = text, .kind = INSTANT_END };
	const char *at = strchr(text, '@');

	if (!strcmp(text, "end"))
		return instant;
	if (!strncmp(text, "told@", 5))
		instant.kind = INSTANT_TOLD;
	else if (!strncmp(text, "tick@", 5))
		instant.kind = INSTANT_TICK;
	else
		die("an instant is told@NS, tick@NS or end");
	instant.ns = strtoull(at + 1, NULL, 10);
	return instant;
}

static const char *owner_name(__u32 owner)
{
	return owner == OWNER_BEFORE ? "before" : owner < OWNER_FIRST_STACK ? "unknown" : "stack";
}

static void end_run(__u32 pid, struct run *run)
{
	if (run->nr)
		printf("run %u %llx %llu %s %s\n", pid, run->start, run->nr, members[run->member],
		       run->owner);
	run->nr = 0;
}

static void add_page(__u32 pid, struct run *run, __u64 addr, __u8 member, __u32 owner)
{
	const char *name = owner_name(owner);

	if (!run->nr || run->start + run->nr * LEDGER_PAGE_BYTES != addr || run->member != member ||
	    run->owner != name) {
		end_run(pid, run);
		*run = (struct run){ addr, 0, member, name };
	}
	run->nr++;
}

static void print_pages(const struct space_snapshot *space)
{
	struct run run = { 0 };

	for (__u32 q = 0; q < space->ledger->nr_tables; q++) {
		const struct ledger_table *table = space->ledger->tables[q];

		for (__u32 i = 0; i < LEDGER_TABLE_PAGES; i++)
			if (table->pages[i].member != MEMBER_NONE)
				add_page(space->pid, &run,
					 (table->key << LEDGER_TABLE_SHIFT) + i * LEDGER_PAGE_BYTES,
					 table->pages[i].member, table->pages[i].owner);
	}
	end_run(space->pid, &run);
}

static void print_regions(const struct space_snapshot *space)
{
	for (__u32 i = 0; i < space->nr_vmas; i++) {
		const struct vma *vma = &space->vmas[i];

		printf("region %u %llx %llx %c%c%c%c %s\n", space->pid, vma->start, vma->end,
		       vma->prot & 1 ? 'r' : '-', vma->prot & 2 ? 'w' : '-',
		       vma->prot & 4 ? 'x' : '-', vma->shared ? 's' : 'p', region_kinds[vma->kind]);
	}
}

static __s64 rss_of(const __s64 *pages)
{
	return pages[RSST_FILE] + pages[RSST_ANON] + pages[RSST_SHMEM];
}

static void print_space(const struct space_snapshot *space, __u64 lost)
{
	printf("books %u %lld %lld %lld %lld %lld %lld %llu\n", space->pid, rss_of(space->counted),
	       rss_of(space->placed), rss_of(space->kernel), space->before, space->attributed,
	       space->unknown, lost);
	for (__u32 m = 0; m < RSST_NR_MEMBERS; m++)
		printf("member %u %s %lld %lld %lld\n", space->pid, members[m], space->counted[m],
		       space->placed[m], space->kernel[m]);
	print_regions(space);
	print_pages(space);
}

static void print_instant(struct session *session, const struct instant *instant)
{
	struct snapshot *snapshot = NULL;

	if (session)
		snapshot = instant->kind == INSTANT_END ? session__freeze(session) :
							  snapshot__take(session);
	if (session && !snapshot)
		die("out of memory");
	printf("at %s %d\n", instant->text, snapshot != NULL);
	for (__u32 i = 0; snapshot && i < snapshot->nr_spaces; i++)
		if (snapshot->spaces[i].alive)
			print_space(&snapshot->spaces[i], snapshot->lost);
	snapshot__free(snapshot);
}

static void print_lost(struct session *session)
{
	struct snapshot *snapshot = session ? session__freeze(session) : NULL;

	if (!snapshot)
		die("out of memory");
	printf("lost %llu %llu\n", snapshot->counters[CNT_RING_FULL],
	       snapshot->counters[CNT_MISSED]);
	snapshot__free(snapshot);
}

/* Does @rec lie behind the instant? */
static bool is_behind(const struct instant *instant, const struct rec *rec)
{
	bool ours = rec->type == REC_TICK || rec->type == REC_PAGES || rec->type == REC_END;

	switch (instant->kind) {
	case INSTANT_TOLD:
		return ours && rec->ts > instant->ns;
	case INSTANT_TICK:
		return rec->type == REC_TICK && rec->ts > instant->ns;
	case INSTANT_END:
		break;
	}
	return false;
}

static void replay(struct record_source *source, const struct instant *instants, int nr)
{
	struct session *session = session__new();
	const struct rec *rec;
	struct err err = { "" };
	int got, next = 0;

	if (!session)
		die("out of memory");
	while ((got = source->next(source, &rec, &err)) > 0) {
		while (next < nr && is_behind(&instants[next], rec))
			print_instant(session, &instants[next++]);
		if (session__feed(session, rec, rec->size, &err) == -ENOMEM)
			die(err.text);
	}
	if (got < 0)
		die(err.text);
	for (; next < nr; next++)
		print_instant(instants[next].kind == INSTANT_END ? session : NULL, &instants[next]);
	print_lost(session);
	printf("bad %llu\n", session__nr_bad_records(session));
	session__free(session);
}

int main(int argc, char **argv)
{
	struct err err = { "" };
	struct record_source *source;
	struct instant *instants;

	if (argc < 3)
		die("usage: ledger_pages TRACE INSTANT...");
	source = trace_source__open(byte_source__file(argv[1], &err), argv[1], &err);
	if (!source)
		die(err.text);
	instants = calloc(argc, sizeof(*instants));
	if (!instants)
		die("out of memory");
	for (int i = 2; i < argc; i++)
		instants[i - 2] = parse(argv[i]);
	replay(source, instants, argc - 2);
	source->free(source);
	free(instants);
	return 0;
}
