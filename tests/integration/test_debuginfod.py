# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Debug files from a server: only when asked, and never for longer than promised."""
import http.server
import json
import os
import shutil
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request

import pytest

from harness import PATIENCE_S, RSSTRACE, Tracer, read_line, report, run
from test_code_files import BYTES, FEW, build, bytes_of, names_of

pytestmark = pytest.mark.live


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def stripped(tmp_path):
    """A program and its library without symbols or lines; what was taken away is in folder/served."""
    for tool in ("objcopy", "strip"):
        if not shutil.which(tool):
            pytest.skip(f"no {tool}")
    build(tmp_path / "app", "-Wl,--build-id")
    os.mkdir(tmp_path / "served")
    for name in ("moved", "libmoved.so"):
        file = tmp_path / "app" / name
        subprocess.run(["objcopy", "--only-keep-debug", file, tmp_path / "served" / f"{name}.debug"], check=True)
        subprocess.run(["strip", file], check=True)
    return tmp_path


@pytest.fixture
def env(monkeypatch, tmp_path):
    """Nothing of the user's: no servers, no cache."""
    monkeypatch.setenv("DEBUGINFOD_CACHE_PATH", str(tmp_path / "cache"))
    monkeypatch.delenv("DEBUGINFOD_URLS", raising=False)
    return monkeypatch


def build_id(path):
    notes = subprocess.run(["readelf", "-n", path], stdout=subprocess.PIPE, text=True, check=True).stdout
    return notes.partition("Build ID: ")[2].split()[0]


def wait_for(url):
    """Until a server that has just begun has looked through its files."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=PATIENCE_S):
                return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.1)
    raise AssertionError(f"{url} never came")


@pytest.fixture
def server(stripped):
    """Debian's debuginfod, for what was taken away."""
    if not shutil.which("debuginfod"):
        pytest.skip("no debuginfod (make deps installs it)")
    port = free_port()
    with subprocess.Popen(["debuginfod", "-d", ":memory:", "-p", str(port), "-F", stripped / "served"],
                          stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                          env={**os.environ, "DEBUGINFOD_URLS": ""}) as process:
        try:
            for name in ("moved", "libmoved.so"):
                wait_for(f"http://127.0.0.1:{port}/buildid/{build_id(stripped / 'app' / name)}/debuginfo")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


class Asked(http.server.BaseHTTPRequestHandler):
    """Has nothing, and remembers what was asked for."""

    def do_GET(self):
        self.server.asked.append(self.path)
        self.send_error(404)

    def log_message(self, *_):
        """No talk."""


@pytest.fixture
def empty_server():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Asked)
    server.asked = []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def deaf_server():
    """Takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def url_of(server):
    return f"http://127.0.0.1:{server.server_address[1]}"


def record(folder, name, *options):
    """Records a run of the program; (its view, what rsstrace said)."""
    with Tracer("record", "-v", *options, "-o", folder / name, "--", folder / "app" / "moved", "once") as tracer:
        assert tracer.finish() == 0, tracer.talk
    return report(folder / name, "--all"), tracer.talk


def assert_named(view):
    assert bytes_of(view, "first") >= BYTES
    lines = {(os.path.basename(frame["file"] or ""), frame["line"] is not None) for stack in view["stacks"]
             for frame in stack["frames"] if frame["symbol"] == "first_deep"}
    assert lines == {("moved.c", True)}


def assert_nameless(view):
    assert not [name for name in names_of(view) if name.startswith("first_")]
    assert sum(stack["faulted"] for stack in view["stacks"] if stack["complete"]) >= BYTES
    assert view["ledger"]["unattributed"] <= FEW


def said(talk):
    return [line for line in talk if "--debuginfod" in line]


def test_a_stripped_program_has_its_names(stripped, server, env):
    """By the option's own URL, whatever the environment says."""
    env.setenv("DEBUGINFOD_URLS", "http://127.0.0.1:9")
    view, talk = record(stripped, "t", f"--debuginfod={server}")
    assert_named(view)
    assert said(talk) and " came" in said(talk)[0], talk


