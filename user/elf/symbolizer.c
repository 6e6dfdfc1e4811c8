// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "elf/debug_file.h"
#include "elf/demangle.h"
#include "elf/elf_image.h"
#include "elf/fde_ranges.h"
#include "elf/go_table.h"
#include "elf/lines.h"
#include "elf/symbol_sources.h"
#include "elf/symbol_table.h"
#include "elf/symbolizer.h"

/* Longer ones exist (expression templates) but nobody reads them. */
#define MAX_NAME_BYTES 4096
#define UNKNOWN_DELTA 0xffffffffu

struct elf_object {
	struct elf_image image;
	struct elf_image
		debug; /* separate debug file; kind is ELF_IMAGE_INVALID when there is none */
	struct symbol_table symbols;
	struct fde_ranges fdes; /* read at the first address without a sized symbol */
	bool fdes_read;
	bool dropped;	     /* the symbols and the ranges were given back */
	bool full;	     /* there was a .symtab */
	struct lines *lines; /* NULL: no DWARF */
	__u8 build_id[64];
	size_t build_id_bytes;
	char *basename;
	struct symbol_name names[LINES_MAX_FRAMES]; /* the last lookup's answer ... */
	char *texts[LINES_MAX_FRAMES];		    /* ... and its function names */
};

/* What the debug file has that the program itself has not; both awake. */
static void add_debug(struct elf_object *object)
{
	if (!object->full)
		object->full = symbol_sources__add_sections(&object->symbols, &object->image,
							    &object->debug);
	if (!object->lines)
		object->lines = lines__new(&object->debug);
	elf_image__rest(&object->debug);
}

/* Names of @object->image, which is awake. True: there is a .symtab. */
static bool add_own(struct elf_object *object)
{
	bool full = symbol_sources__add_sections(&object->symbols, &object->image, &object->image);

	if (!full) {
		symbol_sources__add_minidebuginfo(&object->symbols, &object->image);
		go_table__add_symbols(&object->symbols, &object->image);
	}
	symbol_sources__add_plt(&object->symbols, &object->image);
	return full;
}

/* Its own names, then what a separate file adds. */
static void read_symbols(struct elf_object *object, const char *path, const char *name,
			 const char *root)
{
	object->full = add_own(object);
	object->lines = lines__new(&object->image);
	if (elf_object__lacks_debug(object) && path &&
	    !debug_file__open(&object->debug, &object->image, path, name, root))
		add_debug(object);
	symbol_table__finish(&object->symbols);
	elf_image__rest(&object->image);
}

static struct elf_object *new_object(const char *name)
{
	struct elf_object *object = calloc(1, sizeof(*object));
	const char *slash = strrchr(name, '/');

	if (!object)
		return NULL;
	object->image.fd = object->debug.fd = -1;
	object->basename = strdup(slash && slash[1] ? slash + 1 : name);
	if (object->basename)
		return object;
	free(object);
	return NULL;
}

static void finish_object(struct elf_object *object, const char *path, const char *name,
			  const char *root)
{
	object->build_id_bytes =
		elf_image__build_id(&object->image, object->build_id, sizeof(object->build_id));
	read_symbols(object, path, name, root);
}

struct elf_object *elf_object__open(const char *path, const char *name, const char *root,
				    struct err *err)
{
	struct elf_object *object = new_object(name);

	if (!object) {
		err__set(err, -ENOMEM, "no memory for symbols of \"%s\"", path);
		return NULL;
	}
	if (elf_image__open(&object->image, path, ELF_IMAGE_PROGRAM, err)) {
		elf_object__free(object);
		return NULL;
	}
	finish_object(object, path, name, root);
	return object;
}

struct elf_object *elf_object__open_memory(const void *image, size_t len, const char *name,
					   struct err *err)
{
	struct elf_object *object = new_object(name);
	char *bytes = malloc(len + !len);

