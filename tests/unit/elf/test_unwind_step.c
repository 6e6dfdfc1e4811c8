// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The step the BPF walker takes, compiled for the host: each rule on a made-up stack, and this
 * process's own stack walked by its own tables, against what libgcc's unwinder finds.
 */
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>
#include <cmocka.h>
#include "elf/unwind_table.h"
#include "unwind_step.h"

#define STACK_AT 0x7ffd00001000ULL
#define STACK_WORDS 64
#define CODE_START 0x400000ULL
#define CODE_END 0x500000ULL
#define HOLE_AT 0x480000ULL /* code without a rule from here on */
#define OTHER_STACK (STACK_AT - (64ULL << 20))

struct object {
	__u64 start, end, bias; /* of its code; pc - bias is the file offset */
	struct unwind_table table;
};

/* Made up: words at STACK_AT, and at OTHER_STACK the same again. own: this process instead. */
struct unwind_target {
	__u64 words[STACK_WORDS];
	bool own;
	struct object objects[32];
	int nr_objects;
};

/* Saved registers lie between the sanitizer's red zones. */
__attribute__((no_sanitize_address, noinline)) static __u64 own_word(__u64 addr)
{
	return *(const volatile __u64 *)(uintptr_t)addr;
}

static __always_inline int unwind_read(struct unwind_target *target, __u64 addr, __u64 *value)
{
	__u64 base = addr < STACK_AT ? OTHER_STACK : STACK_AT;

	if (target->own) {
		*value = own_word(addr);
		return 0;
	}
	if (addr < base || addr - base >= sizeof(target->words) || addr % 8)
		return -EFAULT;
	*value = target->words[(addr - base) / 8];
	return 0;
}

static const struct unwind_row *find_row(const struct unwind_target *target, __u64 pc)
{
	for (int i = 0; i < target->nr_objects; i++) {
		const struct object *object = &target->objects[i];

		if (pc >= object->start && pc < object->end)
			return unwind_table__find(&object->table, pc - object->bias);
	}
	return NULL;
}

static __always_inline int unwind_code(struct unwind_target *target, __u64 pc)
{
	if (target->own)
		return find_row(target, pc) ? 1 : -STACK_END_NO_MAPPING;
	if (pc < CODE_START || pc >= CODE_END)
		return -STACK_END_NO_MAPPING;
	return pc < HOLE_AT ? 7 : UNWIND_RULE_ID_NONE;
}

static struct unwind_target target;

static void word(__u64 addr, __u64 value)
{
	target.words[(addr - STACK_AT) / 8] = value;
}

static struct unwind_regs leaf(void)
{
	struct unwind_regs regs = { .ip = CODE_START + 0x100,
				    .sp = STACK_AT,
				    .bp = STACK_AT + 0x80,
				    .bx = 0xb0b,
				    .exact = 1,
				    .leaf = 1 };

	for (int i = 0; i < UNWIND_NR_LEAF_REGS; i++)
		regs.leaf_regs[i] = STACK_AT + 8 * (__u64)i;
	return regs;
}

static int setup(void **state)
{
	(void)state;
	memset(&target, 0, sizeof(target));
	return 0;
}

static struct unwind_rule rule_of(enum unwind_cfa cfa, __s32 off)
{
	return (struct unwind_rule){ .how = (__u8)cfa, .cfa_off = off };
}

static void expect(struct unwind_regs *regs, struct unwind_rule rule, __u64 ip, __u64 sp)
{
	assert_int_equal(unwind__step(&target, regs, &rule), 0);
	assert_int_equal(regs->ip, ip);
	assert_int_equal(regs->sp, sp);
	assert_false(regs->leaf);
}

static void expect_end(struct unwind_regs regs, struct unwind_rule rule, enum stack_end end)
{
	assert_int_equal(unwind__step(&target, &regs, &rule), end);
}

static void test_from_rsp(void **state)
{
	struct unwind_rule rule = rule_of(UNWIND_CFA_RSP, 32);
	struct unwind_regs regs = leaf();

	(void)state;
	rule.how |= UNWIND_RBP_CFA << 4;
	rule.rbp_off = -16;
	rule.rbx_words = -3;
	word(STACK_AT + 8, 0xbbb);
	word(STACK_AT + 16, 0xcafe);
	word(STACK_AT + 24, CODE_START + 5);
	assert_int_equal(unwind__pc(&regs), CODE_START + 0x100);
	expect(&regs, rule, CODE_START + 5, STACK_AT + 32);
	assert_int_equal(regs.bp, 0xcafe);
	assert_int_equal(regs.bx, 0xbbb);
	assert_int_equal(unwind__pc(&regs), CODE_START + 4);
}

