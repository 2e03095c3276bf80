"""Losses of logarithms behind their own activations, against sixty digits: in
every regime, in both rooms and plans.

The oracle has the formulas as they are written in books, on decimals of a
hundred digits, whose exponents do not end. `python -m pytest -s -m ""
tests/manual/test_fused.py` prints the table of docs/accuracy.md.
"""

import functools
from collections import defaultdict
from collections.abc import Callable, Iterator
from decimal import Context, Decimal, localcontext
from typing import Any

import jax
import numpy as np
import pytest

import manual
import ref
from manual.fused import FUSED
from tests.agreement import compiled_pass
from tests.rounds import every

DIGITS = Context(prec=100, Emin=-(10**9), Emax=10**9)
SIZES = (1e-3, 1.0, 10.0, 60.0, 100.0, 700.0, 1e3, 1e4)  # of logits
PAIRS = list(FUSED)
KINDS = ("float32", "float64")
MOST = 4  # units of the last digit


def activated(f: str, z: list[Decimal]) -> list[Decimal]:
    if f == "softmax":
        e = [v.exp() for v in z]
        return [v / sum(e) for v in e]
    if f == "sigmoid":
        return [1 / (1 + (-v).exp()) for v in z]
    # log(1 + e) of an e with fewer digits than 1 has: the series.
    e = [v.exp() for v in z]
    return [(1 + v).ln() if v > Decimal("1e-30") else v - v * v / 2 + v**3 / 3 for v in e]


def complement(f: str, z: list[Decimal]) -> list[Decimal]:
    """1 - yhat, without the difference."""
    if f == "softmax":
        e = [v.exp() for v in z]
        return [sum(e[:i] + e[i + 1 :], Decimal(0)) / sum(e) for i in range(len(e))]
    return [1 / (1 + v.exp()) for v in z]


def log(v: Decimal, rest: Decimal | None) -> Decimal:
    """log(v), of v near 1 by the series in 1 - v, where it is known."""
    if rest is not None and rest < Decimal("1e-30"):
        return -(rest + rest * rest / 2 + rest**3 / 3)
    return v.ln()


def truth(
    loss: str, f: str, y: list[float], logits: list[float]
) -> tuple[Decimal, list[Decimal], list[Decimal]]:
    """The loss, its gradient by z, and yhat."""
    with localcontext(DIGITS):
        z, t = [Decimal(v) for v in logits], [Decimal(v) for v in y]
        yhat = activated(f, z)
        rest = complement(f, z) if f != "softplus" else [None] * len(z)
        L = -sum(a * log(p, q) for a, p, q in zip(t, yhat, rest, strict=True) if a)
        d_yhat = [-a / p for a, p in zip(t, yhat, strict=True)]
        if loss == "binary_cross_entropy":
            L -= sum((1 - a) * log(q, p) for a, p, q in zip(t, yhat, rest, strict=True) if a != 1)
            d_yhat = [
                d + ((1 - a) / q if a != 1 else 0) for d, a, q in zip(d_yhat, t, rest, strict=True)
            ]
        if f == "softmax":
            # (2) of softmax, with 1 - yhat_k on the diagonal.
            d_z = [
                p
                * (d_yhat[k] * rest[k] - sum(d_yhat[i] * yhat[i] for i in range(len(z)) if i != k))
                for k, p in enumerate(yhat)
            ]
        elif f == "sigmoid":
            d_z = [d * p * q for d, p, q in zip(d_yhat, yhat, rest, strict=True)]
        else:
            d_z = [d / (1 + (-v).exp()) for d, v in zip(d_yhat, z, strict=True)]
        return L, d_z, yhat


def shares_of_softplus(y: list[float], z: list[float]) -> Decimal:
    """The largest share of the loss, or target."""
    shares = [truth("cross_entropy", "softplus", [t], [v])[0] for t, v in zip(y, z, strict=True)]
    return max(*map(abs, shares), *map(Decimal, y))


