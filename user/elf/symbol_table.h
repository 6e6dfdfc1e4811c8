/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The functions of one object, sorted by address. Built once from several sources, then only read.
 */
#ifndef RSSTRACE_ELF_SYMBOL_TABLE_H
#define RSSTRACE_ELF_SYMBOL_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

/* Which of several names of one address wins: the larger. */
enum symbol_rank {
	SYMBOL_RANK_INVALID,
	SYMBOL_RANK_LABEL, /* assembler label without type */
	SYMBOL_RANK_PLT,
	SYMBOL_RANK_LOCAL,
	SYMBOL_RANK_WEAK,
	SYMBOL_RANK_GLOBAL,
};

#define SYMBOL_NO_PARENT 0xffffffffu

/* A function covers [start, start + size_bytes). */
struct symbol {
	__u64 start;	  /* link-time address */
	__u32 size_bytes; /* > 0 in a finished table */
	__u32 name;	  /* offset in its pool */
	__u32 parent;	  /* nearest earlier symbol that ends later, SYMBOL_NO_PARENT: none */
	__u8 pool;
	__u8 rank;  /* enum symbol_rank */
	__u8 sized; /* 0: the file gave no size; size_bytes is up to the next symbol or the
		       section's end */
	__u8 unused;
};

#define SYMBOL_TABLE_MAX_POOLS 8

/* Names are kept as whole string tables: sources share suffixes, so single copies could be larger.
 */
struct symbol_pool {
	char *bytes; /* ours, ends with a NUL */
	size_t size_bytes;
};

struct symbol_table {
	struct symbol *symbols; /* sorted by start; of equal starts the best name last */
	size_t nr, cap;
	struct symbol_pool pools[SYMBOL_TABLE_MAX_POOLS];
	size_t nr_pools;
};

/* An all-zero table is an empty one. */
void symbol_table__fini(struct symbol_table *table);

/* Copy @bytes as a pool of names. Its number, or -ENOMEM, -ENOSPC (too many), -EINVAL (over 4 GiB).
 */
int symbol_table__add_pool(struct symbol_table *table, const void *bytes, size_t size_bytes);

/*
 * symbol_table__add() - before finish. @end exclusive; without @sized it is as far as the symbol
 * could reach, the end of its section. Empty ranges and names outside the pool are ignored. 0,
 * -ENOMEM or -ENOSPC.
 */
int symbol_table__add(struct symbol_table *table, int pool, __u64 name, __u64 start, __u64 end,
		      enum symbol_rank rank, bool sized);

/* Sort, drop duplicates and labels inside sized functions, end unsized symbols. O(n log n). */
void symbol_table__finish(struct symbol_table *table);

/* The innermost symbol that covers @vaddr, NULL: none. O(log n). */
const struct symbol *symbol_table__find(const struct symbol_table *table, __u64 vaddr);

/* As in the file: mangled, maybe with "@VERSION". Lives as long as the table. */
const char *symbol_table__name(const struct symbol_table *table, const struct symbol *symbol);

size_t symbol_table__memory_bytes(const struct symbol_table *table);

#endif
