// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include "elf/code_ranges.h"

#define FIRST_RANGES 256
#define FIRST_COMMONS 8

/* Room for one more of @size bytes in the vector *@items; false when there is none. */
static bool make_room(void **items, size_t nr, size_t *cap, size_t first, size_t size)
{
	size_t more = *cap ? 2 * *cap : first;
	void *grown;

	if (nr < *cap)
		return true;
	grown = realloc(*items, more * size);
	if (!grown)
		return false;
	*items = grown;
	*cap = more;
	return true;
}

static const struct code_segment *find_segment(const struct code_ranges *ranges, __u64 address)
{
	for (size_t i = 0; i < ranges->nr_segments; i++) {
		const struct code_segment *segment = &ranges->segments[i];

		if (address >= segment->start && address < segment->end)
			return segment;
	}
	return NULL;
}

int code_ranges__add(struct code_ranges *ranges, const struct code_range *range)
{
	const struct code_segment *segment = find_segment(ranges, range->start);
	void *items = ranges->ranges;
	struct code_range *added;

	if (!segment || range->end <= range->start)
		return 0;
	if (!make_room(&items, ranges->nr, &ranges->cap, FIRST_RANGES, sizeof(*range)))
		return -ENOMEM;
	ranges->ranges = items;
	added = &ranges->ranges[ranges->nr++];
	*added = *range;
	added->bias = segment->bias;
	if (added->end > segment->end)
		added->end = segment->end;
	return 0;
}

int code_ranges__add_common(struct code_ranges *ranges, const struct cfi_common *common)
{
	void *items = ranges->commons;

	if (ranges->nr_commons >= INT_MAX ||
	    !make_room(&items, ranges->nr_commons, &ranges->cap_commons, FIRST_COMMONS,
		       sizeof(*common)))
		return -ENOMEM;
	ranges->commons = items;
	ranges->commons[ranges->nr_commons] = *common;
	return (int)ranges->nr_commons++;
}

/* File offsets, not addresses: in a hostile file the two need not have the same order. */
static int compare(const void *a, const void *b)
{
	const struct code_range *x = a, *y = b;
	__u64 x_offset = x->start - x->bias, y_offset = y->start - y->bias;

	if (x_offset != y_offset)
		return x_offset < y_offset ? -1 : 1;
	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	return x->program < y->program ? -1 : x->program > y->program;
}

/* Linkers write them in order more often than not. */
static bool is_sorted(const struct code_ranges *ranges)
{
	for (size_t i = 1; i < ranges->nr; i++) {
		if (compare(&ranges->ranges[i - 1], &ranges->ranges[i]) > 0)
			return false;
	}
	return true;
}

void code_ranges__sort(struct code_ranges *ranges)
{
	if (ranges->nr && !is_sorted(ranges))
		qsort(ranges->ranges, ranges->nr, sizeof(*ranges->ranges), compare);
}

void code_ranges__fini(struct code_ranges *ranges)
{
	free(ranges->ranges);
	free(ranges->commons);
	*ranges = (struct code_ranges){ 0 };
}
