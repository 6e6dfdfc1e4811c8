# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The session of the README, "A post-mortem": its commands as they stand there, and what it says comes out."""
import os
import pathlib
import re
import shutil
import socket
import subprocess

import pytest

from harness import BUILD, TOP

FENCE = re.compile(r"```(\w*)\n(.*?)```", re.S)


def section():
    text = (pathlib.Path(TOP) / "README.md").read_text(encoding="utf-8")
    return text.split("\n## A post-mortem\n")[1].split("\n## ")[0]


def readings():
    """(command, the rows that must be there) of each `$ rsstrace ...`; sizes differ, names do not."""
    found = []
    for language, block in FENCE.findall(section()):
        if language:
            continue
        for command, shown in re.findall(r"^\$ (rsstrace [^\n]*)\n((?:(?!\$ ).*\n)*)", block, re.M):
            rows = [re.sub(r"^[\s\d.+%-]*(?:[KMG]iB|B|new|-|\s|[\d.+-])*", "", line) for line in shown.splitlines() if "←" in line]
            found.append((command, rows[:1]))
    return found


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    """(folder, environment) in which the session has taken place, on another port."""
    for name in ("redis-server", "redis-benchmark", "redis-cli", "bash"):
        if not shutil.which(name):
            pytest.skip(f"needs {name}")
    folder = tmp_path_factory.mktemp("session")
    (folder / "bin").mkdir()
    sudo = folder / "bin" / "sudo"
    sudo.write_text('#!/bin/sh\nexec "$@"\n', encoding="utf-8")
    sudo.chmod(0o755)
    environment = dict(os.environ, PATH=f"{folder}/bin:{BUILD}:{os.environ['PATH']}")
    script = next(block for language, block in FENCE.findall(section()) if language == "sh")
    script = script.replace("7777", str(free_port()))
    with open(folder / "talk", "w+", encoding="utf-8") as talk:
        try:
            subprocess.run(["bash", "-c", script], cwd=folder, env=environment, stdout=talk, stderr=talk, timeout=90, check=False)
        finally:
            pid = (folder / "redis.pid").read_text().strip() if (folder / "redis.pid").exists() else ""
            if pid and pathlib.Path(f"/proc/{pid}/comm").exists():
                subprocess.run(["kill", "-9", pid], check=False, stderr=subprocess.DEVNULL)
        talk.seek(0)
        assert (folder / "redis.rsst").exists(), talk.read()
    return folder, environment


def test_the_section_has_its_questions():
    assert [command.split()[1] for command, _ in readings()] == ["report", "diff", "report", "export"]
    assert sum(len(rows) for _, rows in readings()) == 3


@pytest.mark.parametrize("command, rows", readings(), ids=[command.split("rsstrace ")[1] for command, _ in readings()])
def test_its_answers_come_out(session, command, rows):
    folder, environment = session
    done = subprocess.run(command.split(), cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    for row in rows:
        assert row in done.stdout, done.stdout
    if "export" in command:
        page = (folder / "redis.html").read_text(encoding="utf-8")
        assert "_addReplyProtoToList" in page and "getGenericCommand" in page


def test_the_bytes_are_where_it_says(session):
    """4000 replies of 60 KB less what the socket took: by far the most of what the process died with."""
    folder, environment = session
    done = subprocess.run(["rsstrace", "diff", "--from", "loaded", "--to", "end", "redis.rsst"], cwd=folder, env=environment,
                          capture_output=True, text=True, timeout=60, check=False)  # fmt: skip
    row = next(line for line in done.stdout.splitlines() if "_addReplyProtoToList" in line and "←" in line)
    assert re.match(r"\s*\+2[0-4]\d MiB ", row), row
