/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a program does to its own RSS by touching memory, itself or by the kernel's hand. */
#ifndef RSSTRACE_SCENARIOS_FAULTS_H
#define RSSTRACE_SCENARIOS_FAULTS_H

#include <linux/io_uring.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include "scenarios.h"

static void act_touch(void)
{
	workload__touch(scenario_at, BYTES);
}

static void act_read_then_write(void)
{
	workload__read(scenario_at, BYTES);
	workload__touch(scenario_at, BYTES);
}

static void act_read(void)
{
	workload__read(scenario_at, BYTES);
}

static void map_aligned(void)
{
	char *at = workload__map(3 * HUGE_BYTES);

	scenario_at = (char *)(((uintptr_t)at + HUGE_BYTES - 1) & ~(HUGE_BYTES - 1));
}

static const char *prepare_huge(void)
{
	map_aligned();
	return madvise(scenario_at, 2 * HUGE_BYTES, MADV_HUGEPAGE) ? "no transparent huge pages"
								   : "";
}

static void act_touch_huge(void)
{
	workload__touch(scenario_at, 2 * HUGE_BYTES);
}

/* The pool of huge pages becomes larger by @nr. */
static bool grow_pool(int nr)
{
	FILE *pool = fopen("/proc/sys/vm/nr_hugepages", "r+");
	int now = 0;
	bool done = pool && fscanf(pool, "%d", &now) == 1;

	if (done) {
		rewind(pool);
		fprintf(pool, "%d", now + nr);
	}
	return pool && !fclose(pool) && done;
}

#define POOL_PAGES 2

static const char *prepare_hugetlb(void)
{
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB;

	if (!grow_pool(POOL_PAGES))
		return "no pool of huge pages";
	scenario_at = mmap(NULL, POOL_PAGES * HUGE_BYTES, PROT_READ | PROT_WRITE, flags, -1, 0);
	grow_pool(-POOL_PAGES); /* what is mapped stays ours */
	return scenario_at == MAP_FAILED ? "no memory for huge pages" : "";
}

static const char *prepare_touched_hugetlb(void)
{
	const char *why_not = prepare_hugetlb();

	if (!*why_not)
		workload__touch(scenario_at, POOL_PAGES * HUGE_BYTES);
	return why_not;
}

#define MANY_PAGES 6000UL /* as many VMAs */

static const char *prepare_many_vmas(void)
{
	scenario_at = workload__map(MANY_PAGES * WORKLOAD_PAGE);
	return "";
}

static void act_many_vmas(void)
{
	for (size_t i = 0; i < MANY_PAGES; i += 2) {
		char *at = scenario_at + i * WORKLOAD_PAGE;

		if (mprotect(at, WORKLOAD_PAGE, PROT_READ))
			workload__die("mprotect");
		workload__touch(at + WORKLOAD_PAGE, WORKLOAD_PAGE);
	}
}

static const char *prepare_shared(void)
{
	scenario_at = scenario_map(BYTES, MAP_SHARED | MAP_ANONYMOUS, -1);
	return "";
}

static const char *prepare_file_mapping(void)
{
	scenario_file();
	scenario_at = scenario_map(BYTES, MAP_PRIVATE, scenario_fd);
	return "";
}

static const char *prepare_file_read(void)
{
	prepare_file_mapping();
	workload__read(scenario_at, BYTES);
	return "";
}

static void act_kernel_mode(void)
{
	int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);

	for (size_t done = 0; done < BYTES; done += WORKLOAD_PAGE)
		if (read(fd, scenario_at + done, 1) != 1)
			workload__die("read");
	close(fd);
}

static struct {
	int fd;
	struct io_uring_params params;
	struct io_uring_sqe *entries;
	char *ring;
} uring;

/* io_uring(7); the libc knows none of its calls. */
static const char *prepare_uring(void)
{
	const int prot = PROT_READ | PROT_WRITE, flags = MAP_SHARED | MAP_POPULATE;
	struct io_uring_params *params = &uring.params;
	size_t ring_bytes;

	prepare_anon();
	uring.fd = syscall(SYS_io_uring_setup, 1, params);
	if (uring.fd < 0)
		return "no io_uring";
	ring_bytes = params->sq_off.array + params->sq_entries * sizeof(__u32);
	uring.ring = mmap(NULL, ring_bytes, prot, flags, uring.fd, IORING_OFF_SQ_RING);
	uring.entries = mmap(NULL, sizeof(*uring.entries), prot, flags, uring.fd, IORING_OFF_SQES);
	scenario_fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	if (uring.ring == MAP_FAILED || uring.entries == MAP_FAILED || scenario_fd < 0)
		workload__die("io_uring");
	return "";
}

/* A thread of the kernel's, with our memory, reads into it: IOSQE_ASYNC never does it at once. */
static void act_uring(void)
{
	__u32 *tail = (__u32 *)(uring.ring + uring.params.sq_off.tail);
	__u32 *array = (__u32 *)(uring.ring + uring.params.sq_off.array);

	*uring.entries = (struct io_uring_sqe){
		.opcode = IORING_OP_READ,
		.flags = IOSQE_ASYNC,
		.fd = scenario_fd,
		.addr = (uintptr_t)scenario_at,
		.len = BYTES,
	};
	array[*tail & (uring.params.sq_entries - 1)] = 0;
	__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, uring.fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) != 1)
		workload__die("io_uring_enter");
}

__attribute__((noinline)) static void act_stack(void)
{
	char deep[BYTES];

	workload__touch(deep, sizeof(deep));
}

static sigjmp_buf after_fault;

static void on_fault(int sig)
{
	(void)sig;
	siglongjmp(after_fault, 1);
}

/* A fault that fails brings nothing, and nothing that follows is its. */
static void act_bad_faults(void)
{
	struct sigaction action = { .sa_handler = on_fault, .sa_flags = SA_NODEFER };

	sigaction(SIGSEGV, &action, NULL);
	mprotect(scenario_at, BYTES, PROT_NONE);
	for (volatile size_t i = 0; i < HALF; i++)
		if (!sigsetjmp(after_fault, 0))
			*(volatile char *)(scenario_at + i * WORKLOAD_PAGE) = 1;
	if (madvise(scenario_at, BYTES, MADV_DONTNEED))
		workload__die("madvise");
}

static int in_clone(void *arg)
{
	workload__touch(arg, BYTES);
	_exit(0);
}

/* Another process in the same address space: io workers, posix_spawn(). */
static void act_clone_vm(void)
{
	static char stack[64 << 10] __attribute__((aligned(16)));
	int pid = clone(in_clone, stack + sizeof(stack), CLONE_VM | SIGCHLD, scenario_at);

	if (pid < 0 || waitpid(pid, NULL, 0) != pid)
		workload__die("clone");
}

static void act_fork(void)
{
	pid_t pid = fork();

	if (!pid) {
		workload__touch(scenario_at, BYTES);
		_exit(0);
	}
	if (waitpid(pid, NULL, 0) != pid)
		workload__die("fork");
}

/* Its pages are shared with a child: each write copies one, and none more is resident. */
static void act_write_after_fork(void)
{
	pid_t pid = fork();

	if (!pid) {
		pause();
		_exit(0);
	}
	workload__touch(scenario_at, BYTES);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void act_vfork_exec(void)
{
	pid_t pid = vfork();

	if (!pid) {
		close(STDOUT_FILENO);
		execl("/proc/self/exe", "scenarios", "--list", NULL);
		_exit(127);
	}
	waitpid(pid, NULL, 0);
}

#endif
