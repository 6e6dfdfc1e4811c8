// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The arithmetic of a view: what adds up must add up, whatever happened in the window. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include "view/fake_session.h"
#include "view/query.h"

#define HEAP 0x10000000ULL
#define DATA 0x20000000ULL
#define ARENA 0x30000000ULL

/* Two stacks, a heap and a file; the window's end starts out as a copy of its start. */
struct scene {
	struct session fake;
	struct snapshot *from, *to;
	struct space_snapshot *then, *now;
	__u32 put, get;
	struct view *view;
};

static int setup(void **state)
{
	struct scene *scene = calloc(1, sizeof(*scene));
	struct session *fake = &scene->fake;
	__u32 app, libc;

	fake__init(fake);
	app = fake__object(fake, "/usr/bin/orders-api");
	libc = fake__object(fake, "/lib/libc.so.6");
	scene->put = fake__stack(
		fake, STACK_END_ROOT,
		(__u32[]){ fake__frame(fake, libc, 0x100, "memset", NULL, 0),
			   fake__frame(fake, app, 0x200, "cache_put", "src/cache.c", 7), 0 });
	scene->get = fake__stack(
		fake, STACK_END_DEPTH,
		(__u32[]){ fake__frame(fake, app, 0x300, "page_get", "src/db.c", 9), 0 });
	scene->from = fake_snapshot__new(fake, 1000, 1);
	scene->to = fake_snapshot__new(fake, 5000, 1);
	scene->then = scene->from->spaces;
	scene->now = scene->to->spaces;
	fake_space__map(scene->then, HEAP, 8 * MIB, KIND_HEAP)->name = fake__name(fake, "[heap]");
	fake_space__map(scene->then, DATA, 8 * MIB, KIND_FILE)->object =
		fake__object(fake, "/var/data.mdb");
	fake_space__set(scene->then, HEAP, 600, RSST_ANON, OWNER_BEFORE);
	fake_space__set(scene->then, DATA, 40, RSST_FILE, scene->get);
	*state = scene;
	return 0;
}

static int teardown(void **state)
{
	struct scene *scene = *state;

	view__free(scene->view);
	fake_snapshot__free(scene->from);
	fake_snapshot__free(scene->to);
	free(scene);
	return 0;
}

static struct view *look(struct scene *scene, __u32 top)
{
	struct view_options options = { .top = top };

	fake_snapshot__settle(scene->from);
	fake_snapshot__settle(scene->to);
	scene->view = view__new(&scene->fake, scene->from, scene->to, &options);
	assert_non_null(scene->view);
	return scene->view;
}

static __s64 placed_pages(const struct snapshot *snapshot)
{
	__s64 sum = 0;

	for (__u32 i = 0; i < snapshot->nr_spaces; i++) {
		const __s64 *placed = snapshot->spaces[i].placed;

		if (snapshot->spaces[i].alive)
			sum += placed[RSST_ANON] + placed[RSST_FILE] + placed[RSST_SHMEM];
	}
	return sum;
}

/* The law of the region list: nothing that grew or shrank is outside of it. */
static void assert_regions_add_up(const struct scene *scene)
{
	const struct view *view = scene->view;
	__s64 growth = view->other_regions.growth, rss = view->other_regions.rss;

	for (__u32 i = 0; i < view->nr_regions; i++) {
		growth += view->regions[i].growth;
		rss += view->regions[i].rss;
	}
	assert_int_equal(rss, placed_pages(scene->to) * (__s64)PAGE);
	assert_int_equal(growth,
			 (placed_pages(scene->to) - placed_pages(scene->from)) * (__s64)PAGE);
	assert_int_equal(growth, view->grown + view->shrunk);
}

static const struct region_row *region_at(const struct view *view, __u64 start)
{
	for (__u32 i = 0; i < view->nr_regions; i++) {
		if (view->regions[i].start == start)
			return view->regions + i;
	}
	fail_msg("no region at %#llx", start);
	return NULL;
}

