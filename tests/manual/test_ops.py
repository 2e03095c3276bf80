"""Every operation and its rule: by hand, against an oracle that knows no rule,
and with a mistake planted in each.

The oracle for what is rational is a nudge: an entry moves by an infinitesimal e
with e^2 = 0, and what out moves by is exact on fractions, so that == is asked
for. For exponentials and what is made of them it is JAX.
"""

import functools
import math
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradsheet.numbers.ball import Ball
from gradsheet.numbers.real import Arithmetic
from manual import activations, ops
from ref.activations import ACTIVATIONS as IN_REF
from tests.rounds import every

half = Fraction(1, 2)
Settings = Mapping[str, Any]
NONE: Settings = MappingProxyType({})


class Hand(NamedTuple):
    """An operation worked out on paper, of one variant: arrays stand here
    without the axis in front."""

    name: str
    arrays: list[Any]
    out: Any
    d_out: Any
    gradients: list[Any]
    settings: Settings = NONE


class Case(NamedTuple):
    """The shapes of what an operation gets, the axis in front included; numbers
    are drawn."""

    name: str
    shapes: list[tuple[int, ...]]
    settings: Settings = NONE


class Kink(NamedTuple):
    """Arrays, without the axis in front, and whether they are at a kink."""

    name: str
    arrays: list[Any]
    at_kink: bool
    settings: Settings = NONE


BY_HAND: list[Hand] = []
CASES: list[Case] = []
KINKS: list[Kink] = []


# add, subtract, multiply, divide: a column and a row stretch to (2, 3)

COLUMN, ROW, SEED = [[2], [4]], [[1, 2, -1]], [[1, 0, 2], [0, 3, 0]]
BY_HAND += [
    Hand("add", [COLUMN, ROW], [[3, 4, 1], [5, 6, 3]], SEED, [[[3], [3]], [[1, 3, 2]]]),
    Hand("subtract", [COLUMN, ROW], [[1, 0, 3], [3, 2, 5]], SEED, [[[3], [3]], [[-1, -3, -2]]]),
    # By the column 1*1 + 2*(-1) and 3*2, by the row 1*2, 3*4 and 2*2.
    Hand("multiply", [COLUMN, ROW], [[2, 4, -2], [4, 8, -4]], SEED, [[[-1], [6]], [[2, 12, 4]]]),
    # By the column 1/1 + 2/(-1) and 3/2, by the row -1*2/1^2, -3*4/2^2 and -2*2/1^2.
    Hand(
        "divide",
        [COLUMN, ROW],
        [[2, 1, -2], [4, 2, -4]],
        SEED,
        [[[-1], [3 * half]], [[-2, -3, -4]]],
    ),
]
for stretching in ("add", "subtract", "multiply", "divide", "maximum", "minimum"):
    CASES += [
        Case(stretching, [(1, 2, 3), (1, 2, 3)]),
        Case(stretching, [(1, 2, 1), (3, 1, 4)]),
        Case(stretching, [(3, 1), (1, 2)]),
        Case(stretching, [(3,), (1,)]),  # numbers
    ]

# negative

BY_HAND += [Hand("negative", [[1, -2]], [-1, 2], [3, 5], [[-3, -5]])]
CASES += [Case("negative", [(3, 2)])]

# power

BY_HAND += [
    # At 0 as well, where 0^-1 is not.
    Hand("power", [[0, 3]], [1, 1], [5, 7], [[0, 0]], {"exponent": 0}),
    Hand("power", [[0, 3]], [0, 3], [5, 7], [[5, 7]], {"exponent": 1}),
    Hand("power", [[0, 3]], [0, 9], [5, 7], [[0, 42]], {"exponent": 2}),
    Hand("power", [[1, -2]], [1, -half], [1, 4], [[-1, -1]], {"exponent": -1}),
    Hand("power", [[0, 3]], [0, 9], [5, 7], [[0, 42]], {"exponent": Fraction(2)}),
]
CASES += [Case("power", [(3, 2)], {"exponent": n}) for n in (0, 1, 2, 5, -1, -3, Fraction(3))]

# function, where it has straight pieces

AROUND_0 = [-2, 0, 3]
BY_HAND += [
    Hand("function", [AROUND_0], out, [5, 7, 11], [slopes], {"name": name})
    for name, out, slopes in (
        ("relu", [0, 0, 3], [0, 0, 11]),
        ("drelu", [0, 0, 1], [0, 0, 0]),
        ("step", [0, 0, 1], [0, 0, 0]),
        ("abs", [2, 0, 3], [-5, 0, 11]),
        ("identity", AROUND_0, [5, 7, 11]),
    )
]
STRAIGHT = ("relu", "drelu", "step", "abs", "identity")
CASES += [Case("function", [(3, 2, 2)], {"name": name}) for name in STRAIGHT]
KINKS += [
    Kink("function", [z], name in KINKED_AT_0 and 0 in z, {"name": name})
    for KINKED_AT_0 in [("relu", "drelu", "step", "abs")]
    for name in (*STRAIGHT, "sigmoid", "dtanh", "exp", "cos")
    for z in (AROUND_0, [-1, 2])
]

