// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/epoll.h>
#include <unistd.h>
#include <sys/syscall.h>
#include <linux/membarrier.h>
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include "config_abi.h"
#include "live/fault_frame.h"
#include "live/kernel_links.h"
#include "live/kernel_object.h"
#include "live/kernel_side.h"
#include "live/privilege.h"
#include "live/ring_mirror.h"

#define TRACEFS "/sys/kernel/tracing"
#define SUM_ATTEMPTS 8	    /* to tell counters while somebody tells something else, */
#define SUM_PAUSE_US 500    /* and in between */
#define ADOPT_ATTEMPTS 1000 /* to interrupt a CPU while it tells no event */
#define BUSY_ATTEMPTS 32    /* while events are under way, */
#define BUSY_PAUSE_US 100   /* and in between, twice as long after each */
#define BUSY_STEP 8	    /* of them: 12 ms in all, a host may stop a CPU for some */
#define SETTLE_ATTEMPTS 4
#define GRACE_US 20000 /* a page-table lock is not held for that long */

struct kernel_side {
	struct kernel_object object;
	struct ring_buffer *ring;
	unsigned int nr_cpus; /* possible */
	struct kernel_links links;
};

/* libbpf talks a lot when a load fails; its last complaint is kept for our own sentence. */
static char last_complaint[256];

static int keep_complaint(enum libbpf_print_level level, const char *format, va_list args)
{
	char line[256], *end;

	if (level != LIBBPF_WARN)
		return 0;
	vsnprintf(line, sizeof(line), format, args);
	end = strchr(line, '\n');
	if (end)
		*end = '\0';
	if (!strstr(line, "BEGIN PROG LOAD LOG"))
		snprintf(last_complaint, sizeof(last_complaint), "%s", line);
	return 0;
}

/* *@family: how this kernel counts RSS; *@by_locks: see struct kernel_settings. */
static int check_kernel(enum kernel_family *family, bool *by_locks, struct err *err)
{
	static const char *const needed[] = { "page_fault_user", "page_fault_kernel",
					      "vm_unmapped_area" };
	struct btf *btf = btf__load_vmlinux_btf();
	const char *missing = NULL;

	if (!btf)
		return err__set(
			err, -ENOTSUP,
			"this kernel has no type information at /sys/kernel/btf/vmlinux: it "
			"must be built with CONFIG_DEBUG_INFO_BTF=y (see `rsstrace doctor`)");
	*family = kernel_types__family(btf);
	*by_locks = *family == FAMILY_PERCPU && kernel_types__tells_locks(btf);
	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]) && !missing; i++)
		if (kernel_types__tracepoint_args(btf, needed[i]) < 0)
			missing = needed[i];
	if (*family == FAMILY_NONE)
		missing = "rss_stat";
	else if (*family == FAMILY_PERCPU && kernel_types__tracepoint_args(btf, "exit_mmap") < 0)
		missing = "exit_mmap";
	btf__free(btf);
	if (missing)
		return err__set(
			err, -ENOTSUP,
			"this kernel lacks the tracepoint %s: Linux 5.10 or newer on x86-64 is "
			"needed (see `rsstrace doctor`)",
			missing);
	return 0;
}

static bool has_tracefs(void)
{
	struct statfs fs;

	return !statfs(TRACEFS, &fs) && fs.f_type == TRACEFS_MAGIC;
}

static int ensure_tracefs(struct err *err)
{
	if (has_tracefs() || access("/sys/kernel/debug/tracing/events", F_OK) == 0)
		return 0;
	if (mount("tracefs", TRACEFS, "tracefs", 0, NULL) == 0 && has_tracefs())
		return 0;
	return err__set(
		err, -ENOENT,
		"tracefs is not mounted and cannot be: run `mount -t tracefs tracefs " TRACEFS
		"` as root");
}

static int load_failed(int code, struct err *err)
{
	if (code == -EPERM || code == -EACCES)
		return err__set(err, code, "loading the BPF programs was refused: %s",
				privilege__missing_for_bpf());
	return err__set(err, code, "cannot load the BPF programs: %s (%s)", strerror(-code),
			last_complaint);
}

/* One of the two ways to learn of VM calls. */
static void choose_programs(struct kernel_object *object, bool by_locks)
{
	bpf_program__set_autoload(object->vm_call_enter, !by_locks);
	bpf_program__set_autoload(object->vm_call_exit, !by_locks);
	bpf_program__set_autoload(object->prctl_exit, !by_locks);
	if (object->lock_acquired)
		bpf_program__set_autoload(object->lock_acquired, by_locks);
	if (object->lock_released)
		bpf_program__set_autoload(object->lock_released, by_locks);
}

