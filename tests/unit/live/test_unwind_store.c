// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What the kernel side finds in the store, searched as it does, is what the table says. No BPF
 * needed. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>
#include "elf/needed_files.h"
#include "live/unwind_maps.h"
#include "live/unwind_store.h"

#define NR_OFFSETS 20000

static struct unwind_store make_store(__u32 max_rows, __u32 max_pages)
{
	struct unwind_store store = { .max_rows = max_rows,
				      .max_pages = max_pages,
				      .max_rules = UNWIND_MAX_RULES };

	store.rows = calloc(max_rows / UNWIND_ROWS_PER_BLOCK + 1, sizeof(*store.rows));
	store.rules = calloc(UNWIND_MAX_RULES, sizeof(*store.rules));
	store.pages = calloc(max_pages, sizeof(*store.pages));
	assert_true(store.rows && store.rules && store.pages);
	assert_int_equal(unwind_store__init(&store), 0);
	return store;
}

static void free_store(struct unwind_store *store)
{
	free(store->rows);
	free(store->rules);
	free(store->pages);
	unwind_store__fini(store);
}

static __u32 row_at(const struct unwind_store *store, __u32 at)
{
	assert_true(at < store->nr_rows);
	return store->rows[at / UNWIND_ROWS_PER_BLOCK].rows[at % UNWIND_ROWS_PER_BLOCK];
}

/* As unwind__search_page() of bpf/unwind_lookup.bpf.h. */
static const struct unwind_rule *search(const struct unwind_store *store,
					const struct unwind_object *object, __u64 offset)
{
	const struct unwind_page *page;
	__u32 at = 0;

	if (offset >> 16 >= object->nr_pages)
		return &store->rules[UNWIND_RULE_ID_NONE];
	page = &store->pages[object->first_page + (offset >> 16)];
	for (__u32 step = 32768; step; step >>= 1) {
		if (at + step < page->nr_rows &&
		    (row_at(store, page->first_row + at + step) & 0xffff) <= (offset & 0xffff))
			at += step;
	}
	return &store->rules[row_at(store, page->first_row + at) >> 16];
}

static void expect_same(const struct unwind_store *store, const struct unwind_object *object,
			const struct unwind_table *table, __u64 offset)
{
	const struct unwind_row *row = unwind_table__find(table, offset);
	const struct unwind_rule *found = search(store, object, offset);

	if (row)
		assert_memory_equal(found, &row->rule, sizeof(*found));
	else
		assert_int_equal(found->how, UNWIND_CFA_NONE);
}

static struct unwind_table own_table(void)
{
	struct unwind_table table;
	int fd = open("/proc/self/exe", O_RDONLY);

	assert_true(fd >= 0);
	assert_int_equal(unwind_table__build(&table, fd, "self", NULL), 0);
	close(fd);
	return table;
}

static void test_finds_what_the_table_says(void **state)
{
	struct unwind_store store = make_store(1 << 16, 64);
	struct unwind_table table = own_table();
	struct unwind_object first, second;
	unsigned int seed = 3;
	__u64 end = table.rows[table.nr - 1].offset + 100000;
	__u32 nr_rules;

	(void)state;
	assert_int_equal(unwind_store__add(&store, &table, &first), 0);
	nr_rules = store.nr_rules;
	assert_int_equal(unwind_store__add(&store, &table, &second), 0);
	assert_int_equal(store.nr_rules, nr_rules);
	assert_int_equal(second.first_page, first.first_page + first.nr_pages);
	for (int i = 0; i < NR_OFFSETS; i++) {
		__u64 offset = (__u64)rand_r(&seed) % end;

		expect_same(&store, &first, &table, offset);
		expect_same(&store, &second, &table, offset);
	}
	for (size_t i = 0; i < table.nr; i++)
		expect_same(&store, &second, &table, table.rows[i].offset);
	unwind_table__fini(&table);
	free_store(&store);
}

/* A rule that holds over several pages, and one that begins on a page boundary. */
static void test_rules_cross_pages(void **state)
{
	struct unwind_row rows[] = { { 0, { .how = UNWIND_CFA_NONE } },
				     { 0x1fff0, { .how = UNWIND_CFA_RSP, .cfa_off = 8 } },
				     { 0x50000, { .how = UNWIND_CFA_RSP, .cfa_off = 16 } },
				     { 0x50001, { .how = UNWIND_CFA_NONE } } };
	struct unwind_table table = { .rows = rows, .nr = 4 };
	struct unwind_store store = make_store(64, 16);
	struct unwind_object object;

	(void)state;
	assert_int_equal(unwind_store__add(&store, &table, &object), 0);
	assert_int_equal(object.nr_pages, 6);
	for (__u64 offset = 0; offset < 0x70000; offset += 0x1ff)
		expect_same(&store, &object, &table, offset);
	expect_same(&store, &object, &table, 0x4ffff);
	expect_same(&store, &object, &table, 0x50000);
	free_store(&store);
}

