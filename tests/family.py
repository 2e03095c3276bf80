"""What the tests ask of every family, a backward pass by hand beside JAX's own.

A `Case` is a family with the shapes of its arrays and its settings. The
functions take the room by hand, `manual` or a copy of it with a mistake planted
in it, and give a line for everything that is not as it should be:

    unequal      on whole numbers: by hand in floats and on Fractions, and JAX,
                 out and every gradient by `==`; for families in which no
                 exponential, logarithm or root enters
    unlike       on any numbers: by hand in float64 and float32, and JAX, against
                 the same formulas on 60 digits, within what rounding may do
    unmoved      on 60 digits: the gradients by hand against how much out moves
                 where one entry of an array does, which knows no rule, for some
    rough        JAX in bfloat16, behind jit and vmap, within what rounding may do

`agreed` gives what both rooms have at a point where that is a matter of choice,
`refused` the words in which both refuse.
"""

import doctest
import functools
import importlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType, ModuleType, SimpleNamespace
from typing import Any, NamedTuple
from unittest import mock

import flint
import jax
import jax.numpy as jnp
import numpy as np

import manual
import ref
from gradsheet.numbers import ball
from gradsheet.numbers.ball import Ball

DIGITS = 60
HALF_STEP = flint.fmpq(1, 10**25)  # of a nudge: what it leaves out is smaller than its square
NUDGE = 1e-30
NUDGED = 8  # entries of an array at most, others for another seed: by JAX there are all
# JAX may sum up in another order, and XLA's exponentials are off by up to four units where a
# ball grants one.
OF_JAX = 4
# The families as they are. The files of `manual` are read when they are asked for, and behind a
# copy with a mistake in it that would be the file with the mistake.
TRUTH: Any = SimpleNamespace(
    **{
        name: getattr(manual, name)
        for families in manual.FAMILIES.values()
        for family in families
        for name in (f"{family}_forward", f"{family}_backward")
    }
)


class Within(NamedTuple):
    """An array to draw of numbers between two others, probabilities for example."""

    shape: tuple[int, ...]
    least: int
    most: int


class Case(NamedTuple):
    """A family; its arrays, each a shape to draw, a shape and limits (`Within`) or
    whole numbers as they are (labels, a mask, None); how large what is drawn may
    be; its settings; whether it is `rational`, without exponential, logarithm and
    root; functions that make of what is drawn for an array, by its place, what it is
    to be; whether JAX has it in `short` floats, too."""

    family: str
    arrays: Sequence[Any]
    settings: Mapping[str, Any] = MappingProxyType({})
    rational: bool = False
    size: float = 3.0
    through: Mapping[int, Callable[[Any], Any]] = MappingProxyType({})
    short: bool = False

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


def together(cases: Sequence[Case]) -> list[Case]:
    """The cases, for which JAX is asked when one of them is: what is compiled together
    takes half as long."""
    _TOGETHER.update(dict.fromkeys(cases, tuple(cases)))
    return [*cases]


_TOGETHER: dict[Case, tuple[Case, ...]] = {}


Passed = dict[str, Any]  # out and the gradients by their names
Kind = Callable[[Any], Any]
Room = ModuleType | SimpleNamespace


def drawn(case: Case, rng: np.random.Generator, *, whole: bool) -> list[Any]:
    """The arrays in float64, those that are drawn whole numbers or any."""
    arrays: list[Any] = []
    for k, array in enumerate(case.arrays):
        if isinstance(array, tuple):
            limits = array if isinstance(array, Within) else Within(array, -case.size, case.size)
            shape, least, most = limits
            values = (
                rng.integers(least, most + 1, shape) if whole else rng.uniform(least, most, shape)
            )
            values = case.through[k](values) if k in case.through else values
            arrays.append(np.asarray(values, float))
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
    """The arrays of what a family gives: one, which may be a bare number, or a
    tuple of them."""
    return [np.asarray(array) for array in (out if isinstance(out, tuple) else (out,))]


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


def as_it_is(function: Callable[..., Any]) -> Callable[..., Any]:
    return function


