"""How many cases of a test are in the ordinary run."""

from collections.abc import Iterable
from typing import Any

import pytest


def every(step: int, cases: Iterable[Any]) -> list[Any]:
    """Leave every so many cases, from the first on, to the ordinary run; the
    others are in the exhaustive one."""
    return [
        case if k % step == 0 else pytest.param(*_values(case), marks=pytest.mark.exhaustive)
        for k, case in enumerate(cases)
    ]


def in_turn(options: Iterable[Any], cases: Iterable[Any]) -> list[Any]:
    """Leave every case with one of some options, the next one each time, to the
    ordinary run; with the others it is in the exhaustive one."""
    count = len(options := list(options))
    return [
        pytest.param(
            *_values(option),
            *_values(case),
            marks=() if k % count == j else pytest.mark.exhaustive,
        )
        for k, case in enumerate(cases)
        for j, option in enumerate(options)
    ]


def _values(case: Any) -> tuple[Any, ...]:
    return case if type(case) is tuple else (case,)  # what has names is one value
