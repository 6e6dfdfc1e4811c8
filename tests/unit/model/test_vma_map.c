// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The region map by itself, and as the VM calls drive it. */
#include <errno.h>
#include "model/story.h"
#include "model/vma_map.h"

static struct vma anon(__u64 start, __u64 end)
{
	return (struct vma){ .start = start, .end = end, .prot = 3, .kind = KIND_ANON };
}

static void expect(const struct vma_map *map, __u32 i, __u64 start, __u64 end)
{
	assert_true(i < map->nr);
	assert_int_equal(map->entries[i].vma.start, start);
	assert_int_equal(map->entries[i].vma.end, end);
}

static void remove_splits_what_stands_out(void **state)
{
	struct vma_map map = { 0 };
	struct vma vma = {
		.start = 0x10000, .end = 0x20000, .pgoff = 0x5000, .object = 7, .kind = KIND_FILE
	};

	(void)state;
	assert_int_equal(vma_map__insert(&map, &vma, 1), 0);
	assert_int_equal(vma_map__remove(&map, 0x12000, 0x14000, ~0ULL), 0);
	assert_int_equal(map.nr, 2);
	expect(&map, 0, 0x10000, 0x12000);
	expect(&map, 1, 0x14000, 0x20000);
	assert_int_equal(map.entries[0].vma.pgoff, 0x5000);
	assert_int_equal(map.entries[1].vma.pgoff, 0x9000);
	assert_null(vma_map__find(&map, 0x13fff));
	assert_non_null(vma_map__find(&map, 0x14000));
	vma_map__fini(&map);
}

static void insert_replaces_what_it_covers(void **state)
{
	struct vma_map map = { 0 };
	struct vma low = anon(0x1000, 0x3000), high = anon(0x4000, 0x6000),
		   mid = anon(0x2000, 0x5000);

	(void)state;
	assert_int_equal(vma_map__insert(&map, &low, 1), 0);
	assert_int_equal(vma_map__insert(&map, &high, 1), 0);
	assert_int_equal(vma_map__insert(&map, &mid, 2), 0);
	assert_int_equal(map.nr, 3);
	expect(&map, 0, 0x1000, 0x2000);
	expect(&map, 1, 0x2000, 0x5000);
	expect(&map, 2, 0x5000, 0x6000);
	mid.end = mid.start;
	assert_int_equal(vma_map__insert(&map, &mid, 2), -EINVAL);
	mid.end = mid.start + 5;
	assert_int_equal(vma_map__insert(&map, &mid, 2), -EINVAL);
	vma_map__fini(&map);
}

static void merge_joins_compatible_neighbours(void **state)
{
	struct vma_map map = { 0 };
	struct vma a = anon(0x1000, 0x2000), b = anon(0x2000, 0x3000), c = anon(0x3000, 0x4000);
	struct vma f = {
		.start = 0x4000, .end = 0x5000, .pgoff = 0, .object = 3, .kind = KIND_FILE
	};
	struct vma g = f, h = f;

	(void)state;
	c.prot = 1;
	g.start = 0x5000, g.end = 0x6000, g.pgoff = 0x1000; /* contiguous in the file */
	h.start = 0x6000, h.end = 0x7000, h.pgoff = 0x9000; /* not */
	vma_map__insert(&map, &a, 1);
	vma_map__insert(&map, &b, 5);
	vma_map__insert(&map, &c, 1);
	vma_map__insert(&map, &f, 1);
	vma_map__insert(&map, &g, 1);
	vma_map__insert(&map, &h, 1);
	vma_map__merge(&map, 5); /* b is too young: a call entered before it may still report */
	assert_int_equal(map.nr, 5);
	vma_map__merge(&map, 6);
	assert_int_equal(map.nr, 4);
	expect(&map, 0, 0x1000, 0x3000);
	expect(&map, 1, 0x3000, 0x4000);
	expect(&map, 2, 0x4000, 0x6000);
	expect(&map, 3, 0x6000, 0x7000);
	vma_map__fini(&map);
}

