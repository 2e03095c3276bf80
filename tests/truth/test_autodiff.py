"""JAX's own program on exact numbers: a rule for every operation, written once
for every structure.
"""

import functools
from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from jax.extend.core import jaxpr_as_fun

import manual
from gradsheet.mistakes.layered import point_of
from gradsheet.numbers.real import Arithmetic
from gradsheet.numbers.session import LIBRARY
from gradsheet.truth import autodiff, primitives
from gradsheet.truth.autodiff import Reals
from tests.networks import Problem, stated_problem
from tests.rounds import every
from tests.sheets import NUMBERS, judged


def test_an_operation_without_a_rule_is_named() -> None:
    closed = jax.make_jaxpr(lax.erf)(1.0)
    with pytest.raises(
        autodiff.UnknownOperation,
        match=f"JAX {jax.__version__} has an operation without a rule here",
    ):
        autodiff.run_exactly(closed, [np.asarray(Fraction(1), object)], Reals(Arithmetic(40)))


COMPARISONS = (lax.eq, lax.ne, lax.lt, lax.le, lax.gt, lax.ge)
MOVED = [
    lambda x: jnp.maximum(x, 0.5) - jnp.minimum(x, 2 * x),
    lambda x: abs(x) + jnp.sign(x),
    lambda x: lax.rev(x, (1,)),
    lambda x: lax.pad(x, jnp.asarray(3.0), ((1, 0, 0), (2, 1, 1))),
    lambda x: lax.slice(x, (0, 1), (2, 4), (1, 2)),
    lambda x: jnp.stack([x, 2 * x], 1),
    lambda x: x[jnp.array([1, 0, 1]), jnp.array([[2], [3]])],
    lambda x: x[:, jnp.array([3, 0])],
    lambda x: jax.vmap(lambda row, k: row[k])(x, jnp.array([[3, 3], [0, 2]])),
    lambda x: jax.vmap(lambda k: x[k, 1:])(jnp.array([1, 1, 0])),
    lambda x: jnp.zeros((3, 4)).at[jnp.array([2, 2])].add(x),
    lambda x: x.at[jnp.array([1])].set(x[0]),
    lambda x: x.at[0, jnp.array([7, 1])].add(x[1, :2], mode="drop"),
    lambda x: x.at[0, jnp.array([7, 1])].add(x[1, :2], mode="clip"),
    lambda x: jnp.take(x, jnp.array([0, 9, -9]), 1, mode="clip"),
    lambda x: jnp.take(x, jnp.array([0, 9]), 1, mode="fill", fill_value=2),
    lambda x: lax.dynamic_slice(x, (jnp.array(1), jnp.array(9)), (1, 2)),
    lambda x: lax.dynamic_update_slice(x, 2 * x[:1, :2], (jnp.array(1), jnp.array(-1))),
    lambda x: jnp.einsum("ij,kj->ki", x, 2 * x),
    lambda x: jnp.einsum("ij,ik->ijk", x, x),
    lambda x: jnp.cumsum(x, 1) * jnp.cumprod(x, 0) * lax.cumsum(x, 1, reverse=True),
    lambda x: lax.cummax(x, 1) - lax.cummin(x, 1, reverse=True),
    lambda x: jnp.sort(x, 1) + jnp.sort(x, 0),
    lambda x: lax.sort((jnp.sign(x), x), dimension=1, num_keys=2)[1],
    lambda x: x.reshape(-1)[jnp.argsort(x, axis=None)[2:]],
    lambda x: lax.top_k(x, 2)[0],
    lambda x: jnp.max(x, 1) * jnp.min(x, 0)[2],
    lambda x: x * (jnp.argmax(x, 1) - jnp.argmin(x, 1)).astype(float)[:, None],
    lambda x: jnp.prod(x[:, 1:], 1),
    lambda x: jnp.clip(x, -1, 3) + jnp.where(x > 0, x, 2 * x),
    lambda x: lax.select_n(jnp.array([[2, 1, 0, 1], [0, 0, 1, 2]]), x, 2 * x, -x),
    lambda x: lax.reduce_window(x, -jnp.inf, lax.max, (1, 2), (1, 1), "SAME"),
    lambda x: lax.reduce_window(x, 0.0, lax.add, (2, 2), (1, 2), ((1, 0), (0, 1))),
    lambda x: lax.scan(lambda c, row: (c * row, c + row), x[0], x, reverse=True)[1],
    lambda x: lax.fori_loop(0, 3, lambda k, c: c * x[0, k], x[1]),
    lambda x: lax.cond(x[0, 0] > 0, lambda x: 2 * x, lambda x: x * x, x),
    lambda x: lax.switch(2, [lambda x: x, lambda x: -x, lambda x: x * x], x),
    lambda x: jax.checkpoint(lambda x: x * x)(x),
    lambda x: x * jax.random.randint(jax.random.key(0), (2, 4), 1, 9).astype(float),
    lambda x: x.astype(int).astype(float) * x,
    lambda x: lax.stop_gradient(x) * x,
    lambda x: x * jnp.arange(4.0)[None] / 4,
    lambda x: jnp.dot(x[0], x[1]),
    lambda x: jnp.stack([entry * entry for entry in x[0]]),
]


X = np.array([[1.0, -2.0, 3.5, 0.25], [-0.5, 4.0, -8.0, 16.0]])


@functools.cache
def program(k: int, jacobian):
    """A function and its slopes."""
    return jax.make_jaxpr(lambda x: [MOVED[k](x), jacobian(MOVED[k])(x)])(X)