def cases(loss: str, f: str, dtype: Any) -> Iterator[tuple[Any, Any]]:
    """Logits (1, O) and targets: of all sizes, sure and unsure, right and
    wrong, ties and a single output."""
    rng = np.random.default_rng(0)
    for size in SIZES:
        for outputs in (1, 4):
            for draw in range(4):
                z = (size * rng.uniform(-1, 1, (1, outputs))).astype(dtype)
                if draw == 1:
                    z = np.sign(z) * dtype(size)
                if draw == 2 and outputs > 2:
                    z[0, 1] = z[0, 0]
                label = rng.integers(outputs)
                y = np.eye(outputs, dtype=dtype)[[label]]
                if draw == 3:
                    y = rng.uniform(0, 1, (1, outputs)).astype(dtype)
                    y = y / y.sum() if f == "softmax" else y
                yield z, y


jitted = jax.jit(ref.value_and_grad, static_argnames=("activations", "loss"))
jitted_hvp = jax.jit(ref.hvp, static_argnames=("activations", "loss"))


def by_room(value_and_grad: Any, loss: str, f: str) -> Callable[[Any, Any], tuple[Any, Any]]:
    """The loss and its gradient by z, which is that by a bias where W is 0."""

    def found(z: Any, y: Any) -> tuple[Any, Any]:
        params = [manual.Layer(np.zeros((z.shape[1], 1), z.dtype), z[0])]
        L, grads = value_and_grad(params, np.ones((1, 1), z.dtype), y, activations=(f,), loss=loss)
        return L, grads[0].b

    return found


def by_plan(loss: str, f: str, **options: Any) -> Callable[[Any, Any], tuple[Any, Any]]:
    def found(z: Any, y: Any) -> tuple[Any, Any]:
        params = [manual.Layer(np.zeros((z.shape[1], 1), z.dtype), z[0])]
        plan = manual.Plan(params, 1, (f,), loss=loss, **options)
        L, grads = plan.value_and_grad(np.ones((1, 1), z.dtype), y)
        return L, np.array(grads[0].b)

    return found


def by_compiled_plan(loss: str, f: str) -> Callable[[Any, Any], tuple[Any, Any]]:
    @functools.cache
    def compiled(outputs: int, dtype: Any) -> Any:
        params = [ref.Layer(np.zeros((outputs, 1), dtype), np.zeros(outputs, dtype))]
        return compiled_pass(ref.Plan(params, (f,), loss=loss))

    def found(z: Any, y: Any) -> tuple[Any, Any]:
        params = [ref.Layer(np.zeros((z.shape[1], 1), z.dtype), z[0])]
        L, grads = compiled(z.shape[1], z.dtype)(params, np.ones((1, 1), z.dtype), y)
        return L, grads[0].b

    return found


def units(found: Any, true: Decimal, size: Decimal, dtype: Any) -> float:
    """By how many units of the last digit of `size` a number is off; what is
    below all floats counts as nothing."""
    least = Decimal(float(np.finfo(dtype).tiny))
    off = abs(Decimal(float(found)) - true) - least
    return max(0.0, float(off / Decimal(float(np.spacing(dtype(max(float(size), float(least))))))))


def ways(room: str, loss: str, f: str) -> dict[str, Callable[[Any, Any], tuple[Any, Any]]]:
    """How a room computes, or a compiled plan."""
    if room == "manual":
        return {
            "manual": by_room(manual.value_and_grad, loss, f),
            "manual.Plan, rows": by_plan(loss, f, layout="rows"),
            "manual.Plan, columns": by_plan(loss, f, layout="columns"),
        }
    return {room: by_room(jitted, loss, f) if room == "ref" else by_compiled_plan(loss, f)}


