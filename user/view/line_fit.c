// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <math.h>
#include "base/units.h"
#include "view/line_fit.h"

#define NS_PER_HOUR (3600.0 * NSEC_PER_SEC)
#define RHO_MAX 0.99

/* Sums about the means: stable for sizes of 10^12 that differ in pages. */
struct moments {
	double mean_x, mean_y, sxx, sxy, syy;
};

static double hours(const __u64 *ts, __u32 i)
{
	return (ts[i] - ts[0]) / NS_PER_HOUR;
}

static struct moments measure(const __u64 *ts, const double *y, __u32 nr)
{
	struct moments m = { 0 };

	for (__u32 i = 0; i < nr; i++) {
		m.mean_x += hours(ts, i) / nr;
		m.mean_y += y[i] / nr;
	}
	for (__u32 i = 0; i < nr; i++) {
		double dx = hours(ts, i) - m.mean_x, dy = y[i] - m.mean_y;

		m.sxx += dx * dx;
		m.sxy += dx * dy;
		m.syy += dy * dy;
	}
	return m;
}

/* How much a residual resembles the one before it, 0 to RHO_MAX. @sse: sum of their squares. */
static double residual_likeness(const __u64 *ts, const double *y, __u32 nr, const struct moments *m,
				double slope, double *sse)
{
	double last = 0, products = 0;

	*sse = 0;
	for (__u32 i = 0; i < nr; i++) {
		double e = y[i] - m->mean_y - slope * (hours(ts, i) - m->mean_x);

		products += i ? e * last : 0;
		*sse += e * e;
		last = e;
	}
	if (*sse <= 0 || products <= 0)
		return 0;
	return products / *sse < RHO_MAX ? products / *sse : RHO_MAX;
}

/* Student's t at 97.5 %: within 4 % of the table from 5 degrees of freedom on. */
static double student(__u32 freedom)
{
	return 1.96 + 2.6 / freedom;
}

struct line_fit line_fit__make(const __u64 *ts, const double *y, __u32 nr)
{
	struct line_fit fit = { .nr = nr, .r2 = -1 };
	struct moments m;
	double rho, sse;

	if (nr < 3 || ts[nr - 1] <= ts[0])
		return (struct line_fit){ .r2 = -1 };
	m = measure(ts, y, nr);
	fit.slope = m.sxy / m.sxx;
	rho = residual_likeness(ts, y, nr, &m, fit.slope, &sse);
	fit.slope_error =
		student(nr - 2) * sqrt(sse / (nr - 2) / m.sxx) * sqrt((1 + rho) / (1 - rho));
	if (m.syy > 0)
		fit.r2 = sse < m.syy ? 1 - sse / m.syy : 0;
	return fit;
}
