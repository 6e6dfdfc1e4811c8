/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The one reading of the model: two frozen moments in, sorted and named rows out. Every output prints rows.
 *
 * Several living address spaces (--children, -p A,B) are summed; a row says whose it is by pid. Bytes throughout.
 */
#ifndef RSSTRACE_VIEW_QUERY_H
#define RSSTRACE_VIEW_QUERY_H

#include <stdbool.h>
#include <stdint.h>
#include "model/session.h"
#include "view/filter.h"
#include "view/trend.h"

#define UNKNOWN_BYTES INT64_MIN /* in rows made by a filter or a grouping: the model cannot tell */

enum group_by {
	BY_NOTHING = 0,
	BY_REGION,
	BY_STACK,
	BY_MODULE,
	BY_FILE_LINE,
	BY_THREAD,
	BY_KIND,
	BY_CAUSE,
	BY_FUNCTION,
	NR_GROUPINGS,
};

/* Frames that are never the answer to "whose code?", by what they are part of; as bits of a set. */
enum frame_class {
	FRAME_OWN = 0,	   /* none of these */
	FRAME_ALLOC = 1,   /* an allocator, also a language's */
	FRAME_LIBC = 2,	   /* a mover of memory, a system call, what stands below main() */
	FRAME_RUNTIME = 4, /* of a language, its standard library */
	EVERY_FRAME = FRAME_ALLOC | FRAME_LIBC | FRAME_RUNTIME,
};

enum tree_kind { TREE_NONE = 0, TREE_TOP_DOWN, TREE_BOTTOM_UP };

struct view_options {
	__u32 pid; /* this process alone; 0: all. Lost records and truncated stacks stay everybody's; of what
		      a stack brought in before a fork, freed counts the copies of all children */
	__u32 top; /* rows of each list; 0: all */
	bool unnamed_stacks; /* leave frames out of the stack rows: for outputs that only name those of regions */
	const struct filter *filter; /* NULL, or without terms: none */
	enum group_by by;	     /* fill groups */
	enum tree_kind tree;	     /* fill tree */
	__u32 shown; /* in the tree, also these classes of frames: enum frame_class */
};

struct members {
	__s64 anon, file, shmem, total, swap; /* bytes; total = anon + file + shmem */
};

/* One inlined level of a frame. Strings belong to the session or the view. */
struct frame_row {
	const char *symbol; /* NULL: unknown */
	const char *module; /* path of the object; NULL: code in no file */
	__u64 offset;	    /* in the module, or the address */
	const struct object *object; /* the module with its build-id; NULL: code in no file */
	const char *file;   /* NULL: unknown */
	__u32 line;	    /* 0: unknown */
	bool inlined;
};

struct stack_row {
	__u32 id; /* owner index */
	__s64 rss, growth, faulted, freed; /* bytes; growth, faulted and freed over the window */
	__s64 error; /* standard error of rss, as far as it stands for stacks that were not taken */
	bool complete;	    /* end is STACK_END_ROOT */
	enum stack_end end; /* STACK_END_INVALID: what defines it was lost */
	__u32 nr_frames;
	struct frame_row *frames; /* innermost first, inlined ones expanded */
	__s32 named_by; /* index of the frame the row is named by: innermost in the user's own code; -1: none */
};

struct region_stack_row {
	__u32 stack; /* owner index, OWNER_BEFORE and OWNER_UNKNOWN left out */
	__s64 rss, growth;
	__s64 faulted; /* over the window: resident ones that arrived in it */
};

struct region_row {
	__u32 pid;
	__u64 start, end;
	char perms[5]; /* "rw-p" */
	enum region_kind kind;
	const char *name; /* "" when it has none */
	bool unmapped;	  /* was there at the window's start, is no more: rss 0 */
	__u32 mapped_by;  /* owner index of the call that mapped it; OWNER_BEFORE, OWNER_UNKNOWN */
	__s64 size, rss, growth, faulted; /* bytes; faulted over the window: resident ones that arrived in it */
	struct region_stack_row before, unknown; /* of rss and growth: from before tracing, by nobody known */
	const struct object *object; /* the mapped file; NULL: none */
	__u64 pgoff;		     /* of start in it, bytes */
	__u32 nr_stacks;
	struct region_stack_row *stacks; /* sorted by growth, then rss, then id */
};

/* One followed address space, by space id. */
struct process_row {
	__u32 space, pid, ppid;
	char comm[RSST_COMM_LEN + 1];
	const char *exe;    /* "" unknown */
	bool alive;	    /* at the end; else rss is 0 */
	struct members rss; /* the kernel's counters */
};

struct cause_row {
	enum rsst_cause cause;
	bool out;
	struct members bytes;
};

struct other_row {
	__u32 nr;
	__s64 rss, growth, faulted;
	__s64 freed; /* stacks only */
};

