// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <stdlib.h>
#include <dwarf.h>
#include "elf/unit_index.h"

#define MAX_DIE_RANGES (2u << 20)
#define MAX_DEPTH 32

static bool push(struct die_ranges *ranges, __u64 start, __u64 end, __u64 die_offset)
{
	struct die_range *larger;

	/* Linkers give functions that they drop the address 0, or an empty range. */
	if (start >= end || !start)
		return true;
	if (ranges->nr == ranges->cap) {
		size_t cap = ranges->cap ? ranges->cap * 2 : 64;

		if (cap > MAX_DIE_RANGES)
			return false;
		larger = realloc(ranges->ranges, cap * sizeof(*larger));
		if (!larger)
			return false;
		ranges->ranges = larger;
		ranges->cap = cap;
	}
	ranges->ranges[ranges->nr++] = (struct die_range){ start, end, die_offset };
	return true;
}

/* @die says where it is, @die_offset what is to be found there. */
static bool push_ranges(struct die_ranges *ranges, Dwarf_Die *die, __u64 die_offset)
{
	Dwarf_Addr base, start, end;
	ptrdiff_t at = 0;

	while ((at = dwarf_ranges(die, at, &base, &start, &end)) > 0) {
		if (!push(ranges, start, end, die_offset))
			return false;
	}
	return true;
}

static int compare(const void *left, const void *right)
{
	const struct die_range *a = left, *b = right;

	if (a->start != b->start)
		return a->start < b->start ? -1 : 1;
	if (a->end != b->end)
		return a->end > b->end ? -1 : 1;
	return a->die_offset < b->die_offset ? -1 : a->die_offset > b->die_offset;
}

static void sort(struct die_ranges *ranges)
{
	if (ranges->nr)
		qsort(ranges->ranges, ranges->nr, sizeof(*ranges->ranges), compare);
}

bool die__next_sibling(Dwarf_Die *die)
{
	Dwarf_Off offset = dwarf_dieoffset(die);
	Dwarf_Die next;

	if (dwarf_siblingof(die, &next) || dwarf_dieoffset(&next) <= offset)
		return false;
	*die = next;
	return true;
}

void die_ranges__init_units(struct die_ranges *ranges, Dwarf *dwarf)
{
	Dwarf_CU *unit = NULL;
	Dwarf_Die die;
	__u8 type;

	*ranges = (struct die_ranges){ 0 };
	while (!dwarf_get_units(dwarf, unit, &unit, NULL, &type, &die, NULL)) {
		if (type != DW_UT_compile && type != DW_UT_skeleton)
			continue;
		if (!push_ranges(ranges, &die, dwarf_dieoffset(&die)))
			break;
	}
	sort(ranges);
}

static bool holds_functions(int tag)
{
	switch (tag) {
	case DW_TAG_namespace:
	case DW_TAG_module:
	case DW_TAG_structure_type:
	case DW_TAG_class_type:
	case DW_TAG_union_type:
	case DW_TAG_enumeration_type:
		return true;
	default:
		return false;
	}
}

static void walk(struct die_ranges *ranges, Dwarf_Die *parent, unsigned int depth)
{
	Dwarf_Die die;
	int tag;

	if (depth == MAX_DEPTH || dwarf_child(parent, &die))
		return;
	do {
		tag = dwarf_tag(&die);
		if (tag == DW_TAG_subprogram && !push_ranges(ranges, &die, dwarf_dieoffset(&die)))
			return;
		if (holds_functions(tag))
			walk(ranges, &die, depth + 1);
	} while (die__next_sibling(&die));
}

void die_ranges__init_functions(struct die_ranges *ranges, Dwarf_Die *unit)
{
	*ranges = (struct die_ranges){ 0 };
	walk(ranges, unit, 0);
	sort(ranges);
}

void die_ranges__fini(struct die_ranges *ranges)
{
	free(ranges->ranges);
	*ranges = (struct die_ranges){ 0 };
}

const struct die_range *die_ranges__find(const struct die_ranges *ranges, __u64 vaddr)
{
	size_t low = 0, high = ranges->nr;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (ranges->ranges[middle].start <= vaddr)
			low = middle + 1;
		else
			high = middle;
	}
	return low && vaddr < ranges->ranges[low - 1].end ? &ranges->ranges[low - 1] : NULL;
}
