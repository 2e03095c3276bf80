"""What is right at a probe: JAX's program of the derivative, held against a
witness that needs no rule of a derivative, or none of the same.

A small function is carried out on balls, and moved by an infinitesimal: f
itself at x and at x + h v, h = 2^-256, v whole numbers,

    sum of d_out * (f(x + h v) - f(x)) / h  =  sum of v * d_x,  up to h.

A large one is carried out on floats with their errors, and JAX's tangents, by
other rules, take the place of the difference. Where the two sides differ nobody
is believed. Where an infinitesimal step changes what f compares, x is at a kink:
there any gradient between those on its sides is one.
"""

import contextlib
import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from flint import arb

from gradsheet.checking.rounding import BITS as SIGNIFICAND
from gradsheet.checking.rounding import TINY
from gradsheet.numbers.enclosures import at
from gradsheet.truth.autodiff import Arrays, run_exactly
from gradsheet.vjp.balls import (
    BITS,
    Balls,
    Decided,
    Deciding,
    Outcomes,
    RoundedBalls,
    ball,
    balls,
    run,
)
from gradsheet.vjp.enclosed import BoundedFloats, Enclosed, InBalls, overlap
from gradsheet.vjp.kinks import line_at
from gradsheet.vjp.program import Traced, exactly
from gradsheet.vjp.wide import Wide, error, value
from manual.activations import Array

NUDGED = 4 * BITS  # bits that are kept where a step of 2^-BITS is to be seen
AGREED = 2.0**-100  # of the sizes of what is added up: nobody rounds so coarsely
SECOND_ORDER = 2.0**-200  # what a step makes beside: where the gradient is 0, there is nothing else
SIDES = 3  # directions, drawn by chance, in which the neighbourhood of a kink is looked at
MOST_IN_BALLS = 50_000  # operations of a program
LARGE_STEP = 2.0**-30  # in floats
APART = 2.0**-20  # farther than such a step explains
SEEN = 2  # steps by which it is told where a kink is: along a ramp, there and back


class Disagreement(ValueError):
    """The witnesses do not agree: no one is believed."""


class NoTruth(ValueError):
    """At a probe some number is not finite, or not known."""


@dataclass(frozen=True, eq=False)
class Probe:
    """What f is called with: the arrays of its arguments, and cotangents of its
    results, or tangents; where they come from, in words."""

    inputs: Sequence[Array]
    directions: Sequence[Array]
    words: str


@dataclass(frozen=True, eq=False)
class Bounds:
    """What floats of a type make of the results of f, and of the arrays asked
    for; whether they may decide a comparison in another way."""

    outputs: list[Enclosed]
    asked: list[Enclosed]
    unsure: bool