/* What all rows of one key have in common, summed up. A figure the model cannot tell is UNKNOWN_BYTES. */
struct group_row {
	char *key;	 /* what the rows share, in JSON; NULL: bytes whose key is not known */
	__u32 nr;	 /* rows */
	__s64 rss, growth;
	__s64 faulted;	 /* by region and kind only what is still resident; else all, over the window */
	__s64 freed;	 /* over the window */
	__u32 stack;	 /* owner index of one of its stacks; 0: no key of stacks */
	struct frame_row frame; /* that its stacks are named by; line 0: several */
	__u32 tid;
};

/*
 * How the walks ended that the stacks of some bytes come from. Bytes without a stack of their own are in it as far as
 * they are shared out among sampled ones.
 */
struct walk_ends {
	__s64 bytes, incomplete; /* incomplete: by stacks that do not reach their root */
	__s64 by_end[NR_STACK_ENDS];
};

struct view_tree; /* view/tree.h */

/* What a filter leaves of the regions, beside what there was. */
struct filtered {
	__s64 rss, growth;
	__s64 all_rss, all_growth;
};

struct view {
	__u64 from_ns, to_ns, from_wall_ns, to_wall_ns;
	__u32 pid; /* of the first root */
	const char *comm, *exe;
	struct members rss, growth; /* the kernel's counters at the end; their change over the window */
	__u64 peak_total, peak_ns;  /* highest RSS up to the end */
	struct trend trend;	    /* what kind of growth it was */
	__s64 attributed, before_attach, unattributed, error;
	__s64 before_at_start; /* before_attach at the window's start */
	struct walk_ends resident_walks; /* of attributed */
	struct walk_ends faulted_walks;	 /* of what stacks brought in over the window, also what has left since */
	__s64 unsampled;       /* of attributed: whose own stack was not taken; shared out among those that were */
	__s64 sampling_error;  /* standard error of the rss of any set of stacks, at most */
	struct overhead overhead; /* over the window; budget_ppm 0: not measured */
	__s64 grown, shrunk;   /* growth of all regions that grew, and of those that shrank (<= 0) */
	__u32 nr_living;       /* address spaces alive at the end */
	__u64 faults, lost, stacks_truncated; /* over the window */
	__u64 tracer_memory, tracer_maps; /* the recorder's own, at the end; 0: not told */
	struct stream_gaps gaps; /* of a damaged trace, up to the window's end */
	__u32 nr_processes;
	struct process_row *processes;
	__u32 nr_causes;
	struct cause_row *causes; /* largest first */
	__u32 nr_regions;
	struct region_row *regions;
	struct other_row other_regions;
	__u32 nr_stacks;
	struct stack_row *stacks;
	struct other_row other_stacks;
	const struct filter *filter; /* as given; NULL: none */
	struct filtered filtered;
	enum group_by by;
	__u32 nr_groups;
	struct group_row *groups; /* by growth, largest first, then rss, faulted, key; one without key last */
	struct other_row other_groups;
	struct view_tree *tree; /* NULL: not asked for */
	__u32 nr_marks;
	struct mark *marks; /* whose moments lie in the window, its start left out; in stream order */
};

/*
 * view__new() - rows of the window between two snapshots of @session (from may equal to). All sorts are by growth,
 * largest first, then rss, then id or address. NULL on ENOMEM. O(tables + resident pages of shown regions).
 */
struct view *view__new(const struct session *session, const struct snapshot *from, const struct snapshot *to,
		       const struct view_options *options);
void view__free(struct view *view);

/* What the share of whole stacks is of: the bytes brought in over the window; at an instant those that are resident. */
const struct walk_ends *view__walk_ends(const struct view *view);

/*
 * stack_row__name() - complete, end, frames and named_by of @row from the stack @row->id; for stacks that regions name and
 * the view's own rows do not hold. 0 or -ENOMEM. stack_row__fini() frees the frames.
 */
int stack_row__name(struct stack_row *row, const struct session *session);
void stack_row__fini(struct stack_row *row);

enum frame_class frame_row__class(const struct frame_row *frame);
bool frame_row__is_internal(const struct frame_row *frame); /* is of any class but FRAME_OWN */

/*
 * Is frame @i of @row one to show, with those of the classes @shown? The one the row is named by always is. Inside of that one
 * own code is a runtime's: an interpreter below its script, or a package Go comes with.
 */
bool stack_row__shows(const struct stack_row *row, __u32 i, __u32 shown);

/* Is it in a package Go comes with? Then a row is named by it only when nobody called it. */
bool frame_row__is_standard_library(const struct frame_row *frame);

/* Is it a function of a script, told by its interpreter's perf map? */
bool frame_row__is_script(const struct frame_row *frame);

const char *cause_name(enum rsst_cause cause); /* "fault", "munmap", "dontneed", ... as in JSON */
const char *group_by_name(enum group_by by);   /* "region", "file-line", ...: as behind --by; NULL for BY_NOTHING */
const char *mark_from_name(enum mark_from from); /* "socket", "signal", ...: as in JSON */
const char *kind_name(enum region_kind kind);  /* "heap", "stack", "anon", ... */
const char *stack_end_name(enum stack_end end); /* "root", "no_rule", "depth", ...: as in JSON */

#endif
