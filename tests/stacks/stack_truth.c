// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Walks with libdwfl what a kernel side built with UNWIND_TRUTH walked: the same registers, the
 * same words of the stack (include/unwind_truth_abi.h), the files the process has mapped.
 *
 * Waits for an rsstrace to load its maps, then reads until the end of its stdin, and tells a line
 * of JSON for each unique stack on which the two do not agree, or which the kernel side did not
 * walk to the root:
 *
 *   {"id": "HEX", "end": N, "ours": [FRAME, ...], "theirs": [FRAME, ...]}
 *   FRAME: ["PC", "FILE", OFFSET, HAS_CFI, "CODE"]
 *
 * The PC of all frames but the innermost is a return address; OFFSET is its place in the file.
 * HAS_CFI: libdwfl has a rule for the code; where not, it takes rbp for a frame pointer. FILE is
 * empty for a PC that is in none; CODE then is what was in memory there, CODE_BEFORE bytes before
 * the PC and CODE_AFTER from it on, in hexadecimal, if there is anything.
 * At the end: {"moments": N, "stacks": N, "identical": N, "reused": N, "gone": N, "lost": N}:
 * walks compared, unique stacks among them, those on which both agree; walks whose answer was an
 * earlier one's, compared too; those whose process was over, and that the ring did not hold.
 */
#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <uthash.h>
#include "unwind_truth_abi.h"

#define MAP_NAME "unwind_truth"
#define CODE_BEFORE 8 /* bytes of code around a pc that are told */
#define CODE_AFTER 9
#define POLL_MS 20
#define PATIENCE_MS 20000
#define PAGE_BYTES 4096U
#define MAX_FRAMES (2 * RSST_MAX_FRAMES)

/* A page of code that is in no file, as it was when we met it. */
struct code_page {
	__u64 number;
	unsigned char bytes[PAGE_BYTES];
	UT_hash_handle hh;
};

struct process {
	__u32 space;
	Dwfl *dwfl; /* NULL: it was over before we could look */
	struct code_page *pages;
	UT_hash_handle hh;
};

struct stack {
	__u64 id;
	__u32 end, nr;
	__u64 *frames;
	bool is_compared;
	bool is_told; /* they differ */
	UT_hash_handle hh;
};

struct their_walk {
	__u64 pcs[MAX_FRAMES];
	__u32 nr;
};

static struct {
	__u64 moments, reused, gone, lost;
} totals;

static struct process *processes;
static struct stack *stacks;
static const struct unwind_truth *under_way;
static struct their_walk theirs;

static void *checked(void *memory)
{
	if (!memory) {
		perror("stack_truth");
		exit(2);
	}
	return memory;
}

/* --- libdwfl's questions ---------------------------------------------------------------------- */

static pid_t next_thread(Dwfl *dwfl, void *arg, void **thread_arg)
{
	(void)dwfl;
	if (*thread_arg)
		return 0;
	*thread_arg = arg ? arg : (void *)1;
	return under_way->tid;
}

static bool get_thread(Dwfl *dwfl, pid_t tid, void *arg, void **thread_arg)
{
	(void)dwfl;
	*thread_arg = arg;
	return (__u32)tid == under_way->tid;
}

static bool read_word(Dwfl *dwfl, Dwarf_Addr addr, Dwarf_Word *result, void *arg)
{
	__u64 offset = addr - under_way->start;
	__u64 bytes = (__u64)under_way->nr_pages * UNWIND_COPY_PAGE_BYTES;

	(void)dwfl;
	(void)arg;
	if (addr < under_way->start || bytes < 8 || offset > bytes - 8)
		return false;
	memcpy(result, (const char *)under_way->words + offset, sizeof(*result));
	return true;
}

static bool set_registers(Dwfl_Thread *thread, void *arg)
{
	Dwarf_Word regs[UNWIND_NR_REGS];

	(void)arg;
	for (int i = 0; i < UNWIND_NR_REGS; i++)
		regs[i] = under_way->regs[i];
	return dwfl_thread_state_registers(thread, 0, UNWIND_NR_REGS, regs);
}

static const Dwfl_Thread_Callbacks thread_callbacks = {
	.next_thread = next_thread,
	.get_thread = get_thread,
	.memory_read = read_word,
	.set_initial_registers = set_registers,
};

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

static int take_frame(Dwfl_Frame *state, void *arg)
{
	Dwarf_Addr pc;

	(void)arg;
	if (theirs.nr == MAX_FRAMES || !dwfl_frame_pc(state, &pc, NULL))
		return DWARF_CB_ABORT;
	theirs.pcs[theirs.nr++] = pc;
	return DWARF_CB_OK;
}

