/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * When records were lost, one of them may have been a call's: then the regions are compared with
 * /proc/PID/maps, and where they differ the maps enter the stream. What was read while calls went
 * on is not believed; the next attempts are further apart.
 */
#ifndef RSSTRACE_LIVE_REGION_CHECK_H
#define RSSTRACE_LIVE_REGION_CHECK_H

#include "live/proc_maps.h"
#include "live/record_queue.h"
#include "live/targets.h"
#include "model/session.h"

struct region_check {
	__u64 nr_calls; /* records so far that change regions; the owner counts them */
	__u64 lost;	/* records, when last told */
	bool wanted;
	unsigned int pause, pause_left; /* ticks */
	/* what was read, until it is told */
	__u64 read_at; /* nr_calls at that time */
	struct region_reading {
		__u32 space;
		struct proc_maps maps;
	} * readings;
	size_t nr_readings;
};

/* @lost records have been lost so far. Is it more than before? */
bool region_check__lost(struct region_check *check, __u64 lost);

/* Is it time for region_check__read()? To be asked once a tick. */
bool region_check__due(struct region_check *check);

/* Read the maps of the living; the ring has been drained. 0 or -ENOMEM. */
int region_check__read(struct region_check *check, const struct targets *targets);

/* The ring has been drained once more, and @session knows it all: tell where the regions differ. 0
 * or -ENOMEM. */
int region_check__tell(struct region_check *check, const struct session *session,
		       struct record_queue *queue);

void region_check__fini(struct region_check *check);

#endif
