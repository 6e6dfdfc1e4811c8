# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The reader in C against the one written from the specification (tests/golden/rsst_read.py): same bytes, same story.

Needs no root. The C side is the unit test of the reader, which lists a trace when asked by the environment.
"""
import os
import pathlib
import random
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("BUILD", "build")
HELPER = BUILD / "unit/trace/test_reader"
SECOND = ROOT / "tests/golden/rsst_read.py"

pytestmark = pytest.mark.skipif(not shutil.which("zstd"), reason="needs the zstd command")


@pytest.fixture(autouse=True)
def _live_or_skip():
    """In place of the folder's own: these tests need neither rsstrace nor BPF."""


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    if not HELPER.exists():
        subprocess.run(["make", "-C", ROOT, f"BUILD={os.path.relpath(BUILD, ROOT)}",
                        os.path.relpath(HELPER, ROOT)], check=True)
    path = tmp_path_factory.mktemp("trace") / "sample.rsst"
    subprocess.run([HELPER], env={**os.environ, "RSST_WRITE": str(path)}, check=True)
    return path.read_bytes()


def run(command, **env):
    done = subprocess.run(command, env={**os.environ, **env}, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr.strip().splitlines()[-1]


def both(path):
    return run([HELPER], RSST_LIST=str(path)), run([sys.executable, SECOND, path])


def check_same(data, path):
    """They agree on every record and on what is wrong; the sentence of a file that is none is each one's own."""
    path.write_bytes(data)
    first, second = both(path)
    assert first[:2] == second[:2]
    if first[1]:
        assert first[2] == second[2]
    return first


def test_a_good_trace_reads_the_same(sample, tmp_path):
    status, out, health = check_same(sample, tmp_path / "good.rsst")
    lines = out.splitlines()
    assert (status, health) == (0, "cut 0, damaged blocks 0")
    assert lines[0] == "32 144 7"
    assert lines[3] == f"60000 24 {1 << 63}"
    assert lines[-1] == "40 24 9"
    assert len(lines) == 2 + 3 * 4 + 1


@pytest.mark.parametrize("golden", sorted((ROOT / "tests/golden").glob("format_*.rsst")), ids=lambda path: path.stem)
def test_every_version_stays_readable(sample, golden):
    first, second = both(golden)
    assert first == second
    assert first[:2] == (0, golden.with_suffix(".txt").read_text())


def test_cuts_read_the_same(sample, tmp_path):
    for length in [*range(0, len(sample), 7), *range(len(sample) - 60, len(sample))]:
        status, out, _ = check_same(sample[:length], tmp_path / "cut.rsst")
        assert status == (2 if not out else status)


def test_flips_read_the_same(sample, tmp_path):
    for at in range(0, len(sample), 5):
        data = bytearray(sample)
        data[at] ^= 0xFF
        status, _, _ = check_same(bytes(data), tmp_path / "flipped.rsst")
        assert status == 2


def test_wild_damage_reads_the_same(sample, tmp_path):
    dice = random.Random(20261120)
    for _ in range(80):
        data = bytearray(sample)
        for _ in range(dice.randrange(1, 4)):
            at, length = dice.randrange(24, len(data)), dice.randrange(1, 90)
            match dice.randrange(4):
                case 0:
                    del data[at : at + length]
                case 1:
                    data[at:at] = dice.randbytes(length)
                case 2:
                    data[at : at + length] = bytes(len(data[at : at + length]))
                case 3:
                    data[at:at] = data[at // 2 : at // 2 + 2 * length]
        check_same(bytes(data), tmp_path / "wild.rsst")


def test_checkpoints_hurt_anywhere_read_the_same(sample, tmp_path):
    """Blocks that a reader passes over, until damage makes it need them."""
    whole = (ROOT / "tests/golden/format_1_1.rsst").read_bytes()
    for at in range(24, len(whole), 29):
        data = bytearray(whole)
        data[at] ^= 0xFF
        check_same(bytes(data), tmp_path / "flipped.rsst")
        check_same(whole[:at], tmp_path / "cut.rsst")
