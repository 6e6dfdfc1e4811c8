// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <string.h>
#include "base/units.h"
#include "cmd/triggers.h"

#define GROWTH_MIN_NS (NSEC_PER_SEC / 10) /* a tick */

static int parse_amount(struct trigger *trigger, const char *text, struct err *err)
{
	if (units__parse_bytes(text, &trigger->bytes) || !trigger->bytes)
		return err__set(err, -EINVAL, "not a size such as 2G, 512MiB");
	return 0;
}

static int parse_growth(struct trigger *trigger, const char *text, struct err *err)
{
	const char *slash = strchr(text, '/');
	char amount[32] = "";

	if (!slash || (size_t)(slash - text) >= sizeof(amount))
		return err__set(err, -EINVAL, "not an amount in a time such as 100M/1m");
	memcpy(amount, text, slash - text);
	if (parse_amount(trigger, amount, err))
		return -EINVAL;
	if (units__parse_duration(slash + 1, &trigger->ns) || trigger->ns < GROWTH_MIN_NS)
		return err__set(err, -EINVAL, "not a time of 100ms or more such as 1m");
	return 0;
}

static int parse(struct trigger *trigger, const char *text, struct err *err)
{
	static const struct {
		const char *word;
		enum trigger_kind kind;
	} words[] = { { "exit", TRIGGER_EXIT },
		      { "signal", TRIGGER_SIGNAL },
		      { "oom", TRIGGER_OOM } };

	*trigger = (struct trigger){ .text = text };
	if (strlen(text) >= MARK_LABEL_MAX)
		return err__set(err, -EINVAL, "longer than %d bytes", MARK_LABEL_MAX - 1);
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (!strcmp(text, words[i].word))
			trigger->kind = words[i].kind;
	if (trigger->kind)
		return 0;
	if (!strncmp(text, "rss>", 4)) {
		trigger->kind = TRIGGER_RSS;
		return parse_amount(trigger, text + 4, err);
	}
	if (!strncmp(text, "growth>", 7)) {
		trigger->kind = TRIGGER_GROWTH;
		return parse_growth(trigger, text + 7, err);
	}
	return err__set(err, -EINVAL, "rss>SIZE, growth>SIZE/TIME, exit, signal or oom");
}

int triggers__add(struct triggers *triggers, const char *text, struct err *err)
{
	int code;

	if (triggers->nr == TRIGGERS_MAX)
		return err__set(err, -EINVAL, "at most %d triggers", TRIGGERS_MAX);
	code = parse(&triggers->all[triggers->nr], text, err);
	triggers->nr += !code;
	return code;
}

/* A new part of the time: those that were passed over saw what stands now. */
static void move_on(struct trigger *trigger, __u64 part, __u64 rss)
{
	__u64 steps = trigger->seen ? part - trigger->part : TRIGGER_SAMPLES;

	if (steps > TRIGGER_SAMPLES)
		steps = TRIGGER_SAMPLES;
	for (__u64 i = 0; i < steps; i++)
		trigger->lowest[(part - i) % TRIGGER_SAMPLES] = rss;
	trigger->part = part;
	trigger->seen = true;
}

/* RSS now less the lowest of the time. */
static __u64 growth(struct trigger *trigger, __u64 now_ns, __u64 rss)
{
	__u64 part = now_ns / (trigger->ns / TRIGGER_SAMPLES);
	__u64 lowest = rss;

	if (!trigger->seen || part > trigger->part)
		move_on(trigger, part, rss);
	if (rss < trigger->lowest[part % TRIGGER_SAMPLES])
		trigger->lowest[part % TRIGGER_SAMPLES] = rss;
	for (int i = 0; i < TRIGGER_SAMPLES; i++)
		if (trigger->lowest[i] < lowest)
			lowest = trigger->lowest[i];
	return rss - lowest;
}

/* Once, until it is armed again. */
static bool is_above(struct trigger *trigger, __u64 bytes, __u64 now_ns)
{
	bool above = bytes > trigger->bytes;

	if (trigger->fired)
		trigger->fired = trigger->kind == TRIGGER_RSS
					 ? bytes > trigger->bytes / 10 * 9
					 : now_ns - trigger->fired_ns < trigger->ns || above;
	if (!above || trigger->fired)
		return false;
	trigger->fired = true;
	trigger->fired_ns = now_ns;
	return true;
}

static bool at_tick(struct trigger *trigger, const struct session *session)
{
	__u64 now_ns = session__now(session);
	__u64 rss = session__rss_bytes(session);

	if (trigger->kind == TRIGGER_RSS)
		return is_above(trigger, rss, now_ns);
	return trigger->kind == TRIGGER_GROWTH &&
	       is_above(trigger, growth(trigger, now_ns, rss), now_ns);
}

static bool once(struct trigger *trigger, bool condition)
{
	bool first = condition && !trigger->fired;

	trigger->fired |= condition;
	return first;
}

bool trigger__fires(struct trigger *trigger, const struct rec *rec, const struct session *session,
		    bool signalled)
{
	switch (trigger->kind) {
	case TRIGGER_EXIT:
		return rec->type == REC_EXIT && once(trigger, !session__roots_alive(session));
	case TRIGGER_OOM:
		return rec->type == REC_MARK && ((const struct rec_mark *)rec)->from == MARK_OOM;
	case TRIGGER_SIGNAL:
		return signalled;
	default:
		return rec->type == REC_TICK && at_tick(trigger, session);
	}
}
