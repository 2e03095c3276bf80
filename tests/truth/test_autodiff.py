"""JAX's own program on exact numbers: a rule for every operation, written once
for every structure.
"""

from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import manual
from gradsheet.numbers.real import Arithmetic
from gradsheet.numbers.session import LIBRARY
from gradsheet.truth import autodiff
from gradsheet.truth.autodiff import Autodiff, autodiff_at
from tests.networks import Problem, stated_problem
from tests.sheets import NUMBERS, judged

OF = ("L", "shares")


def by_jax(problem: Problem, real) -> Autodiff:
    return autodiff_at(stated_problem(problem), OF, real)


def test_an_operation_without_a_rule_is_named() -> None:
    closed = jax.make_jaxpr(jnp.sinc)(1.0)
    with pytest.raises(
        autodiff.UnknownOperation,
        match=f"JAX {jax.__version__} has an operation without a rule here",
    ):
        autodiff._run(closed, [np.asarray(Fraction(1), object)], Arithmetic(40))


def test_programs_are_written_once_for_a_structure() -> None:
    LIBRARY.clear()
    for slope in (Fraction(1, 4), Fraction(1, 3)):
        problem = Problem(
            (manual.Layer(np.array([[Fraction(1)]])),),
            np.array([[Fraction(-2)]]),
            np.array([[Fraction(1)]]),
            (("leaky_relu", slope),),
            "squared_error",
            "mean",
        )
        assert (
            by_jax(problem, Arithmetic(40)).derivative("L", "W1").item()
            == 2 * (-2 * slope - 1) * slope * -2
        )
    assert len(LIBRARY.cache("programs of JAX", 0)) == 1


def test_a_jax_too_new_is_told_and_the_other_two_decide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(autodiff._RULES, "dot_general")
    with pytest.warns(RuntimeWarning, match="the verdicts rest on the other two witnesses"):
        found = judged(NUMBERS, "dL/dW2[2,2]", value="7")
    assert found.verdict == "right"
