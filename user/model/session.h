/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The session: records in, the state of every followed process out. The only state of rsstrace.
 *
 * Nothing here knows a clock, /proc, libbpf or ELF: feeding the same records gives the same session, live or replayed.
 *
 * A session is read in two ways: tables that only grow (objects, frames, stacks: indices are stable and given out in
 * stream order) are read in place; everything that changes is read from a frozen snapshot.
 */
#ifndef RSSTRACE_MODEL_SESSION_H
#define RSSTRACE_MODEL_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>
#include "record_abi.h"
#include "counters.h"
#include "base/err.h"

/* Owner of a resident page: a stack's index, or one of these. Stack indices start at OWNER_FIRST_STACK. */
enum page_owner {
	OWNER_NONE = 0,		/* not resident */
	OWNER_BEFORE = 1,	/* was resident when tracing of its space began */
	OWNER_UNKNOWN = 2,	/* arrived, nothing tells by which stack */
	OWNER_FIRST_STACK = 3,
};

enum region_kind {
	KIND_INVALID = 0,
	KIND_HEAP, /* brk */
	KIND_STACK,
	KIND_ANON,
	KIND_FILE,
	KIND_SHMEM,
	KIND_HUGETLB,
	KIND_SPECIAL,
	NR_KINDS,
};

/* A mapped file, or NULL-path if its name never came. Index 0 is "no object". */
struct object {
	__u64 ino;
	__u32 dev;
	__u32 flags;	  /* OBJECT_* */
	bool named;	  /* a REC_OBJECT or REC_MAP named it */
	char *path;	  /* never NULL; "" until named */
	__u32 build_id_len;
	__u8 build_id[32];
};

struct symbol_entry {
	char *function; /* NULL: unknown */
	char *file;	/* NULL: unknown */
	__u32 line;	/* 0: unknown */
};

/* A place in code, shared by every stack that runs through it. Index 0 is invalid. */
struct frame {
	__u32 object; /* index; 0: code in no file */
	__u32 space;  /* of code in no file; else 0 */
	__u64 offset; /* file offset of the instruction looked up, or address when object is 0 */
	bool resolved; /* a REC_SYMBOL came */
	__u32 start_delta; /* offset - function start, 0xffffffff unknown */
	__u32 nr_entries;
	struct symbol_entry *entries; /* innermost inlined function first */
};

struct stack {
	__u64 id; /* of REC_STACK */
	__u32 space;
	__u32 nr_frames;
	__u32 *frames; /* frame indices, innermost first; NULL while only the id is known (definition lost) */
	enum stack_end end;
};

/* Cumulative pages of one stack since the start of the stream. */
struct stack_pages {
	__u64 rss;     /* resident now and owned by it */
	__u64 faulted; /* ever brought in */
	__u64 freed;   /* brought in and gone since: rss + freed == faulted, plus inherited by fork */
	__u64 stands_for; /* of other stacks, which were not taken, as far as it was sampled: an estimate, */
	__u64 variance;	  /* and its variance, pages squared */
};

/* What one thread brought in by one stack; entry 0: of all that found no room in the table. */
struct thread_stack {
	__u32 tid;
	__u32 space;
	__u32 owner; /* stack index, or OWNER_UNKNOWN */
};

struct vma {
	__u64 start, end; /* [start, end) */
	__u64 pgoff;	  /* bytes */
	__u32 object;	  /* index; 0: none */
	__u8 prot;
	__u8 shared;
	__u8 kind;    /* enum region_kind */
	__u8 backing; /* enum map_backing */
	__u32 name;   /* index for session__name(); "[heap]", "[anon:arena]", ...; 0: path of object, or "" */
	__u32 stack;  /* owner index of the call that mapped it; OWNER_BEFORE, OWNER_UNKNOWN */
};

/* What tracing cost since the start of the stream, in CPU time. budget_ppm 0: nobody measured. */
struct overhead {
	__u64 target_ns, kernel_ns, tracer_ns; /* as in REC_OVERHEAD */
	__u32 budget_ppm;
	__u32 shift; /* stacks are sampled with now, see SAMPLE_FLAGS() */
};

struct page_ledger; /* model/page_ledger.h */