static int load(struct kernel_side *side, enum kernel_family family, bool by_locks,
		const struct kernel_side_options *options, struct err *err)
{
	__u32 ring_bytes = options->ring_bytes ? options->ring_bytes : RSST_RING_BYTES;
	struct kernel_object *object = &side->object;
	long online = sysconf(_SC_NPROCESSORS_ONLN);
	int code = kernel_object__open(object, family, err);

	if (code)
		return code;
	*object->settings = (struct kernel_settings){
		.nr_cpus = side->nr_cpus,
		.percpu_batch = online > 16 ? 2 * online : 32,
		.ring_watermark = ring_bytes / 2,
		.follow_children = options->children,
		.by_locks = by_locks,
	};
	choose_programs(object, by_locks);
	bpf_map__set_max_entries(object->ring, ring_bytes);
	bpf_map__set_max_entries(object->unwind_rows, options->unwind_row_blocks);
	bpf_map__set_max_entries(object->space_cpus, RSST_MAX_SPACES * side->nr_cpus);
	code = kernel_object__load(object);
	return code ? load_failed(code, err) : 0;
}

/* On behalf of ourselves, with @bytes of @args. */
static int run_here(const struct bpf_program *prog, __u64 *args, size_t bytes)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = args, .ctx_size_in = bytes);

	return bpf_prog_test_run_opts(bpf_program__fd(prog), &opts);
}

/* On another CPU than ours: in an interrupt. -ENXIO: it is offline. */
static int run_on_cpu(const struct bpf_program *prog, unsigned int cpu, __u64 *args, size_t bytes)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = args, .ctx_size_in = bytes,
		    .flags = BPF_F_TEST_RUN_ON_CPU, .cpu = cpu);

	return bpf_prog_test_run_opts(bpf_program__fd(prog), &opts);
}

static int learn_cpu_offsets(struct kernel_side *side, struct err *err)
{
	struct bpf_program *prog = side->object.learn_cpu_offset;
	int code;

	for (unsigned int cpu = 0; prog && cpu < side->nr_cpus; cpu++) {
		code = run_on_cpu(prog, cpu, NULL, 0);
		if (code && code != -ENXIO) /* offline */
			return err__set(err, code, "cannot run a BPF program on CPU %u: %s", cpu,
					strerror(-code));
	}
	/* once as ourselves: what runs on another CPU may be a thread of the kernel's, without
	 * registers of a user */
	code = prog ? run_here(prog, NULL, 0) : 0;
	if (code)
		return err__set(err, code, "cannot run a BPF program: %s", strerror(-code));
	return 0;
}

static int set_up(struct kernel_side *side, const struct kernel_side_options *options,
		  int (*on_record)(void *ctx, void *rec, size_t len), void *ctx, struct err *err)
{
	enum kernel_family family = FAMILY_NONE;
	bool by_locks = false;
	int code;

	libbpf_set_print(keep_complaint);
	side->nr_cpus = libbpf_num_possible_cpus();
	if (side->nr_cpus > RSST_MAX_CPUS)
		return err__set(err, -E2BIG, "%u CPUs: this build knows %u", side->nr_cpus,
				RSST_MAX_CPUS);
	code = check_kernel(&family, &by_locks, err);
	if (!code && ensure_tracefs(by_locks ? NULL : err) && !by_locks)
		code = -ENOENT;
	if (!code)
		code = load(side, family, by_locks, options, err);
	if (!code)
		code = learn_cpu_offsets(side, err);
	if (code)
		return code;
	if (family == FAMILY_PERCPU && !getenv(FAULT_HOOK_VARIABLE))
		fault_frame__learn(&side->object);
	side->ring = ring_buffer__new(bpf_map__fd(side->object.ring), on_record, ctx, NULL);
	if (!side->ring)
		return err__set(err, -errno, "cannot map the ring buffer: %s", strerror(errno));
	ring_mirror__drop(bpf_map__max_entries(side->object.ring), RSST_REC_MAX);
	return kernel_links__attach(&side->links, &side->object, side->nr_cpus, err);
}

struct kernel_side *kernel_side__open(const struct kernel_side_options *options,
				      int (*on_record)(void *ctx, void *rec, size_t len), void *ctx,
				      struct err *err)
{
	struct kernel_side *side = calloc(1, sizeof(*side));

	if (!side) {
		err__set(err, -ENOMEM, "out of memory");
		return NULL;
	}
	if (set_up(side, options, on_record, ctx, err)) {
		kernel_side__free(side);
		return NULL;
	}
	return side;
}

