"""The Hessian along a direction and the gradients of single examples, of every
family: by the one rule of `manual.families`, in JAX, and by a nudge.

Where no exponential, logarithm or root enters, whole numbers are compared by `==`,
in floats, on fractions and in JAX. Elsewhere the truth is a nudge of the gradient by
hand, on 120 digits, which knows neither dual numbers nor JAX.
"""

import functools
import re
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import flint
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import manual
import ref
from gradsheet.numbers.ball import Ball
from manual import families
from manual.dual import Dual
from tests.families.test_networks import NETWORKS, Network, leaves, made
from tests.families.test_sheets import SHEETS
from tests.family import (
    DIGITS,
    HALF_STEP,
    NUDGE,
    OF_JAX,
    Case,
    Passed,
    by_hand,
    drawn,
    errors,
    in_bfloat16,
    off,
    seeds_of,
    typed,
)
from tests.rounds import every

CASES = [*(sheet.case for sheet in SHEETS), Case("gelu", [(2, 3)], {"approximate": "none"})]
EXACT = [case for case in CASES if case.rational]
OTHERS = [case for case in CASES if not case.rational]


def asked(case: Case, rng: np.random.Generator, *, whole: bool) -> tuple[Any, Any, Any]:
    """The arrays of a case, directions for those that move, and the cotangent."""
    arrays, seeds = drawn(case, rng, whole=whole), seeds_of(case, rng, whole=whole)
    along = [rng.integers(-3, 4, a.shape).astype(float) if k in case.moving else None
             for k, a in enumerate(arrays)]  # fmt: skip
    return arrays, along, seeds[0]


def found(room: Any, case: Case, arrays: Any, along: Any, dout: Any) -> Passed:
    """What a room has of a case: rates of the gradients, and gradients of the rows of
    out; of a loss those of its examples, each with the same cotangent."""
    settings = dict(case.settings)
    rates = room.family_hvp(case.family, arrays, along, dout, **settings)
    if not dout.ndim:
        settings["reduction"] = "none"
        dout = dout + 0 * arrays[0].sum(-1)
    rows = room.family_per_example_gradients(case.family, arrays, dout, **settings)
    moving = [k for k, rate in enumerate(rates) if rate is not None]
    assert moving == [k for k, row in enumerate(rows) if row is not None] == case.moving
    return {f"rate{k}": rates[k] for k in moving} | {f"rows{k}": rows[k] for k in moving}


@functools.cache
def in_jax(case: Case, *, whole: bool) -> Passed:
    """The same in JAX, compiled at once."""
    arrays, along, dout = asked(case, np.random.default_rng(1), whole=whole)

    @jax.jit
    def both(moved: Any, along: Any, dout: Any) -> Passed:
        together = [moved.get(k, a) for k, a in enumerate(arrays)]
        return found(ref, case, together, along, dout)

    return dict(both({k: arrays[k] for k in case.moving}, along, dout))


def typed_all(asked: tuple[Any, Any, Any], kind: Any) -> tuple[Any, Any, Any]:
    """The same in another type of numbers."""
    arrays, along, dout = asked
    return typed(arrays, kind), typed(along, kind), typed([dout], kind)[0]


def unequal(case: Case) -> Iterator[str]:
    """Where whole numbers do not give the same in floats, on fractions and in JAX."""
    question = asked(case, np.random.default_rng(1), whole=True)
    exact = found(manual, case, *typed_all(question, Fraction))
    jax = in_jax(case, whole=True)
    for name, array in found(manual, case, *question).items():
        for other, kind in ((exact[name], "on fractions"), (jax[name], "in JAX")):
            if array.dtype != float or not np.array_equal(array, np.asarray(other, float)):
                yield f"{case}: {name} in floats {array.tolist()}, {kind} {other.tolist()}"


def nudged(case: Case, arrays: Any, along: Any, dout: Any) -> Passed:
    """The rates of the gradients, by a nudge of the arrays to both sides."""

    def gradients(step: Any) -> Passed:
        moved = [a if v is None else a + step * v for a, v in zip(arrays, along, strict=True)]
        return by_hand(manual, case, moved, [dout])

    above, below = gradients(HALF_STEP), gradients(-HALF_STEP)
    return {
        f"rate{k}": (above[f"gradient{k}"] - below[f"gradient{k}"]) / (2 * HALF_STEP)
        for k in case.moving
    }


