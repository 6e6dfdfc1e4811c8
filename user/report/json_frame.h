/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef RSSTRACE_REPORT_JSON_FRAME_H
#define RSSTRACE_REPORT_JSON_FRAME_H

#include <json-c/json.h>
#include "view/query.h"

/* {"symbol","module","offset","file","line","inlined"}, as in the contract. */
struct json_object *json_frame(const struct frame_row *row);

#endif
