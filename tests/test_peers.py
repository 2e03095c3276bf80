"""Real backward passes of other projects, checked: they pass, or what they do
differently is named.

The packages come with the extra `peers`: .venv/bin/python -m pip install -e
'.[peers]'
"""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gradsheet

WHY = "comes with the extra peers, which is not installed"
RELU = ("relu", "relu", "identity")


# scikit-learn: the backpropagation inside MLPRegressor and MLPClassifier


def scikit_learn(name: str, activation: str, output: str) -> Callable[..., Any]:
    networks = pytest.importorskip("sklearn.neural_network", reason=WHY)
    estimator = getattr(networks, name)(activation=activation, alpha=0)
    estimator.out_activation_ = output
    backprop = estimator._backprop

    def fn(params: Any, x: Any, y: Any) -> Any:
        estimator.coefs_, estimator.intercepts_ = (
            [W.T.copy() for W, _ in params],
            [b.copy() for _, b in params],
        )
        estimator.n_layers_ = 1 + len(params)
        nodes = [x, *(np.empty((len(x), len(b))) for _, b in params)]
        deltas = [np.empty_like(node) for node in nodes[1:]]
        grads = (
            [np.empty_like(W) for W in estimator.coefs_],
            [np.empty_like(b) for b in estimator.intercepts_],
        )
        weights = [None] if "sample_weight" in inspect.signature(backprop).parameters else []
        loss, *found = backprop(x, y, *weights, nodes, deltas, *grads)
        return loss, found

    return fn


@pytest.mark.parametrize(
    ("theirs", "ours"), [("relu", "relu"), ("tanh", "tanh"), ("logistic", "sigmoid")]
)
def test_scikit_learns_classifier_is_right(theirs, ours):
    for output, loss in (("softmax", "cross_entropy"), ("logistic", "binary_cross_entropy")):
        fn = scikit_learn("MLPClassifier", theirs, output)
        last = "sigmoid" if output == "logistic" else output
        found = gradsheet.check(fn, activations=(ours, ours, last), loss=loss)
        assert found.right, found
        assert "all dW, then all db; dW as (inputs, units)" in "; ".join(found.assumed)


def test_scikit_learns_regressor_has_the_gradient_of_another_loss_than_it_reports():
    """The gradient is that of a sum over the outputs, the loss is their mean.
    With one output they are the same."""
    fn = scikit_learn("MLPRegressor", "relu", "identity")
    assert gradsheet.check(fn, (4, 5, 3, 1)).right
    found = gradsheet.check(fn)
    assert [row.name for row in found.rows if not row.is_right] == ["L"]
    assert found.rows[0].where.endswith("0.5 times the truth")
    as_reported = gradsheet.check(fn, loss="mean_squared_error")
    assert not as_reported.right


# torch: autograd, and functions with a backward of their own


def test_torchs_autograd_is_right():
    torch = pytest.importorskip("torch", reason=WHY)

    def fn(params, x, y):
        leaves = [tensor.requires_grad_() for layer in params for tensor in layer]
        h = x
        for l, (W, b) in enumerate(params, 1):
            z = torch.nn.functional.linear(h, W, b)
            h = torch.relu(z) if l < len(params) else z
        loss = torch.nn.functional.mse_loss(h, y)
        loss.backward()
        return loss, [leaf.grad for leaf in leaves]

    for dtype in ("float32", "float64"):
        found = gradsheet.check(fn, loss="mean_squared_error", dtype=dtype, array=torch.tensor)
        assert found.right, found
        assert {row.exact for row in found.rows} == {"yes"}
        assert found.kink.where == "relu'(0) = 0"


def torch_layer(torch: Any, slope: Callable[[Any, Any], Any]) -> Any:
    class Tanh(torch.autograd.Function):
        @staticmethod
        def forward(ctx, z):
            h = torch.tanh(z)
            ctx.save_for_backward(z, h)
            return h

        @staticmethod
        def backward(ctx, d_h):
            return d_h * slope(*ctx.saved_tensors)

    def fn(params, x, y):
        leaves = [tensor.requires_grad_() for layer in params for tensor in layer]
        h = x
        for l, (W, b) in enumerate(params, 1):
            z = h @ W.T + b
            h = Tanh.apply(z) if l < len(params) else z
        (((h - y) ** 2).sum() / 2 / len(x)).backward()
        return [leaf.grad for leaf in leaves]

    return fn


