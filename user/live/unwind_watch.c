// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>
#include "config_abi.h"
#include "live/begun.h"
#include "live/facts.h"
#include "live/news_ring.h"
#include "live/stack_copy.h"
#include "live/unwind_losses.h"
#include "live/unwind_watch.h"

#define DRAIN_MS 20		  /* copies wake nobody */
#define TURN_NS (5 * 1000 * 1000) /* of work on the news, then somebody else may have the lock */
#define LONG_TURN_NS (500 * 1000 * 1000) /* of one who needs them all */
#define NAP_US 1000
#define SYNC_PACE 4    /* times what a look at a process took it is then left alone */
#define NICENESS (-10) /* the program runs on while we build: let it run the shorter */

/* When a space may be looked at again. */
struct pace {
	__u64 next_ns;
	pid_t due_pid; /* a process of it that is to be looked at then; 0: none */
};

/* What a copy was walked to. */
struct walked {
	struct rec_stack *rec;
	__u64 losses; /* of its space, when the stack was copied */
};

struct unwind_watch {
	struct unwind_upload *upload;
	struct news_ring *news;
	pthread_mutex_t lock; /* of all the rest, and of upload */
	pthread_t thread;
	bool has_thread;
	int epoll_fd, stop_fd;
	struct walked *walked; /* in order; the first nr_collected may be given */
	size_t nr, cap, nr_collected;
	bool no_memory;
	struct news_queue later; /* copies of spaces that are due, to be walked after that */
	struct pace paces[RSST_MAX_SPACES];
	__u32 nr_due; /* of them that have a due_pid */
	struct begun begun;
	struct stack_dwfl dwfl;
};

/* --- the news, under the lock ---------------------------------------------------------------- */

/*
 * Sync @space, or, soon after the last time, have sync_due() do it. Building tables is not what
 * takes time again and again: a sync that did is not held against the next.
 */
static int sync_paced(struct unwind_watch *watch, __u32 space, pid_t pid, struct err *err)
{
	struct pace *pace = space < RSST_MAX_SPACES ? &watch->paces[space] : NULL;
	size_t objects = unwind_upload__stats(watch->upload).objects;
	__u64 start = facts__now(), end;
	int code;

	if (pace && start < pace->next_ns) {
		watch->nr_due += !pace->due_pid;
		pace->due_pid = pid;
		return 0;
	}
	code = unwind_upload__sync(watch->upload, space, pid, err);
	end = facts__now();
	if (pace && objects == unwind_upload__stats(watch->upload).objects)
		pace->next_ns = end + SYNC_PACE * (end - start);
	return code;
}

/* What came while a space was not to be looked at yet: a JIT's pages come by the thousand. @all:
 * what waits for that can wait no longer. */
static void sync_due(struct unwind_watch *watch, bool all)
{
	__u64 now = all ? ~0ULL : facts__now();

	for (__u32 space = 0; watch->nr_due && space < RSST_MAX_SPACES; space++) {
		struct pace *pace = &watch->paces[space];
		pid_t pid = pace->due_pid;

		if (!pid || now < pace->next_ns)
			continue;
		pace->due_pid = 0;
		pace->next_ns = 0;
		watch->nr_due--;
		if (!unwind_upload__is_current(watch->upload, space) &&
		    sync_paced(watch, space, pid, NULL) == -EAGAIN)
			sync_paced(watch, space, pid, NULL); /* marks it again */
	}
}

static void on_code(struct unwind_watch *watch, const struct unwind_code *code)
{
	__u32 space = code->news.space;

	if (!code->start && unwind_upload__is_current(watch->upload, space))
		return;
	if (unwind_upload__add_file(watch->upload, code))
		sync_paced(watch, space, (pid_t)code->news.pid, NULL);
}

