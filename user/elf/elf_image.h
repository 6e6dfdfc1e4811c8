/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* An ELF file held by our own descriptor: what is mapped where, and bytes of its sections on
 * demand. */
#ifndef RSSTRACE_ELF_ELF_IMAGE_H
#define RSSTRACE_ELF_ELF_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <gelf.h>
#include <linux/types.h>
#include "base/err.h"

/* PROGRAM is what runs; DEBUG carries symbols or DWARF only, its segments have no bytes. */
enum elf_image_kind {
	ELF_IMAGE_INVALID,
	ELF_IMAGE_PROGRAM,
	ELF_IMAGE_DEBUG,
};

/* One PT_LOAD; end_vaddr > vaddr, offset + (file_end_vaddr - vaddr) does not wrap. */
struct elf_segment {
	__u64 offset_bytes;
	__u64 vaddr;
	__u64 file_end_vaddr; /* exclusive: up to here the bytes are the file's */
	__u64 end_vaddr;      /* exclusive */
	bool executable;
};

struct elf_code_section {
	__u64 vaddr;
	__u64 end_vaddr; /* exclusive */
};

/*
 * Invariants: exactly one of @fd >= 0 and @bytes != NULL. @elf is NULL while the image rests:
 * libelf caches every section it has read until elf_end(), so the cache lives only while something
 * is built. Files are read by pread, never mapped here: somebody who truncates the file cannot kill
 * us by SIGBUS.
 */
struct elf_image {
	int fd;
	char *bytes;
	size_t size_bytes;
	enum elf_image_kind kind;
	Elf *elf;
	GElf_Ehdr ehdr;
	struct elf_segment *segments; /* file order, which the ABI wants to be by vaddr */
	size_t nr_segments;
	struct elf_code_section *code; /* allocated executable sections, file order */
	size_t nr_code;
};

/*
 * elf_image__open() - open @path and read its headers. The image is awake afterwards.
 * elf_image__open_memory() - the same for bytes, which the image owns from here on, also when it
 * fails. -errno and a sentence: not there, not ELF (-ENOEXEC), truncated (-ENOEXEC), another
 * machine's (-ENOEXEC). On failure nothing is left to close.
 */
int elf_image__open(struct elf_image *image, const char *path, enum elf_image_kind kind,
		    struct err *err);
int elf_image__open_memory(struct elf_image *image, char *bytes, size_t size_bytes,
			   const char *name, enum elf_image_kind kind, struct err *err);
void elf_image__close(struct elf_image *image);

/* A second libelf handle on the same image; the caller ends it before the image closes. @mapped:
 * let libelf mmap the file (see lines.c for what guards that). NULL when libelf refuses. */
Elf *elf_image__begin(const struct elf_image *image, bool mapped);

/* elf_image__wake() - make @elf usable again; false when the file is no longer readable.
 * elf_image__rest() - drop libelf's copies of sections. Pointers into section data die here. */
bool elf_image__wake(struct elf_image *image);
void elf_image__rest(struct elf_image *image);

/* Section by name, NULL when there is none; @shdr is filled when found. O(sections). Image awake.
 */
Elf_Scn *elf_image__section(const struct elf_image *image, const char *name, GElf_Shdr *shdr);

/* Raw bytes of a section, or NULL when it has none. Valid until elf_image__rest(). */
Elf_Data *elf_image__section_bytes(const struct elf_image *image, const char *name,
				   GElf_Shdr *shdr);

/* File offset -> link-time address; false when no segment has that byte. An executable one wins. */
bool elf_image__vaddr(const struct elf_image *image, __u64 offset_bytes, __u64 *vaddr);

/* The segment that has link-time @vaddr, NULL: none. */
const struct elf_segment *elf_image__segment_at(const struct elf_image *image, __u64 vaddr);

/* End (exclusive) of the executable section around @vaddr, or of the executable segment when the
 * file has no section headers; 0: @vaddr is not code. */
__u64 elf_image__code_end(const struct elf_image *image, __u64 vaddr);

/* GNU build-id, length in bytes, 0: none. @buf gets at most @cap bytes. Image awake. */
size_t elf_image__build_id(const struct elf_image *image, __u8 *buf, size_t cap);

/* Heap held by the headers and an image in memory. */
size_t elf_image__memory_bytes(const struct elf_image *image);

#endif
