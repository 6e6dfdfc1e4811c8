// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Regions: what the VM calls and /proc/PID/maps say of them. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "model/books.h"

#define MAP_SHARED_BITS 3 /* MAP_SHARED 1, MAP_SHARED_VALIDATE 3 */
#define MAP_ANONYMOUS_BIT 0x20
#define SHM_RDONLY_BIT 010000

void session__map_result(struct session *session, int ret)
{
	if (ret == -ENOMEM)
		session->no_memory = true;
	else if (ret)
		session->nr_ignored++;
}

static bool starts_with(const char *text, const char *start)
{
	return !strncmp(text, start, strlen(start));
}

static __u8 kind_of(__u8 backing, bool anonymous, bool shared)
{
	static const __u8 kinds[] = {
		[BACKING_ANON] = KIND_ANON,	  [BACKING_FILE] = KIND_FILE,
		[BACKING_SHMEM] = KIND_SHMEM,	  [BACKING_HUGETLB] = KIND_HUGETLB,
		[BACKING_SPECIAL] = KIND_SPECIAL,
	};

	if (backing != BACKING_UNKNOWN)
		return kinds[backing];
	if (!anonymous)
		return KIND_FILE;
	return shared ? KIND_SHMEM : KIND_ANON;
}

static __u32 object_of(struct session *session, __u32 dev, __u64 ino)
{
	__u32 object = ino ? object_table__intern(&session->objects, dev, ino) : 0;

	if (ino && !object)
		session->no_memory |= !object_table__is_full(&session->objects);
	return object;
}

static bool is_shmem_object(const struct session *session, __u32 object)
{
	return object && session->objects.objects[object].flags & OBJECT_SHMEM;
}

/* [start, end) is new memory of call @rec, whatever the books still hold there is stale. */
static void insert_called(struct session *session, struct space *space, const struct rec_call *rec,
			  struct vma *vma)
{
	vma->stack = session__owner(session, space->id, rec->stack);
	vma->object = object_of(session, rec->dev, rec->ino);
	if (vma->kind == KIND_FILE && is_shmem_object(session, vma->object))
		vma->kind = KIND_SHMEM;
	if (!vma->object)
		vma->pgoff = 0;
	session__map_result(session, vma_map__insert(&space->map, vma, rec->gen));
	books__expire(session, space, vma->start, vma->end, rec->call_gen);
}

static void on_mmap(struct session *session, struct space *space, const struct rec_call *rec,
		    struct call *call)
{
	__u64 start = rec->ret, end = page_up(start + page_up(rec->args[1]));
	bool shared = rec->args[3] & 1;
	struct vma vma = {
		.start = start,
		.end = end,
		.pgoff = page_down(rec->args[5]),
		.prot = rec->args[2] & 7,
		.shared = shared,
		.kind = kind_of(rec->backing, rec->args[3] & MAP_ANONYMOUS_BIT, shared),
		.backing = rec->backing,
	};

	if (rec->ret < 0 || start >= ADDRESS_END || start & 4095)
		return;
	insert_called(session, space, rec, &vma);
	if (call)
		session__place_fresh(session, space, call, start, end, rec->call_gen);
}

static void on_munmap(struct session *session, struct space *space, const struct rec_call *rec)
{
	__u64 start = page_down(rec->args[0]), end;

	if (rec->ret || start >= ADDRESS_END)
		return;
	end = page_up(start + page_up(rec->args[1]));
	session__map_result(session, vma_map__remove(&space->map, start, end, rec->call_gen));
	books__dispute_older(session, space, start, end, rec->call_gen);
	books__prune(session, space, start, end);
}

/* The first break ever seen is where the heap starts, unless the maps showed it. */
static void on_brk(struct session *session, struct space *space, const struct rec_call *rec)
{
	/* an attached process that never grew its heap has none in its maps: the call says where it
	 * began */
	__u64 end = page_up(rec->ret), old = rec->args[1] ? page_up(rec->args[1]) : space->brk_end;
	struct vma heap = {
		.start = old,
		.end = end,
		.prot = 3,
		.kind = KIND_HEAP,
		.backing = BACKING_ANON,
	};

	if (rec->ret <= 0 || end >= ADDRESS_END)
		return;
	space->brk_end = end;
	if (!old || end == old)
		return;
	if (end < old) {
		session__map_result(session, vma_map__remove(&space->map, end, old, ~0ULL));
		books__dispute_older(session, space, end, old, rec->call_gen);
		books__prune(session, space, end, old);
		return;
	}
	heap.name = name_table__intern(&session->names, "[heap]", 6);
	heap.stack = session__owner(session, space->id, rec->stack);
	session__map_result(session, vma_map__insert(&space->map, &heap, rec->gen));
}

