/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A walk as a case for tests/unit/elf/test_unwind_cases.c: all that include/unwind_step.h asked
 * for, and what came of it. */
#ifndef TESTS_STACKS_TRUTH_CASE_H
#define TESTS_STACKS_TRUTH_CASE_H

#include "truth_process.h"
#include "unwind_truth_abi.h"

struct pcs {
	const __u64 *at;
	__u32 nr;
};

/*
 * Walk the moment of @truth once more, by the step and by tables made here from the files, and tell
 * it as a line of JSON if it finds the kernel side's frames (@ours, @end) or libdwfl's (@theirs):
 *
 *   {"case": "HEX", "is_theirs": BOOL, "end": N, "regs": [N, ...], "words": [[ADDR, VALUE], ...],
 *    "codes": [[PC, RULE], ...], "frames": [[PC, "FILE+0xOFFSET"], ...]}
 *   RULE: [HOW, RBX_WORDS, RBP_OFF, CFA_OFF], or minus the enum stack_end it means
 *
 * @is_theirs: its frames are libdwfl's, to the root. A word that could not be read has no VALUE.
 */
void truth_case__tell(struct process *process, const struct unwind_truth *truth, struct pcs ours,
		      struct pcs theirs, __u32 end);

#endif
