"""Convolutions, pooling and normalisation beside PyTorch's own, forward and back.

It comes with the extra `peers`: .venv/bin/python -m pip install -e '.[peers]'
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import manual
from tests.families import test_convolution, test_norm, test_pooling
from tests.family import OF_JAX, Case, by_hand, drawn, named, rounding, seeds_of

torch = pytest.importorskip("torch", reason="comes with the extra peers, which is not installed")
F = torch.nn.functional

# Our arrays and settings, as PyTorch has them.
THEIRS: dict[str, Callable[..., Any]] = {
    "conv1d": F.conv1d,
    "conv2d": F.conv2d,
    "max_pool2d": lambda x, size, **over: F.max_pool2d(x, size, **over),
    "avg_pool2d": lambda x, size, **over: F.avg_pool2d(x, size, **over),
    "adaptive_avg_pool2d": lambda x, size: F.adaptive_avg_pool2d(x, size),
    "batch_norm": lambda x, gamma, beta, eps=1e-5: F.batch_norm(
        x, None, None, gamma, beta, training=True, eps=eps
    ),
    "batch_norm_eval": lambda x, gamma, beta, mean, var, eps=1e-5: F.batch_norm(
        x, mean.detach(), var.detach(), gamma, beta, training=False, eps=eps
    ),
    "layer_norm": lambda x, gamma, beta, eps=1e-5: F.layer_norm(x, gamma.shape, gamma, beta, eps),
    "group_norm": lambda x, gamma, beta, groups, eps=1e-5: F.group_norm(
        x, groups, gamma, beta, eps
    ),
    "rms_norm": lambda x, gamma, eps=1e-5: F.rms_norm(x, gamma.shape, gamma, eps),
}
CASES = [*test_convolution.CASES, *test_pooling.CASES, *test_norm.CASES]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_pytorch_gives_the_same(case: Case) -> None:
    """By `==` on whole numbers where no root enters, ties of the largest among
    them; else as near as rounding in any order may keep it."""
    rng = np.random.default_rng(0)
    arrays = drawn(case, rng, whole=case.rational)
    seeds = seeds_of(case, rng, whole=case.rational)
    theirs = [None if a is None else torch.tensor(a, requires_grad=True) for a in arrays]
    out = THEIRS[case.family](*theirs, **case.settings)
    out.backward(torch.tensor(seeds[0]))
    gradients = [None if a is None or a.grad is None else a.grad.numpy() for a in theirs]
    passed, info = by_hand(manual, case, arrays, seeds), np.finfo(float)
    errors = rounding(case, arrays, seeds, OF_JAX * info.eps, info.tiny)
    for name, array in named(case, out.detach().numpy(), gradients).items():
        if array is None:  # PyTorch has no gradient by statistics that are given
            assert case.family == "batch_norm_eval"
            assert name in ("gradient3", "gradient4")
            continue
        most = 0 if case.rational else errors[name]
        assert (abs(passed[name] - array) <= most).all(), name
