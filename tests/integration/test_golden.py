# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""
Traces kept in the tree read the same for ever: the report's text and JSON and the replayed live lines, byte for byte.
RSSTRACE_WRITE_GOLDEN=1 writes them anew after a deliberate change of what is printed; read the diff before committing it.
"""
import os
import pathlib
import subprocess

import pytest

from harness import RSSTRACE

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "golden"
NAMES = ["mprotect_splits", "fork_child"]
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


def test_differs_as_ever():
    names = [f"{name}.rsst" for name in NAMES]
    assert_golden(show(["diff", "-n", "5"], *names), GOLDEN / "diff.txt")
    assert_golden(show(["diff", "-n", "2", "--json"], *names), GOLDEN / "diff.json")
    assert_golden(show(["diff", "--from", "0.1s", "-n", "5"], names[1]), GOLDEN / "diff_one.txt")
