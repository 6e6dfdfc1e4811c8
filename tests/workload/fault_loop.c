/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Faults in and gives back without end, for tests that end a tracer under load. Says so in one line
 * when it begins and runs until it is killed or its stdin is closed (an orphan must not live on).
 */
#include <poll.h>
#include "workload.h"

SITE void site_loop(void)
{
	char *at = workload__map(4 * MIB);

	workload__touch(at, 4 * MIB);
	munmap(at, 4 * MIB);
	SITE_RETURN();
}

/* Whether stdin has not ended. Looks, does not wait; lines are swallowed. */
static bool stdin_open(void)
{
	struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN };
	char c;

	return poll(&in, 1, 0) <= 0 || read(STDIN_FILENO, &c, 1) == 1;
}

int main(int argc, char **argv)
{
	char line[64];

	workload__init(argc, argv);
	workload__start();
	workload__put(line, snprintf(line, sizeof(line), "{\"pid\":%d,\"sites\":{}}\n", getpid()));
	while (stdin_open())
		site_loop();
	return 0;
}
