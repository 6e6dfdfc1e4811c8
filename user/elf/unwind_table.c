// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <dwarf.h>
#include <errno.h>
#include <gelf.h>
#include <stdlib.h>
#include "elf/frame_section.h"
#include "elf/go_pclntab.h"
#include "elf/row_writer.h"
#include "elf/unwind_table.h"

#define FRAME_BYTES_PER_ROW 4 /* measured 5.0 to 5.5 for C, C++ and Rust */
#define GO_BYTES_PER_ROW 8
#define MAX_STARTUP_BYTES 64

#define GO_SECTION ".go.buildinfo" /* every Go program has it */

/* What a file has to say, its sections not yet parsed. Data belongs to the Elf. */
#define RANGES_A_PAUSE 512

struct source {
	Elf *elf;
	Elf_Data *eh_frame, *debug_frame, *pclntab, *relro, *rela, *init, *fini;
	__u64 eh_frame_address, debug_frame_address, init_address, fini_address, text_address;
	__u64 pclntab_address, relro_address;
	bool is_go;
};

static bool is_ours(Elf *elf)
{
	GElf_Ehdr header;

	return elf_kind(elf) == ELF_K_ELF && gelf_getehdr(elf, &header) &&
	       header.e_ident[EI_CLASS] == ELFCLASS64 && header.e_ident[EI_DATA] == ELFDATA2LSB &&
	       header.e_machine == EM_X86_64;
}

/* A section's bytes as they stand in the file; NULL when it has none or they are compressed. */
static Elf_Data *bytes_of(Elf_Scn *section, const GElf_Shdr *header)
{
	Elf_Data *data;

	if (header->sh_type == SHT_NOBITS || (header->sh_flags & SHF_COMPRESSED))
		return NULL;
	data = elf_rawdata(section, NULL);
	return data && data->d_buf && data->d_size ? data : NULL;
}

static void take_section(struct source *source, Elf_Scn *section, const GElf_Shdr *header,
			 const char *name)
{
	const struct {
		const char *name;
		Elf_Data **data;
		__u64 *address;
	} wanted[] = {
		{ ".eh_frame", &source->eh_frame, &source->eh_frame_address },
		{ ".debug_frame", &source->debug_frame, &source->debug_frame_address },
		{ ".gopclntab", &source->pclntab, &source->pclntab_address },
		{ ".data.rel.ro.gopclntab", &source->pclntab, &source->pclntab_address },
		{ ".data.rel.ro", &source->relro, &source->relro_address },
		{ ".rela.dyn", &source->rela, NULL },
		{ ".init", &source->init, &source->init_address },
		{ ".fini", &source->fini, &source->fini_address },
	};

	if (!strcmp(name, ".text"))
		source->text_address = header->sh_addr;
	source->is_go |= !strcmp(name, GO_SECTION);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		if (strcmp(name, wanted[i].name) != 0)
			continue;
		*wanted[i].data = bytes_of(section, header);
		if (wanted[i].address)
			*wanted[i].address = header->sh_addr;
	}
}

/* Call @take for each section that has a name. */
static void each_section(struct source *source,
			 void (*take)(struct source *, Elf_Scn *, const GElf_Shdr *, const char *))
{
	Elf_Scn *section = NULL;
	GElf_Shdr header;
	const char *name;
	size_t names;

	if (elf_getshdrstrndx(source->elf, &names))
		return;
	while ((section = elf_nextscn(source->elf, section))) {
		name = gelf_getshdr(section, &header)
			       ? elf_strptr(source->elf, names, header.sh_name)
			       : NULL;
		if (name)
			take(source, section, &header, name);
	}
}

static bool find_program_header(Elf *elf, __u32 type, GElf_Phdr *header)
{
	size_t nr;

	if (elf_getphdrnum(elf, &nr))
		return false;
	for (size_t i = 0; i < nr; i++) {
		if (gelf_getphdr(elf, (int)i, header) && header->p_type == type)
			return true;
	}
	return false;
}