/* It went into a register that is not followed: it must not pass for the caller's. */
static void test_rbx_is_lost(void **state)
{
	struct unwind_rule rule = rule_of(UNWIND_CFA_RSP, 32);
	struct unwind_regs regs = leaf();

	(void)state;
	word(STACK_AT + 24, CODE_START + 5);
	regs.bx = 0xbbb;
	expect(&regs, rule, CODE_START + 5, STACK_AT + 32);
	assert_int_equal(regs.bx, 0xbbb);
	regs = leaf();
	regs.bx = 0xbbb;
	rule.rbx_words = UNWIND_RBX_LOST;
	expect(&regs, rule, CODE_START + 5, STACK_AT + 32);
	assert_int_equal(regs.bx, 0);
}

static void test_from_rbp(void **state)
{
	struct unwind_rule rule = rule_of(UNWIND_CFA_RBP, 16);
	struct unwind_regs regs = leaf();

	(void)state;
	rule.how |= UNWIND_RBP_RBP << 4;
	rule.rbp_off = -8;
	word(STACK_AT + 0x78, 0xfeed);
	word(STACK_AT + 0x88, CODE_START + 9);
	expect(&regs, rule, CODE_START + 9, STACK_AT + 0x90);
	assert_int_equal(regs.bp, 0xfeed);
	assert_int_equal(regs.bx, 0xb0b);
}

static void test_from_memory(void **state)
{
	struct unwind_regs regs = leaf();

	(void)state;
	word(STACK_AT + 0x78, STACK_AT + 0x40);
	word(STACK_AT + 0x40, CODE_START + 1);
	expect(&regs, rule_of(UNWIND_CFA_DEREF_RBP, (__s32)((__u32)-8 << 8 | 8)), CODE_START + 1,
	       STACK_AT + 0x48);
	regs = leaf();
	word(STACK_AT + 0x10, STACK_AT + 0x48);
	expect(&regs, rule_of(UNWIND_CFA_DEREF_RSP, 0x10 << 8), CODE_START + 1, STACK_AT + 0x48);
}

static void test_from_plt(void **state)
{
	struct unwind_regs regs = leaf();

	(void)state;
	word(STACK_AT, CODE_START + 1);
	word(STACK_AT + 8, CODE_START + 2);
	regs.ip = CODE_START + 0x10a;
	expect(&regs, rule_of(UNWIND_CFA_PLT, 11), CODE_START + 1, STACK_AT + 8);
	regs = leaf();
	regs.ip = CODE_START + 0x10b;
	expect(&regs, rule_of(UNWIND_CFA_PLT, 11), CODE_START + 2, STACK_AT + 16);
}

static void test_from_register(void **state)
{
	struct unwind_regs regs = leaf();

	(void)state;
	word(STACK_AT + 0x50, CODE_START + 3);
	expect(&regs, rule_of(UNWIND_CFA_REG, 8 << 8 | 10), CODE_START + 3, STACK_AT + 0x58);
	expect_end(regs, rule_of(UNWIND_CFA_REG, 8 << 8 | 10), STACK_END_UNSUPPORTED);
	regs.bx = STACK_AT + 0x58;
	expect(&regs, rule_of(UNWIND_CFA_REG, UNWIND_DWARF_RBX), CODE_START + 3, STACK_AT + 0x58);
}

static void test_from_signal(void **state)
{
	struct unwind_regs regs = leaf();

	(void)state;
	word(STACK_AT + UNWIND_UCONTEXT_RBP, 0xb);
	word(STACK_AT + UNWIND_UCONTEXT_RBX, 0xbb);
	word(STACK_AT + UNWIND_UCONTEXT_RSP, STACK_AT + 0x1f0);
	word(STACK_AT + UNWIND_UCONTEXT_RIP, CODE_START + 77);
	expect(&regs, rule_of(UNWIND_CFA_SIGNAL, 0), CODE_START + 77, STACK_AT + 0x1f0);
	assert_int_equal(regs.bp, 0xb);
	assert_int_equal(regs.bx, 0xbb);
	assert_int_equal(unwind__pc(&regs), CODE_START + 77);
}

static void test_signal_offsets(void **state)
{
	(void)state;
	assert_int_equal(offsetof(ucontext_t, uc_mcontext.gregs[REG_RBP]), UNWIND_UCONTEXT_RBP);
	assert_int_equal(offsetof(ucontext_t, uc_mcontext.gregs[REG_RBX]), UNWIND_UCONTEXT_RBX);
	assert_int_equal(offsetof(ucontext_t, uc_mcontext.gregs[REG_RSP]), UNWIND_UCONTEXT_RSP);
	assert_int_equal(offsetof(ucontext_t, uc_mcontext.gregs[REG_RIP]), UNWIND_UCONTEXT_RIP);
}