# maximum, minimum: the tie at the 2 goes to the first

BY_HAND += [
    Hand("maximum", [COLUMN, ROW], [[2, 2, 2], [4, 4, 4]], SEED, [[[3], [3]], [[0, 0, 0]]]),
    Hand("minimum", [COLUMN, ROW], [[1, 2, -1], [1, 2, -1]], SEED, [[[0], [0]], [[1, 3, 2]]]),
    Hand("maximum", [[2, 2], [2, 3]], [2, 3], [5, 7], [[5, 0], [0, 7]]),
    Hand("minimum", [[2, 3], [2, 2]], [2, 2], [5, 7], [[5, 0], [0, 7]]),
]
KINKS += [
    Kink(name, [COLUMN, row], row == ROW)
    for name in ("maximum", "minimum")
    for row in (ROW, [[1, 3, 5]])
]

# where: (2, 1) against (1, 3) decides, between (1, 3) and a number

BY_HAND += [
    Hand(
        "where",
        [COLUMN, ROW, [[10, 20, 30]], [[7]]],
        out,
        [[1, 2, 3], [4, 5, 6]],
        [None, None, d_a, d_b],
        {"relation": relation},
    )
    for relation, out, d_a, d_b in (
        (">", [[10, 7, 30], [10, 20, 30]], [[5, 5, 9]], [[2]]),
        (">=", [[10, 20, 30], [10, 20, 30]], [[5, 7, 9]], [[0]]),
        ("<", [[7, 7, 7], [7, 7, 7]], [[0, 0, 0]], [[21]]),
        ("<=", [[7, 20, 7], [7, 7, 7]], [[0, 2, 0]], [[19]]),
        ("==", [[7, 20, 7], [7, 7, 7]], [[0, 2, 0]], [[19]]),
    )
]
CASES += [
    Case("where", [(1, 2, 3)] * 4, {"relation": ">"}),
    Case("where", [(1, 2, 1), (3, 1, 3), (1, 1, 1), (1, 2, 3)], {"relation": "<="}),
    Case("where", [(1, 2), (1, 1), (3, 1), (1, 2)], {"relation": "<"}),
]
KINKS += [
    Kink("where", [COLUMN, row, [[1]], [[2]]], row == ROW, {"relation": relation})
    for relation in ops.RELATIONS
    for row in (ROW, [[1, 3, 5]])
]

# matmul

BY_HAND += [
    Hand(
        "matmul",
        [[[1, 2, 0]], [[1, -1], [3, 2], [5, 4]]],
        [[7, 3]],
        [[1, 10]],
        # d_out b^T and a^T d_out
        [[[-9, 23, 45]], [[1, 10], [2, 20], [0, 0]]],
    ),
    # Two rows each with the same matrix, whose gradient adds up.
    Hand(
        "matmul",
        [[[[1, 2]], [[3, -1]]], [[[1], [4]]]],
        [[[9]], [[-1]]],
        [[[1]], [[5]]],
        [[[[1, 4]], [[5, 20]]], [[[16], [-3]]]],
    ),
]
CASES += [
    Case("matmul", [(1, 2, 3), (1, 3, 4)]),
    Case("matmul", [(3, 2, 3), (1, 3, 1)]),
    Case("matmul", [(1, 2, 1, 2, 3), (3, 1, 4, 3, 2)]),
]

# total

BY_HAND += [
    Hand("total", [[[1, 2, 3], [4, 5, 6]]], [6, 15], [7, 8], [[[7] * 3, [8] * 3]], {"axes": (-1,)}),
    Hand("total", [[[1, 2, 3], [4, 5, 6]]], 21, 7, [[[7] * 3] * 2], {"axes": (-1, -2)}),
]
REDUCED = [((1, 2, 3), (-2,)), ((3, 2, 3, 2), (-1, -3)), ((1, 4), (-1,)), ((3, 2), ())]
for over_axes in ("total", "largest", "smallest"):
    CASES += [Case(over_axes, [shape], {"axes": axes}) for shape, axes in REDUCED]

# largest, smallest: of what ties the first, in the order of the array

