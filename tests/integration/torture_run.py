# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Runs tests/workload/torture under `live -o`, stops it now and then, and holds the ledger against the kernel page by page."""
import dataclasses
import json
import os
import random
import select
import signal
import threading
import time

from harness import BUILD, PAGE, Tracer, Workload, read_line
from page_truth import Moment, ledgers, nr_pages, region_differences, stop_still, wrong_runs

INTERVAL = "100ms"
LINES_TO_HEAL = 3
LINES_AFTER_LOSS = 20  # the regions, too, and not at once
MOMENTS_TRIED = 3  # what a check compares with is to hold from its first tick to its last
STORM_S = (0.08, 0.3)  # between two checks


@dataclasses.dataclass
class Case:
    """What makes a storm; `ms` are of CPU time, all threads together."""

    seed: int = 1
    threads: int = 8
    mode: str = "storm"
    ms: int = 0
    ops: int = 0
    only: str = ""
    skip: str = ""
    pages: int = 0  # of each arena; 0: the mode's own
    first: int = 0
    last: int = -1
    children: bool = False
    ring: str = ""  # a size too small for what is told: records are lost

    def options(self):
        """Of the workload."""
        given = ["--seed", str(self.seed), "--threads", str(self.threads), "--mode", self.mode]
        for name in ("ms", "ops", "only", "skip", "pages", "first"):
            if getattr(self, name):
                given += [f"--{name}", str(getattr(self, name))]
        return given + (["--last", str(self.last)] if self.last >= 0 else [])

    def command(self):
        """What runs this case again."""
        return "tests/tools/torture.py " + " ".join(self.options() + self.tracer_options())

    def tracer_options(self):
        return ["--children"] * self.children + (["--ring", self.ring] if self.ring else [])

    def __str__(self):
        plural = "" if self.threads == 1 else "s"
        return f"{self.mode} seed {self.seed}, {self.threads} thread{plural}"


@dataclasses.dataclass
class Check:
    """One moment: pages by which the ledger and the kernel differ."""

    told_ns: int  # CLOCK_MONOTONIC, as in the trace
    pages: int
    told_list: list  # wrong_runs() as the records told it, at the stop
    wrong_list: list  # some ticks later
    region_list: list  # region_differences()
    error: int
    unattributed: int
    collapsed: int  # pages khugepaged brought so far: nobody's, rightly
    kernel_gap: int  # smaps minus the kernel's own counters
    ownerless: list  # (start, end, sort) of the pages placed without a stack

    @property
    def wrong_told(self):
        return nr_pages([run[:3] for run in self.told_list])

    @property
    def regions(self):
        return len(self.region_list)

    @property
    def region_pages(self):
        return sum(pages for _, _, pages, _, _ in self.region_list)

    @property
    def wrong(self):
        return nr_pages([run[:3] for run in self.wrong_list])


def _areas(areas):
    return " ".join(f"{start:x}-{end:x} {perms} {pages}" for start, end, perms, pages in areas) or "none"


def collapsed(lines):
    """Pages that came with a huge page the kernel put together."""
    causes = [cause for line in lines for cause in line["causes"] if (cause["cause"], cause["direction"]) == ("collapse", "in")]
    return sum(cause["anon"] + cause["shmem"] for cause in causes) // PAGE


class Verdict:
    def __init__(self, case, trace, pid, moments, lines, truth):
        self.case, self.trace, self.pid, self.lines, self.truth = case, trace, pid, lines, truth
        self.last = moments[-1]
        names = [name for m in moments for name in (f"told@{m.told_ns}", f"tick@{m.tick_ns}")]
        found, self.bad, (self.lost, self.missed) = ledgers(trace, pid, names)
        self.checks = [self._check(m, found[f"told@{m.told_ns}"], found[f"tick@{m.tick_ns}"]) for m in moments]

    def _check(self, moment, told, healed):
        assert told and healed, "the trace ends before the check"
        return Check(
            told_ns=moment.told_ns,
            pages=nr_pages(moment.runs),
            told_list=wrong_runs(told.runs, moment.runs),
            wrong_list=wrong_runs(healed.runs, moment.runs),
            region_list=region_differences(healed, moment.areas),
            error=healed.error,
            unattributed=healed.unattributed,
            collapsed=collapsed(self.lines[: moment.nr_lines]),
            kernel_gap=moment.smaps_pages - healed.kernel,
            ownerless=healed.ownerless,
        )

    def sum(self, name):
        return sum(abs(getattr(check, name)) for check in self.checks)

    @property
    def live_error(self):
        """The largest share of RSS the books were off by in a live line, the target running."""
        return max((abs(line["ledger"]["error"]) / max(line["rss"]["total"], 1) for line in self.lines), default=0)

    def problems(self):
        """Sentences; none when every limit is kept."""
        pages = max(self.sum("pages"), 1)
        limits = (
            (self.sum("error"), 0, "ledger.error when quiet, pages"),
            (self.sum("kernel_gap"), 0, "smaps and the kernel's counters, pages"),
            (self.sum("region_pages"), 0.001 * pages, "regions and smaps, pages"),
            (self.sum("wrong"), 0.001 * pages, "pages in one set and not in the other"),
            (self.sum("unattributed") - self.sum("collapsed"), 0.005 * pages, "pages without a stack"),
            (self.lost, 0, "records lost"),
            (self.missed, 0.005 * self.truth["faults"], "runs of a program left out"),
            (self.bad, 0, "records refused"),
            (self.live_error, 0.001, "ledger.error while running, of RSS"),
        )
        if self.case.ring:  # what was lost is nobody's, and known by the next tick only
            limits = limits[:4] + limits[7:8]
        return [f"{what}: {value:g}, at most {limit:g}" for value, limit, what in limits if value > limit]

    def places(self):
        """A line for each region or run of pages that is wrong or nobody's, to start looking from."""
        lines = []
        for number, check in enumerate(self.checks):
            for what, runs in (("healed", check.wrong_list), ("no stack", check.ownerless)):
                lines += [
                    f"check {number}, {what}: {start:#x}-{end:#x}, pages {(end - start) // PAGE}, {rest}"
                    for start, end, *rest in runs
                ]
            for low, high, pages, ours, kernel in check.region_list:
                lines.append(f"check {number}, regions: {low:#x}-{high:#x}, pages {pages}, ours {_areas(ours)}, kernel {_areas(kernel)}")
        return lines

    def __str__(self):
        pages = max(self.sum("pages"), 1)
        return (
            f"torture {self.case}: {self.truth['faults'] / 1e6:.2f} M faults, {len(self.checks)} checks, "
            f"{pages / 1000:.0f}k pages compared, {self.sum('wrong_told')} wrong told, {self.sum('wrong')} healed, "
            f"smaps {self.sum('regions')} regions differ by {self.sum('region_pages')} pages, "
            f"unattributed {100 * self.sum('unattributed') / pages:.2f} %, error {self.sum('error')} "
            f"(running {100 * self.live_error:.3f} %), lost {self.lost}, missed {self.missed}, refused {self.bad}"
        )


