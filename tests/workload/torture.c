// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A seeded storm of everything that moves pages, from 1 to 64 threads, for --ops operations a
 * thread or --ms milliseconds of
 * CPU time, all threads together. Options beyond the protocol of workload.h:
 *
 *   --seed N --threads N --ops N --ms N
 *   --mode storm    everything (default)
 *          same     all threads touch and drop the same 8 MiB
 *          reuse    mappings placed by the kernel: addresses are used again at once
 *          kernel   faults taken by the kernel in read(2)
 *          pageout  pages of files, reclaimed
 *   --only KIND,..  these kinds of operations alone; the others are left out, not replaced
 *   --skip KIND,..  all but these
 *   --first N --last N   of each thread's operations only these, counted from 0
 *   --pages N       of each arena
 */
#include <errno.h>
#include <getopt.h>
#include <sys/resource.h>
#include <time.h>
#include "torture_ops.h"

#define THREADS_MAX 64

struct mode {
	const char *name, *only; /* NULL: every kind */
	size_t arena_pages;
	unsigned int shared_percent;
};

static const struct mode modes[] = {
	{ "storm", NULL, 6144, 25 },
	{ "same", "touch,dontneed", 2048, 100 },
	{ "reuse", "map_anon,map_shared,munmap,mremap,touch", 2048, 0 },
	{ "kernel", "read,munmap,dontneed,map_anon", 4096, 25 },
	{ "pageout", "map_file,map_file_shared,pageout,touch,munmap", 4096, 25 },
};
#define NR_MODES (sizeof(modes) / sizeof(*modes))

static struct {
	struct storm storm;
	unsigned int nr_threads;
	unsigned long ops, first, last;
	unsigned long ms;
	uint64_t deadline_ns;
	uint64_t wanted; /* kinds, bit by bit */
	unsigned int weight;
	pthread_barrier_t begin, quiet, end;
	struct actor actors[THREADS_MAX];
} torture = { .nr_threads = 8, .ops = ~0UL, .last = ~0UL, .wanted = ~0ULL };

static uint64_t cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

/* The kind of the actor's operation: drawn from all, so that --only changes nothing else. */
static size_t draw_kind(struct actor *actor)
{
	unsigned int left = draw(actor, torture.weight);
	size_t i = 0;

	while (left >= kinds[i].weight)
		left -= kinds[i++].weight;
	return i;
}

static bool go_on(unsigned long op)
{
	if (op >= torture.ops || op > torture.last)
		return false;
	return !torture.deadline_ns || op % 16 || cpu_ns() < torture.deadline_ns;
}

static void *thread_main(void *arg)
{
	struct actor *actor = arg;

	pthread_barrier_wait(&torture.begin);
	for (actor->op = torture.first; go_on(actor->op); actor->op++) {
		size_t kind;

		actor->drawn = 0;
		kind = draw_kind(actor);
		if (torture.wanted >> kind & 1)
			kinds[kind].run(actor);
	}
	pthread_barrier_wait(&torture.quiet);
	pthread_barrier_wait(&torture.end);
	return NULL;
}

/* --- options -----------------------------------------------------------------------------------
 */

static uint64_t kinds_of(const char *list)
{
	uint64_t found = 0;

	while (*list) {
		size_t len = strcspn(list, ","), i = 0;

		while (i < NR_KINDS &&
		       (strlen(kinds[i].name) != len || memcmp(kinds[i].name, list, len)))
			i++;
		if (i == NR_KINDS) {
			fprintf(stderr, "torture: no kind '%.*s'\n", (int)len, list);
			exit(2);
		}
		found |= 1ULL << i;
		list += len + (list[len] == ',');
	}
	return found;
}

static void set_mode(const char *name)
{
	size_t i = 0;

	while (i < NR_MODES && strcmp(modes[i].name, name))
		i++;
	if (i == NR_MODES) {
		fprintf(stderr, "torture: no mode '%s'\n", name);
		exit(2);
	}
	torture.wanted = modes[i].only ? kinds_of(modes[i].only) : ~0ULL;
	torture.storm.arena_pages = modes[i].arena_pages;
	torture.storm.shared_percent = modes[i].shared_percent;
}

