// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A Perfetto trace for ui.perfetto.dev and trace_processor: the kernel's counters of each process,
 * the ledger and the largest regions as counters over time, mappings as smaps snapshots, and at the
 * end a heap profile of what is resident.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "export/frame_text.h"
#include "export/perfetto_packet.h"
#include "export/pool.h"

#define CLOCK_REALTIME_ID 1
#define CLOCK_MONOTONIC_ID 3
#define CLOCK_MONOTONIC_COARSE_ID 4
#define CLOCK_BOOTTIME_ID 6
#define TYPE_INSTANT 3
#define TYPE_COUNTER 4
#define UNIT_BYTES 3
#define STANDALONE 1
#define STATE_CLEARED 1
#define SMAPS_MAX 100 /* snapshots of the mappings in one trace */
#define PROCESS_TRACK 1
#define PACKET_TAG 0x0a /* field 1 of a trace, with a length */

/* Regions of one name, and their counter. */
struct region_group {
	UT_hash_handle hh;
	__s64 rss, told;
	__u64 track; /* 0: none */
	bool told_once;
	char name[];
};

/* Counters that every tick has. */
enum figure {
	ATTRIBUTED,
	INCOMPLETE,
	BEFORE_ATTACH,
	UNATTRIBUTED,
	ERROR,
	OTHER_REGIONS,
	NR_FIGURES
};

static const char *const figure_names[NR_FIGURES] = {
	[ATTRIBUTED] = "rss: attributed to stacks",
	[INCOMPLETE] = "rss: of these, to incomplete stacks",
	[BEFORE_ATTACH] = "rss: before attach",
	[UNATTRIBUTED] = "rss: unattributed",
	[ERROR] = "rss: error of the books",
	[OTHER_REGIONS] = "region: all others",
};

struct timeline {
	struct pool pool;
	struct intern_table pids;
	struct region_group *groups; /* uthash */
	__u64 tracks[NR_FIGURES];
	__u64 nr_tracks, next_smaps_ns;
	bool begun, named; /* the clocks, the process are told */
};

int perfetto_packet__put(FILE *out, const Perfetto__TracePacket *packet)
{
	size_t len = perfetto__trace_packet__get_packed_size(packet);
	unsigned char *bytes = malloc(len);

	if (!bytes)
		return -ENOMEM;
	perfetto__trace_packet__pack(packet, bytes);
	fputc(PACKET_TAG, out);
	for (size_t left = len;; left >>= 7) { /* base 128, lowest first */
		fputc((left & 127) | (left > 127 ? 128 : 0), out);
		if (left <= 127)
			break;
	}
	fwrite(bytes, 1, len, out);
	free(bytes);
	return 0;
}

static int begin_perfetto(struct export_run *run, struct err *err)
{
	struct timeline *timeline = calloc(1, sizeof(*timeline));

	run->state = timeline;
	if (!timeline)
		return err__set(err, -ENOMEM, "out of memory");
	timeline->nr_tracks = PROCESS_TRACK;
	timeline->next_smaps_ns = run->from_ns;
	return 0;
}

static void end_perfetto(struct export_run *run)
{
	struct timeline *timeline = run->state;
	struct region_group *group, *next;

	if (!timeline)
		return;
	HASH_ITER (hh, timeline->groups, group, next) {
		HASH_DEL(timeline->groups, group);
		free(group);
	}
	intern_table__fini(&timeline->pids);
	pool__fini(&timeline->pool);
	free(timeline);
	run->state = NULL;
}

/* Records know CLOCK_MONOTONIC. Perfetto's own clock counts suspended time, too, which no record
 * tells: here both are one. */
static int put_clocks(const struct export_run *run)
{
	static const __u32 ids[] = { CLOCK_BOOTTIME_ID, CLOCK_MONOTONIC_ID,
				     CLOCK_MONOTONIC_COARSE_ID, CLOCK_REALTIME_ID };
	const struct rec_start *start = session__start(run->session);
	Perfetto__TracePacket packet = perfetto_packet(run, 0);
	Perfetto__ClockSnapshot snapshot = PERFETTO__CLOCK_SNAPSHOT__INIT;
	Perfetto__ClockSnapshot__Clock clocks[4], *pointers[4];

	for (int i = 0; i < 4; i++) {
		pointers[i] = clocks + i;
		clocks[i] = (Perfetto__ClockSnapshot__Clock)PERFETTO__CLOCK_SNAPSHOT__CLOCK__INIT;
		PERFETTO_SET(clocks + i, clock_id, ids[i]);
		PERFETTO_SET(clocks + i, timestamp,
			     ids[i] == CLOCK_REALTIME_ID && start ? start->wall_ns
								  : packet.timestamp);
	}
	snapshot.clocks = pointers;
	snapshot.n_clocks = 4;
	packet.clock_snapshot = &snapshot;
	PERFETTO_SET(&packet, sequence_flags, STATE_CLEARED);
	return perfetto_packet__put(run->out, &packet);
}

