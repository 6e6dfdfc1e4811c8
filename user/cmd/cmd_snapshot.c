// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <linux/limits.h>
#include <stdio.h>
#include <time.h>
#include "base/units.h"
#include "cmd/commands.h"
#include "cmd/output.h"
#include "report/snapshot.h"

static const struct option_spec *const snapshot_options[] = {
	&opt_pid, &opt_top, &opt_all, &opt_json, &opt_color, NULL,
};

static int check(const struct proc_status *status, struct err *err)
{
	if (status->tgid != status->pid)
		return err__set(err, -EINVAL, "%d is a thread of process %d: use -p %d",
				status->pid, status->tgid, status->tgid);
	if (status->kernel_thread)
		return err__set(err, -EINVAL,
				"%d (%s) is a kernel thread: it has no memory of its own",
				status->pid, status->comm);
	if (status->state == 'Z' || status->state == 'X')
		return err__set(err, -ESRCH, "process %d (%s) has already exited", status->pid,
				status->comm);
	return 0;
}

/* The maps of @status->pid; empty ones mean that it exited meanwhile. */
static int read_maps(struct proc_maps *maps, const struct proc_status *status, struct err *err)
{
	int code = proc_maps__read(maps, status->pid, true, err);

	if (code || maps->nr)
		return code;
	proc_maps__free(maps);
	return err__set(err, -ESRCH, "process %d (%s) has already exited", status->pid,
			status->comm);
}

static int print(const struct options *options, const struct proc_status *status,
		 const struct proc_maps *maps)
{
	struct breakdown *breakdown = breakdown__new(maps, status);
	struct report_style style = output__style(options);
	struct snapshot_report report = { .status = status,
					  .breakdown = breakdown,
					  .top = options->top };
	struct timespec now;
	char exe[PATH_MAX];

	if (!breakdown) {
		say("out of memory");
		return EXIT_WRONG;
	}
	proc_exe(status->pid, exe, sizeof(exe));
	clock_gettime(CLOCK_REALTIME, &now);
	report.exe = exe;
	report.wall_ns = now.tv_sec * NSEC_PER_SEC + now.tv_nsec;
	if (options->json)
		snapshot_report__json(stdout, &report);
	else
		snapshot_report__text(stdout, &report, &style);
	breakdown__free(breakdown);
	return output__close();
}

static int run(const struct options *options)
{
	struct proc_status status;
	struct proc_maps maps;
	struct err err;
	int code = proc_status__read(&status, options->pids[0], &err);

	if (!code)
		code = check(&status, &err);
	if (!code)
		code = read_maps(&maps, &status, &err);
	if (code) {
		say("%s", err.text);
		return EXIT_WRONG;
	}
	code = print(options, &status, &maps);
	proc_maps__free(&maps);
	return code;
}

const struct command cmd_snapshot = {
	.name = "snapshot",
	.usage = "[options] -p PID",
	.summary = "what a running process holds, by kind and region; no BPF, no root",
	.targets = TARGET_PID,
	.one_pid = true,
	.options = snapshot_options,
	.run = run,
};
