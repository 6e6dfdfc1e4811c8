// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <dwarf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "elf/elf_image.h"
#include "elf/go_pclntab.h"
#include "elf/unwind_source.h"

bool unwind_source__is_ours(Elf *elf)
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

/* What Go's table of functions is found by. */
struct go_sections {
	Elf_Data *pclntab, *relro, *rela;
	__u64 pclntab_address, relro_address;
	bool is_go;
};

static void take_section(struct unwind_source *source, struct go_sections *go, Elf_Scn *section,
			 const GElf_Shdr *header, const char *name)
{
	const struct {
		const char *name;
		Elf_Data **data;
		__u64 *address;
	} wanted[] = {
		{ ".eh_frame", &source->eh_frame, &source->eh_frame_address },
		{ ".debug_frame", &source->debug_frame, &source->debug_frame_address },
		{ ".gopclntab", &go->pclntab, &go->pclntab_address },
		{ ".data.rel.ro.gopclntab", &go->pclntab, &go->pclntab_address },
		{ ".data.rel.ro", &go->relro, &go->relro_address },
		{ ".rela.dyn", &go->rela, NULL },
		{ ".init", &source->init, &source->init_address },
		{ ".fini", &source->fini, &source->fini_address },
	};

	if (!strcmp(name, ".text"))
		source->text_address = header->sh_addr;
	go->is_go |= !strcmp(name, GO_SECTION);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		if (strcmp(name, wanted[i].name) != 0)
			continue;
		*wanted[i].data = bytes_of(section, header);
		if (wanted[i].address)
			*wanted[i].address = header->sh_addr;
	}
}

static void take_sections(struct unwind_source *source, struct go_sections *go)
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
			take_section(source, go, section, &header, name);
	}
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
static void take_go(struct unwind_source *source, const struct go_sections *go)
{
	const Elf_Data *data = go->pclntab ? go->pclntab : go->is_go ? go->relro : NULL;
	__u64 address = go->pclntab ? go->pclntab_address : go->relro_address;
	size_t offset;

	if (!data)
		return;
	offset = go->pclntab ? 0 : go_pclntab__search(data->d_buf, data->d_size);
	if (offset == data->d_size)
		return;
	source->pclntab = *data;
	source->pclntab.d_buf = (char *)data->d_buf + offset;
	source->pclntab.d_size = data->d_size - offset;
	source->text_address =
		relocated(go->rela, address + offset + GO_PCLNTAB_TEXT_AT, source->text_address);
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
static void take_by_program_header(struct unwind_source *source)
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
		    header.p_offset + header.p_filesz < header.p_offset)
			continue;
		ranges->segments[ranges->nr_segments++] = (struct code_segment){
			.start = header.p_vaddr,
			.end = header.p_vaddr + header.p_filesz,
			.bias = header.p_vaddr - header.p_offset,
		};
	}
}

/* --- reading it ------------------------------------------------------------------------------- */

static void read_source(struct unwind_source *source)
{
	struct elf_image image = { .fd = -1, .elf = source->elf, .kind = ELF_IMAGE_PROGRAM };
	struct go_sections go = { 0 };

	take_sections(source, &go);
	take_go(source, &go);
	take_by_program_header(source);
	take_segments(source->elf, &source->ranges);
	take_entry(source->elf, &source->ranges);
	source->build_id_len =
		elf_image__build_id(&image, source->build_id, sizeof(source->build_id));
}

static int new_source(struct unwind_source **made, Elf *elf, const char *name, struct err *err)
{
	struct unwind_source *source;

	*made = NULL;
	if (!elf || !unwind_source__is_ours(elf)) {
		elf_end(elf);
		return err__set(err, -ENOEXEC, "\"%s\" is not a 64-bit x86 ELF file", name);
	}
	source = calloc(1, sizeof(*source));
	if (!source) {
		elf_end(elf);
		return err__set(err, -ENOMEM, "no memory for the unwind table of \"%s\"", name);
	}
	source->elf = elf;
	read_source(source);
	*made = source;
	return 0;
}

int unwind_source__read(struct unwind_source **source, int fd, const char *name, struct err *err)
{
	elf_version(EV_CURRENT);
	/* read, not mapped: a file that shrinks under a mapping kills its reader with SIGBUS */
	return new_source(source, elf_begin(fd, ELF_C_READ, NULL), name, err);
}

int unwind_source__read_memory(struct unwind_source **source, const void *image, size_t len,
			       const char *name, struct err *err)
{
	elf_version(EV_CURRENT);
	return new_source(source, elf_memory((char *)image, len), name, err);
}

void unwind_source__free(struct unwind_source *source)
{
	if (!source)
		return;
	code_ranges__fini(&source->ranges);
	elf_end(source->elf);
	free(source);
}

/* --- who it is -------------------------------------------------------------------------------- */

static void add_number(struct siphash *hash, __u64 number)
{
	siphash__add(hash, &number, sizeof(number));
}

/* With its length, so that no part can pass for the next one's beginning. */
static void add_bytes(struct siphash *hash, const void *bytes, size_t len)
{
	add_number(hash, len);
	siphash__add(hash, bytes, len);
}

static void add_section(struct siphash *hash, const Elf_Data *data, __u64 address)
{
	add_number(hash, address);
	if (data)
		add_bytes(hash, data->d_buf, data->d_size);
	else
		add_bytes(hash, NULL, 0);
}

struct siphash_value unwind_source__id(const struct unwind_source *source,
				       const struct siphash_key *key)
{
	const struct code_ranges *ranges = &source->ranges;
	struct siphash hash;

	siphash__init(&hash, key);
	add_bytes(&hash, source->build_id, source->build_id_len);
	add_section(&hash, source->eh_frame, source->eh_frame_address);
	add_section(&hash, source->debug_frame, source->debug_frame_address);
	add_section(&hash, &source->pclntab, source->text_address);
	add_section(&hash, source->init, source->init_address);
	add_section(&hash, source->fini, source->fini_address);
	add_number(&hash, ranges->entry);
	add_number(&hash, ranges->nr_segments);
	for (size_t i = 0; i < ranges->nr_segments; i++) {
		add_number(&hash, ranges->segments[i].start);
		add_number(&hash, ranges->segments[i].end);
		add_number(&hash, ranges->segments[i].bias);
	}
	return siphash__end(&hash);
}