class Lines(threading.Thread):
    """The lines of `live --json`, as they come."""

    def __init__(self, stream):
        super().__init__(daemon=True)
        self.stream, self.lines = stream, []
        self.start()

    def run(self):
        for line in self.stream:
            self.lines.append(json.loads(line))

    def wait_more(self, nr):
        want = len(self.lines) + nr
        self._wait(lambda: len(self.lines) >= want)

    def wait_beyond_now(self):
        """For a line whose interval ends after this instant, however late the lines come."""
        seconds, ns = divmod(time.time_ns(), 10**9)
        now = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{ns:09}Z"
        self._wait(lambda: self.lines and self.lines[-1]["window"]["wall_to"] > now)

    def _wait(self, done, patience_s=20):
        deadline = time.monotonic() + patience_s
        while not done():
            if time.monotonic() > deadline or not self.is_alive():
                raise TimeoutError(f"no line of live --json within {patience_s} s")
            time.sleep(0.01)


def is_done(target, patience_s):
    return bool(select.select([target.process.stdout], [], [], patience_s)[0])


def check_now(target, lines, to_heal=LINES_TO_HEAL):
    stop_still(target.pid)
    try:
        for _ in range(MOMENTS_TRIED):
            moment = Moment(target.pid)
            lines.wait_more(to_heal)
            moment.close()
            lines.wait_beyond_now()  # the tick behind it: the next may tell of the time after
            if moment.holds(target.pid):
                break
    finally:
        os.kill(target.pid, signal.SIGCONT)
    moment.nr_lines = len(lines.lines)
    return moment


ATTEMPTS = 2


def attempts(case, trace):
    """
    (Verdict, what the attempts before it said that left a limit). How the threads of a storm fall over each other is another one
    each time and depends on who else is at work here: a case has failed when it fails twice running.
    """
    said = []
    while True:
        verdict = run(case, trace)
        if not verdict.problems() or len(said) == ATTEMPTS - 1:
            return verdict, "; ".join(said)
        said.append(f"above a limit at first: {verdict}: {'; '.join(verdict.problems())}")
        print(said[-1], *verdict.places(), sep="\n")


def run(case, trace, patience_s=60):
    """A Verdict. The checks come at random moments, and one at the end when every thread waits."""
    chance = random.Random(case.seed)
    deadline = time.monotonic() + patience_s
    moments, to_heal = [], LINES_AFTER_LOSS if case.ring else LINES_TO_HEAL
    with Workload("torture", *case.options()) as target:
        with Tracer("live", "--json", "-n", "1", "-i", INTERVAL, "-o", trace, "-f", *case.tracer_options(), "-p", target.pid) as tracer:
            tracer.attached()
            lines = Lines(os.fdopen(os.dup(tracer.process.stdout.fileno()), "rb"))
            target.go()
            while not is_done(target, chance.uniform(*STORM_S)) and time.monotonic() < deadline:
                moments.append(check_now(target, lines, to_heal))
            truth = json.loads(read_line(target.process.stdout))
            moments.append(check_now(target, lines, to_heal))
            tracer.process.send_signal(signal.SIGINT)
            lines.join(20)
            assert tracer.process.wait(20) == 0, tracer.process.stderr.read()
        assert target.close() == 0
    return Verdict(case, trace, target.pid, moments, lines.lines, truth)
