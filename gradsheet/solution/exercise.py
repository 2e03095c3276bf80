"""Fresh exercises: a network with small whole numbers, at which every mistake of the catalogue shows.

Numbers are drawn until all is readable by hand, no z is 0, layers with a kink have live and dead units, and every
mistake that can be made on the way changes something that is asked for. Of a pool of such draws the one with the
smallest numbers is taken.
"""

import difflib
import itertools
import math
import operator
import random
import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from typing import NamedTuple

import numpy as np

from gradsheet.claims.composing import claim, head
from gradsheet.claims.reader import read
from gradsheet.claims.sheet import Claim, Sheet, SheetError
from gradsheet.language.functions import ACTIVATIONS, facts_of
from gradsheet.mistakes.blind import SMALL, unseen
from gradsheet.network import losses
from gradsheet.network.losses import LOSSES
from gradsheet.network.network import Network
from gradsheet.network.problem import Problem
from gradsheet.solution.filling import fill
from gradsheet.truth.steps import Pass
from manual import Layer
from manual.activations import Activation, Array, activate, split

MAX_WIDTH, MAX_LAYERS, MAX_EXAMPLES = 8, 6, 8  # what a person works through by hand
SLOPE = Fraction(1, 2)  # of a leaky_relu that is named without one: its halves are readable
TINY = 1e-9  # a z as small as that is 0
STEEPEST = 4  # the largest |z| of a layer that saturates
POOL = 300  # draws, of which the one with the smallest numbers is taken
TRIED = 40  # of them at most, from the smallest on
POOLS = 10
MAX_TRIES = 300  # of all pools
LAYER_DRAWS, UNIT_DRAWS = 40, 60  # before all is drawn afresh
MAX_CLASHES = 20  # exercises that others have, before there seem to be no more
TITLE = "Backpropagation by hand"
DISTANCES = (-4, *SMALL, 4)  # from the targets to the outputs
# From a target to an output that is alone: at 1 or 2 the loss would be the distance, and a wrong formula for it right.
ALONE = (3, 4, 5)


_Some = Callable[..., Array]  # numbers drawn from the choices given, in the shape given


class ExerciseError(ValueError):
    """An exercise that cannot be set; the message says why, and what to change."""


@dataclass(frozen=True)
class Plan:
    """The kind of exercise. `widths` are the inputs and every layer's units; `examples` is None for a single example.

    A leaky_relu without a slope gets 1/2.
    """

    widths: tuple[int, ...]
    activations: tuple[Activation, ...]
    loss: str = "half_squared_error"
    examples: int | None = None
    biases: bool = True
    title: str = ""

    def __post_init__(self) -> None:
        if reason := self._objection():
            raise ExerciseError(reason)

    def _objection(self) -> str | None:
        depth = len(self.widths) - 1
        if depth < 1:
            return f"a network of {len(self.widths)} widths, expected at least two: the inputs and a layer's units"
        if depth > MAX_LAYERS:
            return f"{depth} layers, expected at most {MAX_LAYERS}: it is worked by hand"
        for width in self.widths:
            if not 1 <= width <= MAX_WIDTH:
                return f"a width of {width}, expected 1 to {MAX_WIDTH}: it is worked by hand"
        if self.examples is not None and not 1 <= self.examples <= MAX_EXAMPLES:
            return f"a batch of {self.examples} examples, expected 1 to {MAX_EXAMPLES}: it is worked by hand"
        for l, activation in enumerate(self.activations, 1):
            if reason := _activation_objection(activation, last=l >= len(self.activations)):
                return reason
        if len(self.activations) != depth:
            return f"{len(self.activations)} activations, expected {depth}, one a layer"
        if self.examples is None:
            for l, (units, activation) in enumerate(
                zip(self.widths[1:], self.activations, strict=True), 1
            ):
                if facts_of(activation).dead and units < (least := 2 if l == 1 else 3):
                    return (
                        f"{activation} on layer {l} of {units} unit{'s' * (units > 1)}: "
                        "one example cannot show both what a "
                        f"dead unit stops and what several live ones add up; use {least} units or a batch of 2 examples"
                    )
        if self.loss not in LOSSES:
            return f"unknown loss {self.loss!r}: {_hint(self.loss, LOSSES)}"
        last, end = split(self.activations[-1])[0], LOSSES[self.loss].behind
        if end not in ("", last):
            return f"the loss {self.loss} behind {last}, expected {end} on the last layer: the loss takes logarithms"
        if self.loss == "output" and self.widths[-1] != 1:
            return f'the loss "output" needs a single output, the last layer has {self.widths[-1]} units'
        return None

    @cached_property
    def network(self) -> Network:
        activations = tuple(map(_spelt_out, self.activations))
        biases = ("units" if self.biases else None,) * len(activations)
        return Network(tuple(self.widths), biases, activations, self.loss, "mean", self.examples)


