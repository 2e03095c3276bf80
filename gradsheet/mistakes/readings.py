"""Other readings of a sheet: what a wrong claim may have been right about, had
the sheet been read otherwise.

A sheet's words can be taken in more than one way: a loss with or without its
1/2, a mean or a sum, a layer with an activation or without, W as (units,
inputs) or (inputs, units). Each reading differs from the sheet's own in one
thing.
"""

import functools
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np

from gradsheet.claims.comparison import Comparison, agree_at, truths_at
from gradsheet.claims.definitions import of_layers
from gradsheet.claims.following import SLACK, follow_work
from gradsheet.claims.identity import Everywhere, IdentityComparison
from gradsheet.claims.sheet import Claim
from gradsheet.language import formula as f
from gradsheet.language.evaluate import Evaluator, same_shape
from gradsheet.language.functions import ACTIVATIONS
from gradsheet.mistakes.layer_values import Carried
from gradsheet.mistakes.layered import point_of, problem_of
from gradsheet.mistakes.probes import Probes, probes_for
from gradsheet.network.losses import LOSSES, SQUARES
from gradsheet.network.network import Network
from gradsheet.network.problem import Problem
from gradsheet.numbers.budget import FLOAT_PASS, Budget
from gradsheet.numbers.printed import Printed, Value, as_float, fractions, printed_entries
from gradsheet.numbers.reasons import (
    NO_ANSWER,
    NO_VALUE,
    EvaluationError,
    Missing,
    OutOfWork,
    Undecided,
)
from gradsheet.numbers.session import Session
from gradsheet.truth.graph_point import GraphPoint
from manual import Layer
from manual.activations import Activation, Array

PER_NUMBER = 3  # operations of comparing a number with the truth that is read otherwise
FIRST = 3  # points that have a first look at an identity
LOOKS = 2  # of them at which floats look first: at the first one, much may be about 0
# Activations that a sheet may have meant where it names none, and those over a whole layer.
USUAL = tuple(name for name, facts in ACTIVATIONS.items() if facts.usual)
MIXING = tuple(name for name, facts in ACTIVATIONS.items() if facts.mixes)


@dataclass(frozen=True)
class _Reading:
    words: str
    network: Network
    transposed: int | None = None  # the layer whose W is read as (inputs, units)


def _readings(network: Network) -> Iterator[_Reading]:
    if network.loss in SQUARES:
        for loss in SQUARES:
            # With one output the mean over the outputs is the sum, and needs no mention.
            if loss != network.loss and not (LOSSES[loss].averages and network.widths[-1] == 1):
                yield _Reading(f"the loss is read as {loss}", replace(network, loss=loss))
    if (network.examples or 1) > 1 and network.loss is not None:
        other = "sum" if network.reduction == "mean" else "mean"
        yield _Reading(
            f"the loss is read as the {other} over the examples", replace(network, reduction=other)
        )
    for l, activation in enumerate(network.activations):
        others: tuple[Activation, ...] = USUAL if activation == "identity" else ("identity",)
        if activation == "identity" and l + 1 == network.depth and network.widths[-1] > 1:
            others = (*USUAL, *MIXING)
        for read in others:
            activations = (*network.activations[:l], read, *network.activations[l + 1 :])
            words = "without activation" if read == "identity" else f"with {read}"
            read_so = replace(network, activations=activations)
            yield _Reading(f"layer {l + 1} is read {words}", read_so)
    for l, (inputs, units) in enumerate(itertools.pairwise(network.widths)):
        if inputs == units > 1:
            yield _Reading(f"W{l + 1} is read as (inputs, units)", network, transposed=l)


def _transpose(value: Value) -> Value | None:
    """A matrix of printed numbers turned, None where it is none or would be the same."""
    match value:
        case ((Printed(), *_), *_):
            return tuple(zip(*value, strict=True))
    return None