struct cause_pages {
	__u64 in[RSST_NR_MEMBERS];
	__u64 out[RSST_NR_MEMBERS];
};

/* What happened in one address space since the start of the stream. */
struct space_history {
	struct cause_pages causes[NR_CAUSES];
	__u64 faults;
	__u64 peak_pages, peak_ts; /* highest counted RSS, and when that was */
};

struct rss_peak {
	__u64 pages;
	__u64 ts; /* ns since the start of the stream: of the first record that brought it about */
};

/* Where the trace is damaged: what its reader could not give. */
struct stream_gaps {
	__u32 nr;
	__u64 blocks, bytes;
	__u64 ns;  /* of time, at most: from the last record before a gap to the first behind it */
	__u64 from_ns, to_ns; /* where the first begins and the last ends, since the start of the stream */
	bool open; /* the books still lack what the last gap held: no checkpoint came since */
};

/* One address space in a snapshot. */
struct space_snapshot {
	__u32 space;
	__u32 pid, ppid;
	__u32 flags; /* PROCESS_* */
	bool alive;
	char comm[RSST_COMM_LEN];
	const char *exe; /* owned by the session; "" unknown */
	__u32 nr_vmas;
	struct vma *vmas;	     /* sorted, disjoint */
	struct page_ledger *ledger;  /* frozen: shares unchanged tables with the session */
	__s64 counted[RSST_NR_MEMBERS];	 /* pages: base + every delta in the stream */
	__s64 kernel[RSST_NR_MEMBERS];	 /* pages: last REC_COUNTERS, carried on by what was counted since */
	__s64 placed[RSST_NR_MEMBERS];	 /* pages the ledger holds resident */
	__s64 before, unknown, attributed; /* placed pages by owner; sum == placed FILE + ANON + SHMEM */
	struct space_history history;	   /* dead ones have it, too */
};

/* A moment, frozen. Every count is cumulative since the start of the stream. */
struct snapshot {
	__u64 ts;      /* ns since the start of the stream: the tick it was taken at */
	__u64 wall_ns; /* CLOCK_REALTIME of that */
	__u32 nr_spaces;
	struct space_snapshot *spaces; /* by space id; dead ones have alive == false, no vmas and no ledger */
	__u32 nr_stacks;	       /* entries of stacks[], index = owner */
	struct stack_pages *stacks;
	__u32 nr_thread_stacks; /* entries of thread_pages[], index as in session__thread_stack() */
	__u64 *thread_pages;	/* ever brought in */
	struct cause_pages causes[NR_CAUSES];
	__u64 faults;	       /* fault records' faults (a run counts each) */
	__u64 lost;	       /* records */
	__u64 stacks_truncated; /* stacks whose walk did not end at the root */
	__u64 peak_pages;	/* highest counted RSS so far, summed over living spaces */
	__u64 peak_ts;		/* when that was */
	__u64 counters[NR_COUNTERS]; /* last REC_STATS */
	struct overhead overhead;
	struct stream_gaps gaps;
};

/* What the kernel's counters said at one tick, summed over the living spaces. */
struct series_point {
	__u64 ts; /* ns since the start of the stream */
	__s64 pages[RSST_NR_MEMBERS];
};

/* A moment with a name. */
struct mark {
	__u64 ts;      /* ns since the start of the stream */
	__u64 tick_ns; /* the same of the first tick behind it, the moment it names; MARK_OPEN: none came yet */
	__u32 from;    /* enum mark_from */
	__u32 pid, tid; /* who set it; 0: unknown */
	char label[MARK_LABEL_MAX];
};

#define MARK_OPEN (~0ULL)
#define MARKS_MAX 65536 /* of a session; those that follow are ignored, and counted as such */

struct session;

struct session *session__new(void);
void session__free(struct session *session);

/*
 * session__feed() - take one record of @len bytes (hostile input allowed: every length, index and count is checked).
 * 0, or -EBADMSG with a sentence (the record is dropped, the session stays usable), or -ENOMEM.
 */
int session__feed(struct session *session, const struct rec *rec, size_t len, struct err *err);

/*
 * session__freeze() - a snapshot of now, or of the instant before the last root process died (was chosen by the OOM killer)
 * if none is left: what was resident then is what the question "what was it made of" means. O(spaces + VMAs + stacks + page tables); pages are
 * shared copy-on-write. NULL on ENOMEM. Free with snapshot__free() before the session.
 */
