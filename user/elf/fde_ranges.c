// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <stdlib.h>
#include <string.h>
#include <dwarf.h>
#include <elfutils/libdw.h>
#include "elf/fde_ranges.h"

#define MAX_RANGES (32u << 20)

/* .eh_frame and where it is. Pointers in it are encoded relative to their own address. */
struct frame_section {
	const unsigned char *ident;
	Elf_Data *data;
	__u64 vaddr;
	unsigned int address_bytes;
	__u64 cie_offset;  /* the CIE whose encoding is known; ~0: none yet */
	__u8 cie_encoding; /* DW_EH_PE_* of code pointers, DW_EH_PE_omit: not understood */
};

struct cursor {
	const unsigned char *at, *end;
};

static bool take(struct cursor *cursor, void *out, size_t len)
{
	if ((size_t)(cursor->end - cursor->at) < len)
		return false;
	memcpy(out, cursor->at, len);
	cursor->at += len;
	return true;
}

/* The fixed-size forms of DW_EH_PE_*; LEB128 occurs in no compiler's code pointers. */
static bool take_number(struct cursor *cursor, unsigned int form, unsigned int address_bytes,
			__u64 *out)
{
	__u64 raw = 0;
	size_t len;

	switch (form & 0x0f) {
	case DW_EH_PE_absptr:
		len = address_bytes;
		break;
	case DW_EH_PE_udata2:
	case DW_EH_PE_sdata2:
		len = 2;
		break;
	case DW_EH_PE_udata4:
	case DW_EH_PE_sdata4:
		len = 4;
		break;
	case DW_EH_PE_udata8:
	case DW_EH_PE_sdata8:
		len = 8;
		break;
	default:
		return false;
	}
	/* Little-endian, as every machine that we take. */
	if (!take(cursor, &raw, len))
		return false;
	if (form & DW_EH_PE_signed && len < 8)
		raw = (__u64)((__s64)(raw << (64 - 8 * len)) >> (64 - 8 * len));
	*out = raw;
	return true;
}

/* The 'R' entry of a CIE's augmentation; its data follows the order of the letters. */
static __u8 code_encoding(const Dwarf_CIE *cie, unsigned int address_bytes)
{
	struct cursor cursor = { cie->augmentation_data,
				 cie->augmentation_data + cie->augmentation_data_size };
	const char *letter = cie->augmentation;
	__u8 encoding;
	__u64 ignored;

	if (*letter != 'z' || !cie->augmentation_data)
		return *letter ? DW_EH_PE_omit : DW_EH_PE_absptr;
	while (*++letter) {
		if (*letter == 'S' || *letter == 'B')
			continue;
		if (!take(&cursor, &encoding, 1))
			return DW_EH_PE_omit;
		if (*letter == 'R')
			return encoding;
		if (*letter == 'P' && !take_number(&cursor, encoding, address_bytes, &ignored))
			return DW_EH_PE_omit;
	}
	return DW_EH_PE_absptr;
}

static __u8 encoding_of_cie(struct frame_section *section, __u64 cie_offset)
{
	Dwarf_CFI_Entry entry;
	Dwarf_Off next;

	if (section->cie_offset == cie_offset)
		return section->cie_encoding;
	section->cie_offset = cie_offset;
	section->cie_encoding = DW_EH_PE_omit;
	if (cie_offset < section->data->d_size &&
	    !dwarf_next_cfi(section->ident, section->data, true, cie_offset, &next, &entry) &&
	    dwarf_cfi_cie_p(&entry))
		section->cie_encoding = code_encoding(&entry.cie, section->address_bytes);
	return section->cie_encoding;
}

static bool decode_fde(struct frame_section *section, const Dwarf_FDE *fde, struct fde_range *range)
{
	__u8 encoding = encoding_of_cie(section, fde->CIE_pointer);
	struct cursor cursor = { fde->start, fde->end };
	__u64 start, size, place;

	place = section->vaddr + (fde->start - (const unsigned char *)section->data->d_buf);
	if (encoding == DW_EH_PE_omit || encoding & DW_EH_PE_indirect ||
	    !take_number(&cursor, encoding, section->address_bytes, &start) ||
	    !take_number(&cursor, encoding & 0x07, section->address_bytes, &size))
		return false;
	if ((encoding & 0x70) == DW_EH_PE_pcrel)
		start += place;
	else if (encoding & 0x70)
		return false;
	if (section->address_bytes == 4)
		start &= 0xffffffffu;
	if (!size || start > ~0ULL - size)
		return false;
	*range = (struct fde_range){ start, size > 0xffffffffu ? 0xffffffffu : size, 0 };
	return true;
}

static bool push(struct fde_ranges *ranges, const struct fde_range *range)
{
	struct fde_range *larger;

	if (ranges->nr == ranges->cap) {
		if (ranges->cap >= MAX_RANGES)
			return false;
		ranges->cap = ranges->cap ? ranges->cap * 2 : 256;
		larger = realloc(ranges->ranges, ranges->cap * sizeof(*larger));
		if (!larger) {
			ranges->cap = ranges->nr;
			return false;
		}
		ranges->ranges = larger;
	}
	ranges->ranges[ranges->nr++] = *range;
	return true;
}

