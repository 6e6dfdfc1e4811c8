/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Address ranges of DWARF units and of the functions in one unit. .debug_aranges is not enough:
 * clang writes none, and libdw walks all functions of a unit for every address. */
#ifndef RSSTRACE_ELF_UNIT_INDEX_H
#define RSSTRACE_ELF_UNIT_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <elfutils/libdw.h>
#include <linux/types.h>

/* [start, end), start < end. @die_offset is that of the unit or function in .debug_info. */
struct die_range {
	__u64 start, end;
	__u64 die_offset;
};

struct die_ranges {
	struct die_range *ranges; /* sorted by start; of equal starts the narrowest last */
	size_t nr, cap;
};

/* Units of the file. Damaged units are left out. O(units). */
void die_ranges__init_units(struct die_ranges *ranges, Dwarf *dwarf);

/* Functions with code below @unit, also those inside namespaces and types. O(DIEs of the unit). */
void die_ranges__init_functions(struct die_ranges *ranges, Dwarf_Die *unit);

void die_ranges__fini(struct die_ranges *ranges);

/* The range that covers @vaddr, NULL: none. O(log n). */
const struct die_range *die_ranges__find(const struct die_ranges *ranges, __u64 vaddr);

/* The next DIE on the same level; false at the end and where a damaged file leads backwards. */
bool die__next_sibling(Dwarf_Die *die);

#endif
