/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The night the sketches tell of: orders-api, a session cache that grows, a database file read in,
 * arenas given back. Three moments: attach, a minute before the end, the end.
 */
#ifndef RSSTRACE_TESTS_ORDERS_SCENE_H
#define RSSTRACE_TESTS_ORDERS_SCENE_H

#include "view/fake_session.h"
#include "view/query.h"

#define SECOND 1000000000ULL
#define HEAP 0x5000000000ULL
#define ANON 0x7000000000ULL
#define ARENAS 0x7100000000ULL
#define DATA 0x7200000000ULL
#define LIBC 0x7300000000ULL

struct orders {
	struct session fake;
	struct snapshot *attach, *before, *end;
	__u32 put, put_deeper, parse, get, worker, lost;
};

static inline void orders__stacks(struct orders *orders)
{
	struct session *fake = &orders->fake;
	__u32 app = fake__object(fake, "/usr/bin/orders-api"),
	      libc = fake__object(fake, "/usr/lib/libc.so.6");
	__u32 malloc_1 = fake__frame(fake, libc, 0x9a100, "_int_malloc", NULL, 0);
	__u32 malloc_2 = fake__frame(fake, libc, 0x9a200, "malloc", NULL, 0);
	__u32 memset_1 = fake__frame(fake, libc, 0x1200, "__memset_avx2", NULL, 0);
	__u32 put = fake__frame(fake, app, 0x4211, "session_cache_put", "src/cache/session.c", 211);
	__u32 login = fake__frame(fake, app, 0x5000, "handle_login", "src/http/login.c", 52);
	__u32 worker = fake__frame(fake, app, 0x6000, "worker_main(void*)", "src/worker.c", 19);
	__u32 start = fake__frame(fake, libc, 0x8000, "start_thread", NULL, 0);
	__u32 parse = fake__frame(fake, app, 0x7000, "json::parse_value(json::reader&, int)",
				  "src/json.c", 88);
	__u32 get = fake__frame(fake, app, 0x9000, "mdb_page_get", NULL, 0);
	__u32 nameless = fake__frame(fake, app, 0xbeef, NULL, NULL, 0);

	orders->put = fake__stack(fake, STACK_END_ROOT,
				  (__u32[]){ malloc_1, malloc_2, put, login, worker, start, 0 });
	orders->put_deeper = fake__stack(fake, STACK_END_ROOT,
					 (__u32[]){ memset_1, put, login, worker, start, 0 });
	orders->parse = fake__stack(fake, STACK_END_NO_RULE,
				    (__u32[]){ malloc_2, parse, parse, worker, 0 });
	orders->get =
		fake__stack(fake, STACK_END_ROOT, (__u32[]){ get, nameless, worker, start, 0 });
	orders->worker = fake__stack(fake, STACK_END_ROOT, (__u32[]){ malloc_2, worker, start, 0 });
	orders->lost = fake__stack(fake, STACK_END_INVALID, (__u32[]){ 0 });
	fake->stacks[orders->lost].frames = NULL;
}

static inline void orders__map(struct orders *orders, struct space_snapshot *space)
{
	struct session *fake = &orders->fake;
	__u32 libc = 2, arena = fake__name(fake, "[anon:arena]");
	struct vma *vma;

	fake_space__map(space, HEAP, 256 * MIB, KIND_HEAP)->name = fake__name(fake, "[heap]");
	fake_space__map(space, ANON, 64 * MIB, KIND_ANON)->stack = orders->worker;
	fake_space__map(space, ANON + 128 * MIB, MIB, KIND_ANON);
	for (int i = 0; i < 4; i++)
		fake_space__map(space, ARENAS + i * 4 * MIB, 2 * MIB, KIND_ANON)->name = arena;
	vma = fake_space__map(space, DATA, 512 * MIB, KIND_FILE);
	vma->object = fake__object(fake, "/var/lib/app/\xff\033[31mdata.mdb");
	vma->shared = 1;
	vma->prot = 1;
	for (int i = 0; i < 2; i++) {
		vma = fake_space__map(space, LIBC + i * MIB, MIB, KIND_FILE);
		vma->object = libc;
		vma->prot = i ? 5 : 1;
	}
}

static inline void orders__causes(struct orders *orders)
{
	struct snapshot *before = orders->before, *end = orders->end;

	before->causes[CAUSE_FAULT].in[RSST_ANON] = 20000;
	end->causes[CAUSE_FAULT].in[RSST_ANON] = 25000;
	end->causes[CAUSE_FAULT].in[RSST_FILE] = 20000;
	end->causes[CAUSE_FAULT_KERNEL].in[RSST_ANON] = 40;
	end->causes[CAUSE_POPULATE].in[RSST_ANON] = 16;
	end->causes[CAUSE_DONTNEED].out[RSST_ANON] = 1536;
	end->causes[CAUSE_MUNMAP].out[RSST_ANON] = 20;
}

