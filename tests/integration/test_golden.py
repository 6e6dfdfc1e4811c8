# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""
Traces kept in the tree read the same for ever: the report's text and JSON and the replayed live lines, byte for byte.
RSSTRACE_WRITE_GOLDEN=1 writes them anew after a deliberate change of what is printed; read the diff before committing it.
"""
import os
import pathlib
import re
import struct
import subprocess

import pytest

import page_truth
from harness import RSSTRACE

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "golden"
SPECIFICATION = GOLDEN.parent.parent / "include/README.md"
NAMES = ["mprotect_splits", "fork_child", "torture_storm", "torture_reuse"]
VIEWS = {
    ".txt": ["report"],
    ".json": ["report", "--json", "-n", "5"],
    ".by.txt": ["report", "--by", "function", "-n", "5"],
    ".tree.txt": ["report", "--top-down", "-n", "5", "--filter", "kind=anon"],
    ".readings.json": ["report", "--json", "--by", "thread", "--bottom-up", "--filter", "symbol=main", "-n", "2"],
    ".jsonl": ["live", "-i", "500ms", "--json", "-n", "3"],
}


def show(arguments, *traces):
    environment = {**os.environ, "TZ": "UTC", "LC_ALL": "C.UTF-8", "NO_COLOR": "1"}
    done = subprocess.run(
        [RSSTRACE, *arguments, *traces], capture_output=True, env=environment, timeout=60, cwd=GOLDEN
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def assert_golden(printed, golden):
    if os.environ.get("RSSTRACE_WRITE_GOLDEN"):
        golden.write_bytes(printed)
    assert printed == golden.read_bytes()


@pytest.mark.parametrize("ending", VIEWS)
@pytest.mark.parametrize("name", NAMES)
def test_reads_as_ever(name, ending):
    assert_golden(show(VIEWS[ending], f"{name}.rsst"), GOLDEN / f"{name}{ending}")


# Of each version of the format one trace made by hand, and one that was recorded (that of 1.1 has checkpoints put in).
VERSIONS = {"1.0": ["format_1_0", "fork_child"], "1.1": ["format_1_1", "recorded_1_1"]}


def test_each_version_of_the_format_has_its_traces():
    """A new one needs its own, committed and never written anew."""
    told = re.findall(r"^\| (\d+\.\d+) \| [\d.]+ \|", SPECIFICATION.read_text(encoding="utf-8"), re.M)
    assert told == list(VERSIONS)
    for version, names in VERSIONS.items():
        for name in names:
            major, minor = struct.unpack_from("<HH", (GOLDEN / f"{name}.rsst").read_bytes(), 8)
            assert f"{major}.{minor}" == version


@pytest.mark.parametrize("name", [name for names in VERSIONS.values() for name in names])
def test_every_version_reads_as_ever(name):
    """Its report, and what was resident in its middle."""
    whole = show(["report", "--json", "-n", "5"], f"{name}.rsst")
    middle = show(["report", "--json", "-n", "2", "--at", "1s"], f"{name}.rsst")
    assert_golden(whole + middle, GOLDEN / f"{name}.version.json")


def test_differs_as_ever():
    names = [f"{name}.rsst" for name in NAMES[:2]]
    assert_golden(show(["diff", "-n", "5"], *names), GOLDEN / "diff.txt")
    assert_golden(show(["diff", "-n", "2", "--json"], *names), GOLDEN / "diff.json")
    assert_golden(show(["diff", "--from", "0.1s", "-n", "5"], names[1]), GOLDEN / "diff_one.txt")


@pytest.mark.parametrize("name", ["torture_storm", "torture_reuse"])
def test_every_page(name):
    """NAME.pages is what the kernel's page tables held when the storm was over (tests/tools/torture.py --keep-truth)."""
    lines = (GOLDEN / f"{name}.pages").read_text(encoding="ascii").splitlines()
    instant, pid = lines[0].split()
    kernel = []
    for line in lines[1:]:
        start, pages, sort = line.split()
        kernel.append((int(start, 16), int(start, 16) + int(pages) * page_truth.PAGE, sort))
    found, refused, _ = page_truth.ledgers(GOLDEN / f"{name}.rsst", int(pid), [instant])
    ledger = found[instant]
    assert page_truth.wrong_runs(ledger.runs, kernel) == []
    assert ledger.counted == ledger.placed == ledger.kernel == page_truth.nr_pages(kernel)
    assert ledger.unknown == 0
    assert ledger.lost == 0 and refused == 0
