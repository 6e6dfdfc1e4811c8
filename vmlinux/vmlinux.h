/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The kernel types the BPF programs use, with just the fields they touch. Offsets are relocated at load time (CO-RE)
 * against the running kernel's BTF, so field order, size and the omitted rest do not matter; only names and types do.
 * `make vmlinux-full` dumps the running kernel's complete header for browsing.
 */
#ifndef __VMLINUX_H__
#define __VMLINUX_H__

typedef unsigned char __u8;
typedef signed char __s8;
typedef unsigned short __u16;
typedef short __s16;
typedef unsigned int __u32;
typedef int __s32;
typedef unsigned long long __u64;
typedef long long __s64;
typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s32 s32;
typedef __s64 s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;
typedef _Bool bool;
typedef int pid_t;
typedef unsigned int dev_t;

enum { false = 0, true = 1 };

/* include/uapi/linux/bpf.h */
enum bpf_map_type {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_RINGBUF = 27,
	BPF_MAP_TYPE_TASK_STORAGE = 29,
};

enum {
	BPF_ANY = 0,
	BPF_NOEXIST = 1,
	BPF_EXIST = 2,
};

enum {
	BPF_F_NO_PREALLOC = 1,
	BPF_F_MMAPABLE = 1024,
};

enum {
	BPF_LOCAL_STORAGE_GET_F_CREATE = 1,
};

enum {
	BPF_RB_NO_WAKEUP = 1,
	BPF_RB_FORCE_WAKEUP = 2,
};

enum {
	BPF_RB_AVAIL_DATA = 0,
};

enum {
	BPF_F_USER_STACK = 256,
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
	int counter;
} atomic_t;

struct refcount_struct {
	atomic_t refs;
};

struct percpu_counter {
	s64 count;
	s32 *counters;
};

struct file;

/* include/linux/maple_tree.h */
struct maple_tree {
	void *ma_root;
};

struct maple_metadata {
	unsigned char end;
};

struct maple_range_64 {
	unsigned long pivot[15];
	void *slot[16];
	struct maple_metadata meta;
};

struct maple_arange_64 {
	unsigned long pivot[9];
	void *slot[10];
	struct maple_metadata meta;
};

struct mm_struct;

struct vm_area_struct {
	unsigned long vm_start;
	unsigned long vm_end;
	struct mm_struct *vm_mm;
	unsigned long vm_flags;
	unsigned long vm_pgoff;
	struct file *vm_file;
};

/* include/linux/mm_types.h */
enum fault_flag {
	FAULT_FLAG_WRITE = 1,
	FAULT_FLAG_USER = 64,
};

/* include/linux/mm.h: the fault that handle_mm_fault() handles */
struct vm_fault {
	struct vm_area_struct *vma;
	unsigned long real_address; /* since 5.18, 824ddc601adc: where it was, not its page */
	enum fault_flag flags;
	unsigned long *pmd; /* a pmd_t */
};

struct seqcount {
	unsigned int sequence;
};

struct mm_struct {
	struct percpu_counter rss_stat[4]; /* since 6.2, commit f1a7941243c1 */
	atomic_t mm_users;
	unsigned long hiwater_rss;
	unsigned long brk;
	unsigned long start_stack;
	unsigned long start_code; /* of the first executable segment of the program */
	unsigned long end_code;
	unsigned long exec_vm; /* pages of executable mappings */
	unsigned long total_vm; /* pages of all */
	struct maple_tree mm_mt; /* since 6.1: the mappings */
	struct seqcount mm_lock_seq; /* since 6.14, 03a001b156d2: odd while somebody holds it for writing */
	unsigned long saved_auxv[46];
	struct file *exe_file;
};

/* Until 6.2: shared counts, and what each thread has not added to them yet (SPLIT_RSS_COUNTING). */
typedef struct {
	s64 counter;
} atomic64_t;
typedef atomic64_t atomic_long_t;

struct mm_rss_stat {
	atomic_long_t count[4];
};

struct mm_struct___batched {
	struct mm_rss_stat rss_stat;
};

struct task_rss_stat {
	int events;
	int count[4];
};

struct task_struct___batched {
	struct task_rss_stat rss_stat;
};

struct super_block {
	dev_t s_dev;
	unsigned long s_magic;
};

struct inode {
	unsigned long i_ino;
	struct super_block *i_sb;
};

struct file {
	struct inode *f_inode;
};

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};

struct files_struct {
	struct fdtable *fdt;
};

struct signal_struct {
	atomic_t live;
	int group_exit_code;
};

struct task_struct {
	unsigned int flags;
	pid_t pid;
	pid_t tgid;
	struct mm_struct *mm;
	unsigned long min_flt;
	unsigned long maj_flt;
	int pagefault_disabled;
	int on_cpu;
	int exit_code;
	struct signal_struct *signal;
	struct files_struct *files;
	struct task_struct *real_parent;
	void *stack;
	char comm[16];
};

struct linux_binprm {
	const char *filename;
};

struct vm_unmapped_area_info {
	unsigned long flags;
	unsigned long length;
};

struct bpf_array {
	void *pptrs[0];
};

struct bpf_iter_meta {
	u64 session_id;
};

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};

#if defined(__TARGET_ARCH_x86)
struct pt_regs {
	unsigned long r15;
	unsigned long r14;
	unsigned long r13;
	unsigned long r12;
	unsigned long bp;
	unsigned long bx;
	unsigned long r11;
	unsigned long r10;
	unsigned long r9;
	unsigned long r8;
	unsigned long ax;
	unsigned long cx;
	unsigned long dx;
	unsigned long si;
	unsigned long di;
	unsigned long orig_ax;
	unsigned long ip;
	unsigned long cs;
	unsigned long flags;
	unsigned long sp;
	unsigned long ss;
};
#endif

/* include/uapi/linux/bpf_perf_event.h */
struct bpf_perf_event_data {
	struct pt_regs regs;
	u64 sample_period;
	u64 addr;
};

#pragma clang attribute pop

/* kernel/trace/trace.h: the context of a classic sys_exit tracepoint */
struct trace_event_raw_sys_enter {
	u64 entry;
	long id;
	unsigned long args[6];
};

struct trace_event_raw_sys_exit {
	u64 entry;
	long id;
	long ret;
};

#endif
