/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Code made at run time: no file, no unwind table, names in /tmp/perf-PID.map. One function keeps a
 * frame pointer; the other is a trampoline that does not.
 */
#include <fcntl.h>
#include <unistd.h>
#include "workload.h"

#define JIT_BYTES (16 * MIB)

typedef void (*fill_fn)(char *at, unsigned long nr_pages);
typedef void (*call_fn)(char *at, unsigned long nr_pages, fill_fn fill);

/* push %rbp; mov %rsp,%rbp; 1: movb $1,(%rdi); add $4096,%rdi; dec %rsi; jne 1b; pop %rbp; ret */
static const unsigned char fill_code[] = { 0x55, 0x48, 0x89, 0xe5, 0xc6, 0x07, 0x01, 0x48,
					   0x81, 0xc7, 0x00, 0x10, 0x00, 0x00, 0x48, 0xff,
					   0xce, 0x75, 0xf1, 0x5d, 0xc3 };
/* sub $8,%rsp; call *%rdx; add $8,%rsp; ret */
static const unsigned char call_code[] = { 0x48, 0x83, 0xec, 0x08, 0xff, 0xd2,
					   0x48, 0x83, 0xc4, 0x08, 0xc3 };

SITE void site_called(char *at, unsigned long nr_pages)
{
	workload__touch(at, nr_pages * 4096);
	SITE_RETURN();
}

static FILE *open_map(char *path, size_t len)
{
	FILE *map;

	snprintf(path, len, "/tmp/perf-%d.map", getpid());
	map = fopen(path, "w");
	if (!map)
		workload__die(path);
	return map;
}

static void *make(FILE *map, char *to, const unsigned char *code, size_t len, const char *name)
{
	memcpy(to, code, len);
	fprintf(map, "%lx %zx %s\n", (unsigned long)to, len, name);
	fflush(map);
	return to;
}

int main(int argc, char **argv)
{
	char path[64], *memory, *code;
	fill_fn fill;
	call_fn call;
	FILE *map;
	int status;

	workload__init(argc, argv);
	memory = workload__map(2 * JIT_BYTES);
	code = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (code == MAP_FAILED)
		workload__die("mmap");
	workload__start();
	map = open_map(path, sizeof(path));
	fill = (fill_fn)make(map, code, fill_code, sizeof(fill_code), "site_jit");
	call = (call_fn)make(map, code + 1024, call_code, sizeof(call_code), "jit trampoline");
	if (mprotect(code, 4096, PROT_READ | PROT_EXEC))
		workload__die("mprotect");
	usleep(100 * 1000); /* that it is code is told in some milliseconds; until then stacks end at it */
	fill(memory, JIT_BYTES / 4096);
	call(memory + JIT_BYTES, JIT_BYTES / 4096, site_called);
	workload__site("site_jit", JIT_BYTES);
	workload__site("site_called", JIT_BYTES);
	status = workload__finish();
	fclose(map);
	unlink(path);
	return status;
}
