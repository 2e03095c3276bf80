"""Activations and losses by hand beside those of torch, out and gradients.

torch comes with the extra `peers`. Its forms may subtract equal numbers where
those here do not, 1 + erf(z) for one: with numbers up to 3 each of at most 16
operations is off by a unit of the last digit of the largest.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import manual

torch = pytest.importorskip("torch", reason="comes with the extra peers, which is not installed")
F = torch.nn.functional

SHAPE = (4, 3)
LABELS = np.array([0, 2, 1, 2])
FAMILIES: dict[str, tuple[dict[str, Any], Callable[..., Any]]] = {
    "relu": ({}, F.relu),
    "leaky_relu": ({"slope": 0.2}, lambda z: F.leaky_relu(z, 0.2)),
    "sigmoid": ({}, torch.sigmoid),
    "tanh": ({}, torch.tanh),
    "softplus": ({}, F.softplus),
    "silu": ({}, F.silu),
    "gelu": ({"approximate": "tanh"}, lambda z: F.gelu(z, approximate="tanh")),
    "gelu by erf": ({"approximate": "none"}, F.gelu),
    "swiglu": ({}, lambda a, b: F.silu(a) * b),
    "softmax": ({}, lambda z: F.softmax(z, -1)),
    "squared_error": ({}, lambda yhat, y: F.mse_loss(yhat, y, reduction="sum") / 2 / len(y)),
    "huber": (
        {"delta": 0.5},
        lambda yhat, y: F.huber_loss(yhat, y, reduction="sum", delta=0.5) / len(y),
    ),
    "softmax_cross_entropy": ({}, F.cross_entropy),
    "sigmoid_cross_entropy": (
        {},
        lambda z, y: F.binary_cross_entropy_with_logits(z, y, reduction="sum") / len(y),
    ),
    # Theirs is the mean over the classes.
    "hinge": ({}, lambda s, labels: F.multi_margin_loss(s, labels) * s.shape[1]),
}
# What stands behind the first array: a second one that has a gradient, a target, or labels.
SECOND = {
    "swiglu": [True],
    "squared_error": [False],
    "huber": [False],
    "softmax_cross_entropy": [False, None],
    "sigmoid_cross_entropy": [False],
    "hinge": [None],
}


@pytest.mark.parametrize(
    ("name", "moves"), [(name, moves) for name in FAMILIES for moves in SECOND.get(name, ["alone"])]
)
def test_torch_is_the_same(name: str, moves: Any) -> None:
    rng, (settings, theirs) = np.random.default_rng(0), FAMILIES[name]
    arrays: list[Any] = [rng.uniform(-3, 3, SHAPE)]
    if moves != "alone":
        targets = rng.dirichlet(np.ones(3), len(LABELS))
        arrays.append({True: rng.uniform(-3, 3, SHAPE), False: targets, None: LABELS}[moves])
    family = name.split(maxsplit=1)[0]
    out, cache = getattr(manual, f"{family}_forward")(*arrays, **settings)
    seed = np.asarray(rng.uniform(-2, 2, np.shape(out)))
    gradients = getattr(manual, f"{family}_backward")(seed, cache)
    gradients = gradients if isinstance(gradients, tuple) else (gradients,)

    tensors = [torch.tensor(array) for array in arrays]
    leaves = tensors if moves is True else tensors[:1]
    for leaf in leaves:
        leaf.requires_grad_()
    found = theirs(*tensors)
    found.backward(torch.tensor(seed))
    for ours, other in [
        (out, found.detach()),
        *((gradient, leaf.grad) for gradient, leaf in zip(gradients, leaves, strict=False)),
    ]:
        most = 16 * np.finfo(float).eps * max(3, np.abs(ours).max())
        assert np.abs(ours - other.numpy()).max() <= most
