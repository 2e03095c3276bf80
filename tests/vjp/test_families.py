"""Every family of `manual` as a pair, judged against that of `ref`."""

import importlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import gradsheet
import manual
import ref
from tests.family import Case, drawn
from tests.rounds import every

RIGHT = ("right", "rounded")  # far out formulas of another form lose a digit or two


def cases() -> Iterator[Case]:
    for file in manual.FAMILIES:
        found = importlib.import_module(f"tests.families.test_{file}").CASES
        for entry in found.values() if isinstance(found, dict) else found:
            yield from entry if isinstance(entry, list) else [entry]


ALL = [*cases()]
ONE_EACH = {case.family: case for case in reversed(ALL)}


def checked(case: Case) -> gradsheet.VJPCheck:
    """The check with the arrays of a case; those that are None stay away."""
    arrays = drawn(case, np.random.default_rng(1), whole=False)
    places = [k for k, array in enumerate(arrays) if array is not None]

    def filled(given: tuple[Any, ...]) -> list[Any]:
        full = list(arrays)
        for k, array in zip(places, given, strict=True):
            full[k] = array
        return full

    def backward(d_out: Any, cache: Any) -> tuple[Any, ...]:
        found = getattr(manual, f"{case.family}_backward")(d_out, cache)
        gradients = [*found] if isinstance(found, tuple) else [found]
        gradients += [None] * (len(arrays) - len(gradients))
        return tuple(gradients[k] for k in places)

    def forward(*given: Any, **settings: Any) -> Any:
        return getattr(manual, f"{case.family}_forward")(*filled(given), **settings)

    def f(*given: Any, **settings: Any) -> Any:
        return getattr(ref, case.family)(*filled(given), **settings)

    with np.errstate(all="ignore"):
        return gradsheet.check_vjp(
            f,
            *[arrays[k] for k in places],
            pair=(forward, backward),
            kwargs=dict(case.settings),
        )


@pytest.mark.parametrize("family", every(3, ONE_EACH))
def test_a_family_works_as_a_pair(family: str) -> None:
    check = checked(ONE_EACH[family])
    assert check.verdict in RIGHT, check


@pytest.mark.exhaustive
@pytest.mark.parametrize("case", ALL, ids=str)
def test_every_case_of_a_family_is_right(case: Case) -> None:
    check = checked(case)
    assert check.verdict in RIGHT, check


def test_there_is_every_family() -> None:
    assert {*ONE_EACH} == {name for names in manual.FAMILIES.values() for name in names}


def test_a_wrong_family_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    right = manual.relu_backward
    monkeypatch.setattr(
        manual, "relu_backward", lambda d, z: -np.asarray(right(d, z)), raising=False
    )
    assert checked(ONE_EACH["relu"]).mistakes[0].endswith("everywhere the negative of the truth")
