// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/units.h"
#include "cmd/commands.h"
#include "cmd/output.h"
#include "cmd/stop_signals.h"
#include "cmd/trace_signals.h"
#include "cmd/tracing.h"
#include "live/live_source.h"

#define TICK_MAX_NS (NSEC_PER_SEC / 10) /* how finely a trace can be cut into windows later */
#define IDLE_TICK_MAX_NS NSEC_PER_SEC
#define TICKS_AN_INTERVAL 2 /* so that its end is met half an interval late at most */

static __u64 at_most(__u64 ns, __u64 max_ns)
{
	return ns < max_ns ? ns : max_ns;
}

static struct record_source *open_source(const struct options *options, struct err *err)
{
	__u64 tick_ns = options->interval_ns / TICKS_AN_INTERVAL;
	struct live_options live = {
		.pids = options->pids,
		.nr_pids = options->nr_pids,
		.command = options->command,
		.children = options->children,
		.tick_ns = at_most(tick_ns, TICK_MAX_NS),
		.idle_tick_ns = at_most(tick_ns, IDLE_TICK_MAX_NS),
		.duration_ns = options->duration_ns,
		.ring_bytes = options->ring_bytes,
		.overhead_ppm = options->overhead_ppm,
		.every_stack = options->every_stack,
		.mark_fifo = options->mark_fifo,
		.debuginfod = options->debuginfod,
	};

	return live_source__open(&live, err);
}

/* rsstrace.COMM.PID.rsst; the target chose its comm, so anything unusual in it becomes '_'. */
static void default_path(struct tracing *tracing)
{
	const char *comm = live_source__comm(tracing->loop.source);
	size_t len = 0;
	char name[64];

	for (; *comm && len + 1 < sizeof(name); comm++)
		name[len++] = isalnum((unsigned char)*comm) || strchr("._+-", *comm) ? *comm : '_';
	name[len] = '\0';
	snprintf(tracing->path, sizeof(tracing->path), "rsstrace.%s.%d.rsst", name,
		 live_source__pid(tracing->loop.source));
}

static int open_output(struct tracing *tracing, struct err *err)
{
	struct trace_plan plan = tracing->options->plan;

	plan.overwrite = tracing->options->overwrite;
	tracing->output = trace_output__open(tracing->path, &plan, err);
	return tracing->output ? 0 : -EIO;
}

/*
 * A file that cannot be written should be found out before a command is launched; one to be
 * replaced should still be there when attaching fails.
 */
static int check_path(const struct tracing *tracing, struct err *err)
{
	const char *path = tracing->path;

	if (strlen(tracing->options->output) >= sizeof(tracing->path))
		return err__set(err, -ENAMETOOLONG, "the name of the trace is too long");
	if (!tracing->options->overwrite && !access(path, F_OK))
		return err__set(err, -EEXIST, "'%s' exists already: use -f to replace it", path);
	return 0;
}

/* Before the target is touched. */
static int prepare(struct tracing *tracing, struct err *err)
{
	const struct options *options = tracing->options;
	int code;

	tracing->loop.session = session__new();
	if (!tracing->loop.session)
		return err__set(err, -ENOMEM, "out of memory");
	if (!options->output)
		return 0;
	code = check_path(tracing, err);
	return code || !options->command ? code : open_output(tracing, err);
}

static int attach(struct tracing *tracing, struct err *err)
{
	tracing->loop.source = open_source(tracing->options, err);
	if (!tracing->loop.source) {
		if (tracing->output)
			unlink(tracing->path); /* it holds nothing but a header */
		return -EINVAL;
	}
	tracing->loop.stop = live_source__stop;
	trace_signals__catch(tracing->loop.source, live_source__mark_signal);
	tracing->triggers = tracing->options->triggers;
	stop_signals__catch(tracing->loop.source, live_source__stop);
	live_source__bind(tracing->loop.source, tracing->loop.session);
	return 0;
}

