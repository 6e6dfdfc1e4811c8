/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which devices in /proc/PID/maps are memory rather than disks: tmpfs (pages count as RssShmem),
 * hugetlbfs (not in RSS), devtmpfs (device nodes). maps shows the superblock's device, which is
 * what stat(2) of a memfd and mountinfo say, too.
 */
#ifndef RSSTRACE_LIVE_MEMORY_DEVICES_H
#define RSSTRACE_LIVE_MEMORY_DEVICES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <linux/types.h>

enum memory_device {
	DEVICE_OTHER = 0, /* a disk, or unknown */
	DEVICE_SHMEM,
	DEVICE_HUGETLB,
	DEVICE_NODES,
};

struct memory_devices {
	size_t nr, cap;
	struct device_sort {
		__u32 dev; /* major << 20 | minor */
		enum memory_device sort;
	} * devices;
};

/*
 * memory_devices__init() - the kernel's internal tmpfs and hugetlbfs mounts (learned from memfds of
 * our own), and the mounts of @pid's mount namespace when it may be read. 0 or -ENOMEM. Free with
 * memory_devices__fini(), also on failure.
 */
int memory_devices__init(struct memory_devices *devices, pid_t pid);
void memory_devices__fini(struct memory_devices *devices);
enum memory_device memory_devices__sort(const struct memory_devices *devices, __u32 dev);

#endif
