// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "live/target_check.h"

#define INIT_PID_NS_INO 0xEFFFFFFCU /* PROC_PID_INIT_INO, include/linux/proc_ns.h */

/* The programs see pids as the first namespace numbers them. */
static int check_namespace(struct err *err)
{
	struct stat st;

	if (stat("/proc/self/ns/pid", &st) || st.st_ino == INIT_PID_NS_INO)
		return 0;
	return err__set(err, -EINVAL,
			"this shell runs in a pid namespace of its own, whose pids mean other "
			"processes to the kernel: run rsstrace on the host (with docker: --pid=host)");
}

int target_check(pid_t pid, struct proc_status *status, struct err *err)
{
	int code = check_namespace(err);

	if (code)
		return code;
	code = proc_status__read(status, pid, err);
	if (code == -ESRCH)
		return err__set(err, code, "no process with pid %d", pid);
	if (code)
		return code;
	if (status->tgid != pid)
		return err__set(err, -EINVAL, "%d is a thread of process %d: use -p %d", pid,
				status->tgid, status->tgid);
	if (status->kernel_thread)
		return err__set(err, -EINVAL,
				"%d (%s) is a kernel thread: it has no memory of its own to trace",
				pid, status->comm);
	if (status->state == 'Z' || status->state == 'X')
		return err__set(err, -ESRCH, "process %d (%s) has already exited", pid,
				status->comm);
	if (pid == getpid())
		return err__set(err, -EINVAL, "%d is rsstrace itself", pid);
	return 0;
}
