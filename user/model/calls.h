/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * VM calls in progress, one a thread: what the records of one call have to know of each other. A
 * call ends with its REC_CALL, with the thread's next call, or with the thread or address space.
 */
#ifndef RSSTRACE_MODEL_CALLS_H
#define RSSTRACE_MODEL_CALLS_H

#include "model/session.h"

#define CALLS_MAX                                                                                  \
	8192 /* threads inside a VM call at one time; beyond that the oldest of a bucket is given  \
		up */
#define CALL_BUCKETS 256
#define QUEUE_MAX 4096

/* Populated pages whose address is not known yet: `times` gains of `unit` pages each. */
struct queued {
	__u32 owner, born;
	__u32 unit, times;
	__u8 member;
	bool write; /* asked for by a write */
};

/* A page mremap has taken up and not put down yet. */
struct stashed {
	__u64 offset; /* bytes from the old start */
	__u32 owner, born;
	__u8 member;
};

struct call {
	struct call *next; /* of its bucket, youngest first */
	__u32 tid, number, space;
	/* release: where the zap must be by now */
	bool released;			 /* there was a release; the next three are valid */
	__u64 last_key;			 /* the table it hit */
	__u64 last_gen;			 /* its generation */
	__u64 cursor[RSST_NR_MEMBERS];	 /* first address the next one can be at */
	__u64 deferred[RSST_NR_MEMBERS]; /* released pages of an mremap's destination, known when it
					    returns */
	__u64 deferred_gen; /* of the last of them; 0: none */
	/* populate */
	struct queued *queue;
	__u32 nr_queue, cap_queue;
	__u64 populate_base; /* range being filled: calls that are no VM calls share a number */
	__u64 populate_at;   /* next address */
	/* mremap */
	struct stashed *stash;
	__u32 nr_stash, cap_stash;
	bool stash_taken;
	bool has_vma;
	struct vma vma; /* the moved one, as it was when the new place was chosen */
};

struct call_table {
	__u32 nr;
	struct call *buckets[CALL_BUCKETS];
};

struct session;
struct space;

/* The call @number of thread @tid; begins it if it is new and gives up what the thread's last one
 * left. NULL: ENOMEM. */
struct call *calls__get(struct session *session, struct space *space, __u32 tid, __u32 number);

/* The call is over: pages still queued or stashed are somewhere unknown. */
void calls__end(struct session *session, struct call *call);
void calls__end_thread(struct session *session, __u32 tid);
void calls__end_space(struct session *session, __u32 space);
void calls__fini(struct session *session);

/* Queue a gain of @unit pages. False: no room, the pages cannot be placed. */
bool call__queue(struct call *call, const struct queued *gain);
bool call__stash(struct call *call, const struct stashed *page);

#endif