static int put_process_track(const struct export_run *run, const struct view *view)
{
	Perfetto__TracePacket packet = perfetto_packet(run, view->to_ns);
	Perfetto__TrackDescriptor track = PERFETTO__TRACK_DESCRIPTOR__INIT;
	Perfetto__ProcessDescriptor process = PERFETTO__PROCESS_DESCRIPTOR__INIT;
	char *comm = frame_text__clean(view->comm);
	int code;

	if (!comm)
		return -ENOMEM;
	PERFETTO_SET(&process, pid, (int)view->pid);
	process.process_name = comm;
	PERFETTO_SET(&track, uuid, PROCESS_TRACK);
	track.process = &process;
	packet.track_descriptor = &track;
	code = perfetto_packet__put(run->out, &packet);
	free(comm);
	return code;
}

/* A counter of bytes below the process; *@uuid is its number. */
static int put_track(const struct export_run *run, __u64 ns, const char *name, __u64 *uuid)
{
	struct timeline *timeline = run->state;
	Perfetto__TracePacket packet = perfetto_packet(run, ns);
	Perfetto__TrackDescriptor track = PERFETTO__TRACK_DESCRIPTOR__INIT;
	Perfetto__CounterDescriptor counter = PERFETTO__COUNTER_DESCRIPTOR__INIT;

	*uuid = ++timeline->nr_tracks;
	PERFETTO_SET(&counter, unit, UNIT_BYTES);
	counter.y_axis_share_key = "rsstrace";
	PERFETTO_SET(&track, uuid, *uuid);
	PERFETTO_SET(&track, parent_uuid, PROCESS_TRACK);
	track.name = (char *)name;
	track.counter = &counter;
	packet.track_descriptor = &track;
	return perfetto_packet__put(run->out, &packet);
}

static int put_counter(const struct export_run *run, __u64 ns, __u64 track, __s64 value)
{
	Perfetto__TracePacket packet = perfetto_packet(run, ns);
	Perfetto__TrackEvent event = PERFETTO__TRACK_EVENT__INIT;

	PERFETTO_SET(&event, type, TYPE_COUNTER);
	PERFETTO_SET(&event, track_uuid, track);
	PERFETTO_SET(&event, counter_value, value);
	packet.track_event = &event;
	return perfetto_packet__put(run->out, &packet);
}

/* A mark is an instant of the process. */
static int put_mark(const struct export_run *run, const struct mark *mark)
{
	Perfetto__TracePacket packet = perfetto_packet(run, mark->tick_ns);
	Perfetto__TrackEvent event = PERFETTO__TRACK_EVENT__INIT;
	char *label = frame_text__clean(mark->label);
	int code;

	if (!label)
		return -ENOMEM;
	PERFETTO_SET(&event, type, TYPE_INSTANT);
	PERFETTO_SET(&event, track_uuid, PROCESS_TRACK);
	event.name = label;
	packet.track_event = &event;
	code = perfetto_packet__put(run->out, &packet);
	free(label);
	return code;
}

static int put_process(const struct export_run *run, __u64 ns, const struct process_row *row)
{
	Perfetto__TracePacket packet = perfetto_packet(run, ns);
	Perfetto__ProcessTree tree = PERFETTO__PROCESS_TREE__INIT;
	Perfetto__ProcessTree__Process process = PERFETTO__PROCESS_TREE__PROCESS__INIT;
	Perfetto__ProcessTree__Process *processes[] = { &process };
	char *name = frame_text__clean(*row->exe ? row->exe : row->comm);
	int code;

	if (!name)
		return -ENOMEM;
	PERFETTO_SET(&process, pid, (int)row->pid);
	PERFETTO_SET(&process, ppid, (int)row->ppid);
	process.cmdline = &name;
	process.n_cmdline = 1;
	tree.processes = processes;
	tree.n_processes = 1;
	packet.process_tree = &tree;
	code = perfetto_packet__put(run->out, &packet);
	free(name);
	return code;
}

static int put_new_processes(const struct export_run *run, const struct view *view)
{
	struct timeline *timeline = run->state;
	int code = 0;

	for (__u32 i = 0; i < view->nr_processes && !code; i++) {
		const struct process_row *row = view->processes + i;
		bool is_new;

		if (!row->alive)
			continue;
		if (!intern_table__number(&timeline->pids, &timeline->pool, &row->pid,
					  sizeof(row->pid), &is_new))
			return -ENOMEM;
		code = is_new ? put_process(run, view->to_ns, row) : 0;
	}
	return code;
}