/* --- the processes ---------------------------------------------------------------------------- */

static bool report(Dwfl *dwfl, pid_t pid)
{
	dwfl_report_begin_add(dwfl);
	return !dwfl_linux_proc_report(dwfl, pid) && !dwfl_report_end(dwfl, NULL, NULL);
}

static struct process *process_of(const struct unwind_truth *truth)
{
	struct process *process;
	Dwfl *dwfl;

	HASH_FIND(hh, processes, &truth->space, sizeof(truth->space), process);
	if (process)
		return process;
	process = checked(calloc(1, sizeof(*process)));
	process->space = truth->space;
	HASH_ADD(hh, processes, space, sizeof(process->space), process);
	dwfl = checked(dwfl_begin(&file_callbacks));
	if (report(dwfl, truth->pid) &&
	    dwfl_attach_state(dwfl, NULL, truth->pid, &thread_callbacks, NULL))
		process->dwfl = dwfl;
	else
		dwfl_end(dwfl);
	return process;
}

static struct code_page *code_page(const struct process *process, __u64 pc)
{
	__u64 number = pc / PAGE_BYTES;
	struct code_page *page;

	HASH_FIND(hh, process->pages, &number, sizeof(number), page);
	return page;
}

/* False: it cannot be read, the process is over. */
static bool note_code(struct process *process, pid_t pid, __u64 pc)
{
	struct code_page *page = checked(calloc(1, sizeof(*page)));
	struct iovec to = { .iov_base = page->bytes, .iov_len = PAGE_BYTES };
	struct iovec from = { .iov_len = PAGE_BYTES };

	page->number = pc / PAGE_BYTES;
	from.iov_base = (void *)(page->number * PAGE_BYTES);
	if (process_vm_readv(pid, &to, 1, &from, 1, 0) != PAGE_BYTES) {
		free(page);
		return false;
	}
	HASH_ADD(hh, process->pages, number, sizeof(page->number), page);
	return true;
}

/* Show libdwfl what was mapped since, if there is a frame whose file it does not know. False: the
 * process is over. */
static bool keep_up(struct process *process, const struct unwind_truth *truth,
		    const struct stack *stack)
{
	bool is_reported = false;

	for (__u32 i = 0; i < stack->nr; i++) {
		__u64 pc = stack->frames[i] - !!i;

		if (dwfl_addrmodule(process->dwfl, pc) || code_page(process, pc))
			continue;
		if (!is_reported && !report(process->dwfl, (pid_t)truth->pid))
			return false;
		is_reported = true;
		if (!dwfl_addrmodule(process->dwfl, pc) && /* a JIT's */
		    !note_code(process, (pid_t)truth->pid, pc))
			return false;
	}
	return true;
}

/* --- the comparison --------------------------------------------------------------------------- */

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

static long long file_offset(Dwfl_Module *module, Dwarf_Addr pc)
{
	GElf_Addr bias;
	Elf *elf = dwfl_module_getelf(module, &bias);
	size_t nr;
	GElf_Phdr program;

	if (!elf || elf_getphdrnum(elf, &nr))
		return -1;
	for (size_t i = 0; i < nr; i++) {
		if (gelf_getphdr(elf, (int)i, &program) && program.p_type == PT_LOAD &&
		    pc - bias >= program.p_vaddr && pc - bias < program.p_vaddr + program.p_filesz)
			return (long long)(pc - bias - program.p_vaddr + program.p_offset);
	}
	return -1;
}

static const char *file_of(Dwfl_Module *module)
{
	const char *file = NULL;
	GElf_Addr bias;

	if (module && dwfl_module_getelf(module, &bias))
		dwfl_module_info(module, NULL, NULL, NULL, NULL, NULL, &file, NULL);
	return file ? file : "";
}

/* The bytes around @pc, in hexadecimal; 0 for what is outside of its page. */
static void tell_code(const struct process *process, __u64 pc)
{
	const struct code_page *page = code_page(process, pc);

	for (__u64 i = pc - CODE_BEFORE; page && i < pc + CODE_AFTER; i++)
		printf("%02x", i / PAGE_BYTES == page->number ? page->bytes[i % PAGE_BYTES] : 0);
}

static void tell_frame(const struct process *process, __u64 pc, bool innermost)
{
	Dwfl_Module *module = dwfl_addrmodule(process->dwfl, pc - !innermost);
	const char *file = file_of(module);

	printf("%s[\"%llx\", \"%s\", %lld, %s, \"", innermost ? "" : ", ", (unsigned long long)pc,
	       file, module ? file_offset(module, pc) : -1,
	       module && has_cfi(module, pc - !innermost) ? "true" : "false");
	if (!*file)
		tell_code(process, pc);
	printf("\"]");
}