static void set_option(int option, const char *value)
{
	unsigned long number = strtoul(value ? value : "0", NULL, 0);

	switch (option) {
	case 'w':
		workload_waits = true;
		return;
	case 's':
		torture.storm.seed = number;
		return;
	case 't':
		torture.nr_threads = number < 1 ? 1 : number > THREADS_MAX ? THREADS_MAX : number;
		return;
	case 'n':
		torture.ops = number;
		return;
	case 'm':
		torture.ms = number;
		return;
	case 'M':
		set_mode(value);
		return;
	case 'o':
		torture.wanted &= kinds_of(value);
		return;
	case 'x':
		torture.wanted &= ~kinds_of(value);
		return;
	case 'f':
		torture.first = number;
		return;
	case 'l':
		torture.last = number;
		return;
	case 'p':
		torture.storm.arena_pages = number < 16 ? 16 : number;
		return;
	default:
		exit(2);
	}
}

static void read_options(int argc, char **argv)
{
	static const struct option known[] = {
		{ "wait", 0, NULL, 'w' }, { "seed", 1, NULL, 's' },  { "threads", 1, NULL, 't' },
		{ "ops", 1, NULL, 'n' },  { "ms", 1, NULL, 'm' },    { "mode", 1, NULL, 'M' },
		{ "only", 1, NULL, 'o' }, { "skip", 1, NULL, 'x' },  { "first", 1, NULL, 'f' },
		{ "last", 1, NULL, 'l' }, { "pages", 1, NULL, 'p' }, { 0 }
	};
	int option;

	set_mode("storm");
	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1)
		set_option(option, optarg);
	if (torture.ops == ~0UL && torture.last == ~0UL && !torture.ms)
		torture.ops = 1000;
	for (size_t i = 0; i < NR_KINDS; i++)
		torture.weight += kinds[i].weight;
}

/* --- the run -----------------------------------------------------------------------------------
 */

static struct range arena(unsigned int number)
{
	struct range range = { (char *)(ARENA_BASE + number * ARENA_STRIDE),
			       torture.storm.arena_pages };

	if (mmap(range.at, bytes_of(range), PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1,
		 0) != range.at)
		workload__die("arena");
	return range;
}

static void prepare(void)
{
	struct sigaction action = { .sa_handler = on_bad_touch, .sa_flags = SA_NODEFER };
	struct storm *storm = &torture.storm;
	char path[256];

	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
	storm->file_fd = workload__file(path, sizeof(path), FILE_PAGES * WORKLOAD_PAGE);
	unlink(path);
	storm->memory_fd = memfd_create("torture", 0);
	if (storm->memory_fd < 0 || ftruncate(storm->memory_fd, FILE_PAGES * WORKLOAD_PAGE))
		workload__die("memfd");
	pthread_mutex_init(&storm->brk_lock, NULL);
	pthread_barrier_init(&torture.begin, NULL, torture.nr_threads + 1);
	pthread_barrier_init(&torture.quiet, NULL, torture.nr_threads + 1);
	pthread_barrier_init(&torture.end, NULL, torture.nr_threads + 1);
}

static void start_threads(pthread_t *threads)
{
	struct range shared = arena(0);

	for (unsigned int i = 0; i < torture.nr_threads; i++) {
		torture.actors[i] = (struct actor){
			.storm = &torture.storm,
			.number = i,
			.arena = arena(i + 1),
			.shared = shared,
		};
		errno = pthread_create(&threads[i], NULL, thread_main, &torture.actors[i]);
		if (errno)
			workload__die("thread");
	}
	torture.storm.brk_base = sbrk(0); /* from here on the main thread allocates nothing */
	torture.storm.brk_base += -(uintptr_t)torture.storm.brk_base % WORKLOAD_PAGE;
}

int main(int argc, char **argv)
{
	pthread_t threads[THREADS_MAX];
	struct rusage usage;
	char more[128];
	int status;

	read_options(argc, argv);
	workload__warm();
	prepare();
	workload__start();
	start_threads(threads);
	if (torture.ms)
		torture.deadline_ns = cpu_ns() + torture.ms * 1000000ULL;
	pthread_barrier_wait(&torture.begin);
	pthread_barrier_wait(&torture.quiet);
	getrusage(RUSAGE_SELF, &usage);
	snprintf(more, sizeof(more), ",\"faults\":%ld,\"last\":%lu", usage.ru_minflt,
		 torture.actors[0].op);
	status = workload__finish_with(more);
	pthread_barrier_wait(&torture.end);
	for (unsigned int i = 0; i < torture.nr_threads; i++)
		pthread_join(threads[i], NULL);
	return status;
}
