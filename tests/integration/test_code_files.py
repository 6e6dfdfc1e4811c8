# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Tables and names are the target's own files': deleted, replaced, or where nobody outside its mount namespace sees them."""
import json
import os
import re
import shutil
import struct
import subprocess

import pytest

from harness import TOP, Piped, Tracer, read_line, report

pytestmark = pytest.mark.live
SOURCE = os.path.join(TOP, "tests", "stacks", "fixtures", "moved.c")
WHOLE = 0.999
BYTES = 80 * (64 << 10)  # moved.c
DEPTH = 13
FEW = 64 << 10  # of programs too short for anybody to look for their pages
INTO = "/rsstrace-test-app"  # where the program is in a namespace of its own


def build(folder, *flags):
    """moved and its library, of one generation."""
    if not shutil.which("gcc"):
        pytest.skip("no gcc")
    os.makedirs(folder, exist_ok=True)
    cc = ["gcc", "-O2", "-g", "-fno-optimize-sibling-calls", *flags, SOURCE]
    subprocess.run([*cc, "-DLIBRARY", "-shared", "-fPIC", "-o", f"{folder}/libmoved.so"], check=True)
    subprocess.run([*cc, "-o", f"{folder}/moved", f"-L{folder}", "-lmoved", "-Wl,-rpath,$ORIGIN"], check=True)


@pytest.fixture(scope="module")
def generations(tmp_path_factory):
    folder = tmp_path_factory.mktemp("generations")
    build(folder / "first")
    build(folder / "second", "-DSECOND")
    return folder


@pytest.fixture
def first(generations, tmp_path):
    """A fresh copy of the first generation; its folder."""
    return shutil.copytree(generations / "first", tmp_path / "app")


def remove(folder):
    for name in os.listdir(folder):
        os.unlink(folder / name)


def replace(folder, generations):
    """As a package manager does it: the new file beside the old one, then in its place."""
    for name in os.listdir(folder):
        shutil.copy(generations / "second" / name, folder / f"{name}.new")
        os.rename(folder / f"{name}.new", folder / name)


def names_of(view):
    return {frame["symbol"] for stack in view["stacks"] for frame in stack["frames"] if frame["symbol"]}


def bytes_of(view, generation):
    """What the library's innermost function brought in, by stacks that name each function up to main()."""
    calls = [f"{generation}_memory", *[f"{generation}_deep"] * DEPTH]
    path = [*calls, "from_library", *calls[1:], calls[0], "main"]
    total = 0
    for stack in view["stacks"]:
        names = [frame["symbol"] for frame in stack["frames"]]
        start = names.index(path[0]) if path[0] in names else 0
        if names[start:start + len(path)] == path:
            total += stack["faulted"]
    return total


def is_mute(frame):
    """Of Debian's static busybox, which sets the scene: its code has no unwind information, its process no time."""
    return (frame["module"] or "/busybox").endswith("/busybox")


def judge(trace, wanted="first", unwanted="second"):
    """Every stack is whole, and named by @wanted's functions alone."""
    view = report(trace, "--all")
    stacks = [stack for stack in view["stacks"] if not any(is_mute(frame) for frame in stack["frames"])]
    faulted = sum(stack["faulted"] for stack in stacks)
    whole = sum(stack["faulted"] for stack in stacks if stack["complete"])
    named = bytes_of(view, wanted)
    broken = [stack for stack in stacks if not stack["complete"]]
    assert named >= BYTES, (named, [[f["symbol"] for f in s["frames"]] for s in view["stacks"]][:2])
    assert whole >= WHOLE * faulted, (whole, faulted, broken[:2])
    assert view["ledger"]["unattributed"] <= FEW
    assert not [name for name in names_of(view) if name.startswith(f"{unwanted}_")]


def attached(argv, trace, before, later=lambda: None):
    """Attaches to @argv after @before() was done to its files, and does @later() to them before it works."""
    with Piped(argv) as target:
        assert json.loads(read_line(target.process.stdout))["ready"]
        before()
        with Tracer("record", "-p", target.pid, "-o", trace) as tracer:
            tracer.attached()
            later()
            work(target.process)
            assert tracer.stop() == 0, tracer.talk


