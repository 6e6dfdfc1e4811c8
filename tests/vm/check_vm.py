#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""
Boots each kernel of kernels.txt under qemu's software emulation, runs the checks of checks.txt in it and judges what came out.

usage: check_vm.py --build DIR [--only REGEX | --run SCRIPT] [KERNEL...]     KERNEL: a line of kernels.txt; all of them when none is named
Exit status 0: nothing failed. What could not be tried is skipped by name.
"""
import argparse
import concurrent.futures
import ctypes
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time

import checks
import guest_disk
import judge
from kernels import Kernels, Skip

HERE = pathlib.Path(__file__).resolve().parent
GUEST_SECONDS = 1500  # they take 600 to 900, two at a time, on two processors
GUEST_MEMORY_MIB = 1536
GUESTS_AT_ONCE = 2
# One thread for all its processors: with one each, qemu 7.2 now and then runs into code that the kernel is patching, and two guests
# use two processors anyway.
ACCELERATOR = "tcg,thread=single"
# qemu 7.2 gets the flags after cmpxchg16b wrong, which SLUB then trips over; five-level page tables only cost time.
CPU = "max,la57=off,cx16=off"
# Without cmpxchg16b, Linux 7 gives BPF's task storage no memory (kmalloc_nolock()) unless these caches are checked ones.
COMMAND_LINE = "console=ttyS0 panic=-1 root=/dev/nvme0n1p1 rw init=/init slab_debug=F,kmalloc-*"
PR_SET_PDEATHSIG = 1
UNKNOWN = ("traced", None, False)  # a version kernels.txt does not have
libc = ctypes.CDLL(None)


class Result:
    """What became of one kernel."""

    def __init__(self, version):
        self.version, self.lines = version, []
        self.passed = self.failed = self.skipped = 0

    def skip(self, name, reason):
        self.skipped += 1
        self.lines.append(f"  SKIPPED {name}: {reason}")

    def fail(self, name, problems):
        self.failed += 1
        self.lines.append(f"  FAILED  {name}: {'; '.join(problems)}")

    def ok(self, name, remark=""):
        self.passed += 1
        self.lines.append(f"  ok      {name}{remark}")


# --- the guest ---------------------------------------------------------------------------------------------------------

def qemu_command(kernel, disk):
    return ["qemu-system-x86_64", "-accel", ACCELERATOR, "-cpu", CPU, "-m", str(GUEST_MEMORY_MIB), "-smp", "2",
            "-kernel", kernel, "-append", COMMAND_LINE,
            "-display", "none", "-serial", "stdio", "-monitor", "none", "-no-reboot", "-net", "none",
            "-drive", f"if=none,id=disk,format=raw,cache=unsafe,file={disk}", "-device", "nvme,serial=rsstrace,drive=disk"]


def die_with_parent():
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def boot(kernel, disk, console):
    """Runs the guest to its end or GUEST_SECONDS; whether it ended by itself."""
    with open(console, "wb") as log:
        process = subprocess.Popen(qemu_command(kernel, disk), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                   preexec_fn=die_with_parent)
        try:
            process.wait(GUEST_SECONDS)
            return True
        except subprocess.TimeoutExpired:
            return False
        finally:
            process.kill()
            process.wait()


def unpack(disk, folder):
    """What the guest's tar stream holds, up to where it breaks off."""
    try:
        with guest_disk.Section(disk, "results") as section, tarfile.open(fileobj=section, mode="r|") as stream:
            for member in stream:
                if member.isreg() and ".." not in member.name and not member.name.startswith("/"):
                    stream.extract(member, folder, set_attrs=False)
    except tarfile.TarError:
        pass


# --- judging -----------------------------------------------------------------------------------------------------------

def remark(facts):
    """What is told of a check that passed."""
    parts = [f"attached in {facts['attach_s']} s"] if "attach_s" in facts else []
    if facts.get("whole") is not None:
        parts.append(f"{100 * facts['whole']:.2f} % whole stacks")
    if facts.get("programs"):
        most = max(facts["programs"], key=lambda program: program["verified"] or 0)
        parts.append(f"{len(facts['programs'])} programs, most verified: {most['verified'] or '-'} ({most['name']})")
        parts.append(facts["faults"])
    if "said" in facts:
        parts.append(facts["said"].strip())
    return f"  ({', '.join(parts)}; {facts['seconds']:.1f} s)"


def judge_check(result, check, folder, machine, rsstrace):
    """The facts of the check; {} when it was not run."""
    if not (folder / "facts.json").exists():
        result.fail(check.name, ["the guest did not get so far"])
        return {}
    facts = judge.read_json(folder / "facts.json")
    if facts["skipped"]:
        result.skip(check.name, facts["skipped"])
        return {}
    problems = judge.problems_of(check, folder, facts, machine, rsstrace)
    if problems:
        result.fail(check.name, problems)
    else:
        result.ok(check.name, remark(facts))
        for what, why in judge.left_out(check, facts):
            result.skip(f"{check.name}: {what}", why)
    return facts


