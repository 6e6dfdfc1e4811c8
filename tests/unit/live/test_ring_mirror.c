// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A memfd with the name and the mapping of a BPF ring buffer stands in for one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>
#include "live/proc_maps.h"
#include "live/ring_mirror.h"

#define RING_BYTES (1UL << 20)
#define RECORD_BYTES 8192UL

static size_t page;

/* The producer's page and the ring twice, each page with its number in front. */
static char *map_ring(const char *name, int prot)
{
	size_t bytes = page + 2 * RING_BYTES;
	int fd = memfd_create(name, 0);
	char *at;

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)(page + bytes)), 0);
	for (__u64 i = 0; i < bytes / page; i++)
		assert_int_equal(pwrite(fd, &i, sizeof(i), (off_t)(page * (i + 1))), sizeof(i));
	at = mmap(NULL, bytes, prot, MAP_SHARED, fd, (off_t)page);
	assert_ptr_not_equal(at, MAP_FAILED);
	close(fd);
	return at;
}

/* Bytes of [@at, @at + the whole) that can be read. */
static size_t readable_bytes(const char *at)
{
	__u64 start = (__u64)at, end = start + page + 2 * RING_BYTES, told = 0, taken = 0;
	struct proc_maps maps;

	assert_int_equal(proc_maps__read(&maps, getpid(), false, NULL), 0);
	for (size_t i = 0; i < maps.nr; i++) {
		const struct proc_map *map = &maps.maps[i];

		if (map->start >= end || map->end <= start)
			continue;
		taken += (map->end < end ? map->end : end) -
			 (map->start > start ? map->start : start);
		if (map->prot & 1)
			told += map->end - map->start;
	}
	proc_maps__free(&maps);
	assert_int_equal(taken, end - start); /* nobody else can be given these addresses */
	return told;
}

static void what_a_record_can_reach_stays(void **state)
{
	char *at = map_ring("bpf-map", PROT_READ);
	size_t kept = page + RING_BYTES + RECORD_BYTES;

	(void)state;
	assert_int_equal(ring_mirror__drop(RING_BYTES, RECORD_BYTES), page + 2 * RING_BYTES - kept);
	assert_int_equal(readable_bytes(at), kept);
	for (size_t i = 0; i < kept / page; i++)
		assert_int_equal(*(__u64 *)(at + i * page), i);
	assert_int_equal(ring_mirror__drop(RING_BYTES, RECORD_BYTES), 0);
	assert_int_equal(munmap(at, page + 2 * RING_BYTES), 0);
}

static void other_mappings_are_left_alone(void **state)
{
	char *written = map_ring("bpf-map", PROT_READ | PROT_WRITE);
	char *named = map_ring("another", PROT_READ);
	char *ring = map_ring("bpf-map", PROT_READ);

	(void)state;
	assert_int_equal(ring_mirror__drop(2 * RING_BYTES, RECORD_BYTES), 0);
	assert_int_equal(ring_mirror__drop(RING_BYTES, RING_BYTES), 0); /* all of it can be read */
	assert_int_equal(readable_bytes(ring), page + 2 * RING_BYTES);
	assert_true(ring_mirror__drop(RING_BYTES, RECORD_BYTES));
	assert_int_equal(readable_bytes(written), page + 2 * RING_BYTES);
	assert_int_equal(readable_bytes(named), page + 2 * RING_BYTES);
	munmap(written, page + 2 * RING_BYTES);
	munmap(named, page + 2 * RING_BYTES);
	munmap(ring, page + 2 * RING_BYTES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_record_can_reach_stays),
		cmocka_unit_test(other_mappings_are_left_alone),
	};

	page = (size_t)sysconf(_SC_PAGESIZE);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
