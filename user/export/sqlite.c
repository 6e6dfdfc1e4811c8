// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* An SQLite database (schema.sql, README.md). Made in memory, so that it can go into a pipe as
 * well. */
#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include "base/units.h"
#include "export/exporter.h"
#include "export/frame_text.h"
#include "export/pool.h"

/* The build makes a string of schema.sql. */
static const char schema[] =
#include "schema_sql.h"
	;

#define SCHEMA_VERSION "1"

enum table {
	META,
	TARGETS,
	TICKS,
	CAUSES,
	MARKS,
	REGIONS,
	STACKS,
	PLACES,
	STACK_PLACES,
	RESIDENT,
	NR_TABLES
};

static const char *const inserts[NR_TABLES] = {
	[META] = "INSERT INTO meta VALUES(?,?)",
	[TARGETS] = "INSERT INTO targets VALUES(?,?,?,?,?,?)",
	[TICKS] = "INSERT INTO ticks VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
	[CAUSES] = "INSERT INTO causes VALUES(?,?,?,?,?,?,?)",
	[MARKS] = "INSERT INTO marks VALUES(?,?,?,?,?,?)",
	[REGIONS] = "INSERT INTO regions VALUES(?,?,?,?,?,?,?,?,?,?,?,?)",
	[STACKS] = "INSERT INTO stacks VALUES(?,?,?,?,?,?,?,?)",
	[PLACES] = "INSERT INTO places VALUES(?,?,?,?,?,?,?,?,?)",
	[STACK_PLACES] = "INSERT INTO stack_places VALUES(?,?,?)",
	[RESIDENT] = "INSERT INTO resident VALUES(?,?,?,?,?)",
};

struct database {
	sqlite3 *db;
	sqlite3_stmt *statements[NR_TABLES];
	__u64 nr_ticks;
	struct pool pool;
	struct intern_table places;
};

/* One row on its way; columns are bound from the left. */
struct row {
	sqlite3_stmt *statement;
	int column;
};

static int failed(const struct database *database, struct err *err)
{
	return err__set(err, -EIO, "cannot make the database: %s", sqlite3_errmsg(database->db));
}

static struct row new_row(struct database *database, enum table table)
{
	return (struct row){ .statement = database->statements[table] };
}

static void put_int(struct row *row, __s64 value)
{
	sqlite3_bind_int64(row->statement, ++row->column, value);
}

/* NULL and "" are unknown: NULL. */
static void put_text(struct row *row, const char *text)
{
	char *clean = text && *text ? frame_text__clean(text) : NULL;

	if (clean)
		sqlite3_bind_text(row->statement, ++row->column, clean, -1, SQLITE_TRANSIENT);
	else
		sqlite3_bind_null(row->statement, ++row->column);
	free(clean);
}

static void put_text_free(struct row *row, char *text)
{
	put_text(row, text);
	free(text);
}

static void put_address(struct row *row, __u64 address)
{
	char text[24];

	snprintf(text, sizeof(text), "0x%llx", address);
	put_text(row, text);
}

static int end_row(struct row *row)
{
	int code = sqlite3_step(row->statement);

	sqlite3_reset(row->statement);
	sqlite3_clear_bindings(row->statement);
	return code == SQLITE_DONE ? 0 : -EIO;
}

static int prepare(struct database *database)
{
	for (int t = 0; t < NR_TABLES; t++)
		if (sqlite3_prepare_v2(database->db, inserts[t], -1, database->statements + t,
				       NULL) != SQLITE_OK)
			return -EIO;
	return 0;
}

static int begin_sqlite(struct export_run *run, struct err *err)
{
	struct database *database = calloc(1, sizeof(*database));

	if (!database)
		return err__set(err, -ENOMEM, "out of memory");
	run->state = database;
	if (sqlite3_open(":memory:", &database->db) != SQLITE_OK ||
	    sqlite3_exec(database->db, schema, NULL, NULL, NULL) != SQLITE_OK ||
	    prepare(database) || sqlite3_exec(database->db, "BEGIN", NULL, NULL, NULL) != SQLITE_OK)
		return failed(database, err);
	return 0;
}

static void end_sqlite(struct export_run *run)
{
	struct database *database = run->state;

	if (!database)
		return;
	for (int t = 0; t < NR_TABLES; t++)
		sqlite3_finalize(database->statements[t]);
	sqlite3_close(database->db);
	intern_table__fini(&database->places);
	pool__fini(&database->pool);
	free(database);
	run->state = NULL;
}

static void put_wall(struct row *row, __u64 wall_ns)
{
	char text[UNITS_LEN];

	put_text(row, wall_ns ? units__iso8601(text, wall_ns) : NULL);
}

