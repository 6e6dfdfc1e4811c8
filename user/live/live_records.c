// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What the live side itself needs to know of a record, on its way to the queue. */
#include <errno.h>
#include <string.h>
#include "live/facts.h"
#include "live/live_state.h"
#include "live/mark_label.h"

/* --- before it goes there ----------------------------------------------------------------------
 */

/* @space, which process @pid leaves, or 0: somebody else lives on in it, as a vfork child's parent.
 */
static __u32 left_space(const struct live_source *live, __u32 space, pid_t pid)
{
	return targets__any_other_in(&live->targets, space, pid) ? 0 : space;
}

/* The space that @rec ends, 0: none. */
static __u32 ended_space(const struct live_source *live, const struct rec *rec)
{
	const struct rec_exec *exec = (const struct rec_exec *)rec;
	const struct rec_exit *exit = (const struct rec_exit *)rec;

	switch (rec->type) {
	case REC_EXEC:
		return left_space(live, exec->old_space, (pid_t)exec->pid);
	case REC_EXIT:
		return exit->group_dead ? left_space(live, exit->space, (pid_t)exit->pid) : 0;
	case REC_SPACE_END:
		return ((const struct rec_space_end *)rec)->space;
	default:
		return 0;
	}
}

void live__before(struct live_source *live, const struct rec *rec)
{
	__u32 space = ended_space(live, rec);
	int nr = space ? unwind_watch__give_space(live->unwind, space, &live->queue) : 0;

	if (nr < 0)
		live->error = nr;
	if (nr > 0)
		live->nameless = live->session;
}

int live__push_mark(struct live_source *live, const struct rec_mark *rec)
{
	char copy[sizeof(*rec) + MARK_LABEL_MAX], text[MARK_LABEL_MAX] = "";
	struct rec_mark *mark = (struct rec_mark *)copy;
	__u64 addr;

	memcpy(copy, rec, sizeof(copy));
	memcpy(text, mark->label, sizeof(text) - 1);
	memcpy(&addr, mark->label + 8, sizeof(addr));
	if (!*text && addr)
		mark_label__read(text, mark->pid, addr);
	if (!mark_label__clean(mark->label, text, strlen(text)))
		strcpy(mark->label, "mark");
	live->marked = true;
	return record_queue__push(&live->queue, mark);
}

/* --- and behind it -----------------------------------------------------------------------------
 */

/*
 * The new image is told right behind its exec, so that the stacks that follow find it in the region
 * map, as the unwinder's thread found it when it began: meanwhile it may have gone on, or be gone.
 * Its few first pages are left to the reconciler: by now others are there, too, whose faults are
 * still to be told.
 */
static void on_exec(struct live_source *live, const struct rec_exec *rec)
{
	struct target *target = targets__by_pid(&live->targets, rec->pid);
	struct proc_maps maps;

	if (!target)
		return;
	if (target->residency) /* of the old image */
		residency__close(target->residency);
	target->residency = NULL;
	target->space = rec->new_space;
	if (!targets__by_space(&live->targets, rec->old_space)) /* else it was borrowed by vfork */
		unwind_watch__forget(live->unwind, rec->old_space);
	if (!unwind_watch__take_maps(live->unwind, rec->new_space, &maps)) {
		/* what it has mapped may be the next program's */
		if (unwind_watch__has_gone_on(live->unwind, target->pid, rec->new_space) ||
		    live__tell_maps(live, target, &maps, NULL))
			return;
	} else if (facts__maps(&live->queue, rec->new_space, &maps)) {
		live->error = -ENOMEM;
	}
	proc_maps__free(&maps);
}

static void on_fork(struct live_source *live, const struct rec_fork *rec)
{
	targets__add(&live->targets, rec->child_pid, rec->child_space, false);
	live->maps_changed = live->code_changed = true;
}

static void on_exit_record(struct live_source *live, const struct rec_exit *rec)
{
	struct target *target = targets__by_pid(&live->targets, rec->pid);

	if (!target || !rec->group_dead)
		return;
	overhead__died(&live->overhead, target);
	target__died(target);
}

/* The mapping that begins at @start, as /proc tells it: of shared memory a call does not say what
 * it is, or how large. */
static void tell_mapping(struct live_source *live, __u32 space, __u64 start)
{
	struct target *target = targets__by_space(&live->targets, space);
	struct proc_maps maps;

	if (!target || proc_maps__read(&maps, target->pid, false, NULL))
		return;
	for (size_t i = 0; i < maps.nr; i++)
		if (maps.maps[i].start == start)
			facts__map(&live->queue, space, &maps.maps[i], 0);
	proc_maps__free(&maps);
}

static void on_call(struct live_source *live, const struct rec_call *rec)
{
	bool exec = rec->args[2] & 4; /* PROT_EXEC */
	bool ok = rec->ret >= 0 || rec->ret < -4095;

	if (!ok)
		return;
	if ((rec->op == VM_OP_MMAP || rec->op == VM_OP_MPROTECT) && exec)
		live->maps_changed = live->code_came = true;
	if (rec->ino && !names__is_known(live->names, rec->dev, rec->ino))
		live->maps_changed = true;
	if (rec->backing == BACKING_SHMEM && !rec->ino)
		tell_mapping(live, rec->space, rec->ret);
}

void live__notice(struct live_source *live, const struct rec *rec)
{
	switch (rec->type) {
	case REC_EXEC:
		live->regions.nr_calls++;
		on_exec(live, (const struct rec_exec *)rec);
		break;
	case REC_FORK:
		live->regions.nr_calls++;
		on_fork(live, (const struct rec_fork *)rec);
		break;
	case REC_EXIT:
		on_exit_record(live, (const struct rec_exit *)rec);
		break;
	case REC_SPACE_END:
		unwind_watch__forget(live->unwind, ((const struct rec_space_end *)rec)->space);
		break;
	case REC_STACK:
		live->nameless = live->session;
		if (!live->times_ns.first_stack)
			live->times_ns.first_stack = facts__now();
		break;
	case REC_CALL:
		live->regions.nr_calls++;
		on_call(live, (const struct rec_call *)rec);
		break;
	default:
		break;
	}
}