TIED = [[1, 5, 5], [5, 1, 1]]
BY_HAND += [
    Hand("largest", [TIED], [5, 5], [7, 8], [[[0, 7, 0], [8, 0, 0]]], {"axes": (-1,)}),
    Hand("largest", [TIED], [5, 5, 5], [7, 8, 9], [[[0, 8, 9], [7, 0, 0]]], {"axes": (-2,)}),
    Hand("largest", [TIED], 5, 7, [[[0, 7, 0], [0, 0, 0]]], {"axes": (-1, -2)}),
    Hand("smallest", [TIED], [1, 1], [7, 8], [[[7, 0, 0], [0, 8, 0]]], {"axes": (-1,)}),
    Hand("smallest", [TIED], [1, 1, 1], [7, 8, 9], [[[7, 0, 0], [0, 8, 9]]], {"axes": (-2,)}),
    Hand("smallest", [TIED], 1, 7, [[[7, 0, 0], [0, 0, 0]]], {"axes": (-2, -1)}),
]
KINKS += [
    Kink("largest", [TIED], True, {"axes": (-1,)}),
    Kink("largest", [TIED], False, {"axes": (-2,)}),
    Kink("largest", [TIED], True, {"axes": (-2, -1)}),
    Kink("smallest", [TIED], True, {"axes": (-1,)}),
    Kink("smallest", [[[1, 5, 5], [5, 1, 2]]], False, {"axes": (-1,)}),
]

# transpose, reshape, stretch

THREE_AXES = [[[1, 2, 3]], [[4, 5, 6]]]  # (2, 1, 3)
TURNED = [[[1], [4]], [[2], [5]], [[3], [6]]]  # (3, 2, 1)
BY_HAND += [
    Hand("transpose", [THREE_AXES], TURNED, TURNED, [THREE_AXES], {"order": (2, 0, 1)}),
    Hand("reshape", [[[1, 2], [3, 4], [5, 6]]], [[1, 2, 3], [4, 5, 6]], [[7, 8, 9], [10, 11, 12]],
         [[[7, 8], [9, 10], [11, 12]]], {"shape": (2, 3)}),
    Hand("reshape", [5], [[5]], [[7]], [7], {"shape": (1, 1)}),
    Hand("stretch", [[[1], [2]]], [[1, 1, 1], [2, 2, 2]], [[1, 2, 3], [4, 5, 6]], [[[6], [15]]],
         {"shape": (2, 3)}),
    Hand("stretch", [[1, 2]], [[1, 2], [1, 2]], [[3, 4], [5, 6]], [[8, 10]], {"shape": (2, 2)}),
    Hand("stretch", [5], [[5, 5]], [[1, 2]], [3], {"shape": (1, 2)}),
]  # fmt: skip
CASES += [
    Case("transpose", [(1, 2, 3)], {"order": (1, 0)}),
    Case("transpose", [(3, 2, 1, 4)], {"order": (2, 0, 1)}),
    Case("transpose", [(3, 2)], {"order": (0,)}),
    Case("reshape", [(1, 2, 3)], {"shape": (6,)}),
    Case("reshape", [(3, 1)], {"shape": ()}),
    Case("stretch", [(3, 1, 3)], {"shape": (2, 3)}),
    Case("stretch", [(3,)], {"shape": (2, 2)}),
    Case("stretch", [(1, 2, 1)], {"shape": (3, 2, 2)}),
]

# take: places may come twice, and not at all

AGAIN = np.array([0, 2, 0])
BY_HAND += [
    Hand("take", [[[1, 2], [3, 4], [5, 6]]], [[1, 2], [5, 6], [1, 2]], [[1, 10], [2, 20], [3, 30]],
         [[[4, 40], [0, 0], [2, 20]]], {"index": (AGAIN,)}),
    # Entries [0, 1], [2, 1] and again [0, 1].
    Hand("take", [[[1, 2], [3, 4], [5, 6]]], [2, 6, 2], [1, 2, 3], [[[0, 4], [0, 0], [0, 2]]],
         {"index": (AGAIN, np.array(1))}),
    Hand("take", [[1, 2, 3]], 2, 7, [[0, 7, 0]], {"index": (np.array(1),)}),
]  # fmt: skip
CASES += [
    # The windows of a convolution: (2, 2) places of a (2, 2) kernel on (3, 3).
    Case(
        "take",
        [(3, 3, 3)],
        {
            "index": (
                np.arange(2)[:, None, None, None] + np.arange(2)[:, None],
                np.arange(2)[:, None, None] + np.arange(2),
            )
        },
    ),
    Case("take", [(1, 3, 2)], {"index": (AGAIN,)}),
]

# stack, concat

BY_HAND += [
    Hand("stack", [[1, 2], [3, 4]], [[1, 3], [2, 4]], [[5, 6], [7, 8]], [[5, 7], [6, 8]],
         {"axis": 1}),
    Hand("stack", [1, 2, 3], [1, 2, 3], [4, 5, 6], [4, 5, 6], {"axis": 0}),
    Hand("concat", [[[1], [2]], [[3, 4], [5, 6]]], [[1, 3, 4], [2, 5, 6]], [[1, 2, 3], [4, 5, 6]],
         [[[1], [4]], [[2, 3], [5, 6]]], {"axis": 1}),
]  # fmt: skip
CASES += [
    Case("stack", [(1, 2, 3), (3, 2, 3)], {"axis": axis}) for axis in (0, 1, 2)
] + [
    Case("concat", [(3, 2, 3), (1, 1, 3), (1, 2, 3)], {"axis": 0}),
    Case("concat", [(1, 2, 1), (1, 2, 3)], {"axis": 1}),
    Case("concat", [(1, 2), (3, 1)], {"axis": 0}),
]  # fmt: skip


