/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Code of a file that nobody has seen before, with so many functions that its unwind table takes
 * some 30 ms, is run through on more than a thousand paths at once.
 */
#include <fcntl.h>
#include <sys/sendfile.h>
#include <unistd.h>
#include "island.h"

#define BRANCHES 6
#define PATHS (BRANCHES * BRANCHES * BRANCHES * BRANCHES)

/* Each with a program of its own: what they do does not matter, they never run. */
__asm__(".pushsection .text.many, \"ax\", @progbits\n"
	".rept 100000\n"
	".cfi_startproc\n"
	"push %rbx\n"
	".cfi_def_cfa_offset 16\n"
	"pop %rbx\n"
	".cfi_def_cfa_offset 8\n"
	"ret\n"
	".cfi_endproc\n"
	".endr\n"
	".popsection\n");

/* Touches the @bytes at @at a page a path; each call is a way of its own. */
ISLAND void site_paths(char *at, unsigned long bytes)
{
	unsigned long part = bytes / BRANCHES;

	if (bytes == WORKLOAD_PAGE) {
		workload__touch(at, bytes);
		SITE_RETURN();
		return;
	}
	site_paths(at, part);
	site_paths(at + part, part);
	site_paths(at + 2 * part, part);
	site_paths(at + 3 * part, part);
	site_paths(at + 4 * part, part);
	site_paths(at + 5 * part, part);
	SITE_RETURN();
}

/* A copy of this program is another file. */
static int copy_of_us(void)
{
	char path[] = "/tmp/many-paths-XXXXXX";
	int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), to = mkostemp(path, O_CLOEXEC);
	off_t end;

	if (from < 0 || to < 0 || unlink(path))
		workload__die("a copy of the program");
	end = lseek(from, 0, SEEK_END);
	for (off_t at = 0; at < end;) {
		if (sendfile(to, from, &at, (size_t)(end - at)) <= 0)
			workload__die("a copy of the program");
	}
	close(from);
	return to;
}

int main(int argc, char **argv)
{
	char *memory, *code;
	off_t offset;
	int fd;

	workload__init(argc, argv);
	offset = island__offset((char *)site_paths);
	memory = workload__map(PATHS * WORKLOAD_PAGE);
	if (madvise(memory, PATHS * WORKLOAD_PAGE, MADV_NOHUGEPAGE))
		workload__die("madvise");
	fd = copy_of_us();
	workload__start();
	code = island__map(fd, NULL, offset, PROT_READ | PROT_EXEC);
	((fill_fn)code)(memory, PATHS * WORKLOAD_PAGE);
	workload__site("site_paths", PATHS * WORKLOAD_PAGE + ISLAND_BYTES); /* and its own page */
	return workload__finish();
}