static void tell(const struct process *process, const struct stack *stack)
{
	printf("{\"id\": \"0x%llx\", \"end\": %u, \"ours\": [", (unsigned long long)stack->id,
	       stack->end);
	for (__u32 i = 0; i < stack->nr; i++)
		tell_frame(process, stack->frames[i], !i);
	printf("], \"theirs\": [");
	for (__u32 i = 0; i < theirs.nr; i++)
		tell_frame(process, theirs.pcs[i], !i);
	printf("]}\n");
}

/* Called for each moment; a stack is told once, for the first moment at which the two differ. */
static void compare(struct process *process, const struct unwind_truth *truth, struct stack *stack)
{
	bool same;

	if (!keep_up(process, truth, stack)) {
		totals.gone++;
		return;
	}
	theirs.nr = 0;
	dwfl_getthread_frames(process->dwfl, (pid_t)truth->tid, take_frame, NULL);
	totals.moments++;
	stack->is_compared = true;
	totals.reused += !truth->nr_frames;
	same = theirs.nr == stack->nr &&
	       !memcmp(theirs.pcs, stack->frames, stack->nr * sizeof(*stack->frames));
	if ((same && stack->end == STACK_END_ROOT) || stack->is_told)
		return;
	stack->is_told = true;
	tell(process, stack);
}

static struct stack *stack_of(const struct unwind_truth *truth)
{
	struct stack *stack;

	HASH_FIND(hh, stacks, &truth->id, sizeof(truth->id), stack);
	if (stack || !truth->nr_frames)
		return stack;
	stack = checked(calloc(1, sizeof(*stack)));
	stack->id = truth->id;
	stack->end = truth->end;
	stack->nr = truth->nr_frames;
	stack->frames = checked(malloc(stack->nr * sizeof(*stack->frames)));
	memcpy(stack->frames, truth->frames, stack->nr * sizeof(*stack->frames));
	HASH_ADD(hh, stacks, id, sizeof(stack->id), stack);
	return stack;
}

static int on_truth(void *context, void *bytes, size_t len)
{
	const struct unwind_truth *truth = bytes;
	struct process *process = process_of(truth);
	struct stack *stack;

	(void)context;
	(void)len;
	under_way = truth;
	totals.lost = truth->nr_lost;
	if (truth->nr_frames > RSST_MAX_FRAMES)
		exit(2);
	stack = process->dwfl ? stack_of(truth) : NULL;
	if (stack)
		compare(process, truth, stack);
	else
		totals.gone++;
	return 0;
}

/* --- the ring --------------------------------------------------------------------------------- */

/* Descriptor of the map an rsstrace has loaded, or -1. */
static int find_map(void)
{
	struct bpf_map_info info;
	__u32 id = 0, len;
	int fd;

	while (!bpf_map_get_next_id(id, &id)) {
		fd = bpf_map_get_fd_by_id(id);
		memset(&info, 0, sizeof(info));
		len = sizeof(info);
		if (fd >= 0 && !bpf_obj_get_info_by_fd(fd, &info, &len) &&
		    !strcmp(info.name, MAP_NAME))
			return fd;
		if (fd >= 0)
			close(fd);
	}
	return -1;
}

static void tell_totals(void)
{
	struct stack *stack, *next;
	__u32 nr = 0, identical = 0;

	HASH_ITER (hh, stacks, stack, next) {
		nr += stack->is_compared;
		identical += stack->is_compared && !stack->is_told;
	}
	printf("{\"moments\": %llu, \"stacks\": %u, \"identical\": %u, \"reused\": %llu, "
	       "\"gone\": %llu, \"lost\": %llu}\n",
	       totals.moments, nr, identical, totals.reused, totals.gone, totals.lost);
}

static bool is_over(int timeout_ms)
{
	struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN };
	char byte;

	return poll(&in, 1, timeout_ms) > 0 && read(STDIN_FILENO, &byte, 1) <= 0;
}

int main(void)
{
	struct ring_buffer *ring;
	int fd = -1;

	for (int waited = 0; fd < 0 && waited < PATIENCE_MS; waited += POLL_MS) {
		fd = find_map();
		if (fd < 0 && is_over(POLL_MS))
			break;
	}
	if (fd < 0) {
		fprintf(stderr, "stack_truth: no rsstrace built with UNWIND_TRUTH is running\n");
		return 2;
	}
	ring = checked(ring_buffer__new(fd, on_truth, NULL, NULL));
	while (!is_over(0))
		ring_buffer__poll(ring, POLL_MS);
	ring_buffer__consume(ring);
	tell_totals();
	return 0;
}