def started(argv, trace, later=lambda: None, *options):
    with Tracer("record", *options, "-o", trace, "--", *argv, stdin=subprocess.PIPE) as tracer:
        tracer.attached()
        assert json.loads(read_line(tracer.process.stdout))["ready"]
        later()
        work(tracer.process)
        tracer.process.stdin.close()
        tracer.process.stdin = None
        assert tracer.finish() == 0, tracer.talk


def work(process):
    process.stdin.write(b"\n")
    process.stdin.flush()
    assert json.loads(read_line(process.stdout))["done"]


# --- deleted and replaced --------------------------------------------------------------------------


def test_deleted_before_attach(first, tmp_path):
    attached([first / "moved"], tmp_path / "t", lambda: remove(first))
    judge(tmp_path / "t")


def test_replaced_before_attach(first, generations, tmp_path):
    attached([first / "moved"], tmp_path / "t", lambda: replace(first, generations))
    judge(tmp_path / "t")


def test_replaced_while_traced(first, generations, tmp_path):
    attached([first / "moved"], tmp_path / "t", lambda: None, lambda: replace(first, generations))
    judge(tmp_path / "t")


def test_started_and_deleted(first, tmp_path):
    started([first / "moved"], tmp_path / "t", lambda: remove(first))
    judge(tmp_path / "t")


def test_started_and_replaced(first, generations, tmp_path):
    started([first / "moved"], tmp_path / "t", lambda: replace(first, generations))
    judge(tmp_path / "t")


def test_gone_with_its_file(first, tmp_path):
    """It has deleted itself and ended before anybody asks for names."""
    script = 'cd "$1" && exec 3<moved && rm moved libmoved.so.gone 2>/dev/null; exec /proc/self/fd/3 once'
    os.link(first / "libmoved.so", tmp_path / "libmoved.so")
    with Tracer("record", "-o", tmp_path / "t", "--", "env", f"LD_LIBRARY_PATH={tmp_path}",
                "sh", "-c", script, "sh", first) as tracer:
        assert tracer.finish() == 0, tracer.talk
    judge(tmp_path / "t")


def test_upgraded_between_two_runs(first, generations, tmp_path):
    """The inode of the first program may be the second's: nothing but the target held it."""
    script = 'for f in moved libmoved.so; do mv "$1/second/$f" "$2/$f.new"; done; "$2/moved" once; ' \
             'for f in moved libmoved.so; do rm "$2/$f"; done; ' \
             'for f in moved libmoved.so; do cp "$2/$f.new" "$2/$f"; done; "$2/moved" once; true'
    spare = shutil.copytree(generations, tmp_path / "spare")
    with Tracer("record", "--children", "-o", tmp_path / "t", "--", "sh", "-c", script, "sh", spare, first) as tracer:
        assert tracer.finish() == 0, tracer.talk
    view = report(tmp_path / "t", "--all")
    assert_one_generation_a_stack(view)


def assert_one_generation_a_stack(view):
    for stack in view["stacks"]:
        found = {match.group(1) for frame in stack["frames"] if (match := re.match("(first|second)_", frame["symbol"] or ""))}
        assert len(found) <= 1, stack
    for generation in ("first", "second"):
        assert bytes_of(view, generation) >= BYTES, generation


# --- another root ----------------------------------------------------------------------------------


def libraries(program):
    """What a program needs to run in an empty root."""
    told = subprocess.run(["ldd", program], stdout=subprocess.PIPE, text=True, check=True).stdout
    return sorted({path for path in re.findall(r"(/\S+) \(0x", told) if "libmoved" not in path})


