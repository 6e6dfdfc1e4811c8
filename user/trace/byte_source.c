// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "trace/file_failed.h"
#include "trace/reader.h"

struct file_bytes {
	struct byte_source source;
	int fd;
};

static long file__read(struct byte_source *source, void *buf, unsigned long len)
{
	struct file_bytes *file = (struct file_bytes *)source;
	ssize_t n;

	do
		n = read(file->fd, buf, len);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

static int file__seek(struct byte_source *source, __u64 offset)
{
	return lseek(((struct file_bytes *)source)->fd, offset, SEEK_SET) < 0 ? -errno : 0;
}

static void file__close(struct byte_source *source)
{
	close(((struct file_bytes *)source)->fd);
	free(source);
}

static const char *advice(int code)
{
	switch (code) {
	case -ENOENT:
	case -ENOTDIR:
		return "; check the name";
	case -EACCES:
	case -EPERM:
		return "; be its owner or root";
	default:
		return "";
	}
}

/* 0 and the size, or -errno with a sentence. */
static int check_kind(int fd, const char *path, __u64 *size_bytes, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st))
		return file_failed(-errno, "read", path, "", err);
	if (S_ISDIR(st.st_mode))
		return err__set(err, -EISDIR, "\"%s\" is a directory: name the trace in it", path);
	if (!S_ISREG(st.st_mode)) /* a pipe neither: a report reads its trace twice */
		return err__set(
			err, -EINVAL,
			"\"%s\" is not a regular file: name a file that 'rsstrace record' wrote",
			path);
	*size_bytes = st.st_size;
	return 0;
}

struct byte_source *byte_source__file(const char *path, struct err *err)
{
	struct file_bytes *file;
	__u64 size_bytes = 0;
	/* without O_NONBLOCK, opening a pipe nobody writes to waits forever */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0) {
		file_failed(-errno, "read", path, advice(-errno), err);
		return NULL;
	}
	if (check_kind(fd, path, &size_bytes, err)) {
		close(fd);
		return NULL;
	}
	file = malloc(sizeof(*file));
	if (!file) {
		close(fd);
		file_failed(-ENOMEM, "read", path, "", err);
		return NULL;
	}
	*file = (struct file_bytes){
		.source = { .read = file__read,
			    .seek = file__seek,
			    .close = file__close,
			    .size_bytes = size_bytes },
		.fd = fd,
	};
	return &file->source;
}

struct memory_bytes {
	struct byte_source source;
	const __u8 *at;
	unsigned long left, len;
};

static long memory__read(struct byte_source *source, void *buf, unsigned long len)
{
	struct memory_bytes *memory = (struct memory_bytes *)source;

	if (len > memory->left)
		len = memory->left;
	if (!len)
		return 0;
	memcpy(buf, memory->at, len);
	memory->at += len;
	memory->left -= len;
	return len;
}

static int memory__seek(struct byte_source *source, __u64 offset)
{
	struct memory_bytes *memory = (struct memory_bytes *)source;

	if (offset > memory->len)
		return -EINVAL;
	memory->at += (__s64)(offset - (memory->len - memory->left));
	memory->left = memory->len - offset;
	return 0;
}

static void memory__close(struct byte_source *source)
{
	free(source);
}

struct byte_source *byte_source__memory(const void *bytes, unsigned long len)
{
	struct memory_bytes *memory = malloc(sizeof(*memory));

	if (!memory)
		return NULL;
	*memory = (struct memory_bytes){
		.source = { .read = memory__read,
			    .seek = memory__seek,
			    .close = memory__close,
			    .size_bytes = len },
		.at = bytes,
		.left = len,
		.len = len,
	};
	return &memory->source;
}
