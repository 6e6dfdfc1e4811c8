// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "live/mark_client.h"
#include "live/mark_inbox.h"
#include "live/mark_label.h"

#define RECORDERS_MAX 64
#define LINE_BYTES 1024
#define PATIENCE_MS 5000 /* a recorder may be busy with names for half a second */

struct recorder {
	int fd;
	char name[64];	    /* of its socket, behind the prefix */
	char greeting[512]; /* "RECORDER TARGET...", or its refusal */
	bool refused;
};

struct recorders {
	__u32 nr;
	struct recorder all[RECORDERS_MAX];
};

/* A line from @fd, without its newline. 0 or -errno. */
static int read_line(int fd, char *line, size_t size)
{
	size_t len = 0;

	for (;;) {
		struct pollfd wait = { .fd = fd, .events = POLLIN };
		ssize_t n;

		if (poll(&wait, 1, PATIENCE_MS) <= 0)
			return -ETIMEDOUT;
		n = read(fd, line + len, 1);
		if (n <= 0)
			return n ? -errno : -EPIPE;
		if (line[len] == '\n' || len + 1 == size)
			break;
		len++;
	}
	line[len] = '\0';
	return 0;
}

static int connect_to(const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int len = snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1, "%s%s",
			   MARK_SOCKET_PREFIX, name);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&address,
		    offsetof(struct sockaddr_un, sun_path) + 1 + len)) {
		close(fd);
		return -ECONNREFUSED;
	}
	return fd;
}

/* The abstract namespace is everybody's: only root and we ourselves are believed to be a recorder.
 */
static bool is_trusted(int fd)
{
	struct ucred who = { .uid = -1 };
	socklen_t len = sizeof(who);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len))
		return false;
	return !geteuid() || !who.uid || who.uid == geteuid();
}

static void meet(struct recorders *recorders, const char *name)
{
	struct recorder *recorder = recorders->all + recorders->nr;
	char line[LINE_BYTES];
	size_t skip = strlen(MARK_GREETING " ");
	int fd;

	for (__u32 i = 0; i < recorders->nr; i++)
		if (!strcmp(recorders->all[i].name, name))
			return; /* one with a peer is listed once more */
	if (recorders->nr == RECORDERS_MAX || strlen(name) >= sizeof(recorder->name))
		return;
	fd = connect_to(name);
	if (fd < 0)
		return;
	if (!is_trusted(fd) || read_line(fd, line, sizeof(line))) {
		close(fd);
		return;
	}
	*recorder = (struct recorder){ .fd = fd };
	recorder->refused = strncmp(line, MARK_GREETING " ", skip);
	snprintf(recorder->name, sizeof(recorder->name), "%s", name);
	snprintf(recorder->greeting, sizeof(recorder->greeting), "%.500s",
		 recorder->refused ? line : line + skip);
	recorders->nr++;
}

/* The sockets of this network namespace; the last column is the name, '@' for the NUL of abstract
 * ones. */
static int find_recorders(struct recorders *recorders, struct err *err)
{
	FILE *list = fopen("/proc/net/unix", "re");
	char line[LINE_BYTES];

	recorders->nr = 0;
	if (!list)
		return err__set(err, -errno, "cannot read '/proc/net/unix': %s", strerror(errno));
	while (fgets(line, sizeof(line), list)) {
		char *name = strstr(line, " @" MARK_SOCKET_PREFIX);

		if (!name)
			continue;
		name += strlen(" @" MARK_SOCKET_PREFIX);
		name[strcspn(name, "\n")] = '\0';
		meet(recorders, name);
	}
	fclose(list);
	return 0;
}

static bool concerns(const struct recorder *recorder, pid_t pid)
{
	const char *at = recorder->greeting;
	char *stop;

	if (!pid)
		return true;
	if (recorder->refused) /* it does not say whom it follows, but its name is its pid */
		return strtol(recorder->name, &stop, 10) == pid;
	for (long each = strtol(at, &stop, 10); stop != at; each = strtol(at, &stop, 10)) {
		if (each == pid)
			return true;
		at = stop;
	}
	return false;
}

static int none_found(const struct recorders *recorders, pid_t pid, struct err *err)
{
	if (!recorders->nr)
		return err__set(err, -ESRCH,
				"no recorder is running: start one with 'rsstrace record' or "
				"'rsstrace live'");
	return err__set(
		err, -ESRCH,
		"no running recorder has the pid %d or follows it; there are recorders, see them "
		"with 'pgrep -a rsstrace'",
		pid);
}

static int several_found(const struct recorders *recorders, struct err *err)
{
	char pids[256] = "";
	size_t len = 0;

	for (__u32 i = 0; i < recorders->nr && len < sizeof(pids) - 72; i++)
		len += snprintf(pids + len, sizeof(pids) - len, "%s%s", i ? ", " : "",
				recorders->all[i].name);
	return err__set(err, -EINVAL, "several recorders are running (pids %s): name one with -p",
			pids);
}

static int choose(struct recorders *recorders, pid_t pid, struct recorder **chosen, struct err *err)
{
	__u32 nr = 0;

	for (__u32 i = 0; i < recorders->nr; i++) {
		if (!concerns(recorders->all + i, pid))
			continue;
		*chosen = recorders->all + i;
		nr++;
	}
	if (!nr)
		return none_found(recorders, pid, err);
	if (nr > 1)
		return several_found(recorders, err);
	if ((*chosen)->refused)
		return err__set(err, -EACCES, "the recorder %s takes no marks from this user: %s",
				(*chosen)->name, (*chosen)->greeting);
	return 0;
}

static int deliver(const struct recorder *recorder, const char *label, struct err *err)
{
	char line[LINE_BYTES];
	int len = snprintf(line, sizeof(line), "%s\n", label), code;

	if (send(recorder->fd, line, len, MSG_NOSIGNAL) != len)
		return err__set(err, -EPIPE, "the recorder %s ended before it took the mark",
				recorder->name);
	code = read_line(recorder->fd, line, sizeof(line));
	if (code)
		return err__set(err, code, "the recorder %s has not taken the mark: %s",
				recorder->name, strerror(-code));
	if (strncmp(line, "ok ", 3))
		return err__set(err, -EINVAL, "the recorder %s refused the mark: %s",
				recorder->name, line);
	return 0;
}

int mark_client__send(pid_t pid, const char *label, struct err *err)
{
	char clean[MARK_LABEL_MAX];
	struct recorders recorders;
	struct recorder *chosen = NULL;
	int code;

	if (strlen(label) >= MARK_LABEL_MAX)
		return err__set(err, -EINVAL, "the label is longer than %d bytes",
				MARK_LABEL_MAX - 1);
	if (!mark_label__clean(clean, label, strlen(label)) || strcmp(clean, label))
		return err__set(err, -EINVAL,
				"'%s' is no label: one line of text, no blanks around it", clean);
	code = find_recorders(&recorders, err);
	if (!code)
		code = choose(&recorders, pid, &chosen, err);
	if (!code)
		code = deliver(chosen, label, err);
	for (__u32 i = 0; i < recorders.nr; i++)
		close(recorders.all[i].fd);
	return code;
}
