/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a program does to its own RSS: faults, calls that populate, calls that release. */
#ifndef RSSTRACE_SCENARIOS_OWN_H
#define RSSTRACE_SCENARIOS_OWN_H

#include <linux/io_uring.h>
#include <linux/userfaultfd.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include "scenarios.h"

/* --- faults
 * ---------------------------------------------------------------------------------------------------------
 */

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

static const char *prepare_huge(void)
{
	char *at = workload__map(3 * HUGE_BYTES);

	scenario_at = (char *)(((uintptr_t)at + HUGE_BYTES - 1) & ~(HUGE_BYTES - 1));
	return madvise(scenario_at, 2 * HUGE_BYTES, MADV_HUGEPAGE) ? "no transparent huge pages"
								   : "";
}

static void act_touch_huge(void)
{
	workload__touch(scenario_at, 2 * HUGE_BYTES);
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

/* --- calls that populate
 * -------------------------------------------------------------------------------------------- */

static void act_populate(void)
{
	scenario_map(BYTES, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1);
}

static const char *prepare_file(void)
{
	scenario_file();
	return "";
}

static void act_populate_file(void)
{
	if (mmap(NULL, BYTES, PROT_READ, MAP_SHARED | MAP_POPULATE, scenario_fd, 0) == MAP_FAILED)
		workload__die("mmap");
}

static const char *prepare_lockable(void)
{
	char *probe = workload__map(WORKLOAD_PAGE);

	prepare_anon();
	return mlock(probe, WORKLOAD_PAGE) ? "memory may not be locked" : "";
}

static void act_mlock(void)
{
	if (mlock(scenario_at, BYTES))
		workload__die("mlock");
}

static void act_lock_on_fault(void)
{
	if (syscall(SYS_mlock2, scenario_at, BYTES, 1 /* MLOCK_ONFAULT */))
		workload__die("mlock2");
	workload__touch(scenario_at, BYTES);
}

static void act_mlockall(void)
{
	if (mlockall(MCL_CURRENT))
		workload__die("mlockall");
}

#define MADV_POPULATE_READ_NR 22
#define MADV_POPULATE_WRITE_NR 23
#define MADV_COLLAPSE_NR 25

static const char *prepare_advice(int advice)
{
	char *probe = workload__map(WORKLOAD_PAGE);

	prepare_anon();
	return madvise(probe, WORKLOAD_PAGE, advice) && errno == EINVAL ? "no such advice here"
									: "";
}

static const char *prepare_populate_write(void)
{
	return prepare_advice(MADV_POPULATE_WRITE_NR);
}

static void act_populate_write(void)
{
	if (madvise(scenario_at, BYTES, MADV_POPULATE_WRITE_NR))
		workload__die("madvise");
}

static const char *prepare_populate_read(void)
{
	const char *why = prepare_advice(MADV_POPULATE_READ_NR);

	prepare_file_mapping();
	return why;
}

static void act_populate_read(void)
{
	if (madvise(scenario_at, BYTES, MADV_POPULATE_READ_NR))
		workload__die("madvise");
}

static const char *prepare_direct(void)
{
	char path[32];

	scenario_file();
	fsync(scenario_fd);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", scenario_fd);
	scenario_fd = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);
	prepare_anon();
	return scenario_fd < 0 ? "this file system has no O_DIRECT" : "";
}

static void act_direct(void)
{
	if (read(scenario_fd, scenario_at, BYTES) != (ssize_t)BYTES)
		workload__die("read");
}

static const char *prepare_uffd(void)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register range = { .mode = UFFDIO_REGISTER_MODE_MISSING };

	prepare_anon();
	scenario_fd = syscall(SYS_userfaultfd, O_CLOEXEC);
	range.range.start = (uintptr_t)scenario_at;
	range.range.len = BYTES;
	if (scenario_fd < 0 || ioctl(scenario_fd, UFFDIO_API, &api) ||
	    ioctl(scenario_fd, UFFDIO_REGISTER, &range))
		return "no userfaultfd";
	return "";
}

static void act_uffd_copy(void)
{
	static char page[4096];
	struct uffdio_copy copy = { .src = (uintptr_t)page, .len = WORKLOAD_PAGE };

	for (size_t done = 0; done < BYTES; done += WORKLOAD_PAGE) {
		copy.dst = (uintptr_t)scenario_at + done;
		if (ioctl(scenario_fd, UFFDIO_COPY, &copy))
			workload__die("UFFDIO_COPY");
	}
}