struct snapshot *session__freeze(struct session *session);

/*
 * session__freeze_between() - the same between two ticks: the moment is that of the record fed last. What was faulted
 * in since the tick before may have names only when the next tick was fed.
 */
struct snapshot *session__freeze_between(struct session *session);
void snapshot__free(struct snapshot *snapshot);

/* Keep the sums alone: no ledger, so that the session need not copy a page table that it changes. */
void snapshot__drop_pages(struct snapshot *snapshot);

/* Facts of the stream. start: NULL until REC_START came. now: ts of the last tick, ns since start. */
const struct rec_start *session__start(const struct session *session);
__u64 session__now(const struct session *session);
const struct rec_end *session__end(const struct session *session); /* NULL: not ended, or cut */
const struct mark *session__marks(const struct session *session, __u32 *nr); /* in stream order */
/*
 * The highest counted RSS up to now of process @pid (each of its spaces for itself), or of all living spaces
 * together (0): what a snapshot taken now tells.
 */
struct rss_peak session__peak(const struct session *session, __u32 pid);
struct rss_peak snapshot__peak(const struct snapshot *snapshot, __u32 pid);
/* Was it the record fed last that brought @peak about? */
bool session__is_at_peak(const struct session *session, __u32 pid, const struct rss_peak *peak);
struct stream_gaps session__gaps(const struct session *session);
__u64 session__rss_bytes(const struct session *session); /* counted now, of all living spaces */
bool session__roots_alive(const struct session *session);	   /* false before the first REC_PROCESS, too */
__u64 session__nr_bad_records(const struct session *session);	   /* refused or of unknown type */
__u64 session__nr_ignored_records(const struct session *session);  /* of unknown or dead spaces, or of no effect */

/*
 * RSS over time, oldest first: each tick while a root lived, or every 2nd, 4th, ... of them in a long stream
 * (model/series.h). Valid until the next feed.
 */
const struct series_point *session__series(const struct session *session, __u32 *nr);

/* The same for one space, thinned further. */
const struct series_point *session__space_series(const struct session *session, __u32 space, __u32 *nr);

/* Growing tables. Indices in [0, nr); index 0 is never a real entry. Pointers are valid until the next feed. */
__u32 session__nr_objects(const struct session *session);
const struct object *session__object(const struct session *session, __u32 index);
__u32 session__nr_frames(const struct session *session);
const struct frame *session__frame(const struct session *session, __u32 index);
__u32 session__nr_stacks(const struct session *session);
const struct stack *session__stack(const struct session *session, __u32 index); /* NULL for indices < OWNER_FIRST_STACK */
const struct thread_stack *session__thread_stack(const struct session *session, __u32 index);
const char *session__thread_comm(const struct session *session, __u32 tid);	/* "": unknown */
const char *session__name(const struct session *session, __u32 index);		/* "" for 0 */

/*
 * What the live side has to find out. Each returns false when there is nothing (more) to tell.
 * next_unnamed: an object index >= *cursor whose path is unknown; *cursor moves on.
 * next_dispute: a page-table sized range [*start, *end) of a living space whose pages the model is not sure of, after
 *	(*space, *start) as passed in; start with 0, 0. `touched` counts the events that changed it: unchanged across a
 *	scan means the scan may be believed.
 */
bool session__next_unnamed(const struct session *session, __u32 *cursor, __u32 *object);
bool session__next_dispute(const struct session *session, __u32 *space, __u64 *start, __u64 *end, __u64 *touched);
__u64 session__touched(const struct session *session, __u32 space, __u64 addr);

/* The first VMA that ends above @addr, or NULL; valid until the next feed. */
const struct vma *session__next_vma(const struct session *session, __u32 space, __u64 addr);

/* Does @vma map file @ino of @dev, with 0 nothing that has a name? */
bool session__maps_file(const struct session *session, const struct vma *vma, __u32 dev, __u64 ino);

/* The live VMA holding @addr, or NULL; valid until the next feed. */
const struct vma *session__vma(const struct session *session, __u32 space, __u64 addr);

#endif