ENTER = r"""
set -e
root=$1; into=$2; from=$3; shift 3
mount --make-rprivate /
if [ -n "$OVERLAY" ]; then
	mkdir -p "$OVERLAY/low" "$OVERLAY/top"
	mount -t tmpfs none "$OVERLAY/top"
	mkdir "$OVERLAY/top/up" "$OVERLAY/top/work"
	lower=$OVERLAY/low
else
	mount -t tmpfs none "$root"
	lower=$root
fi
mkdir -p "$lower$into" "$lower/old" "$lower/bin"
cp "$from/moved" "$from/libmoved.so" "$lower$into"
for file in "$@"; do mkdir -p "$lower${file%/*}"; cp -L "$file" "$lower$file"; done
cp "$BUSYBOX" "$lower/bin/busybox"
[ -z "$OVERLAY" ] || mount -t overlay overlay -o "lowerdir=$lower,upperdir=$OVERLAY/top/up,workdir=$OVERLAY/top/work" "$root"
cd "$root"
pivot_root . old
exec /bin/busybox sh -c '/bin/busybox umount -l /old; LD_LIBRARY_PATH=$0 exec "$0/moved"' "$into"
"""


def in_namespace(root, into, folder, overlay=""):
    """The command that runs @folder's program as @into/moved of a root of its own, mounted on @root for nobody else."""
    busybox = shutil.which("busybox")
    if not busybox or not shutil.which("unshare"):
        pytest.skip("no busybox, or no unshare")
    os.makedirs(root, exist_ok=True)
    return ["env", f"BUSYBOX={busybox}", f"OVERLAY={overlay}", "unshare", "-m", busybox, "sh", "-c", ENTER, "enter",
            root, into, folder, *libraries(folder / "moved")]


@pytest.fixture(params=["attached", "started"])
def traced(request):
    def run(argv, trace):
        if request.param == "attached":
            attached(argv, trace, lambda: None)
        else:
            started(argv, trace)

    return run


def test_a_path_nobody_else_has(first, tmp_path, traced):
    assert not os.path.exists(INTO)
    traced(in_namespace(tmp_path / "root", INTO, first), tmp_path / "t")
    judge(tmp_path / "t")


def test_a_path_that_is_another_file_outside(first, generations, tmp_path, traced):
    """Outside, the second generation lies at the very path the first has inside."""
    outside = shutil.copytree(generations / "second", tmp_path / "outside")
    traced(in_namespace(tmp_path / "root", outside, first), tmp_path / "t")
    judge(tmp_path / "t")


def test_another_file_of_the_same_path_and_inode_number(first, generations, tmp_path, traced):
    """Two tmpfs number their files alike; only the device tells them apart."""
    outside = tmp_path / "outside"
    os.mkdir(outside)
    subprocess.run(["mount", "-t", "tmpfs", "none", outside], check=True)
    try:
        for number in range(64):  # inside, the program gets one of these numbers
            shutil.copy(generations / "second" / "moved", outside / f"{number}")
        os.link(outside / "10", outside / "moved")
        os.link(outside / "11", outside / "libmoved.so")
        traced(in_namespace(tmp_path / "root", outside, first), tmp_path / "t")
    finally:
        subprocess.run(["umount", outside], check=True)
    judge(tmp_path / "t")


def test_an_overlay(first, tmp_path, traced):
    """What containers run on: stat(2) and the kernel may number a file differently."""
    with open("/proc/filesystems", encoding="ascii") as systems:
        if "overlay" not in systems.read():
            pytest.skip("no overlayfs")
    traced(in_namespace(tmp_path / "root", INTO, first, tmp_path / "layers"), tmp_path / "t")
    judge(tmp_path / "t")


def test_gone_with_its_namespace(first, tmp_path):
    """No path leads to the files any more when names are asked for."""
    argv = in_namespace(tmp_path / "root", INTO, first)
    argv = [word.replace('exec "$0/moved"', 'exec "$0/moved" once') if isinstance(word, str) else word for word in argv]
    with Tracer("record", "-o", tmp_path / "t", "--", *argv) as tracer:
        assert tracer.finish() == 0, tracer.talk
    judge(tmp_path / "t")


# --- copies ----------------------------------------------------------------------------------------