static void keep(struct unwind_watch *watch, struct rec_stack *rec, __u64 losses)
{
	size_t cap = watch->cap ? watch->cap * 2 : 256;
	struct walked *bigger;

	if (watch->nr == watch->cap) {
		bigger = realloc(watch->walked, cap * sizeof(*bigger));
		if (!bigger) {
			watch->no_memory = true;
			free(rec);
			return;
		}
		watch->walked = bigger;
		watch->cap = cap;
	}
	watch->walked[watch->nr++] = (struct walked){ rec, losses };
}

static void on_exec(struct unwind_watch *watch, const struct unwind_exec *exec)
{
	struct proc_maps maps;

	unwind_upload__begin(watch->upload, exec, &maps);
	if (maps.nr)
		begun__note(&watch->begun, exec->news.space, &maps);
	proc_maps__free(&maps);
}

/* Is code of @space being waited for, and is there room for what waits for it? */
static bool is_due(const struct unwind_watch *watch, __u32 space)
{
	return space < RSST_MAX_SPACES && watch->paces[space].due_pid &&
	       watch->later.bytes < NEWS_QUEUE_MAX_BYTES;
}

static void walk_copy(struct unwind_watch *watch, const void *bytes, size_t len)
{
	struct rec_stack *rec = stack_copy__walk(watch->upload, &watch->dwfl, bytes, len);

	if (rec)
		keep(watch, rec, ((const struct unwind_copy *)bytes)->losses);
}

/* @wait: a copy may be put back until its code has been looked at. */
static void work_on(struct unwind_watch *watch, const void *bytes, size_t len, bool wait)
{
	const struct unwind_news *news = bytes;

	if (len >= sizeof(struct unwind_code) && news->kind == UNWIND_NEWS_CODE)
		on_code(watch, bytes);
	if (len >= sizeof(struct unwind_exec) && news->kind == UNWIND_NEWS_EXEC)
		on_exec(watch, bytes);
	if (len >= sizeof(struct unwind_copy) && news->kind == UNWIND_NEWS_STACK) {
		if (!wait || !is_due(watch, news->space) ||
		    !news_queue__push(&watch->later, bytes, len))
			walk_copy(watch, bytes, len);
	}
}

/* Work on news for @ns at most: they may come as fast as they are read. False: there are more. */
static bool consume(struct unwind_watch *watch, __u64 ns)
{
	__u64 turn_ends_ns = facts__now() + ns;

	for (;;) {
		const struct news_item *item = news_ring__first(watch->news);

		if (!item)
			return true;
		work_on(watch, item->bytes, item->len, true);
		news_ring__drop(watch->news);
		if (facts__now() > turn_ends_ns)
			return false;
	}
}

/* Work on what waited; @wait: what still has to goes on waiting, behind the others. */
static void work_on_later(struct unwind_watch *watch, bool wait)
{
	struct news_queue *later = &watch->later;

	for (size_t nr = later->nr; nr; nr--) {
		const struct news_item *item = news_queue__first(later);
		const struct unwind_news *news = (const struct unwind_news *)item->bytes;

		work_on(watch, item->bytes, item->len,
			wait && !unwind_upload__is_overtaken(watch->upload, news->space));
		news_queue__drop(later);
	}
	unwind_upload__drop_overtaken(watch->upload);
}

/* Work on what waited for the spaces that are due, if it is their time or @all is wanted. */
static void work_on_due(struct unwind_watch *watch, bool all)
{
	sync_due(watch, all);
	work_on_later(watch, true);
}

static void *run(void *arg)
{
	struct unwind_watch *watch = arg;
	struct epoll_event event;
	bool is_done;

	setpriority(PRIO_PROCESS, (id_t)gettid(), NICENESS); /* without it it works as well */
	for (;;) {
		int nr = epoll_wait(watch->epoll_fd, &event, 1, DRAIN_MS);

		if (nr == 1 && event.data.fd == watch->stop_fd)
			return NULL;
		if (nr == 1)
			news_ring__wait_again(watch->news);
		pthread_mutex_lock(&watch->lock);
		is_done = consume(watch, TURN_NS);
		work_on_due(watch, false);
		pthread_mutex_unlock(&watch->lock);
		if (!is_done)
			usleep(NAP_US); /* else nobody would get it */
	}
}

