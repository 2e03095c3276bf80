"""What was wrong in public is found, and named where a few words can."""

import chex
import pytest
import reports
from jax.test_util import check_grads
from public_reports import REPORTS

import gradsheet
from tests.rounds import every

LARGE = "NVIDIA/apex#411"


def named(report) -> bool:
    check = gradsheet.check_vjp(report.f, *report.args, pair=report.pair)
    assert check.verdict == "wrong"
    said = [*check.faults, *check.mistakes]
    return any(report.named in text for text in said) if report.named else not said


@pytest.mark.parametrize("name", every(2, [name for name in REPORTS if name != LARGE]))
def test_a_report_is_found(name):
    assert named(REPORTS[name])


@pytest.mark.exhaustive
def test_a_large_report_is_found():
    assert named(REPORTS[LARGE])


def test_peers_are_called_with_what_they_can_judge():
    """They refuse what is clear, and nobody looks whether a cotangent is written over."""
    clear = REPORTS["ByteDance-Seed/Triton-distributed#180"]
    written = REPORTS["linkedin/Liger-Kernel#1305"]
    assert reports.of_jax(check_grads, clear, "float64") == "refuses"
    assert reports.of_jax(chex.assert_numerical_grads, clear, "float32") == "refuses"
    assert reports.of_jax(check_grads, written, "float64") == "accepts"


def test_torch_is_called_with_what_it_can_judge():
    pytest.importorskip("torch", reason="comes with the extra peers, which is not installed")
    assert reports.of_torch(REPORTS["hanbt/learn_dl#53"]) == "refuses"
    assert reports.of_torch(REPORTS["linkedin/Liger-Kernel#1305"]) == "accepts"
    assert reports.of_torch(REPORTS[LARGE]) == "not run: a Jacobian of 309 GB"
