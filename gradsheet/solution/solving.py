"""The steps of a solution: forward, loss, backward layer by layer, the update, and what else a sheet asks for."""

import functools
import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from gradsheet import formula as f
from gradsheet.composing import formula_text
from gradsheet.derivation import true_formula
from gradsheet.evaluate import NO_VALUE
from gradsheet.judgement import Judgement, Report
from gradsheet.network import NEW, Network
from gradsheet.number import plain
from gradsheet.point import AtKink, Budget, Point, any_d_yhat
from gradsheet.report import short
from gradsheet.sheet import Claim, Sheet
from gradsheet.solution.checking import checked
from gradsheet.solution.digits import Digits
from gradsheet.solution.numbers import Numbers, TooLong, tree_of
from gradsheet.solution.rules import LETTERS, Rules
from gradsheet.solution.solution import Line, Remark, Section, Solution, Step
from gradsheet.solution.words import why
from gradsheet.steps import Tensor
from gradsheet.target import core_of
from gradsheet.verdict import derived, judge, quotes

MAX_SECONDS = 3.0  # for the values of a solution; what has none by then is left out
MAX_ENTRY = 40  # characters of an entry of a matrix that is written from the beginning, not from the step before
MAX_WRITTEN = 16  # entries of a vector or matrix that are written out one by one


def solve(sheet: Sheet) -> Solution:
    """The worked solution of a sheet, with a remark on every claim at the step that it speaks of.

    A sheet read with `blank` may have claims that only ask. Every step has been judged: what the judge finds wrong,
    which would be a fault of gradsheet, is left out with a RuntimeWarning.
    """
    answered = [claim.value is not None or bool(claim.working) for claim in sheet.claims]
    report = judge(replace(sheet, claims=tuple(itertools.compress(sheet.claims, answered))))
    judgements = iter(report.judgements)
    paired = [(claim, next(judgements) if own else None) for claim, own in zip(sheet.claims, answered, strict=True)]
    writer = _Writer(sheet) if sheet.params is None else _Reckoner(sheet)
    sections = _sections(sheet, writer, paired)
    steps = [step for section in sections for step in section.steps]
    unchecked = checked(sheet, steps)
    return Solution(sheet, report.reading, sections, _causes(report), writer.digits.digits, unchecked)


def _causes(report: Report) -> list[str]:
    return [cause.sentence(report.judgements) for cause in report.causes]