static __u64 to_kb(__s64 bytes)
{
	return bytes > 0 ? bytes >> 10 : 0;
}

static void fill_stats(Perfetto__ProcessStats__Process *stats, const struct process_row *row)
{
	*stats = (Perfetto__ProcessStats__Process)PERFETTO__PROCESS_STATS__PROCESS__INIT;
	PERFETTO_SET(stats, pid, (int)row->pid);
	PERFETTO_SET(stats, vm_rss_kb, to_kb(row->rss.total));
	PERFETTO_SET(stats, rss_anon_kb, to_kb(row->rss.anon));
	PERFETTO_SET(stats, rss_file_kb, to_kb(row->rss.file));
	PERFETTO_SET(stats, rss_shmem_kb, to_kb(row->rss.shmem));
	PERFETTO_SET(stats, vm_swap_kb, to_kb(row->rss.swap));
}

/* The kernel's counters: mem.rss.anon and its sisters in the UI. */
static int put_stats(const struct export_run *run, const struct view *view)
{
	Perfetto__TracePacket packet = perfetto_packet(run, view->to_ns);
	Perfetto__ProcessStats stats = PERFETTO__PROCESS_STATS__INIT;
	Perfetto__ProcessStats__Process *processes =
		calloc(view->nr_processes + 1, sizeof(*processes));
	int code = -ENOMEM;

	stats.processes = calloc(view->nr_processes + 1, sizeof(*stats.processes));
	if (processes && stats.processes) {
		for (__u32 i = 0; i < view->nr_processes; i++) {
			if (!view->processes[i].alive)
				continue;
			fill_stats(processes + i, view->processes + i);
			stats.processes[stats.n_processes++] = processes + i;
		}
		packet.process_stats = &stats;
		code = perfetto_packet__put(run->out, &packet);
	}
	free(stats.processes);
	free(processes);
	return code;
}

static struct region_group *find_group(struct timeline *timeline, const struct region_row *region)
{
	char *name = frame_text__region(region);
	struct region_group *group = NULL;

	if (!name)
		return NULL;
	HASH_FIND_STR(timeline->groups, name, group);
	if (!group) {
		group = calloc(1, sizeof(*group) + strlen(name) + 1);
		if (group) {
			strcpy(group->name, name);
			HASH_ADD_STR(timeline->groups, name, group);
		}
	}
	free(name);
	return group;
}

static int compare_groups(const struct region_group *a, const struct region_group *b)
{
	int order = (a->rss < b->rss) - (a->rss > b->rss);

	return order ? order : strcmp(a->name, b->name);
}

static int sum_groups(struct timeline *timeline, const struct view *view)
{
	for (struct region_group *group = timeline->groups; group; group = group->hh.next)
		group->rss = 0;
	for (__u32 i = 0; i < view->nr_regions; i++) {
		struct region_group *group = find_group(timeline, view->regions + i);

		if (!group)
			return -ENOMEM;
		group->rss += view->regions[i].rss;
	}
	HASH_SORT(timeline->groups, compare_groups);
	return 0;
}

static int put_group(const struct export_run *run, __u64 ns, struct region_group *group)
{
	char *name;
	int code;

	if (!group->track) {
		if (asprintf(&name, "region: %s", group->name) < 0)
			return -ENOMEM;
		code = put_track(run, ns, name, &group->track);
		free(name);
		if (code)
			return code;
	}
	if (group->told_once && group->told == group->rss)
		return 0;
	group->told_once = true;
	group->told = group->rss;
	return put_counter(run, ns, group->track, group->rss);
}

/* Whatever was among the largest once keeps its counter. *@others: all without one. */
static int put_groups(const struct export_run *run, const struct view *view, __s64 *others)
{
	struct timeline *timeline = run->state;
	__u32 top = run->options.top, place = 0;
	int code = sum_groups(timeline, view);

	*others = 0;
	for (struct region_group *group = timeline->groups; group && !code;
	     group = group->hh.next, place++) {
		if (group->track || (group->rss > 0 && (!top || place < top)))
			code = put_group(run, view->to_ns, group);
		else
			*others += group->rss;
	}
	return code;
}

static int put_figures(const struct export_run *run, const struct view *view, __s64 others)
{
	const __s64 values[NR_FIGURES] = {
		[ATTRIBUTED] = view->attributed,
		[INCOMPLETE] = view->resident_walks.incomplete,
		[BEFORE_ATTACH] = view->before_attach,
		[UNATTRIBUTED] = view->unattributed,
		[ERROR] = view->error,
		[OTHER_REGIONS] = others,
	};
	struct timeline *timeline = run->state;
	int code = 0;

	for (int f = 0; f < NR_FIGURES && !code; f++) {
		if (!timeline->tracks[f])
			code = put_track(run, view->to_ns, figure_names[f], timeline->tracks + f);
		if (!code)
			code = put_counter(run, view->to_ns, timeline->tracks[f], values[f]);
	}
	return code;
}

