"""Fresh exercises: a network of small whole numbers, at which every mistake of
the catalogue shows.

Numbers are drawn until all is readable by hand, no z is 0, layers with a kink
have live and dead units, and every mistake that can be made on the way changes
something that is asked for. Of a pool of such draws the one with the smallest
numbers is taken.
"""

import difflib
import itertools
import math
import operator
import random
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from gradsheet.claims.composing import claim, head
from gradsheet.claims.reader import read
from gradsheet.claims.sheet import Claim, Sheet, SheetError
from gradsheet.language.functions import ACTIVATIONS, facts_of
from gradsheet.mistakes.blind import SMALL, unseen
from gradsheet.mistakes.layer_pass import Pass
from gradsheet.network import losses
from gradsheet.network.losses import LOSSES
from gradsheet.network.network import Network
from gradsheet.network.problem import Problem
from gradsheet.solution.filling import fill
from manual import Layer
from manual.activations import Activation, Array, activate, split
from manual.losses import ALSO_CALLED

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
# From a target to an output that is alone: at 1 or 2 the loss would be the distance, and a wrong
# formula for it right.
ALONE = (3, 4, 5)

_Choose = Callable[..., Array]  # draws numbers from the choices given, in the shape given


class ExerciseError(ValueError):
    """An exercise that cannot be set; the message says why, and what to change."""


@dataclass(frozen=True)
class Outline:
    """The kind of exercise.

        Outline(widths=(2, 3, 1), activations=("relu", "identity"))

    `widths` are the inputs and every layer's units, `activations` one a layer;
    `examples` is None for a single example. A leaky_relu without a slope gets
    1/2. Raises ExerciseError where there are no such exercises.
    """

    widths: tuple[int, ...]
    activations: tuple[Activation, ...]
    loss: str = "half_squared_error"
    examples: int | None = None
    biases: bool = True
    title: str = ""

    def __post_init__(self) -> None:
        self._check_sizes()
        self._check_layers()
        self._check_loss()

    def _check_sizes(self) -> None:
        depth = len(self.widths) - 1
        if depth < 1:
            expected = "expected at least two: the inputs and a layer's units"
            raise ExerciseError(f"a network of {len(self.widths)} widths, {expected}")
        by_hand = "it is worked by hand"
        if depth > MAX_LAYERS:
            raise ExerciseError(f"{depth} layers, expected at most {MAX_LAYERS}: {by_hand}")
        for width in self.widths:
            if not 1 <= width <= MAX_WIDTH:
                raise ExerciseError(f"a width of {width}, expected 1 to {MAX_WIDTH}: {by_hand}")
        n = self.examples
        if n is not None and not 1 <= n <= MAX_EXAMPLES:
            raise ExerciseError(f"a batch of {n} examples, expected 1 to {MAX_EXAMPLES}: {by_hand}")

    def _check_layers(self) -> None:
        for l, activation in enumerate(self.activations, 1):
            _check_activation(activation, last=l >= len(self.activations))
        depth = len(self.widths) - 1
        if len(self.activations) != depth:
            raise ExerciseError(
                f"{len(self.activations)} activations, expected {depth}, one a layer"
            )
        if self.examples is not None:
            return
        layers = zip(self.widths[1:], self.activations, strict=True)
        for l, (units, activation) in enumerate(layers, 1):
            if facts_of(activation).dead and units < (least := 2 if l == 1 else 3):
                plural = "s" if units > 1 else ""
                raise ExerciseError(
                    f"{activation} on layer {l} of {units} unit{plural}: one example cannot show "
                    "both what a dead unit stops and what several live ones add up; use "
                    f"{least} units or a batch of 2 examples"
                )

    def _check_loss(self) -> None:
        if self.loss not in LOSSES:
            hint = _hint(ALSO_CALLED.get(self.loss.lower(), self.loss), LOSSES)
            raise ExerciseError(f"unknown loss {self.loss!r}: {hint}")
        last, end = split(self.activations[-1])[0], LOSSES[self.loss].behind
        if end not in ("", last):
            expected = f"expected {end} on the last layer: the loss takes logarithms"
            raise ExerciseError(f"the loss {self.loss} behind {last}, {expected}")
        if self.loss == "output" and (units := self.widths[-1]) != 1:
            raise ExerciseError(
                f'the loss "output" needs a single output, the last layer has {units} units'
            )

    @cached_property
    def network(self) -> Network:
        """The network of all exercises of this kind."""
        activations = tuple(map(_spelt_out, self.activations))
        biases = ("units" if self.biases else None,) * len(activations)
        return Network(tuple(self.widths), biases, activations, self.loss, "mean", self.examples)


