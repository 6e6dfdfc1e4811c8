// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/epoll.h>
#include <unistd.h>
#include <sys/syscall.h>
#include <linux/perf_event.h>
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include "config_abi.h"
#include "rsstrace.skel.h"
#include "live/kernel_side.h"
#include "live/privilege.h"

#define TRACEFS "/sys/kernel/tracing"
#define MAX_LINKS (64 + 2 * RSST_MAX_CPUS) /* programs, and two events a CPU on old kernels */

struct kernel_side {
	struct rsstrace_bpf *skel;
	struct ring_buffer *ring;
	unsigned int nr_cpus; /* possible */
	bool batched;	      /* before Linux 6.2: rss_stat tells batches, see bpf/rss_batched.bpf.h */
	__u64 *per_cpu;	      /* scratch for kernel_side__counters() */
	unsigned int nr_links;
	struct bpf_link *links[MAX_LINKS];
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

/* Which of the two generations of kmem:rss_stat does the kernel have? 2 or 3 arguments; 0: no such tracepoint. */
static int rss_stat_args(const struct btf *btf)
{
	int id = btf__find_by_name_kind(btf, "btf_trace_rss_stat", BTF_KIND_TYPEDEF);
	const struct btf_type *type;

	if (id < 0)
		return 0;
	type = btf__type_by_id(btf, btf__type_by_id(btf, id)->type); /* pointer to prototype */
	type = btf__type_by_id(btf, type->type);
	return btf_vlen(type) - 1; /* the first is the tracepoint's private data */
}

static bool has_tracepoint(const struct btf *btf, const char *name)
{
	char type[64];

	snprintf(type, sizeof(type), "btf_trace_%s", name);
	return btf__find_by_name_kind(btf, type, BTF_KIND_TYPEDEF) >= 0;
}

/* *@batched: which generation of rss_stat this kernel has. */
static int check_kernel(bool *batched, struct err *err)
{
	static const char *const needed[] = { "page_fault_user", "page_fault_kernel", "exit_mmap",
					      "vm_unmapped_area" };
	struct btf *btf = btf__load_vmlinux_btf();
	const char *missing = NULL;
	int args;

	if (!btf)
		return err__set(err, -ENOTSUP,
				"this kernel has no type information at /sys/kernel/btf/vmlinux: it "
				"must be built with CONFIG_DEBUG_INFO_BTF=y (see `rsstrace doctor`)");
	args = rss_stat_args(btf);
	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]) && !missing; i++)
		if (!has_tracepoint(btf, needed[i]))
			missing = needed[i];
	btf__free(btf);
	*batched = args == 3;
	if (args != 2 && args != 3)
		missing = "rss_stat";
	if (missing)
		return err__set(err, -ENOTSUP,
				"this kernel lacks the tracepoint %s: Linux 6.1 or newer on x86-64 is "
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
	return err__set(err, -ENOENT,
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

static int load(struct kernel_side *side, const struct kernel_side_options *options,
		struct err *err)
{
	__u32 ring_bytes = options->ring_bytes ? options->ring_bytes : RSST_RING_BYTES;
	long online = sysconf(_SC_NPROCESSORS_ONLN);
	struct rsstrace_bpf *skel;
	int code;

	skel = side->skel = rsstrace_bpf__open();
	if (!skel)
		return err__set(err, -errno, "cannot open the BPF object: %s", last_complaint);
	skel->rodata->nr_cpus = side->nr_cpus;
	skel->rodata->percpu_batch = online > 16 ? 2 * online : 32;
	skel->rodata->follow_children = options->children;
	skel->rodata->batched = side->batched;
	bpf_program__set_autoload(skel->progs.rss_stat_percpu, !side->batched);
	bpf_program__set_autoload(skel->progs.rss_stat_batched, side->batched);
	bpf_program__set_autoload(skel->progs.fault_end, side->batched);
	bpf_program__set_autoload(skel->progs.sys_enter_mlock, side->batched);
	bpf_program__set_autoload(skel->progs.sys_exit_mlock, side->batched);
	bpf_program__set_autoload(skel->progs.sys_enter_mlock2, side->batched);
	bpf_program__set_autoload(skel->progs.sys_exit_mlock2, side->batched);
	bpf_program__set_autoload(skel->progs.sys_enter_mlockall, side->batched);
	bpf_program__set_autoload(skel->progs.sys_exit_mlockall, side->batched);
	bpf_program__set_autoload(skel->progs.sum_batched, side->batched);
	skel->rodata->ring_watermark = ring_bytes / 2;
	bpf_map__set_max_entries(skel->maps.ring, ring_bytes);
	bpf_map__set_max_entries(skel->maps.unwind_rows, options->unwind_row_blocks);
	bpf_map__set_max_entries(skel->maps.space_cpus, RSST_MAX_SPACES * side->nr_cpus);
	code = rsstrace_bpf__load(skel);
	return code ? load_failed(code, err) : 0;
}

static int learn_cpu_offsets(struct kernel_side *side, struct err *err)
{
	int fd = bpf_program__fd(side->skel->progs.learn_cpu_offset), code;

	for (unsigned int cpu = 0; cpu < side->nr_cpus; cpu++) {
		LIBBPF_OPTS(bpf_test_run_opts, opts, .flags = BPF_F_TEST_RUN_ON_CPU, .cpu = cpu);

		code = bpf_prog_test_run_opts(fd, &opts);
		if (code && code != -ENXIO) /* offline */
			return err__set(err, code, "cannot run a BPF program on CPU %u: %s", cpu,
					strerror(-code));
	}
	return 0;
}

/* Run on demand, or attached by hand. */
static bool on_demand(const struct rsstrace_bpf *skel, const struct bpf_program *prog)
{
	return prog == skel->progs.learn_cpu_offset || prog == skel->progs.tell_counters ||
	       prog == skel->progs.adopt_task || prog == skel->progs.sum_batched ||
	       prog == skel->progs.fault_end;
}

/* System calls that a kernel may be built without (CONFIG_SYSVIPC, CONFIG_X86_INTEL_MEMORY_PROTECTION_KEYS). */
static bool optional(const char *name)
{
	return strstr(name, "_shm") || strstr(name, "pkey_");
}

/* The end of every fault on every CPU, whoever's it is: the program looks first whether it is about a followed space. */
static int attach_fault_end(struct kernel_side *side, unsigned int cpu, __u64 config, struct err *err)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = config,
		.sample_period = 1,
	};
	struct bpf_link *link;
	int fd = syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);

	if (fd < 0 && errno == ENODEV) /* offline */
		return 0;
	if (fd < 0)
		return err__set(err, -errno, "cannot open a page-fault event on CPU %u: %s", cpu,
				strerror(errno));
	link = bpf_program__attach_perf_event(side->skel->progs.fault_end, fd); /* owns fd */
	if (!link) {
		close(fd);
		return err__set(err, -errno, "cannot attach to the page-fault event: %s",
				strerror(errno));
	}
	side->links[side->nr_links++] = link;
	return 0;
}

