"""What the tests ask of every family, a backward pass by hand beside JAX's own.

A `Case` is a family with the shapes of its arrays and its settings. The
functions take the room by hand, `manual` or a copy of it with a mistake planted
in it, and give a line for everything that is not as it should be:

    unequal      on whole numbers: by hand in floats and on Fractions, and JAX,
                 out and every gradient by `==`; for families in which no
                 exponential, logarithm or root enters
    unlike       on any numbers: by hand in float64 and float32, and JAX, against
                 the same formulas on 60 digits, within what rounding may do
    unlike_in_bfloat16
                 the same of out in bfloat16, by JAX under jit and vmap
    unmoved      on 60 digits: the gradients by hand against how much out moves
                 where one entry of an array does, which knows no rule

`refusals` has what both rooms say of settings that are wrong.
"""

import functools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from types import MappingProxyType, ModuleType, SimpleNamespace
from typing import Any, NamedTuple
from unittest import mock

import flint
import jax
import jax.numpy as jnp
import numpy as np

import manual
import ref
from gradsheet.numbers.ball import Ball

# As they are now: `manual` itself reads a file when it is first asked for it, which may be while
# a copy with a mistake in it stands in its place.
BY_HAND = SimpleNamespace(
    **{
        name: getattr(manual, name)
        for families in manual.FAMILIES.values()
        for family in families
        for name in (f"{family}_forward", f"{family}_backward")
    }
)

DIGITS = 60
HALF_STEP = flint.fmpq(1, 10**25)  # of a nudge: what it leaves out is smaller than its square
NUDGE = 1e-30
# JAX may sum up in another order, and XLA's exponentials are off by up to four units where a
# ball grants one.
OF_JAX = 4


class Case(NamedTuple):
    """A family; its arrays, each a shape to draw or whole numbers as they are
    (labels, a mask, None); how large what is drawn may be; its settings; whether
    it is `rational`, without exponential, logarithm and root; whether it is `slow`,
    seconds to compile, so that JAX has it in float64 only."""

    family: str
    arrays: Sequence[Any]
    settings: Mapping[str, Any] = MappingProxyType({})
    rational: bool = False
    size: float = 3.0
    slow: bool = False

    @property
    def moving(self) -> list[int]:
        """The arrays that there is a gradient by."""
        return [k for k, array in enumerate(self.arrays) if isinstance(array, tuple)]

    def __str__(self) -> str:
        parts = [self.family]
        for name, value in self.settings.items():
            short = f"{value.shape}" if isinstance(value, np.ndarray) else f"{value}"
            parts.append(f"{name}={short}")
        if self.size != self._field_defaults["size"]:
            parts.append(f"size={self.size:g}")
        return "-".join(parts)

    # By identity: what was found of a case is kept for the next room that is held against it.
    def __hash__(self) -> int:
        return id(self)

    def __eq__(self, other: object) -> bool:
        return self is other


Passed = dict[str, Any]  # out and the gradients by their names
Kind = Callable[[Any], Any]
Room = ModuleType | SimpleNamespace  # `manual`, or what it has by the same names


def drawn(case: Case, rng: np.random.Generator, *, whole: bool) -> list[Any]:
    """The arrays in float64, those that are drawn whole numbers or any."""
    arrays: list[Any] = []
    for array in case.arrays:
        if isinstance(array, tuple):
            size = case.size
            array = (
                rng.integers(-size, size + 1, array) if whole else rng.uniform(-size, size, array)
            )
            arrays.append(np.asarray(array, float))
        else:
            arrays.append(None if array is None else np.asarray(array))
    return arrays


def typed(arrays: Sequence[Any], kind: Kind | type) -> list[Any]:
    """The floats among arrays in a type of floats, or as objects."""
    if isinstance(kind, type) and issubclass(kind, np.floating):
        return [a.astype(kind) if a is not None and a.dtype == float else a for a in arrays]
    entries = np.frompyfunc(kind, 1, 1)
    return [
        np.asarray(entries(a), object) if a is not None and a.dtype == float else a for a in arrays
    ]