static void remove_spares_what_took_the_place(void **state)
{
	struct vma_map map = { 0 };
	struct vma a = anon(0x1000, 0x2000), b = anon(0x2000, 0x3000);

	(void)state;
	vma_map__insert(&map, &a, 3);
	vma_map__insert(&map, &b, 9);
	assert_int_equal(vma_map__remove(&map, 0x1000, 0x3000, 5), 0);
	assert_int_equal(map.nr, 1);
	expect(&map, 0, 0x2000, 0x3000);
	vma_map__fini(&map);
}

static void protect_splits(void **state)
{
	struct vma_map map = { 0 };
	struct vma a = anon(0x1000, 0x9000);

	(void)state;
	vma_map__insert(&map, &a, 1);
	assert_int_equal(vma_map__protect(&map, 0x3000, 0x5000, 1), 0);
	assert_int_equal(map.nr, 3);
	expect(&map, 1, 0x3000, 0x5000);
	assert_int_equal(map.entries[1].vma.prot, 1);
	assert_int_equal(map.entries[2].vma.prot, 3);
	assert_int_equal(vma_map__protect(&map, 0x3000, 0x5000, 3), 0);
	vma_map__merge(&map, ~0ULL);
	assert_int_equal(map.nr, 1);
	vma_map__fini(&map);
}

/* mprotect(addr, 0, prot) is no error, mm/mprotect.c; nothing is empty afterwards. */
static void an_empty_range_changes_nothing(void **state)
{
	struct vma_map map = { 0 };
	struct vma vma = anon(0x1000, 0x5000);

	(void)state;
	assert_int_equal(vma_map__insert(&map, &vma, 1), 0);
	assert_int_equal(vma_map__protect(&map, 0x3000, 0x3000, 1), 0);
	assert_int_equal(vma_map__remove(&map, 0x3000, 0x3000, ~0ULL), 0);
	assert_int_equal(vma_map__remove(&map, 0x4000, 0x2000, ~0ULL), 0);
	assert_int_equal(map.nr, 1);
	expect(&map, 0, 0x1000, 0x5000);
	vma_map__fini(&map);
}

/* Any sequence of inserts, removes and protects must leave what an array of pages says. */
static void agrees_with_an_array(void **state)
{
	enum { NR = 64 };
	__u8 prot[NR] = { 0 }; /* 0: unmapped */
	struct vma_map map = { 0 };
	__u32 random = 12345;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		__u64 a, b;
		__u8 p;

		random = random * 1664525 + 1013904223;
		a = random >> 8 & 63, b = a + 1 + (random >> 14 & 15), p = 1 + (random >> 20 & 1);
		b = b > NR ? NR : b;
		switch (random >> 28 & 3) {
		case 0: {
			struct vma vma = anon(a << 12, b << 12);

			vma.prot = p;
			assert_int_equal(vma_map__insert(&map, &vma, 1), 0);
			memset(prot + a, p, b - a);
			break;
		}
		case 1:
			assert_int_equal(vma_map__remove(&map, a << 12, b << 12, ~0ULL), 0);
			memset(prot + a, 0, b - a);
			break;
		case 2:
			assert_int_equal(vma_map__protect(&map, a << 12, b << 12, p), 0);
			for (__u64 i = a; i < b; i++)
				prot[i] = prot[i] ? p : 0;
			break;
		default:
			vma_map__merge(&map, ~0ULL);
		}
		for (__u64 i = 0; i < NR; i++) {
			const struct vma *vma = vma_map__find(&map, i << 12);

			assert_int_equal(vma ? vma->prot : 0, prot[i]);
		}
	}
	vma_map__fini(&map);
}

static void brk_grows_and_shrinks_the_heap(void **state)
{
	struct story s = story__new();
	struct story_call call = story__enter(&s, PID, VM_OP_BRK, CAUSE_BRK, 0, 0, 0, 0);
	const struct vma *heap;

	(void)state;
	story__return(&s, &call, 0x5000100); /* the first break seen: the start, rounded up */
	assert_null(session__vma(s.session, SPACE, 0x5001000));
	call = story__enter(&s, PID, VM_OP_BRK, CAUSE_BRK, 0x5010100, 0, 0, 0);
	story__return(&s, &call, 0x5010100);
	heap = session__vma(s.session, SPACE, 0x5001000);
	assert_non_null(heap);
	assert_int_equal(heap->kind, KIND_HEAP);
	assert_int_equal(heap->end, 0x5011000);
	assert_string_equal(session__name(s.session, heap->name), "[heap]");
	call = story__enter(&s, PID, VM_OP_BRK, CAUSE_BRK, 0x5008000, 0, 0, 0);
	story__return(&s, &call, 0x5008000);
	heap = session__vma(s.session, SPACE, 0x5001000);
	assert_non_null(heap);
	assert_int_equal(heap->end, 0x5008000);
	story__free(&s);
}

