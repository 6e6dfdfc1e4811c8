// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* How much room the unwind rows will need: maps cannot grow once they are loaded. */
#include <stdio.h>
#include <unistd.h>
#include "base/regular_file.h"
#include "elf/needed_files.h"
#include "live/unwind_files.h"
#include "live/unwind_upload.h"

#define MIN_ROWS (2U << 20)
#define MAX_ROWS (64U << 20)
/* What a command will exec, a shell script or a compiler driver its work, is not known yet. */
#define LAUNCHED_ROWS (1U << 20)

/* @context: size_t, the rows so far. */
static void estimate_file(void *context, const char *path)
{
	int fd = regular_file__open(path, 0);

	if (fd < 0)
		return;
	*(size_t *)context += unwind_table__estimate(fd);
	close(fd);
}

__u32 unwind_upload__row_blocks(pid_t pid, const struct proc_maps *maps)
{
	size_t rows = 0;
	char path[64];
	int fd;

	for (size_t i = 0; maps && i < maps->nr; i++) {
		if (!unwind_files__is_code(&maps->maps[i]) || !maps->maps[i].ino)
			continue;
		fd = unwind_files__open(pid, &maps->maps[i]);
		if (fd < 0)
			continue;
		rows += unwind_table__estimate(fd);
		close(fd);
	}
	if (maps && unwind_files__has_just_begun(maps)) {
		snprintf(path, sizeof(path), "/proc/%d/exe", pid);
		needed_files__each(path, estimate_file, &rows);
		rows += LAUNCHED_ROWS;
	}
	rows = rows > MAX_ROWS / 2 ? MAX_ROWS : 2 * rows;
	return (__u32)((rows < MIN_ROWS ? MIN_ROWS : rows) / UNWIND_ROWS_PER_BLOCK);
}
