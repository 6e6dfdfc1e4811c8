// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "live/proc_maps.h"
#include "live/ring_mirror.h"

/*
 * As ring_buffer__add() of libbpf maps it, behind the consumer's page: the producer's page, the
 * ring, the ring. It has no call that tells where.
 */
static bool is_ring(const struct proc_map *map, size_t page, size_t ring_bytes)
{
	return map->shared && map->prot == 1 && map->pgoff == page &&
	       map->end - map->start == page + 2 * ring_bytes && strstr(map->name, "bpf-map");
}

size_t ring_mirror__drop(size_t ring_bytes, size_t record_bytes)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), dropped = 0, kept;
	struct proc_maps maps;

	/* the head of a record may be the last thing in the ring */
	kept = page + ring_bytes + (record_bytes + page - 1) / page * page;
	if (kept >= page + 2 * ring_bytes || proc_maps__read(&maps, getpid(), false, NULL))
		return 0;
	for (size_t i = 0; i < maps.nr; i++) {
		char *at = (char *)maps.maps[i].start;
		size_t bytes = page + 2 * ring_bytes - kept;

		if (is_ring(&maps.maps[i], page, ring_bytes) &&
		    mmap(at + kept, bytes, PROT_NONE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1,
			 0) != MAP_FAILED)
			dropped += bytes;
	}
	proc_maps__free(&maps);
	return dropped;
}