def outs(out: Any) -> list[Any]:
    """The arrays of what a family gives: one, or a tuple of them."""
    return list(out) if isinstance(out, tuple) else [out]


def by_hand(room: Room, case: Case, arrays: Sequence[Any], seeds: Sequence[Any]) -> Passed:
    """Out, and the gradients for cotangents `seeds` of it."""
    out, cache = getattr(room, f"{case.family}_forward")(*arrays, **case.settings)
    dout = tuple(seeds) if isinstance(out, tuple) else seeds[0]
    gradients = getattr(room, f"{case.family}_backward")(dout, cache)
    gradients = gradients if isinstance(gradients, tuple) else (gradients,)
    assert len(gradients) == len(arrays), f"{len(gradients)} gradients of {len(arrays)} arrays"
    for k, (gradient, array) in enumerate(zip(gradients, arrays, strict=True)):
        wanted = array.shape if k in case.moving else None
        found = None if gradient is None else gradient.shape
        assert found == wanted, f"gradient {k} has the shape {found}, expected {wanted}"
        assert gradient is None or gradient.dtype == array.dtype, f"gradient {k}: {gradient.dtype}"
    return named(case, out, gradients)


def in_jax(case: Case, arrays: Sequence[Any], seeds: Sequence[Any]) -> Passed:
    """The same by JAX, of the forward pass in `ref`."""
    arrays = [None if array is None else jnp.asarray(array) for array in arrays]

    def forward(*moved: Any) -> Any:
        every = list(arrays)
        for k, array in zip(case.moving, moved, strict=True):
            every[k] = array
        return getattr(ref, case.family)(*every, **case.settings)

    out, pull_back = jax.vjp(forward, *(arrays[k] for k in case.moving))
    dout = tuple(map(jnp.asarray, seeds)) if isinstance(out, tuple) else jnp.asarray(seeds[0])
    gradients: list[Any] = [None] * len(arrays)
    for k, gradient in zip(case.moving, pull_back(dout), strict=True):
        gradients[k] = gradient
    return named(case, out, gradients)


def named(case: Case, out: Any, gradients: Sequence[Any]) -> Passed:
    """Every array by its name."""
    names = {f"out{k}": array for k, array in enumerate(outs(out))}
    return names | {f"gradient{k}": gradients[k] for k in case.moving}


def seeds_of(case: Case, rng: np.random.Generator, *, whole: bool) -> list[Any]:
    """Uneven cotangents of out."""
    arrays = drawn(case, np.random.default_rng(0), whole=False)
    out, _ = getattr(BY_HAND, f"{case.family}_forward")(*arrays, **case.settings)
    shapes = [np.shape(array) for array in outs(out)]
    if whole:
        return [np.asarray(rng.integers(1, 6, shape), float) for shape in shapes]
    return [np.asarray(rng.uniform(-2, 2, shape)) for shape in shapes]


@functools.cache
def whole_in_jax(case: Case, seed: int) -> tuple[list[Any], list[Any], Passed]:
    """Arrays and cotangents of whole numbers, and what JAX makes of them."""
    rng = np.random.default_rng(seed)
    arrays, seeds = drawn(case, rng, whole=True), seeds_of(case, rng, whole=True)
    return arrays, seeds, in_jax(case, arrays, seeds)


def unequal(room: Room, case: Case, seed: int = 0) -> Iterator[str]:
    """Where whole numbers do not give the same, by hand and in JAX."""
    arrays, seeds, jax = whole_in_jax(case, seed)
    floats = by_hand(room, case, arrays, seeds)
    exact = by_hand(room, case, typed(arrays, Fraction), typed(seeds, Fraction))
    for name, array in floats.items():
        for other, kind in ((exact[name], "on Fractions"), (jax[name], "in JAX")):
            if not np.array_equal(np.asarray(array), np.asarray(other, float)):
                yield f"{case}: {name} in floats {array.tolist()}, {kind} {other.tolist()}"


