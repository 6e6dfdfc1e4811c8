/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A process as stack_truth looks at it: its files, as libdwfl knows them, and what a JIT made in
 * it. */
#ifndef TESTS_STACKS_TRUTH_PROCESS_H
#define TESTS_STACKS_TRUTH_PROCESS_H

#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>
#include <stdbool.h>
#include <sys/types.h>
#include <linux/types.h>
#include <uthash.h>
#include "unwind_abi.h"

#define PAGE_BYTES 4096U
#define MAX_NO_FILE 64

/* A page of code that is in no file, as it was when we looked last. */
struct code_page {
	__u64 number;
	unsigned char bytes[PAGE_BYTES];
	UT_hash_handle hh;
};

struct range {
	__u64 start, end;
};

struct process {
	__u32 space;
	Dwfl *dwfl; /* NULL: it was over before we could look */
	struct code_page *pages;
	struct range no_file[MAX_NO_FILE]; /* code that was in none when we looked last */
	__u32 nr_no_file;
	struct module_table *tables; /* that process__rule() was asked for */
	UT_hash_handle hh;
};

/* @memory, or the end. */
void *process__checked(void *memory);

struct process *process__new(__u32 space, pid_t pid, const Dwfl_Thread_Callbacks *callbacks);

/*
 * Show libdwfl what was mapped since, if there is a frame whose file it does not know, and keep
 * what a JIT made while it is there. False: the process is over.
 */
bool process__keep_up(struct process *process, pid_t pid, const __u64 *pcs, __u32 nr);

/* The rule of the product's tables for @pc: 0, or minus the enum stack_end it means. */
int process__rule(struct process *process, __u64 pc, struct unwind_rule *rule);

/* Print where the code at @pc is in a file: NAME+0xOFFSET, of a return address the byte before it;
 * or nothing. */
void process__tell_place(const struct process *process, __u64 pc, bool innermost);

/*
 * Print [PC, HAS_CFI, "CODE"]. The PC of all frames but the innermost is a return address. HAS_CFI:
 * libdwfl has a rule for the code; where not, it takes rbp for a frame pointer. CODE, where PC is
 * in no file: what was in memory there, 8 bytes before it and 9 from it on, in hexadecimal, if
 * there is anything.
 */
void process__tell_frame(const struct process *process, __u64 pc, bool innermost);

/* Print {"space": N, "code": [[START, END, OFFSET, "FILE"], ...]} and the end of the line. */
void process__tell_code(const struct process *process);

#endif
