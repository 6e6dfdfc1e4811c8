// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include "cmd/stop_signals.h"

static struct record_source *volatile stop_source;
static void (*volatile stop_function)(struct record_source *source);
static volatile sig_atomic_t nr_signals;

static const int signals[] = { SIGINT, SIGTERM, SIGHUP };

static void on_signal(int signal_nr)
{
	int saved = errno;

	if (nr_signals++) {
		signal(signal_nr, SIG_DFL);
		raise(signal_nr);
	}
	stop_function(stop_source);
	errno = saved;
}

static void set_handler(void (*handler)(int))
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = SA_RESTART };

	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaction(signals[i], &action, NULL);
}

void stop_signals__catch(struct record_source *source, void (*stop)(struct record_source *source))
{
	struct sigaction hangup;

	stop_source = source;
	stop_function = stop;
	sigaction(SIGHUP, NULL, &hangup);
	set_handler(on_signal);
	if (hangup.sa_handler == SIG_IGN) /* nohup */
		signal(SIGHUP, SIG_IGN);
}

void stop_signals__release(void)
{
	set_handler(SIG_IGN);
}

void stop_signals__reset(void)
{
	set_handler(SIG_DFL);
	signal(SIGINT, SIG_IGN);
}

bool stop_signals__seen(void)
{
	return nr_signals > 0;
}
