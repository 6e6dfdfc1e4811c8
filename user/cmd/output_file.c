// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cmd/output.h"
#include "cmd/output_file.h"

static const int deadly[] = { SIGINT, SIGTERM, SIGHUP };

/* What a signal takes away; set before the file is there, so that none is left behind. */
static const char *volatile unfinished;

static void on_signal(int signal_nr)
{
	const char *path = unfinished;

	if (path)
		unlink(path);
	signal(signal_nr, SIG_DFL);
	raise(signal_nr);
}

/* A signal the caller ignores (nohup) stays ignored. */
static void catch_signals(void)
{
	struct sigaction action = { .sa_handler = on_signal }, before;

	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < sizeof(deadly) / sizeof(deadly[0]); i++)
		if (!sigaction(deadly[i], NULL, &before) && before.sa_handler != SIG_IGN)
			sigaction(deadly[i], &action, NULL);
}

static int failed(struct err *err, int code, const char *verb, const char *path)
{
	return err__set(err, -code, "cannot %s '%s': %s", verb, path, strerror(code));
}

static int exists(const char *path, struct err *err)
{
	return err__set(err, -EEXIST, "'%s' exists; -f replaces it", path);
}

static int open_in_place(struct output_file *file, struct err *err)
{
	int fd = open(file->path, O_WRONLY | O_CLOEXEC | O_NOCTTY);

	file->out = fd < 0 ? NULL : fdopen(fd, "w");
	return file->out ? 0 : failed(err, errno, "open", file->path);
}

static int open_temporary(struct output_file *file, struct err *err)
{
	int fd;

	if (asprintf(&file->temporary, "%s.XXXXXX", file->path) < 0) {
		file->temporary = NULL;
		return err__set(err, -ENOMEM, "out of memory");
	}
	catch_signals();
	fd = mkostemp(file->temporary, O_CLOEXEC);
	if (fd < 0) {
		int code = errno;

		free(file->temporary);
		file->temporary = NULL;
		return failed(err, code, "create", file->path);
	}
	unfinished = file->temporary;
	file->out = fdopen(fd, "w");
	if (file->out)
		return 0;
	output_file__abandon(file);
	return err__set(err, -ENOMEM, "out of memory");
}

int output_file__open(struct output_file *file, const char *path, bool overwrite, struct err *err)
{
	struct stat st;

	*file = (struct output_file){ .path = path, .overwrite = overwrite };
	if (!strcmp(path, "-")) {
		file->out = stdout;
		return 0;
	}
	if (stat(path, &st))
		return open_temporary(file, err);
	if (S_ISDIR(st.st_mode))
		return err__set(err, -EISDIR, "'%s' is a directory: name a file in it", path);
	if (!S_ISREG(st.st_mode))
		return open_in_place(file, err);
	return overwrite ? open_temporary(file, err) : exists(path, err);
}

/* Gives the temporary its name. A hard link fails where somebody else has made the file meanwhile.
 */
static int publish(struct output_file *file, struct err *err)
{
	if (!file->overwrite && !link(file->temporary, file->path)) {
		unlink(file->temporary);
		return 0;
	}
	if (!file->overwrite && errno == EEXIST)
		return exists(file->path, err);
	return rename(file->temporary, file->path) ? failed(err, errno, "write", file->path) : 0;
}

/* The stream keeps no reason: a further try gives it again. */
static int why_bad(FILE *out)
{
	clearerr(out);
	errno = 0;
	fputc('\n', out);
	return fflush(out) && errno ? errno : EIO;
}

int output_file__check(struct output_file *file, struct err *err)
{
	if (!ferror(file->out))
		return 0;
	return file->out == stdout ? output__flush(err)
				   : failed(err, why_bad(file->out), "write", file->path);
}

int output_file__commit(struct output_file *file, struct err *err)
{
	int code, bad;

	if (file->out == stdout)
		return output__flush(err);
	code = output_file__check(file, err);
	if (code) {
		output_file__abandon(file);
		return code;
	}
	bad = fflush(file->out) || (file->temporary && fsync(fileno(file->out))) ? errno : 0;
	if (fclose(file->out) && !bad)
		bad = errno;
	file->out = NULL;
	code = bad ? failed(err, bad, "write", file->path) : 0;
	if (!code && file->temporary)
		code = publish(file, err);
	if (!code)
		unfinished = NULL;
	output_file__abandon(file);
	return code;
}

void output_file__abandon(struct output_file *file)
{
	if (file->out && file->out != stdout)
		fclose(file->out);
	file->out = NULL;
	if (unfinished)
		unlink(unfinished);
	unfinished = NULL;
	free(file->temporary);
	file->temporary = NULL;
}
