# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""`record -- CMD` ends as CMD ended; 125 is rsstrace's own failure."""
import pytest

from harness import report, run

pytestmark = pytest.mark.live


@pytest.mark.parametrize("status", [0, 1, 2, 42, 125, 126, 255])
def test_status_of_the_command(status, tmp_path):
    trace = tmp_path / "t.rsst"
    done = run("record", "-o", trace, "--", "sh", "-c", f"exit {status}")
    assert done.returncode == status, done.stderr
    assert run("report", trace).returncode == 0


@pytest.mark.parametrize("signum", [9, 11, 15])
def test_signal_of_the_command(signum, tmp_path):
    done = run("record", "-o", tmp_path / "t.rsst", "--", "sh", "-c", f"kill -{signum} $$")
    assert done.returncode == 128 + signum, done.stderr


def test_own_failure(tmp_path):
    done = run("record", "-o", "/nonexistent/t.rsst", "--", "true")
    assert done.returncode == 125
    assert len(done.stderr.splitlines()) == 1
    done = run("record", "-o", tmp_path / "t.rsst", "--", "/nonexistent/command")
    assert done.returncode == 125
    assert not (tmp_path / "t.rsst").exists()


def test_options_of_the_command_are_its_own(tmp_path):
    done = run("record", "-q", "-o", tmp_path / "t.rsst", "--", "echo", "--help", "-p", "1")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "--help -p 1\n"


def test_streams_of_the_command_are_untouched(tmp_path):
    done = run(
        "record", "-q", "-o", tmp_path / "t.rsst", "--", "sh", "-c", "cat; echo err >&2",
        stdin=None, input="through\n",
    )
    assert done.stdout == "through\n"
    assert "err" in done.stderr.splitlines()


def test_command_ends_at_once(tmp_path):
    trace = tmp_path / "t.rsst"
    done = run("record", "-o", trace, "--", "true")
    assert done.returncode == 0, done.stderr
    view = report(trace, "--all")
    assert view["target"]["comm"] == "true"
    assert view["ledger"]["error"] == 0


def test_path_lookup(tmp_path):
    done = run("record", "-o", tmp_path / "t.rsst", "--", "true-but-not-there")
    assert done.returncode == 125
    assert "true-but-not-there" in done.stderr


def test_duration_leaves_the_command_alone(tmp_path):
    proof = tmp_path / "proof"
    done = run("record", "-d", "200ms", "-o", tmp_path / "t.rsst", "--", "sh", "-c", f"sleep 1; echo x > {proof}; exit 7")
    assert proof.exists()
    assert done.returncode == 7
