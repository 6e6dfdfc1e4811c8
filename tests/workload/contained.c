/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Goes on as a copy of itself that lies on a file system nobody else has mounted, as in a
 * container: on an overlay where the kernel has one, else on a tmpfs. Only the copy's 12 MiB are
 * left.
 */
#include <errno.h>
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

/* Where what is written to PLACE/low is seen. */
static const char *mount_layers(void)
{
	static const char *const folders[] = { PLACE "/low", PLACE "/up", PLACE "/work",
					       PLACE "/all" };

	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++)
		if (mkdir(folders[i], 0755))
			workload__die(folders[i]);
	if (!mount("none", PLACE "/all", "overlay", 0,
		   "lowerdir=" PLACE "/low,upperdir=" PLACE "/up,workdir=" PLACE "/work"))
		return PLACE "/all/contained";
	return errno == ENODEV ? PLACE "/low/contained" : NULL;
}

static void copy_program(const char *path)
{
	int from = open("/proc/self/exe", O_RDONLY), to = open(path, O_WRONLY | O_CREAT, 0755);
	struct stat st;

	if (from < 0 || to < 0 || fstat(from, &st) ||
	    sendfile(to, from, NULL, (size_t)st.st_size) != st.st_size)
		workload__die(path);
	close(from);
	close(to);
}

int main(int argc, char **argv)
{
	char *inside[] = { "contained", "--inside", NULL };
	const char *path;

	workload__init(argc, argv);
	if (argc > 1 && !strcmp(argv[1], "--inside")) {
		site_inside();
		workload__site("site_outside", 0);
		workload__site("site_inside", 12 * MIB);
		return workload__finish();
	}
	workload__start();
	site_outside();
	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("none", PLACE, "tmpfs", 0, NULL))
		workload__die("a mount namespace");
	path = mount_layers();
	if (!path)
		workload__die("an overlay");
	copy_program(PLACE "/low/contained");
	execv(path, inside);
	workload__die("execv");
}
