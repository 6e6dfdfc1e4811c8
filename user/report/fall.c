// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "base/units.h"
#include "report/sentences.h"

#define FALL_MIN_BYTES (64 << 10)
#define FALL_MIN_SHARE 100 /* of what there was: one percent */

/* Who made pages leave. */
enum leaver { BY_PROGRAM, BY_RECLAIM, BY_OTHERS, NR_LEAVERS };

static enum leaver leaver_of(enum rsst_cause cause)
{
	switch (cause) {
	case CAUSE_MUNMAP:
	case CAUSE_DONTNEED:
	case CAUSE_BRK:
	case CAUSE_MREMAP:
	case CAUSE_MMAP_FIXED:
	case CAUSE_SHMDT:
	case CAUSE_TRUNCATE:
	case CAUSE_EXEC:
		return BY_PROGRAM;
	case CAUSE_RECLAIM:
	case CAUSE_SWAP_OUT:
		return BY_RECLAIM;
	default:
		return BY_OTHERS;
	}
}

static void add_members(struct members *sum, const struct members *bytes)
{
	sum->anon += bytes->anon;
	sum->file += bytes->file;
	sum->shmem += bytes->shmem;
	sum->total += bytes->total;
}

static const char *of_what(const struct members *bytes)
{
	if (bytes->file >= bytes->anon && bytes->file >= bytes->shmem)
		return "file pages, which can be read back,";
	return bytes->anon >= bytes->shmem ? "anonymous pages, into swap,"
					   : "shared memory, into swap,";
}

void report__fall(FILE *out, __u32 width, const struct view *view)
{
	__s64 fell = -view->growth.total, before = view->rss.total + fell;
	struct members left[NR_LEAVERS] = {};
	char by[UNITS_LEN], part[UNITS_LEN];
	enum leaver most = BY_PROGRAM;

	if (fell < FALL_MIN_BYTES || fell < before / FALL_MIN_SHARE)
		return;
	for (__u32 i = 0; i < view->nr_causes; i++)
		if (view->causes[i].out)
			add_members(left + leaver_of(view->causes[i].cause),
				    &view->causes[i].bytes);
	for (enum leaver who = BY_RECLAIM; who < NR_LEAVERS; who++)
		if (left[who].total > left[most].total)
			most = who;
	if (left[most].total < fell / 2) /* an address space that ended, told elsewhere */
		return;
	units__bytes(by, fell);
	units__bytes(part, left[most].total);
	if (most == BY_RECLAIM)
		facts__say(out, width,
			   "RSS fell %s: the kernel took %s of %s not freed by the program.", by,
			   part, of_what(&left[most]));
	else if (most == BY_PROGRAM)
		facts__say(out, width, "RSS fell %s: the program gave back %s.", by, part);
	else
		facts__say(out, width,
			   "RSS fell %s: %s left by what others did (see the causes), not freed by "
			   "the "
			   "program.",
			   by, part);
}