# The oracle for what is rational


class Dual:
    """value + slope e, with e^2 = 0"""

    def __init__(self, value: Any, slope: Any = Fraction(0)):
        self.value, self.slope = value, slope

    @staticmethod
    def of(other: Any) -> "Dual":
        return other if isinstance(other, Dual) else Dual(Fraction(other))

    def __add__(self, other: Any) -> "Dual":
        that = Dual.of(other)
        return Dual(self.value + that.value, self.slope + that.slope)

    def __mul__(self, other: Any) -> "Dual":
        that = Dual.of(other)
        return Dual(self.value * that.value, self.value * that.slope + self.slope * that.value)

    def __truediv__(self, other: Any) -> "Dual":
        that = Dual.of(other)
        return self * Dual(1 / that.value, -that.slope / that.value**2)

    __radd__, __rmul__ = __add__, __mul__

    def __neg__(self) -> "Dual":
        return self * -1

    def __sub__(self, other: Any) -> "Dual":
        return self + -Dual.of(other)

    def __rtruediv__(self, other: Any) -> "Dual":
        return Dual.of(other) / self

    def __abs__(self) -> "Dual":
        return -self if self < 0 else self

    def __lt__(self, other: Any) -> bool:
        return bool(self.value < Dual.of(other).value)

    def __le__(self, other: Any) -> bool:
        return bool(self.value <= Dual.of(other).value)

    def __gt__(self, other: Any) -> bool:
        return not self <= other

    def __ge__(self, other: Any) -> bool:
        return not self < other


def numbers(*shapes: tuple[int, ...], seed: int = 7) -> list[Any]:
    """Arrays of fractions, no two of which are equal, and none is 0."""
    rng = np.random.default_rng(seed)
    sizes = [math.prod(shape) for shape in shapes]
    sizes_drawn = rng.permutation(np.arange(1, sum(sizes) + 1)) * rng.choice([-1, 1], sum(sizes))
    entries = np.array([Fraction(int(n), 2) for n in sizes_drawn], object)
    parts = np.split(entries, np.cumsum(sizes)[:-1])
    return [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]


def variant(array: Any, v: int) -> Any:
    """One variant of an array, with an axis in front all the same."""
    k = v if len(array) > 1 else 0
    return array[k : k + 1]


def nudged(value: Callable[..., Any], arrays: list[Any], d_out: Any, variants: int) -> list[Any]:
    """The gradient by every array, (V, ...): each entry of each variant is
    nudged, and d_out times what out moves by is added up."""
    gradients = [np.zeros((variants, *a.shape[1:]), object) for a in arrays]
    for v in range(variants):
        of_one = [np.frompyfunc(Dual, 1, 1)(variant(a, v)) for a in arrays]
        for a, gradient in zip(of_one, gradients, strict=True):
            for entry in np.ndindex(a.shape[1:]):
                a[(0, *entry)].slope = Fraction(1)
                out = value(*of_one)
                slopes = [dual.slope for dual in out.ravel()]
                gradient[(v, *entry)] = np.dot(slopes, variant(d_out, v).ravel())
                a[(0, *entry)].slope = Fraction(0)
    return gradients


# What the operations of a copy of `manual` are asked

Room = ModuleType


def same(one: Any, other: Any) -> bool:
    """Whether both are object arrays with the same entries, or both are None."""
    if one is None or other is None:
        return one is other
    return one.dtype == object == other.dtype and one.shape == other.shape and (one == other).all()


def fractions(entries: Any) -> Any:
    """An array of fractions with the axis in front, from lists without it."""
    if entries is None:
        return None
    return np.array(np.frompyfunc(Fraction, 1, 1)(np.array(entries, object)), object)[None]


def of_hand(room: Room, case: Hand) -> Iterator[str]:
    operation = room.OPERATIONS[case.name]
    arrays = [fractions(array) for array in case.arrays]
    out = operation.value(*arrays, **case.settings)
    if not same(out, fractions(case.out)):
        yield f"{case.name} {case.settings} is {out}"
    gradients = operation.backward(fractions(case.d_out), out, *arrays, **case.settings)
    for k, (gradient, right) in enumerate(zip(gradients, case.gradients, strict=True)):
        if not same(gradient, fractions(right)):
            yield f"{case.name} {case.settings} has the gradient {gradient} by array {k}"