static void nothing_happened(void **state)
{
	struct scene *scene = *state;
	const struct view *view;

	fake_space__share(scene->now, scene->then);
	view = look(scene, 0);
	assert_regions_add_up(scene);
	assert_int_equal(view->nr_regions, 2);
	assert_int_equal(view->growth.total, 0);
	assert_int_equal(view->regions[0].rss, 600 * PAGE); /* equal growth: larger first */
	assert_string_equal(view->regions[0].name, "[heap]");
	assert_string_equal(view->regions[0].perms, "rw-p");
	assert_int_equal(view->regions[0].nr_stacks, 0); /* before attach is no stack */
	assert_string_equal(view->regions[1].name, "/var/data.mdb");
	assert_int_equal(view->before_attach, 600 * PAGE);
	assert_int_equal(view->attributed, 40 * PAGE);
	assert_int_equal(view->error, 0);
	assert_int_equal(view->nr_causes, 0);
	assert_int_equal(view->resident_walks.incomplete, 40 * PAGE);
}

static void growth_faulted_and_stacks(void **state)
{
	struct scene *scene = *state;
	const struct region_row *heap;
	const struct view *view;

	fake_space__share(scene->now, scene->then);
	fake_space__clear(scene->now, HEAP, 10);
	fake_space__set(scene->now, HEAP + 100 * PAGE, 5, RSST_ANON,
			scene->put); /* gone and back, another owner */
	fake_space__set(scene->now, HEAP + 600 * PAGE, 300, RSST_ANON, scene->put);
	scene->to->stacks[scene->put].faulted = 400;
	scene->to->stacks[scene->put].freed = 95;
	view = look(scene, 0);
	assert_regions_add_up(scene);
	heap = region_at(view, HEAP);
	assert_ptr_equal(heap, view->regions);
	assert_int_equal(heap->rss, 890 * PAGE);
	assert_int_equal(heap->growth, 290 * PAGE);
	assert_int_equal(heap->faulted, 305 * PAGE);
	assert_int_equal(heap->size, 8 * MIB);
	assert_int_equal(heap->nr_stacks, 1);
	assert_int_equal(heap->stacks[0].stack, scene->put);
	assert_int_equal(heap->stacks[0].growth, 305 * PAGE);
	assert_int_equal(view->stacks[0].id, scene->put);
	assert_int_equal(view->stacks[0].rss, 305 * PAGE);
	assert_int_equal(view->stacks[0].growth, 305 * PAGE);
	assert_int_equal(view->stacks[0].faulted, 400 * PAGE);
	assert_int_equal(view->stacks[0].freed, 95 * PAGE);
	assert_true(view->stacks[0].complete);
	assert_int_equal(view->stacks[0].named_by, 1);
	assert_int_equal(view->stacks[0].end, STACK_END_ROOT);
	assert_false(view->stacks[1].complete);
	assert_int_equal(view->stacks[1].end, STACK_END_DEPTH);
	assert_int_equal(view->stacks[1].named_by, 0);
}

static void the_unmapped_are_rows(void **state)
{
	struct scene *scene = *state;
	const struct region_row *row;
	struct vma *vma;

	/* the file's middle is replaced, its ends are unmapped */
	fake_space__set(scene->then, DATA, 2048, RSST_FILE, scene->get);
	fake_space__map(scene->now, HEAP, 8 * MIB, KIND_HEAP);
	fake_space__set(scene->now, HEAP, 600, RSST_ANON, OWNER_BEFORE);
	vma = fake_space__map(scene->now, DATA + MIB, MIB, KIND_ANON);
	vma->stack = scene->put;
	fake_space__set(scene->now, DATA + MIB, 3, RSST_ANON, scene->put);
	look(scene, 0);
	assert_regions_add_up(scene);
	assert_int_equal(scene->view->nr_regions, 4);
	row = region_at(scene->view, DATA);
	assert_true(row->unmapped);
	assert_int_equal(row->end, DATA + MIB);
	assert_int_equal(row->rss, 0);
	assert_int_equal(row->growth, -256 * (__s64)PAGE);
	assert_string_equal(row->name, "/var/data.mdb");
	assert_int_equal(row->stacks[0].stack, scene->get);
	row = region_at(scene->view, DATA + 2 * MIB);
	assert_true(row->unmapped);
	assert_int_equal(row->end, DATA + 8 * MIB);
	row = region_at(scene->view, DATA + MIB);
	assert_false(row->unmapped);
	assert_int_equal(row->mapped_by, scene->put);
	assert_int_equal(row->growth, (3 - 256) * (__s64)PAGE);
	assert_int_equal(row->nr_stacks, 2);
}