static int attach_fault_ends(struct kernel_side *side, struct err *err)
{
	int code = 0;

	for (unsigned int cpu = 0; cpu < side->nr_cpus && !code; cpu++) {
		code = attach_fault_end(side, cpu, PERF_COUNT_SW_PAGE_FAULTS_MIN, err);
		if (!code)
			code = attach_fault_end(side, cpu, PERF_COUNT_SW_PAGE_FAULTS_MAJ, err);
	}
	return code;
}

static int attach(struct kernel_side *side, struct err *err)
{
	struct bpf_program *prog;

	bpf_object__for_each_program(prog, side->skel->obj) {
		const char *name = bpf_program__name(prog);
		struct bpf_link *link;

		if (on_demand(side->skel, prog) || !bpf_program__autoload(prog))
			continue;
		link = bpf_program__attach(prog);
		if (!link && !(optional(name) && errno == ENOENT))
			return err__set(err, -errno, "cannot attach to %s: %s",
					bpf_program__section_name(prog), strerror(errno));
		if (link)
			side->links[side->nr_links++] = link;
	}
	return side->batched ? attach_fault_ends(side, err) : 0;
}

static int set_up(struct kernel_side *side, const struct kernel_side_options *options,
		  int (*on_record)(void *ctx, void *rec, size_t len), void *ctx, struct err *err)
{
	int code;

	libbpf_set_print(keep_complaint);
	side->nr_cpus = libbpf_num_possible_cpus();
	side->per_cpu = calloc(side->nr_cpus, sizeof(*side->per_cpu));
	if (!side->per_cpu)
		return err__set(err, -ENOMEM, "out of memory");
	if (side->nr_cpus > RSST_MAX_CPUS)
		return err__set(err, -E2BIG, "%u CPUs: this build knows %u", side->nr_cpus,
				RSST_MAX_CPUS);
	code = check_kernel(&side->batched, err);
	if (!code)
		code = ensure_tracefs(err);
	if (!code)
		code = load(side, options, err);
	if (!code)
		code = learn_cpu_offsets(side, err);
	if (code)
		return code;
	side->ring = ring_buffer__new(bpf_map__fd(side->skel->maps.ring), on_record, ctx, NULL);
	if (!side->ring)
		return err__set(err, -errno, "cannot map the ring buffer: %s", strerror(errno));
	return attach(side, err);
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
	while (side->nr_links)
		bpf_link__destroy(side->links[--side->nr_links]);
	ring_buffer__free(side->ring);
	rsstrace_bpf__destroy(side->skel);
	free(side->per_cpu);
	free(side);
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

static int sum_batched(struct kernel_side *side, __u32 space, bool tell)
{
	side->skel->bss->ask_space = space;
	side->skel->bss->ask_tell = tell;
	return iterate(side->skel->progs.sum_batched);
}

int kernel_side__adopt(struct kernel_side *side, pid_t pid, __u32 *space, __s64 *pages)
{
	struct rsstrace_bpf__bss *bss = side->skel->bss;
	int code;

	bss->ask_tgid = pid;
	bss->answer_space = 0;
	bss->answer_kthread = 0;
	code = iterate(side->skel->progs.adopt_task);
	if (code)
		return code;
	if (bss->answer_kthread)
		return -EINVAL;
	if (!bss->answer_space)
		return side->skel->data->next_space >= RSST_MAX_SPACES ? -ENOSPC : -ESRCH;
	*space = bss->answer_space;
	if (side->batched)
		code = sum_batched(side, *space, false);
	for (int member = 0; member < RSST_NR_MEMBERS; member++)
		pages[member] = bss->answer_pages[member];
	return code;
}

__u32 kernel_side__next_space(const struct kernel_side *side)
{
	return side->skel->data->next_space;
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

void kernel_side__tell_counters(struct kernel_side *side, __u32 space)
{
	__u64 args[1] = { space };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = args, .ctx_size_in = sizeof(args));

	if (side->batched) {
		sum_batched(side, space, true);
		return;
	}
	(void)!bpf_prog_test_run_opts(bpf_program__fd(side->skel->progs.tell_counters), &opts);
}

void kernel_side__counters(struct kernel_side *side, __u64 values[NR_COUNTERS])
{
	int fd = bpf_map__fd(side->skel->maps.counters);

	for (__u32 i = 0; i < NR_COUNTERS; i++) {
		values[i] = 0;
		if (bpf_map_lookup_elem(fd, &i, side->per_cpu))
			continue;
		for (unsigned int cpu = 0; cpu < side->nr_cpus; cpu++)
			values[i] += side->per_cpu[cpu];
	}
}

struct unwind_map_fds kernel_side__unwind_fds(const struct kernel_side *side)
{
	return (struct unwind_map_fds)UNWIND_MAP_FDS(side->skel);
}

__u64 kernel_side__map_bytes(const struct kernel_side *side)
{
	struct bpf_map *map;
	__u64 bytes = 0;

	bpf_object__for_each_map(map, side->skel->obj) {
		__u64 each = bpf_map__type(map) == BPF_MAP_TYPE_RINGBUF ?
				     1 :
				     bpf_map__key_size(map) + bpf_map__value_size(map);

		if (bpf_map__type(map) == BPF_MAP_TYPE_PERCPU_ARRAY)
			each *= side->nr_cpus;
		bytes += each * bpf_map__max_entries(map);
	}
	return bytes;
}
