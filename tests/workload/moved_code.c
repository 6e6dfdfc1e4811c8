/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Code of a file that comes to be where it is by other ways than mmap(PROT_EXEC): moved by
 * mremap(2), and made executable by an mprotect(2) that begins in code which is known already.
 */
#include <fcntl.h>
#include <unistd.h>
#include "island.h"

#define PAGE ISLAND_BYTES
#define MOVED_BYTES (8 * MIB)

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

int main(int argc, char **argv)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	char *memory, *code, *room;
	off_t offset;

	workload__init(argc, argv);
	offset = island__offset((char *)site_moved);
	if (fd < 0 || (char *)site_made_code - (char *)site_moved != PAGE)
		workload__die("the island");
	memory = workload__map(3 * MOVED_BYTES);
	room = mmap(NULL, 4 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	workload__start();

	code = island__map(fd, NULL, offset, PROT_READ | PROT_EXEC);
	((fill_fn)code)(memory, MOVED_BYTES);
	code = mremap(code, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, room);
	if (code == MAP_FAILED)
		workload__die("mremap");
	((fill_fn)code)(memory + MOVED_BYTES, MOVED_BYTES);

	code = island__map(fd, room + 2 * PAGE, offset, PROT_READ | PROT_EXEC);
	island__map(fd, code + PAGE, offset + PAGE, PROT_READ);
	if (mprotect(code, 2 * PAGE, PROT_READ | PROT_EXEC))
		workload__die("mprotect");
	((fill_fn)(code + PAGE))(memory + 2 * MOVED_BYTES, MOVED_BYTES);

	workload__site("site_moved", 2 * MOVED_BYTES);
	workload__site("site_made_code", MOVED_BYTES);
	return workload__finish();
}