def in_jax(
    case: Case,
    arrays: Sequence[Any],
    seeds: Sequence[Any],
    behind: Callable[[Any], Any] = as_it_is,
) -> Passed:
    """The same by JAX, of the forward pass in `ref`, `behind` a transformation."""
    ((out, moved),) = compiled((program(case, behind),))([([*arrays], [*seeds])])
    return named(case, out, dict(zip(case.moving, moved, strict=True)))


@functools.cache
def all_in_jax(cases: tuple[Case, ...], seed: int, *, whole: bool) -> dict[Case, Passed]:
    """The same in float64 for several cases, of which some have one program."""
    given = {case: of_seed(case, seed, whole=whole) for case in cases}

    def key(case: Case) -> Any:
        return program(case), repr([a if a is None else (a.shape, a.dtype) for a in given[case][0]])

    found: dict[Case, Passed] = {}
    every = {key(case): case for case in cases}
    both = compiled(tuple(function for function, _ in every))
    while waiting := [case for case in cases if case not in found]:
        every |= {key(case): case for case in waiting}
        results = both([given[case] for case in every.values()])
        for case, (out, moved) in zip(every.values(), results, strict=True):
            found[case] = named(case, out, dict(zip(case.moving, moved, strict=True)))
    return found


class Settings(dict[str, Any]):
    """Settings that have a hash though there are arrays among them."""

    def __hash__(self) -> int:
        return hash(repr(self))

    def __eq__(self, other: Any) -> bool:
        return repr(self) == repr(other) and all(map(np.array_equal, self.values(), other.values()))


def program(case: Case, behind: Callable[[Any], Any] = as_it_is) -> Callable[..., Any]:
    """Out and the gradients of a case by JAX, of arrays and cotangents."""
    return program_of(case.family, Settings(case.settings), (*case.moving,), behind)


@functools.cache
def program_of(
    family: str, settings: Settings, moving: tuple[int, ...], behind: Callable[[Any], Any]
) -> Callable[..., Any]:
    function = behind(functools.partial(getattr(ref, family), **settings))

    def both(arrays: list[Any], seeds: list[Any]) -> Any:
        def forward(*moved: Any) -> Any:
            every = list(arrays)
            for k, array in zip(moving, moved, strict=True):
                every[k] = array
            return function(*every)

        out, pull_back = jax.vjp(forward, *(arrays[k] for k in moving))
        return out, pull_back(tuple(seeds) if isinstance(out, tuple) else seeds[0])

    return both


@functools.cache
def compiled(programs: tuple[Callable[..., Any], ...]) -> Callable[[Sequence[Any]], Any]:
    """Several programs as one, of the arrays and cotangents of each."""
    return jax.jit(lambda given: [both(*of) for both, of in zip(programs, given, strict=True)])


def named(case: Case, out: Any, gradients: Any) -> Passed:
    """Every array by its name."""
    names = {f"out{k}": array for k, array in enumerate(outs(out))}
    return names | {f"gradient{k}": gradients[k] for k in case.moving}


def seeds_of(case: Case, rng: np.random.Generator, *, whole: bool) -> list[Any]:
    """Uneven cotangents of out."""
    arrays = drawn(case, np.random.default_rng(0), whole=False)
    out, _ = getattr(TRUTH, f"{case.family}_forward")(*arrays, **case.settings)
    shapes = [np.shape(array) for array in outs(out)]
    if whole:
        return [np.asarray(rng.integers(1, 6, shape), float) for shape in shapes]
    return [np.asarray(rng.uniform(-2, 2, shape)) for shape in shapes]


@functools.cache
def of_seed(case: Case, seed: int, *, whole: bool) -> tuple[list[Any], list[Any]]:
    """Arrays, and cotangents of out."""
    rng = np.random.default_rng(seed)
    return drawn(case, rng, whole=whole), seeds_of(case, rng, whole=whole)


def seeded_in_jax(case: Case, seed: int, *, whole: bool) -> Passed:
    """What JAX makes of them, with what it makes of the cases that are compiled together."""
    return all_in_jax(_TOGETHER.get(case, (case,)), seed, whole=whole)[case]


