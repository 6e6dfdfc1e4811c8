// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <string.h>
#include "elf/go_pclntab.h"
#include "elf/go_table.h"

/* Layouts: runtime/symtab.go of Go 1.18 and 1.20, struct pcHeader and struct _func. */
#define GO_1_18_MAGIC 0xfffffff0u
#define GO_1_20_MAGIC 0xfffffff1u
#define HEADER_BYTES 72
#define TEXT_START_AT 24

struct go_header {
	__u32 magic;
	__u8 zeros[2];
	__u8 instruction_bytes;
	__u8 pointer_bytes;
	__u64 nr_functions;
	__u64 nr_files;
	__u64 text_start; /* 0 in a file whose loader relocates it */
	__u64 names;
	__u64 units;
	__u64 files;
	__u64 pc_tables;
	__u64 functions;
};

_Static_assert(sizeof(struct go_header) == HEADER_BYTES, "pcHeader of a 64-bit Go");

struct go_entry {
	__u32 start;	/* from text_start */
	__u32 function; /* from functions: start again, then the name's offset */
};

/* Its bytes, not beyond its section, and its address. Position-independent programs with C in them
 * have it in .data.rel.ro, without a section of its own. */
static bool find_table(const struct elf_image *program, Elf_Data *table, __u64 *address)
{
	Elf_Data *data;
	GElf_Shdr shdr;
	size_t offset = 0;

	data = elf_image__section_bytes(program, ".gopclntab", &shdr);
	if (!data)
		data = elf_image__section_bytes(program, ".data.rel.ro.gopclntab", &shdr);
	if (!data && elf_image__section(program, ".go.buildinfo", &shdr)) {
		data = elf_image__section_bytes(program, ".data.rel.ro", &shdr);
		offset = data ? go_pclntab__search(data->d_buf, data->d_size) : 0;
	}
	if (!data)
		return false;
	*table = *data;
	table->d_buf = (char *)data->d_buf + offset;
	table->d_size = data->d_size - offset;
	*address = shdr.sh_addr + offset;
	return true;
}

/* In a position-independent program text_start is what a RELATIVE relocation will put there. */
static bool relocated_word(const struct elf_image *program, __u64 vaddr, __u64 *word)
{
	GElf_Shdr shdr;
	Elf_Scn *scn = elf_image__section(program, ".rela.dyn", &shdr);
	Elf_Data *data = scn && shdr.sh_type == SHT_RELA ? elf_getdata(scn, NULL) : NULL;
	GElf_Rela rela;

	for (int i = 0; data && gelf_getrela(data, i, &rela); i++) {
		if (rela.r_offset == vaddr && !GELF_R_SYM(rela.r_info)) {
			*word = rela.r_addend;
			return true;
		}
	}
	return false;
}

static __u64 find_text_start(const struct elf_image *program, const struct go_header *header,
			     __u64 table_vaddr)
{
	GElf_Shdr shdr;
	__u64 start;

	if (relocated_word(program, table_vaddr + TEXT_START_AT, &start) && start)
		return start;
	if (header->text_start)
		return header->text_start;
	return elf_image__section(program, ".text", &shdr) ? shdr.sh_addr : 0;
}

static bool read_at(const Elf_Data *data, __u64 offset, void *out, size_t len)
{
	if (offset > data->d_size || len > data->d_size - offset)
		return false;
	memcpy(out, (const char *)data->d_buf + offset, len);
	return true;
}

static bool read_header(const Elf_Data *data, struct go_header *header)
{
	return read_at(data, 0, header, sizeof(*header)) &&
	       (header->magic == GO_1_18_MAGIC || header->magic == GO_1_20_MAGIC) &&
	       header->pointer_bytes == 8 && header->names < header->units &&
	       header->units <= data->d_size && header->functions < data->d_size;
}

void go_table__add_symbols(struct symbol_table *table, const struct elf_image *program)
{
	struct go_header header;
	struct go_entry entry, next;
	__u64 text_start, start, address;
	Elf_Data data;
	__u32 name;
	int pool;

	if (!find_table(program, &data, &address) || !read_header(&data, &header))
		return;
	text_start = find_text_start(program, &header, address);
	pool = symbol_table__add_pool(table, (char *)data.d_buf + header.names,
				      header.units - header.names);
	for (__u64 i = 0; pool >= 0 && i < header.nr_functions; i++) {
		__u64 at = header.functions + i * sizeof(entry);

		/* The entry after the last one has only the end of the code. */
		next = (struct go_entry){ 0 };
		if (!read_at(&data, at, &entry, sizeof(entry)) ||
		    !read_at(&data, at + sizeof(entry), &next, sizeof(next.start)))
			break;
		start = text_start + entry.start;
		if (!read_at(&data, header.functions + entry.function + sizeof(entry.start), &name,
			     sizeof(name)) ||
		    !elf_image__code_end(program, start))
			continue;
		if (symbol_table__add(table, pool, name, start, text_start + next.start,
				      SYMBOL_RANK_LOCAL, true))
			break;
	}
}