static int add_causes(struct database *database, const struct view *view)
{
	int code = 0;

	for (__u32 i = 0; i < view->nr_causes && !code; i++) {
		const struct cause_row *cause = view->causes + i;
		struct row row = new_row(database, CAUSES);

		put_int(&row, database->nr_ticks);
		put_text(&row, cause_name(cause->cause));
		put_text(&row, cause->out ? "out" : "in");
		put_int(&row, cause->bytes.anon);
		put_int(&row, cause->bytes.file);
		put_int(&row, cause->bytes.shmem);
		put_int(&row, cause->bytes.total);
		code = end_row(&row);
	}
	return code;
}

static int add_marks(struct database *database, const struct view *view)
{
	int code = 0;

	for (__u32 i = 0; i < view->nr_marks && !code; i++) {
		const struct mark *mark = view->marks + i;
		struct row row = new_row(database, MARKS);

		put_int(&row, database->nr_ticks);
		put_int(&row, mark->ts);
		put_text(&row, mark->label);
		put_text(&row, mark_from_name(mark->from));
		if (mark->pid)
			put_int(&row, mark->pid);
		else
			put_text(&row, NULL);
		if (mark->tid)
			put_int(&row, mark->tid);
		code = end_row(&row);
	}
	return code;
}

static int tick_sqlite(struct export_run *run, const struct view *view, struct err *err)
{
	struct database *database = run->state;
	struct row row = new_row(database, TICKS);

	put_int(&row, ++database->nr_ticks);
	put_int(&row, view->to_ns);
	put_wall(&row, view->to_wall_ns);
	put_int(&row, view->rss.anon);
	put_int(&row, view->rss.file);
	put_int(&row, view->rss.shmem);
	put_int(&row, view->rss.total);
	put_int(&row, view->rss.swap);
	put_int(&row, view->attributed);
	put_int(&row, view->before_attach);
	put_int(&row, view->unattributed);
	put_int(&row, view->error);
	put_int(&row, view->faults);
	put_int(&row, view->lost);
	return end_row(&row) || add_causes(database, view) || add_marks(database, view)
		       ? failed(database, err)
		       : 0;
}

static int add_meta(struct database *database, const char *key, const char *text)
{
	struct row row = new_row(database, META);

	put_text(&row, key);
	put_text(&row, text);
	return end_row(&row);
}

static int add_meta_int(struct database *database, const char *key, __s64 value)
{
	struct row row = new_row(database, META);

	put_text(&row, key);
	put_int(&row, value);
	return end_row(&row);
}

static int add_facts(struct database *database, const struct view *view)
{
	char from[UNITS_LEN], to[UNITS_LEN];
	int code = 0;

	units__iso8601(from, view->from_wall_ns);
	units__iso8601(to, view->to_wall_ns);
	code |= add_meta(database, "schema", SCHEMA_VERSION);
	code |= add_meta(database, "rsstrace", RSSTRACE_VERSION);
	code |= add_meta_int(database, "pid", view->pid);
	code |= add_meta(database, "comm", view->comm);
	code |= add_meta(database, "exe", view->exe);
	code |= add_meta_int(database, "from_ns", view->from_ns);
	code |= add_meta_int(database, "to_ns", view->to_ns);
	code |= add_meta(database, "wall_from", from);
	code |= add_meta(database, "wall_to", to);
	code |= add_meta_int(database, "rss_total", view->rss.total);
	code |= add_meta_int(database, "peak_total", view->peak_total);
	code |= add_meta_int(database, "peak_at_ns", view->peak_ns);
	code |= add_meta_int(database, "growth_total", view->growth.total);
	code |= add_meta_int(database, "lost", view->lost);
	code |= add_meta_int(database, "attributed", view->attributed);
	code |= add_meta_int(database, "incomplete", view->resident_walks.incomplete);
	code |= add_meta_int(database, "faulted", view->faulted_walks.bytes);
	code |= add_meta_int(database, "incomplete_faulted", view->faulted_walks.incomplete);
	return code;
}

static int add_target(struct database *database, const struct process_row *process)
{
	struct row row = new_row(database, TARGETS);

	put_int(&row, process->space);
	put_int(&row, process->pid);
	put_int(&row, process->ppid);
	put_text(&row, process->comm);
	put_text(&row, process->exe);
	put_int(&row, process->alive);
	return end_row(&row);
}

static int add_region(struct database *database, const struct region_row *region, __s64 id)
{
	struct row row = new_row(database, REGIONS);

	put_int(&row, id);
	put_int(&row, region->pid);
	put_address(&row, region->start);
	put_address(&row, region->end);
	put_text(&row, region->perms);
	put_text(&row, kind_name(region->kind));
	put_text(&row, region->name);
	put_int(&row, region->unmapped);
	put_int(&row, region->size);
	put_int(&row, region->rss);
	put_int(&row, region->growth);
	put_int(&row, region->faulted);
	return end_row(&row);
}

