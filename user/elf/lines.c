// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <uthash.h>
#include "base/mapped_guard.h"
#include "elf/lines.h"
#include "elf/unit_index.h"

/*
 * libdw takes all .debug_* sections in when it opens a file. Up to this much is read into heap;
 * larger ones are mapped, so that only what is looked at is ours and the kernel can drop that. What
 * is compressed has to be unpacked into heap anyway, and is mapped later. Before every look at a
 * mapped file its size and times are compared with those at the start; of one that is truncated
 * meanwhile zeros are read.
 */
#define MAX_READ_BYTES (8ULL << 20)
#define MAX_UNPACKED_BYTES (64ULL << 20)

/* libdw never forgets a unit that it has decoded. After so many the file is opened afresh. */
#define MAX_DECODED_UNITS 512

#define MAX_BLOCK_DEPTH 256

struct unit {
	__u64 die_offset; /* key */
	Dwarf_Die die;	  /* has the line table and the ranges */
	Dwarf_Die tree;	  /* has the functions: the same, or its half in a .dwo file */
	struct die_ranges functions;
	UT_hash_handle hh;
};

struct lines {
	const struct elf_image *image;
	struct stat stamp;   /* of the file at the start */
	__u64 section_bytes; /* unpacked */
	bool mapped, indexed, broken;
	Elf *elf;
	const void *guarded; /* where it is mapped */
	Dwarf *dwarf;	     /* NULL while closed */
	struct die_ranges units;
	struct unit *decoded;
};

/* Not gelf_getchdr(), which has libelf read all of the section and keep it. */
static __u64 size_in_header(const struct elf_image *image, const GElf_Shdr *shdr)
{
	bool wide = image->ehdr.e_ident[EI_CLASS] == ELFCLASS64;
	size_t len = wide ? sizeof(Elf64_Chdr) : sizeof(Elf32_Chdr);
	Elf_Data *data =
		elf_getdata_rawchunk(image->elf, (int64_t)shdr->sh_offset, len, ELF_T_CHDR);

	if (!data || !data->d_buf || data->d_size < len)
		return 0;
	return wide ? ((Elf64_Chdr *)data->d_buf)->ch_size : ((Elf32_Chdr *)data->d_buf)->ch_size;
}

/* What libelf will hold for a section; it refuses to unpack more than zlib's best ratio. */
static __u64 unpacked_bytes(const struct elf_image *image, const GElf_Shdr *shdr)
{
	__u64 packed = shdr->sh_size < image->size_bytes ? shdr->sh_size : image->size_bytes;
	__u64 unpacked;

	if (!(shdr->sh_flags & SHF_COMPRESSED))
		return packed;
	unpacked = size_in_header(image, shdr);
	return unpacked / 1032 < packed ? unpacked : 0;
}

/* @read: of that, what is in the file as it is. */
static __u64 debug_section_bytes(const struct elf_image *image, __u64 *read)
{
	Elf_Scn *scn = NULL;
	__u64 total = 0;
	size_t shstrndx;
	const char *name;
	GElf_Shdr shdr;

	*read = 0;
	if (elf_getshdrstrndx(image->elf, &shstrndx))
		return 0;
	while ((scn = elf_nextscn(image->elf, scn))) {
		if (!gelf_getshdr(scn, &shdr) || shdr.sh_type == SHT_NOBITS)
			continue;
		name = elf_strptr(image->elf, shstrndx, shdr.sh_name);
		if (!name || strncmp(name, ".debug_", 7))
			continue;
		total += unpacked_bytes(image, &shdr);
		if (!(shdr.sh_flags & SHF_COMPRESSED))
			*read += unpacked_bytes(image, &shdr);
	}
	return total;
}

static bool has_dwarf(const struct elf_image *image)
{
	GElf_Shdr shdr;
	Elf_Scn *scn = elf_image__section(image, ".debug_info", &shdr);

	if (!scn)
		scn = elf_image__section(image, ".zdebug_info", &shdr);
	return scn && shdr.sh_type != SHT_NOBITS;
}

struct lines *lines__new(const struct elf_image *image)
{
	struct lines *lines;
	__u64 read_bytes;

	if (!image->elf || !has_dwarf(image))
		return NULL;
	lines = calloc(1, sizeof(*lines));
	if (!lines)
		return NULL;
	lines->image = image;
	lines->section_bytes = debug_section_bytes(image, &read_bytes);
	lines->mapped = image->fd >= 0 &&
			(read_bytes > MAX_READ_BYTES || lines->section_bytes > MAX_UNPACKED_BYTES);
	if (image->fd >= 0)
		lines->broken = fstat(image->fd, &lines->stamp);
	return lines;
}

