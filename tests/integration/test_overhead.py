# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A budget for tracing: fewer stacks when it costs more, and everything but whose the bytes are as exact as ever."""
import pytest

from harness import Tracer, Workload, report, run, site_bytes, smaps, status_rss
from test_live_accounting import FAULT_AROUND_BYTES, assert_quiet, assert_sum_rules

pytestmark = pytest.mark.live

ROUNDS = "40"
STACKS_MATTER = 0.03  # of the bytes: fewer than that save nothing that can be measured
SPREAD = 1.5  # of the tool's own figure, from one quarter of a second to the next
ERRORS = 6  # an estimate is off by more than that many standard errors once in 10^9


class Traced:
    """The workload under `record --overhead`, and what the kernel says of it in the end."""

    def __init__(self, budget, folder):
        self.trace = folder / f"{budget}.rsst"
        with Workload("sampled", "--rounds", ROUNDS) as target:
            argv = ("record", "-q", "--overhead", budget, "-o", self.trace, "-p", target.pid)
            with Tracer(*argv) as tracer:
                tracer.attached()
                target.go()
                self.truth = target.truth()
                self.kernel = status_rss(target.pid)
                self.areas = smaps(target.pid)
                assert tracer.stop() == 0, tracer.talk
        self.view = report(self.trace, "--all")
        self.overhead = self.view["overhead"]


@pytest.fixture(scope="module")
def exact(tmp_path_factory):
    return Traced("1000%", tmp_path_factory.mktemp("overhead"))


@pytest.fixture(scope="module")
def sampled(exact, tmp_path_factory):
    """With three quarters of what every stack costs on this machine."""
    budget = f"{75 * exact.overhead['cost']:.2f}%"
    return Traced(budget, tmp_path_factory.mktemp("overhead"))


def test_within_the_budget_every_stack_is_taken(exact):
    assert exact.overhead["unsampled"] == 0
    assert exact.overhead["sampled_share"] == 1
    assert exact.overhead["error"] == 0
    assert exact.overhead["bytes_a_stack"] == 0
    assert 0 < exact.overhead["cost"] < 10
    for site, truth in exact.truth["sites"].items():
        assert abs(site_bytes(exact.view, site) - truth) <= FAULT_AROUND_BYTES


def test_above_it_some_are(sampled):
    assert sampled.overhead["unsampled"] > 0
    assert 0 < sampled.overhead["sampled_share"] < 0.8
    assert 0 < sampled.overhead["error"] < 8 << 20


def test_the_budget_is_kept(sampled):
    late = report(sampled.trace, "--from", "1s")["overhead"]
    if sampled.overhead["sampled_share"] < STACKS_MATTER:
        pytest.skip("what stays exact costs more than the budget here")
    assert late["cost"] <= SPREAD * late["budget"]


def test_the_books_are_exact(sampled):
    assert_sum_rules(sampled.view)
    assert_quiet(sampled.view, sampled.kernel)
    assert sampled.view["ledger"]["unattributed"] == 0


def test_regions_are_exact(sampled):
    ours = {(region["start"], region["end"]): region["rss"] for region in sampled.view["regions"]}
    large = [(start, end, rss) for start, end, _, _, rss in sampled.areas if rss >= 1 << 20]
    assert large
    for start, end, rss in large:
        assert ours[(hex(start), hex(end))] == rss


def test_samples_stand_for_the_others(sampled):
    slack = ERRORS * sampled.overhead["error"] + FAULT_AROUND_BYTES
    for site, truth in sampled.truth["sites"].items():
        assert abs(site_bytes(sampled.view, site) - truth) <= slack


def test_the_report_says_so(sampled):
    text = " ".join(run("report", sampled.trace).stdout.split())
    assert "Tracing cost " in text
    assert "Stacks are sampled: " in text
    assert "standard error" in text


def trace_of_many_new_stacks(trace, *options):
    """Half of its faults have a stack of 50 frames that nobody remembers: tracing costs well over half of what it runs."""
    with Workload("sampled", "--rounds", ROUNDS, "--levels", "50") as target:
        with Tracer("record", "-q", *options, "-o", trace, "-p", target.pid) as tracer:
            tracer.attached()
            target.go()
            target.truth()
            assert tracer.stop() == 0
    return report(trace, "--all")


def test_unasked_stacks_are_sampled_when_the_target_would_notice(tmp_path):
    view = trace_of_many_new_stacks(tmp_path / "trace.rsst")
    assert view["overhead"]["budget"] == 0.5
    assert view["overhead"]["unsampled"] > 0
    assert 0 < view["overhead"]["sampled_share"] < 1
    assert "Stacks are sampled: " in " ".join(run("report", tmp_path / "trace.rsst").stdout.split())


def test_every_stack_is_taken_when_asked_to(tmp_path):
    view = trace_of_many_new_stacks(tmp_path / "trace.rsst", "--overhead", "none")
    assert "overhead" not in view
    assert all("error" not in stack for stack in view["stacks"])


def test_a_trace_without_a_budget_says_nothing(tmp_path):
    trace = tmp_path / "trace.rsst"
    with Workload("sites") as target:
        with Tracer("record", "-q", "-o", trace, "-p", target.pid) as tracer:
            tracer.attached()
            target.go()
            target.truth()
            assert tracer.stop() == 0
    view = report(trace)
    assert "overhead" not in view
    assert all("error" not in stack for stack in view["stacks"])
    assert "Tracing cost" not in run("report", trace).stdout
