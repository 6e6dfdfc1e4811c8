# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Fixtures. A test marked `live` needs BPF; without it, it skips by name and says why."""
import functools
import json
import os
import subprocess

import pytest

from harness import RSSTRACE, Tracer, Workload, run, status_rss


def pytest_configure(config):
    config.addinivalue_line("markers", "live: attaches to a running process; needs BPF")


@functools.lru_cache(maxsize=None)
def _why_not_live():
    """None if this machine can trace, else the reason."""
    if os.geteuid() != 0:
        return "not root: BPF is out of reach"
    doctor = run("doctor", "--json")
    if doctor.returncode == 0:
        return None
    try:
        checks = json.loads(doctor.stdout)["checks"]
        lacks = [f"{check['name']}: {check['detail']}" for check in checks if check["needed"] and not check["ok"]]
    except (ValueError, KeyError):
        return None  # no verdict: let the tests speak
    return f"rsstrace doctor: {'; '.join(lacks)}"


@pytest.fixture(scope="session")
def rsstrace():
    assert os.access(RSSTRACE, os.X_OK), f"{RSSTRACE} is not built"
    return RSSTRACE


@pytest.fixture(scope="session")
def live_reason(rsstrace):
    return _why_not_live()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """Before any fixture: a wider one would try to trace."""
    if item.get_closest_marker("live") and os.access(RSSTRACE, os.X_OK):
        reason = _why_not_live()
        if reason:
            pytest.skip(reason)


@pytest.fixture(autouse=True)
def _built(rsstrace):
    """No test passes for want of a program."""


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