class _Writer:
    """Writes the steps of a sheet over all weights: formulas, each from the step before, then from the beginning."""

    def __init__(self, sheet: Sheet):
        self.sheet, self.network = sheet, sheet.network
        taken = {*sheet.notation, *sheet.network.names}
        self.rules = Rules(sheet.network, [letter for letter in LETTERS if letter not in taken], cancels=self.cancels)
        self.digits = Digits(sheet)

    @property
    def cancels(self) -> bool:
        """Whether targets add up to 1, so that a softmax and its cross-entropy have a simple gradient together."""
        return True

    def parse(self, text: str, notation: Mapping[str, f.Node] | None = None) -> f.Node | None:
        """A formula, None where there is none or it is longer than the language allows."""
        try:
            return f.parse(text, self.network.names, self.sheet.notation if notation is None else notation)
        except f.FormulaError:
            return None

    def lines(self, texts: Sequence[str | None]) -> list[Line]:
        """Lines of the formulas that there are, none twice."""
        trees = [self.parse(text) for text in texts if text is not None]
        return [Line(tree) for tree in dict.fromkeys(trees) if tree is not None]

    def closed(self, core: f.Node, names: Sequence[str]) -> str | None:
        """The formula of a derivative from the beginning, in terms of x, the weights and dL/dyhat."""
        notation = {name: self.sheet.notation[name] for name in names}
        found = true_formula(core, self.network, notation)
        return found[1] if found else None

    def standard(self, tensor: Tensor) -> list[Step]:
        """The steps to a node or gradient."""
        indices = self.rules.open(tensor)
        quantity = _indexed(tensor, indices)
        names = _names(None, self.sheet)
        closed = self.closed(quantity, names) if isinstance(tensor, tuple) else None
        lines = [line for line in self.lines([self.rules.entry(tensor, indices), closed]) if line.tree != quantity]
        missing = "" if lines else "The loss is not given: this stands as a symbol."
        return [Step(quantity, lines, why=why(tensor, self.network), missing=missing, names=names)]

    def answer(self, claim: Claim, core: f.Node | None, judgement: Judgement | None) -> Step:
        """The step to what a claim asks for, in its own letters."""
        names, step = _names(claim, self.sheet), Step(claim.tree)
        trees = self.formulas(core, names) if core is not None else []
        if not trees and core is None:
            trees = self.other(claim.tree, names)
        if not trees and judgement is not None and judgement.verdict == "right":
            trees = [line.tree for line in claim.working if line.tree is not None][-1:]
        trees = [tree if core is None else _put_for(claim.tree, core, tree) for tree in trees]
        step.lines = [Line(tree) for tree in dict.fromkeys(trees) if not quotes(tree, claim.tree, self.network)]
        if not step.lines:
            step.missing = self._why_none(core)
        return step

    def _why_none(self, core: f.Node | None) -> str:
        """Why a quantity has no formula."""
        if core is None:
            return "The formula language has no words for this."
        tensor, indices = _tensor(core, self.network)
        if tensor == ("L", "yhat") and self.network.loss is None:
            return "The loss is not given: this stands as a symbol."
        if math.prod(_axes(core, self.network)[len(indices) :]) > MAX_WRITTEN:
            return f"More than {MAX_WRITTEN} formulas: ask for an entry, with indices."
        return "The formula language has no words for this."

    def other(self, tree: f.Node, names: Sequence[str]) -> list[f.Node]:
        """The formula of a quantity that is itself one: its derivatives written out, or the slope that it is."""
        match tree:
            case f.Call("drelu", (argument,)):
                return [f.Call("step", (argument,))]
            case f.Call("dsigmoid", (argument,)):
                one, sigmoid = self.parse("1"), f.Call("sigmoid", (argument,))
                assert one is not None
                return [f.Binary("*", sigmoid, f.Binary("-", one, sigmoid))]
            case f.Call("dtanh", (argument,)):
                one = self.parse("1")
                assert one is not None
                return [f.Binary("-", one, f.Power(f.Call("tanh", (argument,)), 2))]
        parts = {part for part in f.walk(tree) if isinstance(part, f.Derivative)}
        found = tree
        for part in parts:
            if not (trees := self.formulas(part, names)):
                return []
            found = _put_for(found, part, trees[-1])
        return [found] if parts else []

    def formulas(self, core: f.Node, names: Sequence[str]) -> list[f.Node]:
        """The formulas of one quantity or derivative: from the step before, and from the beginning."""
        tensor, indices = _tensor(core, self.network)
        axes = _axes(core, self.network)
        if len(indices) == len(axes) or all(size == 1 for size in axes[len(indices) :]):
            full = (*_plain(indices), *[1] * (len(axes) - len(indices)))
            texts = [self.rules.entry(tensor, full), self.closed(core, names)]
            return [line.tree for line in self.lines(texts)]
        if math.prod(axes[len(indices) :]) > MAX_WRITTEN:
            return []
        entry = functools.partial(self._entry, core, tensor, indices, names)
        found = _nested(axes[len(indices) :], entry)
        return [found] if found is not None else []

    def _entry(
        self, core: f.Node, tensor: Tensor, given: tuple[f.Index, ...], names: Sequence[str], rest: tuple[int, ...]
    ) -> f.Node | None:
        """The formula of one of the entries that a quantity leaves open."""
        full = (*given, *rest)
        text, closed = (
            self.rules.entry(tensor, tuple(_plain(full))),
            self.closed(_with(core, full, self.network), names),
        )
        short = closed is not None and len(closed) <= MAX_ENTRY and self.sheet.params is None
        return self.parse((closed if short or text is None else text) or "")


