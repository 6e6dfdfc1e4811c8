// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "live/mark_inbox.h"
#include "live/mark_label.h"

#define PEERS_MAX 16
#define LINE_MAX_BYTES 512 /* of a line; the rest is dropped */
#define READS_A_TURN 8	   /* of each peer, so that none keeps us from the ring */
#define NAME_TRIES 4

/* Bytes up to the next newline. fd -1: free. */
struct line_source {
	int fd;
	pid_t pid; /* 0: unknown */
	enum mark_from from;
	size_t len;
	char line[LINE_MAX_BYTES];
};

struct mark_inbox {
	int listener; /* -1: none */
	uid_t owner;  /* of the target */
	char *made;   /* FIFO to be removed; NULL: not ours */
	struct line_source fifo;
	struct line_source peers[PEERS_MAX];
	__u32 next_peer; /* the one to go when all are taken: the oldest */
};

/* What a turn hands out to. */
struct turn {
	int (*take)(void *ctx, enum mark_from from, pid_t pid, const char *label);
	void *ctx;
};

static void hang_up(struct line_source *source)
{
	if (source->fd >= 0)
		close(source->fd);
	source->fd = -1;
	source->len = 0;
}

/* Whoever does not read its answers misses them. */
static void answer(const struct line_source *source, const char *word, const char *what)
{
	char text[2 * LINE_MAX_BYTES];
	int len = snprintf(text, sizeof(text), "%s %s\n", word, what);

	if (source->from == MARK_SOCKET)
		(void)!send(source->fd, text, len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static int take_line(const struct line_source *source, const char *line, size_t len,
		     const struct turn *turn)
{
	char label[MARK_LABEL_MAX];
	int code;

	if (!mark_label__clean(label, line, len)) {
		answer(source, "error", "the label is empty");
		return 0;
	}
	code = turn->take(turn->ctx, source->from, source->pid, label);
	answer(source, code ? "error" : "ok", code ? strerror(-code) : label);
	return code;
}

/* Whole lines go; what is left waits for its end. A full buffer keeps its start and loses the rest.
 */
static int take_lines(struct line_source *source, size_t fresh, const struct turn *turn)
{
	char *start = source->line, *end = source->line + source->len + fresh, *newline;
	int code = 0;

	while (!code && (newline = memchr(start, '\n', end - start))) {
		code = take_line(source, start, newline - start, turn);
		start = newline + 1;
	}
	source->len = end - start;
	memmove(source->line, start, source->len);
	if (source->len == sizeof(source->line))
		source->len /= 2; /* a label has room in half of it */
	return code;
}

static int read_source(struct line_source *source, const struct turn *turn)
{
	int code = 0;

	for (int reads = 0; !code && source->fd >= 0 && reads < READS_A_TURN; reads++) {
		ssize_t n = read(source->fd, source->line + source->len,
				 sizeof(source->line) - source->len);

		if (n > 0) {
			code = take_lines(source, n, turn);
		} else if (!n || (errno != EAGAIN && errno != EINTR)) {
			if (source->len) /* a last line without its newline */
				code = take_line(source, source->line, source->len, turn);
			hang_up(source);
		} else {
			break;
		}
	}
	return code;
}

static void greet(const struct line_source *peer, const struct targets *targets)
{
	char pids[LINE_MAX_BYTES];
	size_t len = snprintf(pids, sizeof(pids), "%d", getpid());

	for (size_t i = 0; i < targets->nr && len < sizeof(pids) - 16; i++)
		if (targets->all[i].alive)
			len += snprintf(pids + len, sizeof(pids) - len, " %d", targets->all[i].pid);
	answer(peer, MARK_GREETING, pids);
}

static bool is_welcome(const struct mark_inbox *inbox, const struct ucred *peer)
{
	return !peer->uid || peer->uid == geteuid() || peer->uid == inbox->owner;
}

static void accept_peer(struct mark_inbox *inbox, int fd, const struct targets *targets)
{
	struct line_source peer = { .fd = fd, .from = MARK_SOCKET };
	struct ucred who = { .uid = -1 };
	socklen_t len = sizeof(who);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) || !is_welcome(inbox, &who)) {
		answer(&peer, "error",
		       "marks are taken from root, the recorder's user and the target's");
		close(fd);
		return;
	}
	peer.pid = who.pid;
	greet(&peer, targets);
	hang_up(&inbox->peers[inbox->next_peer]);
	inbox->peers[inbox->next_peer] = peer;
	inbox->next_peer = (inbox->next_peer + 1) % PEERS_MAX;
}