def _spelt_out(activation: Activation) -> Activation:
    """An activation with its slope, a fraction, where it has one."""
    name, slopes = split(activation)
    if not facts_of(name).parameters:
        return name
    return name, Fraction(str(slopes[0])) if slopes else SLOPE


def _check_activation(activation: Activation, last: bool) -> None:
    """Raise ExerciseError where a layer, perhaps the last, cannot have an activation."""
    name, slopes = split(activation)
    if name not in ACTIVATIONS:
        raise ExerciseError(f"unknown activation {name!r}: {_hint(name, ACTIVATIONS)}")
    if facts_of(name).mixes and not last:
        raise ExerciseError(f"{name} before the last layer, expected it on the last layer only")
    if slopes and not facts_of(name).parameters:
        raise ExerciseError(f"{name} with a slope, which only leaky_relu has")
    if slopes and not 0 < slopes[0] < 1:
        raise ExerciseError(f"leaky_relu with slope {slopes[0]}, expected one between 0 and 1")


def _hint(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name.lower(), known, 1)
    return f"did you mean {near[0]}?" if near else f"expected one of {', '.join(known)}"


@dataclass(frozen=True)
class Exercise:
    """Two sheets: the `problem` asks, with no value in it; the `key` has the answers as well."""

    problem: str
    key: str


def exercise(outline: Outline, seed: int | str, source: str = "") -> Exercise:
    """Set an exercise of this kind; the same seed gives the same one on every machine.

        fresh = exercise(Outline((2, 3, 1), ("relu", "identity")), seed=7)
        Path("exercise.toml").write_text(fresh.problem)

    The title and the source, where the sheets come from, change nothing else.
    Raises ExerciseError where none is found.
    """
    return _search(outline, seed).titled(outline.title or TITLE, source)


def class_list(
    outline: Outline, names: Sequence[str], seed: int | str, source: str = ""
) -> Iterator[tuple[str, Exercise]]:
    """Set an exercise for every name, no two alike, each with a stem for its file.

        for stem, fresh in class_list(outline, ["Ada", "Bo"], seed=7):
            Path(f"{stem}.toml").write_text(fresh.problem)  # ada.toml, bo.toml

    Who else is on the list does not matter to anybody's exercise, unless two
    would have had the same one. Each is drawn when it is asked for. Raises
    ExerciseError where there are no more.
    """
    given = set[str]()
    for name, stem in zip(names, stems(names), strict=True):
        for attempt in range(1, MAX_CLASHES + 1):
            personal = f"{seed}/{name}" if attempt == 1 else f"{seed}/{name}/{attempt}"
            draft = _search(outline, personal)
            if (numbers := head(draft.sheet)) not in given:
                break
        else:
            raise ExerciseError(
                f"only {len(given)} different exercises of this kind were found: use wider layers"
            )
        given.add(numbers)
        yield stem, draft.titled(f"{outline.title or TITLE}: {name}", source)


def stems(names: Sequence[str]) -> list[str]:
    """Make a stem of a file for every name, no two alike: Ada and Ada are ada and ada-2.

    Names in any other order have the same stems.
    """
    taken = dict[str, int]()
    for place in sorted(range(len(names)), key=names.__getitem__):
        stem = _stem(names[place])
        numbered = (f"{stem}-{number}" for number in itertools.count(2))
        taken[next(s for s in itertools.chain([stem], numbered) if s not in taken)] = place
    return sorted(taken, key=taken.__getitem__)


def _stem(name: str) -> str:
    """A name as that of a file: its letters of any script, without accents where
    plain ones are left, and a hyphen for all that may mean something in a path.
    """
    letters = list[str]()
    # Small letters, since some file systems do not tell them from capitals.
    for letter in unicodedata.normalize("NFC", name.lower()):
        plain = unicodedata.normalize("NFKD", letter).encode("ascii", "ignore").decode()
        letters += plain or letter
    kinds = [unicodedata.category(letter)[0] for letter in letters]
    kept = [a if kind in "LMN" else "-" for a, kind in zip(letters, kinds, strict=True)]
    stem = re.sub("-+", "-", "".join(kept)).strip("-")[:60]
    # A file name has at most 255 bytes; so much is left for its ending and a number.
    return stem.encode()[:180].decode(errors="ignore").strip("-") or "student"


