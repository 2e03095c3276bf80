"""Mistakes that people make, and the words in which they are told."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gradsheet

X = np.array([[0.3, -1.25, 2.0, 0.75], [1.5, -0.5, -2.25, 0.125], [0.875, 1.75, -0.375, -1.0]])
Y = X[::-1] + 0.5


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def told(f, *args, **rule):
    check = gradsheet.check_vjp(f, *args, **rule)
    assert check.verdict == "wrong", check
    return " | ".join(check.mistakes)


# f, a wrong backward pass, and what is told


def silu(x):
    return jax.nn.silu(x) * 2


def quotient(x, y):
    return x / y


def tanh(x):
    return jnp.tanh(x)


def windows(x):
    return jnp.stack([x[:, :3].sum(1), x[:, 1:].sum(1)], 1)


def overlapping(args, d):
    found = np.zeros_like(args[0])
    found[:, :3] = d[:, :1]
    found[:, 1:] = d[:, 1:]
    return found


BACK = "in what flows back through"
MISTAKES = {
    "of JAX's own function": (
        silu,
        lambda a, d: 2 * d * sigmoid(a[0]),
        "one of the paths back through `return jax.nn.silu(x) * 2`",
    ),
    "another power": (
        quotient,
        lambda a, d: (d / a[1], -d * a[0] / a[1]),
        "the power is -1, not -2, in `return x / y`",
    ),
    "multiplied": (
        quotient,
        lambda a, d: (d * a[1], -d * a[0] / a[1] ** 2),
        f"it is multiplied, not divided, by a factor {BACK} `return x / y`",
    ),
    "as of a sigmoid": (
        tanh,
        lambda a, d: d * np.tanh(a[0]) * (1 - np.tanh(a[0])),
        "h (1 - h), as of the sigmoid, stands for 1 - h^2, the slope of tanh, in what flows back",
    ),
    "assigned": (
        windows,
        overlapping,
        f"what overlaps is assigned, not added up, {BACK} `return jnp.stack([x[:, :3].sum(1)",
    ),
    "a mask": (
        lambda x: jnp.where(x > 0.5, x * x, 0 * x),
        lambda a, d: 2 * d * a[0],
        f"a mask, or a slope of 0, is missing {BACK} `lambda x: jnp.where(",
    ),
    "moved": (
        lambda x: x * x,
        lambda a, d: np.pad(2 * a[0] * d, ((0, 0), (1, 0)))[:, :-1],
        "x: moved by 1 along axis 1",
    ),
    "only of another shape": (
        lambda x: x[0] * 3,
        lambda a, d: np.concatenate([3 * d[None], 0 * a[0][1:]])[None],
        "x: right, but for its shape",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_what_a_mistake_is_called(name: str) -> None:
    f, backward, words = MISTAKES[name]
    args = (X, Y) if f is quotient else (X,)
    assert words in told(f, *args, backward=backward)


def test_a_weight_whose_gradient_is_assigned_in_two_loops() -> None:
    def f(x, gain):
        return x * gain[None, None]

    def backward(args, d):
        x, gain = args
        return d * gain, d[-1, -1] * x[-1, -1]

    words = told(f, np.stack([X, Y]), X[0], backward=backward)
    assert words.split(" | ")[0] == "gain: of the cotangent only the last vector is used"


def test_another_array_of_the_shape() -> None:
    def f(h, W):
        out = jnp.tanh(h @ W)
        return out

    def backward(args, d):
        h, W = args
        out = np.tanh(h @ W)
        d = d * (1 - out * out)
        return d @ W.T, out.T @ d

    words = told(f, X, np.vstack([X, Y[:1]]), backward=backward)
    assert words.startswith("what `out = jnp.tanh(h @ W)` (test_naming.py:")
    assert "gives is in another array's place in what flows back through `out = " in words


def rolled_out(h, W):
    for _ in range(3):
        h = jnp.tanh(h @ W)
    return h


def rolled_out_backward(args, d, *, slope=lambda h: 1 - h * h, is_added=True):
    h, W = args
    kept = [h]
    for _ in range(3):
        kept.append(np.tanh(kept[-1] @ W))
    d_W = np.zeros_like(W)
    for before, after in zip(kept[-2::-1], kept[:0:-1], strict=True):
        d = d * slope(after)
        d_W = before.T @ d + is_added * d_W
        d = d @ W.T
    return d, d_W


def test_in_each_round_of_a_loop() -> None:
    W = np.vstack([X, Y[:1]]) / 2
    assert gradsheet.check_vjp(rolled_out, X, W, backward=rolled_out_backward)
    words = told(
        rolled_out,
        X,
        W,
        backward=lambda args, d: rolled_out_backward(args, d, slope=lambda h: 1 - h),
    )
    assert words.startswith("1 - h stands for 1 - h^2, the slope of tanh, in what flows back")
    words = told(
        rolled_out,
        X,
        W,
        backward=lambda args, d: rolled_out_backward(args, d, is_added=False),
    )
    assert words.startswith("one of the paths back through `h = jnp.tanh(h @ W)` (test_naming.py")


def test_tangents() -> None:
    def f(x, y):
        out = jnp.sin(x) * y
        return out

    def jvp(args, tangents, *, is_whole=True, slope=np.cos):
        (x, y), (t, u) = args, tangents
        return np.sin(x) * y, slope(x) * t * y + is_whole * np.sin(x) * u

    assert gradsheet.check_vjp(f, X, Y, jvp=jvp)
    words = told(f, X, Y, jvp=lambda a, t: jvp(a, t, is_whole=False))
    assert words.split(" | ")[0] == "the tangent of y is left out"
    words = told(f, X, Y, jvp=lambda a, t: jvp(a, t, slope=np.sin))
    assert "sin itself stands in place of its slope, through `out = " in words
