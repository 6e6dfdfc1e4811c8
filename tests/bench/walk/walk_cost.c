// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What the walk of a stack costs a page fault, beside bpf_get_stack(), by the kernel's own
 * statistics of BPF programs.
 *
 *   walk_cost ROUNDS DEEP_WITH_FRAME_POINTERS DEEP_WITHOUT
 *
 * In a round the programs take turns while the target does its faults, one right after the other. A
 * line of JSON each:
 *   {"build": "frame pointers" or "none", "stacks": N, "frames": N, "program": ..., "round": N,
 *    "ns": N, "found": N, "reused": N, "others": N}
 * stacks: different ones, in turn; 1: always the same. ns: a fault; found: frames, 0: none was
 * walked; reused: share of the stacks that an earlier walk's answer served for; others: runs that
 * were about another process, counted like `nothing`'s and left out.
 */
#include <bpf/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "config_abi.h"
#include "counters.h"
#include "deep.h"
#include "live/unwind_upload.h"
#include "walk_cost.skel.h"

#define NR(array) (sizeof(array) / sizeof((array)[0]))

static const unsigned char depths[] = { 6, 11, 31, 61 };
static const unsigned char stack_bits[] = { 0, 12, 16 };

struct target {
	const char *build;
	pid_t pid;
	int in, out;
};

struct reading {
	__u64 ns, runs, own, reused, walked;
};

static struct walk_cost_bpf *skel;
static double nothing_ns;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void start(struct target *target, const char *program)
{
	int in[2], out[2];

	if (pipe(in) || pipe(out))
		die("pipe");
	target->pid = fork();
	if (target->pid < 0)
		die("fork");
	if (!target->pid) {
		dup2(in[0], STDIN_FILENO);
		dup2(out[1], STDOUT_FILENO);
		close(in[1]);
		close(out[0]);
		execl(program, program, NULL);
		die(program);
	}
	close(in[0]);
	close(out[1]);
	target->in = in[1];
	target->out = out[0];
}

static void fault(const struct target *target, unsigned char bits, unsigned char frames)
{
	const unsigned char order[4] = { 'f', bits, frames, 0 };
	char done;

	if (write(target->in, order, sizeof(order)) != sizeof(order) ||
	    read(target->out, &done, 1) != 1)
		die("the target is gone");
}

static __u64 counter(enum rsst_counter which)
{
	__u64 sum = 0;

	for (int cpu = 0; cpu < RSST_MAX_CPUS; cpu++)
		sum += skel->bss->counters[cpu * RSST_COUNTER_SLOTS + which];
	return sum;
}

static struct reading read_program(const struct bpf_program *program)
{
	struct bpf_prog_info info = { 0 };
	__u32 len = sizeof(info);

	if (bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &len))
		die("bpf_obj_get_info_by_fd");
	return (struct reading){ .ns = info.run_time_ns,
				 .runs = info.run_cnt,
				 .own = skel->bss->nr_own,
				 .reused = counter(CNT_STACKS_REUSED),
				 .walked = counter(CNT_STACKS_WALKED) };
}

static const struct bpf_program *program_of(enum walk_turn turn)
{
	return turn == TURN_NOTHING  ? skel->progs.nothing
	       : turn == TURN_TABLES ? skel->progs.by_tables
				     : skel->progs.by_get_stack;
}

static void measure(const struct target *target, enum walk_turn turn, unsigned char bits,
		    unsigned char frames, int round)
{
	const struct bpf_program *program = program_of(turn);
	struct reading before = read_program(program), after;
	__u64 own, others, walked;
	double ns;

	skel->bss->nr_frames = 0;
	skel->bss->turn = turn;
	fault(target, bits, frames);
	skel->bss->turn = TURN_NOBODY;
	after = read_program(program);
	own = after.own - before.own;
	others = after.runs - before.runs - own;
	walked = after.walked - before.walked;
	if (turn == TURN_NOTHING)
		nothing_ns = (double)(after.ns - before.ns) / (after.runs - before.runs);
	ns = (after.ns - before.ns - others * nothing_ns) / own;
	if (round < 0)
		return;
	printf("{\"build\": \"%s\", \"stacks\": %u, \"frames\": %u, \"program\": \"%s\", "
	       "\"round\": %d, \"ns\": %.1f, \"found\": %u, \"reused\": %.4f, \"others\": %llu}\n",
	       target->build, 1U << bits, frames, bpf_program__name(program), round, ns,
	       skel->bss->nr_frames, walked ? (double)(after.reused - before.reused) / walked : 0.0,
	       others);
}

static int drop(void *context, void *bytes, size_t len)
{
	(void)context, (void)bytes, (void)len;
	return 0;
}

/* Round -1 makes everything warm. */
static void measure_all(struct target *target, struct ring_buffer *ring, int rounds)
{
	skel->bss->target_pid = target->pid;
	for (int round = -1; round < rounds; round++) {
		for (size_t i = 0; i < NR(depths) * NR(stack_bits); i++) {
			for (enum walk_turn turn = TURN_NOTHING; turn < NR_TURNS; turn++)
				measure(target, turn, stack_bits[i % NR(stack_bits)],
					depths[i / NR(stack_bits)], round);
			ring_buffer__consume(ring);
		}
	}
}

static void stop(struct target *target)
{
	close(target->in);
	close(target->out);
	waitpid(target->pid, NULL, 0);
}

int main(int argc, char **argv)
{
	struct target targets[2] = { { .build = "frame pointers" }, { .build = "none" } };
	struct unwind_upload *upload;
	struct unwind_map_fds fds;
	struct ring_buffer *ring;
	struct err err = { 0 };

	if (argc != 4)
		return 2;
	skel = walk_cost_bpf__open_and_load();
	if (!skel || walk_cost_bpf__attach(skel) || bpf_enable_stats(BPF_STATS_RUN_TIME) < 0)
		die("BPF");
	ring = ring_buffer__new(bpf_map__fd(skel->maps.ring), drop, NULL, NULL);
	if (!ring)
		die("ring");
	fds = (struct unwind_map_fds)UNWIND_MAP_FDS(skel);
	upload = unwind_upload__new(&fds, &err);
	for (__u32 i = 0; upload && i < NR(targets); i++) {
		start(&targets[i], argv[2 + i]);
		fault(&targets[i], 0, depths[0]); /* so it runs */
		skel->bss->space = i + 1;
		if (unwind_upload__sync(upload, i + 1, targets[i].pid, &err))
			break;
		measure_all(&targets[i], ring, atoi(argv[1]));
		stop(&targets[i]);
	}
	if (err.text[0])
		fprintf(stderr, "walk_cost: %s\n", err.text);
	unwind_upload__free(upload);
	ring_buffer__free(ring);
	walk_cost_bpf__destroy(skel);
	return err.text[0] ? 1 : 0;
}
