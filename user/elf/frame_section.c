// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <errno.h>
#include <limits.h>
#include "elf/frame_section.h"

#define NO_OFFSET ((Dwarf_Off)-1)

/* The CIE last met: linkers keep the functions of one together. */
struct common_cache {
	Dwarf_Off offset;
	int index; /* in ranges->commons */
	bool usable;
};

static __u64 address_of(const struct frame_section *section, const __u8 *at)
{
	return section->address + (__u64)(at - (const __u8 *)section->data->d_buf);
}

/* The letters of a CIE's augmentation and their operands (LSB 5, 10.6.1.1.1). */
static bool read_augmentation(struct cfi_common *common, const Dwarf_CIE *cie)
{
	struct byte_cursor data = { .at = cie->augmentation_data };
	__u8 encoding;

	if (cie->augmentation[0] == '\0')
		return true;
	if (cie->augmentation[0] != 'z' || !data.at)
		return false;
	common->sized_augmentation = true;
	data.end = data.at + cie->augmentation_data_size;
	for (const char *letter = cie->augmentation + 1; *letter; letter++) {
		switch (*letter) {
		case 'R':
			common->pointer_encoding = (__u8)byte_cursor__fixed(&data, 1);
			break;
		case 'L':
			byte_cursor__skip(&data, 1);
			break;
		case 'P':
			encoding = (__u8)byte_cursor__fixed(&data, 1);
			cfi_pointer(&data, encoding & 0x0f, 0);
			break;
		case 'S':
			common->signal = true;
			break;
		default: /* the size says where it all ends */
			return !data.bad;
		}
	}
	return !data.bad;
}

static bool read_common(struct cfi_common *common, const Dwarf_CIE *cie)
{
	*common = (struct cfi_common){
		.code_align = cie->code_alignment_factor,
		.data_align = cie->data_alignment_factor,
		.ra_register = cie->return_address_register,
		.pointer_encoding = DW_EH_PE_absptr,
	};
	if (!read_augmentation(common, cie) ||
	    cie->initial_instructions_end < cie->initial_instructions)
		return false;
	cfi_program__initial(common, cie->initial_instructions,
			     (size_t)(cie->initial_instructions_end - cie->initial_instructions));
	return true;
}

/* Make cache->index the CIE at @offset. 0, -EINVAL (not a usable one) or -ENOMEM. */
static int find_common(const struct frame_section *section, Dwarf_Off offset,
		       struct common_cache *cache, struct code_ranges *ranges)
{
	struct cfi_common common;
	Dwarf_CFI_Entry entry;
	Dwarf_Off next;

	if (offset == cache->offset)
		return cache->usable ? 0 : -EINVAL;
	cache->offset = offset;
	cache->usable = false;
	if (offset >= section->data->d_size ||
	    dwarf_next_cfi(section->ident, section->data, section->eh, offset, &next, &entry) !=
		    0 ||
	    !dwarf_cfi_cie_p(&entry) || !read_common(&common, &entry.cie))
		return -EINVAL;
	cache->index = code_ranges__add_common(ranges, &common);
	if (cache->index < 0)
		return cache->index;
	cache->usable = true;
	return 0;
}

static int add_function(const struct frame_section *section, const Dwarf_FDE *fde, int common_index,
			struct code_ranges *ranges)
{
	const struct cfi_common *common = &ranges->commons[common_index];
	struct byte_cursor data = { .at = fde->start, .end = fde->end };
	struct code_range range = { .kind = CODE_RANGE_CFI, .common = (__u32)common_index };
	__u64 len;

	range.start = cfi_pointer(&data, common->pointer_encoding, address_of(section, data.at));
	len = cfi_pointer(&data, common->pointer_encoding & 0x0f, 0);
	if (common->sized_augmentation)
		byte_cursor__skip(&data, byte_cursor__uleb(&data));
	if (data.bad || !range.start || len > ULLONG_MAX - range.start ||
	    byte_cursor__left(&data) > UINT_MAX)
		return 0;
	range.end = range.start + len;
	range.program = data.at;
	range.program_field = address_of(section, data.at);
	range.program_len = (__u32)byte_cursor__left(&data);
	return code_ranges__add(ranges, &range);
}

static int add_entry(const struct frame_section *section, const Dwarf_CFI_Entry *entry,
		     struct common_cache *cache, struct code_ranges *ranges)
{
	int code;

	if (dwarf_cfi_cie_p((Dwarf_CFI_Entry *)entry) || entry->fde.end < entry->fde.start)
		return 0;
	code = find_common(section, entry->fde.CIE_pointer, cache, ranges);
	if (!code)
		code = add_function(section, &entry->fde, cache->index, ranges);
	return code == -EINVAL ? 0 : code;
}

int frame_section__ranges(const struct frame_section *section, struct code_ranges *ranges)
{
	struct common_cache cache = { .offset = NO_OFFSET };
	Dwarf_Off offset = 0, next = NO_OFFSET;
	Dwarf_CFI_Entry entry;
	int code, met;

	/* -1: this entry is damaged, and `next` says where another may be; 1: the end */
	while ((met = dwarf_next_cfi(section->ident, section->data, section->eh, offset, &next,
				     &entry)) != 1) {
		code = met ? 0 : add_entry(section, &entry, &cache, ranges);
		if (code)
			return code;
		if (next == NO_OFFSET || next <= offset)
			break;
		offset = next;
		next = NO_OFFSET;
	}
	return 0;
}
