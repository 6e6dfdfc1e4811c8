// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* proc_maps and proc_status on our own process, with one mapping of every sort. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "live/proc_maps.h"

#define LEN 65536UL

static const struct proc_map *find(const struct proc_maps *maps, const void *addr)
{
	for (size_t i = 0; i < maps->nr; i++)
		if (maps->maps[i].start <= (uintptr_t)addr && (uintptr_t)addr < maps->maps[i].end)
			return &maps->maps[i];
	return NULL;
}

static const struct proc_map *find_name(const struct proc_maps *maps, const char *name)
{
	for (size_t i = 0; i < maps->nr; i++)
		if (!strcmp(maps->maps[i].name, name))
			return &maps->maps[i];
	return NULL;
}

static struct proc_maps read_self(bool smaps)
{
	struct proc_maps maps;
	struct err err;

	assert_int_equal(proc_maps__read(&maps, getpid(), smaps, &err), 0);
	assert_true(maps.nr > 5);
	for (size_t i = 1; i < maps.nr; i++)
		assert_true(maps.maps[i].start >= maps.maps[i - 1].end);
	return maps;
}

static void assert_backing(void *addr, enum map_backing backing)
{
	struct proc_maps maps = read_self(false);
	const struct proc_map *map = find(&maps, addr);

	assert_ptr_not_equal(addr, MAP_FAILED);
	assert_non_null(map);
	assert_int_equal(map->backing, backing);
	proc_maps__free(&maps);
}

static void test_anonymous(void **state)
{
	char *mem = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *small = malloc(64);

	(void)state;
	assert_backing(mem, BACKING_ANON);
	munmap(mem, LEN);
	assert_backing(small, BACKING_ANON); /* [heap] */
	free(small);
	assert_backing(&mem, BACKING_ANON);	  /* [stack] */
}

static void test_shmem(void **state)
{
	int memfd = memfd_create("test", MFD_CLOEXEC);
	int shmid = shmget(IPC_PRIVATE, LEN, 0600);
	int tmpfs = open("/dev/shm", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	void *mem;

	(void)state;
	mem = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_backing(mem, BACKING_SHMEM);
	munmap(mem, LEN);
	assert_int_equal(ftruncate(memfd, LEN), 0);
	mem = mmap(NULL, LEN, PROT_READ, MAP_PRIVATE, memfd, 0);
	assert_backing(mem, BACKING_SHMEM);
	munmap(mem, LEN);
	close(memfd);
	if (shmid >= 0) {
		mem = shmat(shmid, NULL, 0);
		shmctl(shmid, IPC_RMID, NULL);
		assert_backing(mem, BACKING_SHMEM);
		shmdt(mem);
	}
	if (tmpfs >= 0) {
		assert_int_equal(ftruncate(tmpfs, LEN), 0);
		mem = mmap(NULL, LEN, PROT_READ, MAP_SHARED, tmpfs, 0);
		assert_backing(mem, BACKING_SHMEM);
		munmap(mem, LEN);
		close(tmpfs);
	}
}

static void test_dev_zero(void **state)
{
	int fd = open("/dev/zero", O_RDWR | O_CLOEXEC);
	void *mem;

	(void)state;
	mem = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	assert_backing(mem, BACKING_ANON);
	munmap(mem, LEN);
	mem = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_backing(mem, BACKING_SHMEM);
	munmap(mem, LEN);
	close(fd);
}

static void test_hugetlb(void **state)
{
	void *mem = mmap(NULL, 2UL << 20, PROT_READ,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_NORESERVE, -1, 0);

	(void)state;
	if (mem == MAP_FAILED)
		skip();
	assert_backing(mem, BACKING_HUGETLB);
	munmap(mem, 2UL << 20);
}

static void test_file(void **state)
{
	struct proc_maps maps;
	const struct proc_map *map;
	struct stat st;
	char exe[4096];
	void *mem;
	int fd;

	(void)state;
	proc_exe(getpid(), exe, sizeof(exe));
	fd = open(exe, O_RDONLY | O_CLOEXEC);
	assert_int_equal(fstat(fd, &st), 0);
	mem = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 4096);
	assert_ptr_not_equal(mem, MAP_FAILED);
	maps = read_self(false);
	map = find(&maps, mem);
	assert_int_equal(map->backing, BACKING_FILE);
	assert_int_equal(map->prot, 5);
	assert_int_equal(map->shared, 1);
	assert_int_equal(map->pgoff, 4096);
	assert_int_equal(map->ino, st.st_ino);
	assert_string_equal(map->name, exe);
	proc_maps__free(&maps);
	munmap(mem, 4096);
	close(fd);
}