def unequal(room: Room, case: Case, seed: int = 0) -> Iterator[str]:
    """Where whole numbers do not give the same, by hand and in JAX."""
    arrays, seeds = of_seed(case, seed, whole=True)
    jax = seeded_in_jax(case, seed, whole=True)
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
    """Arrays and cotangents in a type of floats, the same formulas on 60 digits, how
    far off a pass by hand may be, and how far JAX is, against what it may be."""

    arrays: list[Any]
    seeds: list[Any]
    true: Passed
    bounds: Passed
    off_in_jax: dict[str, float]


@functools.cache
def known(case: Case, seed: int) -> dict[str, Known]:
    """What is known of a case whatever room is tried, for every type of floats."""
    arrays, seeds = of_seed(case, seed, whole=False)
    found: dict[str, Known] = {}
    for dtype in (np.float64, np.float32):
        info, a, s = np.finfo(dtype), typed(arrays, dtype), typed(seeds, dtype)
        true = on_digits(case, a, s)
        bounds = rounding(case, a, s, info.eps, info.smallest_subnormal)
        jax = {}
        if dtype is np.float64 or case.short:
            of_jax = rounding(case, a, s, OF_JAX * info.eps, info.tiny)
            passed = in_jax(case, a, s) if case.short else seeded_in_jax(case, seed, whole=False)
            jax = off(passed, true, of_jax)
        found[dtype.__name__] = Known(a, s, true, bounds, jax)
    return found


def ratios(room: Room, case: Case, seed: int = 0) -> dict[str, float]:
    """How far everything is off the truth, against the bound on it: that of a
    pass by hand on balls, which carry the error of every operation."""
    found: dict[str, float] = {}
    for dtype, of in known(case, seed).items():
        by_room = off(by_hand(room, case, of.arrays, of.seeds), of.true, of.bounds)
        found |= {f"{name} by hand in {dtype}": ratio for name, ratio in by_room.items()}
        found |= {f"{name} in JAX in {dtype}": ratio for name, ratio in of.off_in_jax.items()}
    return found


def rough(case: Case, seed: int = 0) -> Iterator[str]:
    """Where JAX in bfloat16, behind jit and vmap, is further off 60 digits than
    its rounding may be."""
    rng = np.random.default_rng(seed)
    arrays, seeds = drawn(case, rng, whole=False), seeds_of(case, rng, whole=False)
    info = jnp.finfo(jnp.bfloat16)
    arrays, seeds = in_bfloat16(arrays), in_bfloat16(seeds)
    bounds = rounding(case, arrays, seeds, OF_JAX * info.eps, info.tiny)
    true = on_digits(case, arrays, seeds)
    twice, seeds_twice = (
        [None if a is None else np.stack([a, a]) for a in part] for part in (arrays, seeds)
    )
    passed = in_jax(case, twice, seeds_twice, behind=jax.vmap)
    for name, both in passed.items():
        if both.dtype != info.dtype:
            yield f"{case}: {name} is of {both.dtype}"
        for one in both:
            if not (ratio := off({name: one}, true, bounds)[name]) <= 1:
                yield f"{case}: {name} in bfloat16 is off by {ratio:.3g} times what rounding may do"


def in_bfloat16(arrays: Sequence[Any]) -> list[Any]:
    """The floats among arrays in it."""
    return [a.astype(jnp.bfloat16) if a is not None and a.dtype == float else a for a in arrays]


def off(passed: Passed, true: Passed, bounds: Passed) -> dict[str, float]:
    """How far everything is off the truth, against a bound on that."""
    found = {}
    for name, array in passed.items():
        entries = zip(np.asarray(array).flat, true[name].flat, bounds[name].flat, strict=True)
        each = [abs(float(flint.arb(float(v)) - t)) / bound for v, t, bound in entries]
        found[name] = float(np.max(each, initial=0))  # no number, where one of them is none
    return found


def in_full(arrays: Sequence[Any]) -> list[Any]:
    """Floats of any type as float64; the others as they are."""
    return [a if a is None or a.dtype.kind in "biu" else a.astype(float) for a in arrays]


