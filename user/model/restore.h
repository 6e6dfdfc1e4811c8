/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A checkpoint being read. For user/model/ only.
 *
 * Names, objects, frames and stacks go into the session's own tables, which only grow: a session
 * that has some already (behind damage) may have them under other numbers. Everything else is put
 * together aside, and takes the place of what the session has when the checkpoint is complete.
 */
#ifndef RSSTRACE_MODEL_RESTORE_H
#define RSSTRACE_MODEL_RESTORE_H

#include "checkpoint_abi.h"
#include "model/session_state.h"

/* The session's number for each number of the checkpoint's writer. */
struct number_map {
	__u32 first; /* number of the first one told */
	__u32 nr, cap;
	__u32 *here;
};

struct pages_list {
	__u32 nr, cap;
	struct state_pages *pages; /* by the writer's number, from OWNER_FIRST_STACK on */
};

struct sampled_list {
	__u32 nr, cap;
	struct state_sampled *items; /* .stack: the session's number */
};

#define FRAME_FRESH 1
#define FRAME_KNOWN 2

struct count_list {
	__u32 nr, cap;
	__u64 *counts;
};

struct restore {
	struct rec_checkpoint head;
	__u64 nr_states;
	__u64 weight; /* pages of stacks, threads and causes told so far */
	struct number_map names, objects, frames, stacks;
	struct number_map fresh; /* by frame: FRAME_FRESH, or the session knew its name before */
	struct pages_list pages, final_pages;
	struct sampled_list sampled, final_sampled;
	struct number_map threads; /* from 0 on */
	struct count_list thread_pages, final_thread_pages;
	struct session *staged; /* spaces, processes, calls, found ranges, causes */
	struct session *final;	/* the same of the moment the last root died; NULL: none told */
	struct session *at;	/* that of the two which is being told */
	struct call *call;	/* the last one told */
};

/* Each takes one checked piece. 0, -EBADMSG (it refers to what was not told) or -ENOMEM. */
int restore__tables(struct session *session, const struct rec_state *state);
int restore__space(struct session *session, const struct rec_state *state);

/* The session's number for @told; false: not told. 0 is 0; owners below OWNER_FIRST_STACK are
 * themselves. */
bool number_map__find(const struct number_map *map, __u32 told, __u32 *here);

#endif
