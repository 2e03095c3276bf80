"""What is right at a probe: JAX's program on balls, held against a nudge.

The program of the derivative is JAX's own; the nudge needs no derivative rule.
It carries out f itself at x and at x + h v, h = 2^-256, v whole numbers:

    sum of d_out * (f(x + h v) - f(x)) / h  =  sum of v * d_x,  up to h

and where the two sides differ nobody is believed. Where an infinitesimal step
changes what f compares, x is at a kink: there any gradient between those on its
sides is one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from flint import arb

from gradsheet.checking.rounding import BITS as SIGNIFICAND
from gradsheet.checking.rounding import TINY
from gradsheet.numbers.enclosures import at
from gradsheet.truth.autodiff import Arrays
from gradsheet.vjp.balls import BITS, Balls, Floats, ball, balls, entries, run
from gradsheet.vjp.program import Program
from manual.activations import Array

NUDGED = 4 * BITS  # bits that are kept where a step of 2^-BITS is to be seen
AGREED = 2.0**-100  # of the sizes of what is added up: nobody rounds so coarsely
SIDES = 6  # directions in which the neighbourhood of a kink is looked at


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
class Truth:
    """The right arrays at a probe, as balls: what f gives, and what is asked
    for; whether the probe stands at a kink."""

    program: Program
    closed: Any  # the program that was carried out: the pullback, or the pushforward
    probe: Probe
    given: Arrays
    outputs: list[Array]
    asked: list[Array]
    decisions: list[Array]
    at_kink: bool

    def floats(self, dtype: str) -> "Bounds":
        """What floats of a type may make of it."""
        numbers = Floats(SIGNIFICAND[dtype], TINY[dtype], self.decisions)
        found = run(self.closed, self.given, numbers)
        count = len(self.outputs)
        return Bounds(found[:count], found[count:], bool(numbers.unsure))

    @cached_property
    def sides(self) -> list[list[Array]]:
        """What is right next to the probe, in some directions."""
        draw = np.random.default_rng(7)
        return [
            run(self.closed, _moved(self.program, self.given, draw), Balls(), NUDGED)[
                len(self.outputs) :
            ]
            for _ in range(SIDES)
        ]


@dataclass(frozen=True, eq=False)
class Bounds:
    """Balls that hold what floats make of the right arrays; whether floats may
    decide a comparison in another way."""

    outputs: list[Array]
    asked: list[Array]
    unsure: bool


def truth_at(program: Program, closed: Any, probe: Probe, *, forward: bool = False) -> Truth:
    """Find what is right at a probe; `forward` where tangents are pushed.

    Raises NoTruth where a number on the way is not finite, and Disagreement
    where the nudge gives something else.
    """
    numbers = Balls()
    given = [
        numbers.exact(a) if a.dtype.kind == "f" else a for a in (*probe.inputs, *probe.directions)
    ]
    found = run(closed, given, numbers)
    count = len(program.outputs)
    outputs, asked = found[:count], found[count:]
    if not all(v.is_finite() for a in asked for v in entries(a)):
        raise NoTruth("the gradient has an entry that is not finite")
    moved, at_kink = _nudged(program, given[: len(program.inputs)])
    if not at_kink:
        _agree(program, given, moved, asked, forward)
    return Truth(program, closed, probe, given, outputs, asked, numbers.decisions, at_kink)


def _moved(program: Program, given: Arrays, draw: np.random.Generator) -> list[Array]:
    """The inputs, those asked for moved by an infinitesimal."""
    arrays = list(given)
    for k in program.asked:
        steps = draw.choice([-3, -2, -1, 1, 2, 3], program.inputs[k].shape)
        arrays[k] = at(NUDGED, np.add, arrays[k], balls(steps.astype(object)) * _STEP)
    return arrays


_STEP = arb(2) ** -BITS


def _nudged(program: Program, given: Arrays) -> tuple[tuple[Arrays, list[Array]], bool]:
    """How the inputs and the outputs move, in steps of 2^-256, and whether
    that changes a comparison."""
    here = Balls()
    before = run(program.forward, given, here, NUDGED)
    there = Balls(stopped=here.stopped)
    arrays = _moved(program, given, np.random.default_rng(5))
    after = run(program.forward, arrays, there, NUDGED)

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


def _agree(
    program: Program,
    given: Arrays,
    moved: tuple[Arrays, list[Array]],
    asked: list[Array],
    forward: bool,
) -> None:
    inputs, outputs = moved
    directions = given[len(program.inputs) :]
    if forward:  # by the tangents that were asked for: a nudge along them alone
        return
    mine = [_flat(d) * _flat(o) for d, o in zip(directions, outputs, strict=True)]
    theirs = [_flat(v) * _flat(g) for v, g in zip(inputs, asked, strict=True)]
    sides = [np.concatenate([*terms, np.array([arb(0)], object)]) for terms in (mine, theirs)]
    sums, sizes = [ball(side.sum()) for side in sides], [ball(abs(s).sum()) for s in sides]
    if not sums[0].is_finite():
        raise NoTruth("the function is not finite next to the probe")
    if abs(sums[0] - sums[1]) > AGREED * (sizes[0] + sizes[1]):
        raise Disagreement(
            "the witnesses disagree: JAX's derivative of the function, and the function moved by "
            "an infinitesimal; does it have a state, or a rule that stops derivatives?"
        )


def _flat(a: Array) -> Array:
    return np.asarray(balls(a), object).reshape(-1)
