// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * `loads NAME FILE` runs a load and writes into FILE, as one JSON object: ns (the rounds'
 * wall time), quartile_ns (a round's lower quartile, times their number), cpu_ns (processor time of
 * the rounds, ended children included), ops, faults (of the rounds). `loads` lists the names.
 * `loads NAME FILE --in-turns` waits for a line of its input before each round and tells what it
 * took in a line behind it: ns, cpu_ns, faults. The end of the input is its end.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include "loads.h"

const char *load_path;

struct spent {
	uint64_t ns;
	uint64_t cpu_ns;
	uint64_t faults;
};

void load__die(const char *what)
{
	perror(what);
	exit(1);
}

uint64_t load__now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static uint64_t timeval_ns(struct timeval tv)
{
	return tv.tv_sec * 1000000000ULL + tv.tv_usec * 1000ULL;
}

static struct spent spent_so_far(void)
{
	struct rusage own, children;
	struct timespec cpu;

	getrusage(RUSAGE_SELF, &own);
	getrusage(RUSAGE_CHILDREN, &children);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
	return (struct spent){
		.ns = load__now_ns(),
		.cpu_ns = cpu.tv_sec * 1000000000ULL + cpu.tv_nsec + timeval_ns(children.ru_utime) +
			  timeval_ns(children.ru_stime),
		.faults = own.ru_minflt + own.ru_majflt + children.ru_minflt + children.ru_majflt,
	};
}

static int by_size(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return (left > right) - (left < right);
}

static bool in_turns;

/* Is it our turn, or was that all? */
static bool may_go(void)
{
	return !in_turns || getchar() != EOF;
}

static void tell_round(const struct spent *before, const struct spent *after)
{
	printf("%" PRIu64 " %" PRIu64 " %" PRIu64 "\n", after->ns - before->ns,
	       after->cpu_ns - before->cpu_ns, after->faults - before->faults);
	fflush(stdout);
}

static void run_round(const struct load *load, struct spent *sum, uint64_t *ns)
{
	struct spent before, after;

	if (load->prepare)
		load->prepare();
	before = spent_so_far();
	load->round();
	after = spent_so_far();
	*ns = after.ns - before.ns;
	sum->ns += after.ns - before.ns;
	sum->cpu_ns += after.cpu_ns - before.cpu_ns;
	sum->faults += after.faults - before.faults;
	if (in_turns)
		tell_round(&before, &after);
}

static int run(const struct load *load)
{
	uint64_t *rounds = calloc(load->nr_rounds, sizeof(*rounds));
	struct spent sum = { 0 };
	FILE *file;

	if (!rounds)
		load__die("calloc");
	if (load->begin)
		load->begin();
	for (unsigned int i = 0; i < load->nr_rounds && may_go(); i++)
		run_round(load, &sum, &rounds[i]);
	if (load->end)
		load->end();
	qsort(rounds, load->nr_rounds, sizeof(*rounds), by_size);
	file = fopen(load_path, "w");
	if (!file)
		load__die(load_path);
	fprintf(file,
		"{\"ns\":%" PRIu64 ",\"quartile_ns\":%" PRIu64 ",\"cpu_ns\":%" PRIu64
		",\"ops\":%" PRIu64 ",\"faults\":%" PRIu64 "}\n",
		sum.ns, rounds[load->nr_rounds / 4] * load->nr_rounds, sum.cpu_ns,
		load->ops_per_round * load->nr_rounds, sum.faults);
	free(rounds);
	return fclose(file) ? 1 : 0;
}

static const struct load *find(const char *name)
{
	const struct load *const *const tables[] = { memory_loads, kernel_loads };

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		for (const struct load *const *load = tables[i]; *load; load++) {
			if (!name)
				puts((*load)->name);
			else if (!strcmp((*load)->name, name))
				return *load;
		}
	}
	return NULL;
}

int main(int argc, char **argv)
{
	const struct load *load = find(argc >= 3 ? argv[1] : NULL);

	in_turns = argc == 4 && !strcmp(argv[3], "--in-turns");
	if (!load || argc > 3 + in_turns) {
		fprintf(stderr, "usage: loads NAME FILE [--in-turns]\n");
		return 2;
	}
	load_path = argv[2];
	return run(load);
}
