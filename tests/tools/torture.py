#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""One torture check by hand (root): the verdict of a seed on a line, where pages are wrong with -v."""
import argparse
import os
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "integration"))

import torture_run  # noqa: E402

WRONG_SHOWN = 40


def options():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("seed", "threads", "ms", "ops", "first", "last"):
        parser.add_argument(f"--{name}", type=int, default=getattr(torture_run.Case, name))
    for name in ("mode", "only", "skip"):
        parser.add_argument(f"--{name}", default=getattr(torture_run.Case, name))
    parser.add_argument("--children", action="store_true")
    parser.add_argument("--keep", metavar="TRACE", help="keep the trace there")
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


def main():
    asked = options()
    names = ("seed", "threads", "ms", "ops", "first", "last", "mode", "only", "skip", "children")
    case = torture_run.Case(**{name: getattr(asked, name) for name in names})
    with tempfile.TemporaryDirectory() as room:
        verdict = torture_run.run(case, asked.keep or os.path.join(room, "torture.rsst"))
        print(verdict)
        if asked.verbose:
            tell_checks(verdict)
    for problem in verdict.problems():
        print(f"  {problem}")
    return 1 if verdict.problems() else 0


sys.exit(main())