static void close_dwarf(struct lines *lines)
{
	struct unit *unit, *next;

	HASH_ITER (hh, lines->decoded, unit, next) {
		HASH_DEL(lines->decoded, unit);
		die_ranges__fini(&unit->functions);
		free(unit);
	}
	dwarf_end(lines->dwarf);
	if (lines->guarded)
		mapped_guard__end(lines->guarded);
	elf_end(lines->elf);
	lines->guarded = NULL;
	lines->dwarf = NULL;
	lines->elf = NULL;
}

void lines__rest(struct lines *lines)
{
	close_dwarf(lines);
}

void lines__drop_pages(const struct lines *lines)
{
	size_t bytes;
	char *at = lines->guarded ? elf_rawfile(lines->elf, &bytes) : NULL;

	if (at) /* libelf maps it read-only: each page comes back as it was */
		madvise(at, bytes, MADV_DONTNEED);
}

void lines__free(struct lines *lines)
{
	if (!lines)
		return;
	close_dwarf(lines);
	die_ranges__fini(&lines->units);
	free(lines);
}

static bool file_is_as_before(const struct lines *lines)
{
	const struct stat *then = &lines->stamp;
	struct stat now;

	return lines->image->fd < 0 ||
	       (!fstat(lines->image->fd, &now) && now.st_size == then->st_size &&
		now.st_mtim.tv_sec == then->st_mtim.tv_sec &&
		now.st_mtim.tv_nsec == then->st_mtim.tv_nsec);
}

/* libdw 0.188 runs over the end of a string section whose last string does not end. */
static bool strings_end(const struct lines *lines)
{
	static const char *const names[] = { ".debug_str", ".debug_line_str" };
	struct elf_image opened = *lines->image;
	GElf_Shdr shdr;

	opened.elf = lines->elf;
	for (size_t i = 0; i < 2; i++) {
		Elf_Data *data = elf_image__section_bytes(&opened, names[i], &shdr);

		if (data && ((char *)data->d_buf)[data->d_size - 1])
			return false;
	}
	return true;
}

/* Mapped only where it can be guarded, else read. */
static Elf *begin_elf(struct lines *lines)
{
	Elf *elf = elf_image__begin(lines->image, lines->mapped);
	size_t bytes;
	char *at = elf && lines->mapped ? elf_rawfile(elf, &bytes) : NULL;

	if (!at)
		return elf;
	if (!mapped_guard__begin(at, bytes)) {
		lines->guarded = at;
		return elf;
	}
	elf_end(elf);
	lines->mapped = false;
	return elf_image__begin(lines->image, false);
}

/* Makes libdw ready for one lookup; false: no lines from this file any more. */
static bool open_dwarf(struct lines *lines)
{
	if (lines->broken)
		return false;
	if (HASH_COUNT(lines->decoded) >= MAX_DECODED_UNITS)
		close_dwarf(lines);
	if (!lines->dwarf || lines->mapped)
		lines->broken = !file_is_as_before(lines);
	if (lines->broken || lines->dwarf)
		return !lines->broken;
	lines->elf = begin_elf(lines);
	lines->dwarf = lines->elf ? dwarf_begin_elf(lines->elf, DWARF_C_READ, NULL) : NULL;
	lines->broken = !lines->dwarf || !strings_end(lines);
	if (!lines->broken && !lines->indexed) {
		die_ranges__init_units(&lines->units, lines->dwarf);
		lines->indexed = true;
	}
	return !lines->broken;
}

static struct unit *unit_of(struct lines *lines, __u64 die_offset)
{
	struct unit *unit;
	Dwarf_Die split;
	__u8 type;

	HASH_FIND(hh, lines->decoded, &die_offset, sizeof(die_offset), unit);
	if (unit)
		return unit;
	unit = calloc(1, sizeof(*unit));
	if (!unit || !dwarf_offdie(lines->dwarf, die_offset, &unit->die)) {
		free(unit);
		return NULL;
	}
	unit->die_offset = die_offset;
	unit->tree = unit->die;
	/* Opens the .dwo file, when it is still where the compiler put it. */
	if (!dwarf_cu_info(unit->die.cu, NULL, &type, NULL, &split, NULL, NULL, NULL) &&
	    type == DW_UT_skeleton && split.addr)
		unit->tree = split;
	die_ranges__init_functions(&unit->functions, &unit->tree);
	HASH_ADD(hh, lines->decoded, die_offset, sizeof(die_offset), unit);
	return unit;
}

static const char *name_of(Dwarf_Die *die)
{
	Dwarf_Attribute attr;
	const char *name = NULL;

	if (dwarf_attr_integrate(die, DW_AT_linkage_name, &attr) ||
	    dwarf_attr_integrate(die, DW_AT_MIPS_linkage_name, &attr))
		name = dwarf_formstring(&attr);
	return name ? name : dwarf_diename(die);
}

