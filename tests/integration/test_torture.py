# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""
The books under a storm of everything that moves pages: stopped at random moments, the ledger holds just the pages the
kernel's page tables hold. A storm that fails is cut down, and the smallest told; `make torture SEED=7 THREADS=8` runs one by hand, with REDUCE=1 the same way.
"""
import json

import pytest

import page_truth
import torture_reduce
import torture_run
from harness import run
from torture_run import Case

pytestmark = pytest.mark.live

REDUCE_S = 90  # for cutting a failing storm down

CASES = [
    Case(seed=1, threads=1, ops=4000),
    Case(seed=2, threads=1, ops=4000),
    Case(seed=3, threads=2, ms=1500),
    Case(seed=4, threads=4, ms=2000),
    Case(seed=5, threads=8, ms=2500),
    Case(seed=6, threads=8, ms=2500),
    Case(seed=7, threads=8, ms=2500, children=True),
    Case(seed=8, threads=8, ms=1500, mode="same"),
    Case(seed=9, threads=8, ms=1500, mode="reuse"),
    Case(seed=10, threads=8, ms=1500, mode="kernel"),
    Case(seed=11, threads=4, ms=1500, mode="pageout"),
    Case(seed=12, threads=4, ms=600, ring="32K"),
]


@pytest.fixture(scope="module", params=CASES, ids=lambda case: f"{case.mode}{case.ring and '-' + case.ring}-{case.seed}-{case.threads}t")
def verdict(request, tmp_path_factory):
    if not page_truth.has_page_scan():
        pytest.skip("PAGEMAP_SCAN: not in this kernel (Linux 6.7)")
    done, _ = torture_run.attempts(request.param, tmp_path_factory.mktemp("torture") / "torture.rsst")
    print(done)
    return done


def test_every_page(verdict):
    assert len(verdict.checks) >= 2, "the storm was over before it was looked at"
    assert bool(verdict.lost) == bool(verdict.case.ring), f"{verdict.lost} records lost"
    problems = verdict.problems()
    if problems:
        smallest = torture_reduce.smallest(verdict, REDUCE_S)
        minimal = f"the smallest that fails: {smallest}" if smallest else f"not seen again: {verdict.case.command()}"
        pytest.fail("\n".join([str(verdict), *problems, *verdict.places(), minimal]))


def test_replay_is_live(verdict):
    """The trace gives the same books, line by line and at its end."""
    replay = run("live", "--json", "-n", "1", "-i", torture_run.INTERVAL, verdict.trace, timeout=120)
    assert replay.returncode == 0, replay.stderr
    replayed = [json.loads(line) for line in replay.stdout.splitlines()]
    assert replayed == verdict.lines
    window = verdict.lines[-1]["window"]
    asked = run(
        "report", "--json", "-n", "1", "--from", f"{window['from_ns']}ns", "--to", f"{window['to_ns']}ns",
        verdict.trace, timeout=120,
    )
    assert asked.returncode == 0, asked.stderr
    assert {**json.loads(asked.stdout), "kind": "live"} == verdict.lines[-1]
