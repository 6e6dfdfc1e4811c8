/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a program does to its own RSS by calls: those that populate, those that release. */
#ifndef RSSTRACE_SCENARIOS_CALLS_H
#define RSSTRACE_SCENARIOS_CALLS_H

#include <linux/if_packet.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include "scenarios_faults.h"

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

static const char *prepare_locked_future(void)
{
	const char *why = prepare_lockable();

	return !*why && mlockall(MCL_FUTURE) ? "memory may not be locked" : why;
}

static void act_locked_future(void)
{
	scenario_map(BYTES, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	if (sbrk(BYTES) == (void *)-1)
		workload__die("sbrk");
	munlockall();
}

/* packet(7): its pages are there from the start. */
static const char *prepare_packet_ring(void)
{
	struct tpacket_req ring = {
		.tp_block_size = 16 * WORKLOAD_PAGE,
		.tp_block_nr = PAGES / 16,
		.tp_frame_size = WORKLOAD_PAGE,
		.tp_frame_nr = PAGES,
	};

	scenario_fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (scenario_fd < 0 ||
	    setsockopt(scenario_fd, SOL_PACKET, PACKET_RX_RING, &ring, sizeof(ring)))
		return "no packet sockets";
	return "";
}

static void act_packet_ring(void)
{
	scenario_map(BYTES, MAP_SHARED, scenario_fd);
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
	map_aligned();
	return "";
}

static void touch_every_other(void)
{
	for (size_t at = 0; at < 2 * HUGE_BYTES; at += 2 * WORKLOAD_PAGE)
		scenario_at[at] = 1;
}

/* Made while somebody traces, since khugepaged may be quicker than a tracer attaches; than the
 * call, too, so that it is not asked here. */
static void act_collapse(void)
{
	prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
	touch_every_other();
	prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0);
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

#define SYS_MSEAL 462 /* Linux 6.10 */

/* Over what is there already, as it is: only by what it returned can one see that it was refused.
 */
static void map_fixed_in_vain(unsigned long offset)
{
	if (syscall(SYS_mmap, scenario_at, BYTES, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, offset) != -1)
		workload__die("mmap was not refused");
}

static void act_map_fixed_refused(void)
{
	workload__touch(scenario_at, BYTES);
	map_fixed_in_vain(1);
	if (!syscall(SYS_MSEAL, scenario_at, BYTES, 0))
		map_fixed_in_vain(0);
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
