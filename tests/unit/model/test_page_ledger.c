// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The ledger: counts, copy-on-write between snapshots, and a long random story against a plain
 * array. */
#include <stdlib.h>
#include "model/story.h"

static void counts_follow_set_and_clear(void **state)
{
	struct page_ledger ledger = { 0 };
	struct ledger_table *table = page_ledger__writable(&ledger, 5);

	(void)state;
	assert_non_null(table);
	assert_true(ledger_table__empty(table));
	ledger_table__set(table, 0, RSST_ANON, 9, 1);
	ledger_table__set(table, 511, RSST_FILE, 9, 1);
	assert_int_equal(table->counts[RSST_ANON], 1);
	assert_int_equal(page_ledger__count(&ledger, 5 * TABLE, 6 * TABLE), 2);
	assert_int_equal(page_ledger__count(&ledger, 5 * TABLE + PAGE, 6 * TABLE), 1);
	assert_int_equal(page_ledger__count(&ledger, 0, 5 * TABLE), 0);
	assert_true(table->resident[7] >> 63);
	ledger_table__clear(table, 511);
	assert_false(table->resident[7] >> 63);
	assert_int_equal(table->pages[511].member, MEMBER_NONE);
	assert_int_equal(page_ledger__count(&ledger, 0, 1ULL << 57), 1);
	page_ledger__fini(&ledger);
}

static void tables_stay_sorted(void **state)
{
	static const __u64 keys[] = { 9, 3, 7, 1, 8, 2 };
	struct page_ledger ledger = { 0 };

	(void)state;
	for (unsigned int i = 0; i < 6; i++)
		assert_int_equal(page_ledger__writable(&ledger, keys[i])->key, keys[i]);
	for (__u32 i = 1; i < ledger.nr_tables; i++)
		assert_true(ledger.tables[i - 1]->key < ledger.tables[i]->key);
	assert_int_equal(page_ledger__lower_bound(&ledger, 4), 3);
	assert_null(page_ledger__find(&ledger, 4));
	page_ledger__fini(&ledger);
}

static void a_shared_table_is_copied_when_written(void **state)
{
	struct page_ledger ledger = { 0 }, frozen;

	(void)state;
	ledger_table__set(page_ledger__writable(&ledger, 1), 3, RSST_ANON, 4, 1);
	ledger_table__set(page_ledger__writable(&ledger, 2), 3, RSST_ANON, 4, 1);
	assert_int_equal(page_ledger__share(&frozen, &ledger), 0);
	assert_ptr_equal(frozen.tables[0], ledger.tables[0]);
	ledger_table__clear(page_ledger__writable(&ledger, 1), 3);
	assert_ptr_not_equal(frozen.tables[0], ledger.tables[0]);
	assert_ptr_equal(frozen.tables[1], ledger.tables[1]);
	assert_int_equal(page_ledger__count(&frozen, 0, 4 * TABLE), 2);
	assert_int_equal(page_ledger__count(&ledger, 0, 4 * TABLE), 1);
	page_ledger__fini(&ledger);
	assert_int_equal(page_ledger__count(&frozen, 0, 4 * TABLE), 2);
	page_ledger__fini(&frozen);
}

static void prune_keeps_what_a_dispute_needs(void **state)
{
	struct page_ledger ledger = { 0 };

	(void)state;
	page_ledger__writable(&ledger, 1);
	page_ledger__writable(&ledger, 2)->disputed_at = 5;
	ledger_table__set(page_ledger__writable(&ledger, 3), 0, RSST_ANON, 4, 1);
	page_ledger__writable(&ledger, 9);
	assert_int_equal(page_ledger__prune(&ledger, TABLE, 4 * TABLE), 1);
	assert_int_equal(ledger.nr_tables, 3);
	assert_non_null(page_ledger__find(&ledger, 9));
	page_ledger__fini(&ledger);
}

enum { NR_PAGES = 6 * 512 }; /* three tables and a bit, not table-aligned */
#define START (BASE + 200 * PAGE)

