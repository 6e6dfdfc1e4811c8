// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What the rows of an object cost: ours, from the open file to the finished table, and elfutils',
 * which is asked for each function's first row and then, by the end dwarf_frame_info() gives, for
 * the next; for the CFA and the three registers of a row, which is what a rule is made of. Where
 * the functions are it is told for nothing.
 */
#include <elfutils/libdw.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include "elf/elf_image.h"
#include "elf/fde_ranges.h"
#include "elf/unwind_table.h"

#define ROUNDS 5
#define RBX 3
#define RBP 6
#define RIP 16
#define MIB (1024.0 * 1024)

struct figures {
	double ms;
	size_t rows;
	size_t heap_bytes; /* held when it is done */
};

static double cpu_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return now.tv_sec * 1e3 + now.tv_nsec / 1e6;
}

static size_t heap_bytes(void)
{
	struct mallinfo2 info = mallinfo2();

	return info.uordblks + info.hblkhd;
}

static bool measure_ours(const char *path, struct figures *figures)
{
	size_t heap = heap_bytes();
	double start = cpu_ms();
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct unwind_table table;
	int code = fd < 0 ? fd : unwind_table__build(&table, fd, path, NULL);

	*figures = (struct figures){ .ms = cpu_ms() - start };
	if (!code) {
		figures->rows = table.nr;
		figures->heap_bytes = heap_bytes() - heap;
		unwind_table__fini(&table);
	}
	if (fd >= 0)
		close(fd);
	return !code;
}

/* The rows of one function; false: elfutils can go no further. */
static bool ask_function(Dwarf_CFI *cfi, const struct fde_range *fde, size_t *rows)
{
	static const int registers[] = { RBX, RBP, RIP };
	Dwarf_Addr start, end = fde->start, last = fde->start + fde->size_bytes;
	Dwarf_Op mem[3], *ops;
	Dwarf_Frame *frame;
	bool signal;
	size_t nr;

	for (Dwarf_Addr pc = fde->start; pc < last; pc = end) {
		if (dwarf_cfi_addrframe(cfi, pc, &frame))
			return false;
		dwarf_frame_info(frame, &start, &end, &signal);
		dwarf_frame_cfa(frame, &ops, &nr);
		for (size_t i = 0; i < sizeof(registers) / sizeof(registers[0]); i++)
			dwarf_frame_register(frame, registers[i], mem, &ops, &nr);
		free(frame);
		++*rows;
		if (end <= pc)
			return false;
	}
	return true;
}

static bool measure_theirs(const char *path, struct figures *figures)
{
	struct elf_image image;
	struct fde_ranges fdes;
	size_t heap, failed = 0;
	Dwarf_CFI *cfi;
	double start;

	if (elf_image__open(&image, path, ELF_IMAGE_PROGRAM, NULL))
		return false;
	fde_ranges__init(&fdes, &image);
	*figures = (struct figures){ 0 };
	heap = heap_bytes();
	start = cpu_ms();
	cfi = dwarf_getcfi_elf(image.elf);
	for (size_t i = 0; cfi && i < fdes.nr; i++)
		failed += !ask_function(cfi, &fdes.ranges[i], &figures->rows);
	figures->ms = cpu_ms() - start;
	figures->heap_bytes = heap_bytes() - heap;
	if (failed)
		printf("%s: %zu of %zu functions not to their ends\n", path, failed, fdes.nr);
	if (cfi)
		dwarf_cfi_end(cfi);
	fde_ranges__fini(&fdes);
	elf_image__close(&image);
	return cfi;
}

static int by_ms(const void *a, const void *b)
{
	const struct figures *x = a, *y = b;

	return x->ms < y->ms ? -1 : x->ms > y->ms;
}

/* The round of the median. */
static bool measure(bool (*once)(const char *, struct figures *), const char *path,
		    struct figures *figures)
{
	struct figures rounds[ROUNDS];

	for (int i = 0; i < ROUNDS; i++) {
		if (!once(path, &rounds[i]))
			return false;
	}
	qsort(rounds, ROUNDS, sizeof(rounds[0]), by_ms);
	*figures = rounds[ROUNDS / 2];
	return true;
}

int main(int argc, char **argv)
{
	struct figures ours, theirs;
	int failed = 0;

	printf("%-48s %9s %9s %9s %9s %9s %9s %6s\n", "CPU, median of 5", "rows", "ours ms", "MiB",
	       "asked", "theirs ms", "MiB", "ratio");
	for (int i = 1; i < argc; i++) {
		if (!measure(measure_ours, argv[i], &ours) ||
		    !measure(measure_theirs, argv[i], &theirs)) {
			printf("%-48s has no CFI to be read\n", argv[i]);
			failed = 1;
			continue;
		}
		printf("%-48s %9zu %9.2f %9.1f %9zu %9.2f %9.1f %6.1f\n", argv[i], ours.rows,
		       ours.ms, ours.heap_bytes / MIB, theirs.rows, theirs.ms,
		       theirs.heap_bytes / MIB, theirs.ms / ours.ms);
	}
	return failed;
}
