// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <string.h>
#include "model/teller.h"

void teller__take(struct teller *teller, const struct rec *rec)
{
	if (!teller->code)
		teller->code = teller->sink->take(teller->sink->ctx, rec, teller->err);
}

void teller__close(struct teller *teller)
{
	__u32 size = (teller->len + 7) / 8 * 8;

	if (!teller->len)
		return;
	memset(teller->rec.bytes + teller->len, 0, size - teller->len);
	teller->rec.state.h.size = size;
	teller__take(teller, &teller->rec.state.h);
	teller->nr_states++;
	teller->len = 0;
}

void teller__open(struct teller *teller, __u16 sort, __u32 of)
{
	teller__close(teller);
	teller->rec.state = (struct rec_state){
		.h = { .type = REC_STATE, .ts = teller->ts },
		.sort = sort,
		.of = of,
	};
	teller->len = sizeof(struct rec_state);
}

bool teller__is_open(const struct teller *teller, __u16 sort, __u32 of, size_t room)
{
	const struct rec_state *state = &teller->rec.state;

	return teller->len && state->sort == sort && state->of == of &&
	       teller->len + room <= RSST_REC_MAX;
}

void teller__put(struct teller *teller, const void *bytes, size_t len)
{
	memcpy(teller->rec.bytes + teller->len, bytes, len);
	teller->len += len;
}

void teller__put_item(struct teller *teller, __u16 sort, __u32 of, const void *item, size_t len)
{
	if (!teller__is_open(teller, sort, of, len))
		teller__open(teller, sort, of);
	teller__put(teller, item, len);
	teller->rec.state.nr++;
}

void teller__put_path(struct teller *teller, const char *path)
{
	teller__put(teller, path, strnlen(path, RSST_REC_MAX - teller->len - 1));
	teller__put(teller, "", 1);
}
