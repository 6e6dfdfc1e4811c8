/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What others do to a program's RSS: another process, reclaim, the kernel's daemons. */
#ifndef RSSTRACE_SCENARIOS_FOREIGN_H
#define RSSTRACE_SCENARIOS_FOREIGN_H

#include <signal.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include "scenarios_calls.h"

#define MADV_PAGEOUT_NR 21
#define DAEMON_PATIENCE_S 60

/* --- another process
 * ------------------------------------------------------------------------------------------------
 */

static struct {
	pid_t pid;
	int ask, answer; /* our ends */
} other;

static void let_other(bool done)
{
	char c = done;

	if (write(other.ask, &c, 1) != 1 || read(other.answer, &c, 1) != 1)
		workload__die("the other process");
	if (!c) {
		fprintf(stderr, "scenarios: the other process could not do it\n");
		exit(70);
	}
}

/* Forks a process that does @work to us once it is let; before a tracer attaches, so that it is
 * nobody's child. */
static void make_other(bool (*work)(void))
{
	int ask[2], answer[2];
	char c;

	if (pipe2(ask, O_CLOEXEC) || pipe2(answer, O_CLOEXEC))
		workload__die("pipe");
	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
	other.pid = fork();
	if (!other.pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(ask[1]);
		if (read(ask[0], &c, 1) != 1)
			_exit(0);
		c = work();
		_exit(write(answer[1], &c, 1) != 1);
	}
	close(ask[0]);
	close(answer[1]);
	other.ask = ask[1];
	other.answer = answer[0];
}

static void act_by_other(void)
{
	let_other(true);
	waitpid(other.pid, NULL, 0);
}

static bool write_proc_mem(void)
{
	char path[32], c = 1;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/mem", getppid());
	fd = open(path, O_RDWR);
	for (size_t done = 0; done < BYTES; done += WORKLOAD_PAGE)
		if (pwrite(fd, &c, 1, (uintptr_t)scenario_at + done) != 1)
			return false;
	return true;
}

static const char *prepare_proc_mem(void)
{
	prepare_anon();
	make_other(write_proc_mem);
	return "";
}

static bool write_by_vm_writev(void)
{
	static char bytes[BYTES];
	struct iovec from = { bytes, BYTES }, to = { scenario_at, BYTES };

	return process_vm_writev(getppid(), &from, 1, &to, 1, 0) == (ssize_t)BYTES;
}

static const char *prepare_vm_writev(void)
{
	prepare_anon();
	make_other(write_by_vm_writev);
	return "";
}

static bool poke(void)
{
	pid_t pid = getppid();

	if (ptrace(PTRACE_ATTACH, pid, NULL, NULL) || waitpid(pid, NULL, 0) != pid)
		return false;
	for (size_t done = 0; done < BYTES; done += WORKLOAD_PAGE)
		if (ptrace(PTRACE_POKEDATA, pid, scenario_at + done, (void *)1))
			return false;
	return !ptrace(PTRACE_DETACH, pid, NULL, NULL);
}

static const char *prepare_poke(void)
{
	prepare_anon();
	make_other(poke);
	return "";
}

static bool truncate_it(void)
{
	return !ftruncate(scenario_fd, BYTES / 2);
}

static const char *prepare_truncate_by_other(void)
{
	const char *why = prepare_memfd();

	make_other(truncate_it);
	return why;
}

/* --- reclaim
 * --------------------------------------------------------------------------------------------------------
 */

static bool has_swap(void)
{
	char line[256];
	FILE *swaps = fopen("/proc/swaps", "r");
	int nr = 0;

	while (swaps && fgets(line, sizeof(line), swaps))
		nr++;
	if (swaps)
		fclose(swaps);
	return nr > 1;
}

static const char *prepare_swappable(void)
{
	prepare_touched();
	return has_swap() ? "" : "no swap";
}

/* Pages just touched wait in a CPU's batch, where reclaim cannot take them; they drain in time. */
static void page_out(char *at)
{
	for (int i = 0; i < 50; i++) {
		unsigned char there[PAGES];
		size_t nr = 0;

		if (madvise(at, BYTES, MADV_PAGEOUT_NR))
			workload__die("MADV_PAGEOUT");
		mincore(at, BYTES, there);
		for (size_t page = 0; page < PAGES; page++)
			nr += there[page] & 1;
		if (!nr)
			return;
		usleep(20000);
	}
}

static void act_swap_out(void)
{
	page_out(scenario_at);
}

static const char *prepare_swapped(void)
{
	const char *why = prepare_swappable();

	if (!*why)
		page_out(scenario_at);
	return why;
}

/* Clean pages of a file that nobody else maps go without being written. */
static void act_file_out(void)
{
	if (madvise(scenario_at, BYTES, MADV_PAGEOUT_NR))
		workload__die("MADV_PAGEOUT");
}

static const char *prepare_file_out(void)
{
	prepare_file_mapping();
	fsync(scenario_fd);
	workload__read(scenario_at, BYTES);
	return "";
}

