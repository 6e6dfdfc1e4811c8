/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* /proc/PID/maps and smaps, as proc_pid_maps(5) and proc_pid_smaps(5) describe them. Needs no BPF. */
#ifndef RSSTRACE_LIVE_PROC_MAPS_H
#define RSSTRACE_LIVE_PROC_MAPS_H

#include <stdbool.h>
#include <sys/types.h>
#include "record_abi.h"
#include "base/err.h"

struct proc_map {
	__u64 start, end, pgoff; /* bytes */
	__u64 ino;
	__u32 dev; /* major << 20 | minor */
	__u8 prot; /* 1 read, 2 write, 4 execute */
	__u8 shared;
	__u8 backing;	  /* enum map_backing */
	const char *name; /* last column, octal escapes as they stand; "" when empty; owned by the proc_maps */
	/* smaps only; bytes, UINT64_MAX when the kernel does not tell */
	__u64 rss, pss, anonymous, swap, private_dirty, private_clean, shared_dirty, shared_clean, anon_huge, locked;
};

struct proc_maps {
	size_t nr;
	struct proc_map *maps; /* sorted by start */
	char *text;	       /* backing store of the names */
};

/*
 * proc_maps__read() - /proc/@pid/maps; with @smaps /proc/@pid/smaps (walks the page tables under mmap_lock: for
 * snapshots and tests, never while tracing). shmem is told from files by device: the kernel's internal
 * tmpfs (memfd, shared anonymous, System V) and every tmpfs of the target's mountinfo.
 * 0, -ESRCH (gone), -EACCES (names what is needed), ... with a sentence. Free with proc_maps__free().
 */
int proc_maps__read(struct proc_maps *maps, pid_t pid, bool smaps, struct err *err);
void proc_maps__free(struct proc_maps *maps);

/* What /proc/PID/status and stat say. Sizes in bytes. */
struct proc_status {
	pid_t pid, tgid, ppid;
	unsigned int uid, nr_threads;
	char comm[64], state;
	bool kernel_thread;
	unsigned int ns_depth; /* pid namespaces below ours: entries of NSpid - 1 */
	__u64 rss_anon, rss_file, rss_shmem, swap, hiwater, size;
	__u64 start_ticks; /* stat field 22: tells a recycled pid */
};
int proc_status__read(struct proc_status *status, pid_t pid, struct err *err);

/* readlink /proc/PID/exe into @buf; "" when it cannot be told. */
void proc_exe(pid_t pid, char *buf, size_t cap);

#endif
