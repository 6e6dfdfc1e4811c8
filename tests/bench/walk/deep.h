/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef RSSTRACE_BENCH_DEEP_H
#define RSSTRACE_BENCH_DEEP_H

#define FAULTS 16384 /* of an order */

enum walk_turn { TURN_NOBODY, TURN_NOTHING, TURN_TABLES, TURN_GET_STACK, NR_TURNS };

#endif
