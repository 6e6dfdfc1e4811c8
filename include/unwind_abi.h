/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Map values of the user-stack unwinder, shared by bpf/unwind*.bpf.h and user/live/unwind_*.c.
 * Tables are written by user space only, sets by both. Not part of the trace. x86-64.
 *
 * From a pc to a rule: space -> set (its executable mappings, sorted) -> mapping -> file offset
 * -> 64 KiB page of the file -> row (the last at or below the offset) -> rule. Rows, rules and
 * pages are written once, before a mapping that leads to them is published, and are shared by
 * every space; rows by files of the same content, too, while pages are of one file each: first_page
 * says which.
 *
 * A set changes in five ways only, and none lets a walk see a false rule:
 *  - User space fills an unused set, then stores the space's word: a walk sees the old set or the
 *    new one, whole.
 *  - User space reuses a set that no word names. Its generation is 0 meanwhile, and a new one
 *    after; a walk that began before drops what it looked up under another generation.
 *  - The kernel side takes an empty one for a program that begins, see struct unwind_ready.
 *  - The kernel side clears an `end`, or draws it nearer, and gives the set a new generation, or puts a recent mapping
 *    into a slot whose `end` is 0, `end` last.
 *  - User space gives a mapping that awaits its table the table, first_page and nr_pages in one
 *    word; before that, for a program that is over, the bias: no rule is found through one that
 *    awaits.
 */
#ifndef RSSTRACE_UNWIND_ABI_H
#define RSSTRACE_UNWIND_ABI_H

#ifdef __bpf__
#include "vmlinux.h"
#else
#include <linux/types.h>
#endif

#define UNWIND_MAX_RULES 16384	 /* a rule id has 14 bits; a large process uses some 2000 */
#define UNWIND_MAX_PAGES 262144	 /* 64 KiB pages of code: 16 GiB of files, in 2 MiB */
#define UNWIND_NR_SETS 96	 /* processes whose tables are known at one time */
#define UNWIND_SET_SORTED 960	 /* mappings of a set that user space writes, by start */
#define UNWIND_SET_RECENT 64	 /* mappings the kernel side saw since, in order of arrival */
#define UNWIND_SET_MAPPINGS 1024 /* the two together */
#define UNWIND_CACHE_WORDS 32768 /* a power of two: see unwind_cache_word() */
#define UNWIND_ROWS_PER_BLOCK 16 /* one cache line */

/* How the canonical frame address (the stack pointer before the call) is had. */
enum unwind_cfa {
	UNWIND_CFA_NONE = 0,	  /* nothing is known about this code */
	UNWIND_CFA_RSP = 1,	  /* rsp + cfa_off */
	UNWIND_CFA_RBP = 2,	  /* rbp + cfa_off */
	UNWIND_CFA_DEREF_RSP = 3, /* *(rsp + high) + low, see unwind_rule__high() */
	UNWIND_CFA_DEREF_RBP = 4, /* *(rbp + high) + low */
	UNWIND_CFA_PLT = 5, /* rsp + 8, and 8 more from byte cfa_off of each 16-byte PLT entry on */
	UNWIND_CFA_SIGNAL = 6, /* the kernel's struct ucontext lies at rsp */
	UNWIND_CFA_REG =
		7, /* register low (DWARF number) + high; rbx, or any in the innermost frame */
	UNWIND_CFA_FP = 8,   /* a frame-pointer frame, to be checked: code without a table */
	UNWIND_CFA_STOP = 9, /* the outermost frame */
	UNWIND_CFA_UNSUPPORTED = 10,
	UNWIND_CFA_SWITCH = 11, /* a frame-pointer frame on another stack, wherever that is */
};

/* How the caller's rbp is had. */
enum unwind_rbp {
	UNWIND_RBP_SAME = 0,
	UNWIND_RBP_CFA = 1, /* *(cfa + rbp_off) */
	UNWIND_RBP_RBP = 2, /* *(rbp + rbp_off) */
};

/* What rbx_words says when it is no place: those are below the CFA. */
#define UNWIND_RBX_SAME 0
#define UNWIND_RBX_LOST 1

struct unwind_rule {
	__u8 how;	/* enum unwind_cfa | enum unwind_rbp << 4 */
	__s8 rbx_words; /* the caller's rbx is at cfa + 8 * rbx_words, or UNWIND_RBX_* */
	__s16 rbp_off;	/* bytes */
	__s32 cfa_off;	/* bytes, or high << 8 | low */
};

#define UNWIND_RULE_ID_NONE 0 /* ids that are the same in every table */
#define UNWIND_RULE_ID_FP 1

static inline __s32 unwind_rule__high(const struct unwind_rule *rule)
{
	return rule->cfa_off >> 8;
}

