"""What a sheet cannot see: the mistakes that leave every number that it asks
for as it is.

Whoever makes such a mistake gets full marks. Other data, or one more question,
would show it: small whole numbers are tried, and those are proposed at which
every mistake changes something, and as many as possible an asked number.
"""

import functools
import itertools
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np

from gradsheet.claims.sheet import Sheet, SheetError
from gradsheet.language import formula as f
from gradsheet.language.formula import NEW
from gradsheet.language.parsing import parse
from gradsheet.mistakes.catalogue import Instance, instances
from gradsheet.mistakes.layered import network_of, point_of, problem_of
from gradsheet.mistakes.probes import numbers, probes_for
from gradsheet.mistakes.simulation import Run, Simulation, changed, numbers_of, simulate
from gradsheet.network import losses
from gradsheet.network.layers import program_of
from gradsheet.network.network import Network
from gradsheet.numbers.budget import FLOAT_PASS, FLOATS, MAX_OPERATIONS, PER_VARIANT, Budget
from gradsheet.numbers.printed import Value, as_float, exact_text, plain, printed_entries
from gradsheet.numbers.reasons import EvaluationError, Missing, Undecided
from gradsheet.numbers.session import LIBRARY, Session
from gradsheet.truth.graph_point import GraphPoint
from gradsheet.truth.target import core_of
from gradsheet.truth.work import FormulaWork, SweepWork
from manual import Layer
from manual.activations import Array

DRAWS = 200  # of small numbers
SMALL, SMALL_BITS = (-3, -2, -1, 1, 2, 3), 2
GENERIC = 8  # points that stand for all weights
SEED = 17  # the same sheet gets the same proposal
CORNER = "mask-at-zero"  # shows only where a z is exactly 0, and there is no verdict there

# Quantities, and what is claimed of them where it is a number.
Asked = Mapping[f.Node, Value | None]
Further = Mapping[str, f.Node]  # quantities to ask for as well, by name


@dataclass
class Blindness:
    """What a sheet sees of the `total` mistakes that can be made on the way to
    what it asks for, and how to see more.

    `unseen` change none of the asked numbers. `data` is small whole numbers of
    the same shapes, as lines of a sheet, at which the same questions see all
    but `hidden`; `more` are quantities to ask for as well, with the mistakes
    that each shows. Where no numbers show more than the sheet's own there is no
    data. Nor has a sheet over all weights any: it sees whatever its quantities
    can show.
    """

    total: int
    unseen: list[Instance]
    data: list[str] = field(default_factory=list)
    hidden: list[Instance] = field(default_factory=list)
    more: dict[str, list[Instance]] = field(default_factory=dict)


@dataclass(eq=False)
class _View:
    """What changes when a mistake is made: of each whether an asked number is
    `seen` to, and by name the further quantities in which it is `shown`. One in
    several `variants` is seen where one of them is."""

    point: GraphPoint
    made: Sequence[Instance]
    asked: Asked
    seen: Array
    shown: dict[str, Array] = field(default_factory=dict)

    @functools.cached_property
    def variants(self) -> dict[str, list[int]]:
        """The numbers of what is one mistake in words; without those in what the
        questions do not need, which is no test."""
        nodes = itertools.chain(*map(f.walk, self.asked))
        by_x = any(isinstance(d, f.Derivative) and d.by.name == "x" for d in nodes)
        asks_for_new = _asks_for_new(self.asked)
        variants: dict[str, list[int]] = {}
        for number, instance in enumerate(self.made):
            step = instance.mistake.step
            needed = by_x or step.split(".")[0] != "d_h" or instance.layers != (1,)
            needed = needed and (asks_for_new or not step.endswith(NEW))
            if needed and instance.code != CORNER:
                variants.setdefault(instance.text, []).append(number)
        return variants

    @property
    def instances(self) -> list[Instance]:
        """One mistake each of the same words."""
        return [self.made[numbers[0]] for numbers in self.variants.values()]

    def _any(self, shows: Array) -> list[bool]:
        return [bool(shows[numbers].any()) for numbers in self.variants.values()]

    @property
    def hidden(self) -> list[Instance]:
        """The mistakes that change nothing that is asked for."""
        seen = self._any(self.seen)
        return [i for i, is_seen in zip(self.instances, seen, strict=True) if not is_seen]

    def worth(self) -> tuple[int, int]:
        """How many mistakes change anything at all, and how many an asked number."""
        anything = np.asarray(np.any([*self.shown.values(), self.seen], 0))
        return sum(self._any(anything)), sum(self._any(self.seen))

    def more(self) -> dict[str, list[Instance]]:
        """The few quantities to ask for as well, each with the hidden mistakes
        that it shows; "" with the rest."""
        shown = {
            name: dict(zip(self.variants, self._any(shows), strict=True))
            for name, shows in self.shown.items()
        }
        left, chosen = self.hidden, dict[str, list[Instance]]()
        while left:
            best = max(shown, key=lambda name: sum(shown[name][instance.text] for instance in left))
            new = [instance for instance in left if shown[best][instance.text]]
            if not new:
                return {**chosen, "": left}
            chosen[best] = new
            left = [instance for instance in left if instance not in new]
        return chosen


