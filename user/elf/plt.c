// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <stdlib.h>
#include <string.h>
#include "elf/symbol_sources.h"

/*
 * Linkers order stubs as they please (.plt, .plt.sec, .plt.got; lazy or not, with or without IBT),
 * but every stub jumps through its own slot of the global offset table, and a relocation says whose
 * address goes there.
 */
struct plt_slot {
	__u64 got_vaddr;
	__u32 name; /* in .dynstr */
};

struct plt_slots {
	struct plt_slot *slots; /* sorted by got_vaddr */
	size_t nr;
};

#define MAX_SLOTS (1u << 20)

static int compare_slots(const void *left, const void *right)
{
	const struct plt_slot *a = left, *b = right;

	if (a->got_vaddr != b->got_vaddr)
		return a->got_vaddr < b->got_vaddr ? -1 : 1;
	return a->name < b->name ? -1 : a->name > b->name;
}

static bool fills_got(const GElf_Rela *rela)
{
	unsigned int type = GELF_R_TYPE(rela->r_info);

	return (type == R_X86_64_JUMP_SLOT || type == R_X86_64_GLOB_DAT) &&
	       GELF_R_SYM(rela->r_info);
}

static void add_slots(struct plt_slots *slots, const struct elf_image *program, const char *section,
		      Elf_Data *symbols)
{
	GElf_Shdr shdr;
	Elf_Scn *scn = elf_image__section(program, section, &shdr);
	Elf_Data *data = scn && shdr.sh_type == SHT_RELA ? elf_getdata(scn, NULL) : NULL;
	size_t nr = data ? data->d_size / sizeof(Elf64_Rela) : 0;
	struct plt_slot *larger;
	GElf_Rela rela;
	GElf_Sym sym;

	if (nr > MAX_SLOTS)
		return;
	larger = realloc(slots->slots, (slots->nr + nr + 1) * sizeof(*larger));
	if (!larger)
		return;
	slots->slots = larger;
	for (size_t i = 0; i < nr && gelf_getrela(data, i, &rela); i++) {
		if (fills_got(&rela) && gelf_getsym(symbols, GELF_R_SYM(rela.r_info), &sym))
			slots->slots[slots->nr++] = (struct plt_slot){ rela.r_offset, sym.st_name };
	}
}

/* jmp *disp32(%rip), maybe behind a bnd prefix, anywhere in the stub. Returns 0 when there is none.
 */
static __u64 slot_of_stub(const unsigned char *stub, size_t len, __u64 vaddr)
{
	for (size_t i = 0; i + 6 <= len; i++) {
		__s32 displacement;

		if (stub[i] != 0xff || stub[i + 1] != 0x25)
			continue;
		memcpy(&displacement, stub + i + 2, sizeof(displacement));
		return vaddr + i + 6 + (__s64)displacement;
	}
	return 0;
}

static void add_stubs(struct symbol_table *table, int pool, const struct elf_image *program,
		      const char *section, const struct plt_slots *slots)
{
	GElf_Shdr shdr;
	Elf_Data *data = elf_image__section_bytes(program, section, &shdr);
	size_t stub_bytes;

	if (!data)
		return;
	/* .plt.got says 8, or 16 with IBT; binutils once wrote 0 or 4 for .plt. */
	stub_bytes = shdr.sh_entsize == 8 || shdr.sh_entsize == 16 ? shdr.sh_entsize : 16;
	for (size_t at = 0; at + stub_bytes <= data->d_size; at += stub_bytes) {
		__u64 vaddr = shdr.sh_addr + at;
		struct plt_slot key = {
			slot_of_stub((unsigned char *)data->d_buf + at, stub_bytes, vaddr), 0
		};
		size_t low = 0, high = slots->nr;

		while (low < high) {
			size_t middle = low + (high - low) / 2;

			if (compare_slots(&slots->slots[middle], &key) < 0)
				low = middle + 1;
			else
				high = middle;
		}
		if (low < slots->nr && slots->slots[low].got_vaddr == key.got_vaddr &&
		    symbol_table__add(table, pool, slots->slots[low].name, vaddr,
				      vaddr + stub_bytes, SYMBOL_RANK_PLT, true))
			return;
	}
}

void symbol_sources__add_plt(struct symbol_table *table, const struct elf_image *program)
{
	static const char *const sections[] = { ".plt", ".plt.sec", ".plt.got" };
	struct plt_slots slots = { 0 };
	Elf_Data *symbols, *strings;
	GElf_Shdr shdr;
	Elf_Scn *scn;
	int pool;

	if (program->ehdr.e_machine != EM_X86_64 || program->ehdr.e_ident[EI_CLASS] != ELFCLASS64)
		return;
	scn = elf_image__section(program, ".dynsym", &shdr);
	symbols = scn && shdr.sh_type == SHT_DYNSYM ? elf_getdata(scn, NULL) : NULL;
	scn = symbols ? elf_getscn(program->elf, shdr.sh_link) : NULL;
	strings = scn ? elf_rawdata(scn, NULL) : NULL;
	if (!strings || !strings->d_buf || !symbols->d_buf)
		return;
	add_slots(&slots, program, ".rela.plt", symbols);
	add_slots(&slots, program, ".rela.dyn", symbols);
	if (slots.nr) {
		qsort(slots.slots, slots.nr, sizeof(*slots.slots), compare_slots);
		pool = symbol_table__add_pool(table, strings->d_buf, strings->d_size);
		for (size_t i = 0; i < sizeof(sections) / sizeof(*sections); i++)
			add_stubs(table, pool, program, sections[i], &slots);
	}
	free(slots.slots);
}