static void read_section(struct fde_ranges *ranges, struct frame_section *section)
{
	Dwarf_Off offset = 0, next;
	Dwarf_CFI_Entry entry;
	struct fde_range range;
	int ret;

	for (;; offset = next) {
		next = offset;
		ret = dwarf_next_cfi(section->ident, section->data, true, offset, &next, &entry);
		/* 1 is the end; -1 with a way on is one entry of an unknown kind. */
		if (ret > 0 || next <= offset)
			return;
		if (ret < 0 || dwarf_cfi_cie_p(&entry) || !decode_fde(section, &entry.fde, &range))
			continue;
		if (!push(ranges, &range))
			return;
	}
}

/* PT_GNU_EH_FRAME: version, three encodings, then the pointer to .eh_frame, in general pc-relative.
 */
static bool find_by_segment(const struct elf_image *image, struct frame_section *section)
{
	const struct elf_segment *segment;
	size_t nr_phdr = 0;
	struct cursor cursor;
	Elf_Data *header;
	GElf_Phdr phdr;
	__u8 head[4];

	if (elf_getphdrnum(image->elf, &nr_phdr))
		return false;
	for (size_t i = 0; i < nr_phdr; i++) {
		if (gelf_getphdr(image->elf, i, &phdr) && phdr.p_type == PT_GNU_EH_FRAME)
			break;
		phdr.p_type = PT_NULL;
	}
	header =
		nr_phdr && phdr.p_type == PT_GNU_EH_FRAME
			? elf_getdata_rawchunk(image->elf, phdr.p_offset, phdr.p_filesz, ELF_T_BYTE)
			: NULL;
	if (!header || !header->d_buf)
		return false;
	cursor = (struct cursor){ header->d_buf, (unsigned char *)header->d_buf + header->d_size };
	if (!take(&cursor, head, sizeof(head)) || head[0] != 1 ||
	    !take_number(&cursor, head[1], section->address_bytes, &section->vaddr))
		return false;
	if ((head[1] & 0x70) == DW_EH_PE_pcrel)
		section->vaddr += phdr.p_vaddr + sizeof(head);
	segment = elf_image__segment_at(image, section->vaddr);
	if (!segment || section->vaddr >= segment->file_end_vaddr)
		return false;
	section->data = elf_getdata_rawchunk(
		image->elf, segment->offset_bytes + section->vaddr - segment->vaddr,
		segment->file_end_vaddr - section->vaddr, ELF_T_BYTE);
	return section->data && section->data->d_buf;
}

static int compare_ranges(const void *left, const void *right)
{
	const struct fde_range *a = left, *b = right;

	if (a->start != b->start)
		return a->start < b->start ? -1 : 1;
	return a->size_bytes < b->size_bytes ? -1 : a->size_bytes > b->size_bytes;
}

void fde_ranges__init(struct fde_ranges *ranges, const struct elf_image *image)
{
	struct frame_section section = {
		.ident = image->ehdr.e_ident,
		.address_bytes = image->ehdr.e_ident[EI_CLASS] == ELFCLASS32 ? 4 : 8,
		.cie_offset = ~0ULL,
	};
	GElf_Shdr shdr;

	*ranges = (struct fde_ranges){ 0 };
	if (!image->elf || image->ehdr.e_ident[EI_DATA] != ELFDATA2LSB)
		return;
	section.data = elf_image__section_bytes(image, ".eh_frame", &shdr);
	section.vaddr = section.data ? shdr.sh_addr : 0;
	if (!section.data && !find_by_segment(image, &section))
		return;
	read_section(ranges, &section);
	if (ranges->nr)
		qsort(ranges->ranges, ranges->nr, sizeof(*ranges->ranges), compare_ranges);
}

void fde_ranges__fini(struct fde_ranges *ranges)
{
	free(ranges->ranges);
	*ranges = (struct fde_ranges){ 0 };
}

/* Number of ranges that start below @vaddr. */
static size_t nr_below(const struct fde_ranges *ranges, __u64 vaddr)
{
	size_t low = 0, high = ranges->nr;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (ranges->ranges[middle].start < vaddr)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct fde_range *fde_ranges__find(const struct fde_ranges *ranges, __u64 vaddr)
{
	size_t at = vaddr == ~0ULL ? ranges->nr : nr_below(ranges, vaddr + 1);
	const struct fde_range *range = at ? &ranges->ranges[at - 1] : NULL;

	return range && vaddr - range->start < range->size_bytes ? range : NULL;
}

bool fde_ranges__starts_in(const struct fde_ranges *ranges, __u64 start, __u64 end)
{
	size_t at = nr_below(ranges, start);

	return at < ranges->nr && ranges->ranges[at].start < end;
}

size_t fde_ranges__memory_bytes(const struct fde_ranges *ranges)
{
	return ranges->cap * sizeof(*ranges->ranges);
}
