// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The records of the trace as JSON Lines, in the order of the stream, under the names of
 * record_abi.h. Of a window: what happened in it, and before those lines what defines stacks,
 * symbols, files and processes that they refer to.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "export/exporter.h"
#include "export/frame_text.h"
#include "report/json_stream.h"

struct type {
	const char *name;
	bool defines; /* others refer to it: told also when it stands before the window */
	void (*put)(struct json_object *line, const struct rec *rec);
};

static void add(struct json_object *line, const char *key, struct json_object *value)
{
	json_object_object_add(line, key, value);
}

static void add_int(struct json_object *line, const char *key, __s64 value)
{
	add(line, key, json_object_new_int64(value));
}

/* Ids are 64-bit hashes: as text, since a reader's numbers may be doubles. */
static void add_hex(struct json_object *line, const char *key, __u64 value)
{
	add(line, key, json_address(value));
}

static void add_id(struct json_object *line, const char *key, __u64 id)
{
	add(line, key, id ? json_address(id) : NULL);
}

/*
text may lack its NUL when it fills
len. */
static void add_chars(struct json_object *line, const char *key, const char *text, size_t len)
{
	char *copy = strndup(text, len);

	add(line, key, copy ? json_text_or_empty(copy) : NULL);
	free(copy);
}

static const char *member_name(__u32 member)
{
	static const char *const names[] = {
		[RSST_FILE] = "file",
		[RSST_ANON] = "anon",
		[RSST_SWAP] = "swap",
		[RSST_SHMEM] = "shmem",
	};

	return member < RSST_NR_MEMBERS ? names[member] : NULL;
}

static const char *op_name(__u32 op)
{
	static const char *const names[NR_VM_OPS] = {
		[VM_OP_MMAP] = "mmap",	       [VM_OP_MUNMAP] = "munmap",
		[VM_OP_MREMAP] = "mremap",     [VM_OP_BRK] = "brk",
		[VM_OP_MPROTECT] = "mprotect", [VM_OP_MADVISE] = "madvise",
		[VM_OP_SHMAT] = "shmat",       [VM_OP_SHMDT] = "shmdt",
		[VM_OP_MLOCK] = "mlock",       [VM_OP_TRUNCATE] = "truncate",
		[VM_OP_EXEC] = "exec",	       [VM_OP_OTHER] = "other",
	};

	return op < NR_VM_OPS ? names[op] : NULL;
}

static void add_name(struct json_object *line, const char *key, const char *name)
{
	add(line, key, name ? json_object_new_string(name) : NULL);
}

static void add_cause(struct json_object *line, __u8 cause)
{
	add_name(line, "cause",
		 cause > CAUSE_INVALID && cause < NR_CAUSES ? cause_name(cause) : NULL);
}

static void add_pages(struct json_object *line, const char *key, const __s64 *pages)
{
	struct json_object *object = json_object_new_object();

	for (__u32 m = 0; m < RSST_NR_MEMBERS; m++)
		add_int(object, member_name(m), pages[m]);
	add(line, key, object);
}

static void add_args(struct json_object *line, const __u64 *args, int nr)
{
	struct json_object *array = json_object_new_array();

	for (int i = 0; i < nr; i++)
		json_object_array_add(array, json_address(args[i]));
	add(line, "args", array);
}

/* Every record below was checked by model/decode before it came here. */

static void put_fault(struct json_object *line, const struct rec *any)
{
	const struct rec_fault *rec = (const void *)any;

	add_int(line, "space", rec->space);
	add_int(line, "tid", rec->tid);
	add_hex(line, "addr", rec->addr);
	add_int(line, "pages", rec->nr_pages);
	add_name(line, "member", member_name(rec->member));
	add_cause(line, rec->cause);
	add_id(line, "stack", rec->stack);
	add(line, "around", json_object_new_boolean(rec->flags & FAULT_AROUND));
	if (rec->flags & FAULT_COW)
		add_name(line, "cow_from", member_name(rec->cow_member));
}

