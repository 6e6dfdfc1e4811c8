// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/regular_file.h"
#include "elf/elf_image.h"

/* A linker makes 4 to 10 of them; lookups walk the list, so a hostile file may not make it long. */
#define MAX_SEGMENTS 256
#define MAX_CODE_SECTIONS 256
#define MAX_BUILD_ID_BYTES 64

static bool machine_is_ours(unsigned int machine)
{
#if defined(__x86_64__)
	return machine == EM_X86_64 || machine == EM_386;
#elif defined(__aarch64__)
	return machine == EM_AARCH64 || machine == EM_ARM;
#else
	(void)machine;
	return true;
#endif
}

Elf *elf_image__begin(const struct elf_image *image, bool mapped)
{
	if (elf_version(EV_CURRENT) == EV_NONE)
		return NULL;
	if (image->bytes)
		return elf_memory(image->bytes, image->size_bytes);
	return elf_begin(image->fd, mapped ? ELF_C_READ_MMAP : ELF_C_READ, NULL);
}

bool elf_image__wake(struct elf_image *image)
{
	if (!image->elf)
		image->elf = elf_image__begin(image, false);
	return image->elf;
}

void elf_image__rest(struct elf_image *image)
{
	elf_end(image->elf);
	image->elf = NULL;
}

static bool within_file(const struct elf_image *image, __u64 offset, __u64 len)
{
	return offset <= image->size_bytes && len <= image->size_bytes - offset;
}

static int check_header(struct elf_image *image, const char *name, struct err *err)
{
	size_t nr_phdr = 0, nr_shdr = 0;
	const GElf_Ehdr *ehdr = &image->ehdr;

	if (!image->elf || elf_kind(image->elf) != ELF_K_ELF ||
	    !gelf_getehdr(image->elf, &image->ehdr))
		return err__set(err, -ENOEXEC, "not an ELF file: \"%s\"", name);
	if (ehdr->e_type != ET_EXEC && ehdr->e_type != ET_DYN)
		return err__set(err, -ENOEXEC, "neither program nor shared library: \"%s\"", name);
	if (!machine_is_ours(ehdr->e_machine))
		return err__set(err, -ENOEXEC, "built for another machine (ELF machine %u): \"%s\"",
				ehdr->e_machine, name);
	if (elf_getphdrnum(image->elf, &nr_phdr) || elf_getshdrnum(image->elf, &nr_shdr) ||
	    !within_file(image, ehdr->e_phoff, (__u64)nr_phdr * ehdr->e_phentsize) ||
	    !within_file(image, ehdr->e_shoff, (__u64)nr_shdr * ehdr->e_shentsize))
		return err__set(err, -ENOEXEC, "truncated ELF file: \"%s\"", name);
	return 0;
}

static int add_segment(struct elf_image *image, const GElf_Phdr *phdr, const char *name,
		       struct err *err)
{
	__u64 memsz = phdr->p_memsz > phdr->p_filesz ? phdr->p_memsz : phdr->p_filesz;
	__u64 end, file_end;

	if (!memsz)
		return 0;
	if (__builtin_add_overflow(phdr->p_vaddr, memsz, &end) ||
	    __builtin_add_overflow(phdr->p_offset, phdr->p_filesz, &file_end))
		return err__set(err, -ENOEXEC, "segment wraps around in ELF file: \"%s\"", name);
	if (image->kind == ELF_IMAGE_PROGRAM && file_end > image->size_bytes)
		return err__set(err, -ENOEXEC, "truncated ELF file: \"%s\"", name);
	if (image->nr_segments == MAX_SEGMENTS)
		return err__set(err, -ENOEXEC, "more than %d segments in ELF file: \"%s\"",
				MAX_SEGMENTS, name);
	image->segments[image->nr_segments++] = (struct elf_segment){
		.offset_bytes = phdr->p_offset,
		.vaddr = phdr->p_vaddr,
		.file_end_vaddr = phdr->p_vaddr + phdr->p_filesz,
		.end_vaddr = end,
		.executable = phdr->p_flags & PF_X,
	};
	return 0;
}