static void test_frame_pointer_is_checked(void **state)
{
	const struct unwind_rule rule = rule_of(UNWIND_CFA_FP, 0);
	struct unwind_regs regs = leaf();

	(void)state;
	word(STACK_AT + 0x80, STACK_AT + 0xc0);
	word(STACK_AT + 0x88, CODE_START + 4);
	expect(&regs, rule, CODE_START + 4, STACK_AT + 0x90);
	assert_int_equal(regs.bp, STACK_AT + 0xc0);
	word(STACK_AT + 0x88, 0x1234); /* not code */
	expect_end(leaf(), rule, STACK_END_NO_RULE);
	word(STACK_AT + 0x88, 0);
	expect_end(leaf(), rule, STACK_END_ZERO);
	regs = leaf();
	regs.bp = STACK_AT - 8; /* below the stack pointer */
	expect_end(regs, rule, STACK_END_NO_RULE);
	regs.bp = STACK_AT + UNWIND_MAX_FP_FRAME_BYTES;
	expect_end(regs, rule, STACK_END_NO_RULE);
	regs.bp = STACK_AT + sizeof(target.words);
	expect_end(regs, rule, STACK_END_READ);
}

/* Code without a table and without a frame pointer that returns into add $24,%rsp; ret. */
static void test_epilogue_tells_the_frame(void **state)
{
	const struct unwind_rule rule = rule_of(UNWIND_CFA_FP, 0);
	struct unwind_regs regs = leaf();

	(void)state;
	regs.ip = OTHER_STACK + 0x20; /* made-up memory is there, too */
	regs.exact = 0;
	regs.leaf = 0;
	regs.bp = 1; /* a general register */
	word(STACK_AT + 0x20, 0xaaaaaac318c48348);
	word(STACK_AT + 0x18, CODE_START + 4);
	expect(&regs, rule, CODE_START + 4, STACK_AT + 0x20);
	assert_int_equal(regs.bp, 1);
	regs = leaf();
	regs.ip = OTHER_STACK + 0x20;
	regs.bp = 1;
	expect_end(regs, rule, STACK_END_NO_RULE); /* interrupted there, not called from there */
	regs.exact = 0;
	word(STACK_AT + 0x18, 0x1234); /* not code */
	expect_end(regs, rule, STACK_END_NO_RULE);
	word(STACK_AT + 0x18, CODE_START + 4);
	word(STACK_AT + 0x20, 0xaaaaaac390c48348); /* sub, by another name */
	expect_end(regs, rule, STACK_END_NO_RULE);
}

static void test_other_stack(void **state)
{
	struct unwind_regs regs = leaf();

	(void)state;
	regs.bp = OTHER_STACK + 0x10;
	word(STACK_AT + 0x10, OTHER_STACK + 0x40);
	word(STACK_AT + 0x18, CODE_START + 6);
	expect_end(regs, rule_of(UNWIND_CFA_FP, 0), STACK_END_NO_RULE);
	expect(&regs, rule_of(UNWIND_CFA_SWITCH, 0), CODE_START + 6, OTHER_STACK + 0x20);
}

static void test_hole(void **state)
{
	const struct unwind_rule rule = rule_of(UNWIND_CFA_NONE, 0);
	struct unwind_regs regs = leaf();

	(void)state;
	regs.bp = 0;
	expect_end(regs, rule, STACK_END_ROOT);
	regs = leaf();
	word(STACK_AT, CODE_START + 8); /* a frameless leaf */
	expect(&regs, rule, CODE_START + 8, STACK_AT + 8);
	assert_int_equal(regs.bp, leaf().bp);
	word(STACK_AT,
	     HOLE_AT + 8); /* code, but no proof: the frame pointer, which leads nowhere */
	expect_end(leaf(), rule, STACK_END_ZERO);
	word(STACK_AT + 0x88, HOLE_AT + 8);
	regs = leaf();
	expect(&regs, rule, HOLE_AT + 8, STACK_AT + 0x90);
}

static void test_ends(void **state)
{
	(void)state;
	expect_end(leaf(), rule_of(UNWIND_CFA_STOP, 0), STACK_END_ROOT);
	expect_end(leaf(), rule_of(UNWIND_CFA_UNSUPPORTED, 0), STACK_END_UNSUPPORTED);
	expect_end(leaf(), rule_of(15, 0), STACK_END_UNSUPPORTED);
	expect_end(leaf(), rule_of(UNWIND_CFA_RSP, 8), STACK_END_ZERO);
	expect_end(leaf(), rule_of(UNWIND_CFA_RSP, 1 << 20), STACK_END_READ);
	expect_end(leaf(), rule_of(UNWIND_CFA_RSP, -4096), STACK_END_READ);
}

