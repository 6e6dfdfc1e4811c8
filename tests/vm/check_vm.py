#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""
Boot each kernel of kernels.txt with the binary and the workloads, and judge what the guest printed.

usage: check_vm.py --build DIR [KERNEL...]     KERNEL: a line of kernels.txt; all of them when none is named
Exit status 0: nothing failed. What could not be tried is skipped by name.
"""
import argparse
import glob
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "rsstrace" / "kernels"
WORKLOADS = ["anon_touch", "partial_munmap", "dontneed", "brk_growth", "threads", "stack_growth", "zero_page_reads",
             "mmap_fixed", "populate", "mprotect_splits", "kernel_fault", "private_file_cow", "sites"]
BOOT_SECONDS = 600
EXIT_BYTES = 128 << 10  # the report tells of the moment of death: running exit code may map two more windows of libc
SITE_TOLERANCE_BYTES = 64 << 10  # one fault-around window
BUSYBOX = ["sh", "mount", "cat", "echo", "sleep", "seq", "sed", "grep", "head", "rm", "mkfifo", "kill", "poweroff"]


class Skip(Exception):
    """The kernel cannot be tried here, for this reason."""


# --- getting kernels -------------------------------------------------------------------------------------------------

def mirror():
    """The Debian mirror apt uses here."""
    for path in ["/etc/apt/sources.list", *sorted(glob.glob("/etc/apt/sources.list.d/*"))]:
        try:
            text = pathlib.Path(path).read_text()
        except OSError:
            continue
        for uri in re.findall(r"^(?:deb(?: \[.*?\])?|URIs:)\s+(\S+)", text, re.M):
            if uri.rstrip("/").endswith("/debian"):
                return uri
    raise Skip("apt is configured with no Debian mirror")


def apt_options(suites):
    """Options that make apt look at @suites of the mirror, without touching the machine's own state."""
    state = CACHE / "apt"
    for folder in ["lists/partial", "cache/archives/partial"]:
        (state / folder).mkdir(parents=True, exist_ok=True)
    uri = mirror()
    (state / "sources.list").write_text("".join(f"deb {uri} {suite} main\n" for suite in suites))
    settings = {
        "Dir::Etc::sourcelist": state / "sources.list", "Dir::Etc::sourceparts": "/nonexistent",
        "Dir::State::lists": state / "lists", "Dir::Cache": state / "cache", "Dir::State::status": "/dev/null",
        "APT::Sandbox::User": "root",
    }
    return [word for key, value in settings.items() for word in ("-o", f"{key}={value}")]


def newest(name):
    """Sort key. Since 7.x linux-image only depends on linux-binary, which holds the kernel."""
    return [int(number) for number in re.findall(r"\d+", name)], name.startswith("linux-binary")


class Kernels:
    """Kernel images by the beginning of their version, from the cache or the mirror."""

    def __init__(self, suites):
        self.suites, self.options, self.names = suites, None, []

    def _list(self):
        if self.options:
            return
        self.options = apt_options(self.suites)
        done = subprocess.run(["apt-get", *self.options, "-qq", "update"], capture_output=True, text=True)
        search = subprocess.run(["apt-cache", *self.options, "search", "--names-only",
                                 r"^linux-(image|binary)-[0-9].*cloud-amd64$"], capture_output=True, text=True)
        self.names = [line.split()[0] for line in search.stdout.splitlines()]
        if not self.names:
            raise Skip(f"no kernel in the mirror's lists: {(done.stderr or 'empty').splitlines()[-1]}")

    def image(self, version):
        cached = sorted(CACHE.glob(f"{version}/vmlinuz-*"))
        if cached:
            return cached[-1]
        self._list()
        mine = re.compile(rf"linux-(image|binary)-{re.escape(version)}[.-]")
        names = [name for name in self.names if mine.match(name)]
        if not names:
            raise Skip("the mirror has no such kernel")
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run(["apt-get", *self.options, "-qq", "download", max(names, key=newest)],
                                  cwd=folder, capture_output=True, text=True)
            package = next(pathlib.Path(folder).glob("*.deb"), None)
            if not package:
                raise Skip(f"cannot download it: {(done.stderr or 'no reason told').splitlines()[-1]}")
            subprocess.run(["dpkg-deb", "-x", package, f"{folder}/x"], check=True)
            image = next(pathlib.Path(folder, "x").rglob("vmlinuz*"))
            (CACHE / version).mkdir(parents=True, exist_ok=True)
            return pathlib.Path(shutil.copy(image, CACHE / version / f"vmlinuz-{package.name}"))


# --- the guest ---------------------------------------------------------------------------------------------------------

def copy_with_libraries(binary, root, target):
    (root / target).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(binary, root / target)
    listing = subprocess.run(["ldd", binary], capture_output=True, text=True).stdout
    for library in re.findall(r"(/\S+)", listing):
        place = root / library.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(os.path.realpath(library), place)