/* A mapping whose record was lost: pages without a VMA must not drop out of the sum. */
static void strays_are_rows(void **state)
{
	struct scene *scene = *state;
	const struct region_row *row;

	fake_space__share(scene->now, scene->then);
	fake_space__set(scene->now, ARENA + 5 * PAGE, 7, RSST_ANON, scene->put);
	fake_space__set(scene->now, 0x7fffffffe000, 1, RSST_ANON, scene->put);
	look(scene, 0);
	assert_regions_add_up(scene);
	assert_int_equal(scene->view->nr_regions, 3);
	row = region_at(scene->view, ARENA);
	assert_int_equal(row->rss, 8 * PAGE);
	assert_string_equal(row->name, "");
}

static void top_cuts_and_other_sums(void **state)
{
	struct scene *scene = *state;
	const struct view *view;

	fake_space__share(scene->now, scene->then);
	fake_space__set(scene->now, HEAP + 600 * PAGE, 100, RSST_ANON, scene->put);
	fake_space__set(scene->now, DATA + 40 * PAGE, 60, RSST_FILE, scene->get);
	view = look(scene, 1);
	assert_regions_add_up(scene);
	assert_int_equal(view->nr_regions, 1);
	assert_int_equal(view->regions[0].start, HEAP);
	assert_int_equal(view->other_regions.nr, 1);
	assert_int_equal(view->other_regions.rss, 100 * PAGE);
	assert_int_equal(view->other_regions.growth, 60 * PAGE);
	assert_int_equal(view->other_regions.faulted, 60 * PAGE);
	assert_int_equal(view->nr_stacks, 1);
	assert_int_equal(view->other_stacks.nr, 1);
	assert_int_equal(view->other_stacks.rss, 100 * PAGE);
	assert_int_equal(view->other_stacks.growth, 60 * PAGE);
	assert_int_equal(view->resident_walks.incomplete, 100 * PAGE); /* of those cut off, too */
}

static void stacks_may_stay_unnamed(void **state)
{
	struct view_options options = { .unnamed_stacks = true };
	struct scene *scene = *state;

	fake_space__share(scene->now, scene->then);
	fake_space__set(scene->now, HEAP + 600 * PAGE, 100, RSST_ANON, scene->put);
	fake_snapshot__settle(scene->to);
	scene->view = view__new(&scene->fake, scene->from, scene->to, &options);
	assert_int_equal(scene->view->nr_stacks, 2);
	assert_int_equal(scene->view->stacks[0].nr_frames, 0);
	assert_int_equal(scene->view->stacks[0].named_by, -1);
	assert_true(scene->view->stacks[0].complete);
}

/* What was brought in by stacks that were cut counts in the window also when it has left; at an
 * instant it does not. */
static void incomplete_by_faulted_and_by_resident(void **state)
{
	struct scene *scene = *state;
	const struct walk_ends *ends;
	struct view *instant;
	__u32 lost;

	lost = fake__stack(&scene->fake, STACK_END_ROOT, (__u32[]){ 0 });
	scene->fake.stacks[lost].frames = NULL;
	fake_snapshot__free(scene->to);
	scene->to = fake_snapshot__new(&scene->fake, 5000, 1);
	scene->now = scene->to->spaces;
	fake_space__share(scene->now, scene->then);
	fake_space__set(scene->now, HEAP + 600 * PAGE, 200, RSST_ANON, scene->put);
	scene->to->stacks[scene->put].faulted = 200;
	scene->to->stacks[scene->get].faulted = 760;
	scene->to->stacks[scene->get].freed = 760;
	scene->to->stacks[lost].faulted = 40;
	scene->to->stacks[lost].freed = 40;
	ends = view__walk_ends(look(scene, 1));
	assert_ptr_equal(ends, &scene->view->faulted_walks);
	assert_int_equal(ends->bytes, 1000 * PAGE);
	assert_int_equal(ends->incomplete, 800 * PAGE);
	assert_int_equal(ends->by_end[STACK_END_ROOT], 200 * PAGE);
	assert_int_equal(ends->by_end[STACK_END_DEPTH], 760 * PAGE);
	assert_int_equal(ends->by_end[STACK_END_INVALID], 40 * PAGE);
	assert_int_equal(scene->view->resident_walks.bytes, scene->view->attributed);
	assert_int_equal(scene->view->resident_walks.incomplete, 40 * PAGE);
	instant = view__new(&scene->fake, scene->to, scene->to, NULL);
	ends = view__walk_ends(instant);
	assert_ptr_equal(ends, &instant->resident_walks);
	assert_int_equal(ends->bytes, 240 * PAGE);
	assert_int_equal(ends->by_end[STACK_END_DEPTH], 40 * PAGE);
	assert_int_equal(instant->faulted_walks.bytes, 0);
	view__free(instant);
}

