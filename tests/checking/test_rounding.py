"""The forward error bound holds, and where it says that nothing is rounded nothing is."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given

import manual
from gradsheet.checking import rounding
from gradsheet.checking.asked import KINDS, Jacobian, ParameterGradients
from gradsheet.checking.probes import Data
from gradsheet.checking.rounding import rounding_of
from gradsheet.checking.truth import errors_of
from gradsheet.network import problem as stated
from gradsheet.network.network import Network
from tests.functions import textbook
from tests.networks import Problem, all_problems, data_of, exact_problems, examples, network_of


def kinds_for(network: Network) -> list[ParameterGradients]:
    nodes = ["yhat", "z1"]
    others = [kind(network) for what, kind in KINDS.items() if what != "jacobian"]
    return [*others, *(Jacobian(network, of) for of in nodes)]


def in_floats(asked: ParameterGradients, data: Data, dtype: str) -> dict[str, Any]:
    def typed(array: Any) -> Any:
        return None if array is None else array.astype(dtype)

    layers = tuple(manual.Layer(typed(W), typed(b)) for W, b in data.params)
    narrow = Data(layers, typed(data.x), typed(data.y), layers)
    return {name: np.asarray(array) for name, array in asked.by(manual, narrow).items()}


def violations(problem: Problem) -> list[tuple[str, str]]:
    """What float32 gets farther off than the bound allows, by hand and by the textbook."""
    network, data, found = network_of(problem), data_of(problem, "float32"), []
    for asked in kinds_for(network):
        right = in_floats(asked, data, "float64")
        allowed, _ = errors_of(asked, data, "float32")
        finer, _ = errors_of(asked, data, "float64")
        answers = [in_floats(asked, data, "float32")]
        if asked.what == "gradients":
            single = problem.astype(np.float32)
            L, grads = textbook(network)(single.params, single.x, single.y)
            names = {
                f"{c}{l}": a
                for l, layer in enumerate(grads, 1)
                for c, a in zip("Wb", layer, strict=True)
            }
            answers.append(
                {"L": np.asarray(L), **{name: a for name, a in names.items() if a is not None}}
            )
        for answer in answers:
            for name, array in answer.items():
                if np.isfinite(array).all() and np.isfinite(allowed[name]).all():
                    off = abs(array.astype(float) - right[name]) > allowed[name] + finer[name]
                    found += [(asked.what, name)] if off.any() else []
    return found


@examples(10)
@given(all_problems)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_float32_errs_within_the_bound(problem: Problem) -> None:
    assert violations(problem) == []


@examples(10)
@given(exact_problems)
def test_where_nothing_is_rounded_float32_is_float64(problem: Problem) -> None:
    network, data = network_of(problem), data_of(problem, "float32")
    for asked in kinds_for(network):
        _, exact = errors_of(asked, data, "float32")
        coarse, fine = (in_floats(asked, data, dtype) for dtype in ("float32", "float64"))
        assert not exact or all(coarse[name].tolist() == fine[name].tolist() for name in fine)


SUM = Problem(
    (manual.Layer(np.full((1, 200), 0.1)),),
    np.full((1, 200), 0.7),
    np.ones((1, 1)),
    ("identity",),
    "squared_error",
    "sum",
)


def test_the_bound_is_seen_to_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    assert violations(SUM) == []
    monkeypatch.setattr(rounding, "SLACK", 0)
    assert violations(SUM)


def gradient_of(network: Network, params: Any, x: Any, y: Any, dtype: str = "float32") -> Any:
    return rounding_of(stated.Problem(network, params, x, y), dtype).gradients()["W1"]


def test_large_numbers_are_not_exact() -> None:
    network = Network((2, 1), (None,), ("identity",), "half_squared_error", "sum", 1)
    for size, exact in ((1.0, True), (3000.0, False), (0.5, False)):
        layer = (manual.Layer(np.full((1, 2), size)),)
        found = gradient_of(network, layer, np.full((1, 2), size), np.ones((1, 1)))
        assert found.is_exact == exact
        assert found.error.any(), "who takes another formula may round"


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_in_few_bits_what_is_exact_is_not_off(dtype: str) -> None:
    network = Network((2, 1), (None,), ("identity",), "half_squared_error", "sum", 1)
    for size, exact in ((1.0, True), (50.0, False)):
        layer = (manual.Layer(np.full((1, 2), size)),)
        found = gradient_of(network, layer, np.full((1, 2), size), np.ones((1, 1)), dtype)
        assert found.is_exact == exact
        assert found.error.any() == (not exact)


def test_a_pass_of_whole_numbers_is_exact_up_to_the_mean() -> None:
    """By 3 examples nothing can be divided exactly, and a z that is 0 is 0 all the same."""
    network = Network(
        (2, 2, 1), (None, None), ("relu", "identity"), "half_squared_error", "mean", 3
    )
    params = manual.Layer(np.array([[1.0, -1.0], [2.0, 1.0]])), manual.Layer(np.array([[1.0, 3.0]]))
    x = np.array([[1.0, 1.0], [2.0, 1.0], [0.0, 1.0]])
    found = rounding_of(stated.Problem(network, params, x, np.zeros((3, 1))), "float32")
    assert found.z[0].value[0, 0] == 0
    assert all(ball.is_exact for ball in (*found.z, *found.h))
    for name, ball in found.gradients().items():
        assert not ball.is_exact, name
        assert (ball.error < 1e-3).all(), name


def test_the_sharp_bound_is_smaller_and_kept() -> None:
    rng = np.random.default_rng(0)
    network = Network(
        (50, 60, 5), ("units", "units"), ("relu", "softmax"), "cross_entropy", "mean", 64
    )
    params = tuple(
        manual.Layer(rng.normal(size=(o, i)) / 8, rng.normal(size=o))
        for i, o in ((50, 60), (60, 5))
    )
    params = tuple(manual.Layer(*(a.astype(np.float32) for a in layer)) for layer in params)
    x = rng.normal(size=(64, 50)).astype(np.float32)
    y = np.eye(5, dtype=np.float32)[rng.integers(5, size=64)]
    wide = tuple(manual.Layer(W.astype(float), np.asarray(b, float)) for W, b in params)
    arguments: Any = ("relu", "softmax")
    _, right = manual.value_and_grad(wide, x.astype(float), y, arguments, loss="cross_entropy")
    _, floats = manual.value_and_grad(params, x, y, arguments, loss="cross_entropy")
    problem = stated.Problem(network, wide, x.astype(float), y.astype(float))
    bound = rounding_of(problem, "float32").gradients()
    sharp = rounding_of(problem, "float32", sharp=True).gradients()
    for l, (mine, theirs) in enumerate(zip(floats, right, strict=True), 1):
        for letter, one, other in zip("Wb", mine, theirs, strict=True):
            name = f"{letter}{l}"
            assert (abs(one - other) <= sharp[name].error).all(), name
            assert sharp[name].error.max() < bound[name].error.max() / 20, name


@pytest.mark.parametrize(
    ("changes", "shift"),
    [
        ({"reduction": "mean", "examples": 4}, 3),
        ({"reduction": "mean", "examples": 3}, None),
        ({"activations": (("leaky_relu", 0.25),)}, 5),
        ({"activations": (("leaky_relu", 0.01),)}, None),
        ({"activations": ("tanh",)}, None),
        ({"loss": "mean_squared_error", "widths": (2, 4), "reduction": "sum"}, 2),
        ({"loss": "mean_squared_error", "widths": (2, 3), "reduction": "sum"}, None),
    ],
)
def test_the_least_unit(changes: dict[str, Any], shift: int | None) -> None:
    kinds = {
        "widths": (2, 1),
        "activations": ("identity",),
        "loss": "half_squared_error",
        "reduction": "sum",
    } | changes
    widths, n = kinds["widths"], kinds.get("examples", 1)
    network = Network(widths, (None,), kinds["activations"], kinds["loss"], kinds["reduction"], n)
    params = (manual.Layer(np.ones(widths[::-1])),)
    found = gradient_of(network, params, np.ones((n, widths[0])), np.ones((n, widths[1])))
    assert found.unit == (0 if shift is None else 2.0**-shift)
