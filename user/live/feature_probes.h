/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How each feature is asked for; see struct feature for the form. None leaves anything behind. */
#ifndef RSSTRACE_LIVE_FEATURE_PROBES_H
#define RSSTRACE_LIVE_FEATURE_PROBES_H

#include "live/features.h"

bool probe_kernel(const struct feature *feature, char *detail);
bool probe_pid_namespace(const struct feature *feature, char *detail);
bool probe_btf(const struct feature *feature, char *detail);
bool probe_hook(const struct feature *feature, char *detail); /* subject: a tracepoint */
bool probe_rss_counting(const struct feature *feature, char *detail);
bool probe_helper(const struct feature *feature, char *detail); /* subject: of enum bpf_func_id */
bool probe_tracefs(const struct feature *feature, char *detail);
bool probe_vm_calls(const struct feature *feature, char *detail);
bool probe_syscall_events(const struct feature *feature, char *detail);
bool probe_capability(const struct feature *feature, char *detail); /* number: CAP_ */
bool probe_map_type(const struct feature *feature, char *detail);   /* number: BPF_MAP_TYPE_ */
bool probe_unprivileged_bpf(const struct feature *feature, char *detail);
bool probe_perf_paranoid(const struct feature *feature, char *detail);
bool probe_lockdown(const struct feature *feature, char *detail);
bool probe_memlock(const struct feature *feature, char *detail);
bool probe_pagemap_scan(const struct feature *feature, char *detail);
bool probe_anon_name(const struct feature *feature, char *detail);
bool probe_hidepid(const struct feature *feature, char *detail);
bool probe_yama(const struct feature *feature, char *detail);

#endif
