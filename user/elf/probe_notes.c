// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <gelf.h>
#include <libelf.h>
#include <stdio.h>
#include <string.h>
#include "elf/probe_notes.h"

#define NT_STAPSDT 3

/* What the strings of a note are compared with, and where finds go. */
struct search {
	Elf *elf;
	const char *provider, *name;
	__u64 base; /* address of .stapsdt.base: prelink may have moved everything; 0: none */
	struct probe_site *sites;
	int nr, max;
};

static Elf_Scn *find_section(Elf *elf, const char *wanted, GElf_Shdr *header)
{
	Elf_Scn *section = NULL;
	size_t names;

	if (elf_getshdrstrndx(elf, &names))
		return NULL;
	while ((section = elf_nextscn(elf, section))) {
		const char *name;

		if (!gelf_getshdr(section, header))
			continue;
		name = elf_strptr(elf, names, header->sh_name);
		if (name && !strcmp(name, wanted))
			return section;
	}
	return NULL;
}

/* File offset of address @addr; 0: in no loaded segment of code. */
static __u64 offset_of(Elf *elf, __u64 addr)
{
	size_t nr = 0;

	elf_getphdrnum(elf, &nr);
	for (size_t i = 0; i < nr; i++) {
		GElf_Phdr segment;

		if (!gelf_getphdr(elf, i, &segment) || segment.p_type != PT_LOAD ||
		    !(segment.p_flags & PF_X))
			continue;
		if (addr >= segment.p_vaddr && addr - segment.p_vaddr < segment.p_filesz)
			return addr - segment.p_vaddr + segment.p_offset;
	}
	return 0;
}

/* The string at *@at, which moves behind it; NULL when it has no end. */
static const char *take_string(const char **at, const char *end)
{
	const char *text = *at, *nul = memchr(text, 0, end - text);

	if (!nul)
		return NULL;
	*at = nul + 1;
	return text;
}

/* Address, base, semaphore, provider, name, arguments. */
static void take_note(struct search *search, const char *at, size_t len)
{
	const char *end = at + len, *provider, *name, *arguments;
	struct probe_site *site = search->sites + search->nr;
	__u64 words[3];

	if (len < sizeof(words))
		return;
	memcpy(words, at, sizeof(words));
	at += sizeof(words);
	provider = take_string(&at, end);
	name = provider ? take_string(&at, end) : NULL;
	arguments = name ? take_string(&at, end) : NULL;
	if (!arguments || strcmp(provider, search->provider) || strcmp(name, search->name))
		return;
	if (search->base)
		words[0] += search->base - words[1];
	*site = (struct probe_site){ .offset = offset_of(search->elf, words[0]) };
	if (strlen(arguments) < sizeof(site->arguments))
		strcpy(site->arguments, arguments);
	search->nr += site->offset != 0;
}

static void read_notes(struct search *search, Elf_Scn *section)
{
	Elf_Data *data = elf_getdata(section, NULL);
	size_t at = 0, next, name_at, desc_at;
	GElf_Nhdr note;

	while (data && search->nr < search->max &&
	       (next = gelf_getnote(data, at, &note, &name_at, &desc_at))) {
		if (note.n_type == NT_STAPSDT && note.n_namesz == sizeof("stapsdt") &&
		    !memcmp((char *)data->d_buf + name_at, "stapsdt", sizeof("stapsdt")))
			take_note(search, (char *)data->d_buf + desc_at, note.n_descsz);
		at = next;
	}
}

int probe_notes__read(int fd, const char *provider, const char *name, struct probe_site *sites,
		      int max)
{
	struct search search = { .provider = provider, .name = name, .sites = sites, .max = max };
	GElf_Shdr header;
	Elf_Scn *notes;

	elf_version(EV_CURRENT);
	search.elf = elf_begin(fd, ELF_C_READ, NULL);
	if (!search.elf)
		return 0;
	if (elf_kind(search.elf) == ELF_K_ELF && gelf_getclass(search.elf) == ELFCLASS64) {
		if (find_section(search.elf, ".stapsdt.base", &header))
			search.base = header.sh_addr;
		notes = find_section(search.elf, ".note.stapsdt", &header);
		if (notes && header.sh_type == SHT_NOTE)
			read_notes(&search, notes);
	}
	elf_end(search.elf);
	return search.nr;
}
