// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <stdlib.h>
#include <string.h>
#include "live/facts.h"
#include "live/stack_dwfl.h"
#include "live/unwind_state.h"

#define NS_PER_SECOND 1000000000ULL

static void forget(struct stack_dwfl *dwfl)
{
	dwfl_stack__free(dwfl->walker);
	free(dwfl->mappings);
	dwfl->walker = NULL;
	dwfl->mappings = NULL;
	dwfl->nr_mappings = 0;
}

void stack_dwfl__fini(struct stack_dwfl *dwfl)
{
	forget(dwfl);
}

/* --- what is mapped --------------------------------------------------------------------------- */

static bool has_table(const struct unwind_mapping *mapping)
{
	return mapping->start && mapping->end > mapping->start && mapping->nr_pages &&
	       mapping->first_page != UNWIND_TABLE_AWAITED;
}

/* Copy the mappings of files with a table to @to, UNWIND_SET_MAPPINGS of which there is room for.
 */
static __u32 collect(const struct unwind_upload *upload, __u32 space, struct unwind_mapping *to)
{
	int set = unwind_sets__named_by(&upload->sets, space);
	const struct unwind_mapping *from;
	__u32 nr = 0, nr_sorted;

	if (set < 0)
		return 0;
	from = unwind_sets__mappings(&upload->sets, (__u32)set);
	nr_sorted = unwind_sets__at(&upload->sets, (__u32)set)->nr_sorted;
	for (__u32 i = 0; i < UNWIND_SET_MAPPINGS; i++) {
		if (i >= nr_sorted && i < UNWIND_SET_SORTED)
			continue;
		to[nr] = from[i]; /* the kernel side may be at it: what was copied is looked at */
		nr += has_table(&to[nr]);
	}
	return nr;
}

/* Is the file of mapping @i at the same place told of by an earlier one? */
static bool is_told(const struct unwind_mapping *mappings, __u32 i)
{
	for (__u32 j = 0; j < i; j++) {
		if (mappings[j].first_page == mappings[i].first_page &&
		    mappings[j].bias == mappings[i].bias)
			return true;
	}
	return false;
}

/* A file that cannot be had is left out: a walk that needs it ends there. */
static struct dwfl_stack *make_walker(const struct unwind_upload *upload, pid_t pid,
				      const struct unwind_mapping *mappings, __u32 nr)
{
	struct dwfl_stack *walker = dwfl_stack__new();
	int fd;

	for (__u32 i = 0; walker && i < nr; i++) {
		if (is_told(mappings, i))
			continue;
		fd = unwind_files__open_by_table(&upload->files, pid, &mappings[i]);
		if (fd >= 0)
			dwfl_stack__add(walker, fd, mappings[i].start,
					mappings[i].start - mappings[i].bias);
	}
	if (walker && !dwfl_stack__ready(walker))
		return walker;
	dwfl_stack__free(walker);
	return NULL;
}

/* The walker of @news' space as it is now. */
static struct dwfl_stack *walker_of(struct stack_dwfl *dwfl, const struct unwind_upload *upload,
				    const struct unwind_news *news)
{
	struct unwind_mapping *mappings = calloc(UNWIND_SET_MAPPINGS, sizeof(*mappings));
	__u32 nr = mappings ? collect(upload, news->space, mappings) : 0;

	if (!nr || (nr == dwfl->nr_mappings &&
		    !memcmp(mappings, dwfl->mappings, nr * sizeof(*mappings)))) {
		free(mappings);
		return nr ? dwfl->walker : NULL;
	}
	forget(dwfl);
	dwfl->walker = make_walker(upload, (pid_t)news->pid, mappings, nr);
	dwfl->mappings = mappings;
	dwfl->nr_mappings = nr;
	return dwfl->walker;
}

/* --- what is believed ------------------------------------------------------------------------- */

static bool may_walk(struct stack_dwfl *dwfl)
{
	__u64 second = facts__now() / NS_PER_SECOND;

	if (second != dwfl->second) {
		dwfl->second = second;
		dwfl->nr_walks = 0;
	}
	return dwfl->nr_walks++ < STACK_DWFL_A_SECOND;
}

/*
 * Where there is no CFI libdwfl takes rbp for a frame pointer; and a return address that is zero or
 * beyond the copy it takes for the end. So it must go the way our own walk did, through code only,
 * to where our own table says the end is.
 */
static bool is_sound(const struct unwind_upload *upload, __u32 space,
		     const struct dwfl_stack_frame *theirs, int nr, const __u64 *ours,
		     __u16 nr_ours)
{
	int code = -1;

	if (nr <= nr_ours)
		return false;
	for (int i = 0; i < nr; i++) {
		if (i < nr_ours && theirs[i].pc != ours[i])
			return false;
		code = unwind_upload__code(upload, space, theirs[i].pc - !theirs[i].exact);
		if (code < 0)
			return false;
	}
	return (unwind_upload__rule(upload, code)->how & 15) == UNWIND_CFA_STOP;
}

__u16 stack_dwfl__walk(struct stack_dwfl *dwfl, const struct unwind_upload *upload,
		       const struct unwind_news *news, const struct dwfl_stack_thread *thread,
		       __u64 *frames, __u16 nr)
{
	struct dwfl_stack_frame theirs[RSST_MAX_FRAMES];
	struct dwfl_stack *walker = may_walk(dwfl) ? walker_of(dwfl, upload, news) : NULL;
	int nr_theirs = walker ? dwfl_stack__walk(walker, thread, theirs, RSST_MAX_FRAMES) : 0;

	if (!is_sound(upload, news->space, theirs, nr_theirs, frames, nr))
		return 0;
	for (int i = 0; i < nr_theirs; i++)
		frames[i] = theirs[i].pc;
	return (__u16)nr_theirs;
}