static int read_segments(struct elf_image *image, const char *name, struct err *err)
{
	size_t nr_phdr = 0;
	GElf_Phdr phdr;
	int ret = 0;

	if (elf_getphdrnum(image->elf, &nr_phdr))
		nr_phdr = 0;
	image->segments = calloc(nr_phdr < MAX_SEGMENTS ? nr_phdr + 1 : MAX_SEGMENTS,
				 sizeof(*image->segments));
	if (!image->segments)
		return err__set(err, -ENOMEM, "no memory for \"%s\"", name);
	for (size_t i = 0; i < nr_phdr && !ret; i++) {
		if (gelf_getphdr(image->elf, i, &phdr) && phdr.p_type == PT_LOAD)
			ret = add_segment(image, &phdr, name, err);
	}
	return ret;
}

static bool is_code(const GElf_Shdr *shdr)
{
	return (shdr->sh_flags & (SHF_ALLOC | SHF_EXECINSTR)) == (SHF_ALLOC | SHF_EXECINSTR) &&
	       shdr->sh_size && shdr->sh_addr <= ~0ULL - shdr->sh_size;
}

/* With absurdly many the segments have to do, as in a file without section headers. */
static int read_code_sections(struct elf_image *image, const char *name, struct err *err)
{
	Elf_Scn *scn = NULL;
	GElf_Shdr shdr;

	image->code = calloc(MAX_CODE_SECTIONS, sizeof(*image->code));
	if (!image->code)
		return err__set(err, -ENOMEM, "no memory for \"%s\"", name);
	while ((scn = elf_nextscn(image->elf, scn))) {
		if (!gelf_getshdr(scn, &shdr) || !is_code(&shdr))
			continue;
		if (image->nr_code == MAX_CODE_SECTIONS) {
			image->nr_code = 0;
			break;
		}
		image->code[image->nr_code++] = (struct elf_code_section){
			.vaddr = shdr.sh_addr,
			.end_vaddr = shdr.sh_addr + shdr.sh_size,
		};
	}
	return 0;
}

static int read_headers(struct elf_image *image, const char *name, struct err *err)
{
	int ret;

	elf_image__wake(image);
	ret = check_header(image, name, err);
	if (!ret)
		ret = read_segments(image, name, err);
	if (!ret)
		ret = read_code_sections(image, name, err);
	if (ret)
		elf_image__close(image);
	return ret;
}

int elf_image__open(struct elf_image *image, const char *path, enum elf_image_kind kind,
		    struct err *err)
{
	int fd = regular_file__open(path, 0);
	struct stat st;

	*image = (struct elf_image){ .fd = -1 }; /* as elf_image__close() leaves it */
	if (fd == -ENOEXEC)
		return err__set(err, fd, "not a regular file: \"%s\"", path);
	if (fd < 0)
		return err__set(err, fd, "cannot open \"%s\": %s", path, strerror(-fd));
	image->fd = fd;
	image->kind = kind;
	if (fstat(fd, &st)) {
		fd = err__set(err, -errno, "cannot look at \"%s\": %s", path, strerror(errno));
		elf_image__close(image);
		return fd;
	}
	image->size_bytes = st.st_size;
	return read_headers(image, path, err);
}

int elf_image__open_memory(struct elf_image *image, char *bytes, size_t size_bytes,
			   const char *name, enum elf_image_kind kind, struct err *err)
{
	*image = (struct elf_image){
		.fd = -1, .bytes = bytes, .size_bytes = size_bytes, .kind = kind
	};
	return read_headers(image, name, err);
}

void elf_image__close(struct elf_image *image)
{
	elf_image__rest(image);
	if (image->fd >= 0)
		close(image->fd);
	free(image->bytes);
	free(image->segments);
	free(image->code);
	*image = (struct elf_image){ .fd = -1 };
}

Elf_Scn *elf_image__section(const struct elf_image *image, const char *name, GElf_Shdr *shdr)
{
	Elf_Scn *scn = NULL;
	size_t shstrndx;
	const char *found;

	if (!image->elf || elf_getshdrstrndx(image->elf, &shstrndx))
		return NULL;
	while ((scn = elf_nextscn(image->elf, scn))) {
		if (!gelf_getshdr(scn, shdr))
			continue;
		found = elf_strptr(image->elf, shstrndx, shdr->sh_name);
		if (found && !strcmp(found, name))
			return scn;
	}
	return NULL;
}

