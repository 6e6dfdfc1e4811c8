#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""
What tracing costs, beside what people would use instead. In a round every workload runs under each tracer, one after the
other, with a run untraced before and after each; a slowdown is the ratio to the mean of those two. Where little is to be
told from noise (churn, the services) a round has several such pairs with rsstrace. Figures are medians, with the least
and the most, or the interval that holds the median with 95 %.
"""
import argparse
import datetime
import fcntl
import mmap
import os
import platform
import statistics
import sys
import tempfile
import time

import instructions
import tables
import tracers
import turns
import walk_cost
import workloads

SLOW_S = 5  # a run that takes longer is not repeated
LOCK = os.path.join(tempfile.gettempdir(), "bench.lock")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", default="build")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workloads", default="", help="words; those whose name has one of them")
    parser.add_argument("--tracers", default="", help="likewise")
    parser.add_argument("--json", help="where the figures go")
    return parser.parse_args()


def is_chosen(name, words):
    words = words.replace(",", " ").split()
    return not words or any(word in name for word in words)


def chosen(things, words):
    return [thing for thing in things if is_chosen(thing.name, words)]


def machine():
    """What the figures depend on, without a name."""
    model = "?"
    with open("/proc/cpuinfo", encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    with open("/sys/kernel/mm/transparent_hugepage/enabled", encoding="utf-8") as file:
        huge = file.read().partition("[")[2].partition("]")[0]
    return {
        "processor": model,
        "cpus": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)),
        "kernel": ".".join(platform.release().split(".")[:2]),
        "huge_pages": huge,
    }


class Cell:
    """A workload under a tracer."""

    def __init__(self):
        self.runs = []
        self.reason = None  # that there are no runs, or no more
        self.slow = False
        self.disturbed = 0
        self.told = {}

    def take(self, workload, tracer, build):
        """One run, or None."""
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            result, output = os.path.join(folder, "result"), os.path.join(folder, "output" + (tracer.suffix or ""))
            self.disturbed += not instructions.alone()
            warm(workload.touches)
            begin = time.monotonic()
            try:
                inner, seen = workload.run(tracer, build, result, output)
            except workloads.CannotRun as why:
                self.reason = str(why)
                return None
            self.slow = time.monotonic() - begin > SLOW_S
            run = dict(inner, status=seen.status, whole_ns=int((time.monotonic() - begin) * 1e9))
            if tracer.watched:
                run.update(tracer_cpu_ns=int(seen.cpu_s * 1e9), tracer_rss=seen.rss_bytes, tracer_anon=seen.anon_bytes)
                run.update(tracer_pss=seen.pss_bytes, kernel_bytes=seen.kernel_bytes)
            if tracer.suffix:
                run["output_bytes"] = tracer.output_bytes(output)
            try:
                if not self.runs:
                    self.told = tracer.looked_at(output, seen.talk)
            except Exception as error:  # the tracer's own tool could not read its output: to be seen, no reason to stop
                self.reason = f"output unreadable: {error}"[:100]
        self.runs.append(run)
        return run

    def wants_more(self, workload, number):
        return not (self.reason or self.slow or number >= (workload.rounds or number + 1))


def warm(mib):
    """
    A host may have taken back what nobody used for a while, and gives a page of it again in the time of several faults.
    What was touched just now is there.
    """
    with mmap.mmap(-1, mib << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | mmap.MAP_POPULATE):
        pass


def why_not(workload, tracer):
    if workload.tracers and tracer.name not in workload.tracers:
        return "not asked"
    if tracer.allocations_only and not workload.allocates:
        return "not asked"
    return tracer.missing()


def mean(before, after):
    return {key: (before[key] + after[key]) / 2 for key in ("ns", "cpu_ns", "quartile_ns")}


def pairs(workload, cell, untraced, tracer, before, given):
    """Runs under @tracer, each followed by one untraced; the last of those."""
    for _ in range(workload.pairs if tracer.name == "rsstrace" else 1):
        run = cell.take(workload, tracer, given.build)
        after = untraced.take(workload, tracers.Tracer(given.build), given.build)
        if not run or not after:
            break
        run["beside"], after["beside"] = mean(before, after), before
        before = after
    return before


def one_round(number, cells, things, peers, given):
    for workload in things:
        untraced = cells[workload.name, "untraced"]
        if not number:  # caches are to be warm
            Cell().take(workload, peers[0], given.build)
        # the others' order turns from round to round
        order = [peers[1:][(i + number) % len(peers[1:])] for i in range(len(peers) - 1)]
        wanted = [tracer for tracer in order if cells[workload.name, tracer.name].wants_more(workload, number)]
        last = untraced.take(workload, peers[0], given.build) if wanted and not untraced.reason else None
        for tracer in wanted if last else []:
            last = pairs(workload, cells[workload.name, tracer.name], untraced, tracer, last, given)
            if sys.stderr.isatty():
                print(f"\r  round {number + 1}: {workload.name}, {tracer.name}\033[K", end="", file=sys.stderr, flush=True)


def figures(cells, things, peers):
    """As JSON: {workload: {tracer: ...}}."""
    found, starting = {}, {}
    for tracer in peers:
        runs = cells["nothing", tracer.name].runs if ("nothing", tracer.name) in cells else []
        starting[tracer.name] = statistics.median(run.get("tracer_cpu_ns", 0) for run in runs) if runs else 0
    for workload in things:
        found[workload.name] = {
            tracer.name: tables.summary(cells[workload.name, tracer.name], starting[tracer.name]) for tracer in peers
        }
    return found


def main():
    given = arguments()
    things = [w for w in workloads.ALL if w.name == "nothing" or w in chosen(workloads.ALL, given.workloads)]
    peers = [tracer(given.build) for tracer in chosen(tracers.ALL[1:], given.tracers)]
    peers.insert(0, tracers.Tracer(given.build))
    if os.geteuid():
        sys.exit("bench: tracing needs root")
    with open(LOCK, "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two at a time would measure each other
        cells = {(workload.name, tracer.name): Cell() for workload in things for tracer in peers}
        for workload in things:
            for tracer in peers:
                cells[workload.name, tracer.name].reason = workload.missing() or why_not(workload, tracer)
        begin = time.monotonic()
        for number in range(given.rounds):
            one_round(number, cells, things, peers, given)
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr)
    whole = {
        "schema": "rsstrace-bench/1",
        "date": datetime.date.today().isoformat(),
        "rounds": given.rounds,
        "seconds": round(time.monotonic() - begin),
        "machine": machine(),
        "programs": instructions.verified(given.build),
        "disturbed": sum(cell.disturbed for cell in cells.values()),
        "walk": walk_cost.figures(given.build, given.rounds) if "walk" in (given.workloads or "walk") else None,
        "turns": turns.figures(given.build, given.rounds, lambda name: is_chosen(name, given.workloads)),
        "figures": figures(cells, things, peers),
    }
    if whole["walk"]:
        print(walk_cost.as_text(whole["walk"]) + "\n")
    print(tables.as_text(whole, {w.name: w.words for w in things}, {t.name: t.note for t in peers}))
    print("\n" + turns.as_text(whole["turns"]))
    if given.json:
        with open(given.json, "w", encoding="ascii") as file:
            file.write(tables.as_json(whole))


if __name__ == "__main__":
    main()
