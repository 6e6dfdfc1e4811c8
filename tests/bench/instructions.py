# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""How many instructions the verifier went through for each program that a traced process has loaded."""
import os
import signal
import sys
import tempfile
import time

import tracers
import watched
import workloads

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "vm"))
import bpf_programs  # noqa: E402

GONE_S = 2


def others():
    """Is another rsstrace at work here? Each system call and fault of this machine is slower then, untraced, too."""
    return any(program["name"] == "page_fault_user" for program in bpf_programs.loaded())


def alone():
    """Is none at work? The kernel lets go of programs a moment after their owner has ended."""
    deadline = time.monotonic() + GONE_S
    while others():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def verified(build):
    """{program: instructions}; the names are cut to 15 letters by the kernel. {} when it does not tell."""
    before = {program["id"] for program in bpf_programs.loaded()}
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        idle, output = os.path.join(folder, "idle"), os.path.join(folder, "output")
        watch = watched.Watch(tracers.Rsstrace(build).argv([f"{build}/bench/loads", "idle", idle], output, True))
        try:
            pid = workloads.Unrelated.wait_for(idle, watch)
            now = [program for program in bpf_programs.loaded() if program["id"] not in before]
            os.kill(pid, signal.SIGTERM)
        except workloads.CannotRun:
            return {}
        finally:
            watch.finish(workloads.TIMEOUT_S if os.path.exists(idle) else 0)
    return {program["name"]: program["verified"] for program in sorted(now, key=lambda p: p["name"]) if program["verified"]}