	if (!object || !bytes) {
		err__set(err, -ENOMEM, "no memory for symbols of \"%s\"", name);
		free(bytes);
		elf_object__free(object);
		return NULL;
	}
	memcpy(bytes, image, len);
	if (elf_image__open_memory(&object->image, bytes, len, name, ELF_IMAGE_PROGRAM, err)) {
		elf_object__free(object);
		return NULL;
	}
	finish_object(object, NULL, name, "");
	return object;
}

static void drop_texts(struct elf_object *object)
{
	for (size_t i = 0; i < LINES_MAX_FRAMES; i++) {
		free(object->texts[i]);
		object->texts[i] = NULL;
	}
}

void elf_object__free(struct elf_object *object)
{
	if (!object)
		return;
	lines__free(object->lines);
	drop_texts(object);
	symbol_table__fini(&object->symbols);
	fde_ranges__fini(&object->fdes);
	elf_image__close(&object->debug);
	elf_image__close(&object->image);
	free(object->basename);
	free(object);
}

size_t elf_object__build_id(const struct elf_object *object, __u8 *buf, size_t cap)
{
	size_t len = object->build_id_bytes < cap ? object->build_id_bytes : cap;

	memcpy(buf, object->build_id, len);
	return len;
}

void elf_object__drop_symbols(struct elf_object *object)
{
	symbol_table__fini(&object->symbols);
	object->symbols = (struct symbol_table){ 0 };
	fde_ranges__fini(&object->fdes);
	object->fdes_read = false;
	object->dropped = true;
}

bool elf_object__has_symbols(const struct elf_object *object)
{
	return !object->dropped;
}

void elf_object__read_symbols(struct elf_object *object)
{
	if (!object->dropped)
		return;
	object->dropped = false;
	elf_image__wake(&object->image);
	if (!add_own(object) && object->debug.kind != ELF_IMAGE_INVALID) {
		elf_image__wake(&object->debug);
		symbol_sources__add_sections(&object->symbols, &object->image, &object->debug);
		elf_image__rest(&object->debug);
	}
	symbol_table__finish(&object->symbols);
	elf_image__rest(&object->image);
}

bool elf_object__lacks_debug(const struct elf_object *object)
{
	return object->debug.kind == ELF_IMAGE_INVALID && (!object->full || !object->lines);
}

int elf_object__add_debug(struct elf_object *object, int fd)
{
	char path[64];
	int code;

	if (object->debug.kind != ELF_IMAGE_INVALID)
		return -EINVAL; /* it has one */
	elf_object__read_symbols(object);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (!elf_image__wake(&object->image))
		return -EIO;
	code = debug_file__open_path(&object->debug, &object->image, path);
	if (!code) {
		add_debug(object);
		symbol_table__finish(&object->symbols);
	}
	elf_image__rest(&object->image);
	return code;
}

static const struct fde_ranges *fdes_of(struct elf_object *object)
{
	if (!object->fdes_read) {
		object->fdes_read = true;
		elf_image__wake(&object->image);
		fde_ranges__init(&object->fdes, &object->image);
		elf_image__rest(&object->image);
	}
	return &object->fdes;
}

static const struct symbol *find_symbol(struct elf_object *object, __u64 vaddr)
{
	const struct symbol *symbol = symbol_table__find(&object->symbols, vaddr);

	/* The end of an unsized symbol is a guess, and a function that begins before @vaddr refutes
	 * it. */
	if (symbol && !symbol->sized &&
	    fde_ranges__starts_in(fdes_of(object), symbol->start + 1, vaddr + 1))
		return NULL;
	return symbol;
}

static void symbol_text(const struct symbol_table *symbols, const struct symbol *symbol, char *out,
			size_t cap)
{
	char linker_name[MAX_NAME_BYTES * 4];
	const char *raw = symbol_table__name(symbols, symbol);
	const char *version = strchr(raw, '@');
	size_t len = version && version > raw ? (size_t)(version - raw) : strlen(raw);

	if (len >= sizeof(linker_name))
		len = sizeof(linker_name) - 1;
	memcpy(linker_name, raw, len);
	linker_name[len] = '\0';
	len = demangle(linker_name, out, cap - strlen("@plt"));
	if (symbol->rank == SYMBOL_RANK_PLT)
		strcpy(out + len, "@plt");
}