struct naive {
	__u64 stack[NR_PAGES]; /* 0: not resident */
	__u64 faulted[4], freed[4];
};

static __u32 next(__u32 *random)
{
	*random = *random * 1664525 + 1013904223;
	return *random >> 8;
}

static void naive_fault(struct story *s, struct naive *naive, __u32 first, __u32 nr, __u64 stack)
{
	for (__u32 i = first; i < first + nr; i++) {
		if (naive->stack[i])
			return;
	}
	for (__u32 i = first; i < first + nr; i++)
		naive->stack[i] = stack;
	naive->faulted[stack] += nr;
	story__fault(s, START + first * PAGE, nr, RSST_ANON, stack);
}

/* The kernel's zap: ascending, one release a table; sometimes another thread refills behind it. */
static void naive_zap(struct story *s, struct naive *naive, __u32 first, __u32 nr, __u32 *random)
{
	struct story_call call =
		story__enter(s, 1 + next(random) % 4, VM_OP_MADVISE, CAUSE_DONTNEED,
			     START + first * PAGE, nr * PAGE, 4, 0);
	__u32 end = first + nr;

	while (first < end) {
		__u64 table = (START + first * PAGE) >> 21;
		__u32 from = first, n = 0;

		for (; first < end && (START + first * PAGE) >> 21 == table; first++) {
			if (!naive->stack[first])
				continue;
			naive->freed[naive->stack[first]]++;
			naive->stack[first] = 0;
			n++;
		}
		if (n)
			story__release(s, &call, n, RSST_ANON);
		if (n && next(random) % 2)
			naive_fault(s, naive, from, 1, 1 + next(random) % 3);
	}
}

static void compare(struct story *s, const struct naive *naive, __u32 first_owner)
{
	struct snapshot *now = session__freeze(s->session);

	for (__u32 i = 0; i < NR_PAGES; i++) {
		__u64 addr = START + i * PAGE;
		const struct ledger_table *table =
			page_ledger__find(now->spaces[0].ledger, addr >> 21);
		__u32 owner = table && table->pages[addr >> 12 & 511].member != MEMBER_NONE
				      ? table->pages[addr >> 12 & 511].owner
				      : 0;

		assert_int_equal(owner, naive->stack[i] ? first_owner + naive->stack[i] - 1 : 0);
	}
	for (__u32 k = 1; k < 4; k++) {
		const struct stack_pages *pages = &now->stacks[first_owner + k - 1];

		assert_int_equal(pages->faulted, naive->faulted[k]);
		assert_int_equal(pages->freed, naive->freed[k]);
		assert_int_equal(pages->rss, pages->faulted - pages->freed);
	}
	snapshot__free(now);
}

static void agrees_with_an_array(void **state)
{
	struct naive *naive = calloc(1, sizeof(*naive));
	struct story s = story__new();
	__u32 random = 77;

	(void)state;
	for (__u64 stack = 1; stack < 4; stack++) /* indices in this order */
		naive_fault(&s, naive, stack, 1, stack);
	for (int round = 0; round < 6000; round++) {
		__u32 first = next(&random) % NR_PAGES, nr = 1 + next(&random) % 700;

		if (first + nr > NR_PAGES)
			nr = NR_PAGES - first;
		if (next(&random) % 4)
			naive_fault(&s, naive, first, 1 + nr % 16 > nr ? nr : 1 + nr % 16,
				    1 + next(&random) % 3);
		else
			naive_zap(&s, naive, first, nr, &random);
		if (round % 500 == 0)
			compare(&s, naive, OWNER_FIRST_STACK);
	}
	compare(&s, naive, OWNER_FIRST_STACK);
	story__check(&s);
	story__free(&s);
	free(naive);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_follow_set_and_clear),
		cmocka_unit_test(tables_stay_sorted),
		cmocka_unit_test(a_shared_table_is_copied_when_written),
		cmocka_unit_test(prune_keeps_what_a_dispute_needs),
		cmocka_unit_test(agrees_with_an_array),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