def test_a_torch_function_with_a_backward_of_its_own():
    torch = pytest.importorskip("torch", reason=WHY)
    options = {"activations": ("tanh", "tanh", "identity"), "array": torch.tensor}
    assert gradsheet.check(torch_layer(torch, lambda z, h: 1 - h * h), **options).right
    found = gradsheet.check(torch_layer(torch, lambda z, h: 1 - z * z), **options)
    assert found.first == "dL/dz2"
    assert found.mistakes == [("slope-of-z",)]


# HIPS autograd


def hips(relu: Callable[[Any], Any]) -> Callable[..., Any]:
    autograd = pytest.importorskip("autograd", reason=WHY)

    def loss(params, x, y):
        (W1, b1), (W2, b2), (W3, b3) = params
        yhat = relu(relu(x @ W1.T + b1) @ W2.T + b2) @ W3.T + b3
        return ((yhat - y) ** 2).sum() / 2 / len(x)

    return autograd.grad(loss)


def test_hips_autograd_is_right_and_takes_a_half_at_the_kink():
    anp = pytest.importorskip("autograd.numpy", reason=WHY)
    found = gradsheet.check(hips(lambda z: anp.maximum(z, 0)))
    assert found.right, found
    assert found.kink.where == "relu'(0) = 0.5"
    strict = gradsheet.check(hips(lambda z: anp.maximum(z, 0)), at_zero=0)
    assert not strict.right
    assert "relu'(0) in layer 1 is 0.5, expected 0" in str(strict)
    assert gradsheet.check(hips(lambda z: anp.where(z > 0, z, 0)), at_zero=0).right


def test_hips_autograd_with_tanh():
    anp = pytest.importorskip("autograd.numpy", reason=WHY)
    found = gradsheet.check(hips(anp.tanh), activations=("tanh", "tanh", "identity"))
    assert found.right, found


# Real data


def digits() -> tuple[Any, Any]:
    """All 1,797 of scikit-learn's handwritten digits, 8 by 8, and which digit each is."""
    data = pytest.importorskip("sklearn.datasets", reason=WHY).load_digits()
    return data.data / 16, np.eye(10)[data.target]


def test_a_real_net_on_all_digits():
    import manual

    x, y = digits()
    activations = ("relu", "relu", "softmax")
    rng = np.random.default_rng(0)
    params = [
        (rng.normal(0, (2 / i) ** 0.5, (o, i)), np.zeros(o))
        for i, o in ((64, 128), (128, 64), (64, 10))
    ]

    def right(params, x, y):
        return manual.value_and_grad(params, x, y, activations, loss="cross_entropy")

    for _ in range(30):  # it learns
        _, grads = right(params, x, y)
        params = [
            (W - 0.5 * dW, b - 0.5 * db) for (W, b), (dW, db) in zip(params, grads, strict=True)
        ]
    accuracy = (manual.forward(params, x, activations).h[-1].argmax(1) == y.argmax(1)).mean()
    assert accuracy > 0.8

    data = {"params": params, "x": x, "y": y, "activations": activations, "loss": "cross_entropy"}
    for dtype in ("float32", "float64"):
        found = gradsheet.check(right, dtype=dtype, **data)
        assert found.right, found
        assert "24 entries to 40 digits" in found.tried

    def too_large(params, x, y):
        L, grads = right(params, x, y)
        return L, [(1.001 * dW, db) for dW, db in grads]

    found = gradsheet.check(too_large, dtype="float32", **data)
    assert found.verdict == "untold", "in the worst case float32 is off by more"
    assert 'too coarse to tell: dtype="float64" may tell' in " ".join(str(found).split())
    assert gradsheet.check(too_large, **data).verdict == "wrong"

    def wrong(params, x, y):
        L, ((dW1, db1), *others) = right(params, x, y)
        return L, [(dW1, db1 / len(x)), *others]

    found = gradsheet.check(wrong, **data)
    assert [row.name for row in found.rows if not row.is_right] == ["dL/db1"]
    assert found.mistakes == [("bias-mean",)]