def test_by_the_environment_and_then_by_the_cache(stripped, server, env):
    env.setenv("DEBUGINFOD_URLS", server)
    assert_named(record(stripped, "t", "--debuginfod")[0])
    env.setenv("DEBUGINFOD_URLS", f"http://127.0.0.1:{free_port()}")  # nobody is there
    assert_named(record(stripped, "t2", "--debuginfod")[0])


def test_live_names_an_attached_process(stripped, server, env):
    with subprocess.Popen([stripped / "app" / "moved"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as target:
        assert json.loads(read_line(target.stdout))["ready"]
        with Tracer("live", "--json", "--all", f"--debuginfod={server}", "-p", target.pid) as tracer:
            tracer.attached()
            target.stdin.write(b"\n")
            assert json.loads(read_line(target.stdout))["done"]
            target.stdin.close()
            assert tracer.finish() == 0, tracer.talk
        views = [json.loads(line) for line in tracer.output.splitlines()]
    assert "first_deep" in names_of(views[-1]), names_of(views[-1])


def test_nothing_is_asked_without_the_option(stripped, empty_server, env):
    env.setenv("DEBUGINFOD_URLS", url_of(empty_server))
    view, talk = record(stripped, "t")
    assert_nameless(view)
    run("report", stripped / "t")
    run("export", "--format", "pprof", "-o", stripped / "out", stripped / "t")
    assert not empty_server.asked and not said(talk)


def test_a_server_without_the_file(stripped, empty_server, env):
    view, talk = record(stripped, "t", f"--debuginfod={url_of(empty_server)}")
    assert_nameless(view)
    assert f"/buildid/{build_id(stripped / 'app' / 'moved')}/debuginfo" in empty_server.asked
    assert "0 of" in said(talk)[0], talk


def test_a_server_that_never_answers(stripped, deaf_server, env):
    """Its time is bounded, and what happens meanwhile is recorded."""
    view, talk = record(stripped, "t", f"--debuginfod={deaf_server}")
    assert_nameless(view)
    assert view["events"]["lost"] == 0
    assert " late" in said(talk)[0] and " 0 were late" not in said(talk)[0], talk


@pytest.mark.parametrize("option, urls", [("--debuginfod", None), ("--debuginfod", ""), ("--debuginfod=", "http://127.0.0.1:9")])
def test_no_server_is_a_mistake(stripped, env, option, urls):
    if urls is not None:
        env.setenv("DEBUGINFOD_URLS", urls)
    done = run("record", option, "-o", stripped / "t", "--", stripped / "app" / "moved", "once")
    assert done.returncode == 2 and "no server" in done.stderr, done.stderr
    assert not os.path.exists(stripped / "t")


def test_without_the_library(stripped, env):
    """It is needed for the option alone, and then missed by name."""
    ldconfig = subprocess.run(["/sbin/ldconfig", "-p"], stdout=subprocess.PIPE, text=True, check=True).stdout
    paths = {line.split()[-1] for line in ldconfig.splitlines() if line.split()[:1] == ["libdebuginfod.so.1"]}
    if not paths or not shutil.which("unshare"):
        pytest.skip("no libdebuginfod.so.1 to hide, or no unshare")
    hide = "".join(f"mount --bind /dev/null {os.path.realpath(path)} && " for path in paths) + 'exec "$0" "$@"'
    command = ["unshare", "-m", "sh", "-c", hide, RSSTRACE, "record", "-o", stripped / "t"]
    program = ["--", stripped / "app" / "moved", "once"]
    done = subprocess.run([*command, "--debuginfod=http://127.0.0.1:9", *program], stderr=subprocess.PIPE,
                          text=True, check=False, timeout=PATIENCE_S)
    assert done.returncode == 125 and "libdebuginfod" in done.stderr, done.stderr
    done = subprocess.run([*command, *program], stderr=subprocess.PIPE, text=True, check=False, timeout=PATIENCE_S)
    assert done.returncode == 0, done.stderr
