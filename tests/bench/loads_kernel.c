// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Loads that hardly fault: system calls, context switches, new processes, a data base. */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "loads.h"

static void nothing_round(void)
{
}

static const struct load nothing = { .name = "nothing", .nr_rounds = 1, .round = nothing_round };

/* There to be traced, until told to end. Its pid in FILE says that it is. */
static void idle_round(void)
{
	pause();
}

static void on_signal(int signum)
{
	(void)signum;
}

static void idle_begin(void)
{
	FILE *file = fopen(load_path, "w");

	signal(SIGTERM, on_signal);
	if (!file)
		load__die(load_path);
	fprintf(file, "{\"pid\":%d}\n", getpid());
	fclose(file);
}

static const struct load idle = {
	.name = "idle",
	.nr_rounds = 1,
	.begin = idle_begin,
	.round = idle_round,
};

#define CALLS_OPS 100000

static int null_fd, zero_fd;

static void calls_begin(void)
{
	null_fd = open("/dev/null", O_WRONLY);
	zero_fd = open("/dev/zero", O_RDONLY);
	if (null_fd < 0 || zero_fd < 0)
		load__die("/dev");
}

static void calls_round(void)
{
	char buffer[64];

	for (int i = 0; i < CALLS_OPS / 4; i++) {
		syscall(SYS_getppid);
		lseek(zero_fd, 0, SEEK_SET);
		if (read(zero_fd, buffer, sizeof(buffer)) < 0 ||
		    write(null_fd, buffer, sizeof(buffer)) < 0)
			load__die("/dev");
	}
}

static const struct load calls = {
	.name = "calls",
	.nr_rounds = 50,
	.ops_per_round = CALLS_OPS,
	.begin = calls_begin,
	.round = calls_round,
};

#define SWITCHES_OPS 2500

static int there[2], back[2];

static void *answer(void *unused)
{
	char byte;

	(void)unused;
	while (read(there[0], &byte, 1) == 1)
		if (write(back[1], &byte, 1) != 1)
			break;
	return NULL;
}

/* On one CPU, so that each byte takes a switch; on two it is about how a sleeping one is woken. */
static void switches_begin(void)
{
	cpu_set_t one;
	pthread_t thread;

	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	if (sched_setaffinity(0, sizeof(one), &one) || pipe(there) || pipe(back) ||
	    pthread_create(&thread, NULL, answer, NULL))
		load__die("pipe");
}

static void switches_round(void)
{
	char byte = 0;

	for (int i = 0; i < SWITCHES_OPS; i++)
		if (write(there[1], &byte, 1) != 1 || read(back[0], &byte, 1) != 1)
			load__die("pipe");
}

static const struct load switches = {
	.name = "switches",
	.nr_rounds = 40,
	.ops_per_round = SWITCHES_OPS,
	.begin = switches_begin,
	.round = switches_round,
};

#define FORKS_OPS 25
#define FORKS_PARENT_BYTES (16 * LOAD_MIB)

static void forks_begin(void)
{
	char *held = malloc(FORKS_PARENT_BYTES);

	if (!held)
		load__die("malloc");
	memset(held, 1, FORKS_PARENT_BYTES);
	asm volatile("" ::"r"(held) : "memory");
}

static void forks_round(void)
{
	for (int i = 0; i < FORKS_OPS; i++) {
		pid_t pid = fork();

		if (pid < 0)
			load__die("fork");
		if (!pid) {
			execl("/bin/true", "true", NULL);
			_exit(127);
		}
		if (waitpid(pid, NULL, 0) != pid)
			load__die("waitpid");
	}
}

static const struct load forks = {
	.name = "forks",
	.nr_rounds = 16,
	.ops_per_round = FORKS_OPS,
	.begin = forks_begin,
	.round = forks_round,
};

#define SQLITE_ROWS 6000

static sqlite3 *db;

static void sql(const char *text)
{
	char *message = NULL;

	if (sqlite3_exec(db, text, NULL, NULL, &message) == SQLITE_OK)
		return;
	fprintf(stderr, "sqlite: %s\n", message);
	exit(1);
}

static void sqlite_begin(void)
{
	if (sqlite3_open(":memory:", &db) != SQLITE_OK)
		load__die("sqlite3_open");
	sql("CREATE TABLE t(id INTEGER PRIMARY KEY, k INTEGER, v TEXT); CREATE INDEX by_k ON t(k)");
}

/* The table grows from round to round, as a service's does. */
static void sqlite_round(void)
{
	sqlite3_stmt *insert;

	sql("BEGIN");
	sqlite3_prepare_v2(db, "INSERT INTO t(k, v) VALUES(?, hex(randomblob(60)))", -1, &insert,
			   NULL);
	for (int i = 0; i < SQLITE_ROWS; i++) {
		sqlite3_bind_int(insert, 1, i * 7919 % 1000003);
		if (sqlite3_step(insert) != SQLITE_DONE)
			load__die("sqlite3_step");
		sqlite3_reset(insert);
	}
	sqlite3_finalize(insert);
	sql("COMMIT; SELECT count(*), max(v) FROM t WHERE k BETWEEN 1000 AND 90000;"
	    "UPDATE t SET k = k + 1 WHERE id % 97 = 0;"
	    "SELECT k % 100, count(*) FROM t GROUP BY 1");
}

static void sqlite_end(void)
{
	sqlite3_close(db);
}

static const struct load sqlite = {
	.name = "sqlite",
	.nr_rounds = 24,
	.ops_per_round = SQLITE_ROWS,
	.begin = sqlite_begin,
	.round = sqlite_round,
	.end = sqlite_end,
};

const struct load *const kernel_loads[] = { &nothing, &idle,   &calls, &switches,
					    &forks,   &sqlite, NULL };
