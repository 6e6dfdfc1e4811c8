// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Faults at a chosen depth of calls, by a chosen number of different stacks. Without libc, so that
 * the chain of frame pointers, if it is built with them, is whole.
 *
 * Reads orders of 4 bytes: 'f', log2 of the number of stacks to go through in turn, frames, 0; does
 * FAULTS faults and answers with a byte. Ends with its input.
 */
#include <stddef.h>
#include <linux/mman.h>
#include <linux/prctl.h>
#include <asm/unistd.h>
#include "deep.h"

#define PAGE 4096UL
#define OUTER 4 /* frames that are no choice of level(): _start, run, the last level, touch */

static long call(long nr, long a, long b, long c, long d, long e, long f)
{
	register long r10 asm("r10") = d, r8 asm("r8") = e, r9 asm("r9") = f;
	long ret;

	asm volatile("syscall"
		     : "=a"(ret)
		     : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
		     : "rcx", "r11", "memory");
	return ret;
}

static __attribute__((noinline)) long touch(char *page)
{
#ifdef FRAME_POINTERS /* a leaf has none unless it is asked for: bpf_get_stack() would miss its    \
			 caller */
	asm volatile("" : : "r"(__builtin_frame_address(0)));
#endif
	*(volatile char *)page = 1;
	return 0;
}

/* A place to call from, whose return address is its own: the numbers keep the compiler from making
 * one of them all. */
#define PLACE(n)                                                                                   \
	case n:                                                                                    \
		ret = level(left - 1, path >> 8, page);                                            \
		asm volatile("" : "+r"(ret) : "i"(n));                                             \
		break;
#define PLACES_4(n) PLACE(n) PLACE((n) + 1) PLACE((n) + 2) PLACE((n) + 3)
#define PLACES_16(n) PLACES_4(n) PLACES_4((n) + 4) PLACES_4((n) + 8) PLACES_4((n) + 12)
#define PLACES_64(n) PLACES_16(n) PLACES_16((n) + 16) PLACES_16((n) + 32) PLACES_16((n) + 48)

static __attribute__((noinline)) long level(unsigned int left, unsigned long path, char *page)
{
	volatile char room[48]; /* a frame is not always small */
	long ret = 0;

	room[0] = 0;
	if (!left)
		return touch(page) + room[0];
	switch (path & 255) {
		PLACES_64(0)
		PLACES_64(64)
		PLACES_64(128)
		PLACES_64(192)
	}
	return ret + room[0];
}

void run(void);

__attribute__((used)) void run(void)
{
	unsigned long counter = 0;
	unsigned char order[4];
	char *pages;

	call(__NR_prctl, PR_SET_THP_DISABLE, 1, 0, 0, 0, 0);
	pages = (char *)call(__NR_mmap, 0, FAULTS * PAGE, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	while (call(__NR_read, 0, (long)order, sizeof(order), 0, 0, 0) == sizeof(order)) {
		unsigned long mask = (1UL << order[1]) - 1;

		for (unsigned long i = 0; i < FAULTS; i++)
			level(order[2] - OUTER, counter++ & mask, pages + i * PAGE);
		call(__NR_madvise, (long)pages, FAULTS * PAGE, MADV_DONTNEED, 0, 0, 0);
		call(__NR_write, 1, (long)order, 1, 0, 0, 0);
	}
	call(__NR_exit_group, 0, 0, 0, 0, 0, 0);
}

/* The outermost frame, as a C library's: no caller, rbp 0. */
asm(".globl _start\n"
    ".type _start, @function\n"
    "_start:\n"
    ".cfi_startproc\n"
    ".cfi_undefined rip\n"
    "xor %ebp, %ebp\n"
    "and $-16, %rsp\n"
    "call run\n"
    "hlt\n"
    ".cfi_endproc\n"
    ".size _start, .-_start\n");