def _asks_for_new(asked: Asked) -> bool:
    """Whether anything is asked for as it is after an update."""
    nodes = itertools.chain(*map(f.walk, asked))
    return any(isinstance(q, f.Quantity) and q.name.endswith(NEW) for q in nodes)


def _further(network: Network, asked: Asked) -> Further:
    """The quantities that may be asked for as well."""
    names = [f"dL/d{n}" for n in network.shapes if network.no_derivative("L", n) is None]
    names += [n for n in network.shapes if n[0] in "zhL" or n.startswith("yhat") or n.endswith(NEW)]
    lost = {"L", f"L{NEW}"} if network.loss is None else set()
    new = _asks_for_new(asked)
    names = [name for name in names if name not in lost and (new or not name.endswith(NEW))]
    return {name: parse(name, network.names) for name in names}


def _look(
    simulations: Sequence[Simulation], asked: Asked, further: Further, *, digits: bool = False
) -> _View:
    """Make every mistake at some points and look at what changes: of what is
    asked for, in its `digits` where it has some, and besides."""
    made = simulations[0].instances
    view = _View(simulations[0].point, made, asked, np.zeros(len(made), bool))
    view.shown = {name: np.zeros_like(view.seen) for name in further}
    for simulation in simulations:
        run = Run(simulation, [(), *simulation.singles])
        for tree, value in asked.items():
            try:
                values = run.values(tree)
            except (EvaluationError, Missing):  # an index outside its axis
                continue
            shows = changed(values)
            printed = printed_entries(value) if digits and value else []
            if len(printed) == values.shape[-1]:  # what does not show in the digits does not show
                halves = np.array([as_float(p.half) for p in printed])
                shows &= ~(abs(values[1:] - values[:1]) <= halves)
            view.seen |= shows.any(-1)
        for name, tree in further.items():
            view.shown[name] |= changed(run.values(tree)).any(-1)
    return view


def _view(sheet: Sheet, session: Session, further: Further) -> _View:
    """What changes at the numbers of a sheet, of what it asks for and besides."""
    simulations = [simulate(point_of(sheet.problem, None, session=session))]
    return _look(simulations, _asked(sheet), further, digits=True)


def _view_work(sheet: Sheet, session: Session) -> int:
    """The operations of making every mistake at one point, and of comparing all
    that comes of it."""
    network, examples = sheet.network, sheet.network.examples or 1
    made = len(instances(network, sheet.rate is not None and network.update is not None))
    passes = (
        2 * SweepWork(program_of(network, session), SMALL_BITS).both + FLOAT_PASS * network.depth
    )
    formulas = FormulaWork(network, SMALL_BITS)
    trees = [claim.tree for claim in sheet.readable.claims if core_of(claim.tree, 1) is None]
    each = numbers_of(network, examples) // FLOATS + PER_VARIANT + sum(map(formulas.of, trees))
    return passes + 2 * made * each


def _asked(sheet: Sheet) -> Asked:
    return {claim.tree: claim.value for claim in sheet.readable.claims}


def unseen(sheet: Sheet, session: Session = LIBRARY) -> list[Instance]:
    """The mistakes that change nothing that a sheet with numbers asks for, as
    far as its digits tell."""
    return _view(sheet, session, {}).hidden