static void every_end_has_its_own_word(void **state)
{
	(void)state;
	for (int end = 0; end < NR_STACK_ENDS; end++)
		for (int other = 0; other < end; other++)
			assert_string_not_equal(stack_end_name(end), stack_end_name(other));
	assert_string_equal(stack_end_name(STACK_END_ROOT), "root");
	assert_string_equal(stack_end_name(STACK_END_FRAMEPTR), "frame_pointers");
	assert_string_equal(stack_end_name(NR_STACK_ENDS), "lost");
}

/* Swap is not RSS; what the counters moved without a place is unattributed; the rest is the error.
 */
static void the_ledger_balances(void **state)
{
	struct scene *scene = *state;
	struct view_options options = { 0 };
	const struct view *view;

	fake_space__share(scene->now, scene->then);
	fake_space__set(scene->now, ARENA, 9, RSST_SHMEM, OWNER_UNKNOWN);
	fake_snapshot__settle(scene->from);
	fake_snapshot__settle(scene->to);
	scene->now->counted[RSST_ANON] += 20;
	scene->now->kernel[RSST_ANON] += 23;
	scene->now->kernel[RSST_SWAP] = 1000;
	view = scene->view = view__new(&scene->fake, scene->from, scene->to, &options);
	assert_int_equal(view->unattributed, 29 * PAGE);
	assert_int_equal(view->error, 3 * PAGE);
	assert_int_equal(view->rss.swap, 1000 * PAGE);
	assert_int_equal(view->rss.total, (600 + 40 + 9 + 23) * PAGE);
	assert_int_equal(view->rss.shmem, 9 * PAGE);
	assert_int_equal(view->growth.total, 32 * PAGE);
	assert_int_equal(view->growth.anon, 23 * PAGE);
	assert_int_equal(view->peak_total, view->rss.total); /* never below what is there */
	assert_int_equal(view->peak_ns, 5000);
}

static void causes_are_differences(void **state)
{
	struct scene *scene = *state;
	const struct view *view;

	fake_space__share(scene->now, scene->then);
	scene->from->causes[CAUSE_FAULT].in[RSST_ANON] = 50;
	scene->to->causes[CAUSE_FAULT].in[RSST_ANON] = 80;
	scene->to->causes[CAUSE_FAULT].out[RSST_FILE] = 4; /* copy on write */
	scene->from->causes[CAUSE_BRK].out[RSST_ANON] = 5;
	scene->to->causes[CAUSE_BRK].out[RSST_ANON] = 5;
	scene->to->causes[CAUSE_MUNMAP].out[RSST_ANON] = 31;
	scene->to->causes[CAUSE_SWAP_OUT].in[RSST_SWAP] = 77;
	view = look(scene, 0);
	assert_int_equal(view->nr_causes, 3);
	assert_int_equal(view->causes[0].cause, CAUSE_MUNMAP);
	assert_true(view->causes[0].out);
	assert_int_equal(view->causes[1].bytes.anon, 30 * PAGE);
	assert_false(view->causes[1].out);
	assert_int_equal(view->causes[2].bytes.file, 4 * PAGE);
	assert_int_equal(view->causes[2].bytes.total, 4 * PAGE);
}

