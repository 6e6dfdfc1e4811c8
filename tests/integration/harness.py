# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What the live tests share: workloads, a running rsstrace, and the kernel's own numbers."""
import json
import os
import re
import select
import signal
import subprocess
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(TOP, os.environ.get("BUILD", "build"))
RSSTRACE = os.environ.get("RSSTRACE", os.path.join(BUILD, "rsstrace"))
PAGE = os.sysconf("SC_PAGE_SIZE")
MIB = 1 << 20
PATIENCE_S = float(os.environ.get("PATIENCE_S") or 30)
ATTACHED = re.compile(r"^rsstrace: attached to (\d+) \((.*)\)$")


def workload_path(name):
    return os.path.join(BUILD, "workload", name)


def run(*args, timeout=PATIENCE_S, **kwargs):
    """Runs rsstrace to its end; stdout and stderr as text."""
    kwargs.setdefault("stdin", subprocess.DEVNULL)
    return subprocess.run(
        [RSSTRACE, *map(str, args)],
        stdout=kwargs.pop("stdout", subprocess.PIPE),
        stderr=kwargs.pop("stderr", subprocess.PIPE),
        text=True,
        errors="replace",
        timeout=timeout,
        **kwargs,
    )


def report(trace, *args):
    """`report --json` of a trace, decoded."""
    done = run("report", "--json", *args, trace)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def read_line(stream, timeout=PATIENCE_S):
    """One line of an unbuffered binary stream; '' at its end."""
    deadline = time.monotonic() + timeout
    line = b""
    while not line.endswith(b"\n"):
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([stream], [], [], left)[0]:
            raise TimeoutError(f"no line within {timeout} s; so far: {line!r}")
        byte = os.read(stream.fileno(), 1)
        if not byte:
            break
        line += byte
    return line.decode(errors="replace").rstrip("\n")


class Piped:
    """A program on pipes; gone, and they closed, at the end of the block."""

    def __init__(self, argv):
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        self.pid = self.process.pid

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


class Workload(Piped):
    """A program of tests/workload with its own options. wait=True holds it before its job until go()."""

    def __init__(self, name, *options, wait=True):
        super().__init__([workload_path(name)] + (["--wait"] if wait else []) + list(options))
        if wait:
            assert json.loads(read_line(self.process.stdout))["ready"]

    def go(self):
        self.process.stdin.write(b"\n")

    def truth(self):
        """The line of the final state."""
        return json.loads(read_line(self.process.stdout))

    def close(self):
        self.process.stdin.close()
        status = self.process.wait(PATIENCE_S)
        self.process.stdout.close()
        return status


def kernel_version():
    """(major, minor) of the running kernel."""
    return tuple(map(int, re.findall(r"\d+", os.uname().release)[:2]))


class Tracer:
    """A running rsstrace that attaches: `record` or `live`."""

    def __init__(self, *args, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE):
        self.process = subprocess.Popen(
            [RSSTRACE, *map(str, args)],
            stdin=stdin,
            stdout=stdout,
            stderr=subprocess.PIPE,
            bufsize=0,
        )
        self.talk = []

    def attached(self):
        """Waits for the line that says every hook is live; the pid it names."""
        while True:
            line = read_line(self.process.stderr)
            self.talk.append(line)
            match = ATTACHED.match(line)
            if match:
                return int(match.group(1))
            if not line and self.process.poll() is not None:
                raise AssertionError(f"rsstrace ended with {self.process.returncode}: {self.talk}")

    def stop(self, signum=signal.SIGINT):
        """Asks for the end; the exit status. Output not read yet goes to .output and .talk."""
        self.process.send_signal(signum)
        return self.finish()

    def finish(self, timeout=PATIENCE_S):
        output, talk = self.process.communicate(timeout=timeout)
        self.output = (output or b"").decode()
        self.talk += talk.decode(errors="replace").splitlines()
        return self.process.returncode

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream:
                stream.close()


def site_bytes(view, site):
    """Resident bytes of the stacks a site is part of."""
    return sum(
        stack["rss"]
        for stack in view["stacks"]
        if any(frame["symbol"] == site for frame in stack["frames"])
    )


def status_rss(pid):
    """RSS of /proc/PID/status in bytes, by kind."""
    fields = {}
    with open(f"/proc/{pid}/status", encoding="utf-8") as status:
        for line in status:
            name, _, value = line.partition(":")
            if name in ("RssAnon", "RssFile", "RssShmem", "VmSwap"):
                fields[name] = int(value.split()[0]) << 10
    return {
        "anon": fields["RssAnon"],
        "file": fields["RssFile"],
        "shmem": fields["RssShmem"],
        "total": fields["RssAnon"] + fields["RssFile"] + fields["RssShmem"],
    }


SMAPS_HEAD = re.compile(r"^([0-9a-f]+)-([0-9a-f]+) (\S{4}) \S+ \S+ \S+\s*(.*)$")


def smaps(pid):
    """[(start, end, perms, name, rss bytes)] of every VMA."""
    areas = []
    with open(f"/proc/{pid}/smaps", encoding="utf-8", errors="replace") as lines:
        for line in lines:
            head = SMAPS_HEAD.match(line)
            if head:
                start, end, perms, name = head.groups()
                areas.append([int(start, 16), int(end, 16), perms, name, 0])
            elif line.startswith("Rss:"):
                areas[-1][4] = int(line.split()[1]) << 10
    return [tuple(area) for area in areas]


def alive(pid):
    """Whether a process is there and not a zombie."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stat:
            return stat.read().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False
