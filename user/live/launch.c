// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>
#include "live/launch.h"

/* The child's side: says on @report why exec failed; on success the descriptor closes without a word. */
static void __attribute__((noreturn)) run(char *const *argv, int report)
{
	int code = 0;

	signal(SIGPIPE, SIG_DFL);
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0)
		execvp(argv[0], argv);
	code = errno;
	(void)!write(report, &code, sizeof(code));
	_exit(127);
}

static pid_t wait_for_exec(pid_t pid, int report, const char *name, struct err *err)
{
	int status, code = 0;

	if (waitpid(pid, &status, 0) == pid && WIFSTOPPED(status))
		return pid;
	if (read(report, &code, sizeof(code)) != sizeof(code))
		code = ECHILD;
	return err__set(err, -code, "cannot run \"%s\": %s", name, strerror(code));
}

pid_t launch__start(char *const *argv, struct err *err)
{
	int pipes[2];
	pid_t pid;

	if (pipe2(pipes, O_CLOEXEC))
		return err__set(err, -errno, "cannot make a pipe: %s", strerror(errno));
	pid = fork();
	if (pid == 0)
		run(argv, pipes[1]);
	close(pipes[1]);
	if (pid < 0)
		pid = err__set(err, -errno, "cannot fork: %s", strerror(errno));
	else
		pid = wait_for_exec(pid, pipes[0], argv[0], err);
	close(pipes[0]);
	return pid;
}

int launch__release(pid_t pid)
{
	return ptrace(PTRACE_DETACH, pid, NULL, NULL) ? -errno : 0;
}

void launch__kill(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

int launch__wait(pid_t pid)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}