/* --- its life -------------------------------------------------------------------------------- */

static int watch_fd(const struct unwind_watch *watch, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	return fd < 0 || epoll_ctl(watch->epoll_fd, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

/* Signals are the main thread's. */
static int start(struct unwind_watch *watch)
{
	sigset_t all, before;
	int code;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	code = -pthread_create(&watch->thread, NULL, run, watch);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	watch->has_thread = !code;
	return code;
}

static int set_up(struct unwind_watch *watch, const struct unwind_map_fds *fds, struct err *err)
{
	int code;

	watch->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	watch->stop_fd = eventfd(0, EFD_CLOEXEC);
	watch->upload = unwind_upload__new(fds, err);
	if (!watch->upload)
		return -EINVAL; /* the sentence says it */
	watch->news = news_ring__new(fds->news, err);
	if (!watch->news)
		return -EINVAL;
	code = watch_fd(watch, watch->stop_fd);
	if (!code)
		code = watch_fd(watch, news_ring__wakes(watch->news));
	if (!code)
		code = start(watch);
	return code ? err__set(err, code, "cannot watch for new code: %s", strerror(-code)) : 0;
}

struct unwind_watch *unwind_watch__new(const struct unwind_map_fds *fds, struct err *err)
{
	struct unwind_watch *watch = calloc(1, sizeof(*watch));

	if (!watch) {
		err__set(err, -ENOMEM, "out of memory");
		return NULL;
	}
	pthread_mutex_init(&watch->lock, NULL);
	watch->epoll_fd = watch->stop_fd = -1;
	if (set_up(watch, fds, err)) {
		unwind_watch__free(watch);
		return NULL;
	}
	return watch;
}

void unwind_watch__free(struct unwind_watch *watch)
{
	__u64 stop = 1;

	if (!watch)
		return;
	if (watch->has_thread) {
		(void)!write(watch->stop_fd, &stop, sizeof(stop));
		pthread_join(watch->thread, NULL);
	}
	news_ring__free(watch->news);
	unwind_upload__free(watch->upload);
	while (watch->nr)
		free(watch->walked[--watch->nr].rec);
	free(watch->walked);
	begun__fini(&watch->begun);
	stack_dwfl__fini(&watch->dwfl);
	news_queue__fini(&watch->later);
	if (watch->epoll_fd >= 0)
		close(watch->epoll_fd);
	if (watch->stop_fd >= 0)
		close(watch->stop_fd);
	pthread_mutex_destroy(&watch->lock);
	free(watch);
}

/* --- from the main thread -------------------------------------------------------------------- */

int unwind_watch__sync(struct unwind_watch *watch, __u32 space, pid_t pid, struct err *err)
{
	int code;

	pthread_mutex_lock(&watch->lock);
	code = sync_paced(watch, space, pid, err);
	pthread_mutex_unlock(&watch->lock);
	return code;
}

int unwind_watch__preload(struct unwind_watch *watch, pid_t pid, const struct proc_maps *maps)
{
	int code;

	pthread_mutex_lock(&watch->lock);
	code = unwind_upload__preload(watch->upload, pid, maps);
	pthread_mutex_unlock(&watch->lock);
	return code;
}

void unwind_watch__forget(struct unwind_watch *watch, __u32 space)
{
	pthread_mutex_lock(&watch->lock);
	unwind_upload__forget(watch->upload, space);
	pthread_mutex_unlock(&watch->lock);
}

struct unwind_upload_stats unwind_watch__stats(struct unwind_watch *watch)
{
	struct unwind_upload_stats stats;

	pthread_mutex_lock(&watch->lock);
	stats = unwind_upload__stats(watch->upload);
	pthread_mutex_unlock(&watch->lock);
	return stats;
}

bool unwind_watch__has_gone_on(struct unwind_watch *watch, pid_t pid, __u32 space)
{
	bool has;

	pthread_mutex_lock(&watch->lock);
	has = unwind_upload__has_gone_on(watch->upload, pid, space);
	pthread_mutex_unlock(&watch->lock);
	return has;
}

bool unwind_watch__take_maps(struct unwind_watch *watch, __u32 space, struct proc_maps *maps)
{
	bool is_known;

	pthread_mutex_lock(&watch->lock);
	consume(watch, LONG_TURN_NS);
	is_known = begun__take(&watch->begun, space, maps);
	pthread_mutex_unlock(&watch->lock);
	return is_known;
}

int unwind_watch__held_file(struct unwind_watch *watch, __u32 dev, __u64 ino)
{
	int fd;

	pthread_mutex_lock(&watch->lock);
	fd = unwind_upload__held_file(watch->upload, dev, ino);
	pthread_mutex_unlock(&watch->lock);
	return fd;
}

void unwind_watch__end(struct unwind_watch *watch)
{
	__u64 patience_ends_ns = facts__now() + LONG_TURN_NS;

	pthread_mutex_lock(&watch->lock);
	consume(watch, LONG_TURN_NS);
	do
		sync_due(watch, true);
	while (watch->nr_due && facts__now() < patience_ends_ns);
	work_on_later(watch, false);
	pthread_mutex_unlock(&watch->lock);
}

/* False: another has the lock, and it is not worth waiting. */
static bool lock(struct unwind_watch *watch, bool wait)
{
	return !(wait ? pthread_mutex_lock(&watch->lock) : pthread_mutex_trylock(&watch->lock));
}

void unwind_watch__collect(struct unwind_watch *watch, bool all)
{
	if (!lock(watch, all))
		return;
	consume(watch, all ? LONG_TURN_NS : TURN_NS);
	work_on_due(watch, all);
	watch->nr_collected = watch->nr;
	pthread_mutex_unlock(&watch->lock);
}

/* Is what its frames are named by still what they ran through? */
static bool still_holds(const struct unwind_watch *watch, const struct walked *walked)
{
	const struct rec_stack *rec = walked->rec;

	return !unwind_losses__hit_any(unwind_upload__space(watch->upload, rec->space),
				       walked->losses, rec->frames, rec->nr_frames);
}

/* Push the first @nr that are of @space (0: of any) and close the gaps. Their number or -ENOMEM. */
static int give(struct unwind_watch *watch, size_t nr, __u32 space, struct record_queue *queue)
{
	int given = 0, code = watch->no_memory ? -ENOMEM : 0;
	size_t kept = 0, collected = watch->nr_collected;

	for (size_t i = 0; i < watch->nr; i++) {
		struct walked walked = watch->walked[i];

		if (i >= nr || (space && walked.rec->space != space)) {
			watch->walked[kept++] = walked;
			continue;
		}
		if (still_holds(watch, &walked) && record_queue__push(queue, walked.rec))
			code = -ENOMEM;
		free(walked.rec);
		given++;
		watch->nr_collected -= i < collected;
	}
	watch->nr = kept;
	return code ? code : given;
}

int unwind_watch__give(struct unwind_watch *watch, bool all, struct record_queue *queue)
{
	int code;

	if (!lock(watch, all))
		return 0;
	code = give(watch, watch->nr_collected, 0, queue);
	watch->nr_collected = 0;
	pthread_mutex_unlock(&watch->lock);
	return code;
}

int unwind_watch__give_space(struct unwind_watch *watch, __u32 space, struct record_queue *queue)
{
	int code;

	pthread_mutex_lock(&watch->lock);
	consume(watch, LONG_TURN_NS);
	work_on_due(watch, true);
	code = give(watch, watch->nr, space, queue);
	pthread_mutex_unlock(&watch->lock);
	return code;
}
