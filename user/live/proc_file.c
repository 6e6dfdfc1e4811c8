// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "live/proc_file.h"

#define FIRST_BYTES 16384
#define PATH_BYTES 64

int proc_file__failed(pid_t pid, const char *name, int code, struct err *err)
{
	switch (code) {
	case -ENOENT:
	case -ESRCH:
		return err__set(err, -ESRCH, "no process with pid %d", pid);
	case -EACCES:
	case -EPERM:
		return err__set(
			err, -EACCES,
			"cannot read '/proc/%d/%s': permission denied; be the same user, or root "
			"(CAP_SYS_PTRACE)",
			pid, name);
	default:
		return err__set(err, code, "cannot read '/proc/%d/%s': %s", pid, name,
				strerror(-code));
	}
}

int proc_file__slurp(int fd, char **text, size_t *len)
{
	size_t cap = FIRST_BYTES, used = 0;
	char *buf = malloc(cap);
	ssize_t n = 0;

	*text = NULL;
	*len = 0;
	while (buf) {
		n = read(fd, buf + used, cap - used - 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		used += n;
		if (cap - used < cap / 4) {
			char *more = realloc(buf, cap * 2);

			if (!more) {
				free(buf);
				return -ENOMEM;
			}
			buf = more;
			cap *= 2;
		}
	}
	if (!buf || n < 0) {
		int code = buf ? -errno : -ENOMEM;

		free(buf);
		return code;
	}
	buf[used] = '\0';
	*text = buf;
	*len = used;
	return 0;
}

int proc_file__read(pid_t pid, const char *name, char **text, size_t *len, struct err *err)
{
	char path[PATH_BYTES];
	int fd, code;

	*text = NULL;
	*len = 0;
	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return proc_file__failed(pid, name, -errno, err);
	code = proc_file__slurp(fd, text, len);
	close(fd);
	return code ? proc_file__failed(pid, name, code, err) : 0;
}
