// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "view/breakdown.h"

#define KIB 1024ULL
#define MAP(from, what, called, resident, anonymous_bytes)                                         \
	{                                                                                          \
		.start = (from), .end = (from) + 100 * KIB, .backing = (what), .name = (called),   \
		.prot = 3, .rss = (resident)*KIB, .pss = (resident)*KIB,                           \
		.anonymous = (anonymous_bytes)*KIB, .swap = KIB                                    \
	}

static struct proc_map table[] = {
	MAP(0x100000, BACKING_FILE, "/bin/x", 40, 4),
	MAP(0x200000, BACKING_ANON, "[heap]", 90, 90),
	MAP(0x300000, BACKING_ANON, "[anon:arena]", 10, 10),
	MAP(0x400000, BACKING_ANON, "[anon:arena]", 20, 20),
	MAP(0x500000, BACKING_ANON, "[anon:cache]", 25, 25),
	MAP(0x600000, BACKING_SHMEM, "/memfd:x (deleted)", 50, 0),
	MAP(0x700000, BACKING_ANON, "", 20, 20),
	MAP(0x800000, BACKING_SHMEM, "[anon_shmem:bus]", 5, 0),
	MAP(0x900000, BACKING_ANON, "[stack]", 12, 12),
	MAP(0xa00000, BACKING_SPECIAL, "[vdso]", 4, 0),
	MAP(0xb00000, BACKING_HUGETLB, "/anon_hugepage (deleted)", 0, 0),
};

static struct breakdown *make(__u64 hiwater)
{
	struct proc_maps maps = { .nr = sizeof(table) / sizeof(table[0]), .maps = table };
	struct proc_status status = { .hiwater = hiwater };
	struct breakdown *breakdown = breakdown__new(&maps, &status);

	assert_non_null(breakdown);
	return breakdown;
}

static void test_rss(void **state)
{
	struct breakdown *breakdown = make(1000 * KIB);

	(void)state;
	assert_int_equal(breakdown->rss.anon, 181 * KIB);
	assert_int_equal(breakdown->rss.file, 40 * KIB);
	assert_int_equal(breakdown->rss.shmem, 55 * KIB);
	assert_int_equal(breakdown->rss.total, 276 * KIB);
	assert_int_equal(breakdown->rss.swap, 11 * KIB);
	assert_int_equal(breakdown->peak_total, 1000 * KIB);
	breakdown__free(breakdown);
	breakdown = make(0); /* a peak below what is resident now is an old one */
	assert_int_equal(breakdown->peak_total, 276 * KIB);
	breakdown__free(breakdown);
}

static void test_kinds(void **state)
{
	static const struct {
		enum region_kind kind;
		unsigned int nr, rss;
	} wanted[] = {
		{ KIND_HEAP, 1, 90 },	{ KIND_STACK, 1, 12 }, { KIND_ANON, 4, 75 },
		{ KIND_FILE, 1, 40 },	{ KIND_SHMEM, 2, 55 }, { KIND_HUGETLB, 1, 0 },
		{ KIND_SPECIAL, 1, 4 },
	};
	struct breakdown *breakdown = make(0);

	(void)state;
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		assert_int_equal(breakdown->kinds[wanted[i].kind].nr, wanted[i].nr);
		assert_int_equal(breakdown->kinds[wanted[i].kind].rss, wanted[i].rss * KIB);
	}
	breakdown__free(breakdown);
}

static void test_names(void **state)
{
	struct breakdown *breakdown = make(0);

	(void)state;
	assert_int_equal(breakdown->nr_names, 3);
	assert_string_equal(breakdown->names[0].name, "[anon:arena]");
	assert_int_equal(breakdown->names[0].usage.nr, 2);
	assert_int_equal(breakdown->names[0].usage.rss, 30 * KIB);
	assert_int_equal(breakdown->names[0].usage.size, 200 * KIB);
	assert_string_equal(breakdown->names[1].name, "[anon:cache]");
	assert_string_equal(breakdown->names[2].name, "[anon_shmem:bus]");
	breakdown__free(breakdown);
}

static void test_regions_are_sorted(void **state)
{
	struct breakdown *breakdown = make(0);

	(void)state;
	assert_string_equal(breakdown->regions[0].map->name, "[heap]");
	assert_string_equal(breakdown->regions[0].perms, "rw-p");
	for (__u32 i = 1; i < breakdown->nr_regions; i++) {
		const struct breakdown_region *a = &breakdown->regions[i - 1],
					      *b = &breakdown->regions[i];

		assert_true(a->usage.rss > b->usage.rss ||
			    (a->usage.rss == b->usage.rss && a->map->start < b->map->start));
	}
	breakdown__free(breakdown);
}

static void test_unknown_stays_unknown(void **state)
{
	struct breakdown *breakdown;
	__u64 swap = table[3].swap;

	(void)state;
	table[3].swap = UINT64_MAX;
	breakdown = make(0);
	assert_int_equal(breakdown->rss.swap, -1);
	assert_int_equal(breakdown->names[0].usage.swap, -1);
	assert_int_equal(breakdown->kinds[KIND_HEAP].swap, KIB);
	breakdown__free(breakdown);
	table[3].swap = swap;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rss),
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_regions_are_sorted),
		cmocka_unit_test(test_unknown_stays_unknown),
	};

	return cmocka_run_group_tests_name("breakdown", tests, NULL, NULL);
}