def unlike(case: Case, *, with_jax: bool) -> Iterator[str]:
    """Where floats are further off the truth than their rounding may be, or what the
    examples send back is not all that comes back."""
    question, info = asked(case, np.random.default_rng(1), whole=False), np.finfo(float)
    with flint.ctx.workdps(2 * DIGITS):
        arrays, along, dout = typed_all(question, flint.arb)
        true = found(manual, case, arrays, along, dout) | nudged(case, arrays, along, dout)
        whole = by_hand(manual, case, arrays, [dout]) if dout.ndim else {}
        for k in case.moving if whole else ():
            if not np.all(abs(true[f"rows{k}"].sum(0) - whole[f"gradient{k}"]) < NUDGE):
                yield f"{case}: the sum of rows{k} is not gradient{k}"
    passed = [(found(manual, case, *question), info.eps, info.smallest_subnormal)]
    if with_jax:
        passed.append((in_jax(case, whole=False), OF_JAX * info.eps, info.tiny))
    for numbers, eps, least in passed:
        bounds = errors(lambda: found(manual, case, *typed_all(question, Ball.of)), eps, least)
        for name, ratio in off(numbers, true, bounds).items():
            if not ratio <= 1:
                yield f"{case}: {name} is off by {ratio:.3g} times what rounding may do"


@pytest.mark.parametrize("case", every(3, EXACT), ids=str)
def test_whole_numbers_give_the_same_as_jax(case: Case) -> None:
    assert [*unequal(case)] == []


@pytest.mark.parametrize("case", CASES, ids=str)
def test_floats_are_off_by_rounding_alone(case: Case) -> None:
    # The examples of this one mix; the others wait for the longer run.
    assert [*unlike(case, with_jax=case.family == "batch_norm")] == []


@pytest.mark.exhaustive
@pytest.mark.parametrize("case", OTHERS, ids=str)
def test_jax_is_off_by_rounding_alone(case: Case) -> None:
    assert [*unlike(case, with_jax=True)] == []


def test_the_rule_is_for_networks_too() -> None:
    rng = np.random.default_rng(2)
    network = next(network for network in NETWORKS if network.name == "convnet")

    def whole(array: Any) -> Any:
        return rng.integers(-2, 3, array.shape).astype(float)

    params, along, x = made(network.params, whole), made(network.params, whole), network.data[0]
    x, dout = whole(x), whole(np.empty((len(x), len(params.b4))))

    def by_hand(params: Any, x: Any, dout: Any) -> Any:
        return manual.convnet_backward(dout, manual.convnet_forward(params, x)[1])

    def in_jax(params: Any) -> Any:
        return jax.vjp(lambda params: ref.convnet_scores(params, jnp.asarray(x)), params)[1](dout)

    mine = manual.jvp(by_hand, (params, x, dout), (along, None, None))
    theirs = jax.jit(lambda *both: jax.jvp(in_jax, *((one,) for one in both)))(params, along)
    for one, (other,) in zip(mine, theirs, strict=True):
        assert type(one) is type(params)
        for name, a, b in zip(params._fields, leaves(one), leaves(other), strict=True):
            assert np.array_equal(a, b), name
    assert sum(np.any(rate != 0) for rate in leaves(mine[1])) >= 6


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.name)
def test_networks_change_as_a_nudge_has_it(network: Network) -> None:
    rng, exact = np.random.default_rng(3), np.frompyfunc(flint.arb, 1, 1)
    along = made(network.params, lambda array: rng.integers(-2, 3, array.shape))

    def step(params: Any, *data: Any) -> Any:
        return getattr(manual, f"{network.name}_value_and_grad")(params, *data, **network.settings)

    def nudged(step_size: Any) -> list[Any]:
        rates = leaves(along)
        loss, gradients = step(made(params, lambda p: p + step_size * next(rates)), *data)
        return [loss, *leaves(gradients)]

    with flint.ctx.workdps(2 * DIGITS):
        params = made(network.params, exact)
        data = [d if d.dtype == int else exact(d) for d in network.data]
        _, (rate, rates) = manual.jvp(step, (params, *data), (along, *[None] * len(data)))
        sides = zip([rate, *leaves(rates)], nudged(HALF_STEP), nudged(-HALF_STEP), strict=True)
        for mine, above, below in sides:
            assert np.any(mine != 0)
            assert np.all(abs(mine - (above - below) / (2 * HALF_STEP)) < NUDGE)


