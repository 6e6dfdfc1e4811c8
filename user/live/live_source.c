// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/units.h"
#include "live/facts.h"
#include "live/launch.h"
#include "live/live_state.h"

#define DRAIN_MS 10
#define TICK_TRIES 5
#define IDLE_TICK_NS NSEC_PER_SEC	    /* ticks while nothing happens */
#define NAMES_BUDGET_NS (500 * 1000 * 1000) /* of each tick; the rest comes with later ones */

/* --- taking records from the ring ---------------------------------------------------------- */

/* Names stand before the tick of the interval they are needed in - unless ever new stacks keep
 * coming. */
static bool nameless(struct live_source *live)
{
	return live->nameless && live->tries < TICK_TRIES;
}

/*
 * The tick goes right behind the counters that belong to it: whatever else this drain brings
 * happened later.
 */
static int finish_tick(struct live_source *live)
{
	__u64 ts = live->pending_tick;

	live->pending_tick = 0;
	live->awaited = 0;
	if (nameless(live)) /* a stack slipped in before the counters: its names first, then another
			       tick */
		return 0;
	live->tries = 0;
	live->ticked = true;
	live->last_tick = ts;
	return facts__tick(&live->queue, ts);
}

/* Take what is in the ring, and behind it the stacks that could be walked only afterwards: those
 * that are there at once, or @all. */
static void drain(struct live_source *live, bool all)
{
	int nr;

	unwind_watch__collect(live->unwind, all);
	kernel_side__drain(live->kernel);
	nr = unwind_watch__give(live->unwind, all, &live->queue);
	if (nr < 0)
		live->error = nr;
	if (nr > 0)
		live->nameless = live->session;
}

static int on_record(void *ctx, void *bytes, size_t len)
{
	struct live_source *live = ctx;
	const struct rec *rec = bytes;

	if (len < sizeof(*rec) || rec->size > len || /* cannot be: our own programs wrote it */
	    (rec->type == REC_MARK && len < sizeof(struct rec_mark) + MARK_LABEL_MAX)) {
		live->error = -EPROTO;
		return 0;
	}
	live__before(live, rec);
	if (rec->type == REC_MARK ? live__push_mark(live, bytes)
				  : record_queue__push(&live->queue, rec)) {
		live->error = -ENOMEM;
		return 0;
	}
	if (rec->type != REC_COUNTERS) {
		live->news = true;
		live__notice(live, rec);
	} else if (live->awaited && --live->awaited == 0 && finish_tick(live)) {
		live->error = -ENOMEM;
	}
	return 0;
}

/* --- ticks -------------------------------------------------------------------------------------
 */

static void sync_maps(struct live_source *live)
{
	bool code_changed = live->code_changed;
	struct proc_maps maps;

	live->maps_changed = live->code_changed = false;
	for (size_t i = 0; i < live->targets.nr; i++) {
		struct target *target = &live->targets.all[i];

		if (!target->alive || proc_maps__read(&maps, target->pid, false, NULL))
			continue;
		if (code_changed &&
		    unwind_watch__sync(live->unwind, target->space, target->pid, NULL) == -EAGAIN)
			live->code_changed = true;
		mark_probes__sync(&live->probes, live->kernel, target->pid, target->space, &maps);
		if (names__tell_maps(live->names, &maps, &live->queue))
			live->error = -ENOMEM;
		proc_maps__free(&maps);
	}
}

/* Nothing the kernel has counted is kept back. */
static void tell_runs(struct live_source *live)
{
	for (size_t i = 0; i < live->targets.nr; i++)
		kernel_side__tell_runs(live->kernel, live->targets.all[i].space);
}

/* Answers go into the queue, then what the kernel did meanwhile: stage_close() sees both applied.
 */