static void test_full(void **state)
{
	struct unwind_table table = own_table();
	struct unwind_store store = make_store((__u32)table.nr / 2, 64);
	struct unwind_object object;

	(void)state;
	assert_int_equal(unwind_store__add(&store, &table, &object), -ENOSPC);
	assert_int_equal(object.nr_pages, 0);
	assert_int_equal(store.nr_rows, 0);
	assert_int_equal(store.nr_pages, 0);
	free_store(&store);
	store = make_store(1 << 16, 64);
	store.max_rules = 3;
	assert_int_equal(unwind_store__add(&store, &table, &object), -ENOSPC);
	assert_int_equal(store.nr_rows, 0);
	unwind_table__fini(&table);
	free_store(&store);
}

/* Another file of the same content: its rows are the first one's, its pages its own. */
static void test_another_file_shares_the_rows(void **state)
{
	struct unwind_store store = make_store(1 << 16, 64);
	struct unwind_table table = own_table();
	struct unwind_object first, again;
	__u32 nr_rows;

	(void)state;
	assert_int_equal(unwind_store__add(&store, &table, &first), 0);
	nr_rows = store.nr_rows;
	assert_int_equal(unwind_store__add_again(&store, &first, &again), 0);
	assert_int_equal(store.nr_rows, nr_rows);
	assert_int_equal(again.nr_pages, first.nr_pages);
	assert_int_equal(again.first_page, first.first_page + first.nr_pages);
	for (size_t i = 0; i < table.nr; i++)
		expect_same(&store, &again, &table, table.rows[i].offset);
	store.max_pages = store.nr_pages + first.nr_pages - 1;
	assert_int_equal(unwind_store__add_again(&store, &first, &again), -ENOSPC);
	assert_int_equal(again.nr_pages, 0);
	assert_int_equal(store.nr_pages, 2 * first.nr_pages);
	unwind_table__fini(&table);
	free_store(&store);
}

static void look_for_libc(void *context, const char *path)
{
	if (strstr(path, "libc.so"))
		(*(int *)context)++;
}

/* The view of a map, here a memfd, is mapped as far as it was asked for, and what was reached stays
 * when it grows. */
static void test_reach(void **state)
{
	const size_t bytes = 4U << 20, value_bytes = sizeof(struct unwind_row_block);
	struct map_view view = { .bytes = bytes,
				 .entries = bytes / value_bytes,
				 .value_bytes = value_bytes,
				 .fd = memfd_create("rows", 0) };

	(void)state;
	assert_true(view.fd >= 0);
	assert_int_equal(ftruncate(view.fd, (off_t)bytes), 0);
	view.at = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(view.at, MAP_FAILED);
	for (__u32 nr = 0; nr < view.entries + 2; nr += 997) {
		size_t end = nr * value_bytes;

		assert_int_equal(unwind_maps__reach(&view, nr), 0);
		assert_true(view.reached_bytes >= (end < bytes ? end : bytes));
		assert_true(view.reached_bytes < end + (1U << 20));
		if (nr && end <= bytes)
			*(__u32 *)((char *)view.at + end - sizeof(nr)) = nr;
	}
	assert_int_equal(unwind_maps__reach(&view, view.entries), 0);
	assert_int_equal(view.reached_bytes, bytes);
	for (__u32 nr = 997; nr <= view.entries; nr += 997) {
		__u32 found, offset = nr * value_bytes - sizeof(nr);

		assert_int_equal(*(__u32 *)((char *)view.at + offset), nr);
		assert_int_equal(pread(view.fd, &found, sizeof(found), offset), sizeof(found));
		assert_int_equal(found, nr);
	}
	munmap(view.at, bytes);
	close(view.fd);
}

static void test_needed_files(void **state)
{
	int nr_libc = 0, nr_none = 0;

	(void)state;
	assert_int_equal(needed_files__each("/proc/self/exe", look_for_libc, &nr_libc), 0);
	assert_int_equal(nr_libc, 1);
	assert_int_equal(needed_files__each("/etc/passwd", look_for_libc, &nr_none), 0);
	assert_int_equal(nr_none, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_finds_what_the_table_says),
		cmocka_unit_test(test_rules_cross_pages),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_another_file_shares_the_rows),
		cmocka_unit_test(test_reach),
		cmocka_unit_test(test_needed_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
