"""What the tests ask of every family, a backward pass by hand beside JAX's own.

A `Case` is a family with the shapes of its arrays and its settings. The
functions take the room by hand, `manual` or a copy of it with a mistake planted
in it, and give a line for everything that is not as it should be:

    unequal      on whole numbers: by hand in floats and on Fractions, and JAX,
                 out and every gradient by `==`; for families in which no
                 exponential, logarithm or root enters
    unlike       on any numbers: by hand in float64 and float32, and JAX, against
                 the same formulas on 60 digits, within what rounding may do
    transformed  in bfloat16, mapped over a stack and compiled: JAX against
                 float64 by hand, by `==` on whole numbers where no exponential,
                 logarithm or root enters, else within what rounding may do
    unmoved      on 60 digits: the gradients by hand against how much out moves
                 where one entry of an array does, which knows no rule
"""

import doctest
import importlib
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

DIGITS = 60
HALF_STEP = flint.fmpq(1, 10**25)  # of a nudge: what it leaves out is smaller than its square
NUDGE = 1e-30
BFLOAT16: Any = jnp.dtype("bfloat16").type
# JAX may sum up in another order, and XLA's exponentials are off by up to four units where a
# ball grants one.
OF_JAX = 4


class Case(NamedTuple):
    """A family; its arrays, each a shape to draw or whole numbers as they are
    (labels, a mask, None); how large what is drawn may be; its settings; whether
    it is `rational`, without exponential, logarithm and root; and functions that
    make of what is drawn for an array, by its place, what it is to be."""

    family: str
    arrays: Sequence[Any]
    settings: Mapping[str, Any] = MappingProxyType({})
    rational: bool = False
    size: float = 3.0
    through: Mapping[int, Callable[[Any], Any]] = MappingProxyType({})

    @property
    def moving(self) -> list[int]:
        """The arrays that there is a gradient by."""
        return [k for k, array in enumerate(self.arrays) if isinstance(array, tuple)]

    def __str__(self) -> str:
        parts = [self.family, *(f"{name}={value}" for name, value in self.settings.items())]
        return "-".join(map(str, parts))


# The families without a mistake: while a copy of `manual` is tried, `manual.conv2d_forward` would
# be imported from the copy.
TRUE: Any = SimpleNamespace(
    **{
        name: getattr(manual, name)
        for families in manual.FAMILIES.values()
        for family in families
        for name in (f"{family}_forward", f"{family}_backward")
    }
)

Passed = dict[str, Any]  # out and the gradients by their names
Kind = Callable[[Any], Any]


def drawn(case: Case, rng: np.random.Generator, *, whole: bool) -> list[Any]:
    """The arrays in float64, those that are drawn whole numbers or any."""
    arrays: list[Any] = []
    for k, array in enumerate(case.arrays):
        if isinstance(array, tuple):
            size = case.size
            array = (
                rng.integers(-size, size + 1, array) if whole else rng.uniform(-size, size, array)
            )
            array = case.through[k](array) if k in case.through else array
            arrays.append(np.asarray(array, float))
        else:
            arrays.append(None if array is None else np.asarray(array))
    return arrays


def typed(arrays: Sequence[Any], kind: Kind | type) -> list[Any]:
    """The floats among arrays in a type of floats, or as objects."""
    if isinstance(kind, type) and issubclass(kind, np.generic):
        return [a.astype(kind) if is_float(a) else a for a in arrays]
    entries = np.frompyfunc(kind, 1, 1)
    return [np.asarray(entries(a), object) if is_float(a) else a for a in arrays]


def is_float(array: Any) -> bool:
    """Whether an array is one of floats, bfloat16 among them."""
    return array is not None and jnp.issubdtype(array.dtype, jnp.floating)


def outs(out: Any) -> list[Any]:
    """The arrays of what a family gives: one, or a tuple of them."""
    return list(out) if isinstance(out, tuple) else [out]


def by_hand(room: ModuleType, case: Case, arrays: Sequence[Any], seeds: Sequence[Any]) -> Passed:
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
    out, gradients = program(case, arrays)([arrays[k] for k in case.moving], [*seeds])
    placed = dict(zip(case.moving, gradients, strict=True))
    return named(case, out, [placed.get(k) for k in range(len(arrays))])


PROGRAMS: dict[str, Any] = {}  # to compile one takes longer than all else that is asked of a case


