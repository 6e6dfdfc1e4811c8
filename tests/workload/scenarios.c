/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * scenarios [--wait] NAME: one scenario of the table; scenarios --list: their names. The protocol
 * is workload.h's; the final line has "expected": [[cause, direction, member, pages, at least],
 * ...], or "skipped": why.
 */
#include <sys/vfs.h>
#include "scenarios_foreign.h"

#define IN(cause, member, pages)                                                                   \
	{                                                                                          \
#cause, "in", #member, pages, false                                                \
	}
#define OUT(cause, member, pages)                                                                  \
	{                                                                                          \
#cause, "out", #member, pages, false                                               \
	}
#define IN_AT_LEAST(cause, member, pages)                                                          \
	{                                                                                          \
#cause, "in", #member, pages, true                                                 \
	}
#define OUT_AT_LEAST(cause, member, pages)                                                         \
	{                                                                                          \
#cause, "out", #member, pages, true                                                \
	}
#define NOBODYS(pages) /* at most that many that nothing tells the stack of */                     \
	{                                                                                          \
		"unattributed", "in", "total", pages, true                                         \
	}
#define NOTHING                                                                                    \
	{                                                                                          \
		NULL, NULL, NULL, 0, false                                                         \
	}

static const struct scenario scenarios[] = {
	{ "anon", "first writes", prepare_anon, act_touch, { IN(fault, anon, PAGES) } },
	{ "zero_page",
	  "reads of nothing, then writes",
	  prepare_anon,
	  act_read_then_write,
	  { IN(fault, anon, PAGES) } },
	{ "zero_page_read", "reads of nothing", prepare_anon, act_read, { NOTHING } },
	{ "huge",
	  "faults of huge pages",
	  prepare_huge,
	  act_touch_huge,
	  { IN(fault, anon, 2 * HUGE_BYTES / WORKLOAD_PAGE) } },
	{ "hugetlb",
	  "pages of the hugetlb pool: no RSS",
	  prepare_hugetlb,
	  act_touch_huge,
	  { NOTHING } },
	{ "hugetlb_before",
	  "the same, there before tracing",
	  prepare_touched_hugetlb,
	  act_touch,
	  { NOTHING } },
	{ "many_vmas",
	  "thousands of mappings, every other one touched",
	  prepare_many_vmas,
	  act_many_vmas,
	  { IN(fault, anon, MANY_PAGES / 2) } },
	{ "shared",
	  "shared anonymous memory",
	  prepare_shared,
	  act_touch,
	  { IN(fault, shmem, PAGES) } },
	{ "file",
	  "a file from the page cache, fault-around",
	  prepare_file_mapping,
	  act_read,
	  { IN(fault, file, PAGES) } },
	{ "file_cow",
	  "writes to a private file mapping",
	  prepare_file_read,
	  act_touch,
	  { IN(fault, anon, PAGES), OUT(fault, file, PAGES) } },
	{ "kernel_mode",
	  "read(2) into fresh memory",
	  prepare_anon,
	  act_kernel_mode,
	  { IN(fault_kernel, anon, PAGES) } },
	{ "io_uring",
	  "an io_uring worker reads into fresh memory",
	  prepare_uring,
	  act_uring,
	  { IN(fault_kernel, anon, PAGES) } },
	{ "stack",
	  "a deep stack",
	  prepare_nothing,
	  act_stack,
	  { IN_AT_LEAST(fault, anon, PAGES - 32) } },
	{ "bad_faults",
	  "faults that fail",
	  prepare_touched,
	  act_bad_faults,
	  { OUT(dontneed, anon, PAGES) } },
	{ "clone_vm",
	  "a process in our address space",
	  prepare_anon,
	  act_clone_vm,
	  { IN(fault, anon, PAGES) } },
	{ "fork", "a child's memory is not ours", prepare_anon, act_fork, { NOTHING } },
	{ "write_after_fork",
	  "copies of what a child shares",
	  prepare_touched,
	  act_write_after_fork,
	  { NOTHING } },
	{ "vfork_exec", "a child that execs", prepare_nothing, act_vfork_exec, { NOTHING } },

	{ "populate",
	  "MAP_POPULATE",
	  prepare_nothing,
	  act_populate,
	  { IN(populate, anon, PAGES) } },
	{ "populate_file",
	  "MAP_POPULATE of a file",
	  prepare_file,
	  act_populate_file,
	  { IN(populate, file, PAGES) } },
	{ "mlock", "mlock(2)", prepare_lockable, act_mlock, { IN(populate, anon, PAGES) } },
	{ "mlock_onfault",
	  "mlock2(MLOCK_ONFAULT)",
	  prepare_lockable,
	  act_lock_on_fault,
	  { IN(fault, anon, PAGES) } },
	{ "mlockall",
	  "mlockall(2)",
	  prepare_lockable,
	  act_mlockall,
	  { IN_AT_LEAST(populate, anon, PAGES), IN_AT_LEAST(populate, file, 0), NOBODYS(1024) } },
	{ "mlockall_future",
	  "mmap(2) and brk(2) under mlockall(MCL_FUTURE)",
	  prepare_locked_future,
	  act_locked_future,
	  { IN(populate, anon, 2 * PAGES) } },
	{ "packet_ring",
	  "a driver puts pages into what it maps",
	  prepare_packet_ring,
	  act_packet_ring,
	  { IN(populate, file, PAGES) } },
	{ "populate_write",
	  "MADV_POPULATE_WRITE",
	  prepare_populate_write,
	  act_populate_write,
	  { IN(populate, anon, PAGES) } },
	{ "populate_read",
	  "MADV_POPULATE_READ of a file",
	  prepare_populate_read,
	  act_populate_read,
	  { IN(populate, file, PAGES) } },
	{ "direct",
	  "O_DIRECT into fresh memory",
	  prepare_direct,
	  act_direct,
	  { IN(populate, anon, PAGES), NOBODYS(PAGES) } },
	{ "uffd_copy",
	  "UFFDIO_COPY",
	  prepare_uffd,
	  act_uffd_copy,
	  { IN(uffd, anon, PAGES), NOBODYS(PAGES) } },
	{ "collapse",
	  "MADV_COLLAPSE fills holes",
	  prepare_collapse,
	  act_collapse,
	  { IN(fault, anon, HUGE_BYTES / WORKLOAD_PAGE),
	    IN(collapse, anon, HUGE_BYTES / WORKLOAD_PAGE) } },

	{ "dontneed",
	  "MADV_DONTNEED",
	  prepare_touched,
	  act_dontneed,
	  { OUT(dontneed, anon, HALF) } },
	{ "free", "MADV_FREE takes nothing yet", prepare_touched, act_free, { NOTHING } },
	{ "remove", "MADV_REMOVE", prepare_memfd, act_remove, { OUT(dontneed, shmem, HALF) } },
	{ "punch_hole",
	  "a hole in a file of ours",
	  prepare_memfd,
	  act_punch_hole,
	  { OUT(truncate, shmem, HALF) } },
	{ "truncate",
	  "a file of ours gets shorter",
	  prepare_memfd,
	  act_truncate,
	  { OUT(truncate, shmem, HALF) } },
	{ "munmap", "munmap(2)", prepare_touched, act_munmap, { OUT(munmap, anon, PAGES) } },
	{ "munmap_part",
	  "munmap(2) of a part",
	  prepare_touched,
	  act_munmap_part,
	  { OUT(munmap, anon, HALF) } },
	{ "map_fixed",
	  "MAP_FIXED over live memory",
	  prepare_touched,
	  act_map_fixed,
	  { OUT(mmap_fixed, anon, HALF) } },
	{ "mremap_shrink",
	  "mremap(2) to less",
	  prepare_touched,
	  act_mremap_shrink,
	  { OUT(mremap, anon, HALF) } },
	{ "mremap_move", "mremap(2) elsewhere", prepare_touched, act_mremap_move, { NOTHING } },
	{ "map_fixed_refused",
	  "mmap(MAP_FIXED) over memory that was sealed, or at an odd offset",
	  prepare_anon,
	  act_map_fixed_refused,
	  { IN(fault, anon, PAGES) } },
	{ "mremap_over",
	  "mremap(2) over live memory",
	  prepare_two,
	  act_mremap_over,
	  { OUT(mremap, anon, PAGES) } },
	{ "mprotect", "mprotect(2) splits", prepare_touched, act_mprotect, { NOTHING } },
	{ "brk",
	  "the heap grows and shrinks",
	  prepare_nothing,
	  act_brk,
	  { IN(fault, anon, PAGES), OUT(brk, anon, HALF) } },
	{ "shm",
	  "System V shared memory comes and goes",
	  prepare_shm,
	  act_shm,
	  { IN(fault, shmem, PAGES), OUT(shmdt, shmem, PAGES) } },

	{ "proc_mem",
	  "another process writes /proc/PID/mem",
	  prepare_proc_mem,
	  act_by_other,
	  { IN(remote, anon, PAGES), NOBODYS(PAGES) } },
	{ "vm_writev",
	  "process_vm_writev(2)",
	  prepare_vm_writev,
	  act_by_other,
	  { IN(remote, anon, PAGES), NOBODYS(PAGES) } },
	{ "poke",
	  "PTRACE_POKEDATA",
	  prepare_poke,
	  act_by_other,
	  { IN(remote, anon, PAGES), NOBODYS(PAGES) } },
	{ "truncate_by_other",
	  "another process makes our file shorter",
	  prepare_truncate_by_other,
	  act_by_other,
	  { OUT(remote, shmem, HALF) } },
	{ "swap_out",
	  "MADV_PAGEOUT",
	  prepare_swappable,
	  act_swap_out,
	  { OUT(reclaim, anon, PAGES) } },
	{ "swap_in",
	  "reads of what is swapped out",
	  prepare_swapped,
	  act_read,
	  { IN(fault, anon, PAGES) } },
	{ "file_out",
	  "MADV_PAGEOUT of clean file pages",
	  prepare_file_out,
	  act_file_out,
	  { OUT_AT_LEAST(reclaim, file, 0) } },
	{ "pageout_by_other",
	  "process_madvise(MADV_PAGEOUT)",
	  prepare_paged_out_by_other,
	  act_by_other,
	  { OUT_AT_LEAST(reclaim, anon, 1) } },
	{ "memcg",
	  "faults that reclaim our own pages",
	  prepare_limited,
	  act_touch_limited,
	  { IN(fault, anon, LIMITED_BYTES / WORKLOAD_PAGE), OUT_AT_LEAST(reclaim, anon, 1),
	    OUT_AT_LEAST(reclaim, file, 0) } },
	{ "khugepaged",
	  "khugepaged fills holes",
	  prepare_khugepaged,
	  act_khugepaged,
	  { IN(fault, anon, HUGE_BYTES / WORKLOAD_PAGE),
	    IN(collapse, anon, HUGE_BYTES / WORKLOAD_PAGE), NOBODYS(HUGE_BYTES / WORKLOAD_PAGE) } },
	{ "ksm",
	  "ksmd merges with the zero page",
	  prepare_ksm,
	  act_ksm,
	  { OUT(kthread, anon, PAGES) } },
	{ "swapoff",
	  "swapoff(2) brings pages back",
	  prepare_swapoff,
	  act_swapoff,
	  { IN(remote, anon, PAGES), NOBODYS(PAGES) } },
};

