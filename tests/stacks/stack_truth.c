// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Walks with libdwfl what a kernel side built with UNWIND_TRUTH walked: the same registers, the
 * same words of the stack (include/unwind_truth_abi.h), the files the process has mapped.
 *
 * Says "ready", waits for an rsstrace to load its maps, reads until the end of its stdin, and tells
 * a line of JSON for each unique stack on which the two do not agree, or which the kernel side did
 * not walk to the root, and one for each address space:
 *
 *   {"id": "HEX", "space": N, "end": N, "ours": [FRAME, ...], "theirs": [FRAME, ...]}
 *   {"space": N, "code": [[START, END, OFFSET, "FILE"], ...]}
 *   FRAME: see truth_process.h
 *
 * Called with "cases", it tells each unique stack as one, too: see truth_case.h.
 *
 * At the end: {"moments": N, "stacks": N, "identical": N, "reused": N, "gone": N, "lost": N}:
 * walks compared, unique stacks among them, those on which both agree; walks whose answer was an
 * earlier one's, compared too; those whose process was over, and that the ring did not hold.
 */
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <uthash.h>
#include "truth_case.h"
#include "truth_process.h"
#include "unwind_truth_abi.h"

#define MAP_NAME "unwind_truth"
#define POLL_MS 20
#define NICENESS (-15)
#define PATIENCE_MS 20000
#define MAX_FRAMES (2 * RSST_MAX_FRAMES)

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
static bool wants_cases;

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

static int take_frame(Dwfl_Frame *state, void *arg)
{
	Dwarf_Addr pc;

	(void)arg;
	if (theirs.nr == MAX_FRAMES || !dwfl_frame_pc(state, &pc, NULL))
		return DWARF_CB_ABORT;
	theirs.pcs[theirs.nr++] = pc;
	return DWARF_CB_OK;
}

/* --- the comparison --------------------------------------------------------------------------- */

static struct process *process_of(const struct unwind_truth *truth)
{
	struct process *process;

	HASH_FIND(hh, processes, &truth->space, sizeof(truth->space), process);
	if (process)
		return process;
	process = process__new(truth->space, (pid_t)truth->pid, &thread_callbacks);
	HASH_ADD(hh, processes, space, sizeof(process->space), process);
	return process;
}

static void tell(const struct process *process, const struct stack *stack)
{
	printf("{\"id\": \"0x%llx\", \"space\": %u, \"end\": %u, \"ours\": [",
	       (unsigned long long)stack->id, process->space, stack->end);
	for (__u32 i = 0; i < stack->nr; i++)
		process__tell_frame(process, stack->frames[i], !i);
	printf("], \"theirs\": [");
	for (__u32 i = 0; i < theirs.nr; i++)
		process__tell_frame(process, theirs.pcs[i], !i);
	printf("]}\n");
}

/* Called for each moment; a stack is told once, for the first moment at which the two differ. */
static void compare(struct process *process, const struct unwind_truth *truth, struct stack *stack)
{
	bool same;

	if (!process__keep_up(process, (pid_t)truth->pid, stack->frames, stack->nr)) {
		totals.gone++;
		return;
	}
	theirs.nr = 0;
	dwfl_getthread_frames(process->dwfl, (pid_t)truth->tid, take_frame, NULL);
	totals.moments++;
	if (wants_cases && !stack->is_compared && truth->nr_frames)
		truth_case__tell(process, truth, (struct pcs){ stack->frames, stack->nr },
				 (struct pcs){ theirs.pcs, theirs.nr }, stack->end);
	stack->is_compared = true;
	totals.reused += !truth->nr_frames;
	same = theirs.nr == stack->nr &&
	       !memcmp(theirs.pcs, stack->frames, stack->nr * sizeof(*stack->frames));
	if ((same && stack->end == STACK_END_ROOT) || stack->is_told)
		return;
	stack->is_told = true;
	process__keep_up(process, (pid_t)truth->pid, theirs.pcs, theirs.nr);
	tell(process, stack);
}

static struct stack *stack_of(const struct unwind_truth *truth)
{
	struct stack *stack;

	HASH_FIND(hh, stacks, &truth->id, sizeof(truth->id), stack);
	if (stack || !truth->nr_frames)
		return stack;
	stack = process__checked(calloc(1, sizeof(*stack)));
	stack->id = truth->id;
	stack->end = truth->end;
	stack->nr = truth->nr_frames;
	stack->frames = process__checked(malloc(stack->nr * sizeof(*stack->frames)));
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

/* Descriptor of the map an rsstrace has loaded since map @after, or -1. */
static int find_map(__u32 after)
{
	struct bpf_map_info info;
	__u32 id = after, len;
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

/* Of all maps there are: those of an rsstrace that has just ended may be among them. */
static __u32 last_map(void)
{
	__u32 id = 0;

	while (!bpf_map_get_next_id(id, &id))
		;
	return id;
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

int main(int argc, char **argv)
{
	struct process *process, *next;
	struct ring_buffer *ring;
	__u32 last = last_map();
	int fd = -1;

	wants_cases = argc > 1 && !strcmp(argv[1], "cases");
	setpriority(PRIO_PROCESS, 0, NICENESS); /* a process is to be looked at while it is there */
	printf("ready\n");
	fflush(stdout);
	for (int waited = 0; fd < 0 && waited < PATIENCE_MS; waited += POLL_MS) {
		fd = find_map(last);
		if (fd < 0 && is_over(POLL_MS))
			break;
	}
	if (fd < 0) {
		fprintf(stderr, "stack_truth: no rsstrace built with UNWIND_TRUTH is running\n");
		return 2;
	}
	ring = process__checked(ring_buffer__new(fd, on_truth, NULL, NULL));
	while (!is_over(0))
		ring_buffer__poll(ring, POLL_MS);
	ring_buffer__consume(ring);
	HASH_ITER (hh, processes, process, next)
		process__tell_code(process);
	tell_totals();
	return 0;
}
