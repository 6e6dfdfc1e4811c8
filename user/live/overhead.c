// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "base/units.h"
#include "live/facts.h"
#include "live/overhead.h"

#define SLICE_NS (10 * 1000 * 1000ULL)
#define BETWEEN_SLICES_NS (60 * 1000 * 1000ULL)
#define JITTER_NS (64 * 1024 * 1024ULL) /* so that no rhythm of the target is met */
#define PERIOD_NS (NSEC_PER_SEC / 4)
#define TARGET_MIN_NS (10 * 1000 * 1000ULL) /* less is no measure of anything */
#define PPM 1000000ULL
#define STACK_NS 1000	/* what a stack costs, all in all, at most but for the deepest */
#define STACKS_MATTER 8 /* when they cost more than that part of the budget */

static __u64 clock_ns(clockid_t clock)
{
	struct timespec now;

	return clock_gettime(clock, &now) ? 0 : now.tv_sec * NSEC_PER_SEC + now.tv_nsec;
}

/* CPU time of all its threads since the last reading; 0 when it is gone. */
static __u64 target_ns(struct target *target)
{
	clockid_t clock;
	__u64 now, spent;

	if (clock_getcpuclockid(target->pid, &clock))
		return 0;
	now = clock_ns(clock);
	spent = now > target->cpu_ns ? now - target->cpu_ns : 0;
	target->cpu_ns += spent;
	return spent;
}

static void read_targets(struct overhead_meter *meter, struct targets *targets)
{
	for (size_t i = 0; i < targets->nr; i++)
		if (targets->all[i].alive)
			meter->target_ns += target_ns(&targets->all[i]);
}

static void begin_period(struct overhead_meter *meter)
{
	meter->told_at = facts__now();
	meter->tracer_at = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	meter->target_ns = meter->run_ns = meter->run_target_ns = 0;
	meter->slice_target_ns = 0;
}

int overhead__begin(struct overhead_meter *meter, __u32 budget_ppm, bool every_stack,
		    struct targets *targets, struct err *err)
{
	int fd;

	if (!budget_ppm && every_stack)
		return 0;
	fd = bpf_enable_stats(BPF_STATS_RUN_TIME);
	if (fd < 0 && budget_ppm)
		return err__set(err, fd,
				"--overhead: what the BPF programs run cannot be measured: %s",
				strerror(-fd));
	if (fd < 0)
		return 0;
	close(fd);
	meter->budget_ppm = budget_ppm ? budget_ppm : OVERHEAD_UNASKED_PPM;
	meter->told = meter->measuring = budget_ppm;
	read_targets(meter, targets);
	begin_period(meter);
	meter->slice_at = meter->told_at;
	return 0;
}

static void begin_slice(struct overhead_meter *meter, struct kernel_side *kernel, __u64 now)
{
	int fd = bpf_enable_stats(BPF_STATS_RUN_TIME);

	meter->stats_fd = fd > 0 ? fd : 0;
	meter->slice_at = now;
	meter->slice_target_ns = meter->target_ns;
	meter->slice_run_ns = kernel_side__run_ns(kernel);
}

static void end_slice(struct overhead_meter *meter, struct kernel_side *kernel, __u64 now)
{
	meter->run_ns += kernel_side__run_ns(kernel) - meter->slice_run_ns;
	meter->run_target_ns += meter->target_ns - meter->slice_target_ns;
	overhead__end(meter);
	meter->slice_at = now + BETWEEN_SLICES_NS + now % JITTER_NS;
}

void overhead__step(struct overhead_meter *meter, struct kernel_side *kernel,
		    struct targets *targets)
{
	__u64 now = facts__now();

	if (!meter->measuring || now < meter->slice_at + (meter->stats_fd ? SLICE_NS : 0))
		return;
	read_targets(meter, targets);
	if (meter->stats_fd)
		end_slice(meter, kernel, now);
	else
		begin_slice(meter, kernel, now);
}

void overhead__died(struct overhead_meter *meter, struct target *target)
{
	if (meter->budget_ppm)
		meter->target_ns += target_ns(target);
}

