// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "elf/symbol_table.h"

/* 24 bytes each; the largest program seen has 2 million functions. */
#define MAX_SYMBOLS (32u << 20)

void symbol_table__fini(struct symbol_table *table)
{
	for (size_t i = 0; i < table->nr_pools; i++)
		free(table->pools[i].bytes);
	free(table->symbols);
	*table = (struct symbol_table){ 0 };
}

int symbol_table__add_pool(struct symbol_table *table, const void *bytes, size_t size_bytes)
{
	struct symbol_pool *pool = &table->pools[table->nr_pools];

	if (table->nr_pools == SYMBOL_TABLE_MAX_POOLS)
		return -ENOSPC;
	if (size_bytes >= 0xffffffffu)
		return -EINVAL;
	pool->bytes = malloc(size_bytes + 1);
	if (!pool->bytes)
		return -ENOMEM;
	memcpy(pool->bytes, bytes, size_bytes);
	pool->bytes[size_bytes] = '\0';
	pool->size_bytes = size_bytes;
	return table->nr_pools++;
}

static int grow(struct symbol_table *table)
{
	size_t cap = table->cap ? table->cap * 2 : 256;
	struct symbol *symbols;

	if (table->nr >= MAX_SYMBOLS)
		return -ENOSPC;
	symbols = realloc(table->symbols, cap * sizeof(*symbols));
	if (!symbols)
		return -ENOMEM;
	table->symbols = symbols;
	table->cap = cap;
	return 0;
}

int symbol_table__add(struct symbol_table *table, int pool, __u64 name, __u64 start, __u64 end,
		      enum symbol_rank rank, bool sized)
{
	int ret = 0;

	if (pool < 0 || (size_t)pool >= table->nr_pools || name >= table->pools[pool].size_bytes ||
	    !table->pools[pool].bytes[name] || end <= start)
		return 0;
	if (end - start > 0xffffffffu)
		end = start + 0xffffffffu;
	if (table->nr == table->cap)
		ret = grow(table);
	if (ret)
		return ret;
	table->symbols[table->nr++] = (struct symbol){
		.start = start,
		.size_bytes = end - start,
		.name = name,
		.pool = pool,
		.rank = rank,
		.sized = sized,
	};
	return 0;
}

const char *symbol_table__name(const struct symbol_table *table, const struct symbol *symbol)
{
	return table->pools[symbol->pool].bytes + symbol->name;
}

/* Names differ early; a hostile file may make them long, and sorting reads them often. */
#define MAX_COMPARED 256

static size_t leading_bars(const char *name)
{
	size_t nr = 0;

	while (nr < MAX_COMPARED && name[nr] == '_')
		nr++;
	return nr;
}

/* Of two names of one address the worse comes first. */
static int compare_names(const char *a, const char *b)
{
	size_t a_bars = leading_bars(a), b_bars = leading_bars(b), a_len, b_len;

	if (a_bars != b_bars)
		return a_bars > b_bars ? -1 : 1;
	a_len = strnlen(a, MAX_COMPARED);
	b_len = strnlen(b, MAX_COMPARED);
	if (a_len != b_len)
		return a_len > b_len ? -1 : 1;
	return strncmp(b, a, MAX_COMPARED);
}

static int compare(const void *left, const void *right, void *arg)
{
	const struct symbol_table *table = arg;
	const struct symbol *a = left, *b = right;

	if (a->start != b->start)
		return a->start < b->start ? -1 : 1;
	if (a->sized != b->sized)
		return a->sized < b->sized ? -1 : 1;
	if (a->rank != b->rank)
		return a->rank < b->rank ? -1 : 1;
	return compare_names(symbol_table__name(table, a), symbol_table__name(table, b));
}

static __u64 end_of(const struct symbol *symbol)
{
	return symbol->start + symbol->size_bytes;
}

/* Symbols [first, last) start at one address; returns the new number of kept symbols. */
static size_t keep_group(struct symbol_table *table, size_t first, size_t last, __u64 *sized_reach,
			 size_t nr_kept)
{
	struct symbol *symbols = table->symbols;

	for (size_t i = first; i < last; i++) {
		if (symbols[i].sized && end_of(&symbols[i]) > *sized_reach)
			*sized_reach = end_of(&symbols[i]);
	}
	for (size_t i = first; i < last; i++) {
		bool better_follows =
			i + 1 < last &&
			(symbols[i + 1].size_bytes == symbols[i].size_bytes || !symbols[i].sized);

		if (better_follows || (!symbols[i].sized && symbols[i].start < *sized_reach))
			continue;
		symbols[nr_kept++] = symbols[i];
	}
	return nr_kept;
}

static void drop_useless(struct symbol_table *table)
{
	size_t nr_kept = 0, first = 0, last;
	__u64 sized_reach = 0;

	for (; first < table->nr; first = last) {
		for (last = first + 1; last < table->nr; last++) {
			if (table->symbols[last].start != table->symbols[first].start)
				break;
		}
		nr_kept = keep_group(table, first, last, &sized_reach, nr_kept);
	}
	table->nr = nr_kept;
}

static void end_unsized(struct symbol_table *table)
{
	for (size_t i = 0; i + 1 < table->nr; i++) {
		struct symbol *symbol = &table->symbols[i];
		__u64 next = table->symbols[i + 1].start;

		/* Unsized symbols are alone at their start, see keep_group(). */
		if (!symbol->sized && end_of(symbol) > next)
			symbol->size_bytes = next - symbol->start;
	}
}

/* Links make a monotonic stack, so this is O(n) though symbols may nest or overlap in any way. */
static void link_parents(struct symbol_table *table)
{
	struct symbol *symbols = table->symbols;

	for (size_t i = 0; i < table->nr; i++) {
		__u32 parent = i ? i - 1 : SYMBOL_NO_PARENT;

		while (parent != SYMBOL_NO_PARENT &&
		       end_of(&symbols[parent]) <= end_of(&symbols[i]))
			parent = symbols[parent].parent;
		symbols[i].parent = parent;
	}
}

void symbol_table__finish(struct symbol_table *table)
{
	struct symbol *fitted;

	if (!table->nr)
		return;
	qsort_r(table->symbols, table->nr, sizeof(*table->symbols), compare, table);
	drop_useless(table);
	end_unsized(table);
	link_parents(table);
	fitted = realloc(table->symbols, table->nr * sizeof(*fitted));
	if (fitted) {
		table->symbols = fitted;
		table->cap = table->nr;
	}
}

const struct symbol *symbol_table__find(const struct symbol_table *table, __u64 vaddr)
{
	size_t low = 0, high = table->nr;
	__u32 at;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (table->symbols[middle].start <= vaddr)
			low = middle + 1;
		else
			high = middle;
	}
	at = low ? low - 1 : SYMBOL_NO_PARENT;
	while (at != SYMBOL_NO_PARENT && vaddr >= end_of(&table->symbols[at]))
		at = table->symbols[at].parent;
	return at == SYMBOL_NO_PARENT ? NULL : &table->symbols[at];
}

size_t symbol_table__memory_bytes(const struct symbol_table *table)
{
	size_t total = table->cap * sizeof(*table->symbols);

	for (size_t i = 0; i < table->nr_pools; i++)
		total += table->pools[i].size_bytes + 1;
	return total;
}
