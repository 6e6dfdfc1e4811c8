// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <stdlib.h>
#include "model/books.h"
#include "model/calls.h"

static struct call **bucket(struct session *session, __u32 tid)
{
	return &session->calls.buckets[tid % CALL_BUCKETS];
}

/* What a call still holds when it is over: gains nobody knows the place of, moved pages nobody
 * knows the new place of. */
static void give_up(struct session *session, struct call *call)
{
	struct space *space = session__space(session, call->space);

	for (__u32 i = 0; space && i < call->nr_queue; i++)
		books__unplaced(session, space, call->queue[i].member, 1);
	for (__u8 m = 0; space && m < RSST_NR_MEMBERS; m++)
		if (call->deferred[m])
			books__unplaced(session, space, m, -1);
	session__mremap_lost(session, call);
}

static void unlink_call(struct session *session, struct call *call)
{
	struct call **link = bucket(session, call->tid);

	while (*link != call)
		link = &(*link)->next;
	*link = call->next;
	session->calls.nr--;
}

static void call__free(struct call *call)
{
	free(call->queue);
	free(call->stash);
	free(call);
}

void calls__end(struct session *session, struct call *call)
{
	give_up(session, call);
	unlink_call(session, call);
	call__free(call);
}

static struct call *find(struct session *session, __u32 tid)
{
	struct call *call = *bucket(session, tid);

	while (call && call->tid != tid)
		call = call->next;
	return call;
}

static void end_oldest(struct session *session, __u32 tid)
{
	struct call *call = *bucket(session, tid);

	while (call && call->next)
		call = call->next;
	if (call)
		calls__end(session, call);
}

struct call *calls__get(struct session *session, struct space *space, __u32 tid, __u32 number)
{
	struct call *call = find(session, tid);

	if (call && call->number == number && call->space == space->id)
		return call;
	if (call)
		calls__end(session, call);
	if (session->calls.nr >= CALLS_MAX)
		end_oldest(session, tid);
	call = calloc(1, sizeof(*call));
	if (!call) {
		session->no_memory = true;
		return NULL;
	}
	call->tid = tid;
	call->number = number;
	call->space = space->id;
	call->next = *bucket(session, tid);
	*bucket(session, tid) = call;
	session->calls.nr++;
	return call;
}

void calls__end_thread(struct session *session, __u32 tid)
{
	struct call *call = find(session, tid);

	if (call)
		calls__end(session, call);
}

void calls__end_space(struct session *session, __u32 space)
{
	for (__u32 b = 0; b < CALL_BUCKETS; b++) {
		struct call *call = session->calls.buckets[b], *next;

		for (; call; call = next) {
			next = call->next;
			if (call->space == space)
				calls__end(session, call);
		}
	}
}

void calls__fini(struct session *session)
{
	for (__u32 b = 0; b < CALL_BUCKETS; b++) {
		struct call *call = session->calls.buckets[b], *next;

		for (; call; call = next) {
			next = call->next;
			call__free(call);
		}
	}
}

bool call__queue(struct call *call, const struct queued *gain)
{
	struct queued *last = call->nr_queue ? &call->queue[call->nr_queue - 1] : NULL;

	if (last && last->owner == gain->owner && last->unit == gain->unit &&
	    last->member == gain->member && last->times + gain->times > last->times) {
		last->times += gain->times;
		last->born = gain->born;
		return true;
	}
	if (call->nr_queue == QUEUE_MAX)
		return false;
	if (call->nr_queue == call->cap_queue) {
		__u32 cap = call->cap_queue ? call->cap_queue * 2 : 4;
		struct queued *queue = realloc(call->queue, cap * sizeof(*queue));

		if (!queue)
			return false;
		call->queue = queue;
		call->cap_queue = cap;
	}
	call->queue[call->nr_queue++] = *gain;
	return true;
}

bool call__stash(struct call *call, const struct stashed *page)
{
	if (call->nr_stash == call->cap_stash) {
		__u32 cap = call->cap_stash ? call->cap_stash * 2 : 512;
		struct stashed *stash = realloc(call->stash, cap * sizeof(*stash));

		if (!stash)
			return false;
		call->stash = stash;
		call->cap_stash = cap;
	}
	call->stash[call->nr_stash++] = *page;
	return true;
}