/* Where the mappings from @start on end, at most @end. */
static __u64 first_hole(struct space *space, __u64 start, __u64 end)
{
	const struct vma *vma;

	while (start < end && (vma = vma_map__find(&space->map, start)))
		start = vma->end;
	return start < end ? start : end;
}

/* One that fails for a hole has protected what lies before it. */
static void on_mprotect(struct session *session, struct space *space, const struct rec_call *rec)
{
	__u64 start = page_down(rec->args[0]), end;

	if (start >= ADDRESS_END)
		return;
	end = page_up(start + page_up(rec->args[1]));
	if (rec->ret == -ENOMEM)
		end = first_hole(space, start, end);
	else if (rec->ret)
		return;
	session__map_result(session, vma_map__protect(&space->map, start, end, rec->args[2] & 7));
}

/*
 * What /proc/PID/maps shows of anonymous memory named @name (fs/proc/task_mmu.c: a heap stays one);
 * its index.
 */
static __u32 shown_name(struct session *session, const char *name, bool shared)
{
	char shown[NAMED_MAX + 16];
	int len = 0;

	if (*name)
		len = snprintf(shown, sizeof(shown), shared ? "[anon_shmem:%s]" : "[anon:%s]",
			       name);
	return name_table__intern(&session->names, shown, len);
}

/* Has the memory no file, or that of shared anonymous memory only? */
static bool is_nameable(const struct session *session, const struct vma *vma)
{
	const char *path;

	if (vma->kind == KIND_ANON)
		return !vma->object;
	if (vma->kind != KIND_SHMEM || !vma->object)
		return vma->kind == KIND_SHMEM;
	path = session->objects.objects[vma->object].path;
	/* one whose path nobody has told yet: the kernel would have refused any other */
	return !*path || starts_with(path, "/dev/zero") || starts_with(path, "[anon_shmem:");
}

void session__named(struct session *session, struct space *space, const struct rec_named *named)
{
	__u64 start = page_down(named->start), end = page_up(named->end);
	struct vma_map *map = &space->map;
	int ret;

	if (start >= end || (named->ret && named->ret != -ENOMEM && named->ret != -EBADF))
		return;
	ret = vma_map__cut_out(map, start, end);
	session__map_result(session, ret);
	if (ret)
		return;
	for (__u32 i = vma_map__at(map, start); i < map->nr && map->entries[i].vma.start < end;
	     i++) {
		struct vma *vma = &map->entries[i].vma;

		if (is_nameable(session, vma))
			vma->name = shown_name(session, named->name, vma->shared);
		else if (vma->kind == KIND_FILE)
			return; /* EBADF: so far and no further */
	}
}

static void on_shmat(struct session *session, struct space *space, const struct rec_call *rec)
{
	__u64 start = rec->ret, len = page_up(rec->args[5]);
	struct vma vma = {
		.start = start,
		.end = page_up(start + len),
		.prot = rec->args[2] & SHM_RDONLY_BIT ? 1 : 3,
		.shared = 1,
		.kind = rec->backing == BACKING_HUGETLB ? KIND_HUGETLB : KIND_SHMEM,
		.backing = rec->backing,
	};

	if (rec->ret <= 0 || start >= ADDRESS_END || start & 4095 || !len)
		return;
	insert_called(session, space, rec, &vma);
}

static void on_shmdt(struct session *session, struct space *space, const struct rec_call *rec)
{
	const struct vma *vma = vma_map__find(&space->map, rec->args[0]);
	__u64 start, end;

	if (rec->ret || !vma || vma->start != rec->args[0])
		return;
	start = vma->start;
	end = vma->end;
	session__map_result(session, vma_map__remove(&space->map, start, end, rec->call_gen));
	books__dispute_older(session, space, start, end, rec->call_gen);
	books__prune(session, space, start, end);
}

