# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A peak shorter than the time between two ticks, of several processes: --at peak is that moment."""
import sys

from harness import MIB, report, run

# the child is there for some milliseconds, 48 MiB beside the parent's 16
PROGRAM = """
import mmap, os, time
held = mmap.mmap(-1, 16 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
held.write(bytes(16 << 20))
time.sleep(0.35)
child = os.fork()
if not child:
    more = mmap.mmap(-1, 32 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    more.write(b"x" * (32 << 20))
    os._exit(0)
os.waitpid(child, 0)
print(os.getpid(), child)
time.sleep(0.35)
"""


def test_the_peak_of_parent_and_child(tmp_path):
    trace = tmp_path / "peak.rsst"
    done = run("record", "--children", "-o", trace, "--", sys.executable, "-c", PROGRAM)
    assert done.returncode == 0, done.stderr
    whole, peak = report(trace), report(trace, "--at", "peak", "--all")
    assert whole["rss"]["total"] < whole["rss"]["peak_total"] - 40 * MIB
    assert peak["rss"]["total"] == peak["rss"]["peak_total"] == whole["rss"]["peak_total"] > 64 * MIB
    assert peak["window"]["to_ns"] == whole["rss"]["peak_at_ns"]
    assert abs(peak["ledger"]["error"]) <= MIB // 10
    assert "the tracer held" in done.stderr
    assert MIB < whole["tracer"]["memory"] < 256 * MIB and MIB < whole["tracer"]["kernel_maps"] < 256 * MIB
    for pid in done.stdout.split():
        own = report(trace, "--at", "peak", "-p", pid)
        assert own["rss"]["total"] == own["rss"]["peak_total"] == report(trace, "-p", pid)["rss"]["peak_total"] > 15 * MIB
