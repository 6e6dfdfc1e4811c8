// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <linux/capability.h>
#include "live/feature_probes.h"
#include "live/kernel_types.h"
#include "live/privilege.h"
#include "live/proc_file.h"
#include "live/residency.h"

#define INIT_PID_NS_INO 0xEFFFFFFCU /* PROC_PID_INIT_INO, include/linux/proc_ns.h */
#define MEMCG_ACCOUNTING_MAJOR 5    /* BPF memory no longer counts as locked since Linux 5.11 */
#define MEMCG_ACCOUNTING_MINOR 11
#define PERF_PARANOID_KERNEL 2 /* from here on unprivileged users see no kernel events */
#define YAMA_NO_ATTACH 3

#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#define PR_SET_VMA_ANON_NAME 0
#endif

static void __attribute__((format(printf, 2, 3))) found(char *detail, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(detail, FEATURE_DETAIL_LEN, format, args);
	va_end(args);
}

/* First line of @path into @line; false when it cannot be read. */
static bool read_line(const char *path, char *line, size_t cap)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len;

	if (fd < 0)
		return false;
	len = read(fd, line, cap - 1);
	close(fd);
	if (len < 0)
		return false;
	line[len] = '\0';
	line[strcspn(line, "\n")] = '\0';
	return true;
}

/* The number in sysctl file @path, or @missing. */
static long read_number(const char *path, long missing)
{
	char line[32];

	return read_line(path, line, sizeof(line)) ? strtol(line, NULL, 10) : missing;
}

bool probe_kernel(const struct feature *feature, char *detail)
{
	struct utsname uts;

	(void)feature;
	if (uname(&uts))
		return false;
	found(detail, "%.64s %.32s", uts.release, uts.machine);
	return true;
}

bool probe_pid_namespace(const struct feature *feature, char *detail)
{
	struct stat st;

	(void)feature;
	if (stat("/proc/self/ns/pid", &st) || st.st_ino == INIT_PID_NS_INO)
		return true;
	found(detail, "a pid namespace of its own");
	return false;
}

bool probe_btf(const struct feature *feature, char *detail)
{
	struct btf *btf = btf__load_vmlinux_btf();

	(void)feature;
	if (!btf) {
		found(detail, "%s",
		      access("/sys/kernel/btf/vmlinux", F_OK) ? "no /sys/kernel/btf/vmlinux"
							      : "not readable");
		return false;
	}
	found(detail, "%u types", btf__type_cnt(btf) - 1);
	btf__free(btf);
	return true;
}

bool probe_hook(const struct feature *feature, char *detail)
{
	struct btf *btf = btf__load_vmlinux_btf();
	int nr = btf ? kernel_types__tracepoint_args(btf, feature->subject) : -1;

	found(detail, btf ? "no such tracepoint" : "unknown without BTF");
	btf__free(btf);
	if (nr < 0)
		return false;
	found(detail, "%d argument%s", nr, nr == 1 ? "" : "s");
	return true;
}

bool probe_rss_counting(const struct feature *feature, char *detail)
{
	static const char *const how[] = {
		[FAMILY_NONE] = "in a way nobody here knows",
		[FAMILY_BATCHED] =
			"a thread's faults in batches of up to 64, told apart at each fault's end",
		[FAMILY_PERCPU] = "each change told as it happens",
	};
	struct btf *btf = btf__load_vmlinux_btf();
	enum kernel_family family = btf ? kernel_types__family(btf) : FAMILY_NONE;

	(void)feature;
	btf__free(btf);
	found(detail, "%s", how[family]);
	return family != FAMILY_NONE;
}

bool probe_helper(const struct feature *feature, char *detail)
{
	struct btf *btf = btf__load_vmlinux_btf();
	bool there = btf && kernel_types__has_helper(btf, feature->subject);

	(void)detail;
	btf__free(btf);
	return there;
}

static const char *tracefs_path(void)
{
	static const char *const paths[] = { "/sys/kernel/tracing", "/sys/kernel/debug/tracing" };
	char file[128];

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		snprintf(file, sizeof(file), "%s/events", paths[i]);
		if (!access(file, F_OK))
			return paths[i];
	}
	return NULL;
}

/* record and live mount it when they start, if they may. */
static bool can_mount_tracefs(void)
{
	return !access("/sys/kernel/tracing", F_OK) && privilege__has(CAP_SYS_ADMIN);
}

/* Are VM calls seen at the mmap lock, and their own tracepoints not needed? */
static bool tells_locks(void)
{
	struct btf *btf = btf__load_vmlinux_btf();
	bool tells =
		btf && kernel_types__family(btf) == FAMILY_PERCPU && kernel_types__tells_locks(btf);

	btf__free(btf);
	return tells;
}

bool probe_vm_calls(const struct feature *feature, char *detail)
{
	bool tells = tells_locks();

	(void)feature;
	found(detail, "%s",
	      tells ? "seen when they let go of the address space; other system calls cost nothing"
		    : "seen at their own tracepoints");
	return tells;
}

bool probe_tracefs(const struct feature *feature, char *detail)
{
	const char *path = tracefs_path();

	(void)feature;
	if (!path && tells_locks()) {
		found(detail, "not mounted, and not needed on this kernel");
		return true;
	}
	if (!path && can_mount_tracefs()) {
		found(detail, "not mounted; tracing will mount it");
		return true;
	}
	found(detail, "%s",
	      path				    ? path
	      : access("/sys/kernel/tracing", X_OK) ? "not readable"
						    : "not mounted");
	return path;
}

