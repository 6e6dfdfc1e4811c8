/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef RSSTRACE_REPORT_JSON_TREND_H
#define RSSTRACE_REPORT_JSON_TREND_H

#include <json-c/json.h>
#include "view/trend.h"

/*
 * {"kind", "of", "suspected_leak", "points", "from_ns", "to_ns", ...}: the figures of the counter
 * that moved most, then kind and slope of each counter. Bytes, and bytes an hour as integers; what a kind
 * has no figure for is null. NULL on ENOMEM.
 */
struct json_object *json_trend(const struct trend *trend);

#endif
