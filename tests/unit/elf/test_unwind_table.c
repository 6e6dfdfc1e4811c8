// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The tables against elfutils: at random pcs of this machine's own objects, a step up a made-up
 * stack with our rule must give what evaluating elfutils' description of the frame gives.
 */
#include <dlfcn.h>
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <fcntl.h>
#include <gelf.h>
#include <link.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "elf/unwind_table.h"
#include "unwind_step.h"

#define NR_PCS 20000
#define MAX_OPS 64
#define UNKNOWN_GAP_BYTES 16 /* holes below this have no row of their own */
#define RBP 6
#define RSP 7
#define RIP 16

/* The made-up target: memory holds at each address a value that depends on nothing but the address.
 */
struct unwind_target {
	int unused;
};

static __u64 memory_at(__u64 addr)
{
	__u64 value = addr * 0x9e3779b97f4a7c15ULL;

	return (value ^ value >> 29) | 1;
}

static __always_inline int unwind_read(struct unwind_target *target, __u64 addr, __u64 *value)
{
	(void)target;
	*value = memory_at(addr);
	return 0;
}

static __always_inline int unwind_code(struct unwind_target *target, __u64 pc)
{
	(void)target;
	(void)pc;
	return -STACK_END_NO_MAPPING;
}

struct object {
	char path[4096];
	struct unwind_table table;
	Elf *elf;
	Dwarf_CFI *cfi;
	GElf_Phdr code;
	__u64 startup[2][2]; /* .init and .fini, link-time */
	unsigned int same, unknown, unsupported, rbx_lost;
};

/* --- evaluating what elfutils says ------------------------------------------------------------ */

struct evaluation {
	__u64 stack[MAX_OPS];
	unsigned int depth;
	const __u64 *regs; /* by DWARF number, 17 of them */
	__u64 cfa;
};

static __u64 pop(struct evaluation *ev)
{
	assert_true(ev->depth > 0);
	return ev->stack[--ev->depth];
}

static void push(struct evaluation *ev, __u64 value)
{
	assert_true(ev->depth < MAX_OPS);
	ev->stack[ev->depth++] = value;
}

static void evaluate_binary(struct evaluation *ev, unsigned int atom)
{
	__u64 b = pop(ev), a = pop(ev);

	switch (atom) {
	case DW_OP_and:
		push(ev, a & b);
		break;
	case DW_OP_plus:
		push(ev, a + b);
		break;
	case DW_OP_mul:
		push(ev, a * b);
		break;
	case DW_OP_minus:
		push(ev, a - b);
		break;
	case DW_OP_shl:
		push(ev, a << b);
		break;
	case DW_OP_ge:
		push(ev, (__s64)a >= (__s64)b);
		break;
	default:
		fail_msg("expression with operation 0x%x", atom);
	}
}

static void evaluate_op(struct evaluation *ev, const Dwarf_Op *op)
{
	if (op->atom >= DW_OP_lit0 && op->atom <= DW_OP_lit31) {
		push(ev, op->atom - DW_OP_lit0);
		return;
	}
	if (op->atom >= DW_OP_breg0 && op->atom <= DW_OP_breg16) {
		push(ev, ev->regs[op->atom - DW_OP_breg0] + op->number);
		return;
	}
	switch (op->atom) {
	case DW_OP_bregx:
		assert_true(op->number <= RIP);
		push(ev, ev->regs[op->number] + op->number2);
		break;
	case DW_OP_call_frame_cfa:
		push(ev, ev->cfa);
		break;
	case DW_OP_plus_uconst:
		push(ev, pop(ev) + op->number);
		break;
	case DW_OP_deref:
		push(ev, memory_at(pop(ev)));
		break;
	default:
		evaluate_binary(ev, op->atom);
	}
}

static __u64 evaluate(const Dwarf_Op *ops, size_t nr, const __u64 *regs, __u64 cfa)
{
	struct evaluation ev = { .regs = regs, .cfa = cfa };

	for (size_t i = 0; i < nr; i++)
		evaluate_op(&ev, &ops[i]);
	return pop(&ev);
}

/* The caller's value of a register, or *@undefined. */
static __u64 caller_register(Dwarf_Frame *frame, int number, const __u64 *regs, __u64 cfa,
			     bool *undefined)
{
	Dwarf_Op mem[3], *ops;
	size_t nr;

	*undefined = false;
	assert_int_equal(dwarf_frame_register(frame, number, mem, &ops, &nr), 0);
	if (!nr) {
		*undefined = ops != NULL;
		return regs[number];
	}
	if (ops[0].atom == DW_OP_regx)
		return regs[ops[0].number % RIP];
	if (ops[nr - 1].atom == DW_OP_stack_value)
		return evaluate(ops, nr - 1, regs, cfa);
	return memory_at(evaluate(ops, nr, regs, cfa));
}

