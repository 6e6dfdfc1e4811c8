// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <gelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <elfutils/libdwfl.h>
#include "elf/dwfl_stack.h"

#define THREAD 1 /* it has one, and libdwfl wants it to have a number */

/* Where libdwfl finds no CFI in .eh_frame it reads what there is of DWARF, all of it. */
#define MAX_FILE_BYTES (256LL << 20)

struct dwfl_stack {
	Dwfl *dwfl;
	unsigned int nr_files;
	const struct dwfl_stack_thread *thread; /* of the walk under way, and what it found */
	struct dwfl_stack_frame *frames;
	int nr, max;
};

/* --- what libdwfl asks ------------------------------------------------------------------------ */

/* Both are given with the module. */
struct module_file {
	Elf *elf;
	int fd;
};

/* libdwfl's own, from here on. */
static int give_file(Dwfl_Module *module, void **userdata, const char *name, Dwarf_Addr base,
		     char **file_name, Elf **elf)
{
	struct module_file *file = *userdata;
	int fd = -1;

	(void)module, (void)name, (void)base;
	*file_name = NULL;
	*elf = NULL;
	if (!file)
		return fd;
	fd = file->fd;
	*elf = file->elf;
	*file_name = strdup("");
	*userdata = NULL;
	free(file);
	return fd;
}

/* What unwinds must be in the file itself. */
static int no_debug_file(Dwfl_Module *module, void **userdata, const char *name, Dwarf_Addr base,
			 const char *file, const char *link, GElf_Word crc, char **found)
{
	(void)module, (void)userdata, (void)name, (void)base;
	(void)file, (void)link, (void)crc, (void)found;
	return -1;
}

static const Dwfl_Callbacks file_callbacks = {
	.find_elf = give_file,
	.find_debuginfo = no_debug_file,
};

static pid_t next_thread(Dwfl *dwfl, void *context, void **thread_context)
{
	(void)dwfl;
	if (*thread_context)
		return 0;
	*thread_context = context;
	return THREAD;
}

static bool get_thread(Dwfl *dwfl, pid_t tid, void *context, void **thread_context)
{
	(void)dwfl;
	*thread_context = context;
	return tid == THREAD;
}

static bool read_word(Dwfl *dwfl, Dwarf_Addr addr, Dwarf_Word *result, void *context)
{
	const struct dwfl_stack *stack = context;
	__u64 word;

	(void)dwfl;
	if (!stack->thread->read(stack->thread->context, addr, &word))
		return false;
	*result = word;
	return true;
}

static bool set_registers(Dwfl_Thread *thread, void *context)
{
	const struct dwfl_stack *stack = context;
	Dwarf_Word regs[DWFL_STACK_NR_REGS];

	for (int i = 0; i < DWFL_STACK_NR_REGS; i++)
		regs[i] = stack->thread->regs[i];
	return dwfl_thread_state_registers(thread, 0, DWFL_STACK_NR_REGS, regs);
}

static const Dwfl_Thread_Callbacks thread_callbacks = {
	.next_thread = next_thread,
	.get_thread = get_thread,
	.memory_read = read_word,
	.set_initial_registers = set_registers,
};

static int take_frame(Dwfl_Frame *state, void *context)
{
	struct dwfl_stack *stack = context;
	Dwarf_Addr pc;
	bool exact;

	if (stack->nr == stack->max || !dwfl_frame_pc(state, &pc, &exact))
		return DWARF_CB_ABORT;
	stack->frames[stack->nr++] = (struct dwfl_stack_frame){ .pc = pc, .exact = exact };
	return DWARF_CB_OK;
}

/* --- files ------------------------------------------------------------------------------------ */

/* Link-time addresses: as libdwfl has them, and by how much the code lies elsewhere. */
struct layout {
	__u64 low, high;
	__u64 bias;
	bool is_known;
};

/* Pages of a file are mapped as they are, though two segments share one: executable ones alone. */
static bool has_code_at(const GElf_Phdr *program, __u64 offset)
{
	__u64 first = program->p_offset & ~4095ULL;

	return (program->p_flags & PF_X) && offset >= first &&
	       offset - first < program->p_filesz + (program->p_offset - first);
}