def unlike(room: Room, case: Case, seed: int = 0) -> Iterator[str]:
    """Where floats are further off 60 digits than their rounding may be."""
    for name, ratio in ratios(room, case, seed).items():
        if not ratio <= 1:
            yield f"{case}: {name} is off by {ratio:.3g} times what rounding may do"


def _rounding(a: Ball, b: Ball, operation: Any, error: float, size: float | None = None) -> Ball:
    """An operation on balls that is never exact: what happens to be a float need
    not be one in fewer digits."""
    return Ball._rounded(operation(a.value, b.value), error, size)


class Known(NamedTuple):
    """Arrays and cotangents in a type of floats, what JAX makes of them, the same
    formulas on 60 digits, and how far off any room may be in every entry."""

    arrays: list[Any]
    seeds: list[Any]
    jax: Passed | None
    true: Passed
    bounds: Passed


def _tanh(ball: Ball) -> Ball:
    """With the slope there, which is at most 4 e^-2|z|: 1 would be all wrong in
    saturation, where a recurrence multiplies it with the next weights."""
    return ball._through(
        math.tanh, min(1.0, 4 * math.exp(-2 * max(abs(ball.value) - ball.error, 0.0)))
    )


def bounds_of(case: Case, arrays: Sequence[Any], seeds: Sequence[Any], dtype: Any) -> Passed:
    """How far off a pass in a type of floats may be, entry by entry, of arrays in
    float64 that are numbers of that type: by a pass by hand on balls, which carry
    the error of every operation. Theirs is that of float64, relative to which
    that of another type is as large; what is below the normal numbers, XLA takes
    for 0."""
    unit = float(jnp.finfo(dtype).eps) / float(np.finfo(float).eps)
    least = float(jnp.finfo(dtype).smallest_normal)
    with (
        mock.patch.multiple(Ball, _with=_rounding, tanh=_tanh),
        mock.patch("gradsheet.numbers.ball.TINY", least / unit),
    ):
        balls = by_hand(BY_HAND, case, typed(arrays, Ball.of), typed(seeds, Ball.of))
    return {
        name: np.array([unit * ball.error + least for ball in array.flat])
        for name, array in balls.items()
    }


def truth_of(case: Case, arrays: Sequence[Any], seeds: Sequence[Any]) -> Passed:
    """What a pass by hand gives on 60 digits."""
    with flint.ctx.workdps(DIGITS):
        return by_hand(BY_HAND, case, typed(arrays, flint.arb), typed(seeds, flint.arb))


@functools.cache
def known(case: Case, seed: int) -> dict[type, Known]:
    """What `manual` and `ref` say of a case, for every type of floats."""
    rng = np.random.default_rng(seed)
    arrays, seeds = drawn(case, rng, whole=False), seeds_of(case, rng, whole=False)
    found: dict[type, Known] = {}
    for dtype in (np.float64, np.float32):
        a, s = typed(arrays, dtype), typed(seeds, dtype)
        # The same numbers in float64.
        wide = [x.astype(float) if x is not None and x.dtype == dtype else x for x in a]
        exact = wide, [x.astype(float) for x in s]
        in_time = dtype == np.float64 or not case.slow
        by_jax = in_jax(case, a, s) if in_time else None
        true, bounds = truth_of(case, *exact), bounds_of(case, *exact, dtype)
        found[dtype] = Known(a, s, by_jax, true, bounds)
    return found


def ratios(room: Room, case: Case, seed: int = 0) -> dict[str, float]:
    """How far everything is off the truth, against the bound on it."""
    found: dict[str, float] = {}
    for dtype, of in known(case, seed).items():
        for where, passed, times in (
            ("by hand", by_hand(room, case, of.arrays, of.seeds), 1),
            ("in JAX", of.jax, OF_JAX),
        ):
            for name, array in (passed or {}).items():
                ratio = off_by(array, of.true[name], times * of.bounds[name])
                found[f"{name} {where} in {dtype.__name__}"] = ratio
    return found