/* A tick every ten seconds: the cache grows all the time, the file until the fourth minute. */
static inline void orders__series(struct session *fake)
{
	for (__u64 i = 0; i <= 60; i++) {
		struct series_point *point = fake->points + fake->nr_points++;

		point->ts = i * 10 * SECOND;
		point->pages[RSST_ANON] = 6144 + i * 373 + i % 3 * 100;
		point->pages[RSST_FILE] = 300 + (i < 24 ? i : 24) * 833;
	}
}

/* The main thread reads the file, two workers fill the cache. */
static inline void orders__threads(struct orders *orders)
{
	const struct thread_stack pairs[] = { { 0, 0, 0 },
					      { 4242, 1, orders->get },
					      { 4243, 1, orders->put },
					      { 4244, 1, orders->put },
					      { 4244, 1, orders->parse } };

	for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++)
		orders->fake.threads[orders->fake.nr_threads++] = pairs[i];
}

/* Nothing that came by a stack has left but most of what parse brought in: its walks were cut. */
static inline void orders__faulted(struct orders *orders)
{
	struct snapshot *const moments[] = { orders->before, orders->end };

	for (size_t m = 0; m < sizeof(moments) / sizeof(*moments); m++) {
		for (__u32 id = OWNER_FIRST_STACK; id < orders->fake.nr_stacks; id++)
			moments[m]->stacks[id].faulted = moments[m]->stacks[id].rss;
		moments[m]->stacks[orders->parse].faulted += 8000;
		moments[m]->stacks[orders->parse].freed = 8000;
	}
}

static inline void orders__init(struct orders *orders)
{
	struct space_snapshot *attach, *before, *end;

	fake__init(&orders->fake);
	orders__stacks(orders);
	orders__threads(orders);
	orders->attach = fake_snapshot__new(&orders->fake, 0, 1);
	orders->before = fake_snapshot__new(&orders->fake, 599 * SECOND, 1);
	orders->end = fake_snapshot__new(&orders->fake, 600 * SECOND, 1);
	attach = orders->attach->spaces;
	before = orders->before->spaces;
	end = orders->end->spaces;
	orders__map(orders, attach);
	fake_space__set(attach, HEAP, 4096, RSST_ANON, OWNER_BEFORE);
	fake_space__set(attach, LIBC, 300, RSST_FILE, OWNER_BEFORE);
	for (int i = 0; i < 4; i++)
		fake_space__set(attach, ARENAS + i * 4 * MIB, 512, RSST_ANON, OWNER_BEFORE);
	fake_space__share(before, attach);
	fake_space__set(before, HEAP + 16 * MIB, 18000, RSST_ANON, orders->put);
	fake_space__set(before, HEAP + 100 * MIB, 2000, RSST_ANON, orders->put_deeper);
	fake_space__set(before, HEAP + 120 * MIB, 900, RSST_ANON, orders->parse);
	fake_space__set(before, DATA, 19000, RSST_FILE, orders->get);
	fake_space__share(end, before);
	fake_space__set(end, HEAP + 130 * MIB, 2000, RSST_ANON, orders->put);
	fake_space__set(end, HEAP + 140 * MIB, 30, RSST_ANON, orders->lost);
	fake_space__set(end, DATA + 100 * MIB, 1000, RSST_FILE, orders->get);
	fake_space__set(end, ANON, 1024, RSST_ANON, orders->worker);
	for (int i = 0; i < 3; i++)
		fake_space__clear(end, ARENAS + i * 4 * MIB, 512);
	orders__causes(orders);
	orders__series(&orders->fake);
	fake_snapshot__settle(orders->attach);
	fake_snapshot__settle(orders->before);
	fake_snapshot__settle(orders->end);
	orders__faulted(orders);
	memcpy(orders->end->thread_pages, (__u64[]){ 0, 20000, 12000, 8000, 900 },
	       5 * sizeof(__u64));
	memcpy(orders->before->thread_pages, (__u64[]){ 0, 19000, 12000, 6000, 900 },
	       5 * sizeof(__u64));
	orders->end->faults = 1203441;
	orders->end->stacks_truncated = 1;
	orders->end->peak_pages = 50000;
	orders->end->peak_ts = 571 * SECOND;
	orders->fake.now = orders->end->ts;
}

static inline void orders__fini(struct orders *orders)
{
	fake_snapshot__free(orders->attach);
	fake_snapshot__free(orders->before);
	fake_snapshot__free(orders->end);
}

static inline struct view *orders__view(const struct orders *orders, const struct snapshot *from,
					const struct snapshot *to, __u32 top)
{
	return view__new(&orders->fake, from, to, &(struct view_options){ .top = top });
}

#endif
