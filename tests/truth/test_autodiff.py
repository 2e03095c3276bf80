"""JAX's own program on exact numbers: a rule for every operation, written once
for every structure.
"""

from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

import manual
from gradsheet.numbers.real import Arithmetic
from gradsheet.numbers.session import LIBRARY
from gradsheet.truth import autodiff
from gradsheet.truth.point import point_of
from tests.networks import Problem, stated_problem
from tests.sheets import NUMBERS, judged


def test_an_operation_without_a_rule_is_named() -> None:
    closed = jax.make_jaxpr(lax.erf)(1.0)
    with pytest.raises(
        autodiff.UnknownOperation,
        match=f"JAX {jax.__version__} has an operation without a rule here",
    ):
        autodiff.run_exactly(closed, [np.asarray(Fraction(1), object)], Arithmetic(40))


@pytest.mark.parametrize(
    "function",
    [
        lambda x: jnp.maximum(x, 0.5) - jnp.minimum(x, 2 * x),
        lambda x: abs(x) + jnp.sign(x),
        lambda x: lax.rev(x, (1,)),
        lambda x: lax.pad(x, jnp.asarray(3.0), ((1, 0, 0), (2, 1, 1))),
        lambda x: lax.slice(x, (0, 1), (2, 4), (1, 2)),
        lambda x: jnp.stack([x, 2 * x], 1),
        lambda x: x[jnp.array([1, 0, 1]), jnp.array([[2], [3]])],
        lambda x: x[:, jnp.array([3, 0])],
        lambda x: jax.vmap(lambda row, k: row[k])(x, jnp.array([[3, 3], [0, 2]])),
        lambda x: jax.vmap(lambda k: x[k, 1:])(jnp.array([1, 1, 0])),
        lambda x: jnp.zeros((3, 4)).at[jnp.array([2, 2])].add(x),
    ],
)
def test_the_arrays_are_moved_as_jax_moves_them(function) -> None:
    x = jnp.asarray([[1.0, -2.0, 3.5, 0.25], [-0.5, 4.0, -8.0, 16.0]])
    exact = np.vectorize(Fraction, [object])(np.asarray(x))
    for program in (function, jax.jacrev(function), jax.jacfwd(function)):
        (found,) = autodiff.run_exactly(jax.make_jaxpr(program)(x), [exact], Arithmetic(40))
        assert (found == np.asarray(jax.jit(program)(x))).all()


def test_programs_are_written_once_for_a_structure() -> None:
    LIBRARY.clear()
    slope = Fraction(1, 4)
    for x in (np.array([[Fraction(-2)]]), np.array([[Fraction(-3)]])):
        problem = Problem(
            (manual.Layer(np.array([[Fraction(1)]])),),
            x,
            np.array([[Fraction(1)]]),
            (("leaky_relu", slope),),
            "squared_error",
            "mean",
        )
        point = point_of(stated_problem(problem), ["L"])
        assert point.derivative("L", (), "W1", ()).item() == 2 * (x.item() * slope - 1) * slope * x
    assert len(LIBRARY.cache("programs of JAX for graphs", 0)) == 1


def test_a_jax_too_new_is_told_and_the_other_two_decide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(autodiff._RULES, "dot_general")
    with pytest.warns(RuntimeWarning, match="the verdicts rest on the other two witnesses"):
        found = judged(NUMBERS, "dL/dW2[2,2]", value="7")
    assert found.verdict == "right"
