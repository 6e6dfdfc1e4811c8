// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A file that is truncated under its mapping is zeros from there on; any other mapping still kills.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "base/mapped_guard.h"

#define PAGE 4096
#define PAGES 4

struct mapped {
	int fd;
	volatile char *at;
};

static struct mapped map_file(void)
{
	char path[] = "/tmp/guard-XXXXXX", bytes[PAGES * PAGE];
	struct mapped file = { .fd = mkstemp(path) };

	assert_true(file.fd >= 0);
	unlink(path);
	memset(bytes, 'x', sizeof(bytes));
	assert_int_equal(write(file.fd, bytes, sizeof(bytes)), sizeof(bytes));
	file.at = mmap(NULL, sizeof(bytes), PROT_READ, MAP_PRIVATE, file.fd, 0);
	assert_true(file.at != MAP_FAILED);
	return file;
}

static void unmap_file(struct mapped *file)
{
	munmap((void *)file->at, PAGES * PAGE);
	close(file->fd);
}

/* What @fn of a truncated file says, in a process without the test frame's own signal handlers; -1:
 * SIGBUS has ended it. */
static int in_child(int (*fn)(struct mapped *file))
{
	struct mapped file = map_file();
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (!pid) {
		signal(SIGBUS, SIG_DFL);
		signal(SIGALRM, SIG_DFL);
		alarm(10); /* a handler that only returned would run for ever */
		_exit(fn(&file));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	unmap_file(&file);
	assert_true(WIFEXITED(status) || WTERMSIG(status) == SIGBUS);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int read_guarded(struct mapped *file)
{
	if (mapped_guard__begin((void *)file->at, PAGES * PAGE) || ftruncate(file->fd, PAGE))
		return 1;
	for (int page = 1; page < PAGES; page++)
		if (file->at[page * PAGE + 100])
			return 2;
	return file->at[0] == 'x' ? 0 : 3;
}

static void what_is_cut_off_is_zeros(void **state)
{
	(void)state;
	assert_int_equal(in_child(read_guarded), 0);
}

static int read_other(struct mapped *file)
{
	struct mapped other = map_file();

	if (mapped_guard__begin((void *)other.at, PAGES * PAGE) || ftruncate(file->fd, PAGE))
		return 1;
	return file->at[PAGE];
}

static int read_afterwards(struct mapped *file)
{
	if (read_guarded(file))
		return 1;
	mapped_guard__end((void *)file->at);
	munmap((void *)file->at, PAGES * PAGE);
	file->at = mmap(NULL, PAGES * PAGE, PROT_READ, MAP_PRIVATE, file->fd, 0);
	return file->at[PAGE];
}

static void others_are_not_guarded(void **state)
{
	(void)state;
	assert_int_equal(in_child(read_other), -1);
	assert_int_equal(in_child(read_afterwards), -1);
}

static void their_number_has_an_end(void **state)
{
	static char bytes[MAPPED_GUARDS_MAX + 1];

	(void)state;
	for (int i = 0; i < MAPPED_GUARDS_MAX; i++)
		assert_int_equal(mapped_guard__begin(bytes + i, 1), 0);
	assert_true(mapped_guard__begin(bytes + MAPPED_GUARDS_MAX, 1) < 0);
	for (int i = 0; i < MAPPED_GUARDS_MAX; i++)
		mapped_guard__end(bytes + i);
	assert_int_equal(mapped_guard__begin(bytes, 1), 0);
	mapped_guard__end(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_cut_off_is_zeros),
		cmocka_unit_test(others_are_not_guarded),
		cmocka_unit_test(their_number_has_an_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
