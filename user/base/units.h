/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Sizes, durations and instants as people write and read them. */
#ifndef RSSTRACE_BASE_UNITS_H
#define RSSTRACE_BASE_UNITS_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

#define NSEC_PER_SEC 1000000000ULL
#define UNITS_LEN 32 /* longest string any format function here writes, NUL included */

/*
 * units__bytes() - "0 B", "512 B", "4.00 KiB", "12.4 MiB", "912 MiB", "1.82 GiB": three significant digits, IEC.
 * units__bytes_signed() - the same with "+" or "-" in front; 0 is "0 B".
 * Both write to @buf (at least UNITS_LEN) and return it.
 */
char *units__bytes(char *buf, __u64 bytes);
char *units__bytes_signed(char *buf, __s64 bytes);

/* units__duration() - "850 ms", "1.5 s", "12 s", "3 min 20 s", "1 h 30 min", "4 d 4 h"; truncated as a clock is. */
char *units__duration(char *buf, __u64 ns);

/* units__clock() - local wall-clock time "14:03:10" of @wall_ns (ns since the epoch). */
char *units__clock(char *buf, __u64 wall_ns);

/* units__iso8601() - "2026-11-20T14:03:10.123456789Z" (UTC) of @wall_ns. */
char *units__iso8601(char *buf, __u64 wall_ns);

/*
 * units__parse_duration() - "500ms", "1s", "90s", "1h30m", "2d", "250us", "17ns"; a bare number is seconds ("1.5").
 * 0 and *@ns, or -EINVAL (not a duration, negative, overflow).
 */
int units__parse_duration(const char *text, __u64 *ns);

/* units__parse_bytes() - "64", "64K", "64KiB", "1.5GiB" (powers of 1024). 0 and *@bytes, or -EINVAL. */
int units__parse_bytes(const char *text, __u64 *bytes);

/* units__parse_iso8601() - "2026-11-20T14:03:10[.frac][Z|+hh:mm]"; no zone is local time. 0 and *@wall_ns, or -EINVAL. */
int units__parse_iso8601(const char *text, __u64 *wall_ns);

#endif