static int stage_service(struct live_source *live)
{
	int code = 0;

	if (live->session) {
		live->nameless = false;
		code = names__tell(live->names, live->session, &live->targets, live->unwind,
				   live->kernel, &live->queue, live->ending ? 0 : NAMES_BUDGET_NS);
		if (!code && live->times_ns.first_stack && !live->times_ns.named)
			live->times_ns.named = facts__now();
		if (code >= 0)
			code = heal__scan(&live->heal, live->session, &live->targets, live->kernel);
		if (code >= 0 && region_check__due(&live->regions)) {
			kernel_side__drain(live->kernel);
			code = region_check__read(&live->regions, &live->targets);
		}
	}
	if (code >= 0 && live->ending && names__are_awaited_last(live->names)) {
		drain(live, true);
		kernel_side__wait(live->kernel, DRAIN_MS);
		return 0; /* and once more */
	}
	/* a page that the scan saw is to be known before the scan is believed */
	if (live->heal.nr_scans)
		tell_runs(live);
	if (live->ending)
		unwind_watch__end(live->unwind);
	drain(live, true);
	live->stage = STAGE_CLOSE;
	return code < 0 ? code : 0;
}

static int tell_stats(struct live_source *live)
{
	__u64 now[NR_COUNTERS];

	kernel_side__counters(live->kernel, now);
	now[CNT_TRACER_MEMORY] = facts__own_memory();
	if (now[CNT_TRACER_MEMORY] > live->most_memory)
		live->most_memory = now[CNT_TRACER_MEMORY];
	now[CNT_TRACER_MAPS] = kernel_side__map_bytes(live->kernel);
	if (!memcmp(now, live->stats, sizeof(now)))
		return 0;
	memcpy(live->stats, now, sizeof(now));
	if (region_check__lost(&live->regions,
			       now[CNT_RING_FULL] + now[CNT_MISSED] + now[CNT_MAPS_UNTOLD]))
		live->code_changed = true; /* what tells the unwinder may be among them */
	return facts__stats(&live->queue, now, NR_COUNTERS);
}

static int stage_close(struct live_source *live)
{
	int code = 0;

	if (live->session)
		code = region_check__tell(&live->regions, live->session, &live->queue);
	if (!code && live->session)
		code = heal__tell(&live->heal, live->session, &live->queue);
	if (!code)
		code = tell_stats(live);
	if (!code)
		code = overhead__tell(&live->overhead, live->kernel, &live->targets, &live->queue,
				      live->stats, live->ending);
	if (code)
		return code;
	live->code_changed |= live->code_came; /* let the unwinder's mappings be sorted anew */
	live->code_came = false;
	live->news = false;
	live->marked = false;
	live->awaited = 0;
	live->ticked = false;
	live->pending_tick = facts__now();
	for (size_t i = 0; i < live->targets.nr && !nameless(live); i++) {
		if (!live->targets.all[i].alive)
			continue;
		live->awaited++;
		kernel_side__tell_counters(live->kernel, live->targets.all[i].space);
	}
	/* not drain(): a stack that was walked late would stand behind the tick, its names unsaid
	 */
	kernel_side__drain(live->kernel);
	if (live->pending_tick) /* nobody left to tell, or the ring was full */
		code = finish_tick(live);
	if (live->ticked) {
		live->stage = live->ending ? STAGE_END : STAGE_DRAIN;
	} else {
		live->tries++;
		live->stage = STAGE_SERVICE;
	}
	return code;
}

static int stage_end(struct live_source *live)
{
	bool asked = targets__any_root(&live->targets);

	if (live->command && !asked) {
		live->command_status = launch__wait(live->command);
		live->command = 0;
	}
	live->stage = STAGE_DONE;
	return facts__end(&live->queue, facts__now(), asked ? END_ASKED : END_TARGET,
			  live->command_status);
}

static int take_mark(void *ctx, enum mark_from from, pid_t pid, const char *label)
{
	struct live_source *live = ctx;

	live->marked = true;
	tell_runs(live);
	drain(live, true);
	return facts__mark(&live->queue, from, pid, label);
}

/* Behind all that the ring held when they came. */
static int take_marks(struct live_source *live)
{
	char label[MARK_LABEL_MAX];
	int code = mark_inbox__take(live->inbox, &live->targets, take_mark, live);

	while (!code && live->nr_signals < live->signals) {
		snprintf(label, sizeof(label), "usr1-%d", ++live->nr_signals);
		code = take_mark(live, MARK_SIGNAL, live->signal_pid, label);
	}
	return code;
}