@dataclass(frozen=True, eq=False)
class Readings:
    """The other readings of one sheet, made when a claim first asks for them.
    `point` is None for a symbolic sheet."""

    network: Network
    point: GraphPoint | None
    rate: Fraction | None
    budget: Budget
    session: Session
    _read_before: dict[str, GraphPoint] = field(default_factory=dict, init=False)
    _all_values: dict[str, Everywhere] = field(default_factory=dict, init=False)

    @functools.cached_property
    def _points(self) -> list[tuple[_Reading, Carried]]:
        """Every reading with the point in floats, for a first look."""
        assert self.point is not None

        def read() -> list[tuple[_Reading, Carried]]:
            return [
                (reading, Carried(self.point, floats=True, problem=self._problem(reading)))
                for reading in _readings(self.network)
            ]

        points = self.point.found("readings", read, len, marked=False)
        for _, floats in points:
            floats.budget = self.budget
        return points

    def _exactly(self, reading: _Reading) -> GraphPoint:
        """The point as it is read otherwise, for all claims."""
        if reading.words not in self._read_before:
            assert self.point is not None
            exact = self.point.exact and self.point.found(
                ("read", reading.words), lambda: self._read(reading)
            )
            self._read_before[reading.words] = exact or self._read(reading)
        point = self._read_before[reading.words]
        point.budget = self.budget
        return point

    def _problem(self, reading: _Reading) -> Problem:
        """The problem as it is read otherwise."""
        assert self.point is not None
        problem = problem_of(self.point)
        params = list(problem.params)
        if (l := reading.transposed) is not None:
            params[l] = Layer(params[l].W.T, params[l].b)
        return replace(problem, network=reading.network, params=tuple(params))

    def _read(self, reading: _Reading) -> GraphPoint:
        assert self.point is not None
        return point_of(
            self._problem(reading),
            None,
            arithmetic=self.point.arithmetic,
            budget=self.budget,
            session=self.session,
        )

    @functools.cached_property
    def _probes(self) -> list[tuple[_Reading, Probes]]:
        readings = [reading for reading in _readings(self.network) if reading.transposed is None]
        probes = [probes_for(r.network, self.rate, self.session) for r in readings]
        for each in probes:
            each.budget.take_over(self.budget)
        return [*zip(readings, probes, strict=True)]

    def _everywhere(self, reading: _Reading) -> Everywhere:
        """All values of a sheet that is read otherwise, for all claims."""
        if reading.words not in self._all_values:
            own = of_layers(reading.network, None, None, None, self.rate, session=self.session)
            # The truth is read off the sweep alone: a verdict is not at stake.
            self._all_values[reading.words] = Everywhere(own, None, self.budget, self.session)
        return self._all_values[reading.words]

    def fitting(self, claim: Claim) -> list[str]:
        """The readings under which a wrong claim would be right, each as it follows "right if"."""
        try:
            return [*self._numbers(claim)] if self.point is not None else [*self._formulas(claim)]
        except NO_ANSWER:
            return []

    def _numbers(self, claim: Claim) -> Iterator[str]:
        if claim.value is None or self.point is None:
            return
        self.budget.spend(FLOAT_PASS / 4 * len(self._points) + PER_NUMBER * claim.numbers)
        if (turned := _transpose(claim.value)) and Comparison(
            claim.tree, self.point
        ).mismatch_of_value(turned) is None:
            yield "it is read transposed"
        mine = fractions(claim.value)
        try:
            numbers = mine.astype(float).ravel()
        except OverflowError:  # no reading has what is beyond all floats
            return
        most = np.array([as_float(p.half) for p in printed_entries(claim.value)])
        most += 1e-6 * abs(numbers)
        for reading, floats in self._points:
            try:
                if self._is_close(numbers, most, mine.shape, claim.tree, floats):
                    self.budget.spend(self.point.pass_work.both)
                    read = Comparison(claim.tree, self._exactly(reading))
                    if read.mismatch_of_value(claim.value) is None:
                        yield reading.words
            except NO_ANSWER:
                continue

    @staticmethod
    def _is_close(
        numbers: Array, most: Array, shape: tuple[int, ...], quantity: f.Node, floats: Carried
    ) -> bool:
        """Whether floats leave it open that numbers of a shape are a quantity, each
        `most` that much off."""
        with np.errstate(all="ignore"):
            truths = truths_at(floats, quantity)
        for _, value in truths:
            if not same_shape(value.shape, shape):
                return False
            if (abs(numbers - value.astype(float).ravel()) > most).any():
                return False
        return True

    def _formulas(self, claim: Claim) -> Iterator[str]:
        trees = [line.tree for line in claim.working if line.tree is not None]
        if not trees or len(trees) < len(claim.working):
            return
        for reading, probes in self._probes:
            try:
                if not all(self._agrees(claim.tree, tree, probes) for tree in trees):
                    continue
                comparison = IdentityComparison(claim.tree, self._everywhere(reading))
                outcomes = map(comparison.mismatch_of_line, reversed(trees))
                if all(outcome.mismatch is None for outcome in outcomes):
                    yield reading.words
            except (EvaluationError, Missing, Undecided, OutOfWork):
                continue

    def _agrees(self, quantity: f.Node, line: f.Node, probes: Probes) -> bool:
        """Whether a formula is a quantity at the first points: for most readings it is not."""
        point = next(iter(probes))
        self.budget.spend(FIRST * (follow_work(quantity, point) + point.formula_work(line)))

        def find() -> bool:
            for k, point in enumerate(itertools.islice(probes, LOOKS)):
                look = functools.partial(_in_floats, point)
                floats, scale = probes.kept(("in floats", k), look)
                if not _may_agree(floats, scale, quantity, line):
                    return False
            few = itertools.islice(probes, FIRST)
            return all(agree_at(point, point, quantity, line) for point in few)

        return bool(probes.kept(("first look", quantity, line), find))


def _in_floats(point: GraphPoint) -> tuple[Carried, float]:
    """A point in floats, and the largest number on the way there; inf where
    something is no number."""
    floats = Carried(point, floats=True)
    with np.errstate(all="ignore"):
        largest = [abs(array).max() for array in floats.everything() if array.size]
    return floats, float(np.nan_to_num(max(largest), nan=np.inf))


def _may_agree(floats: Carried, scale: float, quantity: f.Node, line: f.Node) -> bool:
    """Whether floats leave it open that a formula is a quantity at a point, but
    for SLACK of the numbers there, of which `scale` is the largest."""
    evaluator = Evaluator(floats)
    try:
        with np.errstate(all="ignore"):
            for binding, truth in truths_at(floats, quantity):
                for more in evaluator.bindings(line, quantity.letters):
                    mine = evaluator.value(line, {**binding, **more})
                    if not same_shape(mine.shape, truth.shape):
                        return False
                    mine, truth = mine.astype(float).ravel(), truth.astype(float).ravel()
                    if (abs(mine - truth) > SLACK * (abs(mine) + abs(truth) + scale)).any():
                        return False
    except NO_VALUE:  # which exact numbers may have
        return True
    return True
