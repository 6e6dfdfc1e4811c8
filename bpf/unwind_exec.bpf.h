/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A program that begins is unwound from its first instruction on, if its files were met before:
 * where execve(2) put them follows from the auxiliary vector.
 */
#ifndef RSSTRACE_UNWIND_EXEC_BPF_H
#define RSSTRACE_UNWIND_EXEC_BPF_H

#include "unwind_sets.bpf.h"

#define AUXV_PAIRS 16 /* the kernel has said by then what is wanted */

/* include/uapi/linux/auxvec.h */
#define AT_BASE 7
#define AT_ENTRY 9

/* What the kernel says of the program it began. */
struct unwind_image {
	struct unwind_object_key key;
	__u64 start, end;  /* of its first executable segment, whole pages */
	__u64 base, entry; /* of the auxiliary vector */
};

static __always_inline void unwind__read_vector(struct mm_struct *mm, struct unwind_target *t,
						struct unwind_image *image)
{
	void *vector = (void *)mm + bpf_core_field_offset(struct mm_struct, saved_auxv);

	t->window_len = 0;
	if (bpf_probe_read_kernel(t->window, AUXV_PAIRS * 16, vector))
		return;
#pragma unroll
	for (__u32 i = 0; i < AUXV_PAIRS * 2; i += 2) {
		if (t->window[i] == AT_BASE)
			image->base = t->window[i + 1];
		if (t->window[i] == AT_ENTRY)
			image->entry = t->window[i + 1];
	}
}

static __always_inline void unwind__read_image(struct mm_struct *mm, struct unwind_target *t,
					       struct unwind_image *image)
{
	image->key.ino = BPF_CORE_READ(mm, exe_file, f_inode, i_ino);
	image->key.dev = BPF_CORE_READ(mm, exe_file, f_inode, i_sb, s_dev);
	image->start = BPF_CORE_READ(mm, start_code) & ~4095ULL;
	image->end = (BPF_CORE_READ(mm, end_code) + 4095) & ~4095ULL;
	unwind__read_vector(mm, t, image);
}

/*
 * Is @interpreter, or none, the one that was loaded? The executable pages of the process must then
 * be its, the program's and the vdso's, no more and no less.
 */
static __always_inline bool unwind__adds_up(struct mm_struct *mm, const struct unwind_image *image,
					    const struct unwind_object *interpreter,
					    const struct unwind_control *control)
{
	__u64 bytes = image->end - image->start + control->vdso_bytes;

	if (interpreter)
		bytes += interpreter->end - interpreter->start;
	return BPF_CORE_READ(mm, exec_vm) == bytes / 4096;
}

static __always_inline void unwind__add_object(__u32 space, const struct unwind_object *object,
					       __u64 bias)
{
	__u64 start = object->start + bias;

	unwind__add_recent(space, start, object->end + bias, start - object->offset,
			   object->first_page, object->nr_pages);
}

/* Let @space walk by set @ready, which is empty; the live side hears that it is taken. */
static __always_inline bool unwind__use_ready(__u32 space, struct unwind_ready *ready)
{
	struct unwind_space *known = bpf_map_lookup_elem(&unwind_spaces, &space);
	__u64 word = *(volatile __u64 *)&ready->word;
	__u32 index = (__u32)word - 1;
	struct unwind_set *set = bpf_map_lookup_elem(&unwind_sets, &index);

	if (!known || !set)
		return false;
	set->owner = space;
	*(volatile __u64 *)&known->word = word;
	*(volatile __u32 *)&ready->space = space;
	return true;
}

static __always_inline bool unwind__take_set(__u32 space, struct unwind_control *control)
{
#pragma unroll
	for (__u32 i = 0; i < UNWIND_READY_SETS; i++) {
		struct unwind_ready *ready = &control->ready[i];

		if (!*(volatile __u64 *)&ready->word || !word__claim(&ready->claimed))
			continue;
		return unwind__use_ready(space, ready);
	}
	return false;
}

/* The program's code, known or not. */
static __always_inline void unwind__add_program(__u32 space, const struct unwind_image *image,
						const struct unwind_object *known)
{
	if (known && known->start + (image->entry - known->entry) == image->start)
		unwind__add_object(space, known, image->entry - known->entry);
	else
		unwind__add_recent(space, image->start, image->end, 0, UNWIND_TABLE_AWAITED,
				   unwind_awaited_file(image->key.ino, image->key.dev));
}

static __always_inline void unwind__tell_exec(__u32 space, const struct unwind_image *image,
					      const char *path)
{
	struct unwind_exec *exec = bpf_ringbuf_reserve(&unwind_news, sizeof(*exec), 0);

	if (!exec)
		return;
	exec->news.kind = UNWIND_NEWS_EXEC;
	exec->news.space = space;
	exec->news.pid = bpf_get_current_pid_tgid() >> 32;
	exec->news.nr_pages = 0;
	exec->start = image->start;
	exec->end = image->end;
	exec->ino = image->key.ino;
	exec->dev = image->key.dev;
	exec->pad = 0;
	__builtin_memset(exec->path, 0, sizeof(exec->path));
	bpf_probe_read_kernel_str(exec->path, sizeof(exec->path), path);
	bpf_ringbuf_submit(exec, BPF_RB_FORCE_WAKEUP);
}

/* The current process has called execve(2) with @path and will run in @space. */
static __always_inline void unwind__began(__u32 space, const char *path)
{
	struct mm_struct *mm = kernel_field(current_task(), mm);
	struct unwind_target *t = unwind__target();
	struct unwind_object *program, *interpreter;
	struct unwind_object_key key;
	struct unwind_image image = {};
	__u32 zero = 0;
	struct unwind_control *control = bpf_map_lookup_elem(&unwind_control, &zero);

	if (!mm || !t || !control || t->busy)
		return;
	unwind__read_image(mm, t, &image);
	program = bpf_map_lookup_elem(&unwind_objects, &image.key);
	key = program ? program->interpreter : control->interpreter;
	interpreter = image.base ? bpf_map_lookup_elem(&unwind_objects, &key) : NULL;
	if (unwind__take_set(space, control)) {
		unwind__add_program(space, &image, program);
		if (interpreter && unwind__adds_up(mm, &image, interpreter, control))
			unwind__add_object(space, interpreter, image.base);
	}
	unwind__tell_exec(space, &image, path);
}

#endif
