// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "elf/debuginfod.h"
#include "live/debug_fetch.h"
#include "live/facts.h"

#define BUILD_ID_MAX 64

struct wish {
	__u32 number;
	__u64 deadline_ns;
	int fd; /* or -errno */
	size_t len;
	__u8 build_id[BUILD_ID_MAX];
};

struct debug_fetch {
	struct debuginfod *debuginfod; /* the thread's */
	pthread_mutex_t lock;	       /* of all below */
	pthread_cond_t asked;
	pthread_t thread;
	bool has_thread, stop;
	struct wish *wishes; /* in the order of asking */
	size_t nr, cap;
	size_t next;  /* first that the thread has not answered */
	size_t taken; /* those below were handed out */
	__u64 end_ns; /* nothing is waited for longer; 0: not said yet */
	struct debug_fetch_stats stats;
};

/* What the fetch under way goes by. */
struct under_way {
	struct debug_fetch *fetch;
	__u64 deadline_ns;
};

static bool goes_on(void *context)
{
	const struct under_way *way = context;
	bool stop;

	pthread_mutex_lock(&way->fetch->lock);
	stop = way->fetch->stop;
	pthread_mutex_unlock(&way->fetch->lock);
	return !stop && facts__now() < way->deadline_ns;
}

/* Without the lock: @wish is a copy. A descriptor, or -errno; -ETIME: it is late. */
static int fetch_one(struct debug_fetch *fetch, const struct wish *wish)
{
	struct under_way way = { fetch, wish->deadline_ns };
	int fd;

	if (!goes_on(&way))
		return -ETIME;
	fd = debuginfod__fetch(fetch->debuginfod, wish->build_id, wish->len, goes_on, &way);
	return fd < 0 && !goes_on(&way) ? -ETIME : fd;
}

static void count(struct debug_fetch_stats *stats, int fd)
{
	stats->nr_came += fd >= 0;
	stats->nr_missing += fd == -ENOENT;
	stats->nr_late += fd == -ETIME;
	if (fd >= 0 || fd == -ENOENT || fd == -ETIME)
		return;
	stats->nr_failed++;
	stats->error = fd;
}

static void *run(void *arg)
{
	struct debug_fetch *fetch = arg;

	pthread_mutex_lock(&fetch->lock);
	while (!fetch->stop) {
		struct wish wish;
		int fd;

		if (fetch->next == fetch->nr) {
			pthread_cond_wait(&fetch->asked, &fetch->lock);
			continue;
		}
		wish = fetch->wishes[fetch->next];
		pthread_mutex_unlock(&fetch->lock);
		fd = fetch_one(fetch, &wish);
		pthread_mutex_lock(&fetch->lock);
		fetch->wishes[fetch->next++].fd = fd;
		count(&fetch->stats, fd);
	}
	pthread_mutex_unlock(&fetch->lock);
	return NULL;
}

/* Signals are the main thread's. */
static int start(struct debug_fetch *fetch)
{
	sigset_t all, before;
	int code;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	code = -pthread_create(&fetch->thread, NULL, run, fetch);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	fetch->has_thread = !code;
	return code;
}

struct debug_fetch *debug_fetch__new(const char *urls, struct err *err)
{
	struct debug_fetch *fetch = calloc(1, sizeof(*fetch));
	int code;

	if (!fetch) {
		err__set(err, -ENOMEM, "out of memory");
		return NULL;
	}
	pthread_mutex_init(&fetch->lock, NULL);
	pthread_cond_init(&fetch->asked, NULL);
	fetch->debuginfod = debuginfod__new(urls, err);
	code = fetch->debuginfod ? start(fetch) : -ENOENT;
	if (!code)
		return fetch;
	if (fetch->debuginfod)
		err__set(err, code, "no thread for --debuginfod: %s", strerror(-code));
	debug_fetch__free(fetch);
	return NULL;
}

void debug_fetch__free(struct debug_fetch *fetch)
{
	if (!fetch)
		return;
	if (fetch->has_thread) {
		pthread_mutex_lock(&fetch->lock);
		fetch->stop = true;
		pthread_cond_signal(&fetch->asked);
		pthread_mutex_unlock(&fetch->lock);
		pthread_join(fetch->thread, NULL);
	}
	for (size_t i = fetch->taken; i < fetch->next; i++) {
		if (fetch->wishes[i].fd >= 0)
			close(fetch->wishes[i].fd);
	}
	debuginfod__free(fetch->debuginfod);
	free(fetch->wishes);
	pthread_cond_destroy(&fetch->asked);
	pthread_mutex_destroy(&fetch->lock);
	free(fetch);
}

/* Under the lock. */
static bool make_room(struct debug_fetch *fetch)
{
	size_t cap = fetch->cap ? 2 * fetch->cap : 32;
	struct wish *wishes;

	if (fetch->nr < fetch->cap)
		return true;
	wishes = realloc(fetch->wishes, cap * sizeof(*wishes));
	if (!wishes)
		return false;
	fetch->wishes = wishes;
	fetch->cap = cap;
	return true;
}

static __u64 last_moment(const struct debug_fetch *fetch)
{
	__u64 moment = facts__now() + DEBUG_FETCH_WAIT_NS;

	return fetch->end_ns && fetch->end_ns < moment ? fetch->end_ns : moment;
}

void debug_fetch__end(struct debug_fetch *fetch)
{
	pthread_mutex_lock(&fetch->lock);
	if (!fetch->end_ns)
		fetch->end_ns = last_moment(fetch);
	pthread_mutex_unlock(&fetch->lock);
}

int debug_fetch__ask(struct debug_fetch *fetch, __u32 number, const __u8 *build_id, size_t len)
{
	struct wish *wish;
	int code = -ENOMEM;

	pthread_mutex_lock(&fetch->lock);
	if (make_room(fetch)) {
		wish = &fetch->wishes[fetch->nr++];
		*wish = (struct wish){ .number = number,
				       .deadline_ns = last_moment(fetch),
				       .len = len < BUILD_ID_MAX ? len : BUILD_ID_MAX };
		memcpy(wish->build_id, build_id, wish->len);
		fetch->stats.nr_asked++;
		pthread_cond_signal(&fetch->asked);
		code = 0;
	}
	pthread_mutex_unlock(&fetch->lock);
	return code;
}

bool debug_fetch__take(struct debug_fetch *fetch, __u32 *number, int *fd)
{
	bool is_there;

	pthread_mutex_lock(&fetch->lock);
	is_there = fetch->taken < fetch->next;
	if (is_there) {
		*number = fetch->wishes[fetch->taken].number;
		*fd = fetch->wishes[fetch->taken++].fd;
	}
	pthread_mutex_unlock(&fetch->lock);
	return is_there;
}

struct debug_fetch_stats debug_fetch__stats(struct debug_fetch *fetch)
{
	struct debug_fetch_stats stats;

	pthread_mutex_lock(&fetch->lock);
	stats = fetch->stats;
	pthread_mutex_unlock(&fetch->lock);
	return stats;
}