static void munmap_spares_a_mapping_that_reused_the_range(void **state)
{
	struct story s = story__new();
	struct story_call unmap, map;

	(void)state;
	story__mmap(&s, BASE, 4 * PAGE);
	unmap = story__munmap(&s, 7, BASE, 4 * PAGE);
	map = story__enter(&s, 8, VM_OP_MMAP, CAUSE_MMAP_FIXED, 0, 4 * PAGE, 1, 0x22);
	story__area(&s, &map, BASE, 4 * PAGE);
	story__return(&s, &map, BASE); /* overtakes the munmap's return */
	story__return(&s, &unmap, 0);
	assert_non_null(session__vma(s.session, SPACE, BASE));
	assert_int_equal(session__vma(s.session, SPACE, BASE)->prot, 1);
	unmap = story__munmap(&s, 7, BASE, 4 * PAGE);
	story__return(&s, &unmap, 0);
	assert_null(session__vma(s.session, SPACE, BASE));
	story__free(&s);
}

static void calls_that_fail_change_nothing(void **state)
{
	struct story s = story__new();
	struct story_call call;

	(void)state;
	story__mmap(&s, BASE, 4 * PAGE);
	call = story__munmap(&s, PID, BASE, 4 * PAGE);
	story__return(&s, &call, -EINVAL);
	call = story__enter(&s, PID, VM_OP_MPROTECT, CAUSE_OTHER, BASE, 4 * PAGE, 0, 0);
	story__return(&s, &call, -EACCES);
	call = story__enter(&s, PID, VM_OP_MMAP, CAUSE_OTHER, 0, 4 * PAGE, 1, 0x32);
	story__return(&s, &call, -ENOMEM);
	assert_non_null(session__vma(s.session, SPACE, BASE));
	assert_int_equal(session__vma(s.session, SPACE, BASE)->prot, 3);
	story__free(&s);
}

/* mprotect_fixup() has been at every mapping before the hole when do_mprotect_pkey() finds it, mm/mprotect.c */
static void mprotect_fails_at_a_hole(void **state)
{
	struct story s = story__new();
	struct story_call call;

	(void)state;
	story__mmap(&s, BASE, 4 * PAGE);
	story__mmap(&s, BASE + 5 * PAGE, PAGE);
	call = story__enter(&s, PID, VM_OP_MPROTECT, CAUSE_OTHER, BASE + PAGE, 5 * PAGE, 0, 0);
	story__return(&s, &call, -ENOMEM);
	assert_int_equal(session__vma(s.session, SPACE, BASE)->prot, 3);
	assert_int_equal(session__vma(s.session, SPACE, BASE + PAGE)->prot, 0);
	assert_int_equal(session__vma(s.session, SPACE, BASE + 5 * PAGE)->prot, 3);
	story__free(&s);
}

static void maps_lines_become_regions(void **state)
{
	static const struct {
		const char *name;
		__u64 ino;
		__u8 backing, kind;
	} lines[] = {
		{ "[heap]", 0, BACKING_ANON, KIND_HEAP },
		{ "[stack]", 0, BACKING_ANON, KIND_STACK },
		{ "[vdso]", 0, BACKING_UNKNOWN, KIND_SPECIAL },
		{ "[anon:arena]", 0, BACKING_ANON, KIND_ANON },
		{ "", 0, BACKING_ANON, KIND_ANON },
		{ "/bin/prog", 5, BACKING_FILE, KIND_FILE },
		{ "/memfd:x (deleted)", 6, BACKING_SHMEM, KIND_SHMEM },
		{ "/anon_hugepage (deleted)", 7, BACKING_HUGETLB, KIND_HUGETLB },
		{ "[anon_shmem:y]", 8, BACKING_SHMEM, KIND_SHMEM },
	};
	struct story s = story__new();

	(void)state;
	for (unsigned int i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		struct rec_map map = RECORD(map, MAP, .space = SPACE, .start = BASE + i * 2 * PAGE,
					    .end = BASE + i * 2 * PAGE + PAGE, .ino = lines[i].ino,
					    .dev = 1, .backing = lines[i].backing, .prot = 3);
		const struct vma *vma;

		story__feed(&s, record_map(&map, lines[i].name));
		vma = session__vma(s.session, SPACE, BASE + i * 2 * PAGE);
		assert_non_null(vma);
		assert_int_equal(vma->kind, lines[i].kind);
		assert_int_equal(vma->stack, OWNER_BEFORE);
		if (lines[i].ino)
			assert_string_equal(session__object(s.session, vma->object)->path,
					    lines[i].name);
		else
			assert_string_equal(session__name(s.session, vma->name), lines[i].name);
	}
	assert_true(session__object(s.session, 2)->flags & OBJECT_DELETED);
	assert_false(session__object(s.session, 1)->flags & OBJECT_DELETED);
	story__free(&s);
}