static void put_release(struct json_object *line, const struct rec *any)
{
	const struct rec_release *rec = (const void *)any;

	add_int(line, "space", rec->space);
	add_int(line, "tid", rec->tid);
	add_int(line, "call", rec->call);
	add_name(line, "op", op_name(rec->op));
	add_int(line, "pages", rec->nr_pages);
	add_name(line, "member", member_name(rec->member));
	add_cause(line, rec->cause);
	add_args(line, rec->args, 4);
}

static void put_populate(struct json_object *line, const struct rec *any)
{
	const struct rec_populate *rec = (const void *)any;

	add_int(line, "space", rec->space);
	add_int(line, "tid", rec->tid);
	add_int(line, "call", rec->call);
	add_name(line, "op", op_name(rec->op));
	add_int(line, "pages", rec->nr_pages);
	add_name(line, "member", member_name(rec->member));
	add_cause(line, rec->cause);
	add_id(line, "stack", rec->stack);
	add_args(line, rec->args, 4);
}

static void put_delta(struct json_object *line, const struct rec *any)
{
	const struct rec_delta *rec = (const void *)any;

	add_int(line, "space", rec->space);
	add_int(line, "tid", rec->tid);
	add_chars(line, "comm", rec->comm, sizeof(rec->comm));
	add_int(line, "pages", rec->delta);
	add_name(line, "member", member_name(rec->member));
	add_cause(line, rec->cause);
}

static void put_call(struct json_object *line, const struct rec *any)
{
	const struct rec_call *rec = (const void *)any;

	add_int(line, "space", rec->space);
	add_int(line, "tid", rec->tid);
	add_int(line, "call", rec->call);
	add_name(line, "op", op_name(rec->op));
	add_args(line, rec->args, 6);
	if (rec->ret < 0 && rec->ret >= -4095)
		add_int(line, "errno", -rec->ret);
	else
		add_hex(line, "ret", rec->ret);
	add_id(line, "stack", rec->stack);
	add_id(line, "ino", rec->ino);
	add_int(line, "dev", rec->dev);
}

static void put_area(struct json_object *line, const struct rec *any)
{
	const struct rec_area *rec = (const void *)any;

	add_int(line, "space", rec->space);
	add_int(line, "tid", rec->tid);
	add_int(line, "call", rec->call);
	add_name(line, "op", op_name(rec->op));
	add_hex(line, "addr", rec->addr);
	add_hex(line, "len", rec->len);
}

static void put_named(struct json_object *line, const struct rec *any)
{
	const struct rec_named *rec = (const void *)any;

	add_int(line, "space", rec->space);
	add_int(line, "tid", rec->tid);
	add_hex(line, "start", rec->start);
	add_hex(line, "end", rec->end);
	if (rec->ret < 0)
		add_int(line, "errno", -rec->ret);
	add_name(line, "name", rec->name);
}

static void put_stack(struct json_object *line, const struct rec *any)
{
	const struct rec_stack *rec = (const void *)any;
	struct json_object *frames = json_object_new_array();

	add_id(line, "id", rec->id);
	add_int(line, "space", rec->space);
	add(line, "complete", json_object_new_boolean(rec->end == STACK_END_ROOT));
	add_name(line, "end", stack_end_name(rec->end));
	for (__u32 i = 0; i < rec->nr_frames; i++)
		json_object_array_add(frames, json_address(rec->frames[i]));
	add(line, "frames", frames);
}

static void put_fork(struct json_object *line, const struct rec *any)
{
	const struct rec_fork *rec = (const void *)any;

	add_int(line, "space", rec->space);
	add_int(line, "child_space", rec->child_space);
	add_int(line, "pid", rec->pid);
	add_int(line, "child_pid", rec->child_pid);
	add_pages(line, "pages", rec->pages);
	add_chars(line, "comm", rec->comm, sizeof(rec->comm));
}