@dataclass(frozen=True)
class _Draft:
    """The numbers of an exercise as a sheet, and the claims of its key."""

    sheet: Sheet
    answers: str

    def titled(self, title: str, source: str) -> Exercise:
        network = self.sheet.network
        exactly = "numbers exactly, as 6, 4.5 or '9/2' with its quotes"
        how = exactly if network.rational else "decimals with four digits or more"
        note = (
            "W has a row for every unit and a column for every input; a layer without activation "
            "has h = z. z1 is what layer 1 has before its activation, h1 behind it, yhat the "
            "output, L the loss; dL/dz1 is the gradient by z1. Write `value = ...` under each "
            f"quantity, {how}, vectors as [1, -2] and matrices as [[1, 2], [3, 4]]. What you "
            "leave out is an open question, and the rest is judged: `gradsheet --hint` on this "
            "file says what is right and where to look again."
        )
        top = head(self.sheet, title, note, source)
        return Exercise(top + _questions(network), top + self.answers)


def _questions(network: Network) -> str:
    """What is asked, as claims without values: the forward pass, then the backward pass."""
    forward, backward = list[str](), list[str]()
    for l, activation in enumerate(network.activations, 1):
        last, active = l == network.depth, activation != "identity"
        # Where z and h are the same, one of them is enough.
        if active or not last:
            forward.append(f"z{l}")
        if active or last:
            forward.append("yhat" if last else f"h{l}")
        names = (f"{letter}{l}" for letter in "zWb")
        backward[:0] = [f"dL/d{name}" for name in names if name in network.shapes]
    text = ""
    for number, quantities in ((1, [*forward, "L"]), (2, backward)):
        for k, quantity in enumerate(quantities):
            text += claim(quantity, question=f"{number}{chr(ord('a') + k)}")
    return text


def _search(outline: Outline, seed: int | str) -> _Draft:
    """Draw numbers until every mistake shows; raises ExerciseError where that takes too long."""
    network = outline.network
    kind = (network.widths, network.activations, network.loss, network.examples, outline.biases)
    questions = tuple[Claim, ...]()  # the same for all sheets of this kind
    always: set[str] | None = None  # the mistakes that have not shown anywhere
    for sheet in itertools.islice(_sheets(network, random.Random(f"{kind} {seed}")), MAX_TRIES):
        questions = questions or read(head(sheet) + _questions(network)).claims
        hidden = _hidden(sheet, questions)
        if not hidden and (answers := _answers(sheet)) is not None:
            return _Draft(sheet, answers)
        always = hidden if always is None else always & hidden
    if always is None:
        raise ExerciseError(
            "no small whole numbers fit this kind of exercise: use fewer examples or narrower "
            "layers"
        )
    never = f", and none of those tried that {min(always)}" if always else ""
    raise ExerciseError(
        f"no exercise of this kind was found that shows every mistake{never}: use wider layers, "
        "more examples, other activations or another loss"
    )


def _sheets(network: Network, draw: random.Random) -> Iterator[Sheet]:
    """Sheets without claims, of each pool those with the smallest numbers.

    All that is asked for is a multiple of 1/grain: first whole numbers, then
    short fractions; of no grain where an exponential leaves no number short.
    """
    grains = (1, 100 * (network.examples or 1)) if network.rational else (None,)
    for grain in grains:
        for _ in range(POOLS):
            for numbers in _pool(network, draw, grain)[:TRIED]:
                yield _sheet(network, numbers, grain)


class _Numbers(NamedTuple):
    """Numbers for an exercise, as floats: exact, where only halves are taken of such small ones."""

    params: list[Layer]
    x: Array
    y: Array | None


def _pool(network: Network, draw: random.Random, grain: int | None) -> list[_Numbers]:
    """Many draws, those that fit, from the smallest numbers on."""
    distances: Sequence[int] = DISTANCES
    if network.widths[-1] * (network.examples or 1) == 1:
        distance = ALONE[int(len(ALONE) * draw.random())]
        distances = (-distance, distance)
    draws = (_draw(network, draw, grain, distances) for _ in range(POOL))
    return _smallest(network, [numbers for numbers in draws if numbers is not None], grain)


def _draw(
    network: Network, draw: random.Random, grain: int | None, distances: Sequence[int]
) -> _Numbers | None:
    """Numbers with signs as they should be, None where none are found."""

    def choose(choices: Sequence[int], *shape: int) -> Array:
        # Only random() itself is promised to stay the same in every version of Python.
        count, random = len(choices), draw.random
        drawn = [choices[int(count * random())] for _ in range(math.prod(shape))]
        return np.array(drawn, float).reshape(shape)

    h = x = choose(SMALL, network.examples or 1, network.widths[0])
    params = list[Layer]()
    layers = zip(network.activations, network.widths[1:], network.biases, strict=True)
    for activation, units, bias in layers:
        inputs = h.tolist() if bias is None else [[*row, 1.0] for row in h.tolist()]
        layer = _layer(activation, inputs, units, draw)
        if layer is None:
            return None
        W, z = layer
        params.append(Layer(W) if bias is None else Layer(W[:, :-1], W[:, -1]))
        h = activate(activation, z)
    return _Numbers(params, x, _targets(network, choose, h, grain, distances))


