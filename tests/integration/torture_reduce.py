# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Cuts a torture case that fails down to a small one that still does."""
import dataclasses
import os
import tempfile
import time

import torture_run

TRIES = 2  # of each cut: threads race, so not every run of a failing case fails
KINDS = (
    "map_anon map_shared map_file map_file_shared populate reserve munmap mremap mremap_fixed dontneed remove free pageout "
    "madv_populate huge mprotect brk fork malloc touch read mlock"
).split()


def failures(verdict, strict):
    found = verdict.problems()
    if strict and not found and verdict.sum("wrong"):
        found.append(f"{verdict.sum('wrong')} pages in one set and not in the other")
    return found


class Reducer:
    """Keeps the smallest case that failed."""

    def __init__(self, case, strict, patience_s):
        self.case, self.strict = case, strict
        self.deadline = time.monotonic() + patience_s

    def fails(self, case):
        for _ in range(TRIES):
            if time.monotonic() > self.deadline:
                return False
            with tempfile.TemporaryDirectory() as room:
                if failures(torture_run.run(case, os.path.join(room, "torture.rsst")), self.strict):
                    return True
        return False

    def attempt(self, **change):
        smaller = dataclasses.replace(self.case, **change)
        if smaller == self.case or not self.fails(smaller):
            return False
        self.case = smaller
        print(f"  still fails: {smaller.command()}", flush=True)
        return True

    def halve_threads(self):
        while self.case.threads > 1 and self.attempt(threads=self.case.threads // 2):
            pass

    def halve_operations(self):
        step = (self.case.last - self.case.first + 1) // 2
        while step:
            if self.attempt(last=self.case.last - step) or self.attempt(first=self.case.first + step):
                step = min(step, (self.case.last - self.case.first + 1) // 2)
            else:
                step //= 2

    def drop_kinds(self):
        wanted = self.case.only.split(",") if self.case.only else KINDS
        for parts in (4, len(wanted)):  # in quarters first, then one by one
            size = max(1, len(wanted) // parts)
            for part in [wanted[at : at + size] for at in range(0, len(wanted), size)]:
                less = [kind for kind in wanted if kind not in part]
                if less and self.attempt(only=",".join(less)):
                    wanted = less

    def run(self, last_op):
        if self.case.last < 0:
            self.case = dataclasses.replace(self.case, ms=0, ops=0, last=last_op)
        self.halve_threads()
        self.halve_operations()
        self.drop_kinds()
        self.halve_operations()
        return self.case


def smallest(verdict, patience_s):
    """The command of a small case that fails as @verdict's did; '' if it does not fail again."""
    reducer = Reducer(verdict.case, False, patience_s)
    return reducer.run(verdict.truth["last"]).command() if reducer.fails(verdict.case) else ""
