/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A stack walked by elfutils' libdwfl, for code whose CFI our own tables cannot express: 8 us for
 * some 15 frames once the files are known, ten times what the tables cost.
 *
 * It sees nothing but the files it is given and the memory the caller reads for it: no process, no
 * path, no separate debug file. Files are read by pread, never mapped.
 */
#ifndef RSSTRACE_ELF_DWFL_STACK_H
#define RSSTRACE_ELF_DWFL_STACK_H

#include <stdbool.h>
#include <linux/types.h>

#define DWFL_STACK_NR_REGS 17 /* by DWARF number, the last is the pc; x86-64 */

struct dwfl_stack;

struct dwfl_stack_frame {
	__u64 pc;
	bool exact; /* the next instruction, not a return address: innermost, or interrupted */
};

/* A thread that stands still. read: the word at @addr; false: it is not known. */
struct dwfl_stack_thread {
	const __u64 *regs; /* DWFL_STACK_NR_REGS of them */
	bool (*read)(void *context, __u64 addr, __u64 *word);
	void *context;
};

/* Without files. NULL: no memory. */
struct dwfl_stack *dwfl_stack__new(void);
void dwfl_stack__free(struct dwfl_stack *stack);

/*
 * dwfl_stack__add() - the file @fd, ours from here on also when it fails, has its bytes from
 * @offset on as code at @start. -errno; -ENOEXEC: it is no program that could lie so; -EFBIG.
 * dwfl_stack__ready() - all are added: stacks may be walked. -errno.
 */
int dwfl_stack__add(struct dwfl_stack *stack, int fd, __u64 start, __u64 offset);
int dwfl_stack__ready(struct dwfl_stack *stack);

/*
 * Number of frames up to where libdwfl says the end is: the outermost, by its CFI; but also one
 * whose return address is zero or could not be read, which the caller has to tell from it.
 * -ENODATA: it did not come to an end, or not within @max.
 */
int dwfl_stack__walk(struct dwfl_stack *stack, const struct dwfl_stack_thread *thread,
		     struct dwfl_stack_frame *frames, int max);

#endif