void kernel_side__free(struct kernel_side *side)
{
	if (!side)
		return;
	kernel_links__fini(&side->links);
	ring_buffer__free(side->ring);
	kernel_object__close(&side->object);
	free(side);
}

int kernel_side__probe_mark(struct kernel_side *side, pid_t pid, const char *path, __u64 offset,
			    bool label)
{
	return kernel_links__probe_mark(&side->links, &side->object, pid, path, offset, label);
}

/* Run an iter/task program over every task. */
static int iterate(struct bpf_program *prog)
{
	struct bpf_link *link = bpf_program__attach_iter(prog, NULL);
	char drop[64];
	int fd;

	if (!link)
		return -errno;
	fd = bpf_iter_create(bpf_link__fd(link));
	while (fd >= 0 && read(fd, drop, sizeof(drop)) > 0)
		;
	if (fd >= 0)
		close(fd);
	bpf_link__destroy(link);
	return fd < 0 ? fd : 0;
}

static int sum_batched(struct kernel_side *side, __u32 space, enum ask_tell tell)
{
	side->object.dialog->ask_space = space;
	side->object.dialog->ask_tell = tell;
	side->object.dialog->answer_again = 0;
	return iterate(side->object.sum_batched);
}

static void tell_batched(struct kernel_side *side, __u32 space)
{
	volatile struct kernel_dialog *dialog = side->object.dialog;

	for (int i = 0; i < SUM_ATTEMPTS; i++) {
		if (sum_batched(side, space, SUM_TELL) || !dialog->answer_again)
			return;
		usleep(SUM_PAUSE_US);
	}
	sum_batched(side, space, SUM_TELL_LAST);
}

/* Nothing counts on a CPU that is offline: it is looked at from here. */
static int adopt_cpu(struct kernel_side *side, __u32 space, unsigned int cpu)
{
	const struct bpf_program *prog = side->object.adopt_cpu;
	__u64 args[2] = { space, cpu };

	for (int i = 0; i < ADOPT_ATTEMPTS; i++) {
		int code = run_on_cpu(prog, cpu, args, sizeof(args));

		if (code == -ENXIO)
			code = run_here(prog, args, sizeof(args));
		if (code || !((volatile struct kernel_dialog *)side->object.dialog)->answer_again)
			return code;
	}
	return -EAGAIN;
}

static int adopt_cpus(struct kernel_side *side, __u32 space)
{
	int code = 0;

	for (unsigned int cpu = 0; side->object.adopt_cpu && cpu < side->nr_cpus && !code; cpu++)
		code = adopt_cpu(side, space, cpu);
	return code;
}

int kernel_side__adopt(struct kernel_side *side, pid_t pid, __u32 *space, __s64 *pages)
{
	volatile struct kernel_dialog *dialog = side->object.dialog;
	int code;

	dialog->ask_tgid = pid;
	dialog->answer_space = 0;
	dialog->answer_kthread = 0;
	code = iterate(side->object.adopt_task);
	if (code)
		return code;
	if (dialog->answer_kthread)
		return -EINVAL;
	if (!dialog->answer_space)
		return dialog->last_space >= RSST_MAX_SPACES - 1 ? -ENOSPC : -ESRCH;
	*space = dialog->answer_space;
	if (side->object.sum_batched)
		code = sum_batched(side, *space, SUM_ANSWER);
	else
		code = adopt_cpus(side, *space);
	for (int member = 0; member < RSST_NR_MEMBERS; member++)
		pages[member] = dialog->answer_pages[member];
	return code;
}

__u32 kernel_side__next_space(const struct kernel_side *side)
{
	return side->object.dialog->last_space + 1;
}

void kernel_side__wait(struct kernel_side *side, int timeout_ms)
{
	struct epoll_event event;

	(void)!epoll_wait(ring_buffer__epoll_fd(side->ring), &event, 1, timeout_ms);
}

int kernel_side__drain(struct kernel_side *side)
{
	return ring_buffer__consume(side->ring);
}

void kernel_side__tell_runs(struct kernel_side *side, __u32 space)
{
	__u64 args[1] = { space };

	if (side->object.tell_runs)
		run_here(side->object.tell_runs, args, sizeof(args));
}

/*
 * Every change of a counter that is under way ends: it is made, and its event runs, under a
 * page-table lock, a section that synchronize_rcu() waits for, which is what this command does
 * (kernel/sched/membarrier.c). With nohz_full it is refused.
 */