def case_of(family: str) -> Case:
    """The first case of a family."""
    return next(case for case in CASES if case.family == family)


@pytest.mark.parametrize("name", ["__mul__", "__truediv__", "exp", "sqrt"])
def test_a_wrong_dual_number_is_caught(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    right = getattr(Dual, name)

    def twice(*numbers: Any) -> Any:
        found = right(*numbers)
        return Dual(found.value, 2 * found.slope, found.level) if type(found) is Dual else found

    monkeypatch.setattr(Dual, name, twice)
    assert any(unlike(case_of("layer_norm" if name != "exp" else "softmax"), with_jax=False))


def test_what_is_no_single_example_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(families, "_alone", lambda n, dout: dout)
    assert any(unequal(case_of("affine")))
    assert any(unlike(case_of("batch_norm"), with_jax=False))


def test_at_a_kink_relu_is_the_constant_0() -> None:
    x, one = np.array([[1.0, -1.0]]), np.ones((1, 2))
    arrays, along = (x, np.array([[1.0, 1]]), np.array([[2.0], [3]])), (one, one, one.T)
    for room in (manual, ref):
        rates = room.family_hvp("residual_block", arrays, along, np.array([[5.0, 7]]))
        assert [np.asarray(rate).tolist() for rate in rates] == [[[0, 0]], [[0, 0]], [[0], [0]]]


def test_every_call_has_an_infinitesimal_of_its_own() -> None:
    """d/dx (x d/dy (x + y)) = 1 (Siskind and Pearlmutter 2005)."""
    one = np.ones(1)

    def inner(x: Any) -> Any:
        return x * manual.jvp(lambda y: x + y, (one,), (one,))[1]

    assert manual.jvp(inner, (one,), (one,))[1].tolist() == [1]
    third = manual.jvp(lambda x: manual.jvp(lambda x: x * x * x, (x,), (one,))[1], (one,), (one,))
    assert [part.tolist() for part in third] == [[3], [6]]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_short_floats_stay_short_in_jax(case: Case) -> None:
    arrays = in_bfloat16(drawn(case, np.random.default_rng(1), whole=False))
    out = jax.eval_shape(functools.partial(getattr(ref, case.family), **case.settings), *arrays)
    assert {array.dtype for array in jax.tree.leaves(out)} == {jnp.dtype(jnp.bfloat16)}


def test_short_floats_stay_short_and_pairs_stay_pairs() -> None:
    z = np.array([[0.5, 2.0]], np.float32)
    (rate,) = manual.family_hvp("tanh", (z,), (z,), z)
    assert rate.dtype == np.float32
    arrays = [np.full(shape, 0.5) for shape in ((2, 3, 1), (2, 1), (2, 1), (4, 1), (4, 1), (4,))]
    dout = np.ones((2, 3, 1)), np.arange(6.0).reshape(2, 3, 1)

    def both(room: Any) -> Any:
        rows = room.family_per_example_gradients("lstm", arrays, dout, cells=True)
        return rows, room.family_hvp("lstm", arrays, arrays, dout, cells=True)

    for rows, rates in (both(manual), jax.eval_shape(lambda: both(ref))):
        assert [a.shape for a in rows] == [(2, *a.shape) for a in arrays]
        assert [a.shape for a in rates] == [a.shape for a in arrays]


@pytest.mark.parametrize("room", [manual, ref])
@pytest.mark.parametrize(
    ("family", "arrays", "dout", "said"),
    [
        ("conv3d", (), 1.0, "family is 'conv3d', expected one of attention, multi_head_attention,"),
        (
            "huber",
            (np.ones((2, 1)),) * 2,
            1.0,
            "out is a number, expected examples in front: write",
        ),
        (
            "relu",
            (np.ones((0, 3)),),
            np.ones((0, 3)),
            "out has the shape (0, 3), expected at least",
        ),
    ],
)
def test_what_has_no_examples_is_refused(room, family, arrays, dout, said) -> None:
    gradients = functools.partial(room.family_per_example_gradients, family)
    if room is ref:
        gradients = functools.partial(jax.eval_shape, gradients)
    with pytest.raises(ValueError, match=re.escape(said)):
        gradients(arrays, dout)


def test_a_direction_of_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match=re.escape("has the shape (2,), expected (3,), as its")):
        manual.family_hvp("relu", (np.ones(3),), (np.ones(2),), np.ones(3))
