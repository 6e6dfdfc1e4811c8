/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One address space and the processes that live in them. */
#ifndef RSSTRACE_MODEL_SPACE_H
#define RSSTRACE_MODEL_SPACE_H

#include "model/page_ledger.h"
#include "model/series.h"
#include "model/session.h"
#include "model/vma_map.h"

enum owner_class { CLASS_BEFORE = 0, CLASS_UNKNOWN = 1, CLASS_STACK = 2, NR_CLASSES = 3 };

/* Stretches of writable memory without a table, to be looked at once after pages arrived nobody
 * knows where. */
struct hole_sweep {
	bool wanted[RSST_NR_MEMBERS]; /* which counter grew; none: no sweep */
	bool again; /* something arrived while sweeping: once more from the start */
	__u64 next; /* first table key not looked at yet */
};

struct space {
	__u32 id;
	bool alive;
	__u32 pid, ppid, flags;
	__u32 nr_processes; /* living ones in it */
	char comm[RSST_COMM_LEN];
	char *exe; /* never NULL */
	struct vma_map map;
	struct page_ledger ledger;
	__s64 counted[RSST_NR_MEMBERS];
	__s64 carried[RSST_NR_MEMBERS]; /* kernel's counters at the last REC_COUNTERS minus counted
					   then */
	__s64 lost[RSST_NR_MEMBERS];
	__s64 placed[RSST_NR_MEMBERS];
	struct space_history history;
	__s64 by_class[NR_CLASSES];
	__s64 surplus[RSST_NR_MEMBERS]; /* pages soft releases told too much of so far */
	struct series series;		/* thinned to SPACE_SERIES_MAX */
	__u64 brk_end;			/* page-aligned; 0: unknown */
	__u64 loss_at[RSST_NR_MEMBERS]; /* event of the last loss, gain that could not be placed */
	__u64 gain_at[RSST_NR_MEMBERS];
	__u64 removed_at; /* event at which tables were last dropped from the ledger */
	struct hole_sweep sweep;
	bool behind_gap; /* no counters came since the last REC_GAP */
};

struct process {
	__u32 pid, ppid;
	__u32 space;
	__u32 flags; /* PROCESS_* */
	bool alive;
};

struct process_table {
	__u32 nr, cap;
	struct process *processes;
};

struct space *space__new(__u32 id); /* NULL on ENOMEM */
void space__free(struct space *space);
void space__set_exe(struct space *space, const char *exe, size_t max_len);

/* Can a page of @vma be counted as @member? */
bool vma__can_hold(const struct vma *vma, __u8 member);

struct process *process_table__find(struct process_table *table, __u32 pid); /* NULL: unknown */
struct process *process_table__add(struct process_table *table, __u32 pid); /* NULL: ENOMEM, full */

#endif
