// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Processes and their address spaces: begin, fork, exec, end. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "model/books.h"
#include "model/snapshot.h"

#define FORKED_VMAS_MAX (1U << 21) /* of all spaces, when one more forks: some 100 MiB */

static struct space *new_space(struct session *session, __u32 id, struct err *err, int *ret)
{
	struct space *space;

	if (session->spaces[id]) {
		*ret = err__set(err, -EBADMSG, "address space %u begins a second time", id);
		return NULL;
	}
	space = space__new(id);
	*ret = space ? 0 : err__set(err, -ENOMEM, "no memory for an address space");
	if (!space)
		return NULL;
	session->spaces[id] = space;
	if (session->nr_spaces <= id)
		session->nr_spaces = id + 1;
	return space;
}

/* Returns the address space if it lives and nobody lives in it any more, else NULL. */
static struct space *die(struct session *session, struct process *process)
{
	struct space *space = session__space(session, process->space);

	process->alive = false;
	session->nr_roots -= !!(process->flags & PROCESS_ROOT);
	if (!space)
		return NULL;
	if (space->nr_processes)
		space->nr_processes--;
	return space->nr_processes ? NULL : space;
}

/* Process @pid is (again) alive, and in @space. */
static struct process *new_process(struct session *session, __u32 pid, struct space *space)
{
	struct process *process = process_table__find(&session->processes, pid);

	if (process && process->alive)
		die(session, process);
	if (!process)
		process = process_table__add(&session->processes, pid);
	if (!process)
		return NULL;
	*process = (struct process){ .pid = pid, .space = space->id, .alive = true };
	space->nr_processes++;
	return process;
}

static void set_comm(struct space *space, const char *comm)
{
	memcpy(space->comm, comm, RSST_COMM_LEN);
	space->comm[RSST_COMM_LEN - 1] = 0;
}

int session__process(struct session *session, const struct rec_process *rec, struct err *err)
{
	struct process *process;
	struct space *space;
	int ret;

	space = new_space(session, rec->space, err, &ret);
	if (!space)
		return ret;
	process = new_process(session, rec->pid, space);
	if (!process)
		return err__set(err, -ENOMEM, "too many processes");
	process->ppid = space->ppid = rec->ppid;
	process->flags = space->flags = rec->flags;
	if (rec->flags & PROCESS_ROOT) {
		session->nr_roots++;
		snapshot__free(session->final);
		session->final = NULL;
		session->doomed = false;
	}
	space->pid = rec->pid;
	set_comm(space, rec->comm);
	space__set_exe(space, rec->exe, RSST_REC_MAX);
	books__open(session, space, rec->pages);
	return 0;
}

/* Forget the file and shmem pages of [start, end) in a copied ledger whose books are not open yet.
 */
static void forget_file_pages(struct session *session, struct space *child, __u64 start, __u64 end)
{
	const struct page_ledger *ledger = &child->ledger;

	for (__u32 q = page_ledger__lower_bound(ledger, start >> LEDGER_TABLE_SHIFT);
	     q < ledger->nr_tables && ledger->tables[q]->key << LEDGER_TABLE_SHIFT < end; q++) {
		struct ledger_table *table = ledger->tables[q];
		__u32 first, last;

		if (!(table->counts[RSST_FILE] | table->counts[RSST_SHMEM]))
			continue;
		table = page_ledger__own(&child->ledger, q);
		if (!table) {
			session->no_memory = true;
			return;
		}
		ledger_table__clip(table->key, start, end, &first, &last);
		for (__u32 i = first; i < last; i++)
			if (table->pages[i].member == RSST_FILE ||
			    table->pages[i].member == RSST_SHMEM)
				ledger_table__clear(table, i);
	}
}

static bool has_anon(const struct page_ledger *ledger, const struct vma *vma)
{
	for (__u32 q = page_ledger__lower_bound(ledger, vma->start >> LEDGER_TABLE_SHIFT);
	     q < ledger->nr_tables && ledger->tables[q]->key << LEDGER_TABLE_SHIFT < vma->end;
	     q++) {
		const struct ledger_table *table = ledger->tables[q];
		__u32 first, last;

		if (!table->counts[RSST_ANON])
			continue;
		ledger_table__clip(table->key, vma->start, vma->end, &first, &last);
		for (__u32 i = first; i < last; i++)
			if (table->pages[i].member == RSST_ANON)
				return true;
	}
	return false;
}

/* Every child may come to hold what its parent has, in memory of its own. */
static bool has_room(const struct session *session, const struct space *parent)
{
	__u64 nr_vmas = parent->map.nr;

	for (__u32 id = 0; id < session->nr_spaces; id++)
		if (session->spaces[id])
			nr_vmas += session->spaces[id]->map.nr;
	return nr_vmas <= FORKED_VMAS_MAX &&
	       session->nr_tables + parent->ledger.nr_tables <= TABLES_MAX;
}

/*
 * fork copies the page tables of VMAs that hold, or may hold, anonymous pages (vma_needs_copy(),
 * mm/memory.c); a child faults the pages of other files in anew.
 */
static void copy_pages(struct session *session, const struct space *parent, struct space *child)
{
	__u64 at = 0;

	if (!has_room(session, parent)) { /* what it has is counted, and placed nowhere */
		session->nr_ignored++;
		return;
	}
	if (page_ledger__share(&child->ledger, &parent->ledger) ||
	    vma_map__copy(&child->map, &parent->map)) {
		session->no_memory = true;
		return;
	}
	session->nr_tables += child->ledger.nr_tables;
	child->brk_end = parent->brk_end;
	for (__u32 i = 0; i < child->map.nr; i++) {
		const struct vma *vma = &child->map.entries[i].vma;

		if (vma->shared || !has_anon(&parent->ledger, vma))
			continue;
		forget_file_pages(session, child, at, vma->start);
		at = vma->end;
	}
	forget_file_pages(session, child, at, ADDRESS_END);
	books__inherit(session, child);
}

