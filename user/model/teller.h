/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Writing the records of a checkpoint. For user/model/ only. */
#ifndef RSSTRACE_MODEL_TELLER_H
#define RSSTRACE_MODEL_TELLER_H

#include "model/checkpoint.h"
#include "model/session_state.h"

/* One REC_STATE in the making. */
struct teller {
	const struct session *session;
	const struct record_sink *sink;
	struct err *err;
	int code; /* the first failure; nothing is told after it */
	__u64 ts;
	__u64 nr_states;
	union {
		struct rec_state state;
		__u8 bytes[RSST_REC_MAX];
		__u64 aligned;
	} rec;
	__u32 len; /* bytes of rec in use; 0: none is open */
};

/* Hand @rec to the sink. */
void teller__take(struct teller *teller, const struct rec *rec);

/* Begin a record of @sort about @of (0, a space or STATE_ALL); the one before is sent. */
void teller__open(struct teller *teller, __u16 sort, __u32 of);
void teller__close(struct teller *teller);

/* Is the open record of @sort about @of, with @room bytes left? */
bool teller__is_open(const struct teller *teller, __u16 sort, __u32 of, size_t room);

/* Append to the open record without counting an item. */
void teller__put(struct teller *teller, const void *bytes, size_t len);
/* The last of its record; what finds no room, which is longer than any kernel tells, is cut. */
void teller__put_path(struct teller *teller, const char *path);

/* Append an item to a record of such; a new one is begun when it is full. */
void teller__put_item(struct teller *teller, __u16 sort, __u32 of, const void *item, size_t len);

struct state_pages state_pages(const struct stack_pages *pages);

/* tell_tables.c: which of the @nr stacks stand for others. */
void teller__sampled(struct teller *teller, const struct stack_pages *pages, __u32 nr);

/* tell_tables.c: names, objects, frames, stacks, threads: what only grows. */
void teller__tables(struct teller *teller);

#endif