static bool read_layout(Elf *elf, __u64 start, __u64 offset, struct layout *layout)
{
	bool first = true;
	GElf_Phdr program;
	size_t nr;

	*layout = (struct layout){ 0 };
	if (elf_kind(elf) != ELF_K_ELF || elf_getphdrnum(elf, &nr))
		return false;
	for (size_t i = 0; i < nr; i++) {
		if (!gelf_getphdr(elf, (int)i, &program) || program.p_type != PT_LOAD)
			continue;
		if (first)
			layout->low = program.p_vaddr & -program.p_align; /* its base, too */
		first = false;
		layout->high = program.p_vaddr + program.p_memsz;
		if (layout->is_known || !has_code_at(&program, offset))
			continue;
		layout->bias = start - offset - (program.p_vaddr - program.p_offset);
		layout->is_known = true;
	}
	return layout->is_known && layout->low < layout->high &&
	       layout->low + layout->bias < layout->high + layout->bias;
}

static int report(struct dwfl_stack *stack, struct module_file *file, const struct layout *layout)
{
	char name[16];
	Dwfl_Module *module;
	void **userdata;

	snprintf(name, sizeof(name), "%u", stack->nr_files++);
	module = dwfl_report_module(stack->dwfl, name, layout->low + layout->bias,
				    layout->high + layout->bias);
	if (!module)
		return -ENOEXEC;
	dwfl_module_info(module, &userdata, NULL, NULL, NULL, NULL, NULL, NULL);
	*userdata = file;
	return 0;
}

int dwfl_stack__add(struct dwfl_stack *stack, int fd, __u64 start, __u64 offset)
{
	struct module_file *file = calloc(1, sizeof(*file));
	struct layout layout;
	struct stat st;
	int code = -ENOEXEC;

	if (!file) {
		close(fd);
		return -ENOMEM;
	}
	elf_version(EV_CURRENT);
	file->fd = fd;
	if (!fstat(fd, &st) && st.st_size > MAX_FILE_BYTES)
		code = -EFBIG;
	else
		file->elf = elf_begin(fd, ELF_C_READ, NULL);
	if (file->elf && read_layout(file->elf, start, offset, &layout))
		code = report(stack, file, &layout);
	if (!code)
		return 0;
	elf_end(file->elf);
	free(file);
	close(fd);
	return code;
}

/* Files that nobody asked for are still ours. */
static int drop_file(Dwfl_Module *module, void **userdata, const char *name, Dwarf_Addr start,
		     void *context)
{
	struct module_file *file = *userdata;

	(void)module, (void)name, (void)start, (void)context;
	if (!file)
		return DWARF_CB_OK;
	elf_end(file->elf);
	close(file->fd);
	free(file);
	*userdata = NULL;
	return DWARF_CB_OK;
}

/* --- its life --------------------------------------------------------------------------------- */

struct dwfl_stack *dwfl_stack__new(void)
{
	struct dwfl_stack *stack = calloc(1, sizeof(*stack));

	if (!stack)
		return NULL;
	stack->dwfl = dwfl_begin(&file_callbacks);
	if (!stack->dwfl) {
		free(stack);
		return NULL;
	}
	dwfl_report_begin(stack->dwfl);
	return stack;
}

int dwfl_stack__ready(struct dwfl_stack *stack)
{
	if (dwfl_report_end(stack->dwfl, NULL, NULL) ||
	    !dwfl_attach_state(stack->dwfl, NULL, THREAD, &thread_callbacks, stack))
		return -ENOEXEC;
	return 0;
}

void dwfl_stack__free(struct dwfl_stack *stack)
{
	if (!stack)
		return;
	dwfl_getmodules(stack->dwfl, drop_file, NULL, 0);
	dwfl_end(stack->dwfl);
	free(stack);
}

int dwfl_stack__walk(struct dwfl_stack *stack, const struct dwfl_stack_thread *thread,
		     struct dwfl_stack_frame *frames, int max)
{
	stack->thread = thread;
	stack->frames = frames;
	stack->nr = 0;
	stack->max = max;
	return dwfl_getthread_frames(stack->dwfl, THREAD, take_frame, stack) ? -ENODATA : stack->nr;
}