static void open_child(struct session *session, struct space *space, const __s64 *pages, __u8 cause)
{
	for (__u8 m = 0; m < RSST_NR_MEMBERS; m++) {
		books__count(session, space, m, pages[m], cause);
		books__unplaced(session, space, m, pages[m] - space->placed[m]);
	}
}

int session__fork(struct session *session, const struct rec_fork *fork, struct err *err)
{
	struct space *parent = session__space(session, fork->space), *child;
	struct process *process;
	int ret = 0;

	if (fork->child_space == fork->space)
		child = parent;
	else
		child = new_space(session, fork->child_space, err, &ret);
	if (!child)
		return ret;
	process = new_process(session, fork->child_pid, child);
	if (!process)
		return err__set(err, -ENOMEM, "too many processes");
	process->ppid = fork->pid;
	if (child == parent)
		return 0;
	child->pid = fork->child_pid;
	child->ppid = fork->pid;
	set_comm(child, fork->comm);
	if (parent) {
		space__set_exe(child, parent->exe, RSST_REC_MAX);
		copy_pages(session, parent, child);
	}
	open_child(session, child, fork->pages, CAUSE_FORK);
	return 0;
}

static void end_space(struct session *session, struct space *space, __u8 cause)
{
	calls__end_space(session, space->id);
	books__close(session, space, cause);
	vma_map__fini(&space->map);
	space->alive = false;
	memset(space->carried, 0, sizeof(space->carried));
}

int session__exec(struct session *session, const struct rec_exec *exec, struct err *err)
{
	struct space *empty = NULL, *space;
	struct process *process = process_table__find(&session->processes, exec->pid);
	__u32 ppid = process ? process->ppid : 0, flags = process ? process->flags : 0;
	int ret;

	space = new_space(session, exec->new_space, err, &ret);
	if (!space)
		return ret;
	if (process && process->alive)
		empty = die(session, process);
	if (empty)
		end_space(session, empty, CAUSE_EXEC);
	process = new_process(session, exec->pid, space);
	if (!process)
		return err__set(err, -ENOMEM, "too many processes");
	process->ppid = space->ppid = ppid;
	process->flags = space->flags = flags;
	session->nr_roots += !!(flags & PROCESS_ROOT);
	space->pid = exec->pid;
	set_comm(space, exec->comm);
	space__set_exe(space, exec->filename, sizeof(exec->filename));
	open_child(session, space, exec->pages, CAUSE_EXEC);
	return 0;
}

static void take_final(struct session *session)
{
	snapshot__free(session->final);
	session->final = snapshot__take(session);
	if (!session->final)
		session->no_memory = true;
}

/* What was resident when the last root died is what the end is asked about: keep it before it goes.
 */
static void keep_final(struct session *session, const struct process *process)
{
	if (!(process->flags & PROCESS_ROOT) || session->nr_roots != 1)
		return;
	if (session->doomed) /* by now the kernel has taken pages away */
		return;
	take_final(session);
}

/* A victim of the OOM killer does not come back, and its pages go before it does. */
static void doom(struct session *session, __u32 pid)
{
	const struct process *process = process_table__find(&session->processes, pid);

	if (session->doomed || !process || !process->alive || !(process->flags & PROCESS_ROOT) ||
	    session->nr_roots != 1)
		return;
	take_final(session);
	session->doomed = session->final;
}

void session__mark(struct session *session, const struct rec_mark *mark)
{
	int code = mark_list__add(&session->marks, mark, session->record_ts);

	if (code == -ENOMEM)
		session->no_memory = true;
	else if (code)
		session->nr_ignored++;
	if (mark->from == MARK_OOM)
		doom(session, mark->pid);
}

void session__exit(struct session *session, const struct rec_exit *exit)
{
	struct process *process = process_table__find(&session->processes, exit->pid);
	struct space *space;

	calls__end_thread(session, exit->tid);
	if (!exit->group_dead || !process || !process->alive)
		return;
	keep_final(session, process);
	space = die(session, process);
	if (space)
		end_space(session, space, CAUSE_EXIT);
}

void session__space_end(struct session *session, struct space *space)
{
	for (__u32 i = 0; i < session->processes.nr; i++) {
		struct process *process = &session->processes.processes[i];

		if (!process->alive || process->space != space->id)
			continue;
		keep_final(session, process);
		die(session, process);
	}
	end_space(session, space, CAUSE_EXIT);
}

void session__counters(struct session *session, struct space *space,
		       const struct rec_counters *counters)
{
	for (__u8 m = 0; m < RSST_NR_MEMBERS; m++) {
		__s64 lost = counters->lost[m] - space->lost[m];

		space->lost[m] = counters->lost[m];
		if (lost) {
			books__count(session, space, m, lost, CAUSE_LOST);
			books__unplaced(session, space, m, lost);
		}
		if (space->behind_gap) {
			lost = counters->pages[m] - space->counted[m];
			books__count(session, space, m, lost, CAUSE_LOST);
			books__unplaced(session, space, m, lost);
		}
		session__settle(session, space, m);
		space->carried[m] = counters->pages[m] - space->counted[m];
	}
	space->behind_gap = false;
}

void session__thread(struct session *session, struct space *space, const struct rec_thread *thread)
{
	if (thread_table__name(&session->threads, thread->tid, thread->comm))
		session->no_memory = true;
	if (thread->pid == thread->tid && thread->pid == space->pid)
		set_comm(space, thread->comm);
}