int mark_inbox__take(struct mark_inbox *inbox, const struct targets *targets,
		     int (*take)(void *ctx, enum mark_from from, pid_t pid, const char *label),
		     void *ctx)
{
	struct turn turn = { take, ctx };
	int code = 0, fd;

	for (int i = 0; i < PEERS_MAX && inbox->listener >= 0; i++) {
		fd = accept4(inbox->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0)
			break;
		accept_peer(inbox, fd, targets);
	}
	for (int i = 0; i < PEERS_MAX && !code; i++)
		code = read_source(&inbox->peers[i], &turn);
	return code ? code : read_source(&inbox->fifo, &turn);
}

/* Another pid namespace may have a recorder of our pid in the same network namespace. */
static int open_listener(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	for (int i = 0; fd >= 0 && i < NAME_TRIES; i++) {
		struct sockaddr_un address = { .sun_family = AF_UNIX };
		int len = snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1,
				   i ? "%s%d.%d" : "%s%d", MARK_SOCKET_PREFIX, getpid(), i);

		if (!bind(fd, (struct sockaddr *)&address,
			  offsetof(struct sockaddr_un, sun_path) + 1 + len) &&
		    !listen(fd, PEERS_MAX))
			return fd;
	}
	if (fd >= 0)
		close(fd);
	return -1;
}

static int fifo_failed(int code, const char *path, struct err *err)
{
	return err__set(err, code, "cannot make the FIFO '%s' for marks: %s", path,
			strerror(-code));
}

/* Opened for both ways: it never ends, whoever comes and goes. */
static int open_fifo(struct mark_inbox *inbox, const char *path, struct err *err)
{
	struct stat st;

	if (!mkfifo(path, 0600)) {
		inbox->made = strdup(path);
		if (!geteuid() && inbox->owner)
			(void)!lchown(path, inbox->owner, -1);
	} else if (errno != EEXIST) {
		return fifo_failed(-errno, path, err);
	}
	inbox->fifo.fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
	if (inbox->fifo.fd < 0)
		return fifo_failed(-errno, path, err);
	if (fstat(inbox->fifo.fd, &st) || !S_ISFIFO(st.st_mode))
		return err__set(err, -EEXIST, "'%s' is there and is no FIFO: name another", path);
	return 0;
}

static uid_t owner_of(pid_t pid)
{
	char path[32];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d", pid);
	return stat(path, &st) ? geteuid() : st.st_uid;
}

struct mark_inbox *mark_inbox__open(const char *fifo, pid_t owner, struct err *err)
{
	struct mark_inbox *inbox = calloc(1, sizeof(*inbox));

	if (!inbox) {
		err__set(err, -ENOMEM, "out of memory");
		return NULL;
	}
	for (int i = 0; i < PEERS_MAX; i++)
		inbox->peers[i].fd = -1;
	inbox->fifo.fd = -1;
	inbox->fifo.from = MARK_FIFO;
	inbox->owner = owner_of(owner);
	inbox->listener = open_listener();
	if (!fifo || !open_fifo(inbox, fifo, err))
		return inbox;
	mark_inbox__free(inbox);
	return NULL;
}

void mark_inbox__free(struct mark_inbox *inbox)
{
	if (!inbox)
		return;
	for (int i = 0; i < PEERS_MAX; i++)
		hang_up(&inbox->peers[i]);
	hang_up(&inbox->fifo);
	if (inbox->listener >= 0)
		close(inbox->listener);
	if (inbox->made)
		unlink(inbox->made);
	free(inbox->made);
	free(inbox);
}