/* --- this process ----------------------------------------------------------------------------- */

static bool build_table(struct object *object, const struct dl_phdr_info *info)
{
	const char *path = info->dlpi_name[0] ? info->dlpi_name : "/proc/self/exe";
	int fd = open(path, O_RDONLY);
	int code;

	if (fd < 0)
		return false;
	code = unwind_table__build(&object->table, fd, path, NULL);
	close(fd);
	return !code;
}

static int add_object(struct dl_phdr_info *info, size_t size, void *context)
{
	(void)size;
	(void)context;
	for (int i = 0; i < info->dlpi_phnum && target.nr_objects < 32; i++) {
		const ElfW(Phdr) *program = &info->dlpi_phdr[i];
		struct object *object = &target.objects[target.nr_objects];

		if (program->p_type != PT_LOAD || !(program->p_flags & PF_X))
			continue;
		object->start = info->dlpi_addr + program->p_vaddr;
		object->end = object->start + program->p_memsz;
		object->bias = object->start - program->p_offset;
		if (build_table(object, info))
			target.nr_objects++;
	}
	return 0;
}

static int walk(struct unwind_regs *regs, __u64 *frames, int cap)
{
	const struct unwind_row *row;
	int nr = 0, end = 0;

	while (!end && nr < cap) {
		frames[nr++] = regs->ip;
		row = find_row(&target, unwind__pc(regs));
		assert_non_null(row);
		end = unwind__step(&target, regs, &row->rule);
	}
	assert_int_equal(end, STACK_END_ROOT);
	return nr;
}

/* Our frame 0 is this function, at another place in it; a sanitizer puts one of its own in front.
 */
static __attribute__((noinline)) void compare_with_libgcc(void)
{
	void *truth[64];
	__u64 frames[64];
	ucontext_t uc;
	struct unwind_regs regs = { .exact = 1 };
	int nr, nr_truth;

	assert_int_equal(getcontext(&uc), 0);
	regs.ip = (__u64)uc.uc_mcontext.gregs[REG_RIP];
	regs.sp = (__u64)uc.uc_mcontext.gregs[REG_RSP];
	regs.bp = (__u64)uc.uc_mcontext.gregs[REG_RBP];
	regs.bx = (__u64)uc.uc_mcontext.gregs[REG_RBX];
	nr = walk(&regs, frames, 64);
	nr_truth = backtrace(truth, 64);
	assert_true(nr > 5);
	assert_in_range(nr_truth, nr, nr + 1);
	for (int i = 1; i < nr; i++)
		assert_int_equal(frames[nr - i], (uintptr_t)truth[nr_truth - i]);
}

static int nr_compared;

static int compare_in_qsort(const void *a, const void *b)
{
	if (!nr_compared++)
		compare_with_libgcc();
	return *(const int *)a - *(const int *)b;
}

static void compare_in_signal(int number)
{
	int values[] = { 3, 1, 2 };

	(void)number;
	nr_compared = 0;
	qsort(values, 3, sizeof(values[0]), compare_in_qsort);
}

static void test_own_stack(void **state)
{
	struct sigaction action = { .sa_handler = compare_in_signal };

	(void)state;
	target.own = true;
	dl_iterate_phdr(add_object, NULL);
	assert_true(target.nr_objects >= 3);
	compare_in_signal(0);
	assert_true(nr_compared > 0);
	nr_compared = 0;
	assert_int_equal(sigaction(SIGUSR1, &action, NULL), 0);
	raise(SIGUSR1);
	assert_true(nr_compared > 0);
	for (int i = 0; i < target.nr_objects; i++)
		unwind_table__fini(&target.objects[i].table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_from_rsp, setup),
		cmocka_unit_test_setup(test_rbx_is_lost, setup),
		cmocka_unit_test_setup(test_from_rbp, setup),
		cmocka_unit_test_setup(test_from_memory, setup),
		cmocka_unit_test_setup(test_from_plt, setup),
		cmocka_unit_test_setup(test_from_register, setup),
		cmocka_unit_test_setup(test_from_signal, setup),
		cmocka_unit_test_setup(test_signal_offsets, setup),
		cmocka_unit_test_setup(test_frame_pointer_is_checked, setup),
		cmocka_unit_test_setup(test_epilogue_tells_the_frame, setup),
		cmocka_unit_test_setup(test_other_stack, setup),
		cmocka_unit_test_setup(test_hole, setup),
		cmocka_unit_test_setup(test_ends, setup),
		cmocka_unit_test_setup(test_own_stack, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
