// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Getting the live source going: what is refused, what is loaded, what was there before. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include "live/facts.h"
#include "live/live_state.h"
#include "live/privilege.h"
#include "live/target_check.h"

int live__tell_maps(struct live_source *live, const struct target *target, struct proc_maps *maps,
		    struct err *err)
{
	int code = proc_maps__read(maps, target->pid, false, err);

	if (code)
		return code;
	unwind_watch__sync(live->unwind, target->space, target->pid, NULL);
	code = facts__maps(&live->queue, target->space, maps);
	if (code)
		proc_maps__free(maps);
	return code;
}

/* End of the last mapping of user space; [vsyscall] lies in the kernel's half. */
static __u64 end_of_maps(const struct proc_maps *maps)
{
	size_t nr = maps->nr;

	while (nr && maps->maps[nr - 1].end >> 63)
		nr--;
	return nr ? maps->maps[nr - 1].end : 0;
}

/* What was there when tracing began. */
static int tell_image(struct live_source *live, struct target *target, struct err *err)
{
	struct residency *residency = target__residency(target);
	struct proc_maps maps;
	int code;

	if (!residency) {
		residency = residency__open(target->pid, err); /* once more, for the sentence */
		residency__close(residency);
		return -EACCES;
	}
	code = live__tell_maps(live, target, &maps, err);
	if (code)
		return code;
	code = facts__pages(&live->queue, target->space, residency, &maps, 0, end_of_maps(&maps),
			    PAGES_ATTACH);
	proc_maps__free(&maps);
	return code;
}

/*
 * The first stacks are whole when the tables are there before the first event. A launched command
 * has not mapped its libraries yet: those we have mapped ourselves are most likely among them.
 */
static void preload_tables(struct live_source *live, __u32 space, pid_t pid)
{
	__u64 start = facts__now();
	struct proc_maps maps;

	unwind_watch__sync(live->unwind, space, pid, NULL);
	if (pid == live->command && !proc_maps__read(&maps, getpid(), false, NULL)) {
		unwind_watch__preload(live->unwind, getpid(), &maps);
		proc_maps__free(&maps);
	}
	live->times_ns.tables += facts__now() - start;
}

/* Before it is followed: the copies of code they cost count as there before. */
static void probe_marks(struct live_source *live, __u32 space, pid_t pid)
{
	struct proc_maps maps;

	if (proc_maps__read(&maps, pid, false, NULL))
		return;
	mark_probes__sync(&live->probes, live->kernel, pid, space, &maps);
	proc_maps__free(&maps);
}

static int adopt(struct live_source *live, pid_t pid, __u32 flags, struct err *err)
{
	struct proc_status status;
	__s64 pages[RSST_NR_MEMBERS];
	struct target *target;
	__u32 space = 0;
	int code = target_check(pid, &status, err);

	if (code)
		return code;
	preload_tables(live, kernel_side__next_space(live->kernel), pid);
	probe_marks(live, kernel_side__next_space(live->kernel), pid);
	code = kernel_side__adopt(live->kernel, pid, &space, pages);
	if (code == -ESRCH)
		return err__set(err, code, "process %d (%s) ended while attaching", pid,
				status.comm);
	if (code)
		return err__set(err, code, "cannot follow process %d (%s): %s", pid, status.comm,
				strerror(-code));
	target = targets__add(&live->targets, pid, space, true);
	if (!target)
		return err__set(err, -ENOMEM, "out of memory");
	if (!live->comm[0])
		snprintf(live->comm, sizeof(live->comm), "%.*s", RSST_COMM_LEN - 1, status.comm);
	code = facts__process(&live->queue, space, &status, PROCESS_ROOT | flags, pages);
	if (!code)
		code = tell_image(live, target, err);
	if (code == -ESRCH)
		return err__set(err, code, "process %d (%s) ended while attaching", pid,
				status.comm);
	if (code && !err->text[0])
		return err__set(err, code, "cannot read the memory map of process %d (%s): %s", pid,
				status.comm, strerror(-code));
	return code;
}

int live__check_targets(const struct live_options *options, struct err *err)
{
	struct proc_status status;
	int code = 0;

	for (unsigned int i = 0; i < options->nr_pids && !code; i++)
		code = target_check(options->pids[i], &status, err);
	if (!code && !privilege__may_bpf())
		return err__set(err, -EPERM, "%s", privilege__missing_for_bpf());
	return code;
}

static int set_up_tracing(struct live_source *live, const struct live_options *options,
			  int (*on_record)(void *ctx, void *rec, size_t len), struct err *err)
{
	pid_t first = options->nr_pids ? options->pids[0] : live->command;
	struct kernel_side_options side = { .children = options->children,
					    .ring_bytes = options->ring_bytes };
	struct unwind_map_fds fds;
	struct proc_maps maps;
	int code = proc_maps__read(&maps, first, false, err);

	if (code)
		return code;
	side.unwind_row_blocks = unwind_upload__row_blocks(first, &maps);
	proc_maps__free(&maps);
	live->kernel = kernel_side__open(&side, on_record, live, err);
	if (!live->kernel)
		return -EINVAL; /* the sentence says it */
	fds = kernel_side__unwind_fds(live->kernel);
	live->unwind = unwind_watch__new(&fds, err);
	if (!live->unwind)
		return -EINVAL;
	live->names = names__new(options->debuginfod, err);
	return live->names ? 0 : -ENOENT;
}

/* Each CPU and each file that is looked at takes some; a launched command has forked off before. */
static void raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

int live__attach(struct live_source *live, const struct live_options *options,
		 int (*on_record)(void *ctx, void *rec, size_t len), struct err *err)
{
	int code;

	raise_file_limit();
	code = set_up_tracing(live, options, on_record, err);
	if (!code)
		code = facts__start(&live->queue);
	for (unsigned int i = 0; i < options->nr_pids && !code; i++)
		code = adopt(live, options->pids[i], 0, err);
	if (!code && live->command)
		code = adopt(live, live->command, PROCESS_LAUNCHED, err);
	if (!code) {
		live->inbox = mark_inbox__open(options->mark_fifo, live->targets.all[0].pid, err);
		code = live->inbox ? 0 : -EIO;
	}
	if (!code)
		code = overhead__begin(&live->overhead, options->overhead_ppm, options->every_stack,
				       &live->targets, err);
	/* windows start here, before the first event: a launched command has not run yet */
	return code ? code : facts__tick(&live->queue, facts__now());
}