static void await_changes(void)
{
	if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0))
		usleep(GRACE_US);
}

/* @args: of tell_counters. */
static enum answer_again ask_counters(struct kernel_side *side, __u64 *args, size_t bytes)
{
	volatile struct kernel_dialog *dialog = side->object.dialog;

	dialog->answer_again = AGAIN_NOT;
	if (run_here(side->object.tell_counters, args, bytes))
		return AGAIN_NOT;
	return dialog->answer_again;
}

static void tell_percpu(struct kernel_side *side, __u32 space)
{
	volatile struct kernel_dialog *dialog = side->object.dialog;
	__u64 args[2 + RSST_NR_MEMBERS] = { space, SUM_TELL };
	int busy = 0, unclaimed = 0;

	while (busy < BUSY_ATTEMPTS && unclaimed < SETTLE_ATTEMPTS) {
		enum answer_again again = ask_counters(side, args, sizeof(args));

		if (again == AGAIN_NOT)
			return;
		if (again == AGAIN_BUSY) {
			usleep(BUSY_PAUSE_US << busy++ / BUSY_STEP);
			continue;
		}
		unclaimed++;
		for (int member = 0; member < RSST_NR_MEMBERS; member++)
			args[2 + member] = dialog->answer_pages[member];
		await_changes();
	}
	args[1] = SUM_TELL_LAST;
	ask_counters(side, args, sizeof(args));
}

void kernel_side__tell_counters(struct kernel_side *side, __u32 space)
{
	if (side->object.sum_batched)
		tell_batched(side, space);
	else
		tell_percpu(side, space);
}

/* It sees itself what of ours it missed, see check_sequence(). */
static bool counts_itself(const struct kernel_object *object, const struct bpf_program *prog)
{
	return prog == object->lock_acquired || prog == object->lock_released;
}

/* Runs of our programs that the kernel left out (bpf_prog_info.recursion_misses, since 5.12):
 * another was under way on the CPU, or somebody's bpf(2). */
static __u64 missed_runs(const struct kernel_side *side)
{
	struct bpf_program *prog;
	__u64 missed = 0;

	bpf_object__for_each_program(prog, side->object.obj)
	{
		struct bpf_prog_info info = { 0 };
		__u32 len = sizeof(info);
		int fd = bpf_program__fd(prog);

		if (counts_itself(&side->object, prog))
			continue;
		if (fd >= 0 && !bpf_obj_get_info_by_fd(fd, &info, &len))
			missed += info.recursion_misses;
	}
	return missed;
}

void kernel_side__counters(struct kernel_side *side, __u64 values[NR_COUNTERS])
{
	_Static_assert(NR_COUNTERS <= RSST_COUNTER_SLOTS, "a CPU's counters have no room");
	for (__u32 i = 0; i < NR_COUNTERS; i++) {
		const volatile __u64 *at = side->object.counters + i;

		values[i] = 0;
		for (unsigned int cpu = 0; cpu < side->nr_cpus; cpu++, at += RSST_COUNTER_SLOTS)
			values[i] += *at;
	}
	values[CNT_MISSED] = missed_runs(side);
}

__u64 kernel_side__run_ns(const struct kernel_side *side)
{
	return kernel_object__run_ns(&side->object);
}

void kernel_side__sample_stacks(struct kernel_side *side, __u32 shift)
{
	*(volatile __u32 *)&side->object.dialog->sample_shift = shift;
}

struct unwind_map_fds kernel_side__unwind_fds(const struct kernel_side *side)
{
	return kernel_object__unwind_fds(&side->object);
}

struct vm_moves kernel_side__moves(const struct kernel_side *side)
{
	struct vm_moves moves = { .told = side->object.moves->told };

	/* in this order: one that is told meanwhile must not hide another's beginning */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	moves.begun = side->object.moves->begun;
	return moves;
}

bool kernel_side__finds_faults(const struct kernel_side *side)
{
	return side->object.dialog->fault_frame;
}

__u64 kernel_side__map_bytes(const struct kernel_side *side)
{
	struct bpf_map *map;
	__u64 bytes = 0;

	bpf_object__for_each_map(map, side->object.obj)
	{
		__u64 each = bpf_map__type(map) == BPF_MAP_TYPE_RINGBUF
				     ? 1
				     : bpf_map__key_size(map) + bpf_map__value_size(map);

		if (bpf_map__type(map) == BPF_MAP_TYPE_PERCPU_ARRAY)
			each *= side->nr_cpus;
		bytes += each * bpf_map__max_entries(map);
	}
	return bytes;
}
