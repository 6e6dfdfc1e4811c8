/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A captured walk, as tests/stacks/truth_cases.py writes them, and the step's way through it: what
 * it asks for is looked up in the case, and what the case does not hold is not there.
 */
#ifndef RSSTRACE_TESTS_UNWIND_CASE_H
#define RSSTRACE_TESTS_UNWIND_CASE_H

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "unwind_step.h"

#define CASE_NR_REGS 17
#define CASE_REG_BP 6
#define CASE_REG_SP 7
#define CASE_REG_PC 16
#define CASE_MAX 1024 /* words, codes and frames */

struct case_word {
	__u64 addr, value;
	bool is_readable, is_read;
};

struct case_code {
	__u64 pc;
	int end; /* 0: the rule holds; minus an enum stack_end */
	struct unwind_rule rule;
};

struct unwind_target {
	__u64 regs[CASE_NR_REGS];
	struct case_word words[CASE_MAX];
	struct case_code codes[CASE_MAX];
	__u64 frames[CASE_MAX];
	int nr_words, nr_codes, nr_frames, end;
};

static __always_inline int unwind_read(struct unwind_target *target, __u64 addr, __u64 *value)
{
	for (int i = 0; i < target->nr_words; i++) {
		struct case_word *word = &target->words[i];

		if (word->addr != addr)
			continue;
		word->is_read = true;
		*value = word->value;
		return word->is_readable ? 0 : -EFAULT;
	}
	return -EFAULT;
}

static inline const struct case_code *unwind_case__code(const struct unwind_target *target,
							__u64 pc)
{
	for (int i = 0; i < target->nr_codes; i++) {
		if (target->codes[i].pc == pc)
			return &target->codes[i];
	}
	return NULL;
}

static __always_inline int unwind_code(struct unwind_target *target, __u64 pc)
{
	const struct case_code *code = unwind_case__code(target, pc);

	if (!code)
		return -STACK_END_NO_MAPPING;
	return code->end ?: (code->rule.how & 15) != UNWIND_CFA_NONE;
}

static inline bool unwind_case__parse_regs(struct unwind_target *target, const char *text)
{
	char *end;

	for (int i = 0; i < CASE_NR_REGS; i++, text = end) {
		target->regs[i] = strtoull(text, &end, 16);
		if (end == text)
			return false;
	}
	return true;
}

static inline bool unwind_case__parse_code(struct unwind_target *target, const char *text)
{
	struct case_code *code = &target->codes[target->nr_codes];
	unsigned long long pc;
	int rbx, rbp, cfa, how;

	*code = (struct case_code){ 0 };
	switch (sscanf(text, "%llx %d %d %d %d", &pc, &how, &rbx, &rbp, &cfa)) {
	case 5:
		code->rule = (struct unwind_rule){ (__u8)how, (__s8)rbx, (__s16)rbp, cfa };
		break;
	case 2:
		if (how >= 0 || how < -STACK_END_UNSAMPLED)
			return false;
		code->end = how;
		break;
	default:
		return false;
	}
	code->pc = pc;
	target->nr_codes++;
	return true;
}

static inline bool unwind_case__parse_word(struct unwind_target *target, const char *text)
{
	struct case_word *word = &target->words[target->nr_words];
	unsigned long long addr, value = 0;
	bool is_near = *text == '+';
	char not_readable = 0;

	if (sscanf(text + is_near, "%llx %llx", &addr, &value) != 2 &&
	    (sscanf(text + is_near, "%llx %c", &addr, &not_readable) != 2 || not_readable != '-'))
		return false;
	word->addr = addr + (is_near ? target->regs[CASE_REG_SP] : 0);
	word->value = value;
	word->is_readable = !not_readable;
	target->nr_words++;
	return true;
}

static inline bool unwind_case__parse_frame(struct unwind_target *target, const char *text)
{
	char *end;

	target->frames[target->nr_frames++] = strtoull(text, &end, 16);
	return end != text;
}

static inline bool unwind_case__parse_end(struct unwind_target *target, const char *text)
{
	target->end = (int)strtol(text, NULL, 10);
	return target->end > 0;
}

/* One line; false: it is none, or there are too many. */
static inline bool unwind_case__parse_line(struct unwind_target *target, const char *line)
{
	if (target->nr_codes == CASE_MAX || target->nr_words == CASE_MAX ||
	    target->nr_frames == CASE_MAX)
		return false;
	if (!strncmp(line, "regs ", 5))
		return unwind_case__parse_regs(target, line + 5);
	if (!strncmp(line, "code ", 5))
		return unwind_case__parse_code(target, line + 5);
	if (!strncmp(line, "word ", 5))
		return unwind_case__parse_word(target, line + 5);
	if (!strncmp(line, "frame ", 6))
		return unwind_case__parse_frame(target, line + 6);
	if (!strncmp(line, "end ", 4))
		return unwind_case__parse_end(target, line + 4);
	return *line == '#';
}

/* Walk as bpf/unwind.bpf.h and live/stack_copy.c do. Fills @frames, @max at most; *@end: an enum
 * stack_end. */
static inline int unwind_case__walk(struct unwind_target *target, __u64 *frames, int max, int *end)
{
	const __u64 *from = target->regs;
	struct unwind_regs regs = { .ip = from[CASE_REG_PC],
				    .sp = from[CASE_REG_SP],
				    .bp = from[CASE_REG_BP],
				    .bx = from[UNWIND_DWARF_RBX],
				    .exact = 1,
				    .leaf = 1 };
	const struct case_code *code;
	int nr = 0;

	memcpy(regs.leaf_regs, from, sizeof(regs.leaf_regs));
	for (*end = 0; !*end;) {
		if (nr == max) {
			*end = STACK_END_DEPTH;
			break;
		}
		frames[nr++] = regs.ip;
		code = unwind_case__code(target, unwind__pc(&regs));
		if (!code || code->end)
			*end = code ? -code->end : STACK_END_NO_MAPPING;
		else
			*end = unwind__step(target, &regs, &code->rule);
	}
	return nr;
}

#endif