static bool is_block(int tag)
{
	return tag == DW_TAG_lexical_block || tag == DW_TAG_inlined_subroutine ||
	       tag == DW_TAG_try_block || tag == DW_TAG_catch_block;
}

static bool has_no_code_attributes(Dwarf_Die *die)
{
	return !dwarf_hasattr(die, DW_AT_low_pc) && !dwarf_hasattr(die, DW_AT_ranges);
}

/* The block directly inside @parent that has the code at @vaddr; blocks without addresses just
 * group. */
static bool find_block(Dwarf_Die *parent, __u64 vaddr, unsigned int depth, Dwarf_Die *block)
{
	Dwarf_Die die;

	if (depth == MAX_BLOCK_DEPTH || dwarf_child(parent, &die))
		return false;
	do {
		if (!is_block(dwarf_tag(&die)))
			continue;
		if (dwarf_haspc(&die, vaddr) > 0) {
			*block = die;
			return true;
		}
		if (has_no_code_attributes(&die) && find_block(&die, vaddr, depth + 1, block))
			return true;
	} while (die__next_sibling(&die));
	return false;
}

/* Functions around @vaddr from the outermost, @dies[0] = the function proper. */
static size_t inline_chain(Dwarf_Die *function, __u64 vaddr, Dwarf_Die dies[LINES_MAX_FRAMES])
{
	Dwarf_Die at = *function, block;
	size_t nr = 1;

	dies[0] = at;
	for (unsigned int depth = 0; depth < MAX_BLOCK_DEPTH && nr < LINES_MAX_FRAMES; depth++) {
		if (!find_block(&at, vaddr, 0, &block))
			break;
		at = block;
		if (dwarf_tag(&at) == DW_TAG_inlined_subroutine)
			dies[nr++] = at;
	}
	return nr;
}

static void set_call_site(struct line_frame *frame, struct unit *unit, Dwarf_Die *inlined)
{
	Dwarf_Attribute attr;
	Dwarf_Files *files;
	Dwarf_Word value;
	size_t nr_files;

	if (dwarf_attr(inlined, DW_AT_call_line, &attr) && !dwarf_formudata(&attr, &value))
		frame->line = value;
	if (dwarf_attr(inlined, DW_AT_call_file, &attr) && !dwarf_formudata(&attr, &value) &&
	    !dwarf_getsrcfiles(&unit->tree, &files, &nr_files) && value < nr_files)
		frame->file = dwarf_filesrc(files, value, NULL, NULL);
}

static void set_line(struct line_frame *frame, struct unit *unit, __u64 vaddr)
{
	Dwarf_Line *row = dwarf_getsrc_die(&unit->die, vaddr);
	int line = 0;

	if (!row)
		return;
	frame->file = dwarf_linesrc(row, NULL, NULL);
	if (!dwarf_lineno(row, &line) && line > 0)
		frame->line = line;
}

static size_t set_functions(struct line_frame *frames, struct unit *unit, __u64 vaddr, __u64 *start)
{
	const struct die_range *range = die_ranges__find(&unit->functions, vaddr);
	Dwarf_Die function, dies[LINES_MAX_FRAMES];
	size_t nr;

	if (!range || !dwarf_offdie(dwarf_cu_getdwarf(unit->tree.cu), range->die_offset, &function))
		return 0;
	*start = range->start;
	nr = inline_chain(&function, vaddr, dies);
	for (size_t i = 0; i < nr; i++) {
		Dwarf_Die *die = &dies[nr - 1 - i];

		frames[i].function = name_of(die);
		if (i + 1 < nr)
			set_call_site(&frames[i + 1], unit, die);
	}
	return nr;
}

size_t lines__lookup(struct lines *lines, __u64 vaddr, struct line_frame frames[LINES_MAX_FRAMES],
		     __u64 *start)
{
	const struct die_range *range;
	struct unit *unit;
	size_t nr;

	*start = 0;
	memset(frames, 0, LINES_MAX_FRAMES * sizeof(*frames));
	range = open_dwarf(lines) ? die_ranges__find(&lines->units, vaddr) : NULL;
	unit = range ? unit_of(lines, range->die_offset) : NULL;
	if (!unit)
		return 0;
	nr = set_functions(frames, unit, vaddr, start);
	set_line(&frames[0], unit, vaddr);
	return nr || frames[0].file ? nr + !nr : 0;
}

size_t lines__memory_bytes(const struct lines *lines)
{
	size_t total = sizeof(*lines) + lines->units.cap * sizeof(struct die_range);
	const struct unit *unit;

	if (lines->dwarf && !lines->mapped)
		total += lines->section_bytes;
	for (unit = lines->decoded; unit; unit = unit->hh.next)
		total += sizeof(*unit) + unit->functions.cap * sizeof(struct die_range);
	return total;
}
