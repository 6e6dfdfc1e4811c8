// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* When blocks go out, how large they get, and what happens to a file that cannot be written. */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include "trace/made_trace.h"

#define SKIPPED 77

static struct trace_writer *open_writer(const char *path)
{
	struct err err = { "" };
	struct trace_writer *writer = trace_writer__open(path, true, &err);

	if (!writer)
		fail_msg("%s", err.text);
	return writer;
}

static void append(struct trace_writer *writer, __u16 type, __u32 size, __u64 ts)
{
	struct err err = { "" };

	if (trace_writer__append(writer, record(type, size, ts, false), &err))
		fail_msg("%s", err.text);
}

static struct reading read_file(const char *path)
{
	struct err err = { "" };
	struct byte_source *bytes = byte_source__file(path, &err);

	if (!bytes)
		fail_msg("%s", err.text);
	return reading__of(bytes);
}

static __u64 size_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_size;
}

static void blocks_go_out_by_record_time(void **state)
{
	const char *path = scratch("time.rsst");
	struct trace_writer *writer = open_writer(path);
	__u64 start = 5 * NSEC_PER_SEC, before;

	(void)state;
	assert_int_equal(trace_writer__bytes(writer), FILE_HEADER_BYTES);
	append(writer, REC_START, sizeof(struct rec_start), start);
	assert_int_equal(size_of(path), FILE_HEADER_BYTES);
	append(writer, REC_TICK, 16, start + 1); /* the first */
	before = size_of(path);
	assert_true(before > FILE_HEADER_BYTES);
	append(writer, REC_TICK, 16, start + NSEC_PER_SEC); /* a nanosecond early */
	append(writer, REC_DELTA, 64, UINT64_MAX);	    /* only ticks tell time */
	assert_int_equal(size_of(path), before);
	append(writer, REC_TICK, 16, start + 1 + NSEC_PER_SEC);
	assert_true(size_of(path) > before);
	assert_int_equal(size_of(path), trace_writer__bytes(writer));
	before = size_of(path);
	append(writer, REC_TICK, 16, start + 2 + NSEC_PER_SEC);
	assert_int_equal(size_of(path), before);
	append(writer, REC_TICK, 16, start); /* a clock that went back */
	assert_true(size_of(path) > before);
	assert_int_equal(trace_writer__records(writer), 7);
	assert_int_equal(trace_writer__close(writer, NULL), 0);
	assert_int_equal(read_file(path).nr_records, 7);
	assert_int_equal(read_file(path).health.nr_blocks, 3);
}

/* A full block between two ticks does not put the next one off. */
static void a_full_block_does_not_move_the_clock(void **state)
{
	const char *path = scratch("full.rsst");
	struct trace_writer *writer = open_writer(path);
	__u64 before;

	(void)state;
	append(writer, REC_START, sizeof(struct rec_start), 0);
	append(writer, REC_TICK, 16, 1);
	for (int i = 0; i < 40; i++)
		append(writer, REC_STACK, RSST_REC_MAX, NSEC_PER_SEC - 1);
	before = size_of(path);
	append(writer, REC_TICK, 16, NSEC_PER_SEC + 1);
	assert_true(size_of(path) > before);
	assert_int_equal(trace_writer__close(writer, NULL), 0);
	assert_int_equal(read_file(path).health.nr_blocks, 3);
}

static void first_and_last_ts_bound_the_block(void **state)
{
	const char *path = scratch("bounds.rsst");
	struct trace_writer *writer = open_writer(path);
	struct trace_block_header header;
	struct bytes bytes;

	(void)state;
	append(writer, REC_START, sizeof(struct rec_start), 50);
	append(writer, REC_DELTA, 64, 40);
	append(writer, REC_DELTA, 64, 90);
	append(writer, REC_DELTA, 64, 60);
	assert_int_equal(trace_writer__close(writer, NULL), 0);
	bytes = bytes__of_file(path);
	memcpy(&header, bytes.at + FILE_HEADER_BYTES, sizeof(header));
	assert_int_equal(header.first_ts, 40);
	assert_int_equal(header.last_ts, 90);
	assert_int_equal(header.nr_records, 4);
	assert_int_equal(header.raw_bytes, sizeof(struct rec_start) + 3 * 64);
	assert_int_equal(FILE_HEADER_BYTES + sizeof(header) + header.stored_bytes, bytes.len);
	bytes__free(&bytes);
}

