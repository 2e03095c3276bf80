"""Work is counted, and neither the clock nor what was judged before has a say."""

from pathlib import Path
from types import SimpleNamespace

import pytest

import gradsheet
from gradsheet.commands.exports import _sheet
from gradsheet.numbers import budget
from gradsheet.numbers.session import LIBRARY
from tests.rounds import every
from tests.sheets import ATTACK, HOMEWORKS, NUMBERS, judged

HOMEWORK = sorted(HOMEWORKS.glob("*.toml"))


def told(path: Path) -> dict:
    """All that is said of a sheet."""
    return _sheet(gradsheet.judge(gradsheet.load(path)), {})


@pytest.mark.parametrize(
    "path", every(2, [*HOMEWORK, ATTACK / "cannot-jax-more-work.toml"]), ids=lambda path: path.stem
)
def test_a_slow_clock_and_a_fast_one_give_the_same_report(path, monkeypatch):
    LIBRARY.clear()
    expected = told(path)
    clock = budget.time.process_time
    for speed in (0.001, 20.0):
        slow_or_fast = SimpleNamespace(process_time=lambda speed=speed: speed * clock())
        monkeypatch.setattr(budget, "time", slow_or_fast)
        LIBRARY.clear()
        assert told(path) == expected, speed


@pytest.mark.parametrize("path", HOMEWORK, ids=lambda path: path.stem)
def test_what_is_left_in_the_end_does_not_hang_on_what_was_kept(path, monkeypatch):
    left = []
    start = budget.Budget.start
    monkeypatch.setattr(
        budget.Budget, "start", lambda self, *of: (left.append(self), start(self, *of))[1]
    )
    LIBRARY.clear()
    for _ in range(2):
        told(path)
    once, again = (budget.left for budget in left[-2:])
    assert once == again < budget.MAX_OPERATIONS + budget.MAX_FURTHER


def test_without_operations_a_number_is_not_called_wrong(monkeypatch):
    """Whether rounding explains it is not known then."""
    monkeypatch.setattr("gradsheet.mistakes.judging.MAX_FURTHER", -budget.MAX_OPERATIONS)
    assert judged(NUMBERS, "L", value="6.1").verdict == "right"
    off = judged(NUMBERS, "L", value="7")
    assert off.verdict == "cannot_tell"
    assert "more operations than are left" in off.message


def test_long_fractions_are_paid_for():
    claim = (
        "[[claim]]\nquantity = 'z1[1]'\nvalue = -1\nworking = "
        f"['{'*'.join(['(1e300)**15'] * 80)}']\n"
    )
    verdicts = [j.verdict for j in gradsheet.judge(gradsheet.read(NUMBERS + claim * 60)).judgements]
    assert set(verdicts) <= {"lucky", "cannot_tell"}
    assert verdicts[-1] == "cannot_tell"
