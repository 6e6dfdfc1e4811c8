/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Eight threads that live before the tracer comes, each touching, dropping and touching again 8 MiB
 * of its own. */
#include <pthread.h>
#include "workload.h"

#define NR_THREADS 8
#define NR_ROUNDS 4

static pthread_barrier_t job, done;

SITE void site_thread(char *at)
{
	for (int round = 0; round < NR_ROUNDS; round++) {
		madvise(at, 8 * MIB, MADV_DONTNEED);
		workload__touch(at, 8 * MIB);
	}
	SITE_RETURN();
}

static void *thread_main(void *arg)
{
	pthread_barrier_wait(&job);
	site_thread(arg);
	pthread_barrier_wait(&done);
	pause();
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t thread;

	workload__init(argc, argv);
	pthread_barrier_init(&job, NULL, NR_THREADS + 1);
	pthread_barrier_init(&done, NULL, NR_THREADS + 1);
	for (int i = 0; i < NR_THREADS; i++)
		if (pthread_create(&thread, NULL, thread_main, workload__map(8 * MIB)))
			workload__die("pthread_create");
	workload__start();
	pthread_barrier_wait(&job);
	pthread_barrier_wait(&done);
	workload__site("site_thread", NR_THREADS * 8 * MIB);
	return workload__finish();
}