bool probe_syscall_events(const struct feature *feature, char *detail)
{
	const char *path = tracefs_path();
	char file[128];

	(void)feature;
	if (tells_locks()) {
		found(detail, "not used on this kernel");
		return true;
	}
	if (!path) {
		found(detail, "unknown until tracefs is mounted");
		return can_mount_tracefs();
	}
	snprintf(file, sizeof(file), "%s/events/syscalls/sys_enter_munmap/id", path);
	if (!access(file, R_OK))
		return true;
	found(detail, "%s", strerror(errno));
	return false;
}

bool probe_capability(const struct feature *feature, char *detail)
{
	if (privilege__has(feature->number))
		return true;
	/* what CAP_SYS_ADMIN may has been split up over time, and it still may all of that */
	if (!privilege__has(CAP_SYS_ADMIN) ||
	    (feature->number != CAP_BPF && feature->number != CAP_PERFMON &&
	     feature->number != CAP_CHECKPOINT_RESTORE))
		return false;
	found(detail, "covered by CAP_SYS_ADMIN");
	return true;
}

bool probe_map_type(const struct feature *feature, char *detail)
{
	int there = libbpf_probe_bpf_map_type(feature->number, NULL);

	if (there == 1)
		return true;
	found(detail, "%s",
	      privilege__may_bpf() ? "the kernel refuses to make one"
				   : "cannot be asked without CAP_BPF");
	return false;
}

bool probe_unprivileged_bpf(const struct feature *feature, char *detail)
{
	long value = read_number("/proc/sys/kernel/unprivileged_bpf_disabled", -1);

	(void)feature;
	if (value < 0)
		return true;
	found(detail, "kernel.unprivileged_bpf_disabled = %ld", value);
	return !value || privilege__may_bpf();
}

bool probe_perf_paranoid(const struct feature *feature, char *detail)
{
	long value = read_number("/proc/sys/kernel/perf_event_paranoid", PERF_PARANOID_KERNEL);

	(void)feature;
	found(detail, "kernel.perf_event_paranoid = %ld", value);
	return value < 0 || privilege__has(CAP_PERFMON) || privilege__has(CAP_SYS_ADMIN);
}

/* "none [integrity] confidentiality"; only the last keeps BPF from reading kernel memory. */
bool probe_lockdown(const struct feature *feature, char *detail)
{
	char line[64];

	(void)feature;
	if (!read_line("/sys/kernel/security/lockdown", line, sizeof(line)))
		return true;
	found(detail, "%s", line);
	return !strstr(line, "[confidentiality]");
}

bool probe_memlock(const struct feature *feature, char *detail)
{
	struct rlimit limit;
	struct utsname uts;
	unsigned int major, minor;

	(void)feature;
	if (uname(&uts) || getrlimit(RLIMIT_MEMLOCK, &limit))
		return true;
	if (limit.rlim_cur == RLIM_INFINITY)
		found(detail, "unlimited");
	else
		found(detail, "%llu KiB", (unsigned long long)limit.rlim_cur / 1024);
	if (sscanf(uts.release, "%u.%u", &major, &minor) == 2 &&
	    (major > MEMCG_ACCOUNTING_MAJOR ||
	     (major == MEMCG_ACCOUNTING_MAJOR && minor >= MEMCG_ACCOUNTING_MINOR)))
		return true;
	return limit.rlim_cur == RLIM_INFINITY || privilege__has(CAP_SYS_RESOURCE);
}

bool probe_pagemap_scan(const struct feature *feature, char *detail)
{
	struct err err = { "" };
	struct residency *residency = residency__open(getpid(), &err);
	bool scan = residency && residency__has_scan(residency);

	(void)feature;
	if (!residency)
		found(detail, "%.100s", err.text);
	residency__close(residency);
	return scan;
}

bool probe_anon_name(const struct feature *feature, char *detail)
{
	long page_bytes = sysconf(_SC_PAGESIZE);
	void *page = mmap(NULL, page_bytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	bool ok;

	(void)feature, (void)detail;
	if (page == MAP_FAILED)
		return false;
	ok = !prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, page, page_bytes, "rsstrace");
	munmap(page, page_bytes);
	return ok;
}

bool probe_hidepid(const struct feature *feature, char *detail)
{
	char *text, *line, *save = NULL, *option = NULL;
	size_t len;

	(void)feature;
	if (proc_file__read(getpid(), "mountinfo", &text, &len, NULL))
		return true;
	for (line = strtok_r(text, "\n", &save); line && !option;
	     line = strtok_r(NULL, "\n", &save))
		if (strstr(line, " /proc ") && strstr(line, " - proc "))
			option = strstr(line, "hidepid=");
	if (option)
		found(detail, "/proc is mounted with %.*s", (int)strcspn(option, ", "), option);
	free(text);
	return !option || strstr(detail, "hidepid=0") || strstr(detail, "hidepid=off") ||
	       privilege__has(CAP_SYS_PTRACE);
}

bool probe_yama(const struct feature *feature, char *detail)
{
	long scope = read_number("/proc/sys/kernel/yama/ptrace_scope", -1);

	(void)feature;
	if (scope < 0)
		return true;
	found(detail, "kernel.yama.ptrace_scope = %ld", scope);
	return scope < YAMA_NO_ATTACH;
}
