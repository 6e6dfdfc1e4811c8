/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * 4 MiB touched before a fork, then 16 by the child and 8 by the parent. "sites" is the parent's
 * truth alone, "child_sites" what the child holds: it inherits the pages of site_shared.
 */
#include <sys/wait.h>
#include "workload.h"

SITE void site_shared(void)
{
	workload__touch(workload__map(4 * MIB), 4 * MIB);
	SITE_RETURN();
}

SITE void site_parent(void)
{
	workload__touch(workload__map(8 * MIB), 8 * MIB);
	SITE_RETURN();
}

SITE void site_child(void)
{
	workload__touch(workload__map(16 * MIB), 16 * MIB);
	SITE_RETURN();
}

/* @told: to say that the work is done; @held: ends when the parent goes. */
static void run_child(int told, int held)
{
	char c = 0;

	site_child();
	if (write(told, &c, 1) != 1 || read(held, &c, 1) != 0)
		_exit(1);
	_exit(0);
}

int main(int argc, char **argv)
{
	char more[128];
	int told[2], held[2];
	char c;
	pid_t child;

	workload__init(argc, argv);
	if (pipe(told) || pipe(held))
		workload__die("pipe");
	workload__start();
	site_shared();
	child = fork();
	if (child < 0)
		workload__die("fork");
	if (!child) {
		close(held[1]);
		run_child(told[1], held[0]);
	}
	site_parent();
	if (read(told[0], &c, 1) != 1)
		workload__die("child");
	workload__site("site_shared", 4 * MIB);
	workload__site("site_parent", 8 * MIB);
	workload__site("site_child", 0);
	snprintf(more, sizeof(more),
		 ",\"child\":%d,\"child_sites\":{\"site_shared\":%lu,\"site_child\":%lu}", child,
		 4 * MIB, 16 * MIB);
	workload__finish_with(more);
	close(held[1]);
	waitpid(child, NULL, 0);
	return 0;
}