def _smallest(network: Network, drawn: Sequence[_Numbers], grain: int | None) -> list[_Numbers]:
    """Those draws where all that is asked is a multiple of 1/grain, from the smallest on."""
    if not drawn:
        return []
    # One pass has them all, as variants.
    layers = zip(*(numbers.params for numbers in drawn), strict=True)
    params = tuple(
        Layer(np.stack([W for W, _ in layer]), _stacked([b for _, b in layer])) for layer in layers
    )
    x, y = np.stack([numbers.x for numbers in drawn]), _stacked([numbers.y for numbers in drawn])
    passed = Pass(Problem(network, params, x, y), variants=len(drawn))
    nodes = [*passed.z, *passed.h[1:]]
    names = [f"{letter}{l}" for l in range(1, network.depth + 1) for letter in "zWb"]
    backward = [passed.gradients[name] for name in names if name in passed.gradients]
    asked = [array.reshape(len(drawn), -1) for array in (*nodes, passed.node("L"), *backward)]
    entries = np.hstack(asked)
    fitting = np.ones(len(drawn), bool)
    if grain is not None:
        whole = entries * grain
        whole[:, sum(array.shape[1] for array in asked[: len(nodes)])] *= 2  # L: 9/2 is not awkward
        fitting = (abs(whole - np.rint(whole)) <= 1e-6).all(1)
    # Rounded, so that the last bits of an exponential do not choose.
    largest = [round(float(number), 6) for number in abs(entries).max(1)]
    return [drawn[k] for k in sorted(np.flatnonzero(fitting).tolist(), key=lambda k: largest[k])]


def _stacked(arrays: Sequence[Array | None]) -> Array | None:
    present = [array for array in arrays if array is not None]
    return np.stack(present) if len(present) == len(arrays) else None


def _sheet(network: Network, numbers: _Numbers, grain: int | None) -> Sheet:
    """The numbers as they are exactly, as a sheet without claims."""
    most = grain or 1
    fractions = np.vectorize(lambda v: Fraction(round(v * most), most), [object])

    def exact(array: Array | None) -> Any:
        return None if array is None else np.asarray(fractions(array))

    params = tuple(Layer(exact(W), exact(b)) for W, b in numbers.params)
    return Sheet("-", "", network, params, exact(numbers.x), exact(numbers.y), None, {}, ())


def _layer(
    activation: Activation, inputs: list[list[float]], units: int, draw: random.Random
) -> tuple[Array, Array] | None:
    """A layer's rows of weights and its z, None where none are found.

    No z is 0, some units are dead but not most, and none saturates.
    """
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
        dead, count = sum(v < 0 for z in columns for v in z), units * len(inputs)
        # Behind no activation, what a relu would change has to be there.
        some_dead = dead >= 1 and (not facts.kinked or 2 * dead <= count)
        if count == 1 or not facts.rational or some_dead:
            return np.array(rows, float), np.array(columns, float).T
    return None


def _targets(
    network: Network, choose: _Choose, yhat: Array, grain: int | None, distances: Sequence[int]
) -> Array | None:
    """Small targets, where that can be at such a distance that dL/dyhat is a whole number."""
    last, loss = facts_of(network.activations[-1]), losses.of(network.loss)
    if network.loss == "output":
        return None
    if last.mixes:
        classes = choose(range(yhat.shape[1]), len(yhat)).astype(int)
        return np.asarray(np.eye(yhat.shape[1])[classes])
    if grain is None:
        near = [end for end in last.between if math.isfinite(end)]  # where outputs come close to
        return choose(near if len(near) == 2 else SMALL, *yhat.shape)
    assert loss.factor is not None
    spacing = (loss.factor(yhat.shape[1]) / len(yhat)).denominator if grain == 1 else 1
    return np.asarray(yhat - choose(distances, *yhat.shape) * spacing)


def _hidden(sheet: Sheet, questions: tuple[Claim, ...]) -> set[str]:
    """The mistakes that change nothing that is asked for."""
    return {instance.text for instance in unseen(replace(sheet, claims=questions))}


def _answers(sheet: Sheet) -> str | None:
    """The claims of the key, None where some mistake does not show in their digits."""
    try:
        key = fill(head(sheet) + _questions(sheet.network))
    except SheetError as error:
        reason = f"no exercise of this kind can be judged, {error}: use smaller layers"
        raise ExerciseError(reason) from None
    return None if unseen(read(key)) else key.removeprefix(head(sheet))