static void reset_forgets_the_map(void **state)
{
	struct story s = story__new();
	struct rec_map map = RECORD(map, MAP, .space = SPACE, .flags = MAP_SNAPSHOT_RESET);

	(void)state;
	story__mmap(&s, BASE, 4 * PAGE);
	story__feed(&s, record_map(&map, ""));
	assert_null(session__vma(s.session, SPACE, BASE));
	story__free(&s);
}

static void object_flag_turns_files_to_shmem(void **state)
{
	struct story s = story__new();
	struct story_call call = story__enter(&s, PID, VM_OP_MMAP, CAUSE_OTHER, 0, 4 * PAGE, 3, 1);
	__u32 cursor = 0, object = 0;

	(void)state;
	story__return_backed(&s, &call, BASE, BACKING_FILE, 77, 0);
	assert_int_equal(session__vma(s.session, SPACE, BASE)->kind, KIND_FILE);
	assert_true(session__next_unnamed(s.session, &cursor, &object));
	assert_int_equal(session__object(s.session, object)->ino, 77);
	assert_false(session__next_unnamed(s.session, &cursor, &object));
	story__feed(&s, record_object(8 << 20, 77, OBJECT_SHMEM, "/dev/shm/x"));
	assert_int_equal(session__vma(s.session, SPACE, BASE)->kind, KIND_SHMEM);
	cursor = 0;
	assert_false(session__next_unnamed(s.session, &cursor, &object));
	story__free(&s);
}

static void a_fault_below_the_stack_grows_it(void **state)
{
	struct story s = story__new();
	struct rec_map map = RECORD(map, MAP, .space = SPACE, .start = BASE + (64 << 20),
				    .end = BASE + (65 << 20), .backing = BACKING_ANON, .prot = 3);

	(void)state;
	story__feed(&s, record_map(&map, "[stack]"));
	story__fault(&s, BASE + (64 << 20) - 5 * PAGE, 1, RSST_ANON, 1);
	assert_int_equal(session__vma(s.session, SPACE, BASE + (64 << 20))->start,
			 BASE + (64 << 20) - 5 * PAGE);
	story__fault(&s, BASE, 1, RSST_ANON, 1); /* 64 MiB below: not the stack */
	assert_null(session__vma(s.session, SPACE, BASE));
	story__free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(remove_splits_what_stands_out),
		cmocka_unit_test(insert_replaces_what_it_covers),
		cmocka_unit_test(merge_joins_compatible_neighbours),
		cmocka_unit_test(remove_spares_what_took_the_place),
		cmocka_unit_test(protect_splits),
		cmocka_unit_test(an_empty_range_changes_nothing),
		cmocka_unit_test(agrees_with_an_array),
		cmocka_unit_test(brk_grows_and_shrinks_the_heap),
		cmocka_unit_test(munmap_spares_a_mapping_that_reused_the_range),
		cmocka_unit_test(calls_that_fail_change_nothing),
		cmocka_unit_test(mprotect_fails_at_a_hole),
		cmocka_unit_test(maps_lines_become_regions),
		cmocka_unit_test(reset_forgets_the_map),
		cmocka_unit_test(object_flag_turns_files_to_shmem),
		cmocka_unit_test(a_fault_below_the_stack_grows_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