void session__call(struct session *session, struct space *space, const struct rec_call *rec)
{
	struct call *call = calls__get(session, space, rec->tid, rec->call);

	if (!call)
		return;
	if (rec->op == VM_OP_MREMAP)
		session__mremap(session, space, rec, call);
	else if (rec->op == VM_OP_MPROTECT)
		on_mprotect(session, space, rec);
	else if (rec->ret >= -4095 && rec->ret < 0)
		; /* it failed: no region changed */
	else if (rec->op == VM_OP_MMAP)
		on_mmap(session, space, rec, call);
	else if (rec->op == VM_OP_MUNMAP)
		on_munmap(session, space, rec);
	else if (rec->op == VM_OP_BRK)
		on_brk(session, space, rec);
	else if (rec->op == VM_OP_SHMAT)
		on_shmat(session, space, rec);
	else if (rec->op == VM_OP_SHMDT)
		on_shmdt(session, space, rec);
	calls__end(session, call);
}

void session__area(struct session *session, struct space *space, const struct rec_area *area)
{
	__u64 start = page_down(area->addr), end;

	if (start >= ADDRESS_END || area->len > ADDRESS_END)
		return; /* no room was found */
	end = page_up(start + area->len);
	session__map_result(session, vma_map__remove(&space->map, start, end, ~0ULL));
	books__dispute_older(session, space, start, end, area->gen);
	if (area->op == VM_OP_MREMAP)
		session__mremap_chosen(session, space, area);
}

/* What a line of /proc/PID/maps is, by its last column and, where that says nothing, by its
 * backing. */
static __u8 kind_of_line(const struct rec_map *map)
{
	if (!strcmp(map->name, "[heap]"))
		return KIND_HEAP;
	if (!strcmp(map->name, "[stack]"))
		return KIND_STACK;
	if (starts_with(map->name, "[anon:"))
		return KIND_ANON;
	if (starts_with(map->name, "[anon_shmem:"))
		return KIND_SHMEM;
	if (map->name[0] == '[')
		return KIND_SPECIAL;
	return kind_of(map->backing, !map->ino, map->shared);
}

/* Keep what is known of the mapping's origin when the same mapping is told again. */
static __u32 stack_of_line(struct space *space, const struct vma *vma, __u64 *born)
{
	__u32 i = vma_map__at(&space->map, vma->start);
	const struct vma_entry *old = i < space->map.nr ? &space->map.entries[i] : NULL;

	if (!old || old->vma.start > vma->start || old->vma.kind != vma->kind ||
	    old->vma.object != vma->object)
		return OWNER_BEFORE;
	*born = old->born;
	return old->vma.stack;
}

static void reset_map(struct space *space)
{
	vma_map__fini(&space->map);
	space->brk_end = 0;
}

void session__map(struct session *session, struct space *space, const struct rec_map *map)
{
	__u8 kind = kind_of_line(map);
	__u64 born = 0;
	struct vma vma = {
		.start = map->start,
		.end = map->end,
		.prot = map->prot & 7,
		.shared = !!map->shared,
		.kind = kind,
		.backing = map->backing,
		.object = object_of(session, map->dev, map->ino),
	};

	if (map->flags & MAP_SNAPSHOT_RESET)
		reset_map(space);
	if (map->start == map->end)
		return;
	if (map->flags & (MAP_FOUND | MAP_GONE))
		books__doubt(session, space, map->start, map->end);
	if (map->flags & MAP_GONE) {
		session__map_result(
			session, vma_map__remove(&space->map, map->start, map->end, session->gen));
		return;
	}
	if (vma.object) {
		vma.pgoff = page_down(map->pgoff);
		session__map_result(session,
				    object_table__name(&session->objects, vma.object, map->name));
		if (kind == KIND_FILE && is_shmem_object(session, vma.object))
			vma.kind = KIND_SHMEM;
	} else {
		vma.name = name_table__intern(&session->names, map->name, strlen(map->name));
	}
	vma.stack = stack_of_line(space, &vma, &born);
	session__map_result(session, vma_map__insert(&space->map, &vma, born));
	if (kind == KIND_HEAP)
		space->brk_end = map->end;
}
