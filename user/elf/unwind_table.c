// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "elf/frame_section.h"
#include "elf/go_pclntab.h"
#include "elf/row_writer.h"
#include "elf/unwind_source.h"

#define FRAME_BYTES_PER_ROW 4 /* measured 5.0 to 5.5 for C, C++ and Rust */
#define GO_BYTES_PER_ROW 8
#define MAX_STARTUP_BYTES 64

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

static int collect(struct unwind_source *source, const struct go_pclntab *go)
{
	struct code_ranges *ranges = &source->ranges;
	int code;

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

static int write_rows(struct unwind_table *table, struct code_ranges *ranges,
		      const struct go_pclntab *go)
{
	struct row_writer writer = { .table = table };

	code_ranges__sort(ranges);
	for (size_t i = 0; i < ranges->nr && !writer.error; i++)
		range_rows(ranges, &ranges->ranges[i], go, &writer);
	row_writer__finish(&writer);
	return writer.error;
}

static int build(struct unwind_table *table, struct unwind_source *source)
{
	struct go_pclntab go;
	bool has_go = source->pclntab.d_buf &&
		      !go_pclntab__init(&go, source->pclntab.d_buf, source->pclntab.d_size,
					source->text_address);
	int code;

	code = collect(source, has_go ? &go : NULL);
	if (!code)
		code = write_rows(table, &source->ranges, &go);
	if (!code && !table->nr)
		code = -ENODATA;
	return code;
}

int unwind_table__from(struct unwind_table *table, struct unwind_source *source, const char *name,
		       struct err *err)
{
	int code;

	*table = (struct unwind_table){ 0 };
	code = build(table, source);
	if (!code)
		return 0;
	unwind_table__fini(table);
	if (code == -ENODATA)
		return err__set(err, code, "\"%s\" has no unwind tables", name);
	return err__set(err, code, "no memory for the unwind table of \"%s\"", name);
}

int unwind_table__build(struct unwind_table *table, int fd, const char *name, struct err *err)
{
	struct unwind_source *source;
	int code = unwind_source__read(&source, fd, name, err);

	*table = (struct unwind_table){ 0 };
	if (!code)
		code = unwind_table__from(table, source, name, err);
	unwind_source__free(source);
	return code;
}

int unwind_table__build_memory(struct unwind_table *table, const void *image, size_t len,
			       const char *name, struct err *err)
{
	struct unwind_source *source;
	int code = unwind_source__read_memory(&source, image, len, name, err);

	*table = (struct unwind_table){ 0 };
	if (!code)
		code = unwind_table__from(table, source, name, err);
	unwind_source__free(source);
	return code;
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
	if (elf && unwind_source__is_ours(elf) && !elf_getshdrstrndx(elf, &names)) {
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
