// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include "elf/unwind_table.h"
#include "record_abi.h"
#include "truth_process.h"

#define CODE_BEFORE 8 /* bytes of code around a pc that are told */
#define CODE_AFTER 9

void *process__checked(void *memory)
{
	if (!memory) {
		perror("stack_truth");
		exit(2);
	}
	return memory;
}

/* Separate debug files are not asked for: what unwinds must be in the file itself. */
static int no_debug_file(Dwfl_Module *module, void **userdata, const char *name, Dwarf_Addr base,
			 const char *file, const char *link, GElf_Word crc, char **found)
{
	(void)module, (void)userdata, (void)name, (void)base;
	(void)file, (void)link, (void)crc, (void)found;
	return -1;
}

static const Dwfl_Callbacks file_callbacks = {
	.find_elf = dwfl_linux_proc_find_elf,
	.find_debuginfo = no_debug_file,
};

static bool report(Dwfl *dwfl, pid_t pid)
{
	dwfl_report_begin_add(dwfl);
	return !dwfl_linux_proc_report(dwfl, pid) && !dwfl_report_end(dwfl, NULL, NULL);
}

struct process *process__new(__u32 space, pid_t pid, const Dwfl_Thread_Callbacks *callbacks)
{
	struct process *process = process__checked(calloc(1, sizeof(*process)));
	Dwfl *dwfl = process__checked(dwfl_begin(&file_callbacks));

	process->space = space;
	if (report(dwfl, pid) && dwfl_attach_state(dwfl, NULL, pid, callbacks, NULL))
		process->dwfl = dwfl;
	else
		dwfl_end(dwfl);
	return process;
}

/*
 * The module whose file's code is at @pc, NULL: none, and where in the file that is. libdwfl's own
 * answer is a range of addresses, in which there may be a JIT's code, or the file a second time.
 */
static Dwfl_Module *module_at(Dwfl *dwfl, Dwarf_Addr pc, __u64 *offset)
{
	Dwfl_Module *module = dwfl_addrmodule(dwfl, pc);
	GElf_Addr bias;
	Elf *elf = module ? dwfl_module_getelf(module, &bias) : NULL;
	GElf_Phdr program;
	size_t nr;

	if (!elf || elf_getphdrnum(elf, &nr))
		return NULL;
	for (size_t i = 0; i < nr; i++) {
		if (!gelf_getphdr(elf, (int)i, &program) || program.p_type != PT_LOAD ||
		    pc - bias < program.p_vaddr || pc - bias >= program.p_vaddr + program.p_filesz)
			continue;
		*offset = pc - bias - program.p_vaddr + program.p_offset;
		return module;
	}
	return NULL;
}

static struct code_page *code_page(const struct process *process, __u64 pc)
{
	__u64 number = pc / PAGE_BYTES;
	struct code_page *page;

	HASH_FIND(hh, process->pages, &number, sizeof(number), page);
	return page;
}

/* Take the page of @pc as it is now. False: it cannot be read, the process is over. */
static bool note_code(struct process *process, pid_t pid, __u64 pc)
{
	struct code_page *page = code_page(process, pc);
	unsigned char bytes[PAGE_BYTES];
	struct iovec to = { .iov_base = bytes, .iov_len = PAGE_BYTES };
	struct iovec from = { .iov_base = (void *)(pc & ~(PAGE_BYTES - 1UL)),
			      .iov_len = PAGE_BYTES };

	if (process_vm_readv(pid, &to, 1, &from, 1, 0) != PAGE_BYTES)
		return false;
	if (!page) {
		page = process__checked(calloc(1, sizeof(*page)));
		page->number = pc / PAGE_BYTES;
		HASH_ADD(hh, process->pages, number, sizeof(page->number), page);
	}
	memcpy(page->bytes, bytes, sizeof(bytes));
	return true;
}

static bool is_in_a_file(const struct process *process, __u64 pc)
{
	__u64 offset;

	return module_at(process->dwfl, pc, &offset) != NULL;
}

/* Is @pc in one of the mappings that were without a file when we looked last? */
static bool is_without_file(const struct process *process, __u64 pc)
{
	for (__u32 i = 0; i < process->nr_no_file; i++) {
		if (pc >= process->no_file[i].start && pc < process->no_file[i].end)
			return true;
	}
	return false;
}

static void note_mappings(struct process *process, pid_t pid)
{
	unsigned long long start, end, inode;
	char path[64], line[4096], prot[5];
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	maps = fopen(path, "r");
	process->nr_no_file = 0;
	while (maps && process->nr_no_file < MAX_NO_FILE && fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%llx-%llx %4s %*x %*s %llu", &start, &end, prot, &inode) == 4 &&
		    prot[2] == 'x' && !inode)
			process->no_file[process->nr_no_file++] = (struct range){ start, end };
	}
	if (maps)
		fclose(maps);
}

bool process__keep_up(struct process *process, pid_t pid, const __u64 *pcs, __u32 nr)
{
	bool is_reported = false;

	for (__u32 i = 0; i < nr; i++) {
		__u64 pc = pcs[i] - !!i;

		if (is_in_a_file(process, pc))
			continue;
		if (!is_reported && !code_page(process, pc) && !is_without_file(process, pc)) {
			if (!report(process->dwfl, pid))
				return false;
			note_mappings(process, pid);
			is_reported = true;
		}
		if (!is_in_a_file(process, pc) && !note_code(process, pid, pc))
			return false;
	}
	return true;
}

