#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""
One torture check by hand (root): the verdict of a seed on a line, where pages are wrong with -v. With --reduce a storm that
fails is cut down as long as what is left still fails, and the command of that is printed.
"""
import argparse
import os
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "integration"))

import torture_run  # noqa: E402
from torture_reduce import Reducer, failures  # noqa: E402

WRONG_SHOWN = 40


def options():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("seed", "threads", "ms", "ops", "pages", "first", "last"):
        parser.add_argument(f"--{name}", type=int, default=getattr(torture_run.Case, name))
    for name in ("mode", "only", "skip", "ring"):
        parser.add_argument(f"--{name}", default=getattr(torture_run.Case, name))
    parser.add_argument("--children", action="store_true", help="follow forked children, too")
    parser.add_argument("--strict", action="store_true", help="a single wrong page is a failure")
    parser.add_argument("--keep", metavar="TRACE", help="keep the trace there")
    parser.add_argument("--keep-truth", metavar="FILE", help="and there what the kernel held in the end")
    parser.add_argument("--reduce", action="store_true", help="cut a failing storm down")
    parser.add_argument("--patience", type=int, default=120, metavar="S", help="for cutting down, seconds")
    parser.add_argument("-v", "--verbose", action="store_true", help="each check, and where it is wrong")
    return parser.parse_args()


def tell_checks(verdict):
    for number, check in enumerate(verdict.checks):
        print(
            f"  check {number} at {check.told_ns}: {check.pages} pages, {check.wrong_told} wrong told, {check.wrong} healed, "
            f"regions {check.regions} by {check.region_pages}, unattributed {check.unattributed}, "
            f"error {check.error}, smaps-counters {check.kernel_gap}"
        )
        for when, wrong in (("told", check.told_list), ("healed", check.wrong_list)):
            for start, end, ours, kernel in wrong[:WRONG_SHOWN]:
                print(f"    {when} {start:#x}-{end:#x} ({(end - start) >> 12}): ours {ours}, kernel {kernel}")
        for start, end, sort in check.ownerless[:WRONG_SHOWN]:
            print(f"    no stack {start:#x}-{end:#x} ({(end - start) >> 12}): {sort}")


def keep_truth(path, verdict):
    """The instant, the process, and a line for each run of pages."""
    moment = verdict.last
    with open(path, "w", encoding="ascii") as out:
        print(f"tick@{moment.tick_ns} {verdict.pid}", file=out)
        for start, end, sort in moment.runs:
            print(f"{start:x} {(end - start) >> 12} {sort}", file=out)


def main():
    asked = options()
    names = ("seed", "threads", "ms", "ops", "pages", "first", "last", "mode", "only", "skip", "ring", "children")
    case = torture_run.Case(**{name: getattr(asked, name) for name in names})
    if not (case.ms or case.ops or case.last >= 0):
        case.ms = 3000
    with tempfile.TemporaryDirectory() as room:
        verdict = torture_run.run(case, asked.keep or os.path.join(room, "torture.rsst"))
        print(verdict, flush=True)
        if asked.keep_truth:
            keep_truth(asked.keep_truth, verdict)
        if asked.verbose:
            tell_checks(verdict)
    found = failures(verdict, asked.strict)
    for problem in found:
        print(f"  {problem}")
    if found and asked.reduce:
        smallest = Reducer(case, asked.strict, asked.patience).run(verdict.truth["last"])
        print(f"smallest that failed: {smallest.command()}{' --strict' if asked.strict else ''} -v")
    return 1 if found else 0


sys.exit(main())