/* Fill a block up to @short_bytes below its limit, then one more record of RSST_REC_MAX. */
static __u32 first_block_of(__u32 short_bytes, bool noise)
{
	const char *path = scratch("big.rsst");
	struct trace_writer *writer = open_writer(path);
	__u32 left = TRACE_BLOCK_RAW_MAX - short_bytes, size;
	struct trace_block_header header;
	struct reading reading;
	struct bytes bytes;

	append(writer, REC_START, sizeof(struct rec_start), 0);
	for (left -= sizeof(struct rec_start); left; left -= size) {
		size = left > 2 * RSST_REC_MAX ? RSST_REC_MAX
		       : left > RSST_REC_MAX   ? left / 16 * 8
					       : left;
		assert_int_equal(
			trace_writer__append(writer, record(REC_STACK, size, 1, noise), NULL), 0);
	}
	append(writer, REC_STACK, RSST_REC_MAX, 2);
	assert_int_equal(trace_writer__close(writer, NULL), 0);
	bytes = bytes__of_file(path);
	memcpy(&header, bytes.at + FILE_HEADER_BYTES, sizeof(header));
	bytes__free(&bytes);
	reading = read_file(path);
	assert_int_equal(reading.code, 0);
	assert_int_equal(reading.health.damaged_blocks, 0);
	assert_int_equal(
		reading.health.nr_blocks,
		header.raw_bytes == TRACE_BLOCK_RAW_MAX && short_bytes == RSST_REC_MAX ? 1 : 2);
	return header.raw_bytes;
}

static void big_records_stay_in_one_block(void **state)
{
	(void)state;
	assert_int_equal(first_block_of(0, false), TRACE_BLOCK_RAW_MAX);
	assert_int_equal(first_block_of(0, true), TRACE_BLOCK_RAW_MAX);
	assert_int_equal(first_block_of(8, false), TRACE_BLOCK_RAW_MAX - 8);
	assert_int_equal(first_block_of(RSST_REC_MAX - 8, true),
			 TRACE_BLOCK_RAW_MAX - RSST_REC_MAX + 8);
	assert_int_equal(first_block_of(RSST_REC_MAX, false), TRACE_BLOCK_RAW_MAX);
}

static void what_is_no_record_is_refused(void **state)
{
	static const __u32 sizes[] = { 0, 8, 15, 17, 20, RSST_REC_MAX + 8, UINT32_MAX };
	const char *path = scratch("bad.rsst");
	struct trace_writer *writer = open_writer(path);
	struct err err = { "" };

	(void)state;
	append(writer, REC_START, sizeof(struct rec_start), 0);
	for (size_t i = 0; i < NR(sizes); i++)
		assert_int_equal(
			trace_writer__append(writer, record(REC_TICK, sizes[i], 0, false), &err),
			-EINVAL);
	assert_non_null(strstr(err.text, "record of 4294967295 bytes"));
	append(writer, REC_TICK, 16, 0);
	assert_int_equal(trace_writer__close(writer, NULL), 0);
	assert_int_equal(read_file(path).nr_records, 2);
}

static void refused(const char *path, bool overwrite, const char *part)
{
	struct err err = { "" };

	assert_null(trace_writer__open(path, overwrite, &err));
	if (!strstr(err.text, part))
		fail_msg("\"%s\" does not say \"%s\"", err.text, part);
}

static void targets_that_are_no_new_file_are_refused(void **state)
{
	const char *path;

	(void)state;
	refused("-", true, "not written to standard output");
	refused("", true, "no file named");
	refused("/dev/null", true, "a device");
	refused("/tmp", true, "is a directory");
	refused("/dev/null/x.rsst", false, "not a directory");
	refused(scratch("absent/x.rsst"), false,
		"no such file or directory; its directory must be");
	path = scratch("pipe");
	assert_int_equal(mkfifo(path, 0600), 0);
	refused(path, true, "is a pipe");
	path = scratch("dangling");
	assert_int_equal(symlink("nowhere", path), 0);
	refused(path, false, "exists already");
}

static void an_existing_file_needs_overwrite(void **state)
{
	const char *path = scratch("there.rsst");
	const struct bytes old = { (__u8 *)"precious", 8, 0 };
	struct bytes now;

	(void)state;
	bytes__to_file(&old, path);
	refused(path, false, "exists already: use -f to replace it");
	now = bytes__of_file(path);
	assert_int_equal(now.len, old.len);
	assert_memory_equal(now.at, old.at, old.len);
	bytes__free(&now);
	assert_int_equal(trace_writer__close(open_writer(path), NULL), 0);
	assert_int_equal(size_of(path), FILE_HEADER_BYTES);
}

