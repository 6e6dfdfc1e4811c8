// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>
#include "base/units.h"
#include "live/facts.h"

static __u64 clock_ns(clockid_t clock)
{
	struct timespec time;

	clock_gettime(clock, &time);
	return time.tv_sec * NSEC_PER_SEC + time.tv_nsec;
}

#define OWN_STEP (256ULL << 10) /* what is told must not differ with each tick */

__u64 facts__own_memory(void)
{
	FILE *file = fopen("/proc/self/status", "re");
	unsigned long long kib = 0;
	char line[128];

	while (file && !kib && fgets(line, sizeof(line), file))
		if (sscanf(line, "RssAnon: %llu", &kib) != 1)
			kib = 0;
	if (file)
		fclose(file);
	return ((kib << 10) + OWN_STEP - 1) / OWN_STEP * OWN_STEP;
}

__u64 facts__now(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

int facts__start(struct record_queue *queue)
{
	struct rec_start *rec = record_queue__add(queue, REC_START, sizeof(*rec), facts__now());
	struct utsname name;

	if (!rec)
		return -ENOMEM;
	rec->wall_ns = clock_ns(CLOCK_REALTIME);
	rec->page_bytes = sysconf(_SC_PAGESIZE);
	rec->nr_cpus = sysconf(_SC_NPROCESSORS_ONLN);
	if (!uname(&name)) {
		snprintf(rec->kernel, sizeof(rec->kernel), "%.*s", (int)sizeof(rec->kernel) - 1,
			 name.release);
		snprintf(rec->arch, sizeof(rec->arch), "%.*s", (int)sizeof(rec->arch) - 1,
			 name.machine);
	}
	snprintf(rec->version, sizeof(rec->version), "%s", RSSTRACE_VERSION);
	return 0;
}

int facts__process(struct record_queue *queue, __u32 space, const struct proc_status *status,
		   __u32 flags, const __s64 *pages)
{
	struct rec_process *rec;
	char exe[PATH_MAX];

	proc_exe(status->pid, exe, sizeof(exe));
	rec = record_queue__add(queue, REC_PROCESS, sizeof(*rec) + strlen(exe) + 1, facts__now());
	if (!rec)
		return -ENOMEM;
	rec->space = space;
	rec->pid = status->pid;
	rec->ppid = status->ppid;
	rec->flags = flags;
	memcpy(rec->pages, pages, sizeof(rec->pages));
	snprintf(rec->comm, sizeof(rec->comm), "%.*s", RSST_COMM_LEN - 1, status->comm);
	strcpy(rec->exe, exe);
	return 0;
}

int facts__map(struct record_queue *queue, __u32 space, const struct proc_map *map, __u32 flags)
{
	size_t name_len = strnlen(map->name, RSST_REC_MAX - sizeof(struct rec_map) - 8);
	struct rec_map *rec =
		record_queue__add(queue, REC_MAP, sizeof(*rec) + name_len + 1, facts__now());

	if (!rec)
		return -ENOMEM;
	rec->space = space;
	rec->flags = flags;
	rec->start = map->start;
	rec->end = map->end;
	rec->pgoff = map->pgoff;
	rec->ino = map->ino;
	rec->dev = map->dev;
	rec->prot = map->prot;
	rec->shared = map->shared;
	rec->backing = map->backing;
	memcpy(rec->name, map->name, name_len);
	return 0;
}

int facts__maps(struct record_queue *queue, __u32 space, const struct proc_maps *maps)
{
	static const struct proc_map none = { .name = "" };
	int code = maps->nr ? 0 : facts__map(queue, space, &none, MAP_SNAPSHOT_RESET);

	for (size_t i = 0; i < maps->nr && !code; i++)
		code = facts__map(queue, space, &maps->maps[i], i ? 0 : MAP_SNAPSHOT_RESET);
	return code;
}

struct pages_ctx {
	struct record_queue *queue;
	const struct proc_maps *maps;
	size_t next_map; /* runs come in ascending order, so do maps */
	__u32 space, why;
};

static int add_pages(const struct pages_ctx *ctx, __u64 addr, __u64 nr_pages, __u32 member)
{
	struct rec_pages *rec =
		record_queue__add(ctx->queue, REC_PAGES, sizeof(*rec), facts__now());

	if (!rec)
		return -ENOMEM;
	rec->space = ctx->space;
	rec->why = ctx->why;
	rec->addr = addr;
	rec->nr_pages = nr_pages;
	rec->member = member;
	return 0;
}

static __u32 member_of(bool file, enum map_backing backing)
{
	if (!file)
		return RSST_ANON;
	return backing == BACKING_SHMEM ? RSST_SHMEM : RSST_FILE;
}

/* A run may span mappings; which counter a file page is in, and whether a page is in any, depends
 * on the mapping. */
static int on_run(void *opaque, __u64 addr, __u64 nr_pages, bool file)
{
	struct pages_ctx *ctx = opaque;
	__u64 end = addr + nr_pages * 4096, part_end;
	int code = 0;

	for (; addr < end && !code; addr = part_end) {
		enum map_backing backing = BACKING_ANON;
		const struct proc_map *map;

		while (ctx->next_map < ctx->maps->nr && ctx->maps->maps[ctx->next_map].end <= addr)
			ctx->next_map++;
		map = ctx->next_map < ctx->maps->nr ? &ctx->maps->maps[ctx->next_map] : NULL;
		part_end = map && map->end < end ? map->end : end;
		if (map && map->start <= addr)
			backing = map->backing;
		if (backing != BACKING_HUGETLB)
			code = add_pages(ctx, addr, (part_end - addr) / 4096,
					 member_of(file, backing));
	}
	return code;
}

/* Without PAGEMAP_SCAN holes cost as much as pages: look only where something is mapped, and may be
 * touched. */
static int scan_maps(struct pages_ctx *ctx, struct residency *residency, __u64 start, __u64 end)
{
	int code = 0;

	for (size_t i = 0; i < ctx->maps->nr && !code; i++) {
		const struct proc_map *map = &ctx->maps->maps[i];
		__u64 from = map->start > start ? map->start : start;
		__u64 to = map->end < end ? map->end : end;

		if (from < to && map->prot)
			code = residency__scan(residency, from, to, on_run, ctx);
	}
	return code;
}

int facts__pages(struct record_queue *queue, __u32 space, struct residency *residency,
		 const struct proc_maps *maps, __u64 start, __u64 end, __u32 why)
{
	struct pages_ctx ctx = { .queue = queue, .maps = maps, .space = space, .why = why };

	if (!residency__has_scan(residency))
		return scan_maps(&ctx, residency, start, end);
	return residency__scan(residency, start, end, on_run, &ctx);
}

int facts__stats(struct record_queue *queue, const __u64 *values, __u32 nr)
{
	struct rec_stats *rec = record_queue__add(queue, REC_STATS,
						  sizeof(*rec) + nr * sizeof(__u64), facts__now());

	if (!rec)
		return -ENOMEM;
	rec->nr = nr;
	memcpy(rec->values, values, nr * sizeof(__u64));
	return 0;
}

int facts__mark(struct record_queue *queue, enum mark_from from, pid_t pid, const char *label)
{
	size_t len = strnlen(label, MARK_LABEL_MAX - 1);
	struct rec_mark *rec =
		record_queue__add(queue, REC_MARK, sizeof(*rec) + len + 1, facts__now());

	if (!rec)
		return -ENOMEM;
	rec->from = from;
	rec->pid = pid;
	memcpy(rec->label, label, len);
	return 0;
}

int facts__tick(struct record_queue *queue, __u64 ts)
{
	return record_queue__add(queue, REC_TICK, sizeof(struct rec_tick), ts) ? 0 : -ENOMEM;
}

int facts__end(struct record_queue *queue, __u64 ts, __u32 why, __u32 exit_code)
{
	struct rec_end *rec = record_queue__add(queue, REC_END, sizeof(*rec), ts);

	if (!rec)
		return -ENOMEM;
	rec->why = why;
	rec->exit_code = exit_code;
	return 0;
}
