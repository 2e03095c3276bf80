"""Losses: one example is written, vmap does the others, and they are added up at
the end.

What "mean" is the mean of, and the conventions, are as `manual.criteria` says it.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ref.activations import relu
from ref.fused import log_sum
from ref.shapes import alike, are_arrays, fit

REDUCTIONS: dict[str, Callable[[jax.Array], jax.Array]] = {
    "mean": jnp.mean,
    "sum": jnp.sum,
    "none": lambda losses: losses,
}


def check_reduction(reduction: str, examples: tuple[int, ...]) -> None:
    """ValueError for a reduction that does not exist, and for the mean of no
    examples; `examples` is the shape of their losses."""
    if reduction not in REDUCTIONS:
        raise ValueError(f"reduction is {reduction!r}, expected one of {', '.join(REDUCTIONS)}")
    if reduction == "mean" and 0 in examples:
        raise ValueError('found no examples, expected at least one for a mean: write "sum"')


def squared_error(
    yhat: jax.Array, y: jax.Array, *, half: bool = True, reduction: str = "mean"
) -> jax.Array:
    """The squares of yhat - y, halved unless `half` is false; yhat and y (N, ...) of
    one shape.

    "mean" is the mean over the examples, the first axis, of the sum over the
    outputs; "sum" adds up the examples, "none" gives them, (N,). ValueError
    for another reduction, and where shapes or types of numbers do not fit.
    Halved it is `loss="half_squared_error"` of `value_and_grad`, and with
    half=False `loss="squared_error"`.

        >>> squared_error(jnp.array([[1.0, 2.0], [3.0, 4.0]]), jnp.zeros((2, 2)))
        Array(7.5, dtype=float32)
    """
    alike(yhat=yhat, y=y)
    check_reduction(reduction, examples(yhat, "yhat"))

    def one(yhat: jax.Array, y: jax.Array) -> jax.Array:
        square = ((yhat - y) ** 2).sum()
        return square / 2 if half else square

    return REDUCTIONS[reduction](jax.vmap(one)(yhat, y))


def huber(yhat: jax.Array, y: jax.Array, *, delta: Any = 1, reduction: str = "mean") -> jax.Array:
    """Half the square of yhat - y up to delta, linear beyond; yhat and y (N, ...) of
    one shape (P. Huber, 1964).

    "mean" is the mean over the examples, the first axis, of the sum over the
    outputs; "sum" adds up the examples, "none" gives them, (N,). ValueError
    for another reduction, for a delta that is not above 0, and where shapes or types
    of numbers do not fit.

        >>> huber(jnp.array([[0.5, 3.0]]), jnp.zeros((1, 2)))
        Array(2.625, dtype=float32)
    """
    alike(yhat=yhat, y=y)
    check_reduction(reduction, examples(yhat, "yhat"))
    if not delta > 0:
        raise ValueError(f"delta is {delta}, expected a number above 0: write delta=1")

    def one(yhat: jax.Array, y: jax.Array) -> jax.Array:
        r = jnp.where(yhat >= y, yhat - y, y - yhat)
        near = r <= delta
        # 0 for what is far inside, too: its square may overflow.
        return jnp.where(near, jnp.where(near, r, 0) ** 2 / 2, delta * (r - delta / 2)).sum()

    return REDUCTIONS[reduction](jax.vmap(one)(yhat, y))


def softmax_cross_entropy(z: jax.Array, y: jax.Array, *, reduction: str = "mean") -> jax.Array:
    """-log softmax(z)_y; z (..., K), and y labels, whole numbers (...,) from 0 to K - 1,
    or probabilities (..., K), one-hot ones too.

    "mean" is the mean over the examples, all axes but the last; "sum" adds them
    up, "none" gives them, (...,). ValueError for another reduction, for a label
    that is no class, and where shapes or types of numbers do not fit; under jit and
    vmap, where no label can be looked at, the loss of one that is no class is NaN.

        >>> softmax_cross_entropy(jnp.array([[0.0, 0.0], [1e4, 0.0]]), jnp.array([0, 1]))
        Array(5000.3467, dtype=float32)
    """
    are_arrays(z=z, y=y)
    check_reduction(reduction, z.shape[:-1])
    if y.ndim == z.ndim - 1:
        right, is_class = choose(y, "y", z, "z")
        y = jnp.where(is_class, right.astype(z.dtype), jnp.nan)
    else:
        classes(z, "z")
        alike(z=z, y=y)

    def one(z: jax.Array, y: jax.Array) -> jax.Array:
        m, log = log_sum(z)
        # 0 log 0 = 0, of a class at -inf; of any other the slope by y is -log p at y = 0, too.
        return -(y * jnp.where((y == 0) & (z == -jnp.inf), 0, z - m - log)).sum()

    return REDUCTIONS[reduction](each_row(one, z, y))


def sigmoid_cross_entropy(z: jax.Array, y: jax.Array, *, reduction: str = "mean") -> jax.Array:
    """-y log s(z) - (1 - y) log s(-z), the binary cross-entropy of logits; z and y
    (N, ...) of one shape, y from 0 to 1.

    "mean" is the mean over the examples, the first axis, of the sum over the
    outputs; "sum" adds up the examples, "none" gives them, (N,). ValueError
    for another reduction, and where shapes or types of numbers do not fit.

        >>> sigmoid_cross_entropy(jnp.array([0.0, 1e4]), jnp.array([1.0, 0.0]))
        Array(5000.3467, dtype=float32)
    """
    alike(z=z, y=y)
    check_reduction(reduction, examples(z, "z"))

    def one(z: jax.Array, y: jax.Array) -> jax.Array:
        # -log s(z) is log(1 + e^-|z|), and -z more where z is below 0; -log s(-z) the other way.
        positive = z >= 0
        more = jnp.where(positive, (1 - y) * z, -y * z)
        return (more + jnp.log1p(jnp.exp(jnp.where(positive, -z, z)))).sum()

    return REDUCTIONS[reduction](jax.vmap(one)(z, y))


def hinge(
    s: jax.Array, labels: jax.Array, *, margin: Any = 1, reduction: str = "mean"
) -> jax.Array:
    """How far the scores of wrong classes come within `margin` of that of the right
    one, summed up; s (..., K), and labels (...,) whole numbers from 0 to K - 1 (J.
    Weston and C. Watkins, 1999).

    "mean" is the mean over the examples, all axes but the last; "sum" adds them
    up, "none" gives them, (...,). ValueError for another reduction, for a label
    that is no class, for a margin below 0, and where shapes or types of numbers do
    not fit; under jit and vmap, where no label can be looked at, the loss of one
    that is no class is NaN.

        >>> hinge(jnp.array([[3.0, 2.5, 0.0]]), jnp.array([0]))
        Array(0.5, dtype=float32)
    """
    are_arrays(s=s, labels=labels)
    check_reduction(reduction, s.shape[:-1])
    if not margin >= 0:
        raise ValueError(
            f"margin is {margin}, expected a number that is not below 0: write margin=1"
        )
    right, is_class = choose(labels, "labels", s, "s")

    def one(s: jax.Array, right: jax.Array, is_class: jax.Array) -> jax.Array:
        s_y = jnp.where(right, s, 0).sum()
        v = jnp.where(right, 0, s - s_y + margin)
        return jnp.where(is_class.all(), relu(v).sum(), jnp.nan)

    return REDUCTIONS[reduction](each_row(one, s, right, is_class))


# Of examples, of rows, of classes


def examples(x: jax.Array, name: str) -> tuple[int, ...]:
    """The shape of the examples of x (N, ...), (N,); ValueError where it has no axis."""
    if not x.ndim:
        raise ValueError(
            f"{name} has the shape (), expected (N, ...), one example a row: write {name}[None]"
        )
    return x.shape[:1]


def each_row(one: Callable[..., jax.Array], *arrays: jax.Array) -> jax.Array:
    """The losses of the rows, (...,), of arrays (..., K)."""
    rows = (array.reshape(-1, array.shape[-1]) for array in arrays)
    return jax.vmap(one)(*rows).reshape(arrays[0].shape[:-1])


def classes(z: jax.Array, name: str) -> int:
    """How many classes there are, K of z (..., K); ValueError where there is none or
    where z is not of floats."""
    alike(**{name: z})
    count = fit(f"{name} (..., K)", **{name: z})["K"]
    if not count:
        raise ValueError(f"{name} has the shape {z.shape}, expected (..., K) with K at least 1")
    return count


def choose(labels: jax.Array, name: str, z: jax.Array, of: str) -> tuple[jax.Array, jax.Array]:
    """Which entries of z (..., K) are those of the labels (...,), as (..., K) of true
    and false, and whether a label is a class, (..., 1); ValueError where the labels
    do not fit."""
    count = classes(z, of)
    if labels.shape != z.shape[:-1]:
        raise ValueError(
            f"{name} has the shape {tuple(labels.shape)}, expected {tuple(z.shape[:-1])}, a label "
            f"for every row of {of}"
        )
    if labels.dtype.kind not in "iu":
        raise ValueError(
            f"{name} has dtype {labels.dtype}, expected labels that are whole numbers: write "
            f"{name}.astype(int)"
        )
    if labels.dtype.itemsize < 4:  # which may not have K
        labels = labels.astype(jnp.int32)
    is_class = (labels >= 0) & (labels < count)
    if not isinstance(is_class, jax.core.Tracer) and not is_class.all():
        outside = np.asarray(labels)[~np.asarray(is_class)]
        raise ValueError(f"{name} has {outside[0]}, expected labels from 0 to {count - 1}")
    each_class = jnp.arange(count, dtype=labels.dtype)
    right = jax.vmap(lambda label: label == each_class)(labels.reshape(-1))
    return right.reshape(z.shape), is_class[..., None]
