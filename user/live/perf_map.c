// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/regular_file.h"
#include "live/perf_map.h"
#include "live/proc_file.h"

#define MAX_OVERLAPS 8 /* symbols one may lie in front of that is still found */

/* --- parsing ---------------------------------------------------------------------------------- */

/* One line, NUL instead of its end. false: it makes no sense. */
static bool parse_line(char *line, struct perf_symbol *symbol)
{
	char *end;
	__u64 size;

	symbol->start = strtoull(line, &end, 16);
	if (end == line || *end != ' ')
		return false;
	line = end + 1;
	size = strtoull(line, &end, 16);
	if (end == line || *end != ' ' || !end[1])
		return false;
	symbol->end = symbol->start + size;
	symbol->name = end + 1;
	return symbol->end > symbol->start;
}

static int compare(const void *left, const void *right)
{
	const struct perf_symbol *a = left, *b = right;

	if (a->start != b->start)
		return a->start < b->start ? -1 : 1;
	return (a->line > b->line) - (a->line < b->line);
}

static size_t count_lines(const char *text, size_t len)
{
	size_t nr = 0;

	for (size_t i = 0; i < len; i++)
		nr += text[i] == '\n';
	return nr;
}

int perf_map__parse(struct perf_map *map, char *text, size_t len)
{
	size_t nr = count_lines(text, len);
	char *at = text, *end;
	__u32 line = 0;

	perf_map__fini(map);
	map->symbols = calloc(nr + 1, sizeof(*map->symbols));
	if (!map->symbols) {
		free(text);
		return -ENOMEM;
	}
	map->text = text;
	/* the last line may be half written */
	for (; (end = memchr(at, '\n', len - (size_t)(at - text))); at = end + 1, line++) {
		*end = '\0';
		map->symbols[map->nr].line = line;
		map->nr += parse_line(at, &map->symbols[map->nr]);
	}
	qsort(map->symbols, map->nr, sizeof(*map->symbols), compare);
	return 0;
}

const struct perf_symbol *perf_map__find(const struct perf_map *map, __u64 addr)
{
	size_t low = 0, high = map->nr;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (map->symbols[mid].start <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	for (int i = 0; low > 0 && i < MAX_OVERLAPS; i++) {
		if (map->symbols[--low].end > addr)
			return &map->symbols[low];
	}
	return NULL;
}

void perf_map__fini(struct perf_map *map)
{
	free(map->symbols);
	free(map->text);
	map->symbols = NULL;
	map->text = NULL;
	map->nr = 0;
}

/* --- reading ---------------------------------------------------------------------------------- */

/* What the process is numbered in its own PID namespace. */
static pid_t inner_pid(pid_t pid)
{
	char *text, *at;
	size_t len;
	long inner = pid;

	if (proc_file__read(pid, "status", &text, &len, NULL))
		return pid;
	at = strstr(text, "\nNSpid:");
	for (at = at ? at + 7 : NULL; at && (*at == '\t' || *at == ' ');)
		inner = strtol(at, &at, 10);
	free(text);
	return (pid_t)inner;
}

static bool read_grown(struct perf_map *map, int fd, uid_t uid)
{
	struct stat st;
	char *text;
	size_t len;

	if (fstat(fd, &st) || st.st_size > PERF_MAP_MAX_BYTES || (st.st_uid && st.st_uid != uid) ||
	    st.st_size == map->size_bytes)
		return false;
	map->size_bytes = st.st_size;
	return !proc_file__slurp(fd, &text, &len) && !perf_map__parse(map, text, len);
}

bool perf_map__update(struct perf_map *map, pid_t pid, uid_t uid, bool alive)
{
	char path[96];
	bool grown;
	int fd;

	if (alive)
		snprintf(path, sizeof(path), "/proc/%d/root/tmp/perf-%d.map", pid, inner_pid(pid));
	else
		snprintf(path, sizeof(path), "/tmp/perf-%d.map", pid);
	fd = regular_file__open(path, O_NOFOLLOW);
	if (fd < 0)
		return false;
	grown = read_grown(map, fd, uid);
	close(fd);
	return grown;
}