/* --- one pc ----------------------------------------------------------------------------------- */

static void make_registers(__u64 *regs, __u64 pc)
{
	for (int i = 0; i < RIP; i++)
		regs[i] = 0x7ff000000000ULL + (__u64)i * 0x10000;
	regs[RIP] = pc;
}

static void start_step(struct unwind_regs *step, const __u64 *regs)
{
	*step = (struct unwind_regs){ .ip = regs[RIP],
				      .sp = regs[RSP],
				      .bp = regs[RBP],
				      .bx = regs[UNWIND_DWARF_RBX],
				      .exact = 1,
				      .leaf = 1 };
	memcpy(step->leaf_regs, regs, sizeof(step->leaf_regs));
}

static void compare_step(struct object *object, Dwarf_Frame *frame, __u64 pc,
			 const struct unwind_rule *rule)
{
	struct unwind_target target = { 0 };
	struct unwind_regs step;
	__u64 regs[RIP + 1], cfa, rbp, rbx, ra;
	bool rbp_undefined, rbx_undefined, ra_undefined, rbx_lost;
	Dwarf_Op *ops;
	size_t nr;
	int end;

	make_registers(regs, pc);
	assert_int_equal(dwarf_frame_cfa(frame, &ops, &nr), 0);
	cfa = evaluate(ops, nr, regs, 0);
	rbp = caller_register(frame, RBP, regs, cfa, &rbp_undefined);
	rbx = caller_register(frame, UNWIND_DWARF_RBX, regs, cfa, &rbx_undefined);
	ra = caller_register(frame, RIP, regs, cfa, &ra_undefined);
	if ((rule->how & 15) == UNWIND_CFA_UNSUPPORTED) {
		object->unsupported++;
		return;
	}
	start_step(&step, regs);
	end = unwind__step(&target, &step, rule);
	rbx_lost = rule->rbx_words == UNWIND_RBX_LOST;
	object->rbx_lost += rbx_lost;
	if (ra_undefined) {
		assert_int_equal(end, STACK_END_ROOT);
	} else if (end || step.ip != ra || step.sp != cfa || (!rbp_undefined && step.bp != rbp) ||
		   (!rbx_undefined && step.bx != (rbx_lost ? 0 : rbx))) {
		fail_msg("%s: at 0x%llx end %d, cfa 0x%llx for 0x%llx, rbx 0x%llx for 0x%llx",
			 object->path, (unsigned long long)pc, end, (unsigned long long)step.sp,
			 (unsigned long long)cfa, (unsigned long long)step.bx,
			 (unsigned long long)rbx);
	}
	object->same++;
}

static bool in_startup(const struct object *object, __u64 pc)
{
	for (int i = 0; i < 2; i++) {
		if (pc >= object->startup[i][0] && pc < object->startup[i][1] + UNKNOWN_GAP_BYTES)
			return true;
	}
	return false;
}

/* elfutils knows nothing here: neither may we, but for start-up code and the holes between
 * functions. */
static void compare_unknown(struct object *object, __u64 pc, const struct unwind_row *row)
{
	Dwarf_Frame *frame;

	object->unknown++;
	if (!row || (row->rule.how & 15) == UNWIND_CFA_NONE || in_startup(object, pc))
		return;
	for (__u64 near = pc - UNKNOWN_GAP_BYTES; near < pc; near++) {
		if (!dwarf_cfi_addrframe(object->cfi, near, &frame)) {
			free(frame);
			return;
		}
	}
	fail_msg("%s: a rule where there is none, at 0x%llx", object->path, (unsigned long long)pc);
}

static void compare_pc(struct object *object, __u64 pc)
{
	__u64 offset = pc - object->code.p_vaddr + object->code.p_offset;
	const struct unwind_row *row = unwind_table__find(&object->table, offset);
	Dwarf_Addr start, end;
	Dwarf_Frame *frame;
	bool signal;

	if (dwarf_cfi_addrframe(object->cfi, pc, &frame)) {
		compare_unknown(object, pc, row);
		return;
	}
	assert_non_null(row);
	dwarf_frame_info(frame, &start, &end, &signal);
	if (signal)
		assert_int_equal(row->rule.how, UNWIND_CFA_SIGNAL);
	else
		compare_step(object, frame, pc, &row->rule);
	free(frame);
}

/* --- one object ------------------------------------------------------------------------------- */

static void find_startup(struct object *object)
{
	Elf_Scn *section = NULL;
	GElf_Shdr header;
	size_t names;

	assert_int_equal(elf_getshdrstrndx(object->elf, &names), 0);
	while ((section = elf_nextscn(object->elf, section))) {
		const char *name;

		assert_non_null(gelf_getshdr(section, &header));
		name = elf_strptr(object->elf, names, header.sh_name);
		if (!name || (strcmp(name, ".init") != 0 && strcmp(name, ".fini") != 0))
			continue;
		object->startup[name[1] == 'f'][0] = header.sh_addr;
		object->startup[name[1] == 'f'][1] = header.sh_addr + header.sh_size;
	}
}