static void put_exec(struct json_object *line, const struct rec *any)
{
	const struct rec_exec *rec = (const void *)any;

	add_int(line, "old_space", rec->old_space);
	add_int(line, "new_space", rec->new_space);
	add_int(line, "pid", rec->pid);
	add_pages(line, "pages", rec->pages);
	add_chars(line, "comm", rec->comm, sizeof(rec->comm));
	add_chars(line, "filename", rec->filename, sizeof(rec->filename));
}

static void put_exit(struct json_object *line, const struct rec *any)
{
	const struct rec_exit *rec = (const void *)any;

	add_int(line, "space", rec->space);
	add_int(line, "pid", rec->pid);
	add_int(line, "tid", rec->tid);
	add_int(line, "exit_code", rec->exit_code);
	add(line, "group_dead", json_object_new_boolean(rec->group_dead));
}

static void put_space_end(struct json_object *line, const struct rec *any)
{
	const struct rec_space_end *rec = (const void *)any;

	add_int(line, "space", rec->space);
}

static void put_counters(struct json_object *line, const struct rec *any)
{
	const struct rec_counters *rec = (const void *)any;

	add_int(line, "space", rec->space);
	add_pages(line, "pages", rec->pages);
	add_pages(line, "lost", rec->lost);
	add_int(line, "hiwater_pages", rec->hiwater_pages);
}

static void put_thread(struct json_object *line, const struct rec *any)
{
	const struct rec_thread *rec = (const void *)any;

	add_int(line, "space", rec->space);
	add_int(line, "pid", rec->pid);
	add_int(line, "tid", rec->tid);
	add_chars(line, "comm", rec->comm, sizeof(rec->comm));
}

static void put_start(struct json_object *line, const struct rec *any)
{
	const struct rec_start *rec = (const void *)any;

	add_int(line, "wall_ns", rec->wall_ns);
	add_int(line, "page_bytes", rec->page_bytes);
	add_int(line, "cpus", rec->nr_cpus);
	add_chars(line, "kernel", rec->kernel, sizeof(rec->kernel));
	add_chars(line, "arch", rec->arch, sizeof(rec->arch));
	add_chars(line, "version", rec->version, sizeof(rec->version));
}

static void put_process(struct json_object *line, const struct rec *any)
{
	const struct rec_process *rec = (const void *)any;

	add_int(line, "space", rec->space);
	add_int(line, "pid", rec->pid);
	add_int(line, "ppid", rec->ppid);
	add(line, "root", json_object_new_boolean(rec->flags & PROCESS_ROOT));
	add_pages(line, "pages", rec->pages);
	add_chars(line, "comm", rec->comm, sizeof(rec->comm));
	add(line, "exe", json_text_or_empty(rec->exe));
}

static void put_map(struct json_object *line, const struct rec *any)
{
	const struct rec_map *rec = (const void *)any;
	const char perms[] = { rec->prot & 1 ? 'r' : '-', rec->prot & 2 ? 'w' : '-',
			       rec->prot & 4 ? 'x' : '-', rec->shared ? 's' : 'p', 0 };

	add_int(line, "space", rec->space);
	add_hex(line, "start", rec->start);
	add_hex(line, "end", rec->end);
	add_name(line, "perms", perms);
	add_hex(line, "pgoff", rec->pgoff);
	add_id(line, "ino", rec->ino);
	add_int(line, "dev", rec->dev);
	add(line, "name", json_text_or_empty(rec->name));
	add(line, "reset", json_object_new_boolean(rec->flags & MAP_SNAPSHOT_RESET));
	if (rec->flags & MAP_FOUND)
		add(line, "found", json_object_new_boolean(true));
	if (rec->flags & MAP_GONE)
		add(line, "gone", json_object_new_boolean(true));
}

