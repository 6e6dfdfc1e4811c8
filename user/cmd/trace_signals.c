// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include "cmd/trace_signals.h"

static struct record_source *volatile mark_source;
static void (*volatile mark_function)(struct record_source *source, pid_t sender);

static void on_mark(int signal_nr, siginfo_t *info, void *context)
{
	void (*mark)(struct record_source * source, pid_t sender) = mark_function;
	int saved = errno;

	(void)signal_nr, (void)context;
	if (mark)
		mark(mark_source, info->si_pid);
	errno = saved;
}

static volatile sig_atomic_t triggered;

static void on_trigger(int signal_nr)
{
	(void)signal_nr;
	triggered = 1;
}

bool trace_signals__take_trigger(void)
{
	bool came = triggered;

	if (came)
		triggered = 0;
	return came;
}

void trace_signals__catch(struct record_source *source,
			  void (*mark)(struct record_source *source, pid_t sender))
{
	struct sigaction usr1 = { .sa_sigaction = on_mark, .sa_flags = SA_SIGINFO | SA_RESTART };
	struct sigaction usr2 = { .sa_handler = on_trigger, .sa_flags = SA_RESTART };

	mark_function = NULL;
	mark_source = source;
	mark_function = mark;
	sigemptyset(&usr1.sa_mask);
	sigaction(SIGUSR1, &usr1, NULL);
	sigemptyset(&usr2.sa_mask);
	sigaction(SIGUSR2, &usr2, NULL);
}
