// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/regular_file.h"

/* The file behind @place, a descriptor that can only be looked at. */
static int open_again(int place)
{
	char link[64];
	struct stat st;
	int fd;

	if (fstat(place, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -ENOEXEC;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", place);
	/* O_NONBLOCK: with a lease on it (fcntl(2), F_SETLEASE) we would wait for its holder */
	fd = open(link, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	return fd < 0 ? -errno : fd;
}

int regular_file__open(const char *path, int flags)
{
	int place = open(path, O_PATH | O_CLOEXEC | flags), fd;

	if (place < 0)
		return -errno;
	fd = open_again(place);
	close(place);
	return fd;
}