/* Columns for the regions of one process; the string table begins with the empty name. */
static int fill_smaps(Perfetto__PackedSmaps *smaps, struct pool *pool, const struct view *view,
		      __u32 pid)
{
	__u32 most = view->nr_regions + 1;

	smaps->string_table = pool__take(pool, most * sizeof(*smaps->string_table));
	smaps->name_id = pool__take(pool, most * sizeof(*smaps->name_id));
	smaps->size_kb = pool__take(pool, most * sizeof(*smaps->size_kb));
	smaps->rss_kb = pool__take(pool, most * sizeof(*smaps->rss_kb));
	if (pool->failed)
		return -ENOMEM;
	smaps->string_table[smaps->n_string_table++] = "";
	for (__u32 i = 0; i < view->nr_regions; i++) {
		const struct region_row *region = view->regions + i;
		char *name;

		if (region->pid != pid || region->unmapped)
			continue;
		name = frame_text__region(region);
		if (!name)
			return -ENOMEM;
		smaps->name_id[smaps->n_name_id++] = smaps->n_string_table;
		smaps->string_table[smaps->n_string_table++] = pool__copy(pool, name);
		smaps->size_kb[smaps->n_size_kb++] = to_kb(region->size);
		smaps->rss_kb[smaps->n_rss_kb++] = to_kb(region->rss);
		free(name);
	}
	return pool->failed ? -ENOMEM : 0;
}

static int put_smaps(const struct export_run *run, const struct view *view, __u32 pid)
{
	Perfetto__TracePacket packet = perfetto_packet(run, view->to_ns);
	Perfetto__SmapsPacket smaps = PERFETTO__SMAPS_PACKET__INIT;
	Perfetto__PackedSmaps entries = PERFETTO__PACKED_SMAPS__INIT;
	struct pool pool = { 0 };
	int code = fill_smaps(&entries, &pool, view, pid);

	if (!code) {
		PERFETTO_SET(&smaps, pid, pid);
		PERFETTO_SET(&entries, recording_type, STANDALONE);
		smaps.packed_entries = &entries;
		packet.smaps_packet = &smaps;
		code = perfetto_packet__put(run->out, &packet);
	}
	pool__fini(&pool);
	return code;
}

static int put_due_smaps(const struct export_run *run, const struct view *view)
{
	struct timeline *timeline = run->state;
	int code = 0;

	if (view->to_ns < timeline->next_smaps_ns && view->to_ns < run->to_ns)
		return 0;
	timeline->next_smaps_ns = view->to_ns + (run->to_ns - run->from_ns) / SMAPS_MAX;
	for (__u32 i = 0; i < view->nr_processes && !code; i++)
		if (view->processes[i].alive)
			code = put_smaps(run, view, view->processes[i].pid);
	return code;
}

/* The only process asked for may not be there yet. */
static int put_beginning(const struct export_run *run, const struct view *view)
{
	struct timeline *timeline = run->state;
	int code = timeline->begun ? 0 : put_clocks(run);

	timeline->begun = true;
	if (code || timeline->named || !view->pid)
		return code;
	timeline->named = true;
	return put_process_track(run, view);
}

static int tick_perfetto(struct export_run *run, const struct view *view, struct err *err)
{
	__s64 others;
	int code = put_beginning(run, view);

	for (__u32 i = 0; i < view->nr_marks && !code; i++)
		code = put_mark(run, view->marks + i);
	if (!code)
		code = put_new_processes(run, view);
	if (!code)
		code = put_stats(run, view);
	if (!code)
		code = put_groups(run, view, &others);
	if (!code)
		code = put_figures(run, view, others);
	if (!code)
		code = put_due_smaps(run, view);
	return code ? err__set(err, code, "out of memory") : 0;
}

static int write_perfetto(struct export_run *run, const struct view *view, struct err *err)
{
	int code = perfetto__put_heap(run, view);

	return code ? err__set(err, code, "out of memory") : 0;
}

const struct exporter export_perfetto = {
	.name = "perfetto",
	.what = "counters over time, smaps and a heap profile: ui.perfetto.dev, trace_processor",
	.flags = EXPORT_TAKES_INTERVAL | EXPORT_TAKES_TOP | EXPORT_IS_BINARY,
	.begin = begin_perfetto,
	.tick = tick_perfetto,
	.write = write_perfetto,
	.end = end_perfetto,
};