static const char *prepare_collapse(void)
{
	const char *why = prepare_huge();

	if (*why)
		return why;
	scenario_at[0] = 1;
	if (madvise(scenario_at, HUGE_BYTES, MADV_COLLAPSE_NR) && errno == EINVAL)
		return "no such advice here";
	return prepare_huge();
}

/* Every other page; made while somebody traces, since khugepaged may be quicker than a tracer
 * attaches. */
static void make_holes(void)
{
	madvise(scenario_at, 2 * HUGE_BYTES, MADV_NOHUGEPAGE);
	for (size_t at = 0; at < 2 * HUGE_BYTES; at += 2 * WORKLOAD_PAGE)
		scenario_at[at] = 1;
	madvise(scenario_at, 2 * HUGE_BYTES, MADV_HUGEPAGE);
}

static void act_collapse(void)
{
	make_holes();
	for (int i = 0; i < 20; i++) /* EAGAIN: a page was in use */
		if (!madvise(scenario_at, 2 * HUGE_BYTES, MADV_COLLAPSE_NR))
			return;
	workload__die("MADV_COLLAPSE");
}

/* --- calls that release
 * --------------------------------------------------------------------------------------------- */

static void act_dontneed(void)
{
	madvise(scenario_at, BYTES / 2, MADV_DONTNEED);
}

static void act_free(void)
{
	madvise(scenario_at, BYTES / 2, MADV_FREE);
}

static void act_remove(void)
{
	if (madvise(scenario_at, BYTES / 2, MADV_REMOVE))
		workload__die("MADV_REMOVE");
}

static void act_punch_hole(void)
{
	if (fallocate(scenario_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, BYTES / 2))
		workload__die("fallocate");
}

static void act_truncate(void)
{
	if (ftruncate(scenario_fd, BYTES / 2))
		workload__die("ftruncate");
}

static void act_munmap(void)
{
	munmap(scenario_at, BYTES);
}

static void act_munmap_part(void)
{
	munmap(scenario_at + BYTES / 4, BYTES / 2);
}

static void act_map_fixed(void)
{
	if (mmap(scenario_at, BYTES / 2, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
		 0) == MAP_FAILED)
		workload__die("mmap");
}

static void act_mremap_shrink(void)
{
	if (mremap(scenario_at, BYTES, BYTES / 2, 0) == MAP_FAILED)
		workload__die("mremap");
}

static void act_mremap_move(void)
{
	char *to = workload__map(BYTES);

	if (mremap(scenario_at, BYTES, BYTES, MREMAP_MAYMOVE | MREMAP_FIXED, to) == MAP_FAILED)
		workload__die("mremap");
}

static const char *prepare_two(void)
{
	prepare_touched();
	if (munmap(scenario_at, BYTES))
		return strerror(errno);
	scenario_at = workload__map(2 * BYTES);
	workload__touch(scenario_at, 2 * BYTES);
	return "";
}

static void act_mremap_over(void)
{
	if (mremap(scenario_at, BYTES, BYTES, MREMAP_MAYMOVE | MREMAP_FIXED, scenario_at + BYTES) ==
	    MAP_FAILED)
		workload__die("mremap");
}

static void act_mprotect(void)
{
	for (size_t at = 0; at < BYTES; at += 2 * WORKLOAD_PAGE)
		mprotect(scenario_at + at, WORKLOAD_PAGE, PROT_READ);
}

static void act_brk(void)
{
	char *at = sbrk(BYTES);

	if (at == (void *)-1)
		workload__die("sbrk");
	workload__touch(at, BYTES);
	sbrk(-(intptr_t)(BYTES / 2));
}

static const char *prepare_shm(void)
{
	scenario_fd = shmget(IPC_PRIVATE, BYTES, IPC_CREAT | 0600);
	return scenario_fd < 0 ? "no System V shared memory" : "";
}

static void act_shm(void)
{
	void *at = shmat(scenario_fd, NULL, 0);

	shmctl(scenario_fd, IPC_RMID, NULL);
	if (at == (void *)-1)
		workload__die("shmat");
	workload__touch(at, BYTES);
	shmdt(at);
}

#endif
