/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a session is made of. For user/model/ only; the handlers below each take one checked record.
 */
#ifndef RSSTRACE_MODEL_SESSION_STATE_H
#define RSSTRACE_MODEL_SESSION_STATE_H

#include "model/calls.h"
#include "model/decode.h"
#include "model/mark_list.h"
#include "model/name_table.h"
#include "model/object_table.h"
#include "model/series.h"
#include "model/space.h"
#include "model/stack_table.h"
#include "model/thread_table.h"

/* PAGES_FOUND not yet followed by the PAGES_SEEN of their range. */
struct found_range {
	__u32 space;
	__u64 start, end;
};

struct found_list {
	__u32 nr, cap;
	struct found_range *ranges;
};

struct restore; /* model/restore.h */

struct session {
	bool started, ended, no_memory;
	struct rec_start start;
	struct rec_end end;
	__u64 record_ts; /* of the record being fed, ns since the start */
	__u64 now;	 /* of the last tick */
	__u64 events;	 /* records fed */
	__u64 gen;	 /* highest generation seen */
	__u64 settled;	 /* gen at the last tick: calls entered before have reported */
	struct space *spaces[SPACE_MAX];
	__u32 nr_spaces; /* highest id in use + 1 */
	struct process_table processes;
	__u32 nr_roots; /* living ones */
	struct object_table objects;
	struct stack_table stacks;
	struct thread_table threads;
	struct name_table names;
	struct call_table calls;
	struct found_list found;
	struct cause_pages causes[NR_CAUSES];
	__u64 faults;
	__s64 rss_pages; /* sum of counted FILE + ANON + SHMEM of living spaces */
	__u64 peak_pages, peak_ts;
	struct series series;
	__u64 counters[NR_COUNTERS];
	struct overhead overhead;
	struct mark_list marks;
	__u64 nr_bad;	  /* records refused or of unknown type */
	__u64 nr_ignored; /* records of address spaces that are not known, or mappings that make no
			     sense */
	__u32 nr_tables;  /* page tables of all ledgers */
	struct snapshot *final; /* the moment before the last root died */
	bool doomed;		/* final is of its MARK_OOM */
	struct stream_gaps gaps;
	struct restore *restore; /* the checkpoint being read; NULL: none */
	__u32 nr_restored;
	/* spaces a checkpoint took the place of: snapshots may still name their exe */
	struct space **former;
	__u32 nr_former;
	__u64 scratch[RSST_REC_MAX / 8];
};

/* arrive.c */
void session__fault(struct session *session, struct space *space, const struct rec_fault *fault);
void session__populate(struct session *session, struct space *space,
		       const struct rec_populate *populate);
void session__delta(struct session *session, struct space *space, const struct rec_delta *delta);
/* Put the queued gains of a call down on [base, end). */
void session__place_queue(struct session *session, struct space *space, struct call *call,
			  __u64 base, __u64 end);

/*
 * The same for memory that is there since generation @since only: pages that a scan found in it
 * before the call told its range are of the queue.
 */
void session__place_fresh(struct session *session, struct space *space, struct call *call,
			  __u64 base, __u64 end, __u64 since);

/* A page that @release says a filling call (mlock, MADV_POPULATE_WRITE) took is replaced by a copy,
 * which comes next. */
void session__copy_filled(struct session *session, struct space *space, struct call *call,
			  const struct rec_release *release);

/* release.c */
void session__release(struct session *session, struct space *space,
		      const struct rec_release *release);
/* All releases so far have been told. */
void session__settle(struct session *session, struct space *space, __u8 member);

/* residency.c */
void session__pages(struct session *session, struct space *space, const struct rec_pages *pages);

/* vm_calls.c */
void session__call(struct session *session, struct space *space, const struct rec_call *call);
void session__area(struct session *session, struct space *space, const struct rec_area *area);
void session__named(struct session *session, struct space *space, const struct rec_named *named);
void session__map(struct session *session, struct space *space, const struct rec_map *map);
/* Note what inserting, removing or protecting returned. */
void session__map_result(struct session *session, int ret);

/* mremap.c */
void session__mremap(struct session *session, struct space *space, const struct rec_call *rec,
		     struct call *call);
void session__mremap_chosen(struct session *session, struct space *space,
			    const struct rec_area *area);
void session__mremap_lost(struct session *session, struct call *call);

/* life.c */
int session__process(struct session *session, const struct rec_process *process, struct err *err);
int session__fork(struct session *session, const struct rec_fork *fork, struct err *err);
int session__exec(struct session *session, const struct rec_exec *exec, struct err *err);
void session__exit(struct session *session, const struct rec_exit *exit);
void session__space_end(struct session *session, struct space *space);
void session__counters(struct session *session, struct space *space,
		       const struct rec_counters *counters);
void session__mark(struct session *session, const struct rec_mark *mark);
void session__thread(struct session *session, struct space *space, const struct rec_thread *thread);

/* restore.c */
int session__restore(struct session *session, const struct rec *rec, struct err *err);
void restore__free(struct restore *restore);

/* naming.c */
void session__define_stack(struct session *session, const struct rec_stack *stack);
void session__name_object(struct session *session, const struct rec_object *object);
void session__name_code(struct session *session, const struct rec_symbol *symbol);

/* The living address space @id, or NULL. */
static inline struct space *session__space(const struct session *session, __u32 id)
{
	struct space *space = id < SPACE_MAX ? session->spaces[id] : NULL;

	return space && space->alive ? space : NULL;
}

/* Has the moment that counts passed: is `final` what a snapshot shows? */
static inline bool session__is_over(const struct session *session)
{
	return session->final && (!session->nr_roots || session->doomed);
}

/* Owner index for stack @id of @space: OWNER_UNKNOWN without one. */
static inline __u32 session__owner(struct session *session, __u32 space, __u64 id)
{
	__u32 index = id ? stack_table__intern(&session->stacks, space, id) : 0;

	if (id && !index)
		session->no_memory = true;
	return index ? index : OWNER_UNKNOWN;
}

#endif
