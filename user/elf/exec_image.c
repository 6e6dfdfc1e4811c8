// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <gelf.h>
#include <string.h>
#include <unistd.h>
#include "elf/exec_image.h"

#define PAGE_BYTES 4096ULL

static void note_code(struct exec_image *image, const GElf_Phdr *segment)
{
	__u64 low = segment->p_vaddr % PAGE_BYTES;

	if (image->end || low != segment->p_offset % PAGE_BYTES ||
	    segment->p_filesz > segment->p_memsz)
		return;
	image->start = segment->p_vaddr - low;
	image->offset = segment->p_offset - low;
	image->end =
		image->start + (low + segment->p_filesz + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
}

static void note_interpreter(struct exec_image *image, const GElf_Phdr *segment, int fd)
{
	size_t len = segment->p_filesz;

	if (len >= sizeof(image->interpreter) ||
	    pread(fd, image->interpreter, len, (off_t)segment->p_offset) != (ssize_t)len)
		len = 0;
	image->interpreter[len] = '\0';
}

int exec_image__read(struct exec_image *image, int fd)
{
	size_t nr = 0;
	GElf_Ehdr header;
	GElf_Phdr segment;
	Elf *elf;

	memset(image, 0, sizeof(*image));
	elf_version(EV_CURRENT);
	elf = elf_begin(fd, ELF_C_READ, NULL);
	if (!elf || !gelf_getehdr(elf, &header) || elf_getphdrnum(elf, &nr))
		nr = 0;
	else
		image->entry = header.e_entry;
	for (size_t i = 0; i < nr && gelf_getphdr(elf, (int)i, &segment); i++) {
		if (segment.p_type == PT_LOAD && (segment.p_flags & PF_X))
			note_code(image, &segment);
		if (segment.p_type == PT_INTERP)
			note_interpreter(image, &segment, fd);
	}
	elf_end(elf);
	return image->end > image->start ? 0 : -ENOEXEC;
}