class _Reckoner(_Writer):
    """Reckons the steps of a sheet with numbers: the formula, the numbers put in, the result."""

    def __init__(self, sheet: Sheet):
        super().__init__(sheet)
        assert sheet.params is not None
        assert sheet.x is not None
        import gradsheet.autodiff  # noqa: F401  # the time that JAX takes to import is not the sheet's

        budget = Budget()
        budget.start(MAX_SECONDS)
        rate = None if sheet.rate is None else sheet.rate.value
        jax_of = derived(sheet) | ({"L", f"L{NEW}"} if sheet.network.loss is not None else set())
        options: Any = {"rate": rate, "budget": budget}
        d_yhat = any_d_yhat(sheet.network)
        self.point = Point(sheet.network, sheet.params, sheet.x, sheet.y, d_yhat, jax_of, **options)
        self.numbers = Numbers(self.point, self.digits)

    @property
    def cancels(self) -> bool:
        y = self.sheet.y
        return y is None or self.network.loss != "cross_entropy" or all(sum(row) == 1 for row in y)

    def standard(self, tensor: Tensor) -> list[Step]:
        quantity, indices = _indexed(tensor, ()), self.rules.open(tensor)
        words = why(tensor, self.network, self.point)
        before = []
        whole, entry = self.rules.whole(tensor), self.rules.entry(tensor, indices)
        lines = self.lines([whole])
        fill: Callable[[], tuple[f.Node, bool]] | None = None
        if lines:
            fill = functools.partial(self.numbers.put_in, lines[0].tree)
        elif entry is not None and (formula := self.parse(entry)) is not None:
            letters = [i for i in indices if isinstance(i, str)]
            axes = self.rules.axes(tensor)
            before = [Step(_indexed(tensor, indices), [Line(formula)], why=words)] if letters else []
            lines = [] if letters else [Line(formula)]
            fill = functools.partial(self._entries, formula, indices, axes)
            words = "" if letters else words
        step = self._reckoned(Step(quantity, lines, why=words), fill)
        if whole is not None and step.lines and (done := self._suppressed(self.numbers.product_done, lines[0].tree)):
            step.lines.append(Line(done))
        return [step] if step.missing else [*before, step]

    def _entries(self, formula: f.Node, indices: tuple[Any, ...], axes: tuple[int, ...]) -> tuple[f.Node, bool]:
        """Every entry with its numbers, as a vector or matrix."""
        if math.prod(axes) > MAX_WRITTEN:
            raise TooLong
        rounded = False

        def one(rest: tuple[int, ...]) -> f.Node:
            nonlocal rounded
            binding = {i: k for i, k in zip(indices, rest, strict=True) if isinstance(i, str)}
            tree, some = self.numbers.put_in(formula, binding)
            rounded = rounded or some
            return tree

        tree = _nested(axes, one)
        assert tree is not None
        return tree, rounded

    @staticmethod
    def _suppressed(make: Callable[..., Any], *arguments: Any) -> Any:
        """What can be made of the numbers, None where they are too many or have no value."""
        try:
            return make(*arguments)
        except AtKink:
            raise
        except (TooLong, *NO_VALUE):
            return None

    def _reckoned(self, step: Step, fill: Callable[[], tuple[f.Node, bool]] | None) -> Step:
        """The step with its numbers and its value, or with the reason why it has none."""
        try:
            step.value, step.rounded = self.numbers.value(step.quantity)
        except NO_VALUE as error:
            step.missing, step.lines = str(error) or "a division by 0", []
            return step
        try:
            found = self._suppressed(fill) if fill is not None else None
        except AtKink:  # there is a derivative, but not by the way of these lines
            step.lines = []
            return step
        if found is not None:
            tree, rounded = found
            known = {line.tree for line in step.lines} | {tree_of(step.value)}
            if tree not in known and self.parse(formula_text(tree)) is not None:
                step.lines.append(Line(tree, rounded))
        return step

    def answer(self, claim: Claim, core: f.Node | None, judgement: Judgement | None) -> Step:
        names, step = _names(claim, self.sheet), Step(claim.tree)
        trees = self.formulas(core, names)[:1] if core is not None else []
        trees = [_put_for(claim.tree, core, tree) for tree in trees if core is not None]
        trees = [tree for tree in trees if not quotes(tree, claim.tree, self.network)]
        step.lines = [Line(tree) for tree in trees]
        if f.free_letters(claim.tree):
            try:
                self.numbers.value(claim.tree, dict.fromkeys(f.free_letters(claim.tree), 1))
            except NO_VALUE as error:
                return Step(claim.tree, missing=str(error) or "a division by 0")
            if not step.lines:
                step.missing = self._why_none(core)
            return step
        filled = trees[0] if trees else claim.tree if core is None else None
        return self._reckoned(step, functools.partial(self.numbers.put_in, filled) if filled is not None else None)

    def formulas(self, core: f.Node, names: Sequence[str]) -> list[f.Node]:
        tensor, indices = _tensor(core, self.network)
        if not indices and (whole := self.rules.whole(tensor)) is not None:
            return [line.tree for line in self.lines([whole])]
        return super().formulas(core, names)