def _spelt_out(activation: Activation) -> Activation:
    """An activation with its slope, a fraction, where it has one."""
    name, slopes = split(activation)
    if not facts_of(name).parameters:
        return name
    return name, Fraction(str(slopes[0])) if slopes else SLOPE


def _activation_objection(activation: Activation, last: bool) -> str | None:
    name, slopes = split(activation)
    if name not in ACTIVATIONS:
        return f"unknown activation {name!r}: {_hint(name, ACTIVATIONS)}"
    if facts_of(name).mixes and not last:
        return f"{name} before the last layer, expected it on the last layer only"
    if slopes and not facts_of(name).parameters:
        return f"{name} with a slope, which only leaky_relu has"
    if slopes and not 0 < slopes[0] < 1:
        return f"leaky_relu with slope {slopes[0]}, expected one between 0 and 1"
    return None


def _hint(found: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(found.lower(), known, 1)
    return f"did you mean {near[0]}?" if near else f"expected one of {', '.join(known)}"


@dataclass(frozen=True)
class Exercise:
    """Two sheets: the `problem` asks, with no value in it, and the `key` has the answers as well."""

    problem: str
    key: str


def exercise(plan: Plan, seed: int | str) -> Exercise:
    """An exercise of this kind; the same seed gives the same one, on every machine, whatever the title."""
    return _found(plan, seed).titled(plan.title or TITLE)


def class_list(plan: Plan, names: Sequence[str], seed: int | str) -> Iterator[tuple[str, Exercise]]:
    """An exercise for every name, no two alike, each with a stem for its file.

    Who else is on the list does not matter to anybody's exercise, unless two would have had the same one. Each is drawn
    when it is asked for.
    """
    given = set[str]()
    for name, stem in zip(names, stems(names), strict=True):
        for number in range(1, MAX_CLASHES + 1):
            found = _found(plan, f"{seed}/{name}" if number == 1 else f"{seed}/{name}/{number}")
            if (data := head(found.sheet)) not in given:
                break
        else:
            raise ExerciseError(
                f"only {len(given)} different exercises of this kind were found: use wider layers"
            )
        given.add(data)
        yield stem, found.titled(f"{plan.title or TITLE}: {name}")


def stems(names: Sequence[str]) -> list[str]:
    """A stem of a file for every name, no two alike."""
    found = dict[str, None]()
    for name in names:
        found[next(stem for stem in _stems(name) if stem not in found)] = None
    return list(found)


def _stems(name: str) -> Iterator[str]:
    """Names for a person's file: small letters, since some file systems do not tell them from capitals."""
    ascii_only = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    stem = re.sub(r"[^a-z0-9]+", "-", ascii_only)[:60].strip("-") or "student"
    yield stem
    yield from (f"{stem}-{number}" for number in itertools.count(2))


@dataclass(frozen=True)
class _Found:
    """The data of an exercise, and the claims of its key."""

    sheet: Sheet
    answers: str

    def titled(self, title: str) -> Exercise:
        network = self.sheet.network
        how = "whole numbers exactly" if network.rational else "decimals with four digits or more"
        note = (
            "W has a row for every unit and a column for every input; a layer without activation has h = z. "
            "z1 is what layer 1 has before its activation, h1 behind it, yhat the output, L the loss; dL/dz1 is the "
            f"gradient by z1. Write `value = ...` under each quantity, {how}, vectors as [1, -2] and matrices as "
            "[[1, 2], [3, 4]]. Then run `gradsheet` on this file; a question that stays open is to be taken out."
        )
        top = head(self.sheet, title, note)
        return Exercise(top + _questions(network), top + self.answers)


def _questions(network: Network) -> str:
    """What is asked, as claims without values: the forward pass, then the backward pass from the last layer on."""
    forward, backward = list[str](), list[str]()
    for l, activation in enumerate(network.activations, 1):
        last, active = l == network.depth, activation != "identity"
        # Where z and h are the same, one of them is enough.
        forward += [f"z{l}"] * (active or not last) + ["yhat" if last else f"h{l}"] * (
            active or last
        )
        backward = [
            f"dL/d{letter}{l}" for letter in "zWb" if f"{letter}{l}" in network.shapes
        ] + backward
    return "".join(
        claim(quantity, question=f"{part}{chr(ord('a') + number)}")
        for part, quantities in ((1, [*forward, "L"]), (2, backward))
        for number, quantity in enumerate(quantities)
    )


def _found(plan: Plan, seed: int | str) -> _Found:
    network = plan.network
    kind = (network.widths, network.activations, network.loss, network.examples, plan.biases)
    draw = random.Random(f"{kind} {seed}")
    tried, questions = 0, tuple[Claim, ...]()  # the same for all sheets of this kind
    always: set[str] | None = None  # the mistakes that have not shown anywhere
    # Whole numbers where they are to be had, else short fractions.
    for grain in (1, 100 * (network.examples or 1)) if network.rational else (None,):
        for _ in range(POOLS):
            distances: Sequence[int] = DISTANCES
            if network.widths[-1] * (network.examples or 1) == 1:
                distance = ALONE[int(len(ALONE) * draw.random())]
                distances = (-distance, distance)
            drawn = [
                one
                for _ in range(POOL)
                if (one := _drawn(network, draw, grain, distances)) is not None
            ]
            for data in _smallest(network, drawn, grain)[:TRIED]:
                if (tried := tried + 1) > MAX_TRIES:
                    raise _nothing(always)
                sheet = _sheet(network, data, grain)
                questions = questions or read(head(sheet) + _questions(network)).claims
                hidden = _hidden(sheet, questions)
                if not hidden and (answers := _answers(sheet)) is not None:
                    return _Found(sheet, answers)
                always = hidden if always is None else always & hidden
    raise _nothing(always)


def _nothing(always: Collection[str] | None) -> ExerciseError:
    if always is None:
        return ExerciseError(
            "no small whole numbers fit this kind of exercise: use fewer examples or narrower layers"
        )
    never = f", and none of those tried that {min(always)}" if always else ""
    return ExerciseError(
        f"no exercise of this kind was found that shows every mistake{never}: use wider layers, more examples, "
        "other activations or another loss"
    )


class _Data(NamedTuple):
    """Numbers for an exercise, as floats: exact, where nothing but halves is taken of numbers as small as these."""

    params: list[Layer]
    x: Array
    y: Array | None


def _drawn(
    network: Network, draw: random.Random, grain: int | None, distances: Sequence[int]
) -> _Data | None:
    """Numbers with signs as they should be, None where none are found."""

    def some(choices: Sequence[int], *shape: int) -> Array:
        # Only random() itself is promised to stay the same in every version of Python.
        count, random = len(choices), draw.random
        return np.array(
            [choices[int(count * random())] for _ in range(math.prod(shape))], float
        ).reshape(shape)

    h = x = some(SMALL, network.examples or 1, network.widths[0])
    params = list[Layer]()
    for activation, units, bias in zip(
        network.activations, network.widths[1:], network.biases, strict=True
    ):
        inputs = h.tolist() if bias is None else [[*row, 1.0] for row in h.tolist()]
        found = _layer(activation, inputs, units, draw)
        if found is None:
            return None
        W, z = found
        params.append(Layer(W) if bias is None else Layer(W[:, :-1], W[:, -1]))
        h = activate(activation, z)
    return _Data(params, x, _targets(network, some, h, grain, distances))


def _smallest(network: Network, drawn: Sequence[_Data], grain: int | None) -> list[_Data]:
    """Those where all that is asked is a multiple of 1/grain, from the smallest numbers on: one pass has them all."""
    if not drawn:
        return []
    params = tuple(
        Layer(
            np.stack([one.params[l].W for one in drawn]),
            _stacked([one.params[l].b for one in drawn]),
        )
        for l in range(network.depth)
    )
    x, y = np.stack([one.x for one in drawn]), _stacked([one.y for one in drawn])
    passed = Pass(Problem(network, params, x, y), variants=len(drawn))
    names = [f"{letter}{l}" for l in range(1, network.depth + 1) for letter in "zWb"]
    nodes, backward = (
        [*passed.z, *passed.h[1:]],
        [passed.gradients[n] for n in names if n in passed.gradients],
    )
    asked = [array.reshape(len(drawn), -1) for array in (*nodes, passed.node("L"), *backward)]
    numbers = np.hstack(asked)
    fitting = np.ones(len(drawn), bool)
    if grain is not None:
        grains = np.full(numbers.shape[1], grain)
        grains[sum(array.shape[1] for array in asked[: len(nodes)])] *= (
            2  # a loss of 9/2 is no awkward fraction
        )
        fitting = (abs(numbers * grains - np.rint(numbers * grains)) <= 1e-6).all(1)
    # Rounded, so that the last bits of an exponential do not choose.
    largest = [round(float(number), 6) for number in abs(numbers).max(1)]
    return [drawn[k] for k in sorted(np.flatnonzero(fitting).tolist(), key=lambda k: largest[k])]


def _stacked(arrays: Sequence[Array | None]) -> Array | None:
    return None if any(array is None for array in arrays) else np.stack(arrays)  # type: ignore[arg-type]


def _sheet(network: Network, data: _Data, grain: int | None) -> Sheet:
    """The numbers as they are exactly."""

    def exact(array: Array) -> Array:
        return np.asarray(
            np.vectorize(lambda v: Fraction(round(v * (grain or 1)), grain or 1), [object])(array)
        )

    params = tuple(Layer(exact(W), None if b is None else exact(b)) for W, b in data.params)
    return Sheet(
        "-",
        "",
        network,
        params,
        exact(data.x),
        None if data.y is None else exact(data.y),
        None,
        {},
        (),
    )


def _layer(
    activation: Activation, inputs: list[list[float]], units: int, draw: random.Random
) -> tuple[Array, Array] | None:
    """A layer's rows of weights and its z: none of them 0, some units dead but not most, and none that saturates."""
    facts = facts_of(activation)
    most = math.inf if facts.rational else STEEPEST
    random, choices = draw.random, len(SMALL)
    for _ in range(LAYER_DRAWS):
        rows, columns = list[list[int]](), list[list[float]]()
        for _ in range(units):
            for _ in range(UNIT_DRAWS):
                row = [SMALL[int(choices * random())] for _ in inputs[0]]
                z = [sum(map(operator.mul, row, values)) for values in inputs]
                if min(size := list(map(abs, z))) > TINY and max(size) <= most:
                    break
            else:
                return None
            rows.append(row)
            columns.append(z)
        dead = sum(v < 0 for z in columns for v in z)
        alone = units * len(inputs) == 1
        # Behind no activation, what a relu would change has to be there.
        if (
            alone
            or not facts.rational
            or (dead >= 1 and (not facts.kinked or 2 * dead <= units * len(inputs)))
        ):
            return np.array(rows, float), np.array(columns, float).T
    return None


def _targets(
    network: Network, some: _Some, yhat: Array, grain: int | None, distances: Sequence[int]
) -> Array | None:
    """Small targets, where that can be at such a distance from the outputs that dL/dyhat is a whole number."""
    last, loss = facts_of(network.activations[-1]), losses.of(network.loss)
    if network.loss == "output":
        return None
    if last.mixes:
        return np.asarray(np.eye(yhat.shape[1])[some(range(yhat.shape[1]), len(yhat)).astype(int)])
    if grain is None:
        near = [end for end in last.between if math.isfinite(end)]  # where outputs come close to
        return some(near if len(near) == 2 else SMALL, *yhat.shape)
    assert loss.factor is not None
    whole = (loss.factor(yhat.shape[1]) / len(yhat)).denominator if grain == 1 else 1
    return np.asarray(yhat - some(distances, *yhat.shape) * whole)


def _hidden(sheet: Sheet, questions: tuple[Claim, ...]) -> set[str]:
    """The mistakes that change nothing that is asked for."""
    return {instance.text for instance in unseen(replace(sheet, claims=questions))}


def _answers(sheet: Sheet) -> str | None:
    """The claims of the key, None where some mistake does not show in their digits."""
    try:
        key = fill(head(sheet) + _questions(sheet.network))
    except SheetError as error:
        raise ExerciseError(
            f"no exercise of this kind can be judged, {error}: use smaller layers"
        ) from None
    return None if unseen(read(key)) else key.removeprefix(head(sheet))