/* Returns where the function begins, 0: unknown. */
static __u64 range_text(struct elf_object *object, __u64 vaddr, char *out, size_t cap)
{
	const struct fde_range *fde = fde_ranges__find(fdes_of(object), vaddr);

	if (!fde) {
		snprintf(out, cap, "%s+0x%llx", object->basename, vaddr);
		return 0;
	}
	snprintf(out, cap, "%s[%llx-%llx]", object->basename, fde->start,
		 fde->start + fde->size_bytes);
	return fde->start;
}

static void set_name(struct elf_object *object, size_t at, const char *text)
{
	object->texts[at] = strdup(text);
	object->names[at].function = object->texts[at];
}

/* The function proper: by symbol, else as DWARF calls it, else by its range. 0: its start is
 * unknown. */
static __u64 name_proper(struct elf_object *object, __u64 vaddr, const char *dwarf_name,
			 __u64 dwarf_start, char *out, size_t cap)
{
	const struct symbol *symbol = find_symbol(object, vaddr);

	if (symbol) {
		symbol_text(&object->symbols, symbol, out, cap);
		return symbol->start;
	}
	if (dwarf_name) {
		demangle(dwarf_name, out, cap);
		return dwarf_start;
	}
	return range_text(object, vaddr, out, cap);
}

static size_t set_names(struct elf_object *object, __u64 vaddr, __u64 *start)
{
	struct line_frame frames[LINES_MAX_FRAMES];
	char text[MAX_NAME_BYTES];
	__u64 dwarf_start = 0;
	size_t nr = object->lines ? lines__lookup(object->lines, vaddr, frames, &dwarf_start) : 0;

	if (!nr) {
		frames[0] = (struct line_frame){ 0 };
		nr = 1;
	}
	for (size_t i = 0; i < nr; i++) {
		object->names[i] =
			(struct symbol_name){ .file = frames[i].file, .line = frames[i].line };
		if (i + 1 == nr || !frames[i].function)
			continue;
		demangle(frames[i].function, text, sizeof(text));
		set_name(object, i, text);
	}
	*start = name_proper(object, vaddr, frames[nr - 1].function, dwarf_start, text,
			     sizeof(text));
	set_name(object, nr - 1, text);
	return nr;
}

void elf_object__lookup(struct elf_object *object, __u64 offset, struct symbol_lookup *out)
{
	char text[MAX_NAME_BYTES];
	__u64 vaddr, start = 0;

	elf_object__read_symbols(object);
	drop_texts(object);
	*out = (struct symbol_lookup){ 1, object->names, UNKNOWN_DELTA };
	if (!elf_image__vaddr(&object->image, offset, &vaddr)) {
		snprintf(text, sizeof(text), "%s+0x%llx", object->basename, offset);
		object->names[0] = (struct symbol_name){ 0 };
		set_name(object, 0, text);
		return;
	}
	out->nr = set_names(object, vaddr, &start);
	if (start && vaddr >= start && vaddr - start < UNKNOWN_DELTA)
		out->start_delta = vaddr - start;
}

void elf_object__rest(struct elf_object *object)
{
	drop_texts(object);
	if (object->lines)
		lines__rest(object->lines);
}

void elf_object__drop_pages(const struct elf_object *object)
{
	if (object->lines)
		lines__drop_pages(object->lines);
}

size_t elf_object__symbol_bytes(const struct elf_object *object)
{
	return symbol_table__memory_bytes(&object->symbols) +
	       fde_ranges__memory_bytes(&object->fdes);
}

size_t elf_object__memory_bytes(const struct elf_object *object)
{
	return sizeof(*object) + strlen(object->basename) + 1 +
	       elf_image__memory_bytes(&object->image) + elf_image__memory_bytes(&object->debug) +
	       elf_object__symbol_bytes(object) +
	       (object->lines ? lines__memory_bytes(object->lines) : 0);
}
