/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Code of a file that comes to be where it is by other ways than mmap(PROT_EXEC): moved by
 * mremap(2), and made executable by an mprotect(2) that begins in code which is known already.
 */
#include <fcntl.h>
#include <link.h>
#include <unistd.h>
#include "workload.h"

#define PAGE 4096
#define MOVED_BYTES (8 * MIB)

typedef void (*fill_fn)(char *at, unsigned long bytes);

#define ISLAND SITE __attribute__((aligned(PAGE), section(".text.island")))

/* A page each, and nothing in them that depends on where they are. */
ISLAND void site_moved(char *at, unsigned long bytes)
{
	workload__touch(at, bytes);
	SITE_RETURN();
}

ISLAND void site_made_code(char *at, unsigned long bytes)
{
	workload__touch(at, bytes);
	SITE_RETURN();
}

static int find_offset(struct dl_phdr_info *info, size_t size, void *offset)
{
	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
		unsigned long start = info->dlpi_addr + segment->p_vaddr;

		if (segment->p_type == PT_LOAD && (unsigned long)site_moved >= start &&
		    (unsigned long)site_moved < start + segment->p_filesz)
			*(off_t *)offset =
				(off_t)((unsigned long)site_moved - start + segment->p_offset);
	}
	return 1; /* the program itself comes first */
}

static char *map_island(int fd, char *at, off_t offset, int prot)
{
	char *map = mmap(at, PAGE, prot, MAP_PRIVATE | (at ? MAP_FIXED : 0), fd, offset);

	if (map == MAP_FAILED)
		workload__die("mmap of code");
	return map;
}

int main(int argc, char **argv)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	char *memory, *code, *room;
	off_t offset = -1;

	workload__init(argc, argv);
	dl_iterate_phdr(find_offset, &offset);
	if (fd < 0 || offset % PAGE || (char *)site_made_code - (char *)site_moved != PAGE)
		workload__die("the island");
	memory = workload__map(3 * MOVED_BYTES);
	room = mmap(NULL, 4 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	workload__start();

	code = map_island(fd, NULL, offset, PROT_READ | PROT_EXEC);
	((fill_fn)code)(memory, MOVED_BYTES);
	code = mremap(code, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, room);
	if (code == MAP_FAILED)
		workload__die("mremap");
	((fill_fn)code)(memory + MOVED_BYTES, MOVED_BYTES);

	code = map_island(fd, room + 2 * PAGE, offset, PROT_READ | PROT_EXEC);
	map_island(fd, code + PAGE, offset + PAGE, PROT_READ);
	if (mprotect(code, 2 * PAGE, PROT_READ | PROT_EXEC))
		workload__die("mprotect");
	((fill_fn)(code + PAGE))(memory + 2 * MOVED_BYTES, MOVED_BYTES);

	workload__site("site_moved", 2 * MOVED_BYTES);
	workload__site("site_made_code", MOVED_BYTES);
	return workload__finish();
}