/* The bytes from @address to the end of its PT_LOAD. */
static Elf_Data *bytes_at_address(Elf *elf, __u64 address)
{
	GElf_Phdr load;
	__u64 skip;
	size_t nr;

	if (elf_getphdrnum(elf, &nr))
		return NULL;
	for (size_t i = 0; i < nr; i++) {
		if (!gelf_getphdr(elf, (int)i, &load) || load.p_type != PT_LOAD ||
		    address < load.p_vaddr || address - load.p_vaddr >= load.p_filesz)
			continue;
		skip = address - load.p_vaddr;
		return elf_getdata_rawchunk(elf, (int64_t)(load.p_offset + skip),
					    load.p_filesz - skip, ELF_T_BYTE);
	}
	return NULL;
}

/* A file without section headers: .eh_frame_hdr begins { version, three encodings, pointer to
 * .eh_frame }. */
static void take_by_program_header(struct source *source)
{
	struct byte_cursor cursor;
	GElf_Phdr header;
	Elf_Data *data;
	__u8 encoding;

	if (source->eh_frame || !find_program_header(source->elf, PT_GNU_EH_FRAME, &header))
		return;
	data = elf_getdata_rawchunk(source->elf, (int64_t)header.p_offset, header.p_filesz,
				    ELF_T_BYTE);
	if (!data || !data->d_buf)
		return;
	cursor = (struct byte_cursor){ .at = data->d_buf,
				       .end = (const __u8 *)data->d_buf + data->d_size };
	byte_cursor__skip(&cursor, 1);
	encoding = (__u8)byte_cursor__fixed(&cursor, 1);
	byte_cursor__skip(&cursor, 2);
	source->eh_frame_address = cfi_pointer(&cursor, encoding, header.p_vaddr + 4);
	if (!cursor.bad)
		source->eh_frame = bytes_at_address(source->elf, source->eh_frame_address);
	if (source->eh_frame && !source->eh_frame->d_buf)
		source->eh_frame = NULL;
}

/*
 * Where the kernel jumps to nothing returns from, whatever its CFI says: that of older glibcs calls
 * what lies on the stack, argc, a return address for the first instruction. In a library the field
 * may hold anything.
 */
static void take_entry(Elf *elf, struct code_ranges *ranges)
{
	GElf_Phdr interpreter;
	GElf_Ehdr header;

	if (gelf_getehdr(elf, &header) &&
	    (header.e_type == ET_EXEC || find_program_header(elf, PT_INTERP, &interpreter)))
		ranges->entry = header.e_entry;
}

static void take_segments(Elf *elf, struct code_ranges *ranges)
{
	GElf_Phdr header;
	size_t nr;

	if (elf_getphdrnum(elf, &nr))
		return;
	for (size_t i = 0; i < nr && ranges->nr_segments < MAX_CODE_SEGMENTS; i++) {
		if (!gelf_getphdr(elf, (int)i, &header) || header.p_type != PT_LOAD ||
		    !(header.p_flags & PF_X) || header.p_vaddr + header.p_filesz < header.p_vaddr ||
		    header.p_vaddr < header.p_offset)
			continue;
		ranges->segments[ranges->nr_segments++] = (struct code_segment){
			.start = header.p_vaddr,
			.end = header.p_vaddr + header.p_filesz,
			.bias = header.p_vaddr - header.p_offset,
		};
	}
}

static int add_frames(Elf *elf, Elf_Data *data, __u64 address, bool eh, struct code_ranges *ranges)
{
	struct frame_section section = { .ident = (const unsigned char *)elf_getident(elf, NULL),
					 .data = data,
					 .address = address,
					 .eh = eh };

	return data ? frame_section__ranges(&section, ranges) : 0;
}

static int add_startup(const Elf_Data *data, __u64 address, struct code_ranges *ranges)
{
	struct code_range range = { .kind = CODE_RANGE_STARTUP, .start = address };

	if (!data || data->d_size > MAX_STARTUP_BYTES)
		return 0;
	range.end = address + data->d_size;
	range.program = data->d_buf;
	range.program_len = (__u32)data->d_size;
	return code_ranges__add(ranges, &range);
}

