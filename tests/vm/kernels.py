# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""
Debian's kernel images by the beginning of their version: from the cache, else from the mirror apt is configured with; one of
them built of Debian's source, with what no image of Debian's has.
"""
import glob
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "rsstrace" / "kernels"
APT_SECONDS = 300
BUILD_SECONDS = 1800
TRIES = 3  # a mirror may drop an old package before its lists say so
PACKAGE = re.compile(r"linux-(?:image|binary)-([0-9.]+)[-+].*cloud-amd64")


class Skip(Exception):
    """The kernel cannot be tried here, for this reason."""


def mirror():
    """The Debian mirror apt uses here."""
    for path in ["/etc/apt/sources.list", *sorted(glob.glob("/etc/apt/sources.list.d/*"))]:
        try:
            text = pathlib.Path(path).read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        for uri in re.findall(r"^(?:deb(?: \[.*?\])?|URIs:)\s+(\S+)", text, re.M):
            if uri.rstrip("/").endswith("/debian"):
                return uri
    raise Skip("apt is configured with no Debian mirror")


def apt_options(suites):
    """Options that make apt look at the suites of the mirror, without touching the machine's own state."""
    state = CACHE / "apt"
    for folder in ["lists/partial", "cache/archives/partial"]:
        (state / folder).mkdir(parents=True, exist_ok=True)
    uri = mirror()
    (state / "sources.list").write_text("".join(f"deb {uri} {suite} main\n" for suite in suites))
    settings = {
        "Dir::Etc::sourcelist": state / "sources.list", "Dir::Etc::sourceparts": "/nonexistent",
        "Dir::State::lists": state / "lists", "Dir::Cache": state / "cache", "Dir::State::status": "/dev/null",
        "APT::Sandbox::User": "root", "Acquire::Retries": "2", "Acquire::http::Timeout": "20",
    }
    return [word for key, value in settings.items() for word in ("-o", f"{key}={value}")]


def run_apt(program, options, *words, cwd=None):
    """(what it printed, its last complaint)"""
    if not shutil.which(program):
        raise Skip(f"there is no {program} here")
    try:
        done = subprocess.run([program, *options, *words], cwd=cwd, capture_output=True, text=True,
                              timeout=APT_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise Skip(f"{program} took more than {APT_SECONDS} s") from None
    complaint = (done.stderr.strip() or "no reason told").splitlines()[-1]
    return done.stdout, re.sub(r"\S+://\S+", "the mirror", complaint)


def newest_first(name):
    """Sort key. Since 6.19 linux-image only depends on linux-binary, which holds the kernel."""
    return [int(number) for number in re.findall(r"\d+", name)], name.startswith("linux-binary")


def keep(image, folder, name):
    folder.mkdir(parents=True, exist_ok=True)
    part = shutil.copy(image, folder / f"part-{os.getpid()}")
    return pathlib.Path(part).rename(folder / f"vmlinuz-{name}")


class Kernels:
    """Where images come from; the mirror's lists are read once, and only if the cache lacks something."""

    def __init__(self, suites):
        self.suites, self.options, self.names = suites, None, []

    def _list(self):
        if self.options:
            return
        self.options = apt_options(self.suites)
        _, complaint = run_apt("apt-get", self.options, "-qq", "update")
        found, _ = run_apt("apt-cache", self.options, "search", "--names-only", "^linux-(image|binary)-[0-9].*cloud-amd64$")
        self.names = [line.split()[0] for line in found.splitlines()]
        if not self.names:
            raise Skip(f"no kernel in the mirror's lists: {complaint}")

    def _download(self, name, to):
        """The path of the package's kernel; None if it has none."""
        with tempfile.TemporaryDirectory() as folder:
            _, complaint = run_apt("apt-get", self.options, "-qq", "download", name, cwd=folder)
            package = next(pathlib.Path(folder).glob("*.deb"), None)
            if not package:
                raise Skip(f"cannot download {name}: {complaint}")
            subprocess.run(["dpkg-deb", "-x", package, f"{folder}/x"], check=True)
            image = next(pathlib.Path(folder, "x").rglob("vmlinuz*"), None)
            if not image:
                return None
            return keep(image, to, package.name)

    def _build(self, version, to, fragment, mark):
        """The path of a kernel built of Debian's source as the fragment of a configuration says; its name ends in @mark."""
        with tempfile.TemporaryDirectory(dir=CACHE) as folder:
            found, complaint = run_apt("apt-get", self.options, "-qq", "download", f"linux-source-{version}", cwd=folder)
            package = next(pathlib.Path(folder).glob("*.deb"), None)
            if not package:
                raise Skip(f"cannot download linux-source-{version}: {found or complaint}")
            subprocess.run(["dpkg-deb", "-x", package, folder], check=True)
            subprocess.run(["tar", "xf", next(pathlib.Path(folder).rglob("linux-source-*.tar.*"))], cwd=folder, check=True)
            tree = pathlib.Path(folder, f"linux-source-{version}")
            make = ["make", "-s", "-C", tree, f"-j{os.cpu_count()}"]
            script = [[*make, "tinyconfig"], ["scripts/kconfig/merge_config.sh", "-m", ".config", fragment],
                      [*make, "olddefconfig"], [*make, "bzImage"]]
            for command in script:
                try:
                    done = subprocess.run(command, cwd=tree, capture_output=True, text=True, timeout=BUILD_SECONDS, check=False)
                except subprocess.TimeoutExpired:
                    raise Skip(f"building it took more than {BUILD_SECONDS} s") from None
                if done.returncode:
                    raise Skip(f"cannot build it: {(done.stderr.strip() or 'no reason told').splitlines()[-1]}")
            return keep(tree / "arch/x86/boot/bzImage", to, f"{package.name}-{mark}")

    def image(self, version, fragment=None):
        """@version is how it begins; with a @fragment, what comes behind "-" is the configuration's name."""
        mark = hashlib.sha256(fragment.read_bytes()).hexdigest()[:8] if fragment else ""
        cached = sorted(CACHE.glob(f"{version}/vmlinuz-*{mark}"))
        if cached:
            return cached[-1]
        self._list()
        if fragment:
            return self._build(version.partition("-")[0], CACHE / version, fragment, mark)
        mine = [name for name in self.names if f"{PACKAGE.match(name).group(1)}.".startswith(f"{version}.")]
        why = Skip("the mirror has no such kernel")
        for name in sorted(mine, key=newest_first, reverse=True)[:TRIES]:
            try:
                found = self._download(name, CACHE / version)
            except Skip as reason:
                why = reason
                continue
            if found:
                return found
        raise why