@dataclass(frozen=True, eq=False)
class ProbeTruth:
    """The right arrays at a probe; whether it stands at a kink. `closed` is the
    program that gives them, the pullback or the pushforward, carried out on
    `numbers`."""

    program: Traced
    closed: Any
    probe: Probe
    asked: list[Enclosed]
    at_kink: bool
    numbers: Deciding
    _sides: dict[frozenset[str], list[list[Array]]] = field(default_factory=dict, init=False)
    _differs: dict[frozenset[str], list[Array]] = field(default_factory=dict, init=False)

    @property
    def in_balls(self) -> bool:
        """Whether it was carried out on balls."""
        return isinstance(self.numbers, Balls)

    @property
    def decisions(self) -> list[Array]:
        """How comparisons came out."""
        return self.numbers.decisions

    @cached_property
    def given(self) -> list[Array]:
        """What the program is given, as balls."""
        return _given(self.probe)

    def floats(self, dtype: str) -> Bounds:
        """What floats of a type may make of it."""
        count = len(self.program.outputs)
        if self.in_balls:
            held, unsure = self._floats(dtype, held=True)
            if not all(array.is_exact for array in held):
                loose, unsure = self._floats(dtype, held=False)
                held = [a if a.is_exact else b for a, b in zip(held, loose, strict=True)]
            return Bounds(held[:count], held[count:], unsure)
        wide, found = _in_floats(self.closed, self.probe, dtype)
        return Bounds(found[:count], found[count:], bool(wide.unsure))

    def _floats(self, dtype: str, *, held: bool) -> tuple[list[Enclosed], bool]:
        floats = RoundedBalls(SIGNIFICAND[dtype], TINY[dtype], self.decisions)
        given = [floats.given(a, held=held) if a.dtype == object else a for a in self.given]
        found = run(self.closed, given, floats)
        return [InBalls(a) for a in found], bool(floats.unsure)

    def sides(self, held: frozenset[str]) -> list[list[Array]]:
        """What is right at the probe and next to it in some directions, and what
        is made of it where comparisons that stand at a kink are taken to come out
        in one way or the other, each throughout; those of the lines `held` come out
        as they do at the probe."""
        if held not in self._sides:
            self._sides[held] = [self._middles, *self._found_beside(held)]
        return self._sides[held]

    @cached_property
    def _middles(self) -> list[Array]:
        return [a.middle for a in self.asked]

    def _found_beside(self, held: frozenset[str]) -> Iterator[list[Array]]:
        crossed: list[Array] = [np.zeros(d.shape, bool) for d in self.decisions]
        for numbers, found in self._moved(self._kept(held)):
            yield found
            if [d.shape for d in numbers.decisions] == [d.shape for d in self.decisions]:
                pairs = zip(self.decisions, numbers.decisions, crossed, strict=True)
                crossed = [cross | (one == 0) & (two != 0) for one, two, cross in pairs]
        for signs in _ways([k for k, d in enumerate(self.decisions) if _is_order(d)], crossed):
            told = [
                np.where(cross, sign, d).astype(d.dtype)
                for d, cross, sign in zip(self.decisions, crossed, signs, strict=True)
            ]
            with contextlib.suppress(StopIteration):  # where another branch is taken
                found = run(self.closed, self.given, Decided(self.decisions, told))
                yield self._asked_of(map(InBalls, found))

    def _moved(self, kept: Outcomes) -> Iterator[tuple[Deciding, list[Array]]]:
        """What is right next to the probe, there and back, in one direction after
        the other; some comparisons are kept as they are."""
        program = self.program
        if not self.in_balls:
            for inputs in _beside(program, self.probe, 2 * SIDES):
                wide, bounded = _in_floats(
                    self.closed, replace(self.probe, inputs=inputs), held=kept
                )
                yield wide, self._asked_of(bounded)
            return
        for steps in _directions(program):
            numbers = Balls(held=kept)
            found = run(self.closed, _moved(program, self.given, steps), numbers, NUDGED)
            yield numbers, self._asked_of(map(InBalls, found))

    def _asked_of(self, found: Iterable[Enclosed]) -> list[Array]:
        return [a.middle for a in itertools.islice(found, len(self.program.outputs), None)]

    def _kept(self, held: frozenset[str]) -> Outcomes:
        """How the comparisons of some lines came out."""
        if not held:
            return {}
        made = zip(self.numbers.sites, self.decisions, strict=True)
        return {k: one for k, one in enumerate(made) if line_at(one[0]) in held}

    def differs(self, held: frozenset[str]) -> list[Array]:
        """Of a large function, which entries differ next to the probe, there or
        back, whatever the cotangents are."""
        if held not in self._differs:
            draw = np.random.default_rng(7)
            directions = [draw.normal(size=a.shape) for a in self.probe.directions]
            other = replace(self, probe=replace(self.probe, directions=directions))
            here = self._asked_of(_in_floats(self.closed, other.probe)[1])
            found = [here, *(arrays for _, arrays in other._moved(self._kept(held)))]
            arrays = [np.array(of_one) for of_one in zip(*found, strict=True)]
            self._differs[held] = [a.max(0) - a.min(0) > APART * abs(a).max(0) for a in arrays]
        return self._differs[held]

    def kinks(self, k: int, among: Array, held: frozenset[str]) -> list[str]:
        """The lines of f at whose kinks some entries of an array hang, in so far as
        one alone moves them; all of its lines of which a comparison is at a kink,
        if none does."""
        lines = dict[str, None]()
        for numbers, _ in itertools.islice(self._moved(self._kept(held)), SEEN):
            made = zip(self.numbers.sites, self.decisions, numbers.decisions, strict=False)
            lines |= {line_at(site): None for site, a, b in made if not np.array_equal(a, b)}
        if len(lines) < 2:
            return [*lines]
        found = []
        for line in lines:
            kept = self._kept(held.union(lines) - {line})
            at_it = self._middles[k][among]
            for _, moved in itertools.islice(self._moved(kept), SEEN):
                if not np.allclose(moved[k][among], at_it, APART, SECOND_ORDER):
                    found.append(line)
                    break
        return found or [*lines]