/* What a RELATIVE relocation will put at @address; @value, if there is none. */
static __u64 relocated(const Elf_Data *rela, __u64 address, __u64 value)
{
	Elf64_Rela one;

	for (size_t i = 0; rela && i < rela->d_size / sizeof(one); i++) {
		memcpy(&one, (const char *)rela->d_buf + i * sizeof(one), sizeof(one));
		if (one.r_offset == address && ELF64_R_TYPE(one.r_info) == R_X86_64_RELATIVE)
			return (__u64)one.r_addend;
	}
	return value;
}

/*
 * Go's function table. The linker of a position-independent program with C in it leaves no section
 * of that name: it is somewhere in .data.rel.ro.
 */
static bool find_go(const struct source *source, struct go_pclntab *go)
{
	const Elf_Data *data = source->pclntab ? source->pclntab : source->relro;
	__u64 address = source->pclntab ? source->pclntab_address : source->relro_address;
	size_t offset;

	if (!data || (!source->pclntab && !source->is_go))
		return false;
	offset = source->pclntab ? 0 : go_pclntab__search(data->d_buf, data->d_size);
	return !go_pclntab__init(go, (const char *)data->d_buf + offset, data->d_size - offset,
				 relocated(source->rela, address + offset + GO_PCLNTAB_TEXT_AT,
					   source->text_address));
}

static int collect(const struct source *source, const struct go_pclntab *go,
		   struct code_ranges *ranges)
{
	int code;

	take_segments(source->elf, ranges);
	take_entry(source->elf, ranges);
	code = add_frames(source->elf, source->eh_frame, source->eh_frame_address, true, ranges);
	if (!code && go)
		code = go_pclntab__ranges(go, ranges);
	if (!code && !ranges->nr)
		code = add_frames(source->elf, source->debug_frame, source->debug_frame_address,
				  false, ranges);
	if (!code && ranges->nr)
		code = add_startup(source->init, source->init_address, ranges);
	if (!code && ranges->nr)
		code = add_startup(source->fini, source->fini_address, ranges);
	return code;
}

/* crti.o's _init and _fini: sub $8,%rsp ... add $8,%rsp; ret */
static void startup_rows(const struct code_range *range, struct row_writer *writer)
{
	static const __u8 sub_8_rsp[] = { 0x48, 0x83, 0xec, 0x08 };
	static const __u8 add_8_rsp[] = { 0x48, 0x83, 0xc4, 0x08 };
	struct unwind_rule rule = { .how = UNWIND_CFA_RSP, .cfa_off = 8 };

	row_writer__add(writer, range->start, &rule);
	for (__u32 i = 0; i + 4 <= range->program_len; i++) {
		if (!memcmp(range->program + i, sub_8_rsp, 4))
			rule.cfa_off = 16;
		else if (!memcmp(range->program + i, add_8_rsp, 4))
			rule.cfa_off = 8;
		else
			continue;
		row_writer__add(writer, range->start + i + 4, &rule);
	}
}

static void range_rows(const struct code_ranges *ranges, const struct code_range *range,
		       const struct go_pclntab *go, struct row_writer *writer)
{
	static const struct unwind_rule outermost = { .how = UNWIND_CFA_STOP };

	if (!row_writer__begin(writer, range->start, range->end, range->bias))
		return;
	writer->table->nr_functions++;
	if (range->start == ranges->entry) {
		row_writer__add(writer, range->start, &outermost);
		return;
	}
	switch (range->kind) {
	case CODE_RANGE_CFI:
		cfi_program__run(&ranges->commons[range->common], range->program,
				 range->program_len, range->program_field, range->start, writer);
		break;
	case CODE_RANGE_GO:
		writer->table->has_go = true;
		go_pclntab__rows(go, range, writer);
		break;
	case CODE_RANGE_STARTUP:
		startup_rows(range, writer);
		break;
	}
}

static void rest(const struct unwind_pause *pause)
{
	if (pause)
		pause->call(pause->context);
}

static int write_rows(struct unwind_table *table, struct code_ranges *ranges,
		      const struct go_pclntab *go, const struct unwind_pause *pause)
{
	struct row_writer writer = { .table = table };

	code_ranges__sort(ranges);
	for (size_t i = 0; i < ranges->nr && !writer.error; i++) {
		if (i % RANGES_A_PAUSE == 0)
			rest(pause);
		range_rows(ranges, &ranges->ranges[i], go, &writer);
	}
	row_writer__finish(&writer);
	return writer.error;
}