# The order of the steps


@dataclass
class _Home:
    """The steps to one tensor, and behind them those to parts of it that the sheet asks for."""

    tensor: Tensor
    steps: list[Step]


def _sections(sheet: Sheet, writer: _Writer, claims: Sequence[tuple[Claim, Judgement | None]]) -> list[Section]:
    """The standard steps in their order, with what the claims ask for behind the step that it belongs to."""
    plan = list(_plan(sheet))
    homes = {tensor: _Home(tensor, writer.standard(tensor)) for _, tensors in plan for tensor in tensors}
    others: list[Step] = []
    own: dict[f.Node, Step] = {}
    for claim, judgement in claims:
        found = core_of(claim.tree, None if sheet.rate is None else sheet.rate.value)
        core = found[1] if found else None
        tensor = _tensor(core, sheet.network)[0] if core is not None else None
        tree = _canonical(claim.tree, sheet.network)
        home = homes.get(tensor) if tensor is not None else None
        step = own.get(tree) or next(
            (step for step in (home.steps if home else []) if _canonical(step.quantity, sheet.network) == tree), None
        )
        if step is None:
            step = writer.answer(claim, core, judgement)
            first = home.steps[0] if home else None
            if first is not None and core == claim.tree and not first.remarks and _alike(core, first.quantity):
                first.quantity, first.lines = step.quantity, step.lines  # the same, in the sheet's letters
                step = first
            else:
                (others if home is None else home.steps).append(step)
        own[tree] = step
        if not step.remarks:
            step.names = _names(claim, sheet)
        step.remarks.append(_remark(claim, judgement))
    sections = [Section(title, [step for t in tensors for step in homes[t].steps]) for title, tensors in plan]
    sections.append(Section("Also asked for", others))
    return [section for section in sections if section.steps]


def _plan(sheet: Sheet) -> Iterator[tuple[str, list[Tensor]]]:
    """The sections and the tensors of each."""
    network, depth = sheet.network, sheet.network.depth
    asked = [part for claim in sheet.claims for part in f.walk(claim.tree) if isinstance(part, f.Quantity)]
    names = {network.canonical(quantity.name) for quantity in asked}
    new = any(name.endswith(NEW) for name in names)
    nodes = ["yhat" if name == f"h{depth}" else name for l in range(1, depth + 1) for name in (f"z{l}", f"h{l}")]
    yield "Forward pass", list(nodes)
    if network.loss is not None:
        yield "Loss", ["L"]
    if network.loss is not None or sheet.params is None:
        tensors: list[Tensor] = [("L", "yhat")]
        for l in range(depth, 0, -1):
            tensors += [("L", name) for name in (f"z{l}", f"W{l}", f"b{l}") if name in network.shapes]
            below = "x" if l == 1 else f"h{l - 1}"
            if l > 1 or any(isinstance(c, f.Derivative) and _is_dx(c, network) for c in _parts(sheet)):
                tensors.append(("L", below))
        yield "Backward pass", tensors
    if new and sheet.rate is not None:
        yield (
            "Step of gradient descent",
            [f"{name}{NEW}" for l in range(1, depth + 1) for name in (f"W{l}", f"b{l}") if name in network.shapes],
        )
        if any(name.endswith(NEW) and name[0] not in "Wb" for name in names):
            yield "After the step", [f"{name}{NEW}" for name in [*nodes, *["L"] * (network.loss is not None)]]


def _parts(sheet: Sheet) -> Iterator[f.Node]:
    for claim in sheet.claims:
        yield from f.walk(claim.tree)


def _is_dx(derivative: f.Derivative, network: Network) -> bool:
    return derivative.of.name == "L" and network.canonical(derivative.by.name) == "x"


def _remark(claim: Claim, judgement: Judgement | None) -> Remark:
    """What is to be said on a claim."""
    if judgement is None:
        return Remark(claim.question)
    text = "" if judgement.verdict == "right" else f"{short(plain(judgement.claimed))}"
    if message := judgement.all_messages():
        text += f": {message}"
    return Remark(claim.question, judgement.verdict, text)


# Quantities as tensors and indices


def _plain(indices: Sequence[f.Index]) -> list[int | str]:
    return [index.name if isinstance(index, f.Letter) else index for index in indices]


def _index(index: int | str) -> f.Index:
    return f.Letter(index) if isinstance(index, str) else index


