/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Packets of a Perfetto trace, one after the other. Two files write them: the timeline and the
 * heap. */
#ifndef RSSTRACE_EXPORT_PERFETTO_PACKET_H
#define RSSTRACE_EXPORT_PERFETTO_PACKET_H

#include "export/exporter.h"
#include "perfetto.pb-c.h"

#define PERFETTO_SEQUENCE 1 /* the only writer's number; any will do */

/* Optional scalars of proto2 say that they are there. */
#define PERFETTO_SET(message, field, value)                                                        \
	((message)->has_##field = true, (message)->field = (value))

/* A packet of @run at @ns since the start of the trace. */
static inline Perfetto__TracePacket perfetto_packet(const struct export_run *run, __u64 ns)
{
	Perfetto__TracePacket packet = PERFETTO__TRACE_PACKET__INIT;
	const struct rec_start *start = session__start(run->session);

	PERFETTO_SET(&packet, timestamp, (start ? start->h.ts : 0) + ns);
	PERFETTO_SET(&packet, trusted_packet_sequence_id, PERFETTO_SEQUENCE);
	return packet;
}

/* perfetto_packet__put() - write @packet. 0 or -ENOMEM. */
int perfetto_packet__put(FILE *out, const Perfetto__TracePacket *packet);

/* perfetto__put_heap() - what is resident at the end of @view as heap profiles, one a process:
 * flame graphs. 0 or -ENOMEM. */
int perfetto__put_heap(const struct export_run *run, const struct view *view);

#endif
