/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The demo's target: a small server whose memory grows for three reasons, two of them harmless.
 *
 *  - every login leaves a session in a cache nothing ever empties: the leak, about 12 MiB/s;
 *  - requests are parsed into a scratch arena that is given back: churn;
 *  - orders are answered from a mapped data file that is scanned slowly: page cache, grows and is
 * done.
 *
 * Requests come from a queue of its own, one every few milliseconds. It runs until it is told to
 * stop by a signal, for SECONDS (first argument, 60), or until its stdin ends when that is a pipe.
 */
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define NR_WORKERS 3
#define NR_QUEUED 64
#define NR_BUCKETS 1024
#define TICK_NS 4000000L
#define SESSION_BYTES (50UL << 10) /* a login a tick: about 12 MiB/s */
#define SCRATCH_BYTES (1UL << 20)
#define DATA_BYTES (96UL << 20)
#define SCAN_BYTES (64UL << 10)

enum request_kind { REQUEST_LOGIN, REQUEST_ORDERS, NR_REQUEST_KINDS };

struct request {
	enum request_kind kind;
	uint32_t user;
};

struct session {
	struct session *next;
	uint32_t user;
	char profile[SESSION_BYTES];
};

static struct {
	pthread_mutex_t lock;
	pthread_cond_t filled;
	struct request requests[NR_QUEUED];
	unsigned int head, tail;
} queue = { .lock = PTHREAD_MUTEX_INITIALIZER, .filled = PTHREAD_COND_INITIALIZER };

static struct {
	pthread_mutex_t lock;
	struct session *buckets[NR_BUCKETS];
} cache = { .lock = PTHREAD_MUTEX_INITIALIZER };

static const char *data;
static size_t scanned_bytes;
static volatile uint64_t checksum;

/* Drops the request when the queue is full, as a busy server does. */
static void queue_push(struct request request)
{
	pthread_mutex_lock(&queue.lock);
	if (queue.head - queue.tail < NR_QUEUED)
		queue.requests[queue.head++ % NR_QUEUED] = request;
	pthread_cond_signal(&queue.filled);
	pthread_mutex_unlock(&queue.lock);
}

static struct request queue_pop(void)
{
	struct request request;

	pthread_mutex_lock(&queue.lock);
	while (queue.head == queue.tail)
		pthread_cond_wait(&queue.filled, &queue.lock);
	request = queue.requests[queue.tail++ % NR_QUEUED];
	pthread_mutex_unlock(&queue.lock);
	return request;
}

/* The leak: a user who logs in again gets a second session, the first is never found again. */
__attribute__((noinline)) static void session_cache_put(uint32_t user)
{
	struct session *session = malloc(sizeof(*session));
	struct session **bucket = &cache.buckets[user % NR_BUCKETS];

	if (!session)
		abort();
	session->user = user;
	memset(session->profile, (int)user, sizeof(session->profile));
	pthread_mutex_lock(&cache.lock);
	session->next = *bucket;
	*bucket = session;
	pthread_mutex_unlock(&cache.lock);
}

/* Scratch memory of one request, mapped and given back. */
__attribute__((noinline)) static uint64_t parse_request(uint32_t user)
{
	char *arena = mmap(NULL, SCRATCH_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			   -1, 0);
	uint64_t sum = 0;

	if (arena == MAP_FAILED)
		abort();
	memset(arena, (int)user, SCRATCH_BYTES);
	for (size_t i = 0; i < SCRATCH_BYTES; i += 512)
		sum += (uint64_t)arena[i];
	munmap(arena, SCRATCH_BYTES);
	return sum;
}

__attribute__((noinline)) static uint64_t scan_orders(void)
{
	size_t at = __atomic_fetch_add(&scanned_bytes, SCAN_BYTES, __ATOMIC_RELAXED) % DATA_BYTES;
	uint64_t sum = 0;

	for (size_t i = 0; i < SCAN_BYTES; i += 64)
		sum += (uint64_t)data[at + i];
	return sum;
}

__attribute__((noinline)) static void handle_login(uint32_t user)
{
	checksum += parse_request(user);
	session_cache_put(user);
	__asm__ volatile("" ::: "memory");
}

__attribute__((noinline)) static void handle_orders(uint32_t user)
{
	checksum += scan_orders() + user;
	__asm__ volatile("" ::: "memory");
}

static void *worker_main(void *arg)
{
	for (;;) {
		struct request request = queue_pop();

		if (request.kind == REQUEST_LOGIN)
			handle_login(request.user);
		else
			handle_orders(request.user);
	}
	return arg;
}

/* A file of DATA_BYTES in $TMPDIR or /tmp, gone from the directory when the server ends. */
static const char *map_data(char *path, size_t path_bytes)
{
	static char block[1 << 20];
	const char *dir = getenv("TMPDIR");
	const char *at;
	int fd;

	snprintf(path, path_bytes, "%s/orders-%d.dat", dir ? dir : "/tmp", getpid());
	fd = open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0)
		return NULL;
	memset(block, 'o', sizeof(block));
	for (size_t done = 0; done < DATA_BYTES; done += sizeof(block))
		if (write(fd, block, sizeof(block)) != sizeof(block))
			break;
	at = mmap(NULL, DATA_BYTES, PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	return at == MAP_FAILED ? NULL : at;
}

static bool asked_to_stop(const sigset_t *signals, bool piped)
{
	struct timespec tick = { 0, TICK_NS };
	struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN };
	char c;

	if (sigtimedwait(signals, NULL, &tick) > 0)
		return true;
	return piped && poll(&in, 1, 0) > 0 && read(STDIN_FILENO, &c, 1) != 1;
}

static void serve(const sigset_t *signals, time_t seconds)
{
	time_t end = time(NULL) + seconds;
	struct stat in;
	bool piped = !fstat(STDIN_FILENO, &in) && S_ISFIFO(in.st_mode);

	for (uint32_t user = 0; time(NULL) < end && !asked_to_stop(signals, piped); user++) {
		queue_push((struct request){ REQUEST_LOGIN, user });
		if (user % 3 == 0)
			queue_push((struct request){ REQUEST_ORDERS, user });
	}
}

int main(int argc, char **argv)
{
	pthread_t worker;
	sigset_t signals;
	char path[256];

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	mallopt(M_ARENA_MAX, 1); /* one heap, as of a server that found arenas too dear */
	data = map_data(path, sizeof(path));
	if (!data) {
		perror(path);
		return 1;
	}
	for (int i = 0; i < NR_WORKERS; i++)
		if (pthread_create(&worker, NULL, worker_main, NULL))
			return 1;
	printf("%d\n", getpid());
	fflush(stdout);
	serve(&signals, argc > 1 ? atol(argv[1]) : 60);
	return unlink(path) != 0;
}