def of_case(room: Room, case: Case, seed: int = 7) -> Iterator[str]:
    """The value variant by variant, and the gradients with one cotangent and
    with three."""
    operation = room.OPERATIONS[case.name]
    value = functools.partial(operation.value, **case.settings)
    arrays = numbers(*case.shapes, seed=seed)
    out = value(*arrays)
    alone = [value(*(variant(a, v) for a in arrays)) for v in range(len(out))]
    if not same(out, np.concatenate(alone)):
        yield f"{case} mixes its variants"
    for front in (1, 3):
        (d_out,) = numbers((front, *out.shape[1:]), seed=seed + 1)
        variants = max(front, len(out))
        expected = nudged(value, arrays, d_out, variants)
        gradients = operation.backward(d_out, out, *arrays, **case.settings)
        for a, gradient, right in zip(arrays, gradients, expected, strict=True):
            if gradient is None:  # by what decides, and moves nothing
                gradient = np.zeros(a.shape, object)
            if gradient.shape[1:] != a.shape[1:] or len(gradient) not in (1, variants):
                yield f"{case} has a gradient of shape {gradient.shape}"
            elif not same(gradient + 0 * right, right):
                yield f"{case} has the gradient {gradient}, expected {right}"


def of_kink(room: Room, case: Kink) -> Iterator[str]:
    arrays = [fractions(array) for array in case.arrays]
    if room.at_kink(case.name, *arrays, **case.settings) is not case.at_kink:
        yield f"{case}"
    if case.at_kink and not room.has_kink(case.name, **case.settings):
        yield f"{case} has a kink"


@pytest.mark.parametrize("name", ["add", "power", "matmul", "total"])
def test_what_has_no_kink_for_any_arrays(name: str) -> None:
    assert not ops.has_kink(name)


@pytest.mark.parametrize("name", ["tanh", "exp", "identity"])
def test_which_functions_have_no_kink(name: str) -> None:
    assert not ops.has_kink("function", name=name)


@pytest.mark.parametrize("case", BY_HAND, ids=lambda case: case.name)
def test_values_and_gradients_by_hand(case: Hand) -> None:
    assert list(of_hand(ops, case)) == []


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.name}-{case.shapes}")
def test_rules_are_what_a_nudge_gives(case: Case) -> None:
    assert list(of_case(ops, case)) == []


@pytest.mark.parametrize("case", KINKS, ids=lambda case: f"{case.name}-{case.settings}")
def test_kinks_are_seen(case: Kink) -> None:
    assert list(of_kink(ops, case)) == []


def test_every_operation_is_worked_out_by_hand_and_nudged() -> None:
    curved = {"softmax"}
    assert {case.name for case in BY_HAND} == ops.OPERATIONS.keys() - curved
    assert {case.name for case in CASES} == ops.OPERATIONS.keys() - curved


@st.composite
def stretching(draw: Any) -> Case:
    """An operation on arrays each of whose axes stretches, or does not."""
    name = draw(st.sampled_from(["add", "multiply", "divide", "maximum", "where", "matmul"]))
    shape = draw(st.lists(st.integers(1, 3), max_size=2))
    each = {"where": 4}.get(name, 2)
    shapes = [
        (draw(st.sampled_from([1, 3])), *(draw(st.sampled_from([1, n])) for n in shape))
        for _ in range(each)
    ]
    if name == "matmul":
        rows, inner, columns = (draw(st.integers(1, 3)) for _ in range(3))
        shapes = [(*shapes[0], rows, inner), (*shapes[1], inner, columns)]
    return Case(name, shapes, {"relation": "<"} if name == "where" else {})


@given(stretching(), st.integers(0, 99))
def test_gradients_of_random_shapes_are_what_a_nudge_gives(case: Case, seed: int) -> None:
    assert list(of_case(ops, case, seed)) == []


# Exponentials, and what is made of them


# Where the textbook's slopes lose their digits: tanh at 18, sigmoid at 40.
POINTS = [-40.0, -18.0, -3.5, -1.0, -0.125, 0.5, 1.0, 2.5, 18.0, 40.0]
POSITIVE = [0.0625, 0.5, 1.0, 2.5, 40.0]


def slope_of(name: str) -> Callable[[Any], Any]:
    return jax.vmap(jax.grad(IN_REF[name]))


class Curved(NamedTuple):
    """An operation of one array of floats, (1, n), and the same in JAX, of (n,)."""

    name: str
    z: list[float]
    in_jax: Callable[[Any], Any]
    settings: Settings = NONE


CURVED = {
    **{
        name: Curved("function", POINTS, IN_REF[name], {"name": name})
        for name in ("sigmoid", "tanh", "softplus", "silu")
    },
    **{
        f"d{name}": Curved("function", POINTS, slope_of(name), {"name": f"d{name}"})
        for name in ("sigmoid", "tanh")
    },
    **{
        name: Curved("function", POINTS, getattr(jnp, name), {"name": name})
        for name in ("exp", "sin", "cos")
    },
    **{
        name: Curved("function", POSITIVE, getattr(jnp, name), {"name": name})
        for name in ("log", "sqrt")
    },
    **{
        f"power {r}": Curved(
            "power", POSITIVE, lambda z, r=float(r): z**r, {"exponent": r}
        )
        for r in (half, 3 * half, -half, -5 * half, Fraction(1, 3), Fraction(-4, 3))
    },
    "softmax": Curved("softmax", [0.5, -1.0, 2.0, 1.5], jax.nn.softmax),
    "softmax, saturated": Curved("softmax", [700.0, 699.0, 650.0, -700.0], jax.nn.softmax),
}  # fmt: skip