static int add_place(struct database *database, const struct frame_row *frame, __u64 id)
{
	struct row row = new_row(database, PLACES);

	put_int(&row, id);
	put_text_free(&row, frame_text__name(frame));
	put_text(&row, frame->symbol);
	put_text(&row, frame->module);
	put_int(&row, frame->offset);
	put_text(&row, frame->file);
	if (frame->line)
		put_int(&row, frame->line);
	else
		put_text(&row, NULL);
	put_int(&row, frame->inlined);
	put_int(&row, frame_row__is_internal(frame));
	return end_row(&row);
}

/* Rows of one place have the same strings of the session, so pointers tell places apart. */
static int add_frame(struct database *database, const struct stack_row *stack, __u32 depth)
{
	const struct frame_row *frame = stack->frames + depth;
	const struct {
		const char *symbol, *file;
		const struct object *object;
		__u64 offset, line, inlined;
	} key = { frame->symbol, frame->file, frame->object,
		  frame->offset, frame->line, frame->inlined };
	struct row row = new_row(database, STACK_PLACES);
	bool is_new;
	__u64 place = intern_table__number(&database->places, &database->pool, &key, sizeof(key),
					   &is_new);

	if (!place || (is_new && add_place(database, frame, place)))
		return -EIO;
	put_int(&row, stack->id);
	put_int(&row, depth);
	put_int(&row, place);
	return end_row(&row);
}

static int add_stack(struct database *database, const struct stack_row *stack)
{
	struct row row = new_row(database, STACKS);
	int code;

	put_int(&row, stack->id);
	put_int(&row, stack->rss);
	put_int(&row, stack->growth);
	put_int(&row, stack->faulted);
	put_int(&row, stack->freed);
	put_int(&row, stack->complete);
	put_text_free(&row, stack->named_by >= 0 ? frame_text__name(stack->frames + stack->named_by)
						 : NULL);
	put_text(&row, stack_end_name(stack->end));
	code = end_row(&row);
	for (__u32 i = 0; i < stack->nr_frames && !code; i++)
		code = add_frame(database, stack, i);
	return code;
}

static int add_sample(struct database *database, const struct view *view,
		      const struct sample *sample)
{
	struct row row = new_row(database, RESIDENT);

	if (!sample->bytes[VALUE_RESIDENT] && !sample->bytes[VALUE_GROWTH])
		return 0;
	put_text(&row, sample_origin__name(sample->origin));
	if (sample->stack)
		put_int(&row, sample->stack->id);
	else
		put_text(&row, NULL);
	if (sample->region)
		put_int(&row, sample->region - view->regions + 1);
	else
		put_text(&row, NULL);
	put_int(&row, sample->bytes[VALUE_RESIDENT]);
	put_int(&row, sample->bytes[VALUE_GROWTH]);
	return end_row(&row);
}

static int add_samples(struct database *database, const struct view *view)
{
	struct samples samples;
	int code = samples__init(&samples, view);

	for (__u32 i = 0; i < samples.nr && !code; i++)
		code = add_sample(database, view, samples.all + i);
	samples__fini(&samples);
	return code;
}

static int add_window(struct database *database, const struct view *view)
{
	int code = add_facts(database, view);

	for (__u32 i = 0; i < view->nr_processes && !code; i++)
		code = add_target(database, view->processes + i);
	for (__u32 i = 0; i < view->nr_regions && !code; i++)
		code = add_region(database, view->regions + i, i + 1);
	for (__u32 i = 0; i < view->nr_stacks && !code; i++)
		code = add_stack(database, view->stacks + i);
	return code ? code : add_samples(database, view);
}

static int write_bytes(const struct database *database, FILE *out)
{
	sqlite3_int64 len;
	unsigned char *bytes = sqlite3_serialize(database->db, "main", &len, 0);

	if (!bytes)
		return -ENOMEM;
	fwrite(bytes, 1, len, out);
	sqlite3_free(bytes);
	return 0;
}

static int write_sqlite(struct export_run *run, const struct view *view, struct err *err)
{
	struct database *database = run->state;

	if (add_window(database, view) ||
	    sqlite3_exec(database->db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
		return failed(database, err);
	return write_bytes(database, run->out) ? err__set(err, -ENOMEM, "out of memory") : 0;
}

const struct exporter export_sqlite = {
	.name = "sqlite",
	.what = "a database to ask in SQL; user/export/README.md has the schema",
	.flags = EXPORT_TAKES_INTERVAL | EXPORT_IS_BINARY,
	.begin = begin_sqlite,
	.tick = tick_sqlite,
	.write = write_sqlite,
	.end = end_sqlite,
};
