// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <stdlib.h>
#include <string.h>
#include <lzma.h>
#include "elf/symbol_sources.h"

#define MAX_MINIDEBUGINFO_BYTES (64u << 20)

struct symbol_reader {
	struct symbol_table *table;
	const struct elf_image *program;
	int pool;
	bool labels; /* untyped symbols count: only .symtab tells code labels from anything else */
	__u64 code_start, code_end; /* last place known to be code: neighbours come in runs */
};

static enum symbol_rank rank_of(const GElf_Sym *sym)
{
	if (GELF_ST_TYPE(sym->st_info) == STT_NOTYPE)
		return SYMBOL_RANK_LABEL;
	switch (GELF_ST_BIND(sym->st_info)) {
	case STB_LOCAL:
		return SYMBOL_RANK_LOCAL;
	case STB_WEAK:
		return SYMBOL_RANK_WEAK;
	default:
		return SYMBOL_RANK_GLOBAL;
	}
}

static bool is_function(const struct symbol_reader *reader, const GElf_Sym *sym)
{
	switch (GELF_ST_TYPE(sym->st_info)) {
	case STT_FUNC:
	case STT_GNU_IFUNC:
		return sym->st_shndx != SHN_UNDEF;
	case STT_NOTYPE:
		return reader->labels && !sym->st_size && sym->st_shndx != SHN_UNDEF &&
		       sym->st_shndx != SHN_ABS;
	default:
		return false;
	}
}

/* "$x" and "$d" mark code and data on ARM, ".L" is an assembler's own label. */
static bool is_marker(const struct symbol_reader *reader, __u64 name)
{
	const struct symbol_pool *pool = &reader->table->pools[reader->pool];

	return name < pool->size_bytes && (pool->bytes[name] == '$' || pool->bytes[name] == '.');
}

static int add_symbol(struct symbol_reader *reader, const GElf_Sym *sym)
{
	__u64 end;

	if (!is_function(reader, sym))
		return 0;
	if (GELF_ST_TYPE(sym->st_info) == STT_NOTYPE && is_marker(reader, sym->st_name))
		return 0;
	if (sym->st_value < reader->code_start || sym->st_value >= reader->code_end) {
		reader->code_start = sym->st_value;
		reader->code_end = elf_image__code_end(reader->program, sym->st_value);
	}
	end = reader->code_end;
	if (sym->st_size && end > sym->st_value && sym->st_size < end - sym->st_value)
		end = sym->st_value + sym->st_size;
	return symbol_table__add(reader->table, reader->pool, sym->st_name, sym->st_value, end,
				 rank_of(sym), sym->st_size);
}

static bool add_section(struct symbol_table *table, const struct elf_image *program,
			const struct elf_image *source, const char *name, bool labels)
{
	struct symbol_reader reader = { .table = table, .program = program, .labels = labels };
	Elf_Data *symbols, *strings;
	Elf_Scn *scn;
	GElf_Shdr shdr;
	GElf_Sym sym;

	scn = elf_image__section(source, name, &shdr);
	if (!scn || (shdr.sh_type != SHT_SYMTAB && shdr.sh_type != SHT_DYNSYM))
		return false;
	symbols = elf_getdata(scn, NULL);
	scn = elf_getscn(source->elf, shdr.sh_link);
	strings = scn ? elf_rawdata(scn, NULL) : NULL;
	if (!symbols || !symbols->d_buf || !strings || !strings->d_buf)
		return false;
	reader.pool = symbol_table__add_pool(table, strings->d_buf, strings->d_size);
	if (reader.pool < 0)
		return false;
	for (int i = 0; gelf_getsym(symbols, i, &sym); i++) {
		if (add_symbol(&reader, &sym))
			break;
	}
	return true;
}

bool symbol_sources__add_sections(struct symbol_table *table, const struct elf_image *program,
				  const struct elf_image *source)
{
	bool full = add_section(table, program, source, ".symtab", true);

	/* Also with a .symtab: strip can have left just a part of that. */
	add_section(table, program, source, ".dynsym", false);
	return full;
}

static char *unpack_xz(const Elf_Data *data, size_t *size_bytes)
{
	size_t cap = 1u << 20;
	char *out = NULL, *larger;

	for (; cap <= MAX_MINIDEBUGINFO_BYTES; cap *= 4) {
		uint64_t memory_limit = MAX_MINIDEBUGINFO_BYTES;
		size_t in_pos = 0, out_pos = 0;
		lzma_ret ret;

		larger = realloc(out, cap);
		if (!larger)
			break;
		out = larger;
		ret = lzma_stream_buffer_decode(&memory_limit, 0, NULL, data->d_buf, &in_pos,
						data->d_size, (uint8_t *)out, &out_pos, cap);
		if (ret == LZMA_OK) {
			*size_bytes = out_pos;
			return out;
		}
		if (ret != LZMA_BUF_ERROR)
			break;
	}
	free(out);
	return NULL;
}

void symbol_sources__add_minidebuginfo(struct symbol_table *table, const struct elf_image *program)
{
	struct elf_image inner;
	size_t size_bytes;
	GElf_Shdr shdr;
	Elf_Data *data = elf_image__section_bytes(program, ".gnu_debugdata", &shdr);
	char *bytes = data ? unpack_xz(data, &size_bytes) : NULL;

	if (!bytes || elf_image__open_memory(&inner, bytes, size_bytes, ".gnu_debugdata",
					     ELF_IMAGE_DEBUG, NULL))
		return;
	symbol_sources__add_sections(table, program, &inner);
	elf_image__close(&inner);
}
