/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which thread brought pages in, by which stack. Only what a record tells: a page does not remember
 * its thread, so what a thread brought in that is still resident is not known.
 *
 * Bounded: behind THREAD_ENTRIES_MAX pairs of thread and stack everything counts to entry 0. A tid
 * is one thread for the whole stream, also when the kernel gives it out again.
 */
#ifndef RSSTRACE_MODEL_THREAD_TABLE_H
#define RSSTRACE_MODEL_THREAD_TABLE_H

#include "model/index_map.h"
#include "model/session.h"

#define THREAD_ENTRIES_MAX (1U << 18) /* 11 MiB of pairs, 2 MiB of counts in each snapshot */

struct thread_name {
	__u32 tid;
	char comm[RSST_COMM_LEN];
};

struct thread_table {
	__u32 nr, cap; /* nr is 0 before the first page, then at least 1 */
	struct thread_stack *entries;
	__u64 *pages; /* ever brought in, by entry */
	struct index_map map;
	__u32 last; /* entry used last: runs of faults come from one; 0: none */
	__u32 nr_names, cap_names;
	struct thread_name *names; /* names[0] is nobody's */
	struct index_map name_map;
};

/* A thread brought in @pages. 0 or -ENOMEM. */
int thread_table__count(struct thread_table *table, const struct thread_stack *by, __u64 pages);

/* Index of the pair, made if new; 0 when the table is full. 0 or -ENOMEM. */
int thread_table__intern(struct thread_table *table, const struct thread_stack *by, __u32 *index);

/* Thread @tid is called @comm (RSST_COMM_LEN bytes). 0 or -ENOMEM; names behind 65536 are dropped.
 */
int thread_table__name(struct thread_table *table, __u32 tid, const char *comm);
const char *thread_table__comm(const struct thread_table *table, __u32 tid); /* "": unknown */
void thread_table__fini(struct thread_table *table);

#endif
