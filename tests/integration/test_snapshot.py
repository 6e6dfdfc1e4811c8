# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""rsstrace snapshot against /proc/PID/smaps of a process that does nothing meanwhile. Needs no BPF and no root."""

import ctypes
import json
import mmap
import os
import re
import subprocess
import sys
import time

import pytest

RSSTRACE = os.environ.get("RSSTRACE", os.path.join(os.path.dirname(__file__), "../../build/rsstrace"))
PAGE = mmap.PAGESIZE
MIB = 1 << 20

TARGET = """
import ctypes, mmap, os, sys
page = mmap.PAGESIZE
def touch(m, pages):
    for i in range(pages):
        m[i * page] = 1
anon = mmap.mmap(-1, 8 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
anon.madvise(15)    # MADV_NOHUGEPAGE
touch(anon, 1000)
shared = mmap.mmap(-1, 4 << 20)
touch(shared, 300)
fd = os.memfd_create("known")
os.ftruncate(fd, 2 << 20)
memfd = mmap.mmap(fd, 2 << 20)
touch(memfd, 200)
cow = mmap.mmap(fd, 2 << 20, flags=mmap.MAP_PRIVATE)
touch(cow, 50)
file = open(sys.executable, "rb")
mapped = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
sum(mapped[i] for i in range(0, len(mapped), page))
libc = ctypes.CDLL(None)
libc.prctl(0x53564d41, 0, ctypes.c_void_p(ctypes.addressof(ctypes.c_char.from_buffer(anon))), 8 << 20, b"known")
libc.prctl(15, b"snap)\\xc3\\xa4 (x", 0, 0, 0)
addresses = [ctypes.addressof(ctypes.c_char.from_buffer(m)) for m in (anon, shared, memfd, cow)]
print(*addresses, flush=True)
sys.stdin.read()
"""


def run(*args, **kwargs):
    return subprocess.run([RSSTRACE, "snapshot", *args], capture_output=True, text=True, timeout=60, **kwargs)


def settle(pid):
    """Until it sleeps for good: what it still touches on the way to its last read(2) would count as a difference."""
    seen = None
    for _ in range(100):
        now = [m["Rss"] for m in smaps(pid).values()]
        if now == seen:
            return
        seen = now
        time.sleep(0.05)