def judge_guest(result, expected, plan, folder, rsstrace):
    """The release that ran."""
    if not (folder / "machine.json").exists():
        result.fail("boot", ["the guest's checks did not begin"])
        return result.version
    machine = judge.read_json(folder / "machine.json")
    machine["version"] = checks.version_of(machine["release"])
    refused = machine["doctor_status"] != 0
    if refused != (expected == "refused"):
        said = [line for line in machine["doctor"].splitlines() if line.startswith("missing")]
        result.fail("doctor", [f"expected to be {expected}", *said])
    wanted = [checks.Check("refused", ["record"], {})] if refused else plan
    whole = [judge_check(result, check, folder / check.folder, machine, rsstrace).get("whole") for check in wanted]
    whole = [share for share in whole if share is not None]
    if whole:
        result.lines.append(f"  whole stacks: {100 * min(whole):.2f} % at least, {100 * sum(whole) / len(whole):.2f} % on average")
    return machine["release"]


def try_kernel(version, expected, image, disk, plan, build):
    """A Result, its lines and all."""
    result, begin = Result(version), time.monotonic()
    kept = build / "vm" / version
    shutil.rmtree(kept, ignore_errors=True)
    kept.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as room:
        mine = pathlib.Path(room, "disk")
        subprocess.run(["cp", "--sparse=always", disk, mine], check=True)
        ended = boot(image, mine, build / "vm" / f"{version}.log")
        unpack(mine, kept)
    release = judge_guest(result, expected, plan, kept, build / "rsstrace")
    if not ended:
        result.fail("boot", [f"not at its end after {GUEST_SECONDS} s: see {build}/vm/{version}.log"])
    elif not (kept / "end").exists():
        result.fail("boot", [f"the guest broke off: see {build}/vm/{version}.log"])
    result.lines.insert(0, f"vm {release}: {result.passed} passed, {result.failed} failed, {result.skipped} skipped "
                           f"({time.monotonic() - begin:.0f} s)")
    return result


# --- the whole ---------------------------------------------------------------------------------------------------------

def read_kernels():
    """([suite], {version: (what is expected, the configuration it is built with or None, is it for who asks for it only)})"""
    lines = [line.split() for line in (HERE / "kernels.txt").read_text().splitlines() if line and line[0] != "#"]
    suites = next(words[1:] for words in lines if words[0] == "suites")
    return suites, {words[0]: (words[1], HERE / words[2] if words[2:] else None, "asked" in words) for words in lines if words[0] != "suites"}


def images(versions, suites, known, skipped):
    """[(version, image)]; those that cannot be had go to @skipped with the reason."""
    source, found = Kernels(suites), []
    for version in versions:
        try:
            found.append((version, source.image(version, known.get(version, UNKNOWN)[1])))
        except Skip as reason:
            skipped.append((version, reason))
    return found


def run_all(asked, suites, known):
    """Prints each kernel's lines as it ends; [Result]."""
    skipped, results = [], []
    lines = checks.expand((HERE / "checks.txt").read_text(), asked.build / "workload/scenarios").splitlines()
    plan = "\n".join(line for line in lines if re.search(asked.only, line))
    if asked.run:
        plan = shlex.join(["shell", asked.run])
    versions = asked.kernels or [version for version in known if not known[version][2]]
    with tempfile.TemporaryDirectory() as room, concurrent.futures.ThreadPoolExecutor(GUESTS_AT_ONCE) as pool:
        try:
            guest_disk.need_programs()
            found = images(versions, suites, known, skipped)
            disk = guest_disk.make(asked.build, plan, pathlib.Path(room)) if found else None
        except Skip as reason:
            found, skipped = [], [(version, reason) for version in versions]
        for version, reason in skipped:
            result = Result(version)
            result.skip(f"vm {version}", str(reason))
            results.append(result)
            print("\n".join(result.lines), flush=True)
        jobs = [pool.submit(try_kernel, version, known.get(version, UNKNOWN)[0], image, disk, checks.parse(plan), asked.build)
                for version, image in found]
        for job in concurrent.futures.as_completed(jobs):
            results.append(job.result())
            print("\n".join(results[-1].lines), flush=True)
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=lambda path: pathlib.Path(path).resolve(), required=True)
    parser.add_argument("--only", default="", help="only the checks whose line has this (a regular expression)")
    parser.add_argument("--run", metavar="SCRIPT", help="this instead of the checks; talk is in the console's log")
    parser.add_argument("kernels", nargs="*")
    asked = parser.parse_args()
    suites, known = read_kernels()
    results = run_all(asked, suites, known)
    sums = {word: sum(getattr(result, word) for result in results) for word in ("passed", "failed", "skipped")}
    print(", ".join(f"{number} {word}" for word, number in sums.items()))
    return 1 if sums["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