Elf_Data *elf_image__section_bytes(const struct elf_image *image, const char *name, GElf_Shdr *shdr)
{
	Elf_Scn *scn = elf_image__section(image, name, shdr);
	Elf_Data *data;

	if (!scn || shdr->sh_type == SHT_NOBITS)
		return NULL;
	data = elf_rawdata(scn, NULL);
	return data && data->d_buf && data->d_size ? data : NULL;
}

bool elf_image__vaddr(const struct elf_image *image, __u64 offset_bytes, __u64 *vaddr)
{
	bool found = false;

	for (size_t i = 0; i < image->nr_segments; i++) {
		const struct elf_segment *seg = &image->segments[i];

		if (offset_bytes < seg->offset_bytes ||
		    offset_bytes - seg->offset_bytes >= seg->file_end_vaddr - seg->vaddr)
			continue;
		if (found && !seg->executable)
			continue;
		*vaddr = seg->vaddr + (offset_bytes - seg->offset_bytes);
		found = true;
		if (seg->executable)
			break;
	}
	return found;
}

const struct elf_segment *elf_image__segment_at(const struct elf_image *image, __u64 vaddr)
{
	for (size_t i = 0; i < image->nr_segments; i++) {
		const struct elf_segment *seg = &image->segments[i];

		if (vaddr >= seg->vaddr && vaddr < seg->end_vaddr)
			return seg;
	}
	return NULL;
}

__u64 elf_image__code_end(const struct elf_image *image, __u64 vaddr)
{
	const struct elf_segment *seg;

	for (size_t i = 0; i < image->nr_code; i++) {
		if (vaddr >= image->code[i].vaddr && vaddr < image->code[i].end_vaddr)
			return image->code[i].end_vaddr;
	}
	if (image->nr_code)
		return 0;
	seg = elf_image__segment_at(image, vaddr);
	return seg && seg->executable ? seg->end_vaddr : 0;
}

static size_t build_id_in(Elf_Data *data, __u8 *buf, size_t cap)
{
	size_t offset = 0, name, desc;
	GElf_Nhdr note;

	while (data && (offset = gelf_getnote(data, offset, &note, &name, &desc)) > 0) {
		if (note.n_type != NT_GNU_BUILD_ID || note.n_namesz != sizeof("GNU") ||
		    memcmp((char *)data->d_buf + name, "GNU", sizeof("GNU")) ||
		    note.n_descsz > MAX_BUILD_ID_BYTES || !note.n_descsz)
			continue;
		memcpy(buf, (char *)data->d_buf + desc, note.n_descsz < cap ? note.n_descsz : cap);
		return note.n_descsz;
	}
	return 0;
}

static size_t build_id_of_sections(const struct elf_image *image, __u8 *buf, size_t cap)
{
	Elf_Scn *scn = NULL;
	GElf_Shdr shdr;
	size_t len;

	while ((scn = elf_nextscn(image->elf, scn))) {
		if (!gelf_getshdr(scn, &shdr) || shdr.sh_type != SHT_NOTE)
			continue;
		len = build_id_in(elf_getdata(scn, NULL), buf, cap);
		if (len)
			return len;
	}
	return 0;
}

size_t elf_image__build_id(const struct elf_image *image, __u8 *buf, size_t cap)
{
	size_t nr_phdr = 0, len;
	GElf_Phdr phdr;

	if (!image->elf)
		return 0;
	/* The segments of a debug file point at bytes that it does not have. */
	if (image->kind == ELF_IMAGE_DEBUG || elf_getphdrnum(image->elf, &nr_phdr))
		nr_phdr = 0;
	for (size_t i = 0; i < nr_phdr; i++) {
		if (!gelf_getphdr(image->elf, i, &phdr) || phdr.p_type != PT_NOTE)
			continue;
		len = build_id_in(
			elf_getdata_rawchunk(image->elf, phdr.p_offset, phdr.p_filesz,
					     phdr.p_align == 8 ? ELF_T_NHDR8 : ELF_T_NHDR),
			buf, cap);
		if (len)
			return len;
	}
	return build_id_of_sections(image, buf, cap);
}

size_t elf_image__memory_bytes(const struct elf_image *image)
{
	return (image->bytes ? image->size_bytes : 0) +
	       image->nr_segments * sizeof(*image->segments) +
	       image->nr_code * sizeof(*image->code);
}