static int build(struct unwind_table *table, Elf *elf, const struct unwind_pause *pause)
{
	struct source source = { .elf = elf };
	struct code_ranges ranges = { 0 };
	struct go_pclntab go;
	bool has_go;
	int code;

	if (!elf || !is_ours(elf))
		return -ENOEXEC;
	each_section(&source, take_section);
	take_by_program_header(&source);
	has_go = find_go(&source, &go);
	rest(pause);
	code = collect(&source, has_go ? &go : NULL, &ranges);
	rest(pause);
	if (!code)
		code = write_rows(table, &ranges, &go, pause);
	code_ranges__fini(&ranges);
	if (!code && !table->nr)
		code = -ENODATA;
	return code;
}

static int build_and_end(struct unwind_table *table, Elf *elf, const char *name,
			 const struct unwind_pause *pause, struct err *err)
{
	int code = build(table, elf, pause);

	elf_end(elf);
	if (!code)
		return 0;
	unwind_table__fini(table);
	switch (code) {
	case -ENOEXEC:
		return err__set(err, code, "\"%s\" is not a 64-bit x86 ELF file", name);
	case -ENODATA:
		return err__set(err, code, "\"%s\" has no unwind tables", name);
	default:
		return err__set(err, code, "no memory for the unwind table of \"%s\"", name);
	}
}

int unwind_table__build(struct unwind_table *table, int fd, const char *name,
			const struct unwind_pause *pause, struct err *err)
{
	*table = (struct unwind_table){ 0 };
	elf_version(EV_CURRENT);
	/* read, not mapped: a file that shrinks under a mapping kills its reader with SIGBUS */
	return build_and_end(table, elf_begin(fd, ELF_C_READ, NULL), name, pause, err);
}

int unwind_table__build_memory(struct unwind_table *table, const void *image, size_t len,
			       const char *name, struct err *err)
{
	*table = (struct unwind_table){ 0 };
	elf_version(EV_CURRENT);
	return build_and_end(table, elf_memory((char *)image, len), name, NULL, err);
}

void unwind_table__fini(struct unwind_table *table)
{
	free(table->rows);
	*table = (struct unwind_table){ 0 };
}

const struct unwind_row *unwind_table__find(const struct unwind_table *table, __u64 offset)
{
	size_t low = 0, high = table->nr;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (table->rows[mid].offset <= offset)
			low = mid + 1;
		else
			high = mid;
	}
	return low ? &table->rows[low - 1] : NULL;
}

static size_t estimate_section(const char *name, const GElf_Shdr *header)
{
	if (header->sh_type == SHT_NOBITS)
		return 0;
	if (!strcmp(name, ".eh_frame"))
		return header->sh_size / FRAME_BYTES_PER_ROW;
	if (!strcmp(name, ".gopclntab") || !strcmp(name, ".data.rel.ro.gopclntab"))
		return header->sh_size / GO_BYTES_PER_ROW;
	return 0;
}

size_t unwind_table__estimate(int fd)
{
	Elf_Scn *section = NULL;
	GElf_Shdr header;
	const char *name;
	size_t names, rows = 0, relro_rows = 0;
	bool is_go = false;
	Elf *elf;

	elf_version(EV_CURRENT);
	elf = elf_begin(fd, ELF_C_READ, NULL);
	if (elf && is_ours(elf) && !elf_getshdrstrndx(elf, &names)) {
		while ((section = elf_nextscn(elf, section))) {
			name = gelf_getshdr(section, &header)
				       ? elf_strptr(elf, names, header.sh_name)
				       : NULL;
			if (!name)
				continue;
			rows += estimate_section(name, &header);
			is_go |= !strcmp(name, GO_SECTION);
			if (!strcmp(name, ".data.rel.ro"))
				relro_rows = header.sh_size / GO_BYTES_PER_ROW;
		}
	}
	elf_end(elf);
	return rows + (is_go ? relro_rows : 0);
}
