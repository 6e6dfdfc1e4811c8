// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <elfutils/debuginfod.h>
#include "elf/debuginfod.h"

struct debuginfod {
	debuginfod_client *client;
	__typeof__(&debuginfod_begin) begin;
	__typeof__(&debuginfod_end) end;
	__typeof__(&debuginfod_find_debuginfo) find;
	__typeof__(&debuginfod_set_progressfn) set_progress;
};

/* The one fetch under way in this thread: the library's own place for it came later than the rest.
 */
static __thread bool (*fetch_goes_on)(void *context);
static __thread void *fetch_context;

static int on_progress(debuginfod_client *client, long done, long all)
{
	(void)client, (void)done, (void)all;
	return fetch_goes_on && !fetch_goes_on(fetch_context);
}

static int load(struct debuginfod *debuginfod, struct err *err)
{
	void *library = dlopen(DEBUGINFOD_SONAME, RTLD_NOW | RTLD_LOCAL);

	if (!library)
		return err__set(err, -ENOENT,
				"--debuginfod needs a library (Debian: libdebuginfod1): %s",
				dlerror());
	debuginfod->begin = dlsym(library, "debuginfod_begin");
	debuginfod->end = dlsym(library, "debuginfod_end");
	debuginfod->find = dlsym(library, "debuginfod_find_debuginfo");
	debuginfod->set_progress = dlsym(library, "debuginfod_set_progressfn");
	if (!debuginfod->begin || !debuginfod->end || !debuginfod->find ||
	    !debuginfod->set_progress)
		return err__set(err, -ENOENT,
				DEBUGINFOD_SONAME " lacks what --debuginfod needs of it");
	debuginfod->client = debuginfod->begin();
	if (!debuginfod->client)
		return err__set(err, -ENOMEM, "libdebuginfod does not begin");
	debuginfod->set_progress(debuginfod->client, on_progress);
	return 0;
}

struct debuginfod *debuginfod__new(const char *urls, struct err *err)
{
	struct debuginfod *debuginfod = calloc(1, sizeof(*debuginfod));

	if (!debuginfod || (*urls && setenv(DEBUGINFOD_URLS_ENV_VAR, urls, 1))) {
		err__set(err, -ENOMEM, "out of memory");
		free(debuginfod);
		return NULL;
	}
	if (load(debuginfod, err)) {
		debuginfod__free(debuginfod);
		return NULL;
	}
	return debuginfod;
}

void debuginfod__free(struct debuginfod *debuginfod)
{
	if (!debuginfod)
		return;
	if (debuginfod->client)
		debuginfod->end(debuginfod->client);
	free(debuginfod); /* the library stays: what it brought along has handlers for the exit */
}

int debuginfod__fetch(struct debuginfod *debuginfod, const __u8 *build_id, size_t len,
		      bool (*go_on)(void *context), void *context)
{
	int fd;

	fetch_goes_on = go_on;
	fetch_context = context;
	fd = debuginfod->find(debuginfod->client, build_id, (int)len, NULL);
	fetch_goes_on = NULL;
	return fd;
}
