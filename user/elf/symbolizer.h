/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From a place in a file to what people call it. The only users of elfutils are in this folder. */
#ifndef RSSTRACE_ELF_SYMBOLIZER_H
#define RSSTRACE_ELF_SYMBOLIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>
#include "base/err.h"

struct symbol_name {
	const char *function; /* demangled; NULL: unknown */
	const char *file;     /* as in the line table, directory included when known; NULL: unknown */
	__u32 line;	      /* 0: unknown */
};

/* Valid until the next lookup in the same ELF object. */
struct symbol_lookup {
	size_t nr; /* >= 1; entries[0] is the innermost inlined function, entries[nr - 1] the function proper */
	const struct symbol_name *entries;
	__u32 start_delta; /* offset - start of the function; 0xffffffff: unknown */
};

/*
 * One ELF object: its functions in a table sorted by address from .symtab and .dynsym (and .gnu_debugdata, and the
 * separate debug file found by build-id or .gnu_debuglink below /usr/lib/debug), and, where no symbol covers the
 * address, the function ranges of .eh_frame.
 */
struct elf_object;

/*
 * elf_object__open() - @path is opened now and never again (pass map_files or a descriptor's link to see the target's file);
 * @name is what the object is called in names of nameless functions (its basename is used), and where its debug file is
 * looked for, in our root and in @root ("/proc/PID/root"; "": ours alone).
 * NULL and a sentence: not there, not ELF, truncated, another machine's.
 * elf_object__open_memory() - the same for an image in memory, like the vdso; the bytes are copied.
 */
struct elf_object *elf_object__open(const char *path, const char *name, const char *root, struct err *err);
struct elf_object *elf_object__open_memory(const void *image, size_t len, const char *name, struct err *err);
void elf_object__free(struct elf_object *object);

/*
 * elf_object__lacks_debug() - would a separate debug file give names or lines that it has not?
 * elf_object__add_debug() - @fd is that file, and stays the caller's. 0; -EINVAL: it is another
 * one's; -ENOEXEC: no ELF file.
 */
bool elf_object__lacks_debug(const struct elf_object *object);
int elf_object__add_debug(struct elf_object *object, int fd);

/* Build-id; 0 bytes when there is none. Copies at most @cap bytes, returns the length copied. */
size_t elf_object__build_id(const struct elf_object *object, __u8 *buf, size_t cap);

/*
 * elf_object__lookup() - names for file @offset (bytes). Never fails: what is covered by no symbol is named by object
 * and range, "redis-server[5f3a0-5f4c0]" from the unwind tables (link-time addresses), or
 * "redis-server+0x5f3b2" where even those know nothing. Never the nearest symbol.
 */
void elf_object__lookup(struct elf_object *object, __u64 offset, struct symbol_lookup *out);

/*
 * elf_object__rest() - give back what a lookup can read again: DWARF, often ten times the file's symbols. Ends the last
 * lookup; the next one in the same file takes what the first did, tens of milliseconds for a large one.
 */
void elf_object__rest(struct elf_object *object);

/* The same for what costs next to nothing to have again: pages of mapped files. The last lookup stays valid. */
void elf_object__drop_pages(const struct elf_object *object);

/*
 * elf_object__drop_symbols() - give back the symbols, too: some 25 MiB for libLLVM. The file stays open, and the last
 * lookup valid; the next one reads them again, or elf_object__read_symbols() before that, which takes what opening did.
 */
void elf_object__drop_symbols(struct elf_object *object);
bool elf_object__has_symbols(const struct elf_object *object);
void elf_object__read_symbols(struct elf_object *object);

/* Bytes of heap the object holds, for -v; those of them that elf_object__drop_symbols() gives back. */
size_t elf_object__memory_bytes(const struct elf_object *object);
size_t elf_object__symbol_bytes(const struct elf_object *object);

#endif
