/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Names of Go functions from .gopclntab, which the Go runtime needs and strip therefore leaves in.
 */
#ifndef RSSTRACE_ELF_GO_TABLE_H
#define RSSTRACE_ELF_GO_TABLE_H

#include "elf/elf_image.h"
#include "elf/symbol_table.h"

/*
 * go_table__add_symbols() - add what .gopclntab names (Go 1.18 and later; older layouts are left
 * alone). A damaged table adds what can be read. O(functions). Image awake.
 */
void go_table__add_symbols(struct symbol_table *table, const struct elf_image *program);

#endif
