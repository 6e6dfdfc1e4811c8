// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cmd/late_names.h"

#define WAIT_TICKS 30 /* 3 s: the recorder gives names half of its time at most */

static bool are_known(struct late_names *names, const struct session *session)
{
	const struct object *object;
	const struct frame *frame;

	for (; names->object < names->nr_objects; names->object++) {
		object = session__object(session, names->object);
		if (object && !object->named)
			return false;
	}
	for (; names->frame < names->nr_frames; names->frame++) {
		frame = session__frame(session, names->frame);
		if (frame && !frame->resolved)
			return false;
	}
	return true;
}

void late_names__expect(struct late_names *names, const struct session *session)
{
	*names = (struct late_names){
		.frame = 1,
		.nr_frames = session__nr_frames(session),
		.object = 1,
		.nr_objects = session__nr_objects(session),
		.ticks = WAIT_TICKS,
		.expected = true,
	};
}

void late_names__ticked(struct late_names *names, const struct session *session)
{
	if (names->expected)
		names->expected = --names->ticks && !are_known(names, session);
}
