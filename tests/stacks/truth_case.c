// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include "truth_case.h"
#include "unwind_step.h"

#define MAX_WORDS 1024
#define MAX_CODES 1024

struct word {
	__u64 addr, value;
	bool is_readable;
};

struct code {
	__u64 pc;
	int end; /* minus an enum stack_end, or 0: the rule holds */
	struct unwind_rule rule;
};

struct unwind_target {
	struct process *process;
	const struct unwind_truth *truth;
	struct word words[MAX_WORDS]; /* that the step asked for, each once */
	struct code codes[MAX_CODES]; /* the same */
	__u32 nr_words, nr_codes;
	__u64 frames[RSST_MAX_FRAMES];
	__u32 nr_frames;
	int end;
};

static struct unwind_target target;

/* What the copy does not hold is looked at where it is: a stack Go left, code a JIT made. It may
 * have changed since; then so have the frames. */
static bool read_there(__u64 addr, __u64 *value)
{
	struct iovec to = { .iov_base = value, .iov_len = sizeof(*value) };
	struct iovec from = { .iov_base = (void *)addr, .iov_len = sizeof(*value) };

	return process_vm_readv((pid_t)target.truth->pid, &to, 1, &from, 1, 0) == sizeof(*value);
}

static bool read_word(__u64 addr, __u64 *value)
{
	__u64 offset = addr - target.truth->start;
	__u64 bytes = (__u64)target.truth->nr_pages * UNWIND_COPY_PAGE_BYTES;

	if (addr < target.truth->start || bytes < 8 || offset > bytes - 8)
		return read_there(addr, value);
	memcpy(value, (const char *)target.truth->words + offset, sizeof(*value));
	return true;
}

static __always_inline int unwind_read(struct unwind_target *t, __u64 addr, __u64 *value)
{
	struct word *word = t->words;

	while (word < t->words + t->nr_words && word->addr != addr)
		word++;
	if (word == t->words + MAX_WORDS)
		return -1;
	if (word == t->words + t->nr_words) {
		word->addr = addr;
		word->is_readable = read_word(addr, &word->value);
		t->nr_words++;
	}
	*value = word->value;
	return word->is_readable ? 0 : -1;
}

/* NULL: there are too many. */
static const struct code *code_at(struct unwind_target *t, __u64 pc)
{
	struct code *code = t->codes;

	while (code < t->codes + t->nr_codes && code->pc != pc)
		code++;
	if (code == t->codes + MAX_CODES)
		return NULL;
	if (code == t->codes + t->nr_codes) {
		code->pc = pc;
		code->end = process__rule(t->process, pc, &code->rule);
		t->nr_codes++;
	}
	return code;
}

static __always_inline int unwind_code(struct unwind_target *t, __u64 pc)
{
	const struct code *code = code_at(t, pc);

	if (!code)
		return -STACK_END_NO_MAPPING;
	return code->end ?: (code->rule.how & 15) != UNWIND_CFA_NONE;
}

static void walk(struct unwind_target *t)
{
	const __u64 *from = t->truth->regs;
	struct unwind_regs regs = { .ip = from[UNWIND_REG_PC],
				    .sp = from[UNWIND_REG_SP],
				    .bp = from[6],
				    .bx = from[UNWIND_DWARF_RBX],
				    .exact = 1,
				    .leaf = 1 };
	const struct code *code;

	memcpy(regs.leaf_regs, from, sizeof(regs.leaf_regs));
	while (!t->end) {
		if (t->nr_frames == RSST_MAX_FRAMES) {
			t->end = STACK_END_DEPTH;
			return;
		}
		t->frames[t->nr_frames++] = regs.ip;
		code = code_at(t, unwind__pc(&regs));
		if (!code || code->end)
			t->end = code ? -code->end : STACK_END_DEPTH;
		else
			t->end = unwind__step(t, &regs, &code->rule);
	}
}

static bool has_found(const struct unwind_target *t, struct pcs pcs)
{
	return pcs.nr == t->nr_frames && !memcmp(pcs.at, t->frames, pcs.nr * sizeof(*pcs.at));
}

static void tell_code(const struct code *code, const char *before)
{
	const struct unwind_rule *rule = &code->rule;

	printf("%s[%llu, ", before, (unsigned long long)code->pc);
	if (code->end)
		printf("%d]", code->end);
	else
		printf("[%u, %d, %d, %d]]", rule->how, rule->rbx_words, rule->rbp_off,
		       rule->cfa_off);
}

static void tell(const struct unwind_target *t, bool is_theirs)
{
	printf("{\"case\": \"0x%llx\", \"is_theirs\": %s, \"end\": %d, \"regs\": [",
	       (unsigned long long)t->truth->id, is_theirs ? "true" : "false", t->end);
	for (int i = 0; i < UNWIND_NR_REGS; i++)
		printf("%s%llu", i ? ", " : "", (unsigned long long)t->truth->regs[i]);
	printf("], \"words\": [");
	for (__u32 i = 0; i < t->nr_words; i++) {
		printf("%s[%llu", i ? ", " : "", (unsigned long long)t->words[i].addr);
		if (t->words[i].is_readable)
			printf(", %llu", (unsigned long long)t->words[i].value);
		printf("]");
	}
	printf("], \"codes\": [");
	for (__u32 i = 0; i < t->nr_codes; i++)
		tell_code(&t->codes[i], i ? ", " : "");
	printf("], \"frames\": [");
	for (__u32 i = 0; i < t->nr_frames; i++) {
		printf("%s[%llu, \"", i ? ", " : "", (unsigned long long)t->frames[i]);
		process__tell_place(t->process, t->frames[i], !i);
		printf("\"]");
	}
	printf("]}\n");
}

void truth_case__tell(struct process *process, const struct unwind_truth *truth, struct pcs ours,
		      struct pcs theirs, __u32 end)
{
	bool is_theirs;

	memset(&target, 0, sizeof(target));
	target.process = process;
	target.truth = truth;
	walk(&target);
	is_theirs = target.end == STACK_END_ROOT && has_found(&target, theirs);
	if (is_theirs || ((__u32)target.end == end && has_found(&target, ours)))
		tell(&target, is_theirs);
}
