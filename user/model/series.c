// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "model/series.h"

static int make_room(struct series *series)
{
	__u32 cap = series->cap ? series->cap * 2 : 64;
	struct series_point *points;

	if (series->nr < series->cap)
		return 0;
	points = realloc(series->points, cap * sizeof(*points));
	if (!points)
		return -ENOMEM;
	series->points = points;
	series->cap = cap;
	return 0;
}

static void thin_out(struct series *series)
{
	for (__u32 i = 1; i < series->nr / 2; i++)
		series->points[i] = series->points[2 * i];
	series->nr /= 2;
	series->stride *= 2;
}

int series__add(struct series *series, const struct series_point *point, __u32 max)
{
	int ret;

	if (series->skip) {
		series->skip--;
		return 0;
	}
	if (series->nr == max)
		thin_out(series);
	ret = make_room(series);
	if (ret)
		return ret;
	series->stride += !series->stride;
	series->points[series->nr++] = *point;
	series->skip = series->stride - 1;
	return 0;
}

void series__fini(struct series *series)
{
	free(series->points);
	memset(series, 0, sizeof(*series));
}