@functools.cache
def backward_in_jax() -> list[list[jax.Array]]:
    """What the programs in the reverse mode give, compiled together."""
    of_all = [jaxpr_as_fun(program(k, jax.jacrev)) for k in range(len(MOVED))]
    return jax.jit(lambda x: [of(x) for of in of_all])(X)


@pytest.mark.parametrize(
    ("k", "jacobian"),
    [(k, jax.jacrev) for k in range(len(MOVED))]
    + every(9, [(k, jax.jacfwd) for k in range(len(MOVED))]),
)
def test_the_arrays_are_moved_as_jax_moves_them(k: int, jacobian) -> None:
    closed, exact = program(k, jacobian), np.vectorize(Fraction, [object])(X)
    found = autodiff.run_exactly(closed, [exact], Reals(Arithmetic(40)))
    in_jax = backward_in_jax()[k] if jacobian is jax.jacrev else jax.jit(jaxpr_as_fun(closed))(X)
    for mine, theirs in zip(found, in_jax, strict=True):
        assert (mine == np.asarray(theirs)).all()


def test_what_only_counts_is_counted_as_jax_does() -> None:
    least, most = np.iinfo(np.int8).min, np.iinfo(np.int8).max
    a = jnp.asarray([[least, -3, 0], [5, most, most]], jnp.int8)
    b = jnp.asarray([[-1, -3, 7], [2, most, 1]], jnp.int8)

    def counted(a: jax.Array, b: jax.Array) -> list[jax.Array]:
        of_pairs = (lax.add, lax.sub, lax.mul, lax.max, lax.min, *COMPARISONS)
        wide = lax.mul_p.bind(a, b, out_dtype=np.dtype(np.int16))
        two = jnp.asarray(2, jnp.int8)
        return [
            *(of(*pair) for of in of_pairs for pair in ((a, b), (a[1, 1], b[0, 1]))),
            *(of(a > 0, b > 0) for of in (lax.max, lax.min, *COMPARISONS)),
            *(lax.add(a.astype(np.uint8), b.astype(np.uint8)), wide, lax.clamp(-two, a, two)),
            *(lax.reduce_sum(a, axes) for axes in ((1,), (0, 1))),
        ]

    traced = jax.jit(counted).trace(a, b)
    asked = {equation.primitive.name for equation in traced.jaxpr.eqns}
    assert asked >= set(primitives.COUNTS)
    given = [np.asarray(a), np.asarray(b)]
    found = autodiff.run_exactly(traced.jaxpr, given, Reals(Arithmetic(40)))
    for mine, theirs in zip(found, traced.lower().compile()(a, b), strict=True):
        assert mine.dtype == theirs.dtype
        assert (mine == np.asarray(theirs)).all()


def test_programs_are_written_once_for_a_structure() -> None:
    LIBRARY.clear()
    slope = Fraction(1, 4)
    for x in (np.array([[Fraction(-2)]]), np.array([[Fraction(-3)]])):
        problem = Problem(
            (manual.Layer(np.array([[Fraction(1)]])),),
            x,
            np.array([[Fraction(1)]]),
            (("leaky_relu", slope),),
            "squared_error",
            "mean",
        )
        point = point_of(stated_problem(problem), ["L"])
        assert point.derivative("L", (), "W1", ()).item() == 2 * (x.item() * slope - 1) * slope * x
    assert len(LIBRARY.cache("programs of JAX for graphs", 0)) == 1


def test_a_jax_too_new_is_told_and_the_other_two_decide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(autodiff._OF_NUMBERS, "dot_general")
    with pytest.warns(RuntimeWarning, match="the verdicts rest on the other two witnesses"):
        found = judged(NUMBERS, "dL/dW2[2,2]", value="7")
    assert found.verdict == "right"


CONVOLUTIONS = {
    "a stride, one side padded": {"window_strides": (2,), "padding": ((1, 0),)},
    "a wide kernel": {"window_strides": (1,), "padding": "SAME", "rhs_dilation": (2,)},
    "transposed": {"window_strides": (1,), "padding": ((2, 1),), "lhs_dilation": (2,)},
    "groups": {"window_strides": (1,), "padding": "VALID", "feature_group_count": 2},
    "groups of examples": {"window_strides": (1,), "padding": "VALID", "batch_group_count": 2},
}
GIVEN = np.arange(40.0).reshape(2, 4, 5) % 7 - 3, np.arange(96.0).reshape(8, 4, 3) % 5 - 2


@functools.cache
def convolution(name: str):
    """The result, and its gradients for a multiple of it."""
    settings = CONVOLUTIONS[name]

    def both(x: jax.Array, w: jax.Array) -> tuple[jax.Array, ...]:
        w = w[:, :2] if "feature_group_count" in settings else w
        out, pullback = jax.vjp(lambda *xw: lax.conv_general_dilated(*xw, **settings), x, w)
        return out, *pullback(x.reshape(-1)[0] * out)

    return jax.make_jaxpr(both)(*GIVEN)


@functools.cache
def convolved_in_jax() -> dict[str, list[jax.Array]]:
    of_all = {name: jaxpr_as_fun(convolution(name)) for name in CONVOLUTIONS}
    return jax.jit(lambda *xw: {name: of(*xw) for name, of in of_all.items()})(*GIVEN)


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_a_convolution_is_carried_out(name: str) -> None:
    numbers = Reals(Arithmetic(40))
    found = autodiff.run_exactly(convolution(name), [numbers.exact(a) for a in GIVEN], numbers)
    for mine, theirs in zip(found, convolved_in_jax()[name], strict=True):
        assert (mine == np.asarray(theirs)).all()