/* What is kept has its end where the mark's tick is: before, the mark must be in it. */
static void keep(struct tracing *tracing, const char *why)
{
	if (!tracing->output || !session__roots_alive(tracing->loop.session))
		return; /* the trace ends here anyway */
	if (trace_output__keep(tracing->output) && !tracing->options->quiet)
		say("trigger %s: kept as %s.%u", why, tracing->path,
		    trace_output__nr_parts(tracing->output) + 1);
}

static void watch(struct run_loop *loop, const struct rec *rec)
{
	struct tracing *tracing = loop->watcher;
	bool signalled = trace_signals__take_trigger();

	for (__u32 i = 0; i < tracing->triggers.nr; i++) {
		struct trigger *trigger = &tracing->triggers.all[i];

		if (!trigger__fires(trigger, rec, loop->session, signalled))
			continue;
		if (trigger->kind == TRIGGER_OOM) /* the mark is there */
			keep(tracing, trigger->text);
		else if (live_source__mark(loop->source, MARK_TRIGGER, getpid(), trigger->text))
			say("trigger %s: out of memory", trigger->text);
	}
	if (rec->type == REC_MARK && ((const struct rec_mark *)rec)->from == MARK_TRIGGER)
		keep(tracing, ((const struct rec_mark *)rec)->label);
}

int tracing__open(struct tracing *tracing, const struct options *options, bool write,
		  struct err *err)
{
	int code;

	memset(tracing, 0, sizeof(*tracing));
	trace_signals__catch(NULL, NULL);
	tracing->options = options;
	if (options->output)
		snprintf(tracing->path, sizeof(tracing->path), "%s", options->output);
	code = prepare(tracing, err);
	if (!code)
		code = attach(tracing, err);
	if (!code && write && !options->output)
		default_path(tracing);
	if (!code && write && !tracing->output)
		code = open_output(tracing, err);
	if (code) {
		tracing__close(tracing, NULL);
		return code;
	}
	tracing->loop.output = tracing->output;
	tracing->loop.watch = watch;
	tracing->loop.watcher = tracing;
	say("attached to %d (%s)", live_source__pid(tracing->loop.source),
	    live_source__comm(tracing->loop.source));
	return 0;
}

int tracing__run(struct tracing *tracing, struct err *err)
{
	return run_loop__run(&tracing->loop, err);
}

int tracing__close(struct tracing *tracing, struct err *err)
{
	struct run_loop *loop = &tracing->loop;
	struct stat st;
	int code;

	stop_signals__release();
	trace_signals__catch(NULL, NULL);
	if (tracing->output) {
		tracing->nr_parts = trace_output__nr_parts(tracing->output);
		tracing->all_bytes = trace_output__bytes(tracing->output);
	}
	code = trace_output__close(tracing->output, loop->session, err);
	if (tracing->output && !stat(tracing->path, &st))
		tracing->file_bytes = st.st_size;
	tracing->output = NULL;
	run_loop__fini(loop);
	if (loop->source && tracing->options->verbose)
		say("%s", live_source__times(loop->source));
	if (loop->source && tracing->options->verbose)
		say("the tracer took %s", live_source__self(loop->source));
	if (loop->source && tracing->options->verbose && *live_source__fetched(loop->source))
		say("--debuginfod: %s", live_source__fetched(loop->source));
	if (loop->source) {
		tracing->pid = live_source__pid(loop->source);
		tracing->command_status = live_source__command_status(loop->source);
		loop->source->free(loop->source);
	}
	if (loop->session)
		session__free(loop->session);
	loop->source = NULL;
	loop->session = NULL;
	return code;
}

int tracing__exit_status(const struct tracing *tracing, bool wait)
{
	int status = tracing->command_status;

	if (!tracing->options->command)
		return 0;
	wait = wait && !stop_signals__seen();
	stop_signals__reset();
	/* no child any more: the source has waited for it */
	while (waitpid(tracing->pid, &status, wait ? 0 : WNOHANG) < 0 && errno == EINTR)
		;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int tracing__failed(const struct options *options)
{
	return options->command ? EXIT_TRACER : EXIT_WRONG;
}