def worst(loss: str, f: str, kind: str, room: str) -> dict[tuple[str, str], float]:
    """The largest errors of every way to compute in a room, of the loss by its own
    size and of dL/dz by that of yhat or y."""
    dtype, computed = getattr(np, kind), ways(room, loss, f)
    found: dict[tuple[str, str], float] = defaultdict(float)
    with jax.enable_x64(kind == "float64"):
        for z, y in cases(loss, f, dtype):
            if (
                loss == "binary_cross_entropy"
                and f == "softmax"
                and z.shape[1] == 1
                and y[0, 0] != 1
            ):
                continue  # the "no" of a class that is sure: the loss is infinite
            L, d_z, yhat = truth(loss, f, y[0].tolist(), z[0].tolist())
            sizes = [max(abs(p), abs(Decimal(t))) for p, t in zip(yhat, y[0].tolist(), strict=True)]
            for way, compute in computed.items():
                L_found, d_found = compute(z, y)
                assert np.isfinite(L_found), (way, z, y)
                assert np.isfinite(d_found).all(), (way, z, y)
                # log softplus(z) may be 0 or of either sign: the loss is as sharp
                # as its largest share, or target.
                size_of_L = (
                    shares_of_softplus(y[0].tolist(), z[0].tolist()) if f == "softplus" else abs(L)
                )
                found[way, "loss"] = max(found[way, "loss"], units(L_found, L, size_of_L, dtype))
                if (loss, f) == (
                    "binary_cross_entropy",
                    "softmax",
                ):  # where each "no" is shared out among the others
                    sizes = [max(*sizes, *map(abs, d_z))] * len(d_z)
                for one, true, size in zip(np.asarray(d_found), d_z, sizes, strict=True):
                    found[way, "gradient"] = max(
                        found[way, "gradient"], units(one, true, size, dtype)
                    )
    return found


@pytest.mark.usefixtures("optimised")
@pytest.mark.parametrize(
    ("loss", "f", "kind", "room"),
    [(*pair, "float64", "manual") for pair in PAIRS]
    + every(5, [(*pair, "float32", "manual") for pair in PAIRS])
    + every(2, [(*pair, "float64", "ref") for pair in PAIRS])
    + every(5, [(*pair, "float64", "ref.Plan") for pair in PAIRS])
    + [
        pytest.param(*pair, "float32", room, marks=pytest.mark.exhaustive)
        for pair in PAIRS
        for room in ("ref", "ref.Plan")
    ],
)
def test_the_loss_and_its_gradient_are_right_to_a_few_units_of_the_last_digit(
    loss: str, f: str, kind: str, room: str
) -> None:
    errors = worst(loss, f, kind, room)
    for (way, what), error in errors.items():
        print(f"{f} and {loss}, {kind}, {way}: {what} {error:.1f}")
        assert error <= MOST, (way, what, error)


@pytest.mark.parametrize(
    ("kind", "loss", "f", "room"),
    [
        *((kind, *pair, manual) for kind in KINDS for pair in PAIRS),
        *every(10, ((kind, *pair, ref) for kind in KINDS for pair in PAIRS)),
    ],
)
def test_every_derivative_of_what_is_sure_is_a_number(
    kind: str, loss: str, f: str, room: Any
) -> None:
    """Logits of 60 and of 10,000, right and wrong: what is not dL/dyhat itself
    never goes through it."""
    params = [
        manual.Layer(np.array([[1.0], [-1.0], [2.0]], kind)),
        manual.Layer(np.eye(3, dtype=kind), None),
    ]
    x, y = np.array([[60.0], [-60.0], [1e4]], kind), np.eye(3, dtype=kind)[[1, 0, 2]]
    activations = "identity", f

    def everything(params: Any, x: Any, y: Any) -> Any:
        problem = params, x, y, activations
        return {
            "all": room.gradients(*problem, loss=loss),
            "parameters": room.value_and_grad(*problem, loss=loss),
            "each": room.per_example_gradients(*problem, loss=loss),
            "hvp": room.hvp(params, params, x, y, activations, loss=loss),
            "by W1": {
                of: room.jacobian(params, x, activations, of=of, by="W1", y=y, loss=loss)
                for of in ("L", "shares")
            },
        }

    with jax.enable_x64(kind == "float64"):
        found = jax.tree.map(
            np.asarray, (jax.jit(everything) if room is ref else everything)(params, x, y)
        )
    (whole, every), (L, grads), (losses, each) = found["all"], found["parameters"], found["each"]
    found["all"] = every.params, every.z
    assert all(np.isfinite(array).all() for array in jax.tree.leaves(found))
    assert whole.tolist() == L.tolist()
    assert grads[0].W.tolist() == every.params[0].W.tolist() == found["by W1"]["L"].tolist()
    np.testing.assert_allclose(losses.mean(), L, rtol=1e-6)
    np.testing.assert_allclose(each[0].W.mean(0), grads[0].W, rtol=1e-6)
    np.testing.assert_allclose(found["by W1"]["shares"].sum(0), grads[0].W, rtol=1e-6)