def off_by(array: Any, true: Any, bounds: Any) -> float:
    """How far an array is off at most, against its bounds; NaN where it has one."""
    entries = zip(np.asarray(array, float).flat, true.flat, bounds, strict=True)
    with flint.ctx.workdps(DIGITS):
        each = [abs(float(flint.arb(float(v)) - t)) / bound for v, t, bound in entries]
    return float(np.max(each, initial=0.0))  # which hands NaN on


def unlike_in_bfloat16(case: Case, seed: int = 0) -> Iterator[str]:
    """Where out in bfloat16, under jit and vmap, is of another type, or further off
    60 digits than rounding may be."""
    arrays = drawn(case, np.random.default_rng(seed), whole=False)
    seeds = seeds_of(case, np.random.default_rng(seed), whole=False)
    coarse = [jnp.asarray(a, jnp.bfloat16) if k in case.moving else a for k, a in enumerate(arrays)]
    exact = [
        np.asarray(c, float) if k in case.moving else a
        for k, (c, a) in enumerate(zip(coarse, arrays, strict=True))
    ]

    @jax.jit
    @jax.vmap
    def forward(moving: Sequence[Any]) -> Any:
        every, rest = list(coarse), iter(moving)
        for k in case.moving:
            every[k] = next(rest)
        every = [None if a is None else jnp.asarray(a) for a in every]
        return outs(getattr(ref, case.family)(*every, **case.settings))

    true, bounds = truth_of(case, exact, seeds), bounds_of(case, exact, seeds, jnp.bfloat16)
    for k, out in enumerate(forward([coarse[k][None] for k in case.moving])):
        if out.dtype != jnp.bfloat16:
            yield f"{case}: out{k} is {out.dtype}"
        ratio = off_by(out[0], true[f"out{k}"], OF_JAX * bounds[f"out{k}"])
        if not ratio <= 1:
            yield f"{case}: out{k} in bfloat16 is off by {ratio:.3g} times what rounding may do"


def refusals(family: str, arrays: Sequence[Any], **settings: Any) -> list[str]:
    """What both rooms say where they raise a ValueError, or nothing."""
    said = []
    for function, kind in (
        (getattr(BY_HAND, f"{family}_forward"), np.asarray),
        (getattr(ref, family), jnp.asarray),
    ):
        try:
            function(*(None if a is None else kind(a) for a in arrays), **settings)
        except ValueError as error:
            said.append(str(error))
    return said


def unmoved(room: Room, case: Case, seed: int = 0) -> Iterator[str]:
    """Where a gradient by hand is not how much out moves with an entry."""
    rng = np.random.default_rng(seed)
    arrays, seeds = drawn(case, rng, whole=False), seeds_of(case, rng, whole=False)
    forward = getattr(room, f"{case.family}_forward")
    with flint.ctx.workdps(2 * DIGITS):
        exact, dout = typed(arrays, flint.arb), typed(seeds, flint.arb)
        gradients = by_hand(room, case, exact, dout)

        def total(k: int, entry: tuple[int, ...], step: Any) -> Any:
            moved = [a.copy() if i == k else a for i, a in enumerate(exact)]
            moved[k][entry] += step
            out, _ = forward(*moved, **case.settings)
            pairs = zip(outs(out), dout, strict=True)
            return sum((o * s).sum() for o, s in pairs)

        for k in case.moving:
            for entry in np.ndindex(exact[k].shape):
                slope = (total(k, entry, HALF_STEP) - total(k, entry, -HALF_STEP)) / (2 * HALF_STEP)
                mine = gradients[f"gradient{k}"][entry]
                if not abs(float(mine - slope)) <= NUDGE * (1 + abs(float(slope))):
                    where = f"{case}: gradient{k}{list(entry)}"
                    yield f"{where} is {float(mine)}, out moves by {float(slope)}"


def faults(room: Room, cases: Sequence[Case], seed: int = 0) -> Iterator[str]:
    """Whatever is not as it should be in some cases: a mistake that gives none,
    nobody would see."""
    for case in cases:
        try:
            if case.rational:
                yield from unequal(room, case, seed)
            yield from unlike(room, case, seed)
            yield from unmoved(room, case, seed)
        except Exception as error:
            yield f"{case}: {type(error).__name__}: {error}"
