// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Only a regular file is opened; of anything else nobody notices that we came by. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <stdbool.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include "base/regular_file.h"

static char folder[] = "/tmp/regular-XXXXXX";
static char file[64], fifo[64], link_to_file[64];

static int make(void **state)
{
	int fd;

	(void)state;
	if (!mkdtemp(folder))
		return -1;
	snprintf(file, sizeof(file), "%s/file", folder);
	snprintf(fifo, sizeof(fifo), "%s/fifo", folder);
	snprintf(link_to_file, sizeof(link_to_file), "%s/link", folder);
	fd = open(file, O_CREAT | O_WRONLY, 0600);
	if (fd < 0 || write(fd, "x", 1) != 1 || close(fd))
		return -1;
	return mkfifo(fifo, 0600) || symlink(file, link_to_file);
}

static int clear(void **state)
{
	(void)state;
	return unlink(file) || unlink(fifo) || unlink(link_to_file) || rmdir(folder);
}

/* Does somebody who watches @path see it being opened? */
static bool is_noticed(const char *path, int expected)
{
	char events[512];
	int watch = inotify_init1(IN_NONBLOCK), fd;
	bool noticed;

	assert_true(inotify_add_watch(watch, path, IN_OPEN) >= 0);
	fd = regular_file__open(path, 0);
	if (expected)
		assert_int_equal(fd, expected);
	else
		assert_true(fd >= 0);
	noticed = read(watch, events, sizeof(events)) > 0;
	if (fd >= 0)
		close(fd);
	close(watch);
	return noticed;
}

static void opens_regular_files_only(void **state)
{
	(void)state;
	assert_true(is_noticed(file, 0));
	assert_false(is_noticed(fifo, -ENOEXEC));
	assert_int_equal(regular_file__open(folder, 0), -ENOEXEC);
	assert_int_equal(regular_file__open("/dev/null", 0), -ENOEXEC);
	assert_int_equal(regular_file__open("/nowhere/at/all", 0), -ENOENT);
}

static void follows_links_unless_told(void **state)
{
	int fd = regular_file__open(link_to_file, 0);
	char byte;

	(void)state;
	assert_int_equal(read(fd, &byte, 1), 1);
	assert_int_equal(byte, 'x');
	close(fd);
	assert_int_equal(regular_file__open(link_to_file, O_NOFOLLOW), -ENOEXEC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(opens_regular_files_only),
		cmocka_unit_test(follows_links_unless_told),
	};

	return cmocka_run_group_tests(tests, make, clear);
}