static inline __u32 unwind_rule__low(const struct unwind_rule *rule)
{
	return rule->cfa_off & 0xff;
}

/* low 16 bits of the file offset | rule id << 16; from here to the next row. A page's first row is
 * at its offset 0. */
struct unwind_row_block {
	__u32 rows[UNWIND_ROWS_PER_BLOCK];
};

struct unwind_page {
	__u32 first_row;
	__u32 nr_rows; /* <= 65536; 0: no code */
};

struct unwind_mapping {
	__u64 start; /* 0: slot not in use */
	__u64 end;
	__u64 bias; /* pc - bias is the file offset */
	__u32 first_page;
	__u32 nr_pages; /* 0: executable memory without a table */
};

/*
 * first_page of a mapping whose table is not there yet; nr_pages then says which file's, as far as
 * 32 bits can. User space changes the two in one go, if they are still so.
 */
#define UNWIND_TABLE_AWAITED 0xffffffffU

/* Of a file. Not the inode alone: two file systems have the same numbers. */
static inline __u32 unwind_awaited_file(__u64 ino, __u32 dev)
{
	return (__u32)((ino * 0x9e3779b97f4a7c15ULL ^ dev * 0xc2b2ae3d27d4eb4fULL) >> 32);
}

struct unwind_set {
	__u64 generation; /* unique to these contents; 0: being written */
	__u32 epoch;	  /* what the space's word must say */
	__u32 nr_sorted;
	__u32 nr_recent; /* recent slots below this may be in use */
	__u32 owner;	 /* space whose changes it follows; a fork's child uses its parent's */
};

#define UNWIND_LOSSES 16

/* Code of a file that was unmapped, or mapped over. */
struct unwind_loss {
	__u64 start, end;
	__u64 number; /* which of the space's losses this is; last when it is put there */
};

/*
 * Value of `unwind_spaces`. changes: bumped by the kernel side after the space's code mappings
 * changed, so that user space can tell whether what it read of them is still so.
 * losses: how often code of files left, so that user space can tell whether what it knows at an
 * address is what a stack ran through that was copied before. Loss n is at n % UNWIND_LOSSES; of
 * one that is not there the range is not known.
 */
struct unwind_space {
	__u64 word; /* UNWIND_SPACE_WORD; 0: no set */
	__u64 changes;
	__u64 losses;
	struct unwind_loss lost[UNWIND_LOSSES];
};

#define UNWIND_SPACE_WORD(set, epoch) ((__u64)((set) + 1) | (__u64)(epoch) << 32)

/* Key and value of `unwind_objects`: the table of a file, for mappings the kernel side sees first.
 */
struct unwind_object_key {
	__u64 ino;
	__u32 dev;
	__u32 pad;
};

struct unwind_object {
	__u32 first_page;
	__u32 nr_pages;
	/* where execve(2) puts its code, all link-time addresses; of its first executable segment:
	 */
	__u64 start; /* whole pages */
	__u64 end;
	__u64 offset;			      /* of start in the file */
	__u64 entry;			      /* what AT_ENTRY is made of */
	struct unwind_object_key interpreter; /* ino 0: it needs none */
};

/*
 * Empty sets for programs that begin: execve(2) takes one that is not claimed and says for which
 * space; user space puts another one there.
 */
#define UNWIND_READY_SETS 16

struct unwind_ready {
	__u64 claimed; /* 0, or it is taken; last when it is put there anew */
	__u64 word;    /* of the set: UNWIND_SPACE_WORD; 0: there is none */
	__u32 space;   /* that took it, after its own word was stored; 0: not yet */
	__u32 pad;
};

struct unwind_control {
	__u64 generation; /* last one given out; both sides add to it atomically */
	__u64 vdso_bytes; /* of the vdso's mapping, 0: there is none */
	struct unwind_object_key interpreter; /* of programs that were not met before: likely */
	struct unwind_ready ready[UNWIND_READY_SETS];
};

/*
 * The rule cache: one word a slot, so that it is read and written whole. Slot and word together
 * hold the pc without loss, the low 18 bits of the generation and the rule id. User space clears
 * the cache each 2^17 generations.
 */
#define UNWIND_CACHE_GENERATIONS (1U << 18)

static inline __u32 unwind_cache_slot(__u64 pc)
{
	return (__u32)(pc ^ pc >> 15) & (UNWIND_CACHE_WORDS - 1);
}

static inline __u64 unwind_cache_word(__u64 pc, __u64 generation, __u32 rule)
{
	return pc >> 15 << 32 | (generation & (UNWIND_CACHE_GENERATIONS - 1)) << 14 | rule;
}

#endif
