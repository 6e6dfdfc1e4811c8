/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Goes on as a copy of itself that lies on a file system nobody else has mounted, as in a
 * container: on an overlay where the kernel has one, else on a tmpfs. Only the copy's 12 MiB are
 * left.
 */
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include "workload.h"

#define PLACE "/tmp"

SITE void site_outside(void)
{
	workload__touch(workload__map(8 * MIB), 8 * MIB);
	SITE_RETURN();
}

SITE void site_inside(void)
{
	workload__touch(workload__map(12 * MIB), 12 * MIB);
	SITE_RETURN();
}

/* The program below PLACE, by an overlay of its own folder, which PLACE may hide, and a tmpfs;
 * NULL: the kernel has none. */
static const char *overlay(int folder)
{
	char options[128];

	if (mkdir(PLACE "/up", 0755) || mkdir(PLACE "/work", 0755) || mkdir(PLACE "/all", 0755))
		workload__die(PLACE);
	snprintf(options, sizeof(options),
		 "lowerdir=/proc/self/fd/%d,upperdir=" PLACE "/up,workdir=" PLACE "/work", folder);
	if (!mount("none", PLACE "/all", "overlay", 0, options))
		return PLACE "/all/contained";
	if (errno != ENODEV)
		workload__die("an overlay");
	return NULL;
}

static const char *copy_program(int from)
{
	int to = open(PLACE "/contained", O_WRONLY | O_CREAT, 0755);
	struct stat st;

	if (to < 0 || fstat(from, &st) ||
	    sendfile(to, from, NULL, (size_t)st.st_size) != st.st_size)
		workload__die(PLACE "/contained");
	close(to);
	return PLACE "/contained";
}

int main(int argc, char **argv)
{
	char *inside[] = { "contained", "--inside", NULL };
	static char folder[PATH_MAX];
	int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	const char *path;
	int lower;

	workload__init(argc, argv);
	if (argc > 1 && !strcmp(argv[1], "--inside")) {
		site_inside();
		workload__site("site_outside", 0);
		workload__site("site_inside", 12 * MIB);
		return workload__finish();
	}
	workload__start();
	site_outside();
	if (self < 0 || readlink("/proc/self/exe", folder, sizeof(folder) - 1) < 0)
		workload__die("/proc/self/exe");
	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL))
		workload__die("a mount namespace");
	lower = open(dirname(folder), O_PATH | O_DIRECTORY | O_CLOEXEC); /* of this namespace */
	if (lower < 0 || mount("none", PLACE, "tmpfs", 0, NULL))
		workload__die(PLACE);
	path = overlay(lower);
	if (!path)
		path = copy_program(self);
	execv(path, inside);
	workload__die("execv");
}