static int stage_drain(struct live_source *live)
{
	__u64 now;
	int code;

	drain(live, false);
	overhead__step(&live->overhead, live->kernel, &live->targets);
	code = take_marks(live);
	if (code)
		return code;
	if (live->maps_changed || live->code_changed)
		sync_maps(live);
	now = facts__now();
	live->ending = live->stop || !targets__any_root(&live->targets) ||
		       (live->deadline && now >= live->deadline);
	if (live->ending || live->marked ||
	    now - live->last_tick >= (live->news ? live->tick_ns : live->idle_tick_ns))
		live->stage = STAGE_SERVICE;
	else if (record_queue__empty(&live->queue))
		kernel_side__wait(live->kernel, DRAIN_MS);
	return 0;
}

static int step(struct live_source *live)
{
	switch (live->stage) {
	case STAGE_DRAIN:
		return stage_drain(live);
	case STAGE_SERVICE:
		return stage_service(live);
	case STAGE_CLOSE:
		return stage_close(live);
	case STAGE_END:
		return stage_end(live);
	case STAGE_DONE:
		break;
	}
	return 0;
}

static int live_next(struct record_source *source, const struct rec **rec, struct err *err)
{
	struct live_source *live = (struct live_source *)source;

	for (;;) {
		int code;

		*rec = record_queue__pop(&live->queue);
		if (*rec)
			return 1;
		if (live->stage == STAGE_DONE)
			return 0;
		code = step(live);
		if (!code)
			code = live->error;
		if (code)
			return err__set(err, code, "tracing stopped: %s", strerror(-code));
	}
}

/* --- the public face ----------------------------------------------------------------------- */

static void live_free(struct record_source *source)
{
	struct live_source *live = (struct live_source *)source;

	if (live->command) /* held still, or running on when only we were asked to end */
		launch__release(live->command);
	overhead__end(&live->overhead);
	mark_inbox__free(live->inbox);
	mark_probes__fini(&live->probes);
	unwind_watch__free(live->unwind);
	kernel_side__free(live->kernel);
	names__free(live->names);
	heal__fini(&live->heal);
	region_check__fini(&live->regions);
	targets__fini(&live->targets);
	record_queue__fini(&live->queue);
	free(live);
}

struct record_source *live_source__open(const struct live_options *options, struct err *err)
{
	struct live_source *live = calloc(1, sizeof(*live));
	int code;

	if (!live) {
		err__set(err, -ENOMEM, "out of memory");
		return NULL;
	}
	live->times_ns.opened = facts__now();
	live->base.next = live_next;
	live->base.free = live_free;
	live->tick_ns = options->tick_ns;
	live->idle_tick_ns = options->idle_tick_ns ? options->idle_tick_ns : IDLE_TICK_NS;
	code = live__check_targets(options, err);
	if (!code && options->command) {
		live->command = launch__start(options->command, err);
		if (live->command < 0) {
			code = live->command;
			live->command = 0;
		}
	}
	if (!code)
		code = live__attach(live, options, on_record, err);
	if (code) {
		if (live->command)
			launch__kill(live->command);
		live->command = 0;
		live_free(&live->base);
		return NULL;
	}
	live->times_ns.attached = facts__now();
	if (live->command)
		launch__release(live->command);
	if (options->duration_ns)
		live->deadline = facts__now() + options->duration_ns;
	return &live->base;
}

void live_source__bind(struct record_source *source, const struct session *session)
{
	((struct live_source *)source)->session = session;
}

void live_source__stop(struct record_source *source)
{
	((struct live_source *)source)->stop = 1;
}

void live_source__mark_signal(struct record_source *source, pid_t sender)
{
	struct live_source *live = (struct live_source *)source;

	live->signal_pid = sender;
	live->signals++;
}

int live_source__mark(struct record_source *source, enum mark_from from, pid_t pid,
		      const char *label)
{
	return take_mark(source, from, pid, label);
}

pid_t live_source__pid(const struct record_source *source)
{
	return ((const struct live_source *)source)->targets.all[0].pid;
}

const char *live_source__comm(const struct record_source *source)
{
	return ((const struct live_source *)source)->comm;
}

int live_source__command_status(const struct record_source *source)
{
	return ((const struct live_source *)source)->command_status;
}
