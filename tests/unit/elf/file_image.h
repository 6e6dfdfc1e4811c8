/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The bytes of an ELF file, for tests that change some of them. Include behind cmocka.h. */
#ifndef TESTS_UNIT_ELF_FILE_IMAGE_H
#define TESTS_UNIT_ELF_FILE_IMAGE_H

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <linux/types.h>

struct image {
	__u8 *bytes;
	size_t len;
};

/* Of the file @path, its bytes the caller's to free. */
static inline struct image read_image(const char *path)
{
	struct image image;
	struct stat st;
	int fd = open(path, O_RDONLY);

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	image.len = (size_t)st.st_size;
	image.bytes = malloc(image.len);
	assert_non_null(image.bytes);
	assert_int_equal(read(fd, image.bytes, image.len), (ssize_t)image.len);
	close(fd);
	return image;
}

#endif