static bool find_code(struct object *object)
{
	size_t nr;

	assert_int_equal(elf_getphdrnum(object->elf, &nr), 0);
	for (size_t i = 0; i < nr; i++) {
		if (gelf_getphdr(object->elf, (int)i, &object->code) &&
		    object->code.p_type == PT_LOAD && (object->code.p_flags & PF_X))
			return true;
	}
	return false;
}

static void check_table(const struct unwind_table *table)
{
	assert_true(table->nr >= 2);
	for (size_t i = 1; i < table->nr; i++) {
		assert_true(table->rows[i - 1].offset < table->rows[i].offset);
		assert_memory_not_equal(&table->rows[i - 1].rule, &table->rows[i].rule,
					sizeof(struct unwind_rule));
	}
	assert_int_equal(table->rows[table->nr - 1].rule.how, UNWIND_CFA_NONE);
}

/* libcrypto's multi-buffer SHA keeps its frame at *(rsp + 8 * reg + n): 0.12 % of its code. */
static void check_numbers(const struct object *object)
{
	unsigned int most = strstr(object->path, "libcrypto") ? NR_PCS / 500 : NR_PCS / 2000;

	assert_true(object->same >= NR_PCS / 100 * 85);
	assert_true(object->unsupported <= most);
	assert_true(object->rbx_lost <= NR_PCS / 2000);
}

static void compare_object(struct object *object)
{
	unsigned int seed = 1;
	struct err err;
	int fd = open(object->path, O_RDONLY);

	assert_true(fd >= 0);
	assert_int_equal(unwind_table__build(&object->table, fd, object->path, &err), 0);
	check_table(&object->table);
	object->elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	object->cfi = dwarf_getcfi_elf(object->elf);
	assert_non_null(object->cfi);
	assert_true(find_code(object));
	find_startup(object);
	for (int i = 0; i < NR_PCS; i++) {
		__u64 at = (__u64)rand_r(&seed) << 20 ^ (__u64)rand_r(&seed);

		compare_pc(object, object->code.p_vaddr + at % object->code.p_filesz);
	}
	print_message("%s: %zu rows, %u same (%u without rbx), %u unsupported, %u unknown to "
		      "elfutils\n",
		      object->path, object->table.nr, object->same, object->rbx_lost,
		      object->unsupported, object->unknown);
	check_numbers(object);
	dwarf_cfi_end(object->cfi);
	elf_end(object->elf);
	close(fd);
	unwind_table__fini(&object->table);
}

static int compare_loaded(struct dl_phdr_info *info, size_t size, void *context)
{
	struct object *object = calloc(1, sizeof(*object));

	(void)size;
	(void)context;
	assert_non_null(object);
	if (!info->dlpi_name[0])
		assert_true(readlink("/proc/self/exe", object->path, sizeof(object->path) - 1) > 0);
	else if (info->dlpi_name[0] == '/')
		snprintf(object->path, sizeof(object->path), "%s", info->dlpi_name);
	if (object->path[0] && !strstr(object->path, "san.so"))
		compare_object(object);
	free(object);
	return 0;
}

/* libc, ld.so, libstdc++, this test, and what elfutils drags in. */
static void test_agrees_with_elfutils_on_loaded_objects(void **state)
{
	(void)state;
	if (!dlopen("libstdc++.so.6", RTLD_NOW))
		print_message("no libstdc++.so.6 here: not checked\n");
	dl_iterate_phdr(compare_loaded, NULL);
}

/* A large program, one with hand-written unwind information, and others that are traced often. */
static const char *const installed[] = {
	"/usr/bin/python3",
	"/usr/bin/redis-server",
	"/usr/lib/x86_64-linux-gnu/libcrypto.so.3",
	"/usr/lib/x86_64-linux-gnu/libsqlite3.so.0",
	"/usr/lib/postgresql/15/bin/postgres",
};

static void test_agrees_with_elfutils_on_what_is_installed(void **state)
{
	unsigned int nr = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(installed) / sizeof(installed[0]); i++) {
		struct object *object = calloc(1, sizeof(*object));

		assert_non_null(object);
		snprintf(object->path, sizeof(object->path), "%s", installed[i]);
		if (!access(object->path, R_OK)) {
			compare_object(object);
			nr++;
		}
		free(object);
	}
	if (!nr)
		skip();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_agrees_with_elfutils_on_loaded_objects),
		cmocka_unit_test(test_agrees_with_elfutils_on_what_is_installed),
	};

	elf_version(EV_CURRENT);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
