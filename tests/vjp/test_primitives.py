"""Operations of JAX's that few functions have: its own derivative is right, and a
little more than it is wrong."""

import functools

import jax
import jax.scipy.special as special
import numpy as np
import pytest
from jax import lax

import gradsheet
from tests.rounds import every

draw = np.random.default_rng(0)
X, Y, P = draw.normal(size=(3, 2)), draw.normal(size=(3, 2)), draw.uniform(0.3, 2, 4)
PART, PLACES = draw.uniform(0.1, 0.9, 4), np.array([2, 0, 2])


def halved(x):
    """A loop of which each row takes its own number of steps."""
    return jax.vmap(lambda row: lax.while_loop(lambda r: abs(r).sum() > 1, lambda r: r / 2, row))(x)


FUNCTIONS = {
    "i0": (special.i0, X),
    "i0e": (special.i0e, X),
    "i1e": (special.i1e, X),
    "gammaln": (special.gammaln, P),
    "digamma": (special.digamma, P),
    "polygamma": (lambda x: special.polygamma(1, x), P),
    "erfinv": (special.erfinv, PART),
    "betainc": (lambda x: special.betainc(2.0, 3.0, x), PART),
    "gammainc": (lambda x: special.gammainc(2.0, x), P),
    "gammaincc": (lambda x: special.gammaincc(2.0, x), P),
    "cumlogsumexp": (lax.cumlogsumexp, X),
    "scatter-max": (lambda x, y: x.at[PLACES].max(y), X, Y),
    "scatter-min": (lambda x, y: x.at[PLACES].min(y), X, Y),
    "scatter-mul": (lambda x: x.at[0].divide(3.0), X),
    "normal": (lambda x: x * jax.random.normal(jax.random.key(0), (3, 2)), X),
    "while": (halved, X),
    "product of vectors": (lambda x: (x @ x) ** 2, P),
}


@functools.cache
def by_jax(f):
    """JAX's own derivative times a factor; where there is a loop it has tangents alone."""

    @jax.jit
    def backward(args, d, factor):
        return [factor * g for g in jax.vjp(f, *args)[1](d)]

    @jax.jit
    def jvp(args, tangents, factor):
        out, pushed = jax.jvp(f, tuple(args), tuple(tangents))
        return out, factor * pushed

    return ("jvp", jvp) if f is halved else ("backward", backward)


@pytest.mark.parametrize(
    ("name", "factor", "verdict"),
    [(name, 1.0, "right") for name in FUNCTIONS]
    + every(3, [(name, 1.001, "wrong") for name in FUNCTIONS]),
)
def test_of_single_operations(name: str, factor: float, verdict: str) -> None:
    f, *args = FUNCTIONS[name]
    kind, rule = by_jax(f)

    def times_factor(*given):
        with jax.enable_x64(True):
            return rule(*given, factor)

    check = gradsheet.check_vjp(f, *args, **{kind: times_factor})
    assert check.verdict == verdict, check