def _indexed(tensor: Tensor, indices: Sequence[int | str]) -> f.Node:
    """A node, or dL by one, with indices."""
    own = tuple(map(_index, indices))
    if isinstance(tensor, str):
        return f.Quantity(tensor, own)
    return f.Derivative(f.Quantity(tensor[0]), f.Quantity(tensor[1], own))


def _tensor(core: f.Node, network: Network) -> tuple[Tensor, tuple[f.Index, ...]]:
    """The tensor that a quantity or derivative speaks of, and all its indices, those of the node above first."""

    def one(quantity: f.Quantity) -> str:
        return "shares" if quantity.name == "L" and quantity.indices else network.canonical(quantity.name)

    if isinstance(core, f.Derivative):
        return (one(core.of), one(core.by)), (*core.of.indices, *core.by.indices)
    assert isinstance(core, f.Quantity)
    return one(core), core.indices


def _axes(core: f.Node, network: Network) -> tuple[int, ...]:
    """The lengths of all axes that the indices of `_tensor` stand at; those left open are the last ones."""

    def one(quantity: f.Quantity) -> tuple[int, ...]:
        if quantity.name == "L":
            return network.widths[-1:] if quantity.indices else ()
        return network.shapes[network.canonical(quantity.name)]

    if isinstance(core, f.Derivative):
        # Open axes of the node above come before the indices of the one below: rare, and left without a formula.
        return one(core.of) + one(core.by)
    assert isinstance(core, f.Quantity)
    return one(core)


def _with(core: f.Node, indices: tuple[f.Index, ...], network: Network) -> f.Node:
    """The quantity with all its indices."""
    if isinstance(core, f.Quantity):
        return replace(core, indices=indices)
    assert isinstance(core, f.Derivative)
    axes = len(_axes(core.of, network))
    return f.Derivative(replace(core.of, indices=indices[:axes]), replace(core.by, indices=indices[axes:]))


def _canonical(tree: f.Node, network: Network) -> f.Node:
    """The formula with one name for every node, and no index on an axis of length 1 that may be left out."""
    match tree:
        case f.Quantity(name, indices):
            shape = network.shapes.get(network.canonical(name), ())
            bare = name != "L" and shape == (1,) and indices in ((1,), ())
            return f.Quantity(network.canonical(name), () if bare else indices)
        case f.Derivative(of, by):
            ends = _canonical(of, network), _canonical(by, network)
            return f.Derivative(*ends)  # type: ignore[arg-type]
    return tree


def _alike(core: f.Node, other: f.Node) -> bool:
    """Whether two entries differ in their letters only, as dL/dW1[i,j] and dL/dW1[k,m] do."""

    def pattern(node: f.Node) -> list[Any]:
        parts = (part for part in (getattr(node, "of", node), getattr(node, "by", None)) if part is not None)
        indices = [index for part in parts for index in getattr(part, "indices", ())]
        letters = list(dict.fromkeys(index for index in indices if isinstance(index, f.Letter)))
        return [letters.index(index) + 0.5 if isinstance(index, f.Letter) else index for index in indices]

    return bool(f.free_letters(core)) and pattern(core) == pattern(other)


def _nested(axes: Sequence[int], entry: Callable[[tuple[int, ...]], f.Node | None]) -> f.Node | None:
    """Lists of the formulas of all entries, None where one has none."""

    def at(rest: tuple[int, ...]) -> f.Node | None:
        if len(rest) == len(axes):
            return entry(rest)
        items = [at((*rest, k)) for k in range(1, axes[len(rest)] + 1)]
        found = [item for item in items if item is not None]
        return f.List(tuple(found)) if len(found) == len(items) else None

    return at(())


def _put_for(tree: f.Node, part: f.Node, other: f.Node) -> f.Node:
    """The formula with another in the place of a part."""
    found: f.Node = f.replaced(tree, {part: other})
    return found


def _names(claim: Claim | None, sheet: Sheet) -> tuple[str, ...]:
    """The sheet's notation: first the names that a claim uses, then those that most of them do."""

    def uses(one: Claim, name: str) -> bool:
        return any(name in text for text in (one.quantity, *(line.text for line in one.working)))

    def rank(name: str) -> tuple[bool, int]:
        return claim is None or not uses(claim, name), -sum(uses(one, name) for one in sheet.claims)

    return tuple(sorted(sheet.notation, key=rank))
