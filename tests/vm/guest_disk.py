# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""
The guests' disk: a file system of this machine's own files, room for what comes out, swap. NVMe and ext4 are built into Debian's
cloud kernels, so no modules are needed; three partitions of one disk, as the names of three disks depend on who comes first.
"""
import importlib.util
import os
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import sysconfig

from kernels import Skip

HERE = pathlib.Path(__file__).resolve().parent
TREE = "rsstrace"  # where the tree stands in the guest
MIB = 1 << 20
SECTOR = 512
# (MiB, type in the partition table); the file is sparse
PARTITIONS = {"root": (1024, 0x83), "results": (512, 0xDA), "swap": (512, 0x82)}
UNUSED = {"test", "tests", "idlelib", "tkinter", "lib2to3", "ensurepip", "pydoc_data", "dist-packages", "site-packages"}
PROGRAMS = {"busybox": "busybox-static", "mke2fs": "e2fsprogs", "qemu-system-x86_64": "qemu-system-x86"}


def need_programs():
    for program, package in PROGRAMS.items():
        if not find_program(program):
            raise Skip(f"{package} is not installed (make deps)")


def find_program(name):
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")


def unused(_folder, names):
    return [name for name in names if name in UNUSED or name.startswith("config-")]


class Root:
    """A folder that becomes the image."""

    def __init__(self, path):
        self.path, self.programs = path, []
        for folder in ("proc", "sys", "dev", "tmp", "bin", "run"):
            (path / folder).mkdir(parents=True)

    def copy(self, source, target=None):
        """A file or folder, to the same place or to @target."""
        place = self.path / str(target or source).lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        if os.path.isdir(source):
            shutil.copytree(source, place, ignore=unused, dirs_exist_ok=True)
        else:
            shutil.copy(os.path.realpath(source), place)

    def copy_program(self, source, target=None):
        """An ELF file; libraries() brings what it needs."""
        self.copy(source, target)
        self.programs.append(str(source))

    def copy_libraries(self):
        told = subprocess.run(["ldd", *self.programs], capture_output=True, text=True, check=False).stdout
        for library in set(re.findall(r"(/\S+)(?= \(0x)", told)):
            self.copy(library)


def add_python(root):
    """The interpreter that runs this, with its library."""
    library = pathlib.Path(sysconfig.get_path("stdlib"))
    root.copy_program(os.path.realpath(sys.executable), "/bin/python3")
    root.copy(library)
    for module in pathlib.Path(library, "lib-dynload").glob("*.so"):
        root.programs.append(str(module))
    zipped = importlib.util.find_spec("encodings").origin
    if not zipped.startswith(str(library)):
        raise Skip("this Python keeps its library where a guest cannot have it")


def add_tree(root, build):
    for program in [build / "rsstrace", *(build / "workload").iterdir(), *(build / "tests").glob("*")]:
        if os.access(program, os.X_OK) and program.is_file() and program.suffix != ".d":
            root.copy_program(program, f"{TREE}/build/{program.relative_to(build)}")
    for folder in ("integration", "tools", "vm"):
        if (HERE.parent / folder).is_dir():
            root.copy(HERE.parent / folder, f"{TREE}/tests/{folder}")


def partitions():
    """{name: (first byte, bytes)}"""
    found, at = {}, MIB
    for name, (size_mib, _) in PARTITIONS.items():
        found[name] = (at, size_mib * MIB)
        at += size_mib * MIB
    return found


def write_table(disk):
    """A partition table (MBR): each entry is of 16 bytes, without addresses by cylinder."""
    disk.seek(446)
    for name, (start, size) in partitions().items():
        kind = PARTITIONS[name][1]
        disk.write(struct.pack("<B3sB3sII", 0, b"\xfe\xff\xff", kind, b"\xfe\xff\xff", start // SECTOR, size // SECTOR))
    disk.seek(510)
    disk.write(b"\x55\xaa")


def make(build, plan, folder):
    """
    The path of a disk image in @folder with the programs of @build; each guest wants a copy. Guests see @plan, a text, as /plan.
    """
    need_programs()
    root = Root(folder / "root")
    root.copy(find_program("busybox"), "/bin/busybox")
    for applet in subprocess.run([find_program("busybox"), "--list"], capture_output=True, text=True, check=True).stdout.split():
        if applet not in ("busybox", "python3"):
            (root.path / "bin" / applet).symlink_to("busybox")
    add_python(root)
    add_tree(root, build)
    root.copy_libraries()
    (root.path / "plan").write_text(plan)
    root.copy(HERE / "init.sh", "/init")
    (root.path / "init").chmod(0o755)
    image = folder / "disk"
    start, size = partitions()["root"]
    with open(image, "wb") as disk:
        disk.truncate(sum(partitions()["swap"]))
        write_table(disk)
    command = [find_program("mke2fs"), "-q", "-F", "-t", "ext4", "-O", "^has_journal", "-E", f"offset={start}",
               "-d", root.path, image, f"{size // 1024}k"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    shutil.rmtree(root.path)
    return image


class Section:
    """A partition of an image as a file to read from its beginning."""

    def __init__(self, image, name):
        start, self.left = partitions()[name]
        self.file = open(image, "rb")
        self.file.seek(start)

    def read(self, size):
        data = self.file.read(min(size, self.left))
        self.left -= len(data)
        return data

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.file.close()