def program(case: Case, arrays: Sequence[Any]) -> Any:
    """A family and its vector-Jacobian product as JAX compiles it, of the arrays
    that are moved and the cotangents of out; what is not moved stands in it."""
    fixed = {k: a for k, a in enumerate(arrays) if k not in case.moving}
    told = {k: None if a is None else (a.tolist(), str(a.dtype)) for k, a in fixed.items()}
    key = repr((case.family, dict(case.settings), len(arrays), told))

    def pulled_back(moved: list[Any], seeds: list[Any]) -> Any:
        def forward(*moved: Any) -> Any:
            every = {k: None if a is None else jnp.asarray(a) for k, a in fixed.items()}
            every |= dict(zip(case.moving, moved, strict=True))
            return getattr(ref, case.family)(*(every[k] for k in sorted(every)), **case.settings)

        out, pull_back = jax.vjp(forward, *moved)
        return out, pull_back(tuple(seeds) if isinstance(out, tuple) else seeds[0])

    return PROGRAMS.setdefault(key, jax.jit(pulled_back))


def named(case: Case, out: Any, gradients: Sequence[Any]) -> Passed:
    """Every array by its name."""
    names = {f"out{k}": array for k, array in enumerate(outs(out))}
    return names | {f"gradient{k}": gradients[k] for k in case.moving}


def seeds_of(case: Case, rng: np.random.Generator, *, whole: bool) -> list[Any]:
    """Uneven cotangents of out."""
    arrays = drawn(case, np.random.default_rng(0), whole=False)
    out, _ = getattr(TRUE, f"{case.family}_forward")(*arrays, **case.settings)
    shapes = [np.shape(array) for array in outs(out)]
    if whole:
        return [np.asarray(rng.integers(1, 6, shape), float) for shape in shapes]
    return [np.asarray(rng.uniform(-2, 2, shape)) for shape in shapes]


def unequal(room: ModuleType, case: Case, seed: int = 0) -> Iterator[str]:
    """Where whole numbers do not give the same, by hand and in JAX."""
    rng = np.random.default_rng(seed)
    arrays, seeds = drawn(case, rng, whole=True), seeds_of(case, rng, whole=True)
    floats = by_hand(room, case, arrays, seeds)
    exact = by_hand(room, case, typed(arrays, Fraction), typed(seeds, Fraction))
    jax = in_jax(case, arrays, seeds)
    for name, array in floats.items():
        for other, kind in ((exact[name], "on Fractions"), (jax[name], "in JAX")):
            if not np.array_equal(np.asarray(array), np.asarray(other, float)):
                yield f"{case}: {name} in floats {array.tolist()}, {kind} {other.tolist()}"


def unlike(room: ModuleType, case: Case, seed: int = 0) -> Iterator[str]:
    """Where floats are further off 60 digits than their rounding may be."""
    for name, ratio in ratios(room, case, seed).items():
        if not ratio <= 1:
            yield f"{case}: {name} is off by {ratio:.3g} times what rounding may do"


def _rounding(a: Ball, b: Ball, operation: Any, error: float, size: float | None = None) -> Ball:
    """An operation on balls that is never exact: what happens to be a float need
    not be one in fewer digits."""
    return Ball._rounded(operation(a.value, b.value), error, size)


def bounds(case: Case, arrays: Sequence[Any], seeds: Sequence[Any]) -> Passed:
    """How far off each entry may be that float64 makes of arrays and cotangents."""
    with mock.patch.object(Ball, "_with", _rounding):
        balls = by_hand(TRUE, case, typed(arrays, Ball.of), typed(seeds, Ball.of))
    return {name: np.frompyfunc(lambda ball: ball.error, 1, 1)(of) for name, of in balls.items()}


