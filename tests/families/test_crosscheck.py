"""The cross-check table of docs/backward-passes.md: of every family how many cases
and numbers were compared, how far off the worst was, and how many planted mistakes
were caught.

    .venv/bin/python -m pytest -q -s -m exhaustive tests/families/test_crosscheck.py

prints it, in five minutes.
"""

import importlib
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import manual
from tests.families import test_networks as whole
from tests.family import Case, faults, known, ratios, unequal, with_mistake

SEEDS = range(5)
HEAD = """
| family | cases | numbers compared | by hand | in JAX | planted | caught |
| --- | ---: | ---: | ---: | ---: | ---: | ---: |"""
HEAD_OF_NETWORKS = """
| network | numbers | apart | loss, 100 steps | apart | bound, one step | planted | caught |
| --- | ---: | ---: | --- | ---: | ---: | ---: | ---: |"""


def module_of(file: str) -> ModuleType:
    return importlib.import_module(f"tests.families.test_{file}")


def cases_of(file: str, family: str) -> list[Case]:
    """The cases of a family, in whatever its tests keep them."""
    cases = module_of(file).CASES
    cases = [c for group in cases.values() for c in group] if isinstance(cases, dict) else cases
    return [case._replace(short=True) for case in cases if case.family == family]


def planted_in(file: str, family: str) -> list[tuple[str, str]]:
    """The mistakes that are planted in a family."""
    planted = module_of(file).PLANTED
    return planted[family] if isinstance(planted, dict) else planted


def caught(room: Any, file: str, family: str) -> bool:
    """Whether the comparisons of the tests see a mistake."""
    more = getattr(module_of(file), "lost_digits", None)
    with np.errstate(all="ignore"):
        return any(faults(room, cases_of(file, family))) or bool(more and any(more(room, family)))


def row_of(file: str, family: str) -> tuple[int, int, float, float, int, int]:
    """What the table has of a family."""
    cases, planted = cases_of(file, family), planted_in(file, family)
    numbers, off = 0, {"by hand": 0.0, "in JAX": 0.0}
    for case in cases:
        for seed in SEEDS:
            assert not case.rational or [*unequal(manual, case, seed)] == []
            for name, ratio in ratios(manual, case, seed).items():
                who = "by hand" if "by hand" in name else "in JAX"
                off[who] = float(np.maximum(off[who], ratio))  # no number stays none
            each = [sum(a.size for a in of.true.values()) for of in known(case, seed).values()]
            numbers += 2 * sum(each) + 2 * each[0] * case.rational
    found = sum(caught(with_mistake(file, old, new), file, family) for old, new in planted)
    return len(cases) * len(SEEDS), numbers, *off.values(), len(planted), found


@pytest.mark.exhaustive
def test_the_table_of_families() -> None:
    print(HEAD)
    rows = []
    for file, families in manual.FAMILIES.items():
        for family in families:
            rows.append(row := row_of(file, family))
            cases, numbers, hand, jax, planted, found = row
            off = f"{hand:.2g} | {jax:.2g}"
            print(
                f"| `{family}` | {cases} | {numbers:,} | {off} | {planted} | {found} |", flush=True
            )
    each_cases, each_numbers, by_hand, in_jax, each_planted, each_found = zip(*rows, strict=True)
    planted, found = sum(each_planted), sum(each_found)
    print(f"| all | {sum(each_cases)} | {sum(each_numbers):,} | | | {planted} | {found} |")
    assert max(by_hand + in_jax) <= 1
    assert found == planted


@pytest.mark.exhaustive
def test_the_table_of_networks() -> None:
    print(HEAD_OF_NETWORKS)
    for network in whole.NETWORKS:
        theirs, bounds = whole.known(network.name)
        numbers = sum(np.size(array) for array in theirs)
        apart = whole.off(network, whole.by_hand(manual, network, network.params))
        losses, later = whole.trained(network)
        planted = [two for file, *two in whole.PLANTED if file == network.name]
        found = sum(
            whole.is_caught(with_mistake(network.name, old, new), network) for old, new in planted
        )
        print(
            f"| `{network.name}` | {numbers} | {apart:.2g} | {losses[0]:.4f} to {losses[-1]:.4f} | "
            f"{max(later):.1e} | {float(bounds[0][0]):.1e} | {len(planted)} | {found} |"
        )
        assert apart <= 1
        assert found == len(planted)