@pytest.fixture(scope="module")
def target():
    child = subprocess.Popen([sys.executable, "-c", TARGET], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    child.addresses = [int(word) for word in child.stdout.readline().split()]
    settle(child.pid)
    yield child
    child.stdin.close()
    child.wait()


def smaps(pid):
    """Start address -> fields in bytes, with "end" and "name"."""
    maps = {}
    with open(f"/proc/{pid}/smaps", encoding="utf-8", errors="surrogateescape") as lines:
        for line in lines:
            head = re.match(r"([0-9a-f]+)-([0-9a-f]+) (....) \S+ \S+ \d+ *(.*)", line)
            if head:
                current = {"end": int(head[2], 16), "perms": head[3], "name": head[4]}
                maps[int(head[1], 16)] = current
            elif line.endswith(" kB\n"):
                key, value = line.split(":")
                current[key] = int(value.split()[0]) * 1024
    return maps


def snapshot(pid, *args):
    result = run("--json", "-p", str(pid), *args)
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    return json.loads(result.stdout)


def test_regions_are_those_of_smaps(target):
    truth = smaps(target.pid)
    regions = {int(r["start"], 16): r for r in snapshot(target.pid, "--all")["regions"]}
    assert regions.keys() == truth.keys()
    for start, region in regions.items():
        assert int(region["end"], 16) == truth[start]["end"]
        assert region["perms"] == truth[start]["perms"]
        assert region["name"] == truth[start]["name"]
        assert region["size"] == truth[start]["end"] - start
        assert region["rss"] == truth[start]["Rss"]
        assert region["swap"] == truth[start]["Swap"]
        assert region["growth"] is None


def test_sums(target):
    truth = smaps(target.pid).values()
    data = snapshot(target.pid, "--all")
    rss = data["rss"]
    assert rss["total"] == sum(m["Rss"] for m in truth)
    assert rss["anon"] == sum(m["Anonymous"] for m in truth)
    assert rss["swap"] == sum(m["Swap"] for m in truth)
    assert rss["total"] == rss["anon"] + rss["file"] + rss["shmem"]
    assert rss["peak_total"] >= rss["total"]
    assert sum(k["rss"] for k in data["kinds"]) == rss["total"]
    assert sum(k["regions"] for k in data["kinds"]) == len(data["regions"])
    assert sum(r["rss"] for r in data["regions"]) == rss["total"]
    # 300 pages of shared anonymous memory, 200 of a memfd, and the private mapping's that were not copied
    assert rss["shmem"] >= 500 * PAGE


def test_known_mappings(target):
    regions = snapshot(target.pid, "--all")["regions"]

    def of(address):
        return next(r for r in regions if int(r["start"], 16) <= address < int(r["end"], 16))

    anon, shared, memfd, cow = (of(a) for a in target.addresses)
    # a neighbour may have been merged with it
    assert anon["kind"] == "anon" and anon["rss"] >= 1000 * PAGE
    assert shared["kind"] == "shmem" and shared["rss"] == 300 * PAGE and shared["size"] == 4 * MIB
    assert memfd["kind"] == "shmem" and memfd["rss"] == 200 * PAGE and memfd["name"] == "/memfd:known (deleted)"
    assert cow["kind"] == "shmem" and cow["anon"] == 50 * PAGE
    kinds = {r["name"]: r["kind"] for r in regions}
    assert kinds["[heap]"] == "heap" and kinds["[stack]"] == "stack" and kinds["[vdso]"] == "special"
    assert kinds[os.path.realpath(sys.executable)] == "file"


def test_named_anonymous_memory(target):
    if target.addresses and not any(m["name"] == "[anon:known]" for m in smaps(target.pid).values()):
        pytest.skip("kernel without CONFIG_ANON_VMA_NAME")
    names = {n["name"]: n for n in snapshot(target.pid)["names"]}
    assert names["[anon:known]"]["rss"] == 1000 * PAGE
    assert names["[anon:known]"]["size"] == 8 * MIB


def test_head(target):
    data = snapshot(target.pid)
    assert data["schema"] == "rsstrace/1" and data["kind"] == "snapshot"
    assert data["target"] == {
        "pid": target.pid,
        "comm": "snap)ä (x",
        "exe": os.path.realpath(sys.executable),
    }
    for unknown in ("growth", "ledger", "events"):
        assert data[unknown] and not any(value is not None for value in data[unknown].values())
    assert data["window"]["from_ns"] == data["window"]["to_ns"]


def steady(region):
    """Without what moves as other programs map the same files."""
    return {name: value for name, value in region.items() if name != "pss"}


def test_top_and_the_rest(target):
    every = snapshot(target.pid, "--all")
    top = snapshot(target.pid, "-n", "3")
    assert "other" not in every
    assert [steady(region) for region in top["regions"]] == [steady(region) for region in every["regions"][:3]]
    assert top["other"]["regions"]["count"] == len(every["regions"]) - 3
    assert top["other"]["regions"]["rss"] == sum(r["rss"] for r in every["regions"][3:])
    assert [r["rss"] for r in every["regions"]] == sorted((r["rss"] for r in every["regions"]), reverse=True)


def test_text(target):
    result = run("-p", str(target.pid))
    assert result.returncode == 0 and result.stderr == ""
    assert "snap)ä (x" in result.stdout and "RSS " in result.stdout and "[heap]" in result.stdout
    assert "\033" not in result.stdout


def test_escapes_in_names_do_not_reach_the_terminal():
    script = "import ctypes,sys; ctypes.CDLL(None).prctl(15, b'\\x1b[31mred', 0, 0, 0); print(flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        child.stdout.readline()
        assert "\033" not in run("-p", str(child.pid)).stdout
        assert snapshot(child.pid)["target"]["comm"] == "\033[31mred"
        child.stdin.close()


def test_does_not_stop_the_target(target):
    before = open(f"/proc/{target.pid}/stat", encoding="utf-8").read().rsplit(")", 1)[1].split()[0]
    run("-p", str(target.pid))
    after = open(f"/proc/{target.pid}/stat", encoding="utf-8").read().rsplit(")", 1)[1].split()[0]
    assert before == after == "S"


def gone():
    child = subprocess.Popen(["true"])
    child.wait()
    return str(child.pid)


@pytest.mark.parametrize("args", [(), ("-p", "0"), ("-p", "-1"), ("-p", "x"), ("-p", "4194304"), ("-p", "1,2"),
                                  ("-p", "1", "-n", "0"), ("-p", "1", "--frobnicate"), ("x",)])
def test_wrong_usage(args):
    result = run(*args)
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr.startswith("rsstrace: ") and result.stderr.count("\n") == 1


def test_gone_process():
    result = run("-p", gone())
    assert result.returncode == 2
    assert re.fullmatch(r"rsstrace: no process with pid \d+\n", result.stderr)


def test_zombie():
    with subprocess.Popen(["true"], stdout=subprocess.PIPE) as child:
        child.stdout.read()
        while open(f"/proc/{child.pid}/stat", encoding="utf-8").read().rsplit(")", 1)[1].split()[0] != "Z":
            pass
        result = run("-p", str(child.pid))
        assert result.returncode == 2 and "has already exited" in result.stderr


def test_kernel_thread():
    try:
        comm = open("/proc/2/comm", encoding="utf-8").read().strip()
    except FileNotFoundError:
        comm = None
    if comm != "kthreadd":
        pytest.skip("no kernel threads in this pid namespace")
    result = run("-p", "2")
    assert result.returncode == 2 and "kernel thread" in result.stderr and result.stderr.count("\n") == 1


def test_of_another_user(target):
    if os.geteuid():
        pytest.skip("needs root to become somebody else")

    def drop():
        ctypes.CDLL(None).prctl(38, 1, 0, 0, 0)
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)

    binary = os.path.realpath(RSSTRACE)
    with open(binary, "rb") as image:
        copy = os.memfd_create("rsstrace")
        os.write(copy, image.read())
    result = subprocess.run([f"/proc/self/fd/{copy}", "snapshot", "-p", str(target.pid)], capture_output=True,
                            text=True, preexec_fn=drop, pass_fds=[copy], check=False)
    assert result.returncode == 2
    assert "permission denied" in result.stderr and result.stderr.count("\n") == 1


def test_full_disk(target):
    with open("/dev/full", "w", encoding="utf-8") as full:
        result = subprocess.run([RSSTRACE, "snapshot", "-p", str(target.pid)], stdout=full, stderr=subprocess.PIPE,
                                text=True, check=False)
    assert result.returncode == 2 and "standard output" in result.stderr


def test_closed_pipe(target):
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as out:
        result = subprocess.run([RSSTRACE, "snapshot", "-p", str(target.pid)], stdout=out, stderr=subprocess.PIPE,
                                text=True, check=False)
    assert result.returncode == 0 and result.stderr == ""