def ratios(room: ModuleType, case: Case, seed: int = 0) -> dict[str, float]:
    """How far everything is off the truth, against the bound on it: that of a
    pass by hand on balls, which carry the error of every operation."""
    rng = np.random.default_rng(seed)
    arrays, seeds = drawn(case, rng, whole=False), seeds_of(case, rng, whole=False)
    errors = bounds(case, arrays, seeds)
    found: dict[str, float] = {}
    for dtype in (np.float64, np.float32):
        # Balls have the error of float64, relative to which that of float32 is as large.
        unit = float(np.finfo(dtype).eps) / float(np.finfo(float).eps)
        least = float(np.finfo(dtype).smallest_subnormal)
        a, s = typed(arrays, dtype), typed(seeds, dtype)
        with flint.ctx.workdps(DIGITS):
            exact = [x.astype(float) if x is not None and x.dtype == dtype else x for x in a]
            true = by_hand(
                TRUE,
                case,
                typed(exact, flint.arb),
                typed([x.astype(float) for x in s], flint.arb),
            )
            for where, passed, times in (
                ("by hand", by_hand(room, case, a, s), 1),
                ("in JAX", in_jax(case, a, s), OF_JAX),
            ):
                for name, array in passed.items():
                    entries = zip(
                        np.asarray(array).flat, true[name].flat, errors[name].flat, strict=True
                    )
                    each = (
                        abs(float(flint.arb(float(v)) - t)) / (times * (unit * error + least))
                        for v, t, error in entries
                    )
                    found[f"{name} {where} in {dtype.__name__}"] = max(each, default=0.0)
    return found


def transformed(case: Case, seed: int = 0) -> Iterator[str]:
    """Where `ref` does not stand being compiled, mapped and differentiated at once
    in bfloat16, whose whole numbers are exact up to 256."""
    rng = np.random.default_rng(seed)
    small = case._replace(size=1.0) if case.rational else case
    each = []
    for _ in range(2):
        arrays = drawn(small, rng, whole=case.rational)
        seeds = seeds_of(case, rng, whole=case.rational)
        each.append((typed(arrays, BFLOAT16), typed(seeds, BFLOAT16)))
    fixed, moving = each[0][0], case.moving
    stacks = [np.stack([arrays[k] for arrays, _ in each]) for k in moving]
    cotangents = [np.stack(parts) for parts in zip(*(seeds for _, seeds in each), strict=True)]
    out, gradients = jax.jit(jax.vmap(program(case, fixed)))(stacks, cotangents)
    of_arrays = dict(zip(moving, gradients, strict=True))
    passed = named(case, out, [of_arrays.get(k) for k in range(len(fixed))])
    unit = OF_JAX * float(jnp.finfo(BFLOAT16).eps) / float(np.finfo(float).eps)
    for n, (arrays, seeds) in enumerate(each):
        a, s = typed(arrays, np.float64), typed(seeds, np.float64)
        true, errors = by_hand(TRUE, case, a, s), bounds(case, a, s)
        for name, array in passed.items():
            most = 0 if case.rational else unit * errors[name]
            off = abs(np.asarray(array[n], float) - true[name])
            if array.dtype != BFLOAT16 or (off > most).any():
                yield f"{case}: {name} is {array[n].tolist()}, in float64 {true[name].tolist()}"


def unmoved(room: ModuleType, case: Case, seed: int = 0) -> Iterator[str]:
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


def faults(room: ModuleType, cases: Sequence[Case]) -> Iterator[str]:
    """Whatever is not as it should be in some cases: a mistake that gives none,
    nobody would see."""
    for case in cases:
        try:
            if case.rational:
                yield from unequal(room, case)
            yield from unlike(room, case)
            yield from unmoved(room, case)
        except Exception as error:
            yield f"{case}: {type(error).__name__}: {error}"


def refused(family: str, *arrays: Any, **settings: Any) -> str:
    """What both rooms say, in the same words, of arrays or settings that do not fit."""
    said = []
    for room, name, kind in ((manual, f"{family}_forward", np.asarray), (ref, family, jnp.asarray)):
        try:
            getattr(room, name)(*(None if a is None else kind(a) for a in arrays), **settings)
        except ValueError as error:
            said.append(str(error))
        else:
            said.append(f"{room.__name__} has nothing against it")
    assert said[0] == said[1], said
    return said[0]


def wrong_examples(file: str) -> Iterator[str]:
    """The examples of a file's docstrings, in either room, that show something else
    than what they give."""
    runner = doctest.DocTestRunner(verbose=False)
    for room in ("manual", "ref"):
        module = importlib.import_module(f"{room}.{file}")
        names = {"np": np, "jnp": jnp, **vars(module)}
        for test in doctest.DocTestFinder().find(module, module.__name__, globs=names):
            said: list[str] = []
            with jax.enable_x64(False):
                runner.run(test, out=said.append)
            yield from said
