// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* libdwfl's walk of this very stack, through a function whose CFA only an expression tells. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/uio.h>
#include <ucontext.h>
#include <unistd.h>
#include <cmocka.h>
#include "elf/dwfl_stack.h"

#define MAX 64

struct walk {
	const char *here; /* lies in the outermost function of the test */
	__u64 hidden;	  /* a word that cannot be read */
	bool has_files;
	struct dwfl_stack_frame frames[MAX];
	int nr, max;
};

int odd_frame(struct walk *walk, int (*call)(struct walk *));

/* The CFA is *(rsp + 8 * r12 + 16) + 16. */
__asm__(".text\n"
	".type odd_frame, @function\n"
	"odd_frame:\n"
	"	.cfi_startproc\n"
	"	push %r12\n"
	"	.cfi_adjust_cfa_offset 8\n"
	"	.cfi_offset %r12, -16\n"
	"	mov %rsp, %rax\n"
	"	.cfi_def_cfa_register %rax\n"
	"	mov $5, %r12d\n"
	"	sub $128, %rsp\n"
	"	mov %rax, 16(%rsp,%r12,8)\n"
	"	.cfi_escape 0x0f, 10, 0x77, 16, 0x7c, 0, 0x38, 0x1e, 0x22, 0x06, 0x23, 16\n"
	"	call *%rsi\n"
	"odd_return:\n"
	"	mov 16(%rsp,%r12,8), %rsp\n"
	"	.cfi_def_cfa %rsp, 16\n"
	"	pop %r12\n"
	"	.cfi_def_cfa_offset 8\n"
	"	.cfi_restore %r12\n"
	"	ret\n"
	"	.cfi_endproc\n"
	".size odd_frame, . - odd_frame\n");
extern const char odd_return[];

static bool read_own(void *context, __u64 addr, __u64 *word)
{
	const struct walk *walk = context;
	struct iovec to = { .iov_base = word, .iov_len = sizeof(*word) };
	struct iovec from = { .iov_base = (void *)addr, .iov_len = sizeof(*word) };

	if (addr == walk->hidden)
		return false;
	return process_vm_readv(getpid(), &to, 1, &from, 1, 0) == sizeof(*word);
}

static void add_files(struct dwfl_stack *stack, const struct walk *walk)
{
	unsigned long long start, end, offset;
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[4400], path[4096], prot[5];

	assert_non_null(maps);
	while (walk->has_files && fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%llx-%llx %4s %llx %*s %*s %4095s", &start, &end, prot, &offset,
			   path) != 5 ||
		    prot[2] != 'x' || path[0] != '/')
			continue;
		assert_int_equal(
			dwfl_stack__add(stack, open(path, O_RDONLY | O_CLOEXEC), start, offset), 0);
	}
	fclose(maps);
}

static void take_regs(const ucontext_t *own, __u64 *regs)
{
	static const int order[] = { REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI, REG_RDI,
				     REG_RBP, REG_RSP, REG_R8,	REG_R9,	 REG_R10, REG_R11,
				     REG_R12, REG_R13, REG_R14, REG_R15, REG_RIP };

	for (int i = 0; i < DWFL_STACK_NR_REGS; i++)
		regs[i] = (__u64)own->uc_mcontext.gregs[order[i]];
}

static __attribute__((noinline)) int walk_from_here(struct walk *walk)
{
	struct dwfl_stack *stack = dwfl_stack__new();
	__u64 regs[DWFL_STACK_NR_REGS];
	const struct dwfl_stack_thread thread = { .regs = regs, .read = read_own, .context = walk };
	ucontext_t own;

	assert_non_null(stack);
	add_files(stack, walk);
	walk->nr = dwfl_stack__ready(stack);
	getcontext(&own);
	take_regs(&own, regs);
	for (int i = 0; i < 2 && walk->nr >= 0; i++) /* what it keeps is good for the next */
		walk->nr = dwfl_stack__walk(stack, &thread, walk->frames, walk->max);
	dwfl_stack__free(stack);
	return walk->nr;
}

static __attribute__((noinline)) int through_odd_frame(struct walk *walk)
{
	int nr = odd_frame(walk, walk_from_here);

	walk->here = __builtin_return_address(0);
	return nr;
}

static void the_whole_stack_is_found(void **state)
{
	struct walk walk = { .has_files = true, .max = MAX };

	(void)state;
	assert_true(through_odd_frame(&walk) > 5);
	assert_true(walk.frames[0].exact);
	assert_false(walk.frames[1].exact);
	assert_int_equal(walk.frames[1].pc, (uintptr_t)odd_return);
	assert_int_equal(walk.frames[3].pc, (uintptr_t)walk.here);
}

static void a_part_is_no_answer(void **state)
{
	struct walk walk = { .has_files = true, .max = 3 };

	(void)state;
	assert_int_equal(through_odd_frame(&walk), -ENODATA);
}

/* It is no error to elfutils 0.188. Whoever asks has to look at where it ends. Looks for the word
 * in its callers' frames. */
__attribute__((no_sanitize("address"))) static void
what_cannot_be_read_looks_like_the_end(void **state)
{
	struct walk walk = { .has_files = true, .max = MAX };
	int nr = through_odd_frame(&walk);

	(void)state;
	assert_true(nr > 5);
	for (const __u64 *word = (const __u64 *)&walk; !walk.hidden; word++)
		walk.hidden = *word == walk.frames[4].pc && (const char *)word > (char *)(&walk + 1)
				      ? (uintptr_t)word
				      : 0;
	assert_int_not_equal(through_odd_frame(&walk), nr);
}

static void without_files_there_is_none(void **state)
{
	struct walk walk = { .max = MAX };

	(void)state;
	assert_true(through_odd_frame(&walk) < 0);
}

static void what_is_no_program_is_refused(void **state)
{
	struct dwfl_stack *stack = dwfl_stack__new();

	(void)state;
	assert_non_null(stack);
	assert_int_equal(dwfl_stack__add(stack, open("/proc/self/maps", O_RDONLY), 0x1000, 0),
			 -ENOEXEC);
	assert_int_equal(dwfl_stack__add(stack, open("/proc/self/exe", O_RDONLY), 0x1000, 1 << 30),
			 -ENOEXEC);
	assert_int_equal(dwfl_stack__add(stack, open("/proc/self/exe", O_RDONLY), ~0xfffULL, 0),
			 -ENOEXEC);
	dwfl_stack__free(stack);
}

static void files_nobody_asked_for_are_closed(void **state)
{
	int before = dup(0), after;
	struct walk walk = { .has_files = true };
	struct dwfl_stack *stack = dwfl_stack__new();

	(void)state;
	close(before);
	assert_non_null(stack);
	add_files(stack, &walk);
	dwfl_stack__ready(stack);
	dwfl_stack__free(stack);
	after = dup(0);
	close(after);
	assert_int_equal(before, after);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_whole_stack_is_found),
		cmocka_unit_test(a_part_is_no_answer),
		cmocka_unit_test(what_cannot_be_read_looks_like_the_end),
		cmocka_unit_test(without_files_there_is_none),
		cmocka_unit_test(what_is_no_program_is_refused),
		cmocka_unit_test(files_nobody_asked_for_are_closed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
