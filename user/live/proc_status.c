// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* /proc/PID/status and /proc/PID/stat, see proc_pid_status(5) and proc_pid_stat(5). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "live/proc_file.h"
#include "live/proc_maps.h"

#define PF_KTHREAD 0x00200000UL /* include/linux/sched.h; part of stat's flags field */
#define STAT_FIELD_STATE 3	/* the first one after the comm */
#define STAT_FIELD_FLAGS 9
#define STAT_FIELD_STARTTIME 22

/* The text after "\n@key:" without leading blanks, or NULL. */
static const char *status_value(const char *text, const char *key)
{
	size_t len = strlen(key);

	for (const char *line = text; line && *line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!strncmp(line, key, len) && line[len] == ':')
			return line + len + 1 + strspn(line + len + 1, " \t");
	}
	return NULL;
}

static __u64 status_number(const char *text, const char *key)
{
	const char *value = status_value(text, key);

	return value ? strtoull(value, NULL, 10) : 0;
}

static __u64 status_bytes(const char *text, const char *key)
{
	return status_number(text, key) * 1024;
}

/* NSpid lists the pid in every namespace from the reader's down to the process's own. */
static unsigned int ns_depth(const char *text)
{
	const char *value = status_value(text, "NSpid");
	unsigned int nr = 0;

	while (value && *value >= '0' && *value <= '9') {
		nr++;
		value += strspn(value, "0123456789");
		value += strspn(value, " \t");
	}
	return nr ? nr - 1 : 0;
}

static void parse_status(struct proc_status *status, const char *text)
{
	status->tgid = (pid_t)status_number(text, "Tgid");
	status->ppid = (pid_t)status_number(text, "PPid");
	status->uid = (unsigned int)status_number(text, "Uid");
	status->nr_threads = (unsigned int)status_number(text, "Threads");
	status->ns_depth = ns_depth(text);
	status->rss_anon = status_bytes(text, "RssAnon");
	status->rss_file = status_bytes(text, "RssFile");
	status->rss_shmem = status_bytes(text, "RssShmem");
	status->swap = status_bytes(text, "VmSwap");
	status->hiwater = status_bytes(text, "VmHWM");
	status->size = status_bytes(text, "VmSize");
}

/* "pid (comm) state ppid ...": the comm may hold blanks and parentheses, so it ends at the last
 * ')'. */
static int parse_stat(struct proc_status *status, const char *text)
{
	const char *open = strchr(text, '('), *close = strrchr(text, ')');
	const char *field;
	unsigned long long value;
	size_t len;

	if (!open || !close || close < open || close[1] != ' ')
		return -EBADMSG;
	len = close - open - 1;
	if (len >= sizeof(status->comm))
		len = sizeof(status->comm) - 1;
	memcpy(status->comm, open + 1, len);
	status->state = close[2];
	field = close + 2;
	for (int nr = STAT_FIELD_STATE + 1; nr <= STAT_FIELD_STARTTIME; nr++) {
		field = strchr(field, ' ');
		if (!field)
			return -EBADMSG;
		field++;
		value = strtoull(field, NULL, 10);
		if (nr == STAT_FIELD_FLAGS)
			status->kernel_thread = value & PF_KTHREAD;
		else if (nr == STAT_FIELD_STARTTIME)
			status->start_ticks = value;
	}
	return 0;
}

int proc_status__read(struct proc_status *status, pid_t pid, struct err *err)
{
	size_t len;
	char *text;
	int code;

	memset(status, 0, sizeof(*status));
	status->pid = pid;
	if (pid <= 0)
		return proc_file__failed(pid, "status", -ESRCH, err);
	code = proc_file__read(pid, "status", &text, &len, err);
	if (code)
		return code;
	parse_status(status, text);
	free(text);
	code = proc_file__read(pid, "stat", &text, &len, err);
	if (code)
		return code;
	code = parse_stat(status, text);
	free(text);
	return code ? proc_file__failed(pid, "stat", code, err) : 0;
}

void proc_exe(pid_t pid, char *buf, size_t cap)
{
	char path[64];
	ssize_t len;

	if (!cap)
		return;
	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	len = readlink(path, buf, cap - 1);
	buf[len > 0 ? len : 0] = '\0';
}
