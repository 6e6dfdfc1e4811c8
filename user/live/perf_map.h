/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * /tmp/perf-PID.map: where a JIT compiler says what the code it made is called, a line
 * "START SIZE NAME" each, hexadecimal, the file growing as it goes on. Written by the target: not
 * to be trusted.
 */
#ifndef RSSTRACE_LIVE_PERF_MAP_H
#define RSSTRACE_LIVE_PERF_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <linux/types.h>

#define PERF_MAP_MAX_BYTES (64 << 20)

struct perf_symbol {
	__u64 start, end; /* end > start */
	const char *name; /* not empty; in the map's text */
	__u32 line;	  /* of the file: of two for the same address the later holds */
};

struct perf_map {
	__s64 size_bytes; /* of the file when it was read */
	char *text;
	struct perf_symbol *symbols; /* by start, then by line */
	size_t nr;
};

/*
 * perf_map__update() - read process @pid's map if it has grown since; in the process's own /tmp and
 * by its own number there or, once it is over, in ours. true: it was read. No file, one that is
 * neither @uid's nor root's, one above PERF_MAP_MAX_BYTES: no names.
 */
bool perf_map__update(struct perf_map *map, pid_t pid, uid_t uid, bool alive);

/* The same for @text, @len bytes and a NUL, from malloc, which the map takes over. 0 or -ENOMEM:
 * then the map is empty. */
int perf_map__parse(struct perf_map *map, char *text, size_t len);

/* Code at @addr, or NULL. O(log symbols). Valid until the next update. */
const struct perf_symbol *perf_map__find(const struct perf_map *map, __u64 addr);
void perf_map__fini(struct perf_map *map);

#endif