def on_digits(case: Case, arrays: Sequence[Any], seeds: Sequence[Any]) -> Passed:
    """Out and the gradients of floats on 60 digits."""
    with flint.ctx.workdps(DIGITS):
        return by_hand(
            TRUTH, case, typed(in_full(arrays), flint.arb), typed(in_full(seeds), flint.arb)
        )


def rounding(
    case: Case, arrays: Sequence[Any], seeds: Sequence[Any], eps: float, least: float
) -> Passed:
    """How far out and the gradients by hand may be off in floats, as `errors` has it."""
    arrays, seeds = typed(in_full(arrays), Ball.of), typed(in_full(seeds), Ball.of)
    return errors(lambda: by_hand(TRUTH, case, arrays, seeds), eps, least)


def errors(on_balls: Callable[[], Passed], eps: float, least: float) -> Passed:
    """How far floats may be off that have a step of `eps` above 1, and may have 0
    for what is smaller than `least`, from the same on balls: JAX has 0 for what is
    below the least normal number. Not a number where there is no such bound."""
    times = float(eps) / float(np.finfo(float).eps)  # the errors of balls are those of float64
    least = float(least)
    with (
        mock.patch.object(Ball, "_with", _rounding),
        mock.patch.object(ball, "TINY", least / times),
    ):
        balls = on_balls()

    def bound(number: Any) -> float:
        ball = Ball.of(number)
        return times * ball.error + least if ball.error < np.inf else np.nan

    return {
        name: np.asarray(np.frompyfunc(bound, 1, 1)(array), float) for name, array in balls.items()
    }


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
            return sum(np.sum(o * s) for o, s in pairs)

        for k in case.moving:
            entries = [*np.ndindex(exact[k].shape)]
            step = -(-len(entries) // NUDGED) or 1
            for entry in entries[seed % step :: step]:
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


def agreed(family: str, arrays: Sequence[Any], seeds: Sequence[Any], **settings: Any) -> Passed:
    """What both rooms give, which is the same; arrays of floats have a gradient."""
    arrays = [None if a is None else np.asarray(a) for a in arrays]
    seeds = [np.asarray(seed, float) for seed in seeds]
    shapes = [a.shape if a is not None and a.dtype == float else a for a in arrays]
    case = Case(family, shapes, settings)
    found, expected = by_hand(TRUTH, case, arrays, seeds), in_jax(case, arrays, seeds)
    for name, array in found.items():
        np.testing.assert_array_equal(array, expected[name], err_msg=f"{case}: {name}")
    return found


def refused(family: str, *arrays: Any, **settings: Any) -> str:
    """What both rooms say of arrays or settings that they do not take."""
    said = []
    for function, array in (
        (getattr(TRUTH, f"{family}_forward"), np.asarray),
        (getattr(ref, family), lambda a: jax.device_put(np.asarray(a))),  # compiles nothing
    ):
        try:
            function(*(None if a is None else array(a) for a in arrays), **settings)
        except ValueError as error:
            said.append(str(error))
        else:
            said.append("nothing")
    assert said[0] == said[1] != "nothing"
    return said[0]


def with_mistake(file: str, old: str, new: str) -> ModuleType:
    """A file of `manual` with one text of it changed, which has to stand there
    exactly once; all else is `manual` as it is."""
    source = Path(manual.__file__).parent / f"{file}.py"
    text = source.read_text()
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in manual/{file}.py"
    room = ModuleType(f"manual.{file}")
    exec(compile(text.replace(old, new), source, "exec"), room.__dict__)
    return room


def wrong_examples(room: str, file: str) -> Iterator[str]:
    """The examples of a file's docstrings that show something else than what they give."""
    runner = doctest.DocTestRunner(verbose=False)
    module = importlib.import_module(f"{room}.{file}")
    names = {"np": np, "jnp": jnp, **vars(module)}
    for test in doctest.DocTestFinder().find(module, module.__name__, globs=names):
        said: list[str] = []
        with jax.enable_x64(False):
            runner.run(test, out=said.append)
        yield from said