static void spaces_are_summed_and_the_dead_count_nothing(void **state)
{
	struct scene *scene = *state;
	const struct view *view;

	fake_snapshot__free(scene->from);
	fake_snapshot__free(scene->to);
	scene->from = fake_snapshot__new(&scene->fake, 0, 2);
	scene->to = fake_snapshot__new(&scene->fake, 9, 3);
	fake_space__map(scene->from->spaces, HEAP, MIB, KIND_HEAP);
	fake_space__set(scene->from->spaces, HEAP, 11, RSST_ANON, OWNER_BEFORE);
	fake_space__map(scene->from->spaces + 1, HEAP, MIB, KIND_HEAP);
	fake_space__set(scene->from->spaces + 1, HEAP, 7, RSST_ANON, OWNER_BEFORE);
	fake_space__share(scene->to->spaces, scene->from->spaces);
	fake_space__map(scene->to->spaces + 2, HEAP, MIB, KIND_HEAP);
	fake_space__set(scene->to->spaces + 2, HEAP, 20, RSST_ANON, scene->put);
	scene->to->spaces[1].alive = false;
	view = look(scene, 0);
	assert_regions_add_up(scene);
	assert_int_equal(view->pid, 4242);
	assert_string_equal(view->comm, "orders-api");
	assert_int_equal(view->nr_living, 2);
	assert_int_equal(view->rss.total, 31 * PAGE);
	assert_int_equal(view->growth.total, 13 * PAGE);
	assert_int_equal(view->nr_regions, 3);
	assert_int_equal(view->regions[0].pid, 4244);
	assert_int_equal(view->regions[2].pid, 4243);
	assert_true(view->regions[2].unmapped);
}

/* The sum holds for any two states, not only for those somebody thought of. */
static void random_windows_add_up(void **state)
{
	struct scene *scene = *state;

	srand(7);
	for (int round = 0; round < 40; round++) {
		fake_snapshot__free(scene->from);
		fake_snapshot__free(scene->to);
		scene->from = fake_snapshot__new(&scene->fake, 0, 1);
		scene->to = fake_snapshot__new(&scene->fake, 1, 1);
		scene->then = scene->from->spaces;
		scene->now = scene->to->spaces;
		for (int i = 0; i < 20; i++)
			fake_space__set(scene->then, HEAP + rand() % 4096 * PAGE, rand() % 300,
					RSST_ANON, OWNER_BEFORE + rand() % 4);
		fake_space__share(scene->now, scene->then);
		for (int i = 0; i < 10; i++) {
			fake_space__clear(scene->now, HEAP + rand() % 4096 * PAGE, rand() % 300);
			fake_space__set(scene->now, HEAP + rand() % 4096 * PAGE, rand() % 99,
					RSST_FILE, scene->get);
		}
		scene->then->nr_vmas = scene->now->nr_vmas = 0;
		for (__u64 at = rand() % 300; at < 4000; at += rand() % 300) {
			__u64 pages = 1 + rand() % 400;

			fake_space__map(scene->then, HEAP + at * PAGE, pages * PAGE, KIND_ANON);
			at += pages;
		}
		for (__u64 at = rand() % 300; at < 4000; at += rand() % 300) {
			__u64 pages = 1 + rand() % 400;

			fake_space__map(scene->now, HEAP + at * PAGE, pages * PAGE, KIND_ANON);
			at += pages;
		}
		view__free(scene->view);
		look(scene, round % 2 ? 5 : 0);
		assert_regions_add_up(scene);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nothing_happened, setup, teardown),
		cmocka_unit_test_setup_teardown(growth_faulted_and_stacks, setup, teardown),
		cmocka_unit_test_setup_teardown(the_unmapped_are_rows, setup, teardown),
		cmocka_unit_test_setup_teardown(strays_are_rows, setup, teardown),
		cmocka_unit_test_setup_teardown(top_cuts_and_other_sums, setup, teardown),
		cmocka_unit_test_setup_teardown(stacks_may_stay_unnamed, setup, teardown),
		cmocka_unit_test_setup_teardown(incomplete_by_faulted_and_by_resident, setup,
						teardown),
		cmocka_unit_test(every_end_has_its_own_word),
		cmocka_unit_test_setup_teardown(the_ledger_balances, setup, teardown),
		cmocka_unit_test_setup_teardown(causes_are_differences, setup, teardown),
		cmocka_unit_test_setup_teardown(spaces_are_summed_and_the_dead_count_nothing, setup,
						teardown),
		cmocka_unit_test_setup_teardown(random_windows_add_up, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