static bool page_out_parent(void)
{
	int pidfd = syscall(SYS_pidfd_open, getppid(), 0);
	struct iovec range = { scenario_at, BYTES };

	for (int i = 0; i < 50; i++) { /* as in page_out() */
		if (syscall(SYS_process_madvise, pidfd, &range, 1, MADV_PAGEOUT_NR, 0) !=
		    (ssize_t)BYTES)
			return false;
		usleep(20000);
	}
	return true;
}

static const char *prepare_paged_out_by_other(void)
{
	prepare_anon();
	make_other(page_out_parent);
	workload__touch(scenario_at, BYTES); /* after the fork: pages of two processes are spared */
	return has_swap() ? "" : "no swap";
}

/* The group's limit is below what is touched (the runner's setting memory=); a tracer may be in it,
 * too. */
#define LIMITED_BYTES (128 * MIB)

static unsigned long limit_bytes(void)
{
	char line[64] = "", path[300] = "", group[200] = "";
	FILE *file = fopen("/proc/self/cgroup", "r");

	if (file && fgets(line, sizeof(line), file))
		sscanf(line, "0::%199s", group);
	if (file)
		fclose(file);
	snprintf(path, sizeof(path), "/sys/fs/cgroup%s/memory.max", group);
	file = fopen(path, "r");
	if (!file || !fgets(line, sizeof(line), file))
		line[0] = '\0';
	if (file)
		fclose(file);
	return strtoul(line, NULL, 10);
}

static const char *prepare_limited(void)
{
	scenario_at = workload__map(LIMITED_BYTES);
	madvise(scenario_at, LIMITED_BYTES, MADV_NOHUGEPAGE);
	return has_swap() ? "" : "no swap";
}

static void act_touch_limited(void)
{
	unsigned long limit = limit_bytes();

	if (!limit || limit >= LIMITED_BYTES) {
		scenario_skipped = "no memory limit below 128 MiB";
		return;
	}
	workload__touch(scenario_at, LIMITED_BYTES);
}

/* --- the kernel's daemons
 * ------------------------------------------------------------------------------------------- */

static unsigned long read_knob(const char *path)
{
	char line[64] = "";
	FILE *file = fopen(path, "r");

	if (file && !fgets(line, sizeof(line), file))
		line[0] = '\0';
	if (file)
		fclose(file);
	return strtoul(line, NULL, 10);
}

/* RSS is not told by mincore(2) alone: statm, in pages. */
static unsigned long resident_pages(void)
{
	unsigned long size, resident = 0;
	char line[128] = "";
	int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);

	if (read(fd, line, sizeof(line) - 1) > 0)
		sscanf(line, "%lu %lu", &size, &resident);
	close(fd);
	return resident;
}

static void wait_resident(unsigned long from, unsigned long to)
{
	for (int i = 0; i < DAEMON_PATIENCE_S * 10; i++) {
		unsigned long now = resident_pages();

		if (from < to ? now >= to : now <= to)
			return;
		usleep(100000);
	}
}

#define KHUGEPAGED "/sys/kernel/mm/transparent_hugepage/khugepaged/"

static const char *prepare_khugepaged(void)
{
	if (read_knob(KHUGEPAGED "scan_sleep_millisecs") > 1000)
		return "khugepaged sleeps for more than a second";
	return prepare_huge();
}

static void act_khugepaged(void)
{
	unsigned long before = resident_pages();

	madvise(scenario_at, 2 * HUGE_BYTES, MADV_NOHUGEPAGE);
	touch_every_other();
	madvise(scenario_at, 2 * HUGE_BYTES, MADV_HUGEPAGE);
	wait_resident(before, before + 1000);
}

static const char *prepare_ksm(void)
{
	prepare_anon();
	if (read_knob("/sys/kernel/mm/ksm/run") != 1)
		return "ksmd does not run";
	if (read_knob("/sys/kernel/mm/ksm/use_zero_pages") != 1)
		return "ksmd does not merge with the zero page";
	memset(scenario_at, 0, BYTES);
	return "";
}

static void act_ksm(void)
{
	unsigned long before = resident_pages();

	if (madvise(scenario_at, BYTES, MADV_MERGEABLE))
		workload__die("MADV_MERGEABLE");
	wait_resident(before, before - PAGES);
}

/* Where the runner says so: it is the machine's swap that goes. */
static bool swap_off(void)
{
	return !swapoff(getenv("SCENARIO_SWAP"));
}

static const char *prepare_swapoff(void)
{
	const char *why = prepare_swapped();

	if (!getenv("SCENARIO_SWAP"))
		return "SCENARIO_SWAP names no swap to be taken away";
	make_other(swap_off);
	return why;
}

static void act_swapoff(void)
{
	act_by_other();
	if (swapon(getenv("SCENARIO_SWAP"), 0))
		workload__die("swapon");
}

#endif
