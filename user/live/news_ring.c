// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <bpf/libbpf.h>
#include "live/news_ring.h"
#include "live/ring_mirror.h"
#include "unwind_news_abi.h"

#define COPY_MAX_BYTES (sizeof(struct unwind_copy) + UNWIND_COPY_MAX_PAGES * UNWIND_COPY_PAGE_BYTES)

struct news_ring {
	pthread_mutex_t lock; /* of the three below; whoever has it is soon done */
	struct ring_buffer *news;
	struct news_queue queue; /* taken from the ring, not worked on yet */
	size_t enough_bytes;
	pthread_t thread;
	bool has_thread;
	int epoll_fd, stop_fd, wakes_fd;
};

/* What cannot be kept is lost, as if the ring had been full. Libbpf goes on behind it. */
static int on_news(void *context, void *bytes, size_t len)
{
	struct news_ring *ring = context;

	news_queue__push(&ring->queue, bytes, len);
	return ring->queue.bytes < ring->enough_bytes ? 0 : -EAGAIN;
}

/* Take news until there is nothing left, or @enough_bytes are in the queue. Under the lock. */
static void take(struct news_ring *ring, size_t enough_bytes)
{
	ring->enough_bytes = enough_bytes;
	if (ring->queue.bytes < enough_bytes)
		ring_buffer__consume(ring->news);
}

/* Before who fills the ring, and who builds tables: between them they have the CPUs for as long as
 * it takes to fill it, some ms. Without the right to it works as well, unless there are but two. */
static void hurry(void)
{
	const struct sched_param lowest = { .sched_priority = sched_get_priority_min(SCHED_FIFO) };

	sched_setscheduler(0, SCHED_FIFO, &lowest); /* of this thread */
}

static void *run(void *arg)
{
	struct news_ring *ring = arg;
	struct epoll_event event;
	__u64 one = 1;

	hurry();
	for (;;) {
		int nr = epoll_wait(ring->epoll_fd, &event, 1, -1);

		if (nr == 1 && event.data.fd == ring->stop_fd)
			return NULL;
		pthread_mutex_lock(&ring->lock);
		take(ring, NEWS_QUEUE_MAX_BYTES);
		pthread_mutex_unlock(&ring->lock);
		(void)!write(ring->wakes_fd, &one, sizeof(one));
	}
}

/* --- its life -------------------------------------------------------------------------------- */

/* Edge by edge: a ring that is not emptied, for the queue is full, must not keep the thread busy.
 */
static int watch_fd(const struct news_ring *ring, int fd)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET, .data.fd = fd };

	return fd < 0 || epoll_ctl(ring->epoll_fd, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

/* Signals are the main thread's. */
static int start(struct news_ring *ring)
{
	sigset_t all, before;
	int code;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	code = -pthread_create(&ring->thread, NULL, run, ring);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	ring->has_thread = !code;
	return code;
}

static int set_up(struct news_ring *ring, int fd)
{
	int code;

	ring->news = ring_buffer__new(fd, on_news, ring, NULL);
	if (!ring->news)
		return -errno;
	ring_mirror__drop(UNWIND_NEWS_BYTES, COPY_MAX_BYTES);
	ring->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	ring->stop_fd = eventfd(0, EFD_CLOEXEC);
	ring->wakes_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (ring->wakes_fd < 0)
		return -errno;
	code = watch_fd(ring, ring->stop_fd);
	if (!code)
		code = watch_fd(ring, ring_buffer__epoll_fd(ring->news));
	return code ? code : start(ring);
}

/* Who has it is not to be kept from the CPU while the thread waits for it. */
static void init_lock(pthread_mutex_t *lock)
{
	pthread_mutexattr_t inherits;

	pthread_mutexattr_init(&inherits);
	pthread_mutexattr_setprotocol(&inherits, PTHREAD_PRIO_INHERIT);
	pthread_mutex_init(lock, &inherits);
	pthread_mutexattr_destroy(&inherits);
}

struct news_ring *news_ring__new(int fd, struct err *err)
{
	struct news_ring *ring = calloc(1, sizeof(*ring));
	int code;

	if (!ring) {
		err__set(err, -ENOMEM, "out of memory");
		return NULL;
	}
	init_lock(&ring->lock);
	ring->epoll_fd = ring->stop_fd = ring->wakes_fd = -1;
	code = set_up(ring, fd);
	if (!code)
		return ring;
	err__set(err, code, "cannot watch for new code: %s", strerror(-code));
	news_ring__free(ring);
	return NULL;
}

static void close_one(int fd)
{
	if (fd >= 0)
		close(fd);
}

void news_ring__free(struct news_ring *ring)
{
	__u64 stop = 1;

	if (!ring)
		return;
	if (ring->has_thread) {
		(void)!write(ring->stop_fd, &stop, sizeof(stop));
		pthread_join(ring->thread, NULL);
	}
	ring_buffer__free(ring->news);
	news_queue__fini(&ring->queue);
	close_one(ring->epoll_fd);
	close_one(ring->stop_fd);
	close_one(ring->wakes_fd);
	pthread_mutex_destroy(&ring->lock);
	free(ring);
}

/* --- from other threads ---------------------------------------------------------------------- */

int news_ring__wakes(const struct news_ring *ring)
{
	return ring->wakes_fd;
}

void news_ring__wait_again(struct news_ring *ring)
{
	__u64 ignored;

	(void)!read(ring->wakes_fd, &ignored, sizeof(ignored));
}

const struct news_item *news_ring__first(struct news_ring *ring)
{
	const struct news_item *item;

	pthread_mutex_lock(&ring->lock);
	take(ring, 1); /* they may come as fast as they are taken: the first will do */
	item = news_queue__first(&ring->queue);
	pthread_mutex_unlock(&ring->lock);
	return item;
}

void news_ring__drop(struct news_ring *ring)
{
	pthread_mutex_lock(&ring->lock);
	news_queue__drop(&ring->queue);
	pthread_mutex_unlock(&ring->lock);
}
