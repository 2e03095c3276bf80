"""The steps of a sheet with numbers: the formula, the numbers put in, the result."""

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

from gradsheet.claims.counting import asked_of
from gradsheet.claims.judgement import Judgement
from gradsheet.claims.sheet import Claim, Sheet
from gradsheet.claims.verdict import arithmetic_of
from gradsheet.language import formula as f
from gradsheet.language.formula import NEW
from gradsheet.mistakes.layered import point_of
from gradsheet.network.layers import program_of
from gradsheet.numbers.budget import Budget
from gradsheet.numbers.reasons import NO_ANSWER, AtKink, Imprecise
from gradsheet.numbers.session import LIBRARY, Session
from gradsheet.solution.quantities import indexed, nested, tensor_of
from gradsheet.solution.solution import FormulaLine, Step
from gradsheet.solution.substitution import Substitution, TooLong, tree_of
from gradsheet.solution.words import why
from gradsheet.solution.writer import MAX_WRITTEN, Writer
from gradsheet.truth.values import Tensor

# What keeps a step from having a value.
VALUELESS = tuple(kind for kind in NO_ANSWER if kind is not Imprecise)

Filling = Callable[[], tuple[f.Node, bool]]  # gives a formula with its numbers, and whether rounded


class Reckoner(Writer):
    """Reckons the steps of a sheet with numbers: the formula, the numbers put in, the result."""

    def __init__(self, sheet: Sheet, rung: int = 0, session: Session = LIBRARY):
        """Keep enclosures to the digits of a `rung`; steps raise Imprecise where it is too low."""
        super().__init__(sheet)
        # The time that JAX takes to import is not the sheet's.
        import gradsheet.truth.autodiff  # noqa: F401

        budget = Budget()
        budget.start()
        losses = {"L", f"L{NEW}"} & {*sheet.network.shapes}
        jax_of = {*asked_of(sheet, program_of(sheet.network, session), session).of}
        jax_of |= losses if sheet.network.loss is not None else set()
        options: Any = {"arithmetic": arithmetic_of(rung), "budget": budget, "session": session}
        self.point = point_of(sheet.problem, jax_of, **options)
        self.numbers = Substitution(self.point, self.digits)

    def standard(self, tensor: Tensor) -> list[Step]:
        """Reckon a node or gradient, behind its entries where those have their own formula."""
        quantity, indices = indexed(tensor, ()), self.rules.open(tensor)
        uncancelled = self.rules.uncancelled(tensor, indices)
        whole = self.lines([self.rules.whole(tensor)])
        entry = self.lines([uncancelled, self.rules.entry(tensor, indices)])
        fill: Filling | None = None
        if whole:
            fill = functools.partial(self.numbers.put_in, whole[0].tree)
        elif entry:
            axes = self.rules.axes(tensor)
            fill = functools.partial(self._entries, entry[-1].tree, indices, axes)
        # An entry's formula has a step of its own, unless it is the only entry.
        general = entry if not whole or uncancelled is not None else []
        alone = all(isinstance(index, int) for index in indices)
        words = why(tensor, self.rules, self.point)
        step = Step(quantity, general if alone and general else whole, why=words)
        self._reckon(step, fill)
        if step.lines:
            total = self._suppressed(self.numbers.product_done, step.lines[0].tree)
            if total is not None:
                step.lines.append(FormulaLine(total))
        if alone or not general or step.value is None:
            return [step]
        step.why = ""
        return [Step(indexed(tensor, indices), general, why=words), step]

    def _entries(
        self, formula: f.Node, indices: tuple[Any, ...], axes: tuple[int, ...]
    ) -> tuple[f.Node, bool]:
        """Every entry with its numbers, as a vector or matrix."""
        if math.prod(axes) > MAX_WRITTEN:
            raise TooLong
        rounded: list[bool] = []

        def entry(place: tuple[int, ...]) -> f.Node:
            binding = {i: k for i, k in zip(indices, place, strict=True) if isinstance(i, str)}
            tree, is_rounded = self.numbers.put_in(formula, binding)
            rounded.append(is_rounded)
            return tree

        tree = nested(axes, entry)
        assert tree is not None
        return tree, any(rounded)

    @staticmethod
    def _suppressed(make: Callable[..., Any], *arguments: Any) -> Any:
        """What can be made of the numbers, None where they are too many or have no value."""
        try:
            return make(*arguments)
        except AtKink:
            raise
        except (TooLong, *VALUELESS):
            return None

    def _reckon(self, step: Step, fill: Filling | None) -> None:
        """Give a step its numbers and its value, or the reason why it has none."""
        try:
            step.value, step.rounded = self.numbers.value(step.quantity)
        except VALUELESS as error:
            step.missing, step.lines = _reason(error), []
            return
        try:
            with_numbers = None if fill is None else self._suppressed(fill)
        except AtKink:  # there is a derivative, but not by the way of these lines
            step.lines = []
            return
        if with_numbers is not None:
            tree, rounded = with_numbers
            known = {line.tree for line in step.lines} | {tree_of(step.value)}
            if tree not in known and self.fits(tree, step.quantity):
                step.lines.append(FormulaLine(tree, rounded))

    def answer(self, claim: Claim, core: f.Node | None, judgement: Judgement | None) -> Step:
        """Reckon what a claim asks for; what has free letters stays a formula."""
        step = Step(claim.tree, names=self.notation.used_in(claim))
        fill: Filling | None = None
        if core is None:
            fill = functools.partial(self.numbers.put_in, claim.tree)
        elif trees := self.formulas(core, step.names):
            formula = f.replaced(claim.tree, {core: trees[0]})
            if self.fits(formula, claim.tree):
                step.lines = [FormulaLine(formula)]
                fill = functools.partial(self.numbers.put_in, formula)
        if claim.tree.letters:
            try:
                self.numbers.value(claim.tree, dict.fromkeys(claim.tree.letters, 1))
            except VALUELESS as error:
                return Step(claim.tree, missing=_reason(error))
            if not step.lines:
                step.missing = self._why_none(core)
            return step
        self._reckon(step, fill)
        return step

    def formulas(self, core: f.Node, names: Sequence[str]) -> list[f.Node]:
        """Write a whole vector or matrix as such, where it has a formula; else as `Writer` does."""
        tensor, indices = tensor_of(core, self.network)
        if not indices and (whole := self.rules.whole(tensor)) is not None:
            return [line.tree for line in self.lines([whole])]
        return super().formulas(core, names)


def _reason(error: Exception) -> str:
    """Why there is no value; Python's own divisions come without words."""
    return str(error) or "a division by 0"
