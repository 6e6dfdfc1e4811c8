/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A System V segment of 16 MiB, touched; a second one touched and detached again. */
#include <sys/ipc.h>
#include <sys/shm.h>
#include "workload.h"

static void *attach(size_t bytes)
{
	int id = shmget(IPC_PRIVATE, bytes, IPC_CREAT | 0600);
	void *at = id < 0 ? (void *)-1 : shmat(id, NULL, 0);

	if (at == (void *)-1)
		workload__die("shmat");
	shmctl(id, IPC_RMID, NULL);
	return at;
}

SITE void site_shm(void)
{
	workload__touch(attach(16 * MIB), 16 * MIB);
	SITE_RETURN();
}

SITE void site_detached(void)
{
	void *at = attach(8 * MIB);

	workload__touch(at, 8 * MIB);
	shmdt(at);
	SITE_RETURN();
}

int main(int argc, char **argv)
{
	workload__init(argc, argv);
	shmdt(NULL);
	workload__start();
	site_shm();
	site_detached();
	workload__site("site_shm", 16 * MIB);
	workload__site("site_detached", 0);
	return workload__finish();
}