def seeds(curved: Curved) -> Any:
    """Two cotangents."""
    return np.random.default_rng(3).choice([-2.0, -1, 0.5, 3], (2, len(curved.z)))


@functools.cache
def all_by_jax() -> dict[str, tuple[Any, Any]]:
    """Of every operation the value (n,), and the gradients of two cotangents,
    (2, n); one program."""

    def both(key: str, z: Any, d_out: Any) -> tuple[Any, Any]:
        value, pullback = jax.vjp(CURVED[key].in_jax, z)
        return value, jax.vmap(pullback)(d_out)[0]

    @jax.jit
    def all_of(given: dict[str, Any]) -> Any:
        return {key: both(key, *arrays) for key, arrays in given.items()}

    given = {key: (np.array(curved.z), seeds(curved)) for key, curved in CURVED.items()}
    return jax.tree.map(np.array, all_of(given))


def of_curved(room: Room, key: str, tolerance: float = 1e-12) -> Iterator[str]:
    curved = CURVED[key]
    operation, z = room.OPERATIONS[curved.name], np.array([curved.z])
    value, gradient = all_by_jax()[key]
    out = operation.value(z, **curved.settings)
    if out.shape != z.shape or not np.allclose(out, value, tolerance, 0):
        yield f"{key} is {out}, expected {value}"
    (d_z,) = operation.backward(seeds(curved), out, z, **curved.settings)
    if d_z.shape != gradient.shape or not np.allclose(d_z, gradient, tolerance, 0):
        yield f"{key} has the gradient {d_z}, expected {gradient}"


@pytest.mark.parametrize("key", CURVED)
def test_curved_operations_are_what_jax_gives(key: str) -> None:
    assert list(of_curved(ops, key)) == []


def test_softmax_goes_over_the_last_axis() -> None:
    z = np.log(np.array([[[1.0, 1, 2], [3, 4, 1]]]))
    out = ops.softmax(z)
    np.testing.assert_allclose(out, [[[0.25, 0.25, 0.5], [0.375, 0.5, 0.125]]], 1e-15)
    (d_z,) = ops.softmax_backward(np.array([[[4.0, 0, 0], [0, 8, 0]]]), out, z)
    np.testing.assert_allclose(d_z, [[[0.75, -0.25, -0.5], [-1.5, 2, -0.5]]], 1e-14)


# Number types


def rationals_of(case: Case, convert: Callable[[Any], Any]) -> Iterator[tuple[Any, Any]]:
    """The value and the gradients on fractions, each entry beside that on other
    numbers."""
    operation, arrays = ops.OPERATIONS[case.name], numbers(*case.shapes)
    results = []
    for one in (lambda number: number, convert):
        converted = [np.frompyfunc(one, 1, 1)(a) for a in arrays]
        out = operation.value(*converted, **case.settings)
        (d_out,) = numbers((3, *out.shape[1:]), seed=8)
        d_out = np.frompyfunc(one, 1, 1)(d_out)
        gradients = operation.backward(d_out, out, *converted, **case.settings)
        results.append([out, *(g for g in gradients if g is not None)])
    for exact, other in zip(*results, strict=True):
        assert exact.dtype == other.dtype == object
        yield from zip(exact.ravel(), other.ravel(), strict=True)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.name}-{case.shapes}")
def test_enclosures_of_fractions_stay_exact(case: Case) -> None:
    for exact, real in rationals_of(case, Arithmetic(20)):
        assert real.exact == exact


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.name}-{case.shapes}")
def test_balls_hold_the_truth(case: Case) -> None:
    for exact, ball in rationals_of(case, Ball.of):
        assert abs(Fraction(ball.value) - exact) <= Fraction(ball.error)


HALVES_AND_WAVES = {"sqrt", "sin", "cos", *(f"power {half * n}" for n in (1, 3, -1, -5))}


@pytest.mark.parametrize("key", CURVED.keys() - HALVES_AND_WAVES)
def test_curved_operations_take_enclosures_and_balls(key: str) -> None:
    curved = CURVED[key]
    operation, value_and_gradient = ops.OPERATIONS[curved.name], all_by_jax()[key]
    exactly = Arithmetic(30)
    for one in (lambda number: exactly(Fraction(number)), lambda number: Ball.of(Fraction(number))):
        convert = np.frompyfunc(one, 1, 1)
        z, d_out = convert(np.array([curved.z])), convert(seeds(curved))
        out = operation.value(z, **curved.settings)
        (d_z,) = operation.backward(d_out, out, z, **curved.settings)
        assert out.dtype == d_z.dtype == object
        for array, floats in zip((out[0], d_z), value_and_gradient, strict=True):
            np.testing.assert_allclose(array.astype(float), floats, 1e-12)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.name}-{case.shapes}")
