#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Runs the parts of the tests it is told (lint, unit, asan, fuzz, integration, vm) and closes with one line that sums them up."""
import argparse
import os
import re
import shlex
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree

UNIT_TIMEOUT_S = 60
ASAN_TIMEOUT_S = 300
LINT_TIMEOUT_S = 120
LIVE_TIMEOUT_S = 3600
FUZZ_TIMEOUT_S = 600
FAILURE_WIDTH = 400  # characters of what is told of a failure at the end
TAP = re.compile(r"^(ok|not ok) \d+ - ([^#\n]*)(# SKIP)?", re.M)
SUMS = re.compile(r"(\d+) passed, (\d+) failed, (\d+) skipped$")


class Totals:
    """What came out; its text ends with the closing line. What failed is told again before that: logs are long, and cut."""

    def __init__(self):
        self.passed, self.failed, self.skipped, self.failures = 0, 0, 0, []

    def add(self, passed=0, failed=0, skipped=0, failures=()):
        self.passed += passed
        self.failed += failed
        self.skipped += skipped
        self.failures += failures

    def __str__(self):
        lines = [f"FAILED {failure}" for failure in self.failures]
        return "\n".join([*lines, f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"])


def call(argv, timeout, **env):
    """(status, what it printed); a status is never 0 after a timeout."""
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
            env={**os.environ, **env},
        )
        return done.returncode, done.stdout
    except subprocess.TimeoutExpired as late:
        return "timeout", (late.stdout or b"").decode(errors="replace")


def tell(verdict, name, seconds, output=""):
    print(f"  {verdict:<5} {name}  ({seconds:.1f} s)", flush=True)
    for line in output.splitlines():
        print(f"        {line}")


def add_one(totals, status, name):
    """A part that passes or fails as a whole."""
    totals.add(passed=status == 0, failed=status != 0, failures=[name] if status else [])


def run_lint(totals, build):
    commands = [
        [sys.executable, "tests/lint/layers.py"],
        [sys.executable, "tests/lint/sizes.py"],
        [sys.executable, "tests/lint/words.py"],
        ["sh", "tests/lint/padded.sh"],
        ["sh", "tests/lint/purity.sh", f"{build}/libmodel.a", f"{build}/libbase.a"],
    ]
    print("lint")
    for command in commands:
        begin = time.monotonic()
        status, output = call(command, LINT_TIMEOUT_S)
        add_one(totals, status, command[1])
        tell("ok" if status == 0 else "FAIL", command[1], time.monotonic() - begin, output)


def unit_counts(status, output):
    """(passed, failed, skipped) of one cmocka program; one that crashed counts as a failure."""
    found = TAP.findall(output)
    failed = sum(1 for verdict, _, skip in found if verdict == "not ok" and not skip)
    skipped = sum(1 for _, _, skip in found if skip)
    passed = len(found) - failed - skipped
    if not failed and (status != 0 or not found):
        failed = 1
    return passed, failed, skipped


def run_unit(totals, build, programs, part="unit", timeout=UNIT_TIMEOUT_S):
    print(part)
    if not programs:
        print("  FAIL  no unit tests were built")
        totals.add(failed=1, failures=[f"{part}: no tests were built"])
    for program in programs:
        begin = time.monotonic()
        status, output = call([program], timeout, CMOCKA_MESSAGE_OUTPUT="TAP")
        passed, failed, skipped = unit_counts(status, output)
        what = os.path.relpath(program, build)
        broken = [name for verdict, name, skip in TAP.findall(output) if verdict == "not ok" and not skip]
        totals.add(passed, failed, skipped, [f"{part} {what} (status {status}): {', '.join(broken)}"] if failed else [])
        verdict = "FAIL" if failed else "ok"
        name = f"{what}: {passed} passed"
        name += f", {failed} failed (status {status})" if failed else ""
        name += f", {skipped} skipped" if skipped else ""
        tell(verdict, name, time.monotonic() - begin, output if failed else "")


def run_asan(totals, build, programs):
    """The unit tests once more, as built with the sanitizers; what those have to say is a failure. They count again."""
    sanitised = [os.path.join(build, "asan", os.path.relpath(program, build)) for program in programs]
    run_unit(totals, build, sanitised, "asan", ASAN_TIMEOUT_S)


def run_fuzz(totals, build):
    """Each fuzzer's corpus, file by file, and then a fixed walk from there; tests/fuzz/run.py has the details."""
    print("fuzz")
    for name in ("records", "step", "trace"):
        if not os.path.exists(f"{build}/fuzz/fuzz_{name}"):
            print(f"  skip  fuzz/{name}: no fuzzer is built; clang needs libFuzzer (libclang-rt-dev)")
            totals.add(skipped=1)
            continue
        begin = time.monotonic()
        argv = [sys.executable, "tests/fuzz/run.py", "--build", f"{build}/fuzz", "--only", name]
        status, output = call(argv, FUZZ_TIMEOUT_S)
        add_one(totals, status, f"fuzz/{name}")
        tell("ok" if status == 0 else "FAIL", f"fuzz/{name}", time.monotonic() - begin, output)


def run_integration(totals, build, more):
    print("integration", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        results = os.path.join(folder, "results.xml")
        argv = [sys.executable, "-m", "pytest", "-q", "-rs", f"--junitxml={results}"]
        argv += [f"--basetemp={folder}/tmp", *more, "tests/integration"]
        env = {**os.environ, "BUILD": build, "PYTHONDONTWRITEBYTECODE": "1"}
        try:
            status = subprocess.run(argv, timeout=LIVE_TIMEOUT_S, check=False, env=env).returncode
        except subprocess.TimeoutExpired:
            status = "timeout"
        if not os.path.exists(results):
            print(f"  FAIL  pytest ended with {status} and told no results")
            totals.add(failed=1, failures=[f"integration: pytest ended with {status}"])
            return
        suite = xml.etree.ElementTree.parse(results).getroot().find("testsuite")
        counts = {key: int(suite.get(key)) for key in ("tests", "failures", "errors", "skipped")}
        failures = [f"{case.get('classname')}::{case.get('name')}: {' '.join(broken.get('message', '').split())[:FAILURE_WIDTH]}"
                    for case in suite.iter("testcase") for broken in [*case.findall("failure"), *case.findall("error")]]
    failed = counts["failures"] + counts["errors"]
    passed = counts["tests"] - failed - counts["skipped"]
    if status not in (0, 1) and not failed:
        failed, failures = 1, [f"integration: pytest ended with {status}"]
    totals.add(passed, failed, counts["skipped"], failures)


def run_vm(totals, build):
    """tests/vm/check_vm.py has time limits of its own; its last line is its sums."""
    print("vm", flush=True)
    argv = [sys.executable, "-u", "tests/vm/check_vm.py", "--build", build]
    last, kernel, failures = "", "", []
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, errors="replace") as guests:
        for line in guests.stdout:
            print(last, end="", flush=True)
            last = line
            kernel = line.split(":")[0] if line.startswith("vm ") else kernel
            if line.startswith("  FAILED"):
                failures.append(f"{kernel} {line.split(maxsplit=1)[1].rstrip()[:FAILURE_WIDTH]}")
    sums = SUMS.match(last)
    if not sums:
        print(f"{last}  FAIL  check_vm.py ended with {guests.returncode} and told no sums")
        totals.add(failed=1, failures=[*failures, "vm: no sums"])
        return
    totals.add(*map(int, sums.groups()), failures)


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("parts", nargs="+", choices=("lint", "unit", "asan", "fuzz", "integration", "vm"))
    options.add_argument("--build", default="build")
    options.add_argument("--unit", nargs="*", default=[], metavar="PROGRAM", help="unit test programs")
    options.add_argument("--pytest", default="", metavar="ARGS", help="more arguments for pytest")
    asked = options.parse_args()
    totals = Totals()
    if "lint" in asked.parts:
        run_lint(totals, asked.build)
    if "unit" in asked.parts:
        run_unit(totals, asked.build, sorted(asked.unit))
    if "asan" in asked.parts:
        run_asan(totals, asked.build, sorted(asked.unit))
    if "fuzz" in asked.parts:
        run_fuzz(totals, asked.build)
    if "integration" in asked.parts:
        run_integration(totals, asked.build, shlex.split(asked.pytest))
    if "vm" in asked.parts:
        run_vm(totals, asked.build)
    print(totals, flush=True)
    return 1 if totals.failed else 0


sys.exit(main())
