// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include "trace/file_failed.h"

int file_failed(int code, const char *verb, const char *path, const char *then, struct err *err)
{
	char why[128];

	snprintf(why, sizeof(why), "%s", strerror(-code));
	why[0] = tolower((unsigned char)why[0]);
	return err__set(err, code, "cannot %s \"%s\": %s%s", verb, path, why, then);
}