def test_rational_operations_keep_single_precision(case: Case) -> None:
    operation = ops.OPERATIONS[case.name]
    arrays = [a.astype(np.float32) for a in numbers(*case.shapes)]
    out = operation.value(*arrays, **case.settings)
    gradients = operation.backward(out, out, *arrays, **case.settings)
    assert {a.dtype for a in (out, *gradients) if a is not None} == {np.dtype(np.float32)}


@pytest.mark.parametrize("key", CURVED)
def test_curved_operations_keep_single_precision(key: str) -> None:
    curved = CURVED[key]
    operation, z = ops.OPERATIONS[curved.name], np.array([[0.5, 1.5]], np.float32)
    out = operation.value(z, **curved.settings)
    assert out.dtype == operation.backward(out, out, z, **curved.settings)[0].dtype == np.float32


def test_an_enclosure_that_may_be_0_is_asked_whether_it_is() -> None:
    """An exact 0 is a kink, e - e with its mark too, and what no digits tell raises."""
    exactly = Arithmetic(20)
    e, one = exactly(Fraction(1)).exp(), exactly(Fraction(1))
    wide = type(e)(exactly, None, (e - one.exp()).ball)  # about 0, without a mark
    for number, expected in ((one - one, True), (e - one.exp(), True), (e, False)):
        assert ops.at_kink("function", np.array([number], object), name="abs") is expected
    with pytest.raises(Exception, match="cannot be decided with 20 digits"):
        ops.at_kink("function", np.array([wide], object), name="abs")


def test_an_activation_made_known_later_is_a_function_too(monkeypatch: Any) -> None:
    cube = activations.Elementwise(lambda z: z**3, lambda z: 3 * z**2, lambda z: 6 * z)
    monkeypatch.setitem(activations.ACTIVATIONS, "cube", cube)
    z, d_out = fractions([2, -1]), fractions([1, 10])
    for name, out, gradient in (("cube", [8, -1], [12, 30]), ("dcube", [12, 3], [12, -60])):
        assert same(ops.function(z, name=name), fractions(out))
        (d_z,) = ops.function_backward(d_out, fractions(out), z, name=name)
        assert same(d_z, fractions(gradient))


# Mistakes planted in the source: (what stands there, what somebody writes)

