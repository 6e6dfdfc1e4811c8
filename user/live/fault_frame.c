// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <bpf/libbpf.h>
#include "live/fault_frame.h"

#define HUGE_BYTES (2UL << 20)

/* Pages of one kind that the kernel maps when they are touched. */
struct kind {
	int flags; /* of mmap(2) */
	bool file; /* of our own program: its first page */
	bool write;
	int advice;   /* 0: none */
	size_t bytes; /* each page of them is touched */
};

/* Each goes a way of its own to where it is mapped (mm/memory.c, mm/huge_memory.c), the first of an
 * anonymous mapping another than the next: there is nothing yet to hang pages on. */
static const struct kind kinds[] = {
	{ MAP_PRIVATE | MAP_ANONYMOUS, false, true, MADV_NOHUGEPAGE, 16384 },
	{ MAP_SHARED | MAP_ANONYMOUS, false, true, MADV_NOHUGEPAGE, 16384 },
	{ MAP_PRIVATE, true, false, 0, 4096 },
	{ MAP_PRIVATE, true, true, 0, 4096 }, /* a copy of the file's page */
	{ MAP_PRIVATE | MAP_ANONYMOUS, false, true, MADV_HUGEPAGE, 4096 },
};

/* A fault at @at, told to the program before. */
static void touch(volatile struct kernel_dialog *dialog, volatile char *at, bool write)
{
	dialog->learn_addr = (uintptr_t)at;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (write)
		*at = 1;
	else
		(void)*at;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	dialog->learn_addr = 0;
}

/* Where nothing can be mapped nothing is learned. */
static void touch_kind(volatile struct kernel_dialog *dialog, const struct kind *kind)
{
	size_t mapped = HUGE_BYTES * (kind->advice == MADV_HUGEPAGE ? 2 : 1);
	FILE *file = kind->file ? fopen("/proc/self/exe", "re") : NULL;
	char *start, *at;

	if (kind->file && !file)
		return;
	start = mmap(NULL, mapped, PROT_READ | (kind->write ? PROT_WRITE : 0), kind->flags,
		     file ? fileno(file) : -1, 0);
	if (file)
		fclose(file);
	if (start == MAP_FAILED)
		return;
	if (kind->advice)
		(void)!madvise(start, mapped, kind->advice);
	at = start;
	if (kind->advice == MADV_HUGEPAGE)
		at += -(uintptr_t)start & (HUGE_BYTES - 1);
	for (size_t i = 0; i < kind->bytes; i += 4096)
		touch(dialog, at + i + 8, kind->write); /* inside a page: not its address */
	munmap(start, mapped);
}

bool fault_frame__learn(const struct kernel_object *object)
{
	volatile struct kernel_dialog *dialog = object->dialog;
	struct bpf_link *link;

	dialog->ask_tgid = getpid();
	link = bpf_program__attach(object->learn_fault_frame);
	if (!link)
		return false;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		touch_kind(dialog, &kinds[i]);
	bpf_link__destroy(link);
	if (dialog->learned_other || dialog->learned_times < sizeof(kinds) / sizeof(kinds[0]))
		return false;
	dialog->fault_frame = dialog->learned_frame;
	return true;
}
