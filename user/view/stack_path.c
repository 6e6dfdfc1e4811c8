// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "view/keys.h"
#include "view/stack_path.h"

#define OFFSET_LEN 20 /* '+' and 16 digits */
#define SEPARATOR '\x1f'

static bool make_room(struct frame_ids *ids, size_t len)
{
	char *buf;

	if (len <= ids->cap)
		return true;
	buf = realloc(ids->buf, 2 * len);
	if (!buf)
		return false;
	ids->buf = buf;
	ids->cap = 2 * len;
	return true;
}

static size_t put_build_id(char *buf, const struct object *object)
{
	for (__u32 i = 0; i < object->build_id_len; i++)
		sprintf(buf + 2 * i, "%02x", object->build_id[i]);
	return 2 * (size_t)object->build_id_len;
}

/* 0: ENOMEM. */
static __u32 frame_id(struct frame_ids *ids, const struct frame_row *frame)
{
	const char *module = frame->module ? path_last_part(frame->module) : "[no file]";
	size_t module_len = strlen(module), symbol_len = frame->symbol ? strlen(frame->symbol) : 0;
	size_t len = 0;

	if (!make_room(ids, module_len + symbol_len + sizeof(frame->object->build_id) * 2 +
				    OFFSET_LEN + 2))
		return 0;
	if (!frame->symbol && frame->object && frame->object->build_id_len) {
		len = put_build_id(ids->buf, frame->object);
	} else {
		memcpy(ids->buf, module, module_len);
		len = module_len;
	}
	ids->buf[len++] = SEPARATOR;
	if (frame->symbol) {
		memcpy(ids->buf + len, frame->symbol, symbol_len);
		len += symbol_len;
	} else if (frame->module) {
		len += sprintf(ids->buf + len, "+%llx", frame->offset);
	}
	return name_table__intern(&ids->names, ids->buf, len);
}

int stack_path__fill(struct stack_path *path, const struct stack_row *row, struct frame_ids *ids,
		     __u32 shown)
{
	path->nr = 0;
	for (__u32 i = 0; i < row->nr_frames && path->nr < PATH_MAX_FRAMES; i++) {
		const struct frame_row *frame = row->frames + i;
		__u32 id;

		if (!stack_row__shows(row, i, shown))
			continue;
		id = frame_id(ids, frame);
		if (!id)
			return -ENOMEM;
		if (shown != EVERY_FRAME && path->nr && path->ids[path->nr - 1] == id)
			continue;
		path->frames[path->nr] = i;
		path->ids[path->nr++] = id;
	}
	return 0;
}

void frame_ids__fini(struct frame_ids *ids)
{
	name_table__fini(&ids->names);
	free(ids->buf);
	memset(ids, 0, sizeof(*ids));
}
