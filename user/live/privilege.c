// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <linux/capability.h>
#include "live/privilege.h"

bool privilege__has(int capability)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &header, data))
		return false;
	return data[CAP_TO_INDEX(capability)].effective & CAP_TO_MASK(capability);
}

bool privilege__may_bpf(void)
{
	return privilege__has(CAP_SYS_ADMIN) ||
	       (privilege__has(CAP_BPF) && privilege__has(CAP_PERFMON));
}

const char *privilege__missing_for_bpf(void)
{
	static char text[160];
	bool bpf = privilege__has(CAP_BPF), perfmon = privilege__has(CAP_PERFMON);

	if (privilege__may_bpf())
		return "the kernel forbids it (lockdown, or a security module): see `rsstrace doctor`";
	snprintf(text, sizeof(text),
		 "tracing needs CAP_BPF and CAP_PERFMON, missing here: %s%s%s; run it with sudo",
		 bpf ? "" : "CAP_BPF", bpf || perfmon ? "" : ", ", perfmon ? "" : "CAP_PERFMON");
	return text;
}