__u32 overhead__next_shift(__u32 shift, __u64 cost_ppm, __u64 stacks_ppm, __u32 budget_ppm)
{
	__u32 step = cost_ppm > budget_ppm + budget_ppm / 2 ? 2 : 1;

	if (cost_ppm > budget_ppm && stacks_ppm > budget_ppm / STACKS_MATTER)
		return shift + step < SAMPLE_SHIFT_MAX ? shift + step : SAMPLE_SHIFT_MAX;
	/* twice the stacks cost twice what these do, at most */
	if (cost_ppm < budget_ppm / 2 || stacks_ppm < budget_ppm / STACKS_MATTER / 4)
		return shift ? shift - 1 : 0;
	return shift;
}

static __u64 ppm_of(__u64 part_ns, __u64 whole_ns)
{
	return part_ns * PPM / whole_ns;
}

bool overhead__may_matter(__u64 nr_new, __u64 target_ns)
{
	return target_ns &&
	       ppm_of(nr_new * STACK_NS, target_ns) > OVERHEAD_UNASKED_PPM / STACKS_MATTER;
}

/* From here on; the last period may be one in which nothing ran but we. */
static void set_rate(struct overhead_meter *meter, struct kernel_side *kernel, __u64 tracer_ns,
		     __u64 nr_stacks)
{
	meter->shift = overhead__next_shift(
		meter->shift, meter->rate_ppm + ppm_of(tracer_ns, meter->target_ns),
		ppm_of(nr_stacks * STACK_NS, meter->target_ns), meter->budget_ppm);
	meter->told |= meter->shift;
	kernel_side__sample_stacks(kernel, meter->shift);
}

static int add_record(const struct overhead_meter *meter, struct record_queue *queue,
		      __u64 tracer_ns)
{
	struct rec_overhead *rec =
		record_queue__add(queue, REC_OVERHEAD, sizeof(*rec), facts__now());

	if (!rec)
		return -ENOMEM;
	rec->target_ns = meter->target_ns;
	rec->kernel_ns = meter->target_ns / PPM * meter->rate_ppm +
			 meter->target_ns % PPM * meter->rate_ppm / PPM;
	rec->tracer_ns = tracer_ns;
	rec->budget_ppm = meter->budget_ppm;
	rec->shift = meter->shift;
	return 0;
}

/* The period that ends: its rate, and what is told of it. */
static int end_period(struct overhead_meter *meter, struct kernel_side *kernel,
		      struct record_queue *queue, __u64 nr_stacks, bool last)
{
	__u64 tracer_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - meter->tracer_at;

	if (meter->stats_fd)
		end_slice(meter, kernel, facts__now());
	if (meter->run_target_ns)
		meter->rate_ppm = meter->run_ns * PPM / meter->run_target_ns;
	if (!last)
		set_rate(meter, kernel, tracer_ns, nr_stacks);
	return meter->told ? add_record(meter, queue, tracer_ns) : 0;
}

int overhead__tell(struct overhead_meter *meter, struct kernel_side *kernel,
		   struct targets *targets, struct record_queue *queue, const __u64 *stats,
		   bool last)
{
	__u64 nr_stacks = stats[CNT_STACKS_WALKED], nr_new = nr_stacks - stats[CNT_STACKS_REUSED];
	int code = 0;

	if (!meter->budget_ppm || (!last && facts__now() - meter->told_at < PERIOD_NS))
		return 0;
	read_targets(meter, targets);
	if (meter->target_ns < (last ? 1 : TARGET_MIN_NS))
		return 0;
	if (meter->measuring)
		code = end_period(meter, kernel, queue, nr_stacks - meter->nr_stacks, last);
	meter->measuring =
		meter->told || overhead__may_matter(nr_new - meter->nr_new, meter->target_ns);
	if (!meter->measuring)
		overhead__end(meter);
	begin_period(meter);
	meter->nr_stacks = nr_stacks;
	meter->nr_new = nr_new;
	return code;
}

void overhead__end(struct overhead_meter *meter)
{
	if (meter->stats_fd)
		close(meter->stats_fd);
	meter->stats_fd = 0;
}
