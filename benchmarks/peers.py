"""Other people's backward passes, on the same numbers. Those that are installed
take part: pip install -e '.[peers]'

They are not to be slowed down by us: data and parameters are converted once, in
the layout that each wants, and each computes what it computes in its own way.
Where f'(0) is a choice it is 0, as everywhere here.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from competitors import Call, Unable, competitor
from problems import Problem


def torch_data(problem: Problem) -> tuple[Any, Any, Any]:
    """Weights stay (O, I), which is what torch.nn.functional.linear takes."""
    import torch

    # One thread or all is decided before anything is imported; torch keeps a count of its own.
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", torch.get_num_threads())))
    params = [(torch.tensor(W), torch.tensor(b)) for W, b in problem.params]
    return params, torch.tensor(problem.x), torch.tensor(problem.y)


def torch_loss(params: Any, x: Any, y: Any) -> Any:
    from torch.nn import functional

    h = x
    for W, b in params[:-1]:
        h = functional.relu(functional.linear(h, W, b))
    return functional.mse_loss(functional.linear(h, *params[-1]), y, reduction="sum") * (
        0.5 / len(x)
    )


def of_torch(result: Any) -> tuple[Any, Any]:
    """Of (loss, [dW1, db1, dW2, ...])."""
    loss, grads = result
    return loss.detach(), list(zip(grads[::2], grads[1::2], strict=True))


@competitor("torch eager", group="torch", package="torch", read=of_torch)
def torch_eager(problem: Problem) -> Call:
    import torch

    params, x, y = torch_data(problem)
    leaves = [tensor.requires_grad_() for layer in params for tensor in layer]

    def call() -> Any:
        loss = torch_loss(params, x, y)
        # New ones, so that there is nothing to set to 0.
        return loss, torch.autograd.grad(loss, leaves)

    return call


@competitor(
    "torch.compile",
    group="torch.compile",
    package="torch",
    sizes=("H", "H1024", "M", "L"),
    compiles=True,
    read=lambda result: result[::-1],
)
def torch_compile(problem: Problem) -> Call:
    params, x, y = torch_data(problem)
    compiled = compiled_by_torch(torch_loss)
    return lambda: compiled(params, x, y)


def compiled_by_torch(
    loss: Callable[..., Any], by: int | tuple[int, ...] = 0
) -> Callable[..., Any]:
    """The gradients by some arguments, and the loss. What it returns raises Unable where
    torch cannot compile: it needs a C++ compiler."""
    import warnings

    import torch
    import torch._dynamo
    import torch._inductor.config

    warnings.filterwarnings("ignore", "dynamo_pgo force disabled")
    # Or the compile time would be that of an earlier run's program.
    torch._inductor.config.force_disable_caches = True
    # Or it would go on without compiling, and not say so.
    torch._dynamo.config.fail_on_recompile_limit_hit = True
    compiled = torch.compile(torch.func.grad_and_value(loss, by), dynamic=False)

    def call(*arguments: Any) -> Any:
        try:
            return compiled(*arguments)
        except torch._dynamo.exc.TorchDynamoException as error:
            raise Unable(str(error).splitlines()[0]) from None

    return call


def of_scikit_learn(result: Any) -> tuple[Any, Any]:
    loss, d_W, d_b = result
    return loss, [(d.T, b) for d, b in zip(d_W, d_b, strict=True)]


@competitor(
    "scikit-learn",
    group="scikit-learn",
    package="sklearn",
    read=of_scikit_learn,
    loss=lambda problem: problem.x.dtype.type(
        problem.expected["L"] / problem.y.shape[1]
    ),  # rounded once
    note="reports the mean over the outputs as its loss, and is held to that",
)
def scikit_learn(problem: Problem) -> Call:
    """MLPRegressor._backprop, without weight decay. Its gradient is that of a
    sum over the outputs, as ours is."""
    import inspect

    from sklearn.neural_network import MLPRegressor

    params, x, y, _, _ = problem
    estimator = MLPRegressor(alpha=0)
    estimator.out_activation_, estimator.n_layers_ = "identity", 1 + len(params)
    estimator.coefs_, estimator.intercepts_ = (
        [W.T.copy() for W, _ in params],
        [b for _, b in params],
    )
    nodes, empty = [x] + [None] * len(params), [None] * len(params)
    weights = [None] if "sample_weight" in inspect.signature(estimator._backprop).parameters else []
    return lambda: estimator._backprop(x, y, *weights, nodes, [*empty], [*empty], [*empty])


@competitor(
    "HIPS autograd", group="HIPS autograd", package="autograd", sizes=("H", "H1024", "M", "L", "D")
)
def hips(problem: Problem) -> Call:
    import autograd
    import autograd.numpy as anp

    params, x, y, _, _ = problem

    def loss(params: Any) -> Any:
        h = x
        for W, b in params[:-1]:
            z = anp.dot(h, W.T) + b
            h = anp.where(z > 0, z, 0)  # of maximum(z, 0) it would take 1/2 at 0
        W, b = params[-1]
        return anp.sum((anp.dot(h, W.T) + b - y) ** 2) * (0.5 / len(x))

    value_and_grad, params = autograd.value_and_grad(loss), [tuple(layer) for layer in params]
    return lambda: value_and_grad(params)


def of_micrograd(result: Any) -> tuple[Any, Any]:
    import numpy as np

    loss, params = result
    grads = [([[w.grad for w in row] for row in W], [u.grad for u in b]) for W, b in params]
    return np.float64(loss.data), [
        (np.array(d_W, float), np.array(d_b, float)) for d_W, d_b in grads
    ]


@competitor(
    "micrograd",
    group="micrograd",
    package="micrograd",
    sizes=("H",),
    dtype="float64",
    read=of_micrograd,
    note="computes in Python's floats, float64",
)
def micrograd(problem: Problem) -> Call:
    """One number after the other, for one example."""
    from micrograd.engine import Value

    params = [
        ([[Value(w) for w in row] for row in W.tolist()], [Value(u) for u in b.tolist()])
        for W, b in problem.params
    ]
    leaves = [leaf for W, b in params for leaf in (*(w for row in W for w in row), *b)]
    (x,), (y,) = problem.x.tolist(), problem.y.tolist()

    def call() -> Any:
        for leaf in leaves:
            leaf.grad = 0
        h = x
        for l, (W, b) in enumerate(params, 1):
            z = [
                sum((w * v for w, v in zip(row, h, strict=True)), u)
                for row, u in zip(W, b, strict=True)
            ]
            h = [v.relu() for v in z] if l < len(params) else z
        loss = sum((yhat - target) ** 2 for yhat, target in zip(h, y, strict=True)) * 0.5
        loss.backward()
        return loss, params

    return call
