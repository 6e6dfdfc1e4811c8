// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <linux/memfd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include "live/memory_devices.h"
#include "live/proc_file.h"

/* Huge page sizes the kernel may have, as log2: it keeps one internal hugetlbfs mount a size. */
#define HUGE_SHIFT_MIN 16 /* 64 KiB: arm64 contiguous ptes */
#define HUGE_SHIFT_MAX 34 /* 16 GiB: powerpc */

enum memory_device memory_devices__sort(const struct memory_devices *devices, __u32 dev)
{
	for (size_t i = 0; i < devices->nr; i++)
		if (devices->devices[i].dev == dev)
			return devices->devices[i].sort;
	return DEVICE_OTHER;
}

static int add_device(struct memory_devices *devices, __u32 dev, enum memory_device sort)
{
	if (memory_devices__sort(devices, dev) != DEVICE_OTHER)
		return 0;
	if (devices->nr == devices->cap) {
		size_t cap = devices->cap ? 2 * devices->cap : 16;
		void *more = realloc(devices->devices, cap * sizeof(*devices->devices));

		if (!more)
			return -ENOMEM;
		devices->devices = more;
		devices->cap = cap;
	}
	devices->devices[devices->nr++] = (struct device_sort){ .dev = dev, .sort = sort };
	return 0;
}

/* The internal mounts appear in no mountinfo; a memfd lives on one of them. */
static int add_memfd(struct memory_devices *devices, unsigned int flags, enum memory_device sort)
{
	struct stat st;
	int fd = memfd_create("rsstrace", MFD_CLOEXEC | flags);
	int code = 0;

	if (fd < 0)
		return 0;
	if (!fstat(fd, &st))
		code = add_device(devices, major(st.st_dev) << 20 | minor(st.st_dev), sort);
	close(fd);
	return code;
}

static enum memory_device sort_of_fstype(const char *fstype)
{
	static const struct {
		const char *fstype;
		enum memory_device sort;
	} sorts[] = {
		{ "tmpfs ", DEVICE_SHMEM },
		{ "hugetlbfs ", DEVICE_HUGETLB },
		{ "devtmpfs ", DEVICE_NODES },
	};

	for (size_t i = 0; i < sizeof(sorts) / sizeof(sorts[0]); i++)
		if (!strncmp(fstype, sorts[i].fstype, strlen(sorts[i].fstype)))
			return sorts[i].sort;
	return DEVICE_OTHER;
}

/* "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw": proc_pid_mountinfo(5) */
static int add_mount(struct memory_devices *devices, const char *line)
{
	const char *fstype = strstr(line, " - ");
	enum memory_device sort;
	unsigned int dev_major, dev_minor;

	sort = fstype ? sort_of_fstype(fstype + 3) : DEVICE_OTHER;
	if (sort == DEVICE_OTHER || sscanf(line, "%*u %*u %u:%u", &dev_major, &dev_minor) != 2)
		return 0;
	return add_device(devices, dev_major << 20 | dev_minor, sort);
}

static int add_mounts(struct memory_devices *devices, pid_t pid)
{
	char *text, *line, *save = NULL;
	size_t len;
	int code = 0;

	if (proc_file__read(pid, "mountinfo", &text, &len, NULL))
		return 0;
	for (line = strtok_r(text, "\n", &save); line && !code; line = strtok_r(NULL, "\n", &save))
		code = add_mount(devices, line);
	free(text);
	return code;
}

int memory_devices__init(struct memory_devices *devices, pid_t pid)
{
	int code;

	memset(devices, 0, sizeof(*devices));
	code = add_memfd(devices, 0, DEVICE_SHMEM);
	for (unsigned int shift = HUGE_SHIFT_MIN; !code && shift <= HUGE_SHIFT_MAX; shift++)
		code = add_memfd(devices, MFD_HUGETLB | shift << MFD_HUGE_SHIFT, DEVICE_HUGETLB);
	return code ? code : add_mounts(devices, pid);
}

void memory_devices__fini(struct memory_devices *devices)
{
	free(devices->devices);
	memset(devices, 0, sizeof(*devices));
}
