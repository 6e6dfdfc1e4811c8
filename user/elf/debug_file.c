// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include "elf/debug_file.h"

#define DEBUG_ROOT "/usr/lib/debug"

struct debug_search {
	struct elf_image *debug;
	const struct elf_image *program;
	__u8 build_id[64];
	size_t build_id_bytes;
	const char *link; /* file name in .gnu_debuglink, NULL: none */
	__u32 link_crc;
};

/* A debug file beside a program without build-id is summed up whole, and its size is its maker's.
 */
#define MAX_SUMMED_BYTES (1ULL << 30)

static __u32 crc_of_file(const struct elf_image *image)
{
	static const size_t chunk_bytes = 1u << 16;
	unsigned char *chunk = malloc(chunk_bytes);
	__u32 crc = crc32(0, NULL, 0);
	off_t offset = 0;
	ssize_t len;

	while (chunk && (len = pread(image->fd, chunk, chunk_bytes, offset)) > 0) {
		crc = crc32(crc, chunk, len);
		offset += len;
	}
	free(chunk);
	return crc;
}

static bool belongs(const struct debug_search *search)
{
	__u8 build_id[64];
	size_t len = elf_image__build_id(search->debug, build_id, sizeof(build_id));

	if (len && search->build_id_bytes)
		return len == search->build_id_bytes && !memcmp(build_id, search->build_id, len);
	return search->link && search->debug->size_bytes <= MAX_SUMMED_BYTES &&
	       crc_of_file(search->debug) == search->link_crc;
}

static bool try_path(const struct debug_search *search, const char *path)
{
	if (elf_image__open(search->debug, path, ELF_IMAGE_DEBUG, NULL))
		return false;
	if (belongs(search))
		return true;
	elf_image__close(search->debug);
	return false;
}

static bool try_build_id(const struct debug_search *search, const char *root)
{
	char path[PATH_MAX];
	int len;

	if (search->build_id_bytes < 2)
		return false;
	len = snprintf(path, sizeof(path), "%s" DEBUG_ROOT "/.build-id/%02x/", root,
		       search->build_id[0]);
	if (len < 0 || (size_t)len + 2 * sizeof(search->build_id) + sizeof(".debug") > sizeof(path))
		return false;
	for (size_t i = 1; i < search->build_id_bytes; i++)
		len += sprintf(path + len, "%02x", search->build_id[i]);
	strcpy(path + len, ".debug");
	return try_path(search, path);
}

static bool try_directory(const struct debug_search *search, const char *root, const char *prefix,
			  const char *directory, int directory_len, const char *subdirectory)
{
	char path[PATH_MAX];
	int len = snprintf(path, sizeof(path), "%s%s%.*s/%s%s", root, prefix, directory_len,
			   directory, subdirectory, search->link);

	return len > 0 && (size_t)len < sizeof(path) && try_path(search, path);
}

static int directory_len(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? (int)(slash - path) : 0;
}

static bool try_link(const struct debug_search *search, const char *root, const char *program)
{
	int len = directory_len(program);

	return search->link && *program == '/' &&
	       (try_directory(search, root, "", program, len, "") ||
		try_directory(search, root, "", program, len, ".debug/") ||
		try_directory(search, root, DEBUG_ROOT, program, len, ""));
}

/* .gnu_debuglink: a name, padding to 4 bytes, the CRC. */
static void read_link(struct debug_search *search)
{
	GElf_Shdr shdr;
	Elf_Data *data = elf_image__section_bytes(search->program, ".gnu_debuglink", &shdr);
	size_t len, crc_at;

	if (!data)
		return;
	len = strnlen(data->d_buf, data->d_size);
	crc_at = (len + 4) & ~(size_t)3;
	if (!len || crc_at + sizeof(search->link_crc) > data->d_size || strchr(data->d_buf, '/'))
		return;
	search->link = data->d_buf;
	memcpy(&search->link_crc, (char *)data->d_buf + crc_at, sizeof(search->link_crc));
}

int debug_file__open(struct elf_image *debug, const struct elf_image *program, const char *path,
		     const char *name, const char *root)
{
	struct debug_search search = { .debug = debug, .program = program };
	char real[PATH_MAX];

	search.build_id_bytes =
		elf_image__build_id(program, search.build_id, sizeof(search.build_id));
	read_link(&search);
	if (*name != '/' && realpath(path, real))
		name = real;
	if (try_build_id(&search, "") || try_link(&search, "", name) ||
	    (*root && (try_build_id(&search, root) || try_link(&search, root, name))))
		return 0;
	return -ENOENT;
}

int debug_file__open_path(struct elf_image *debug, const struct elf_image *program,
			  const char *path)
{
	struct debug_search search = { .debug = debug, .program = program };
	int code = elf_image__open(debug, path, ELF_IMAGE_DEBUG, NULL);

	if (code)
		return code;
	search.build_id_bytes =
		elf_image__build_id(program, search.build_id, sizeof(search.build_id));
	if (belongs(&search))
		return 0;
	elf_image__close(debug);
	return -EINVAL;
}