TABLES = re.compile(r"by now (\d+) files, (\d+) of them copies of others, (\d+) of \d+ rows")
ONE_AND_THE_OTHER = '"$1/moved" once; "$2/moved" once; true'


def run_both(one, other, trace):
    """A program of folder @one and then one of folder @other; how many files had a table, were copies, and what rows they have."""
    with Tracer("record", "-v", "--children", "-o", trace, "--", "sh", "-c", ONE_AND_THE_OTHER, "sh", one, other) as tracer:
        assert tracer.finish() == 0, tracer.talk
    return tuple(map(int, TABLES.search("\n".join(tracer.talk)).groups()))


def assert_both_whole(trace, one, other):
    """Each had its memory by whole stacks, which lie in its own files alone."""
    view = report(trace, "--all")
    total = {str(one): 0, str(other): 0}
    for stack in view["stacks"]:
        frames = [frame for frame in stack["frames"] if re.match("(first|second)_|from_library", frame["symbol"] or "")]
        folders = {os.path.dirname(frame["module"]) for frame in frames}
        assert len(folders) <= 1, stack
        if stack["complete"] and folders:
            total[folders.pop()] += bytes_of({"stacks": [stack]}, "first")
    assert all(found >= BYTES for found in total.values()), total


def test_copies_share_their_tables(first, tmp_path):
    """The libc of another container: the rows are there already, the names are its own."""
    copy = shutil.copytree(first, tmp_path / "copy")
    files, copies, rows = run_both(first, first, tmp_path / "same")
    assert run_both(first, copy, tmp_path / "t") == (files + 2, copies + 2, rows)
    assert_both_whole(tmp_path / "t", first, copy)


def test_copies_on_another_file_system_share_their_tables(first, tmp_path):
    mounted = tmp_path / "mounted"
    os.mkdir(mounted)
    files, copies, rows = run_both(first, first, tmp_path / "same")
    subprocess.run(["mount", "-t", "tmpfs", "none", mounted], check=True)
    try:
        copy = shutil.copytree(first, mounted / "copy")
        assert run_both(first, copy, tmp_path / "t") == (files + 2, copies + 2, rows)
    finally:
        subprocess.run(["umount", mounted], check=True)
    assert_both_whole(tmp_path / "t", first, copy)


def move_code(path):
    """What a tool that edits files may do: the code, and all behind it, lies a page further on. Nothing else changes."""
    image = bytearray(path.read_bytes())
    programs, sections = struct.unpack_from("<QQ", image, 32)
    nr_programs, nr_sections = struct.unpack_from("<H", image, 56)[0], struct.unpack_from("<H", image, 60)[0]
    headers = [programs + 56 * i for i in range(nr_programs)]
    code = next(struct.unpack_from("<Q", image, at + 8)[0] for at in headers if struct.unpack_from("<II", image, at) == (1, 5))
    for at in [40, *(at + 8 for at in headers), *(sections + 64 * i + 24 for i in range(nr_sections))]:
        offset = struct.unpack_from("<Q", image, at)[0]
        struct.pack_into("<Q", image, at, offset + (4096 if offset >= code else 0))
    path.write_bytes(image[:code] + bytes(4096) + image[code:])


def build_ids(folder):
    notes = subprocess.run(["readelf", "-n", folder / "moved", folder / "libmoved.so"], stdout=subprocess.PIPE, text=True, check=True)
    return re.findall("Build ID: (\\w+)", notes.stdout)


def test_moved_code_with_the_same_build_id_is_no_copy(first, tmp_path):
    moved = shutil.copytree(first, tmp_path / "moved")
    for name in os.listdir(moved):
        move_code(moved / name)
    assert len(build_ids(first)) == 2 and build_ids(moved) == build_ids(first)
    files, copies, rows = run_both(first, first, tmp_path / "same")
    now = run_both(first, moved, tmp_path / "t")
    assert now[:2] == (files + 2, copies) and now[2] > rows
    assert_both_whole(tmp_path / "t", first, moved)
