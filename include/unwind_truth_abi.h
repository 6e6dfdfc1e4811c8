/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a kernel side built with UNWIND_TRUTH tells tests/stacks/stack_truth.c of a walk: what it
 * found, and the registers and the stack it began with, so that somebody else can walk the same
 * moment. Not part of the product, nor of the trace. x86-64.
 */
#ifndef RSSTRACE_UNWIND_TRUTH_ABI_H
#define RSSTRACE_UNWIND_TRUTH_ABI_H

#include "record_abi.h"
#include "unwind_news_abi.h"

#define UNWIND_TRUTH_BYTES (512U << 20)
#define UNWIND_TRUTH_THREAD_PAGES 32U /* what is copied of a stack whose end is not known */
#define UNWIND_TRUTH_DEEP_PAGES 256U
#define UNWIND_TRUTH_MAX_PAGES 1024U
#define UNWIND_TRUTH_EVERY 64U /* of the stacks that are not new: one in so many */

struct unwind_truth {
	__u64 id;      /* of the stack's REC_STACK */
	__u64 nr_lost; /* walks so far that did not fit into the ring */
	__u32 space;
	__u32 pid;
	__u32 tid;
	__u32 nr_pages;	 /* of words; one that could not be read is all zero, as one that is not
			    there */
	__u32 nr_frames; /* 0: not walked, an earlier walk's answer was used again */
	__u32 end;	 /* enum stack_end */
	__u64 start;	 /* address of words[0], a whole page */
	__u64 regs[UNWIND_NR_REGS]; /* by DWARF number, the last is the pc */
	__u64 frames[RSST_MAX_FRAMES];
	__u64 words[];
};

#endif
