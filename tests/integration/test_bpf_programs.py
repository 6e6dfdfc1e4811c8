# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What the verifier says of the programs as loaded here; tests/vm asks the same of other kernels."""
import os
import sys

import pytest

from harness import TOP, Tracer, Workload

sys.path.insert(0, os.path.join(TOP, "tests", "vm"))
import bpf_programs  # noqa: E402

VERIFIED_MAX = 100_000  # a tenth of the kernel's limit: the next kernel's verifier may see more paths


@pytest.mark.live
def test_no_program_takes_the_verifier_far(tmp_path):
    before = {program["id"] for program in bpf_programs.loaded()}
    with Workload("fault_loop") as target, Tracer("record", "-p", target.pid, "-o", tmp_path / "t.rsst") as tracer:
        tracer.attached()
        ours = [program for program in bpf_programs.loaded() if program["id"] not in before]
        tracer.stop()
    names = {program["name"] for program in ours}
    assert "page_fault_user" in names
    assert {"vm_call_enter", "vm_call_exit"} <= names or {"mmap_lock_acqui", "mmap_lock_relea"} <= names
    assert "vm_call_enter" not in names or "mmap_lock_acqui" not in names
    if not all(program["verified"] for program in ours):
        pytest.skip("this kernel does not tell the number of verified instructions (Linux 5.16)")
    large = {program["name"]: program["verified"] for program in ours if program["verified"] >= VERIFIED_MAX}
    assert not large