static void put_pages(struct json_object *line, const struct rec *any)
{
	const struct rec_pages *rec = (const void *)any;
	static const char *const why[] = {
		[PAGES_ATTACH] = "attach",
		[PAGES_FOUND] = "found",
		[PAGES_GONE] = "gone",
		[PAGES_SEEN] = "seen",
	};

	add_int(line, "space", rec->space);
	add_name(line, "why", rec->why < sizeof(why) / sizeof(why[0]) ? why[rec->why] : NULL);
	add_hex(line, "addr", rec->addr);
	add_int(line, "pages", rec->nr_pages);
	add_name(line, "member", member_name(rec->member));
}

static void put_object(struct json_object *line, const struct rec *any)
{
	const struct rec_object *rec = (const void *)any;
	char hex[2 * sizeof(rec->build_id) + 1] = "";

	for (__u32 i = 0; i < rec->build_id_len && i < sizeof(rec->build_id); i++)
		sprintf(hex + 2 * i, "%02x", rec->build_id[i]);
	add_id(line, "ino", rec->ino);
	add_int(line, "dev", rec->dev);
	add(line, "path", json_text_or_empty(rec->path));
	add(line, "build_id", json_text(hex));
	add(line, "deleted", json_object_new_boolean(rec->flags & OBJECT_DELETED));
}

static struct json_object *symbol_entry(__u32 line, const char *name, __u16 name_len,
					const char *file, __u16 file_len)
{
	struct json_object *entry = json_object_new_object();

	if (name_len)
		add_chars(entry, "function", name, name_len);
	else
		add(entry, "function", NULL);
	if (file_len)
		add_chars(entry, "file", file, file_len);
	else
		add(entry, "file", NULL);
	add(entry, "line", line ? json_object_new_int64(line) : NULL);
	return entry;
}

static void put_symbol(struct json_object *line, const struct rec *any)
{
	const struct rec_symbol *rec = (const void *)any;
	struct json_object *entries = json_object_new_array();
	const __u8 *at = rec->entries, *end = (const __u8 *)rec + rec->h.size;

	add_id(line, "ino", rec->ino);
	add_int(line, "dev", rec->dev);
	add_hex(line, "offset", rec->offset);
	for (__u32 i = 0; i < rec->nr && end - at >= 8; i++) {
		__u16 name_len, file_len;
		__u32 number;

		memcpy(&number, at, 4);
		memcpy(&name_len, at + 4, 2);
		memcpy(&file_len, at + 6, 2);
		at += 8;
		if (end - at < name_len + file_len)
			break;
		json_object_array_add(entries, symbol_entry(number, (const char *)at, name_len,
							    (const char *)at + name_len, file_len));
		at += name_len + file_len;
	}
	add(line, "entries", entries);
}

static void put_stats(struct json_object *line, const struct rec *any)
{
	const struct rec_stats *rec = (const void *)any;
	static const char *const names[] = {
#define X(id, text) #id,
		RSST_COUNTERS(X)
#undef X
	};
	struct json_object *values = json_object_new_object();

	for (__u32 i = 0; i < rec->nr && i < NR_COUNTERS; i++)
		add_int(values, names[i], rec->values[i]);
	add(line, "counters", values);
}

static void put_nothing(struct json_object *line, const struct rec *rec)
{
	(void)line, (void)rec;
}

static void put_end(struct json_object *line, const struct rec *any)
{
	const struct rec_end *rec = (const void *)any;
	static const char *const why[] = {
		[END_TARGET] = "target",
		[END_ASKED] = "asked",
		[END_FAULT] = "fault",
		[END_PART] = "part",
	};

	add_name(line, "why", rec->why < sizeof(why) / sizeof(why[0]) ? why[rec->why] : NULL);
	add_int(line, "exit_code", rec->exit_code);
}

