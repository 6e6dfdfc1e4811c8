# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Fixtures. A test marked `live` needs BPF; without it, it skips by name and says why."""
import json
import os
import subprocess

import pytest

from harness import RSSTRACE, Tracer, Workload, run, status_rss


def pytest_configure(config):
    config.addinivalue_line("markers", "live: attaches to a running process; needs BPF")


def _why_not_live():
    """None if this machine can trace, else the reason."""
    if os.geteuid() != 0:
        return "not root: BPF is out of reach"
    doctor = run("doctor", "--json")
    try:
        facts = json.loads(doctor.stdout)
    except ValueError:
        return None  # no verdict: let the tests speak
    if facts.get("ready", facts.get("ok", True)) is False:
        return f"rsstrace doctor: {facts.get('reason') or doctor.stdout.strip()}"
    return None


@pytest.fixture(scope="session")
def rsstrace():
    assert os.access(RSSTRACE, os.X_OK), f"{RSSTRACE} is not built"
    return RSSTRACE


@pytest.fixture(scope="session")
def live_reason(rsstrace):
    return _why_not_live()


@pytest.fixture(autouse=True)
def _live_or_skip(request):
    request.getfixturevalue("rsstrace")
    if request.node.get_closest_marker("live"):
        reason = request.getfixturevalue("live_reason")
        if reason:
            pytest.skip(reason)


@pytest.fixture
def need_root():
    if os.geteuid() != 0:
        pytest.skip("not root")


@pytest.fixture(scope="session")
def sample_trace(rsstrace, live_reason, tmp_path_factory):
    """A whole trace of anon_touch, recorded once; with the kernel's last numbers."""
    if live_reason:
        pytest.skip(live_reason)
    trace = tmp_path_factory.mktemp("sample") / "sample.rsst"
    with Workload("anon_touch") as target:
        with Tracer("record", "-p", target.pid, "-o", trace) as tracer:
            tracer.attached()
            target.go()
            target.truth()
            rss = status_rss(target.pid)
            assert tracer.stop() == 0, tracer.talk
    return trace, rss


@pytest.fixture
def sleeper():
    """A process that does nothing."""
    with subprocess.Popen(["sleep", "120"]) as process:
        yield process.pid
        process.kill()