def make_initramfs(build, folder):
    root, busybox = folder / "root", shutil.which("busybox")
    if not busybox:
        raise Skip("busybox is not installed (make deps-vm)")
    for name in ["bin", "proc", "sys", "dev", "tmp", "workload"]:
        (root / name).mkdir(parents=True)
    shutil.copy(busybox, root / "bin/busybox")
    for name in BUSYBOX:
        (root / "bin" / name).symlink_to("busybox")
    copy_with_libraries(build / "rsstrace", root, "bin/rsstrace")
    for name in WORKLOADS:
        copy_with_libraries(build / "workload" / name, root, f"workload/{name}")
    (root / "workloads").write_text("\n".join(WORKLOADS) + "\n")
    shutil.copy(HERE / "init.sh", root / "init")
    (root / "init").chmod(0o755)
    image = folder / "initramfs"
    with open(image, "wb") as out:
        files = subprocess.run(["find", "."], cwd=root, capture_output=True, check=True).stdout
        subprocess.run(["cpio", "--quiet", "-o", "-H", "newc"], cwd=root, input=files, stdout=out, check=True)
    return image


def boot(kernel, initramfs):
    """Sections of what the guest printed: {name: text}."""
    if not shutil.which("qemu-system-x86_64"):
        raise Skip("qemu-system-x86_64 is not installed (make deps-vm)")
    command = ["qemu-system-x86_64", "-accel", "tcg", "-m", "1536", "-smp", "2", "-kernel", kernel, "-initrd", initramfs,
               "-append", "console=ttyS0 quiet panic=1", "-display", "none", "-serial", "stdio", "-no-reboot", "-net", "none"]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=BOOT_SECONDS)
        text = done.stdout
    except subprocess.TimeoutExpired as late:
        text = late.stdout or b""
    sections, name = {}, None
    for line in text.decode(errors="replace").replace("\r", "").splitlines():
        if line.startswith("@@@ "):
            name = line[4:]
            sections[name] = ""
        elif name:
            sections[name] += line + "\n"
    return sections


# --- judging -----------------------------------------------------------------------------------------------------------

def site_bytes(view, site):
    return sum(stack["rss"] for stack in view["stacks"]
               if any(frame["symbol"] == site for frame in stack["frames"] or []))


def judge_workload(sections, name):
    """Problems, as sentences; none: it passed."""
    truth = json.loads(sections[f"truth {name}"].splitlines()[0])
    view = json.loads(sections[f"report {name}"])
    resident = sum(int(kb) << 10 for kb in re.findall(r"^Rss:\s+(\d+)", sections[f"kernel {name}"], re.M))
    ledger, total = view["ledger"], view["rss"]["total"]
    if not 0 <= total - resident <= EXIT_BYTES:
        yield f"rss {total} is not smaps' {resident}"
    if ledger["error"]:
        yield f"books off by {ledger['error']}"
    if ledger["attributed"] + ledger["before_attach"] + ledger["unattributed"] != total:
        yield f"the books do not add up: {ledger}"
    if abs(ledger["unattributed"]) > max(total // 200, 128 << 10):
        yield f"unattributed {ledger['unattributed']}"
    for site, size in truth["sites"].items():
        got = site_bytes(view, site)
        if abs(got - size) > max(size // 100, SITE_TOLERANCE_BYTES):
            yield f"{site} holds {got}, not {size}"
    if view["events"]["lost"]:
        yield f"{view['events']['lost']} records lost"


def judge_refusal(sections):
    said = sections.get("refused-record", "").splitlines()
    if said[-1:] != ["status 2"]:
        yield f"record ended with {said[-1:]}"
    if len(said) != 2 or not said[0].startswith("rsstrace: "):
        yield f"record said {said}"
    if sections.get("target-alive", "").strip() != "yes":
        yield "the target did not survive"


def judge(sections):
    """[(name of the check, problems)]"""
    if "end" not in sections:
        return [("boot", [f"the guest did not reach its end; last: {list(sections)[-1:]}"])]
    if "status 0" not in sections["doctor"].splitlines():
        return [("refusal", list(judge_refusal(sections)))]
    results = []
    for name in WORKLOADS:
        try:
            problems = list(judge_workload(sections, name))
        except (KeyError, ValueError, IndexError) as wrong:
            problems = [f"no verdict: {wrong!r}: {sections.get(f'talk {name}', '').strip()}"]
        results.append((name, problems))
    return results


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("kernels", nargs="*")
    arguments = parser.parse_args()
    lines = [line.split() for line in (HERE / "kernels.txt").read_text().splitlines() if line and line[0] != "#"]
    kernels = Kernels(next(words[1:] for words in lines if words[0] == "suites"))
    versions = arguments.kernels or [words[0] for words in lines if words[0] != "suites"]
    passed = failed = skipped = 0
    with tempfile.TemporaryDirectory() as folder:
        initramfs = None
        for version in versions:
            try:
                kernel = kernels.image(version)
                initramfs = initramfs or make_initramfs(arguments.build.resolve(), pathlib.Path(folder))
                sections = boot(kernel, initramfs)
            except Skip as reason:
                print(f"vm {version}: SKIPPED: {reason}", flush=True)
                skipped += 1
                continue
            results = judge(sections)
            bad = [(name, problems) for name, problems in results if problems]
            for name, problems in bad:
                print(f"  FAILED {version} {name}: {'; '.join(problems)}")
            release = sections.get("kernel-release", version).strip()
            what = "refused, as doctor says; " if results[0][0] == "refusal" else ""
            print(f"vm {release}: {what}{len(results) - len(bad)} passed, {len(bad)} failed", flush=True)
            passed, failed = passed + len(results) - len(bad), failed + len(bad)
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