PLANTED = [
    # What is stretched
    ("return d.sum(axes, keepdims=True) if axes", "return d[:, :1] if axes"),
    ("for k in range(1, a.ndim) if a.shape[k] !=", "for k in range(a.ndim) if a.shape[k] !="),
    ("return np.where(chosen, d_out, number(d_out, 0))", "return d_out + 0 * chosen"),
    # Entry by entry
    (
        "return _unstretched(d_out, a), _unstretched(d_out, b)",
        "return _unstretched(d_out, a), _unstretched(d_out, a)",
    ),
    ("_unstretched(-d_out, b)", "_unstretched(d_out, b)"),
    ("_unstretched(d_out * b, a)", "_unstretched(d_out * a, a)"),
    ("_unstretched(d_out * a, b)", "_unstretched(d_out, b)"),
    ("d_a = d_out / b\n", "d_a = d_out * b\n"),
    ("_unstretched(-d_a * out, b)", "_unstretched(d_a * out, b)"),
    ("_unstretched(-d_a * out, b)", "_unstretched(-d_a * a, b)"),
    ("return (-d_out,)", "return (d_out,)"),
    ("return (d_out * zero(a),)", "return (d_out * d_identity(a),)"),
    ("(number(a, exponent) * power(a, exponent=exponent - 1))", "power(a, exponent=exponent - 1)"),
    (
        "number(a, exponent) * power(a, exponent=exponent - 1)",
        "number(a, exponent) * power(a, exponent=exponent)",
    ),
    ("return power(np.sqrt(a), exponent=whole)", "return np.sqrt(a)"),
    ("return np.exp(number(a, exponent) * np.log(a))", "return np.exp(np.log(a))"),
    # Functions
    ("Function(d_relu, lambda z, out: zero(z)", "Function(d_relu, lambda z, out: d_identity(z)"),
    ("Function(np.exp, lambda z, out: out)", "Function(np.exp, lambda z, out: z)"),
    ("lambda z, out: 1 / z", "lambda z, out: 1 / out"),
    ("lambda z, out: 1 / (2 * out)", "lambda z, out: 1 / out"),
    ("lambda z, out: d_relu(z) - d_relu(-z)", "lambda z, out: d_relu(z)"),
    ("lambda z, out: d_relu(z) - d_relu(-z)", "lambda z, out: 1 - 2 * d_relu(-z)"),
    ("lambda z, out: np.cos(z)", "lambda z, out: -np.cos(z)"),
    ("lambda z, out: -np.sin(z)", "lambda z, out: np.sin(z)"),
    ("lambda z, out: f.d(z)", "lambda z, out: f.d(out)"),
    ("lambda z, out: f.dd(z)", "lambda z, out: f.d(z)"),
    ("return (d_out * function_named", "return (function_named"),
    # Which one was taken
    ("first = a >= b", "first = a > b"),
    ("first = a >= b", "first = a <= b"),
    ("first = a <= b", "first = a < b"),
    ("first = a <= b", "first = a >= b"),
    ("_where(taken, d_out), _where(~taken, d_out)", "_where(~taken, d_out), _where(taken, d_out)"),
    ("_where(taken, d_out), _where(~taken, d_out)", "_where(taken, d_out), d_out"),
    # Over axes
    (
        "return (out * (d_out - (d_out * out).sum(-1, keepdims=True)),)",
        "return (out * (1 - out) * d_out,)",
    ),
    (
        "return (out * (d_out - (d_out * out).sum(-1, keepdims=True)),)",
        "return (out * (d_out - (d_out * out).sum()),)",
    ),
    ("d_out @ np.swapaxes(b, -1, -2)", "-d_out @ np.swapaxes(b, -1, -2)"),
    ("np.swapaxes(a, -1, -2) @ d_out", "-np.swapaxes(a, -1, -2) @ d_out"),
    ("d_a = np.expand_dims(d_out, axes)", "d_a = np.expand_dims(d_out, axes) / len(axes)"),
    ("_first(a, axes, np.argmax), np", "(a == np.expand_dims(out, axes)), np"),
    ("_first(a, axes, np.argmax)", "_first(a, axes, np.argmin)"),
    ("_first(a, axes, np.argmin), np", "(a == np.expand_dims(out, axes)), np"),
    ("_first(a, axes, np.argmin)", "_first(a, axes, np.argmax)"),
    ("gone = sorted(axis % a.ndim for axis in axes)", "gone = [axis % a.ndim for axis in axes]"),
    # Where entries stand
    ("return (transpose(d_out, order=back),)", "return (transpose(d_out, order=order),)"),
    (
        "return (reshape(d_out, shape=a.shape[1:]),)",
        'return (d_out.reshape(len(d_out), *a.shape[1:], order="F"),)',
    ),
    (
        "return (reshape(_unstretched(d_out, _widened(a, shape)), shape=a.shape[1:]),)",
        "return (np.resize(d_out, (len(d_out), *a.shape[1:])),)",
    ),
    ("np.add.at(d_a, places, d_out)", "d_a[places] = d_out"),
    ("return tuple(np.moveaxis(d_out, axis + 1, 0))", "return tuple(d_out for _ in arrays)"),
    (
        "return tuple(np.moveaxis(d_out, axis + 1, 0))",
        "return tuple(np.moveaxis(d_out, axis + 1, 0)[::-1])",
    ),
    ("return tuple(np.split(d_out, ends[:-1], axis + 1))", "return tuple(np.split(d_out, ends))"),
    # Kinks
    ("kinked = f.dd is zero and f.value is not identity", "kinked = f.dd is zero"),
    ("lambda z, out: zero(z), kinked=True)", "lambda z, out: zero(z))"),
    ("d_relu(z) - d_relu(-z), kinked=True)", "d_relu(z) - d_relu(-z))"),
    ('"minimum", "where", "largest"', '"minimum", "largest"'),
    ("np.asarray(arrays[0] == arrays[1])", "np.asarray(arrays[0] != arrays[1])"),
    (".sum(axes) > 1)", ".sum(axes) > 0)"),
    (".sum(axes) > 1)", ".sum() > 1)"),
]


def disagreements(room: Room) -> Iterator[str]:
    """What the checks above say of the operations, or of a copy of them."""
    for by_hand in BY_HAND:
        yield from of_hand(room, by_hand)
    for kink in KINKS:
        yield from of_kink(room, kink)
    for key in CURVED:
        yield from of_curved(room, key)
    for case in CASES:
        yield from of_case(room, case)


def copy_of_ops(old: str, new: str) -> ModuleType:
    """The operations with one text of their source changed, which has to stand
    there exactly once."""
    source, copy = Path(ops.__file__).read_text(), ModuleType(ops.__name__)
    assert source.count(old) == 1, f"{old!r} stands {source.count(old)} times in manual/ops.py"
    exec(compile(source.replace(old, new), ops.__file__, "exec"), vars(copy))
    return copy


def test_nothing_is_said_of_a_copy_without_a_mistake() -> None:
    assert list(disagreements(copy_of_ops("return a + b", "return b + a"))) == []


@pytest.mark.parametrize(
    ("old", "new"), every(2, PLANTED), ids=lambda text: " ".join(text.split())[:60]
)
def test_a_mistake_in_the_source_is_seen(old: str, new: str) -> None:
    with np.errstate(all="ignore"):
        assert next(disagreements(copy_of_ops(old, new)), None) is not None