/* Append until it fails; the file must then be a good trace of all blocks that went out. */
static void fill_up(const char *path, const char *why)
{
	struct trace_writer *writer = open_writer(path);
	struct err err = { "" }, again = { "" };
	struct reading reading;
	int code = 0;

	append(writer, REC_START, sizeof(struct rec_start), 0);
	for (__u64 i = 1; !code && i < 1000; i++) {
		code = trace_writer__append(writer, record(REC_STACK, 4096, i, true), &err);
		if (!code)
			code = trace_writer__append(
				writer, record(REC_TICK, 16, i * NSEC_PER_SEC, false), &err);
	}
	assert_true(code < 0);
	if (!strstr(err.text, why) || !strstr(err.text, "; the trace is complete up to here"))
		fail_msg("%s", err.text);
	assert_int_equal(trace_writer__append(writer, record(REC_TICK, 16, 0, false), &again),
			 code);
	assert_string_equal(again.text, err.text);
	assert_int_equal(size_of(path), trace_writer__bytes(writer));
	assert_int_equal(trace_writer__close(writer, &again), code);
	assert_string_equal(again.text, err.text);
	reading = read_file(path);
	assert_true(reading.opened);
	assert_int_equal(reading.code, 0);
	assert_false(reading.health.cut);
	assert_int_equal(reading.health.damaged_blocks, 0);
	assert_true(reading.health.nr_blocks > 5);
	assert_int_equal(reading.last_type, REC_TICK);
}

static void a_file_too_large_ends_with_a_whole_block(void **state)
{
	struct rlimit old, tight;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	tight = (struct rlimit){ .rlim_cur = 50001, .rlim_max = old.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
	fill_up(scratch("large.rsst"), "file too large");
	tight.rlim_cur = 10; /* not even the header */
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
	refused(scratch("tiny.rsst"), false, "file too large");
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(access(scratch("tiny.rsst"), F_OK), -1);
}

/* In a mount namespace of its own, so that nobody else sees the file system. */
static int on_a_tiny_disk(void)
{
	char dir[192];

	snprintf(dir, sizeof(dir), "%s", scratch("disk"));
	if (mkdir(dir, 0700) || unshare(CLONE_NEWNS) ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("none", dir, "tmpfs", 0, "size=64k"))
		return SKIPPED;
	fill_up(scratch("disk/full.rsst"), "no space left on device");
	return 0;
}

static void a_full_disk_ends_with_a_whole_block(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	scratch(""); /* the directory must be the parent's */
	pid = fork();
	if (!pid)
		_exit(on_a_tiny_disk());
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == SKIPPED) {
		print_message("skipped: mounting a tmpfs needs CAP_SYS_ADMIN\n");
		skip();
	}
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void a_killed_writer_leaves_what_went_out(void **state)
{
	const char *path = scratch("killed.rsst");
	struct reading reading;
	pid_t pid = fork();

	(void)state;
	if (!pid) {
		struct trace_writer *writer = open_writer(path);

		append(writer, REC_START, sizeof(struct rec_start), 0);
		append(writer, REC_TICK, 16, 1);
		append(writer, REC_TICK, 16, 2);
		raise(SIGKILL);
	}
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	reading = read_file(path);
	assert_int_equal(reading.nr_records, 2);
	assert_false(reading.health.cut);
}

static int clean_up(void **state)
{
	(void)state;
	remove_scratch();
	return 0;
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(blocks_go_out_by_record_time),
		cmocka_unit_test(a_full_block_does_not_move_the_clock),
		cmocka_unit_test(first_and_last_ts_bound_the_block),
		cmocka_unit_test(big_records_stay_in_one_block),
		cmocka_unit_test(what_is_no_record_is_refused),
		cmocka_unit_test(targets_that_are_no_new_file_are_refused),
		cmocka_unit_test(an_existing_file_needs_overwrite),
		cmocka_unit_test(a_file_too_large_ends_with_a_whole_block),
		cmocka_unit_test(a_full_disk_ends_with_a_whole_block),
		cmocka_unit_test(a_killed_writer_leaves_what_went_out),
	};

	return cmocka_run_group_tests(tests, NULL, clean_up);
}
