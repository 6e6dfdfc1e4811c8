# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Who is compared: how each is started, and what its output says of losses and of stacks."""
import glob
import json
import os
import re
import shlex
import shutil
import subprocess

LOOK_TIMEOUT_S = 60
SAMPLES_LOOKED_AT = 5000
STARTS = re.compile(r"\b(_start|__libc_start\w*|clone3?|start_thread|main)\b")


def output_of(argv):
    done = subprocess.run(
        argv, capture_output=True, text=True, errors="replace", timeout=LOOK_TIMEOUT_S, check=False, stdin=subprocess.DEVNULL
    )
    return done.stdout + done.stderr


class Tracer:
    name = "untraced"
    note = ""
    needs = None
    separate = True  # a process of its own; else its cost is in the target's
    watched = False  # the process that is started is the tracer's, and worth looking at
    suffix = None  # of its output file; None: writes none
    allocations_only = False  # sees calls of malloc and free, not pages

    def __init__(self, build):
        self.build = build

    def missing(self):
        """Why it cannot run here, or None."""
        if self.needs and not shutil.which(self.needs):
            return f"{self.needs} is not installed (make deps-bench)"
        return None

    def argv(self, command, output, children):
        return command

    def output_files(self, output):
        return glob.glob(glob.escape(output) + "*")

    def output_bytes(self, output):
        return sum(os.path.getsize(name) for name in self.output_files(output))

    def looked_at(self, output, talk):
        """
        What its output says, as far as it does: events lost, the shares (0 to 1) of faults whose stack is whole, and
        of the bytes that came in that are attributed to a stack.
        """
        return {}


class Rsstrace(Tracer):
    name = "rsstrace"
    watched = True
    note = "record --overhead none, every stack; attr: of the bytes at the peak"
    suffix = ".rsst"

    def argv(self, command, output, children):
        options = ["--children"] if children else []
        return [f"{self.build}/rsstrace", "record", "-q", "-f", "--overhead", "none", *options, "-o", output, "--", *command]

    def report(self, output, *options):
        argv = [f"{self.build}/rsstrace", "report", "--json", *options, output]
        return json.loads(subprocess.run(argv, stdout=subprocess.PIPE, check=True, timeout=LOOK_TIMEOUT_S).stdout)

    def looked_at(self, output, talk):
        whole, ledger = self.report(output), self.report(output, "--at", "peak")["ledger"]
        came = ledger["attributed"] + ledger["unattributed"]
        return {
            "lost": whole["events"]["lost"],
            "whole": whole["walks"]["complete_share"],
            "attributed": ledger["attributed"] / came if came else None,
        }


class PerfRecord(Tracer):
    name = "perf record"
    watched = True
    note = "-e page-faults -c 1 -g; whole: of the first 5000 samples"
    needs = "perf"
    suffix = ".data"

    def argv(self, command, output, children):
        return ["perf", "record", "-q", "-e", "page-faults", "-c", "1", "-g", "-o", output, "--", *command]

    def looked_at(self, output, talk):
        stats = output_of(["perf", "report", "--stats", "-i", output])
        lost = sum(int(n) for n in re.findall(r"LOST_SAMPLES events:\s+(\d+)|LOST events:\s+(\d+)", stats) for n in n if n)
        script = f"perf script -F ip,sym -i {shlex.quote(output)} 2>/dev/null | head -{SAMPLES_LOOKED_AT * 8}"
        chains = [chain for chain in output_of(["sh", "-c", script]).split("\n\n") if chain.strip()][:SAMPLES_LOOKED_AT]
        whole = sum(1 for chain in chains if STARTS.search(chain.strip().splitlines()[-1]))
        return {"lost": lost, "whole": whole / len(chains) if chains else None}


class PerfTrace(Tracer):
    name = "perf trace -F"
    watched = True
    note = "-F all --no-syscalls; has no stacks"
    needs = "perf"
    suffix = ".txt"

    def argv(self, command, output, children):
        return ["perf", "trace", "-F", "all", "--no-syscalls", "-o", output, "--", *command]

    def looked_at(self, output, talk):
        told = talk
        with open(output, encoding="utf-8", errors="replace") as lines:
            told += "".join(line for line in lines if "LOST" in line)
        return {"lost": sum(int(number) for number in re.findall(r"LOST (\d+) events", told))}


class Heaptrack(Tracer):
    name = "heaptrack"
    note = "--raw; malloc only, no RSS"
    allocations_only = True
    needs = "heaptrack"
    separate = False
    suffix = ".heap"

    def argv(self, command, output, children):
        return ["heaptrack", "--raw", "-o", output, *command]


class Massif(Tracer):
    name = "massif"
    note = "malloc only, no RSS"
    allocations_only = True
    needs = "valgrind"
    separate = False
    suffix = ".massif"

    def argv(self, command, output, children):
        return ["valgrind", "--tool=massif", f"--massif-out-file={output}", *command]


PROBES = """
uprobe:LIBC:malloc { @size[tid] = arg0; }
uretprobe:LIBC:malloc /@size[tid]/ { @live[ustack(64)] = sum(@size[tid]); @at[retval] = @size[tid]; delete(@size[tid]); }
uprobe:LIBC:free { delete(@at[arg0]); }
"""


class Bpftrace(Tracer):
    name = "bpftrace"
    watched = True
    note = "uprobes on malloc and free of libc; no RSS"
    allocations_only = True
    needs = "bpftrace"

    def argv(self, command, output, children):
        libc = next(iter(glob.glob("/lib/*/libc.so.6") + glob.glob("/lib64/libc.so.6")), "libc.so.6")
        return ["bpftrace", "-q", "-c", shlex.join(command), "-e", PROBES.replace("LIBC", libc)]

    def looked_at(self, output, talk):
        return {"lost": sum(int(number) for number in re.findall(r"Lost (\d+) events", talk))}


ALL = (Tracer, Rsstrace, PerfRecord, PerfTrace, Heaptrack, Massif, Bpftrace)