def test_the_rooms_and_the_plan_for_single_examples_agree_where_all_is_sure() -> None:
    """float32, logits of 60: the loss of a wrong answer is 120 or 60, and the
    gradient of a class 1 or -1."""
    x, y = np.array([[60.0], [-60.0]], np.float32), np.array([[0.0, 1.0], [0.0, 1.0]], np.float32)
    params = [manual.Layer(np.array([[1.0], [-1.0]], np.float32), np.zeros(2, np.float32))]
    options = {"activations": ("softmax",), "loss": "cross_entropy"}
    compiled = ref.Plan(params, **options)

    @jax.jit
    def in_jax(params: Any, x: Any, y: Any) -> list[Any]:
        by_plan = compiled.per_example_gradients(compiled.pack(params), x, y)
        return [ref.per_example_gradients(params, x, y, **options), by_plan]

    by_hand = manual.per_example_gradients(params, x, y, **options)
    by_plan = manual.Plan(params, 2, **options).per_example_gradients(x, y)
    for losses, grads in (by_hand, by_plan, *in_jax(params, x, y)):
        assert losses.tolist() == [120, 0]
        assert grads[0].b.tolist() == [[1, -1], [0, 0]]


@pytest.mark.parametrize("room", ["manual", "ref", "manual.Plan", "ref.Plan"])
def test_a_masked_class_has_no_loss(room: str) -> None:
    """A logit of -inf where y is 0: 0 log 0 = 0."""
    params, x = [(np.eye(2), np.array([0.0, -np.inf]))], np.ones((3, 2))
    y = np.array([[1.0, 0.0]] * 3)
    with jax.enable_x64(True):
        if room == "manual.Plan":
            L, grads = manual.Plan(
                params, 3, ("softmax",), loss="cross_entropy", layout="rows"
            ).value_and_grad(x, y)
        elif room == "ref.Plan":
            L, grads = compiled_pass(ref.Plan(params, ("softmax",), loss="cross_entropy"))(
                params, x, y
            )
        else:
            value_and_grad = {"manual": manual.value_and_grad, "ref": jitted}[room]
            L, grads = value_and_grad(params, x, y, activations=("softmax",), loss="cross_entropy")
    assert float(L) == 0
    assert not any(np.asarray(array).any() for array in grads[0])


