/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Each round: code of a file that nobody has seen before runs for the first time, and at once a
 * child is spawned with vfork(2), execs and is over in no time. So the stacks through that code are
 * walked late, with a child of the same address space coming and going.
 */
#include <fcntl.h>
#include <spawn.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "island.h"

#define ROUNDS 40
#define LATE_BYTES (256 << 10)
#define CHILD_BYTES (1 << 20)

extern char **environ;

ISLAND void site_late(char *at, unsigned long bytes)
{
	workload__touch(at, bytes);
	SITE_RETURN();
}

SITE void site_child(void)
{
	workload__touch(workload__map(CHILD_BYTES), CHILD_BYTES);
	SITE_RETURN();
}

/* A copy of this program is another file. */
static int copy_of_us(char *path)
{
	int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), to = mkostemp(path, O_CLOEXEC);
	struct stat st;

	if (from < 0 || to < 0 || fstat(from, &st) ||
	    sendfile(to, from, NULL, (size_t)st.st_size) != st.st_size)
		workload__die("a copy of the program");
	close(from);
	return to;
}

static void spawn_child(void)
{
	char *argv[] = { (char *)"spawner", (char *)"child", NULL };
	int status;
	pid_t pid;

	if (posix_spawn(&pid, "/proc/self/exe", NULL, NULL, argv, environ) ||
	    waitpid(pid, &status, 0) != pid || status)
		workload__die("the child");
}

static void one_round(char *memory, off_t offset)
{
	char path[] = "/tmp/spawner-XXXXXX";
	int fd = copy_of_us(path);

	((fill_fn)island__map(fd, NULL, offset, PROT_READ | PROT_EXEC))(memory, LATE_BYTES);
	spawn_child();
	close(fd);
	unlink(path);
}

int main(int argc, char **argv)
{
	off_t offset;
	char *memory;

	if (argc > 1 && !strcmp(argv[1], "child")) {
		site_child();
		_exit(0);
	}
	workload__init(argc, argv);
	offset = island__offset((char *)site_late);
	memory = workload__map(ROUNDS * LATE_BYTES);
	workload__start();
	for (int i = 0; i < ROUNDS; i++)
		one_round(memory + i * LATE_BYTES, offset);
	workload__site("site_late", ROUNDS * (LATE_BYTES + ISLAND_BYTES)); /* and its own page */
	return workload__finish();
}
