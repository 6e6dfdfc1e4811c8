// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "live/facts.h"
#include "live/heal.h"

void heal__fini(struct heal *heal)
{
	free(heal->runs);
}

static int on_run(void *ctx, __u64 addr, __u64 nr_pages, bool file)
{
	struct heal *heal = ctx;
	size_t cap = heal->cap_runs ? heal->cap_runs * 2 : 1024;
	struct heal_run *runs;

	if (heal->nr_runs == heal->cap_runs) {
		runs = realloc(heal->runs, cap * sizeof(*runs));
		if (!runs)
			return -ENOMEM;
		heal->runs = runs;
		heal->cap_runs = cap;
	}
	heal->runs[heal->nr_runs++] = (struct heal_run){ addr, nr_pages, file };
	return 0;
}

static int scan_table(struct heal *heal, struct target *target, struct heal_scan *scan)
{
	struct residency *residency = target__residency(target);
	int code;

	if (!residency)
		return 0;
	scan->first_run = heal->nr_runs;
	code = residency__scan(residency, scan->start, scan->end, on_run, heal);
	scan->nr_runs = heal->nr_runs - scan->first_run;
	if (code == -ENOMEM)
		return code;
	if (!code) /* else: the process went; no news */
		heal->nr_scans++;
	return 0;
}

/* Was nothing being moved since @before? */
static bool is_settled(struct heal *heal, const struct vm_moves *before,
		       const struct kernel_side *kernel)
{
	struct vm_moves after = kernel_side__moves(kernel);

	if (before->begun == before->told && before->begun == after.begun)
		heal->nr_refused = 0;
	else if (heal->nr_refused++ < HEAL_PATIENCE)
		return false;
	return true;
}

int heal__scan(struct heal *heal, const struct session *session, struct targets *targets,
	       const struct kernel_side *kernel)
{
	struct vm_moves before = kernel_side__moves(kernel);
	__u32 space = heal->cursor_space;
	__u64 start = heal->cursor_start;
	int code = 0;

	heal->nr_scans = 0;
	heal->nr_runs = 0;
	while (heal->nr_scans < HEAL_TABLES_PER_TICK && !code) {
		struct heal_scan *scan = &heal->scans[heal->nr_scans];
		struct target *target;

		if (!session__next_dispute(session, &space, &start, &scan->end, &scan->touched)) {
			space = 0;
			start = 0;
			break;
		}
		scan->space = space;
		scan->start = start;
		target = targets__by_space(targets, space);
		if (target)
			code = scan_table(heal, target, scan);
	}
	if (!is_settled(heal, &before, kernel)) {
		heal->nr_scans = 0;
		return code; /* the next round begins where this one did */
	}
	heal->cursor_space = space;
	heal->cursor_start = start;
	return code;
}

static int tell(struct record_queue *queue, __u32 space, __u32 why, __u64 addr, __u64 nr_pages,
		__u32 member)
{
	struct rec_pages *rec = record_queue__add(queue, REC_PAGES, sizeof(*rec), facts__now());

	if (!rec)
		return -ENOMEM;
	rec->space = space;
	rec->why = why;
	rec->addr = addr;
	rec->nr_pages = nr_pages;
	rec->member = member;
	return 0;
}

static __u32 member_of(const struct session *session, __u32 space, const struct heal_run *run)
{
	const struct vma *vma;

	if (!run->file)
		return RSST_ANON;
	vma = session__vma(session, space, run->addr);
	return vma && vma->kind == KIND_SHMEM ? RSST_SHMEM : RSST_FILE;
}

/* Gone before each run, the run, gone behind the last, and that this was all. */
static int tell_scan(const struct heal *heal, const struct heal_scan *scan,
		     const struct session *session, struct record_queue *queue)
{
	__u64 at = scan->start;
	int code = 0;

	for (size_t i = 0; i < scan->nr_runs && !code; i++) {
		const struct heal_run *run = &heal->runs[scan->first_run + i];

		if (run->addr > at)
			code = tell(queue, scan->space, PAGES_GONE, at,
				    (run->addr - at) / LEDGER_PAGE_BYTES, RSST_ANON);
		if (!code)
			code = tell(queue, scan->space, PAGES_FOUND, run->addr, run->nr_pages,
				    member_of(session, scan->space, run));
		at = run->addr + run->nr_pages * LEDGER_PAGE_BYTES;
	}
	if (!code && at < scan->end)
		code = tell(queue, scan->space, PAGES_GONE, at,
			    (scan->end - at) / LEDGER_PAGE_BYTES, RSST_ANON);
	return code ? code
		    : tell(queue, scan->space, PAGES_SEEN, scan->start,
			   (scan->end - scan->start) / LEDGER_PAGE_BYTES, RSST_ANON);
}

int heal__tell(struct heal *heal, const struct session *session, struct record_queue *queue)
{
	int code = 0;

	for (size_t i = 0; i < heal->nr_scans && !code; i++) {
		const struct heal_scan *scan = &heal->scans[i];

		if (session__touched(session, scan->space, scan->start) == scan->touched)
			code = tell_scan(heal, scan, session, queue);
	}
	heal->nr_scans = 0;
	return code;
}