/* Pages of a tmpfs are shmem; other file systems' are file. */
static const char *member_of(const struct expected *expected)
{
	struct statfs fs;

	if (strcmp(expected->member, "file") || scenario_fd < 0 || fstatfs(scenario_fd, &fs))
		return expected->member;
	return fs.f_type == 0x01021994 /* TMPFS_MAGIC */ ? "shmem" : "file";
}

static int finish(const struct scenario *scenario, const char *skipped)
{
	char line[512];
	size_t len = 0;

	if (*skipped) {
		snprintf(line, sizeof(line), ",\"skipped\":\"%s\"", skipped);
		return workload__finish_with(line);
	}
	len += snprintf(line, sizeof(line), ",\"expected\":[");
	for (int i = 0; i < 4 && scenario->expected[i].cause; i++) {
		const struct expected *row = &scenario->expected[i];

		len += snprintf(line + len, sizeof(line) - len, "%s[\"%s\",\"%s\",\"%s\",%lu,%s]",
				i ? "," : "", row->cause, row->direction, member_of(row),
				row->pages, row->at_least ? "true" : "false");
	}
	snprintf(line + len, sizeof(line) - len, "]");
	return workload__finish_with(line);
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[argc - 1] : "";
	for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++) {
		const struct scenario *scenario = &scenarios[i];

		if (!strcmp(name, "--list"))
			printf("%s\n", scenario->name);
		if (strcmp(name, scenario->name))
			continue;
		workload__init(argc, argv);
		scenario_skipped = scenario->prepare();
		workload__start();
		if (!*scenario_skipped)
			scenario->act();
		return finish(scenario, scenario_skipped);
	}
	if (!strcmp(name, "--list"))
		return 0;
	fprintf(stderr, "usage: scenarios [--wait] NAME | --list\n");
	return 2;
}