def truth_at(program: Traced, closed: Any, probe: Probe, *, forward: bool = False) -> ProbeTruth:
    """Find what is right at a probe; `forward` where tangents are pushed.

    Raises NoTruth where a number on the way is not finite, and Disagreement
    where the witnesses differ.
    """
    if program.work > MOST_IN_BALLS:
        return _large_truth(program, closed, probe, forward=forward)
    numbers = Balls()
    given = _given(probe)
    found = run(closed, given, numbers)[len(program.outputs) :]
    asked: list[Enclosed] = [InBalls(a) for a in found]
    if not all(array.is_finite for array in asked):
        raise NoTruth("the gradient has an entry that is not finite")
    moved, at_kink = _nudged(program, given[: len(program.inputs)])
    if not at_kink and not forward:
        inputs, outputs = moved
        directions = given[len(program.inputs) :]
        _agree(_terms(directions, outputs), _terms(inputs, found), AGREED)
    return ProbeTruth(program, closed, probe, asked, at_kink, numbers)


def same_values(one: Traced, two: Traced, probe: Probe) -> bool:
    """Whether two functions have the same values at a probe."""
    here, there = (_values(f, replace(probe, directions=())) for f in (one, two))
    return all(overlap(here[k], there[k]).all() for k in one.moved)


def _values(f: Traced, probe: Probe) -> list[Enclosed]:
    if f.work > MOST_IN_BALLS:
        return _in_floats(f.forward, probe)[1]
    return [InBalls(a) for a in run(f.forward, _given(probe), Balls())]


def _large_truth(program: Traced, closed: Any, probe: Probe, *, forward: bool) -> ProbeTruth:
    wide, found = _in_floats(closed, probe)
    asked = found[len(program.outputs) :]
    if not all(np.isfinite(array.middle).all() for array in asked):
        raise NoTruth("the gradient has an entry that is not finite")
    if not forward:
        draw = np.random.default_rng(5)
        tangents = [
            draw.choice([-3.0, -2.0, -1.0, 1.0, 2.0, 3.0], program.inputs[k].shape)
            for k in program.asked
        ]
        _, pushed = _in_floats(program.pushforward, Probe(probe.inputs, tangents, ""))
        pushed = pushed[len(program.outputs) :]
        mine = _wide_terms(probe.directions, pushed)
        theirs = _wide_terms(tangents, asked)
        off = abs(mine[0] - theirs[0])
        if math.isfinite(off) and off > mine[1] + theirs[1]:
            raise Disagreement(_DISAGREE)
    at_kink = bool(wide.unsure) or _changes(program, probe)
    return ProbeTruth(program, closed, probe, asked, at_kink, wide)


def _changes(program: Traced, probe: Probe) -> bool:
    """Whether a small step changes what a large function compares."""
    here, there = (
        _in_floats(program.forward, Probe(inputs, (), ""))[0].decisions
        for inputs in (probe.inputs, *_beside(program, probe, 1))
    )
    return len(here) != len(there) or any(
        not np.array_equal(a, b) for a, b in zip(here, there, strict=True)
    )


def _beside(program: Traced, probe: Probe, count: int) -> Iterator[list[Array]]:
    """The inputs, those asked for moved by small steps, and then back."""
    draw = np.random.default_rng(5)
    for number in range(count):
        if number % 2 == 0:
            steps = [
                draw.uniform(1, 3, a.shape) * draw.choice([-1, 1], a.shape) for a in probe.inputs
            ]
        sign = LARGE_STEP if number % 2 else -LARGE_STEP
        yield [
            a + sign * step if k in program.asked else a
            for k, (a, step) in enumerate(zip(probe.inputs, steps, strict=True))
        ]


_DISAGREE = """the witnesses disagree: JAX's derivative of the function, and the
function moved by an infinitesimal; does it have a state, or a rule that stops
derivatives?""".replace("\n", " ")


def _in_floats(
    closed: Any, probe: Probe, dtype: str = "float64", held: Outcomes | None = None
) -> tuple[Wide, list[Enclosed]]:
    """What a program gives in floats, with what those of a type may be off."""
    wide = Wide(SIGNIFICAND[dtype], TINY[dtype], held)
    given = [a + 0j if a.dtype.kind == "f" else a for a in (*probe.inputs, *probe.directions)]
    with np.errstate(all="ignore"), exactly():
        found = run_exactly(closed, given, wide)
        return wide, [BoundedFloats(value(a), error(a)) for a in map(np.asarray, found)]