@pytest.mark.parametrize(
    ("loss", "f", "room"),
    [(*pair, manual) for pair in PAIRS] + every(5, [(*pair, ref) for pair in PAIRS]),
)
def test_the_gradient_by_the_outputs_is_that_of_the_loss_alone(
    loss: str, f: str, room: Any
) -> None:
    """-y / yhat, and what comes before follows from it: here apart, where nothing is sure."""
    W, x = np.array([[0.5], [-0.25], [1.0]]), np.array([[1.0], [-0.5]])
    y, params = np.array([[0.0, 1.0, 0.0], [0.25, 0.25, 0.5]]), [manual.Layer(W)]
    cache = manual.forward(params, x, (f,))
    d_yhat = manual.losses.LOSSES[loss].d(y, cache.h[-1]) / 2
    apart = manual.backward(params, cache, d_yhat, (f,))

    def everything(params: Any, x: Any, y: Any) -> Any:
        of = {"L": ["h1", "x"], "shares": ["h1", "W1"]}
        jacobians = {
            (name, by): room.jacobian(params, x, (f,), of=name, by=by, y=y, loss=loss)
            for name, bys in of.items()
            for by in bys
        }
        return room.gradients(params, x, y, (f,), loss=loss)[1], jacobians

    with jax.enable_x64(True):
        grads, jacobians = jax.tree.map(
            np.asarray, (jax.jit(everything) if room is ref else everything)(params, x, y)
        )
    right = {"h1": apart.h[1], "z1": apart.z[0], "W1": apart.params[0].W, "x": apart.h[0]}
    found = {"h1": grads.h[1], "z1": grads.z[0], "W1": grads.params[0].W, "x": grads.h[0]}
    for name, array in right.items():
        np.testing.assert_allclose(found[name], array, rtol=1e-13, atol=1e-15, err_msg=name)
        if ("L", name) in jacobians:
            np.testing.assert_allclose(
                jacobians["L", name], array, rtol=1e-13, atol=1e-15, err_msg=f"dL/d{name}"
            )
        if ("shares", name) in jacobians:
            total = jacobians["shares", name].sum(0)
            np.testing.assert_allclose(
                total, array, rtol=1e-13, atol=1e-15, err_msg=f"dL[k]/d{name}"
            )
    assert not jacobians["shares", "h1"][0, :, 1:].any(), "a share knows its own output alone"


@pytest.mark.exhaustive
@pytest.mark.parametrize(("loss", "f"), PAIRS)
def test_the_hessian_by_hand_is_that_of_jax_for_any_targets(loss: str, f: str) -> None:
    """Targets between 0 and 1 that add up to something else than 1."""
    W, x = np.array([[0.5, 1.0], [-0.25, 0.5], [1.0, -1.5]]), np.array([[1.0, 2.0], [-0.5, 0.25]])
    y = np.array([[0.75, 1.0, 0.0], [0.25, 0.5, 0.5]])
    direction = [(W[::-1] - 0.5, np.array([1.0, -1.0, 0.5]))]
    params = [(W, np.array([0.25, -0.5, 0.0]))]
    by_hand = manual.hvp(params, direction, x, y, (f,), loss=loss)
    with jax.enable_x64(True):
        by_jax = jitted_hvp(params, direction, x, y, activations=(f,), loss=loss)
    for name, one, other in zip("Wb", by_hand[0], by_jax[0], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-14, err_msg=name)


@pytest.mark.parametrize("outputs", [20, 100])
@pytest.mark.parametrize(("loss", "f"), PAIRS)
def test_many_outputs_are_as_accurate(loss: str, f: str, outputs: int) -> None:
    """What is added up over the outputs errs by a little more; what would cancel is not formed."""
    z = np.full((1, outputs), -3.0)
    z[0, :2] = 15, 14.2
    y = np.eye(outputs)[[0]]
    L, d_z, yhat = truth(loss, f, y[0].tolist(), z[0].tolist())
    found, gradient = by_room(manual.value_and_grad, loss, f)(z, y)
    size = abs(L) if f != "softplus" else shares_of_softplus(y[0].tolist(), z[0].tolist())
    assert units(found, L, size, np.float64) <= MOST
    for one, true, p, t in zip(gradient, d_z, yhat, y[0].tolist(), strict=True):
        assert units(one, true, max(abs(p), Decimal(t), abs(true)), np.float64) <= 3 * MOST


def test_another_direction_takes_the_parameters_type() -> None:
    """float32 parameters, and a direction of float64 or of whole numbers."""
    params = [(np.eye(2, dtype=np.float32), np.zeros(2, np.float32))]
    x, y = np.ones((1, 2), np.float32), np.eye(2, dtype=np.float32)[:1]
    with jax.enable_x64(True):
        for direction in ([(np.eye(2), np.ones(2))], [([[1, 0], [0, 1]], [1, 1])]):
            hvp = functools.partial(ref.hvp, activations=("softmax",), loss="cross_entropy")
            found = jax.eval_shape(hvp, params, direction, x, y)
            assert found[0][0].dtype == np.float32