static void test_special(void **state)
{
	void *heap = sbrk(4096); /* a sanitizer's malloc may not have made one */
	struct proc_maps maps = read_self(false);
	const struct proc_map *vdso = find_name(&maps, "[vdso]");

	(void)state;
	assert_ptr_not_equal(heap, (void *)-1);
	if (vdso)
		assert_int_equal(vdso->backing, BACKING_SPECIAL);
	assert_non_null(find_name(&maps, "[heap]"));
	assert_non_null(find_name(&maps, "[stack]"));
	assert_true(maps.maps[0].rss == UINT64_MAX);
	proc_maps__free(&maps);
}

static void test_smaps(void **state)
{
	char *mem = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct proc_maps maps;
	const struct proc_map *map;
	int named;

	(void)state;
	mprotect(mem + LEN - 4096, 4096, PROT_NONE); /* keeps the neighbours apart */
	madvise(mem, LEN, MADV_NOHUGEPAGE);
	named = prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, mem, LEN - 4096, "arena");
	memset(mem, 1, 5 * 4096);
	maps = read_self(true);
	map = find(&maps, mem);
	assert_int_equal(map->rss, 5 * 4096);
	assert_int_equal(map->anonymous, 5 * 4096);
	assert_int_equal(map->private_dirty, 5 * 4096);
	assert_int_equal(map->shared_clean, 0);
	assert_int_equal(map->swap, 0);
	if (!named) {
		assert_string_equal(map->name, "[anon:arena]");
		assert_int_equal(map->backing, BACKING_ANON);
	}
	proc_maps__free(&maps);
	munmap(mem, LEN);
}

static void test_no_such_process(void **state)
{
	struct proc_status status;
	struct proc_maps maps;
	struct err err;
	char exe[16];

	(void)state;
	assert_int_equal(proc_maps__read(&maps, 0x7fffffff, false, &err), -ESRCH);
	assert_string_equal(err.text, "no process with pid 2147483647");
	assert_int_equal(proc_status__read(&status, 0x7fffffff, &err), -ESRCH);
	assert_int_equal(proc_status__read(&status, -1, &err), -ESRCH);
	proc_exe(0x7fffffff, exe, sizeof(exe));
	assert_string_equal(exe, "");
}

static void test_status(void **state)
{
	struct proc_status status;
	char comm[16];

	(void)state;
	prctl(PR_GET_NAME, comm);
	prctl(PR_SET_NAME, "a) R (b c");
	assert_int_equal(proc_status__read(&status, getpid(), NULL), 0);
	assert_string_equal(status.comm, "a) R (b c");
	prctl(PR_SET_NAME, comm);
	assert_int_equal(status.tgid, getpid());
	assert_int_equal(status.ppid, getppid());
	assert_int_equal(status.uid, getuid());
	assert_int_equal(status.nr_threads, 1);
	assert_int_equal(status.state, 'R');
	assert_false(status.kernel_thread);
	assert_true(status.rss_anon > 0 && status.rss_file > 0);
	assert_true(status.hiwater >= status.rss_anon);
	assert_true(status.start_ticks > 0);
}

static void test_kernel_thread(void **state)
{
	struct proc_status status;

	(void)state;
	if (proc_status__read(&status, 2, NULL) || strcmp(status.comm, "kthreadd"))
		skip(); /* in a pid namespace */
	assert_true(status.kernel_thread);
	assert_int_equal(status.rss_anon, 0);
}

static void test_zombie_has_no_maps(void **state)
{
	struct proc_status status;
	struct proc_maps maps;
	pid_t child = fork();

	(void)state;
	if (!child)
		_exit(0);
	usleep(20000);
	assert_int_equal(proc_status__read(&status, child, NULL), 0);
	assert_int_equal(status.state, 'Z');
	if (!proc_maps__read(&maps, child, false, NULL))
		assert_int_equal(maps.nr, 0);
	proc_maps__free(&maps);
	waitpid(child, NULL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_anonymous),
		cmocka_unit_test(test_shmem),
		cmocka_unit_test(test_dev_zero),
		cmocka_unit_test(test_hugetlb),
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_special),
		cmocka_unit_test(test_smaps),
		cmocka_unit_test(test_no_such_process),
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_kernel_thread),
		cmocka_unit_test(test_zombie_has_no_maps),
	};

	return cmocka_run_group_tests_name("proc_maps", tests, NULL, NULL);
}
