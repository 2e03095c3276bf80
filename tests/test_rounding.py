"""The forward error bound holds, and where it says that nothing is rounded nothing is."""

from typing import Any

import numpy as np
import pytest
from functions import textbook
from hypothesis import given
from networks import Problem, all_problems, data_of, exact_problems, examples, network_of

import manual
from gradsheet.backward import rounding
from gradsheet.backward.asked import KINDS, Gradients, Jacobian
from gradsheet.backward.probes import Data
from gradsheet.backward.rounding import Rounding
from gradsheet.backward.truth import errors_of
from gradsheet.network import Network


def kinds_for(network: Network) -> list[Gradients]:
    nodes = ["yhat", "z1"]
    others = [kind(network) for what, kind in KINDS.items() if what != "jacobian"]
    return [*others, *(Jacobian(network, of) for of in nodes)]


def in_floats(asked: Gradients, data: Data, dtype: str) -> dict[str, Any]:
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
            names = {f"{c}{l}": a for l, layer in enumerate(grads, 1) for c, a in zip("Wb", layer, strict=True)}
            answers.append({"L": np.asarray(L), **{name: a for name, a in names.items() if a is not None}})
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


def test_large_numbers_are_not_exact() -> None:
    network = Network((2, 1), (None,), ("identity",), "half_squared_error", "sum", 1)
    for size, exact in ((1.0, True), (3000.0, False), (0.5, False)):
        layer = (manual.Layer(np.full((1, 2), size)),)
        found = Rounding(network, layer, np.full((1, 2), size), np.ones((1, 1)), "float32")
        found.gradients()
        assert found.is_exact == exact
    assert found.shift == 1


@pytest.mark.parametrize(
    ("changes", "shift"),
    [
        ({"reduction": "mean", "examples": 4}, 3),
        ({"reduction": "mean", "examples": 3}, None),
        ({"activations": (("leaky_relu", 0.25),)}, 5),
        ({"activations": (("leaky_relu", 0.01),)}, None),
        ({"activations": ("tanh",)}, None),
        ({"loss": "mean_squared_error", "widths": (2, 4), "reduction": "sum"}, 3),
        ({"loss": "mean_squared_error", "widths": (2, 3), "reduction": "sum"}, None),
    ],
)
def test_the_least_unit(changes: dict[str, Any], shift: int | None) -> None:
    kinds = {"widths": (2, 1), "activations": ("identity",), "loss": "half_squared_error", "reduction": "sum"} | changes
    widths, n = kinds["widths"], kinds.get("examples", 1)
    network = Network(widths, (None,), kinds["activations"], kinds["loss"], kinds["reduction"], n)
    params = (manual.Layer(np.ones(widths[::-1])),)
    found = Rounding(network, params, np.ones((n, widths[0])), np.ones((n, widths[1])), "float32")
    assert found.shift == shift
