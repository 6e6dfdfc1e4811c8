# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""From readings to figures, and from figures to the table."""
import json
import math
import statistics

MIB = 1 << 20
COLUMNS = ("slowdown", "95 %", "cpu", "95 %", "tracer", "RSS", "Pss", "anon", "kernel", "B/fault", "lost", "whole", "attr")
LEGEND = """slowdown: wall time, median of the ratios to the mean of the untraced runs before and after; 95 %: where that median lies
with so much certainty, of n runs (of five and less: the least and the most); untraced: a run to the one before, which is the noise
cpu: the same for the target's own processor time    tracer: its own processor time, of one CPU while the target ran, start-up left out
RSS: the tracer's peak, the kernel's buffers it maps included; Pss: a page mapped twice counted once; anon: without them    kernel: its BPF maps or perf's buffers, MiB    lost: events    whole: bytes that came by a stack that is; attr: bytes by a known stack
-: does not apply, or is not told; heaptrack and massif work inside the target: their costs are in its slowdown"""


def interval(values):
    """
    Indices into the sorted @values of the least and the most that their median is, with 95 %: as many lie below it as
    heads come up when so many coins are thrown.
    """
    nr = len(values)
    below = 0
    while sum(math.comb(nr, k) for k in range(below + 1)) / 2**nr <= 0.025:
        below += 1
    return (below - 1, nr - below) if below else None


def of(values):
    values = sorted(values)
    if not values:
        return None
    figures = {"median": statistics.median(values), "least": values[0], "most": values[-1]}
    if interval(values):
        low, high = interval(values)
        figures.update(low=values[low], high=values[high])
    return {key: float(f"{value:.5g}") for key, value in figures.items()} | {"n": len(values)}


def ratios(runs, key):
    pairs = [(run[key], run["beside"][key]) for run in runs if "beside" in run and key in run]
    return of([traced / untraced for traced, untraced in pairs if untraced])


def summary(cell, starting_ns):
    """Of one cell; an untraced run stands beside the one before it."""
    runs = cell.runs
    if not runs:
        return {"reason": cell.reason or "not run"}
    found = {key: ratios(runs, f"{name}ns") for key, name in (("slowdown", ""), ("cpu", "cpu_"), ("quartile", "quartile_"))}
    found["ns_per_op"] = of([run["ns"] / run["ops"] for run in runs if run["ops"]])
    found["faults"] = round(statistics.median(run["faults"] for run in runs))
    found["tracer_cpu"] = of(
        [max(run["tracer_cpu_ns"] - starting_ns, 0) / run["ns"] for run in runs if "tracer_cpu_ns" in run and run["faults"]]
    )
    found["tracer_cpu_ns"] = of([run["tracer_cpu_ns"] for run in runs if "tracer_cpu_ns" in run])
    for key in ("tracer_rss", "tracer_pss", "tracer_anon", "kernel_bytes"):
        found[key] = max((run[key] for run in runs if key in run), default=None)
    bytes_per_fault = [run["output_bytes"] / run["faults"] for run in runs if run.get("output_bytes") and run["faults"] > 100]
    found["bytes_per_fault"] = statistics.median(bytes_per_fault) if bytes_per_fault else None
    found.update({key: cell.told.get(key) for key in ("lost", "whole", "attributed")})
    found["whole_ns"] = of([run["whole_ns"] for run in runs])
    if cell.reason:
        found["reason"] = cell.reason
    return found


def number(value, text):
    return "-" if value is None else text.format(value)


def spread(figure):
    """The interval of the median, where there are runs enough for one; else all there was."""
    if not figure:
        return "-"
    ends = ("low", "high") if "low" in figure else ("least", "most")
    return f"{figure[ends[0]]:.3f} - {figure[ends[1]]:.3f} n={figure['n']}"


def cells_of(found):
    slow, cpu, own = found["slowdown"], found["cpu"], found["tracer_cpu"]
    return (
        number(slow and slow["median"], "x{:.3f}"),
        spread(slow),
        number(cpu and cpu["median"], "x{:.3f}"),
        spread(cpu),
        number(own and own["median"] * 100, "{:.1f}%"),
        number(found["tracer_rss"] and found["tracer_rss"] / MIB, "{:.1f}"),
        number(found["tracer_pss"] and found["tracer_pss"] / MIB, "{:.1f}"),
        number(found["tracer_anon"] and found["tracer_anon"] / MIB, "{:.1f}"),
        number(found["kernel_bytes"] and found["kernel_bytes"] / MIB, "{:.1f}"),
        number(found["bytes_per_fault"], "{:.1f}"),
        number(found["lost"], "{}"),
        *(number(found[key] is not None and found[key] * 100 or found[key], "{:.1f}%") for key in ("whole", "attributed")),
    )


def base_line(found):
    per_op = found["ns_per_op"]
    if not per_op:
        return ""
    text = f"{per_op['median']:.0f} ns an operation ({per_op['least']:.0f} - {per_op['most']:.0f}), {found['faults']} faults"
    return f"{text}, cpu {spread(found['cpu'])}" if found["cpu"] else text


def starting_lines(row):
    yield "starting and ending: a program that does nothing, whole run and the tracer's processor time"
    for tracer, found in row.items():
        if "whole_ns" in found:
            own = found["tracer_cpu_ns"]
            text = "  {:<12}  {:.0f} ms".format(tracer, found["whole_ns"]["median"] / 1e6)
            yield text + (" , {:.0f} ms".format(own["median"] / 1e6) if own else "")


def as_text(whole, words, notes):
    machine = whole["machine"]
    lines = [
        f"{machine['processor']}, {machine['cpus']} CPUs, {machine['memory_gib']} GiB, Linux {machine['kernel']};"
        f" {whole['rounds']} rounds in {whole['seconds']} s",
        "",
        "{:<14}{:>9} {:>20}{:>9} {:>20}{:>8}{:>7}{:>7}{:>7}{:>8}{:>9}{:>8}{:>8}{:>8}".format("", *COLUMNS),
    ]
    for workload, row in whole["figures"].items():
        if workload == "nothing":
            lines += starting_lines(row)
            continue
        lines.append(f"{workload}: {words.get(workload, '')}")
        for tracer, found in row.items():
            if "slowdown" not in found:
                if found["reason"] != "not asked":
                    lines.append(f"  {tracer:<12}  - {found['reason']}")
            elif tracer == "untraced":
                lines.append(f"  {tracer:<12}  {base_line(found)}")
            else:
                lines.append("  {:<12}{:>9} {:>20}{:>9} {:>20}{:>8}{:>7}{:>7}{:>7}{:>8}{:>9}{:>8}{:>8}{:>8}".format(tracer, *cells_of(found)))
                if found.get("reason"):
                    lines.append(f"  {'':<12}  {found['reason']}")
    if whole["disturbed"]:
        lines += ["", f"{whole['disturbed']} runs began while another rsstrace was at work: calls, switches, unrelated look too good"]
    lines += ["", LEGEND, *(f"{tracer}: {note}" for tracer, note in notes.items() if note)]
    return "\n".join(lines)


def as_json(whole):
    """A line a cell, so that two versions can be compared by eye."""
    head = {key: value for key, value in whole.items() if key != "figures"}
    rows = []
    for workload, row in whole["figures"].items():
        cells = ",\n".join(f"   {json.dumps(tracer)}: {json.dumps(found)}" for tracer, found in row.items())
        rows.append(f"  {json.dumps(workload)}: {{\n{cells}\n  }}")
    return json.dumps(head, indent=1)[:-2] + ',\n "figures": {\n' + ",\n".join(rows) + "\n }\n}\n"