def blindness(sheet: Sheet, session: Session = LIBRARY) -> Blindness:
    """What a sheet cannot see. Raises Undecided where no data off all kinks is
    found, or the sheet's is too much; SheetError where the network is one of
    its own."""
    sheet.of_layers("searched for what it cannot see")
    rate, asked = sheet.exact_rate, _asked(sheet)
    further = _further(sheet.network, asked)
    one = _view_work(sheet, session)
    if one * (GENERIC if sheet.params is None else 1) > MAX_OPERATIONS:
        raise SheetError(
            f"making every mistake in this network takes {one:,} operations, expected at most "
            f"{MAX_OPERATIONS:,}: take a smaller one"
        )
    if sheet.params is None or sheet.x is None:
        probes = probes_for(sheet.network, rate, session)
        probes.budget.start()
        points = [*itertools.islice(probes, 1, 1 + GENERIC)]
        view = _look([simulate(point) for point in points], asked, further)
        return Blindness(len(view.instances), view.hidden, hidden=view.hidden, more=view.more())
    here = _view(sheet, session, further)
    total, hidden = len(here.instances), here.hidden
    if not hidden:
        return Blindness(total, hidden)
    budget, draw = Budget(), random.Random(SEED)
    budget.start()
    draws = min(DRAWS, MAX_OPERATIONS // (2 * one) + 1)
    drawn = (_drawn(sheet, draw, budget, session) for _ in range(draws))
    best: _View | None = None
    for simulation in map(simulate, drawn):
        if not _on_a_kink(simulation):
            view = _look([simulation], asked, further)
            best = view if best is None or view.worth() > best.worth() else best
            if best.worth() == (total, total):
                break
    if best is None:
        raise Undecided(f"none of {draws} draws of small whole numbers is off every kink")
    if best.worth() <= here.worth():  # other numbers change nothing
        return Blindness(total, hidden, hidden=hidden, more=here.more())
    return Blindness(total, hidden, _as_lines(best.point), best.hidden, best.more())


def _drawn(sheet: Sheet, draw: random.Random, budget: Budget, session: Session) -> GraphPoint:
    """A point of a sheet's shapes with small whole numbers."""

    def small(array: Array) -> Array:
        return numbers(lambda: draw.choice(SMALL), *array.shape)

    problem = sheet.problem
    params = tuple(Layer(small(W), None if b is None else small(b)) for W, b in problem.params)
    y = None if problem.y is None else _targets(sheet.network, draw, small(problem.y))
    drawn = replace(problem, params=params, x=small(problem.x), y=y)
    return point_of(drawn, None, budget=budget, session=session)


def _targets(network: Network, draw: random.Random, y: Array) -> Array:
    """Targets that a loss allows: 0 and 1 for a binary cross-entropy, one 1 a
    row for a cross-entropy."""
    loss = losses.of(network.loss)
    if not loss.probabilities:
        return y
    for row in y:
        ones = [draw.randrange(len(row))] if loss.add_up else np.flatnonzero([v > 0 for v in row])
        row[:] = Fraction(0)
        row[ones] = Fraction(1)
    return y


def _on_a_kink(simulation: Simulation) -> bool:
    run = Run(simulation, [()])
    return any((run.passed.node(f"z{l}") == 0).any() for l in network_of(simulation.point).kinked)


def _as_lines(point: GraphPoint) -> list[str]:
    """The data of a point as lines of a sheet."""
    problem = problem_of(point)
    single = problem.network.examples is None

    def line(name: str, array: Array | None) -> list[str]:
        return [] if array is None else [f"{name} = {plain(exact_text(array))}"]

    x, y = problem.x, problem.y
    lines = line("x", x[0] if single else x) + line("y", y[0] if single and y is not None else y)
    for W, b in problem.params:
        lines += ["[[layer]]", *line("W", W), *line("b", b)]
    return lines


def told(found: Blindness) -> Sequence[str]:
    """The blindness as a person reads it, line by line."""
    if not found.unseen:
        return [f"sees all {found.total} mistakes that can be made on the way to what it asks for"]
    lines = [
        f"cannot see {len(found.unseen)} of {found.total} mistakes that can be made on the way to "
        "what it asks for"
    ]
    lines += [f"  {instance.code:28}  {instance.text}" for instance in found.unseen]
    if found.data:
        most = f"all but {len(found.hidden)}" if found.hidden else "all"
        lines += ["", f"With these numbers the same questions see {most}:"]
        lines += [f"  {line}" for line in found.data]
    if found.more:
        lines += ["", f"To see {'the rest' if found.data else 'them'}, ask for more:"]
        for name, shown in found.more.items():
            codes = ", ".join(dict.fromkeys(instance.code for instance in shown))
            lines.append(f"  {name or 'nothing shows'}: {codes}")
    return lines