/* --- our own tables --------------------------------------------------------------------------- */

struct module_table {
	Dwfl_Module *module;
	struct unwind_table table;
	UT_hash_handle hh;
};

/* An empty one where the file has nothing to make it from. */
static const struct unwind_table *table_of(struct process *process, Dwfl_Module *module)
{
	struct module_table *known;
	const char *image;
	GElf_Addr bias;
	size_t bytes;

	HASH_FIND_PTR(process->tables, &module, known);
	if (known)
		return &known->table;
	known = process__checked(calloc(1, sizeof(*known)));
	known->module = module;
	HASH_ADD_PTR(process->tables, module, known);
	image = elf_rawfile(dwfl_module_getelf(module, &bias), &bytes);
	if (image)
		unwind_table__build_memory(&known->table, image, bytes, "module", NULL);
	return &known->table;
}

int process__rule(struct process *process, __u64 pc, struct unwind_rule *rule)
{
	const struct unwind_row *row = NULL;
	Dwfl_Module *module;
	__u64 offset;

	module = module_at(process->dwfl, pc, &offset);
	memset(rule, 0, sizeof(*rule));
	if (module)
		row = unwind_table__find(table_of(process, module), offset);
	else if (code_page(process, pc) || is_without_file(process, pc))
		rule->how = UNWIND_CFA_FP;
	else
		return -STACK_END_NO_MAPPING;
	if (row)
		*rule = row->rule;
	return 0;
}

/* --- in words --------------------------------------------------------------------------------- */

static bool has_cfi(Dwfl_Module *module, Dwarf_Addr pc)
{
	Dwarf_CFI *(*const sources[])(Dwfl_Module *, Dwarf_Addr *) = { dwfl_module_eh_cfi,
								       dwfl_module_dwarf_cfi };
	Dwarf_Frame *frame;
	Dwarf_Addr bias;
	Dwarf_CFI *cfi;

	for (int i = 0; i < 2; i++) {
		cfi = sources[i](module, &bias);
		if (!cfi || dwarf_cfi_addrframe(cfi, pc - bias, &frame))
			continue;
		free(frame);
		return true;
	}
	return false;
}

/* The bytes around @pc, in hexadecimal; 0 for what is outside of its page. */
static void tell_code(const struct process *process, __u64 pc)
{
	const struct code_page *page = code_page(process, pc);

	for (__u64 i = pc - CODE_BEFORE; page && i < pc + CODE_AFTER; i++)
		printf("%02x", i / PAGE_BYTES == page->number ? page->bytes[i % PAGE_BYTES] : 0);
}

void process__tell_frame(const struct process *process, __u64 pc, bool innermost)
{
	__u64 offset;
	Dwfl_Module *module = module_at(process->dwfl, pc - !innermost, &offset);

	printf("%s[%llu, %s, \"", innermost ? "" : ", ", (unsigned long long)pc,
	       module && has_cfi(module, pc - !innermost) ? "true" : "false");
	if (!module)
		tell_code(process, pc);
	printf("\"]");
}

void process__tell_place(const struct process *process, __u64 pc, bool innermost)
{
	const char *file = NULL, *name;
	__u64 offset;
	Dwfl_Module *module = module_at(process->dwfl, pc - !innermost, &offset);

	if (!module)
		return;
	dwfl_module_info(module, NULL, NULL, NULL, NULL, NULL, &file, NULL);
	name = file ? strrchr(file, '/') : NULL;
	printf("%s+0x%llx", name ? name + 1 : "vdso", (unsigned long long)offset);
}

/* @context: bool, whether it is the first of its process. */
static int tell_module(Dwfl_Module *module, void **userdata, const char *name, Dwarf_Addr start,
		       void *context)
{
	const char *file = NULL;
	GElf_Addr bias;
	Elf *elf = dwfl_module_getelf(module, &bias);
	GElf_Phdr program;
	size_t nr;

	(void)userdata, (void)name, (void)start;
	dwfl_module_info(module, NULL, NULL, NULL, NULL, NULL, &file, NULL);
	if (!elf || !file || elf_getphdrnum(elf, &nr))
		return DWARF_CB_OK;
	for (size_t i = 0; i < nr; i++) {
		if (!gelf_getphdr(elf, (int)i, &program) || program.p_type != PT_LOAD ||
		    !(program.p_flags & PF_X))
			continue;
		printf("%s[%llu, %llu, %llu, \"%s\"]", *(bool *)context ? "" : ", ",
		       (unsigned long long)(program.p_vaddr + bias),
		       (unsigned long long)(program.p_vaddr + bias + program.p_filesz),
		       (unsigned long long)program.p_offset, file);
		*(bool *)context = false;
	}
	return DWARF_CB_OK;
}

void process__tell_code(const struct process *process)
{
	bool first = true;

	printf("{\"space\": %u, \"code\": [", process->space);
	if (process->dwfl)
		dwfl_getmodules(process->dwfl, tell_module, &first, 0);
	printf("]}\n");
}