static void put_mark(struct json_object *line, const struct rec *any)
{
	const struct rec_mark *rec = (const void *)any;

	add(line, "label", json_text(rec->label));
	add_name(line, "by", mark_from_name(rec->from));
	add(line, "pid", rec->pid ? json_object_new_int64(rec->pid) : NULL);
	add(line, "tid", rec->tid ? json_object_new_int64(rec->tid) : NULL);
}

static void put_overhead(struct json_object *line, const struct rec *any)
{
	const struct rec_overhead *rec = (const void *)any;

	add_int(line, "target_ns", rec->target_ns);
	add_int(line, "kernel_ns", rec->kernel_ns);
	add_int(line, "tracer_ns", rec->tracer_ns);
	add_int(line, "budget_ppm", rec->budget_ppm);
	add_int(line, "shift", rec->shift);
}

static const struct type types[] = {
	[REC_FAULT] = { "fault", false, put_fault },
	[REC_RELEASE] = { "release", false, put_release },
	[REC_POPULATE] = { "populate", false, put_populate },
	[REC_DELTA] = { "delta", false, put_delta },
	[REC_CALL] = { "call", false, put_call },
	[REC_AREA] = { "area", false, put_area },
	[REC_NAMED] = { "named", false, put_named },
	[REC_STACK] = { "stack", true, put_stack },
	[REC_FORK] = { "fork", true, put_fork },
	[REC_EXEC] = { "exec", true, put_exec },
	[REC_EXIT] = { "exit", false, put_exit },
	[REC_SPACE_END] = { "space_end", false, put_space_end },
	[REC_COUNTERS] = { "counters", false, put_counters },
	[REC_THREAD] = { "thread", true, put_thread },
	[REC_START] = { "start", true, put_start },
	[REC_PROCESS] = { "process", true, put_process },
	[REC_MAP] = { "map", true, put_map },
	[REC_PAGES] = { "pages", false, put_pages },
	[REC_OBJECT] = { "object", true, put_object },
	[REC_SYMBOL] = { "symbol", true, put_symbol },
	[REC_STATS] = { "stats", false, put_stats },
	[REC_TICK] = { "tick", false, put_nothing },
	[REC_END] = { "end", false, put_end },
	[REC_OVERHEAD] = { "overhead", false, put_overhead },
	[REC_MARK] = { "mark", false, put_mark },
};

/* The clock of ts_ns starts with the first record. */
struct jsonl {
	bool started;
	__u64 start_ts;
};

static int begin_jsonl(struct export_run *run, struct err *err)
{
	run->state = calloc(1, sizeof(struct jsonl));
	return run->state ? 0 : err__set(err, -ENOMEM, "out of memory");
}

static void end_jsonl(struct export_run *run)
{
	free(run->state);
	run->state = NULL;
}

static int record_jsonl(struct export_run *run, const struct rec *rec, bool inside, struct err *err)
{
	const struct type *type =
		rec->type < sizeof(types) / sizeof(types[0]) ? types + rec->type : types;
	struct jsonl *jsonl = run->state;
	struct json_object *line;

	if (!jsonl->started)
		*jsonl = (struct jsonl){ true, rec->ts };
	if (!inside && !type->defines)
		return 0;
	line = json_object_new_object();
	if (!line)
		return err__set(err, -ENOMEM, "out of memory");
	add(line, "type", type->name ? json_object_new_string(type->name) : NULL);
	add_int(line, "ts_ns", (__s64)(rec->ts - jsonl->start_ts));
	if (type->put)
		type->put(line, rec);
	else
		add_int(line, "number", rec->type);
	fputs(json_object_to_json_string_ext(line, JSON_C_TO_STRING_PLAIN |
							   JSON_C_TO_STRING_NOSLASHESCAPE),
	      run->out);
	fputc('\n', run->out);
	json_object_put(line);
	return 0;
}

const struct exporter export_jsonl = {
	.name = "jsonl",
	.what = "every record as a line of JSON: jq, pandas, your own program",
	.begin = begin_jsonl,
	.record = record_jsonl,
	.end = end_jsonl,
};
