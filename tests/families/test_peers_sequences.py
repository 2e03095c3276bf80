"""Torch's own forward and backward passes beside those by hand, in float64:
dense and recurrent layers, dropout, embedding, attention, a residual block.

Torch comes with the extra `peers`.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

import manual

torch = pytest.importorskip(
    "torch", reason="comes with the extra peers, which is not installed", exc_type=ImportError
)
# A sum of k terms is off by at most k units of the sum of their sizes; none has more than 64 terms
# here, and no number is much above 1.
NEAR = 64 * 8 * np.finfo(float).eps
N, T, D, H = 3, 4, 6, 2


def drawn(*shapes: tuple[int, ...]) -> list[Any]:
    rng = np.random.default_rng(0)
    return [rng.uniform(-1, 1, shape) for shape in shapes]


def compare(
    family: str, arrays: Sequence[Any], theirs: Callable[..., Any], fixed: Sequence[Any] = (), **how
) -> None:
    """Out and the gradients by `arrays`, by hand and by torch's function of them;
    the family gets what is `fixed` behind them."""
    out, cache = getattr(manual, f"{family}_forward")(*arrays, *fixed, **how)
    leaves = [torch.tensor(array, requires_grad=True) for array in arrays]
    in_torch = theirs(*leaves)
    dout = np.random.default_rng(1).uniform(-1, 1, out.shape)
    in_torch.backward(torch.tensor(dout))
    gradients = getattr(manual, f"{family}_backward")(dout, cache)
    gradients = gradients if isinstance(gradients, tuple) else (gradients,)
    assert abs(out - in_torch.detach().numpy()).max() <= NEAR
    for mine, leaf in zip(gradients, leaves, strict=False):
        assert abs(mine - leaf.grad.numpy()).max() <= NEAR


def test_dropout() -> None:
    (x,) = drawn((N, D))
    torch.manual_seed(0)
    mask = (torch.nn.functional.dropout(torch.ones(N, D), 0.25) != 0).numpy()
    assert 0 < mask.sum() < mask.size

    def theirs(x: Any) -> Any:
        torch.manual_seed(0)  # whose mask does not depend on x
        return torch.nn.functional.dropout(x.float(), 0.25).double()

    out, _ = manual.dropout_forward(x, mask, rate=0.25)
    in_torch = theirs(torch.tensor(x)).numpy()
    assert abs(out - in_torch).max() <= 4 * np.finfo(np.float32).eps


def test_embedding() -> None:
    indices = np.array([[1, 4, 1], [0, 1, 3]])
    lookup = torch.nn.functional.embedding
    compare(
        "embedding", drawn((5, 4)), lambda table: lookup(torch.tensor(indices), table), [indices]
    )


@pytest.mark.parametrize(("family", "gates"), [("rnn", 1), ("lstm", 4), ("gru", 3)])
def test_recurrent_layers(family: str, gates: int) -> None:
    """Torch has two biases, of which the second is 0 here: in a GRU that of n stands
    within r * (...)."""
    layer = getattr(torch.nn, family.upper())(D, H, batch_first=True, dtype=torch.float64)
    states = [(N, H)] * (2 if family == "lstm" else 1)

    def theirs(x: Any, *rest: Any) -> Any:
        *first, W, U, b = rest
        state = tuple(h[None] for h in first)
        weights = {
            "weight_ih_l0": W,
            "weight_hh_l0": U,
            "bias_ih_l0": b,
            "bias_hh_l0": torch.zeros_like(b),
        }
        inputs = (x, state if family == "lstm" else state[0])
        return torch.func.functional_call(layer, weights, inputs)[0]

    compare(family, drawn((N, T, D), *states, (gates * H, D), (gates * H, H), (gates * H,)), theirs)


@pytest.mark.parametrize("scale", [None, 0.3])
def test_attention(scale: float | None) -> None:
    mask = np.array([[1, 0, 1, 1, 0], [0, 0, 1, 0, 0], [1, 1, 1, 1, 1]]) == 1

    def theirs(*qkv: Any) -> Any:
        attend = torch.nn.functional.scaled_dot_product_attention
        return attend(*qkv, attn_mask=torch.tensor(mask), scale=scale)

    compare("attention", drawn((N, 3, D), (N, 5, D), (N, 5, 2)), theirs, mask=mask, scale=scale)


def test_multi_head_attention() -> None:
    """Torch's mask is True where nobody may look."""
    mask = np.tri(T, dtype=bool)

    def theirs(x: Any, Wqkv: Any, bqkv: Any, Wo: Any, bo: Any) -> Any:
        layer = torch.nn.MultiheadAttention(D, 3, batch_first=True, dtype=torch.float64)
        weights = {
            "in_proj_weight": Wqkv,
            "in_proj_bias": bqkv,
            "out_proj.weight": Wo,
            "out_proj.bias": bo,
        }
        how = {"attn_mask": torch.tensor(~mask), "need_weights": False}
        return torch.func.functional_call(layer, weights, (x, x, x), how)[0]

    arrays = drawn((N, T, D), (3 * D, D), (3 * D,), (D, D), (D,))
    compare("multi_head_attention", arrays, theirs, heads=3, mask=mask)


def test_rotary() -> None:
    """As Llama's first code has it, with one complex number for a pair."""

    def theirs(x: Any) -> Any:
        rates = 10000.0 ** (-torch.arange(0, D, 2, dtype=torch.float64) / D)
        angles = torch.outer(torch.arange(T, dtype=torch.float64), rates)
        turns = torch.polar(torch.ones_like(angles), angles)
        pairs = torch.view_as_complex(x.reshape(N, T, D // 2, 2))
        return torch.view_as_real(pairs * turns).flatten(-2)

    compare("rotary", drawn((N, T, D)), theirs)


def test_affine() -> None:
    compare("affine", drawn((N, T, D), (H, D), (H,)), torch.nn.functional.linear)


def test_residual_block() -> None:
    def theirs(x: Any, W1: Any, W2: Any) -> Any:
        return x + torch.relu(x @ W1.T) @ W2.T

    compare("residual_block", drawn((N, T, D), (H, D), (D, H)), theirs)
