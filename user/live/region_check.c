// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdlib.h>
#include "live/facts.h"
#include "live/region_check.h"

#define PAUSE_MAX 15
#define USER_END ((1ULL << 57) - 4096) /* of five page-table levels; [vsyscall] lies above */

static void forget(struct region_check *check)
{
	for (size_t i = 0; i < check->nr_readings; i++)
		proc_maps__free(&check->readings[i].maps);
	free(check->readings);
	check->readings = NULL;
	check->nr_readings = 0;
}

void region_check__fini(struct region_check *check)
{
	forget(check);
}

bool region_check__lost(struct region_check *check, __u64 lost)
{
	if (lost == check->lost)
		return false;
	check->lost = lost;
	check->wanted = true;
	return true;
}

bool region_check__due(struct region_check *check)
{
	if (!check->wanted)
		return false;
	if (!check->pause_left)
		return true;
	check->pause_left--;
	return false;
}

int region_check__read(struct region_check *check, const struct targets *targets)
{
	forget(check);
	check->read_at = check->nr_calls;
	check->readings = calloc(targets->nr, sizeof(*check->readings));
	if (!check->readings)
		return -ENOMEM;
	for (size_t i = 0; i < targets->nr; i++) {
		struct region_reading *reading = &check->readings[check->nr_readings];

		if (!targets->all[i].alive ||
		    proc_maps__read(&reading->maps, targets->all[i].pid, false, NULL))
			continue;
		if (!reading->maps.nr) { /* its first thread has ended, others go on */
			proc_maps__free(&reading->maps);
			continue;
		}
		reading->space = targets->all[i].space;
		check->nr_readings++;
	}
	return 0;
}

/* Are the regions in @map's place, one or several, as it says? */
static bool is_known(const struct session *session, __u32 space, const struct proc_map *map)
{
	__u64 at = map->start;

	while (at < map->end) {
		const struct vma *vma = session__next_vma(session, space, at);

		if (!vma || vma->start > at || vma->prot != map->prot ||
		    vma->shared != map->shared ||
		    !session__maps_file(session, vma, map->dev, map->ino) ||
		    (map->ino && vma->pgoff + (at - vma->start) != map->pgoff + (at - map->start)))
			return false;
		at = vma->end;
	}
	return true;
}

static int tell_gap(const struct session *session, __u32 space, __u64 start, __u64 end,
		    struct record_queue *queue)
{
	const struct proc_map gap = { .start = start, .end = end, .name = "" };
	const struct vma *vma = start < end ? session__next_vma(session, space, start) : NULL;

	return vma && vma->start < end ? facts__map(queue, space, &gap, MAP_GONE) : 0;
}

static int tell_reading(const struct region_reading *reading, const struct session *session,
			struct record_queue *queue)
{
	__u64 at = 0;
	int code = 0;

	if (!session__next_vma(session, reading->space, 0)) /* gone meanwhile */
		return 0;
	for (size_t i = 0; i < reading->maps.nr && !code; i++) {
		const struct proc_map *map = &reading->maps.maps[i];

		if (map->start >= USER_END)
			break;
		code = tell_gap(session, reading->space, at, map->start, queue);
		if (!code && !is_known(session, reading->space, map))
			code = facts__map(queue, reading->space, map, MAP_FOUND);
		at = map->end;
	}
	return code ? code : tell_gap(session, reading->space, at, USER_END, queue);
}

int region_check__tell(struct region_check *check, const struct session *session,
		       struct record_queue *queue)
{
	bool believed = check->read_at == check->nr_calls;
	int code = 0;

	if (!check->nr_readings)
		return 0;
	for (size_t i = 0; i < check->nr_readings && believed && !code; i++)
		code = tell_reading(&check->readings[i], session, queue);
	forget(check);
	check->wanted = !believed;
	if (believed)
		check->pause = 0;
	else if (check->pause < PAUSE_MAX)
		check->pause = check->pause * 2 + 1;
	check->pause_left = check->pause;
	return code;
}
