/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Where the names of functions come from: symbol sections, minidebuginfo, PLT stubs. */
#ifndef RSSTRACE_ELF_SYMBOL_SOURCES_H
#define RSSTRACE_ELF_SYMBOL_SOURCES_H

#include "elf/elf_image.h"
#include "elf/symbol_table.h"

/*
 * symbol_sources__add_sections() - functions of .symtab and .dynsym of @source, which is @program
 * itself or its debug file; addresses count only where @program has code. What is damaged is left
 * out. Both awake. Returns whether there was a .symtab.
 */
bool symbol_sources__add_sections(struct symbol_table *table, const struct elf_image *program,
				  const struct elf_image *source);

/* Functions of the xz-compressed ELF file in .gnu_debugdata, at most 64 MiB when unpacked. Awake.
 */
void symbol_sources__add_minidebuginfo(struct symbol_table *table, const struct elf_image *program);

/* "name@plt" for stubs that jump through a slot that a relocation names (x86-64). Awake. */
void symbol_sources__add_plt(struct symbol_table *table, const struct elf_image *program);

#endif
