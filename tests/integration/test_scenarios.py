# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Every way in which RSS changes, one at a time: the table of tests/workload/scenarios.c (docs there)."""
import pathlib
import subprocess
import sys
import time

import pytest

from harness import TOP, Tracer, Workload, report, workload_path

sys.path.insert(0, f"{TOP}/tests")
import scenario_judge  # noqa: E402  (it is the virtual machines' as well)

pytestmark = pytest.mark.live

SETTLE_S = 0.9  # a tick after the last change, and the reconciler


def names():
    program = workload_path("scenarios")
    if not pathlib.Path(program).exists():
        return []
    return subprocess.run([program, "--list"], capture_output=True, text=True, check=True).stdout.split()


def test_table():
    assert len(names()) >= 50


@pytest.mark.parametrize("name", names())
def test_scenario(name, tmp_path, capsys):
    trace = tmp_path / "trace.rsst"
    with Workload("scenarios", name) as target:
        with Tracer("record", "-i", "200ms", "-o", trace, "-p", target.pid) as tracer:
            tracer.attached()
            target.go()
            truth = target.truth()
            if "skipped" in truth:
                pytest.skip(truth["skipped"])
            time.sleep(SETTLE_S)
            status = pathlib.Path(f"/proc/{target.pid}/status").read_text(encoding="utf-8")
            smaps = pathlib.Path(f"/proc/{target.pid}/smaps").read_text(encoding="utf-8")
            assert tracer.stop() == 0, tracer.talk
    view = report(trace, "--all")
    problems = list(scenario_judge.judge(truth, view, status, smaps))
    assert not problems, f"{name}: {'; '.join(problems)}"