def _wide_terms(a: Sequence[Array], b: Sequence[Enclosed]) -> tuple[float, float]:
    """A sum of products, and how far off it may be."""
    total = sum(float((x * y.middle).sum()) for x, y in zip(a, b, strict=True))
    off = sum(
        float((abs(x) * (y.radius + x.size * 2.0**-52 * abs(y.middle))).sum())
        for x, y in zip(a, b, strict=True)
    )
    return total, off


def _given(probe: Probe) -> list[Array]:
    numbers = Balls()
    arrays = (*probe.inputs, *probe.directions)
    return [numbers.exact(a) if a.dtype.kind == "f" else a for a in arrays]


def _moved(program: Traced, given: Arrays, steps: Arrays) -> list[Array]:
    """The inputs, those asked for moved by infinitesimals."""
    arrays = list(given)
    for k, step in zip(program.asked, steps, strict=True):
        moved = at(NUDGED, np.add, arrays[k], balls(step.astype(object)) * _STEP)
        arrays[k] = np.asarray(moved, object)
    return arrays


def _steps(program: Traced, draw: np.random.Generator) -> list[Array]:
    return [draw.choice([-3, -2, -1, 1, 2, 3], program.inputs[k].shape) for k in program.asked]


def _directions(program: Traced) -> Iterator[list[Array]]:
    """Where to look from a kink: along a ramp, on which the first or the last of
    several that tie is the largest, and at random; each there and back."""
    ramp = [np.arange(1, 1 + np.prod(program.inputs[k].shape)) for k in program.asked]
    shaped = [a.reshape(program.inputs[k].shape) for a, k in zip(ramp, program.asked, strict=True)]
    draw = np.random.default_rng(7)
    for steps in (shaped, *[_steps(program, draw) for _ in range(SIDES)]):
        yield steps
        yield [-step for step in steps]


def _is_order(decision: Array) -> bool:
    """Whether it is the order of pairs, and no ranks."""
    return decision.dtype == np.int8


def _ways(orders: Sequence[int], crossed: Sequence[Array]) -> list[list[int]]:
    """How comparisons at a kink may come out: all ways of few, some of many."""
    sites = [k for k in orders if crossed[k].any()]
    if not sites:
        return []
    ways: list[tuple[int, ...]] = [*itertools.product((1, -1), repeat=min(len(sites), 3))]
    if len(sites) > 3:
        draw = np.random.default_rng(7)
        ways = [(sign,) * len(sites) for sign in (1, -1)]
        ways += [tuple(draw.choice([-1, 1], len(sites)).tolist()) for _ in range(SIDES)]
    return [
        [dict(zip(sites, way, strict=True)).get(k, 0) for k in range(len(crossed))] for way in ways
    ]


_STEP = arb(2) ** -BITS


def _nudged(program: Traced, given: Arrays) -> tuple[tuple[Arrays, list[Array]], bool]:
    """How the inputs and the outputs move, in steps of 2^-256, and whether
    that changes a comparison."""
    here = Balls()
    before = run(program.followed, given, here, NUDGED)
    there = Balls(stopped=here.stopped)
    arrays = _moved(program, given, _steps(program, np.random.default_rng(5)))
    after = run(program.followed, arrays, there, NUDGED)

    def steps(old: Arrays, new: Arrays) -> list[Array]:
        return [
            at(NUDGED, lambda a, b: (balls(b) - balls(a)) / _STEP, a, b)
            for a, b in zip(old, new, strict=True)
        ]

    inputs = steps([given[k] for k in program.asked], [arrays[k] for k in program.asked])
    outputs = steps([before[k] for k in program.moved], [after[k] for k in program.moved])
    at_kink = len(here.decisions) != len(there.decisions) or any(
        not np.array_equal(a, b) for a, b in zip(here.decisions, there.decisions, strict=True)
    )
    return (inputs, outputs), at_kink


def _terms(a: Arrays, b: Arrays) -> Array:
    """The products of the entries of arrays, in one row."""
    rows = [np.asarray(balls(x) * balls(y), object).reshape(-1) for x, y in zip(a, b, strict=True)]
    return np.concatenate([*rows, np.array([arb(0)], object)])


def _agree(mine: Array, theirs: Array, to: float) -> None:
    sums, sizes = [ball(s.sum()) for s in (mine, theirs)], [abs(s).sum() for s in (mine, theirs)]
    if not sums[0].is_finite():
        raise NoTruth("the function is not finite next to the probe")
    if abs(sums[0] - sums[1]) > to * (sizes[0] + sizes[1]) + SECOND_ORDER:
        raise Disagreement(_DISAGREE)
