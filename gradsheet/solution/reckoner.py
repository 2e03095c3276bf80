"""The steps of a sheet with numbers: the formula, the numbers put in, the result."""

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

from gradsheet.claims.counting import derived
from gradsheet.claims.judgement import Judgement
from gradsheet.claims.sheet import Claim, Sheet
from gradsheet.claims.verdict import arithmetic_of
from gradsheet.language import formula as f
from gradsheet.language.formula import NEW
from gradsheet.network import losses
from gradsheet.numbers.budget import Budget
from gradsheet.numbers.reasons import NO_VALUE, AtKink, Imprecise
from gradsheet.solution.numbers import Numbers, TooLong, tree_of
from gradsheet.solution.quantities import indexed, nested, tensor_of
from gradsheet.solution.solution import Line, Step
from gradsheet.solution.words import why
from gradsheet.solution.writer import MAX_WRITTEN, Writer
from gradsheet.truth.point import point_of
from gradsheet.truth.steps import Tensor

VALUELESS = tuple(
    kind for kind in NO_VALUE if kind is not Imprecise
)  # what keeps a step from having a value


class Reckoner(Writer):
    """Reckons the steps of a sheet with numbers: the formula, the numbers put in, the result."""

    def __init__(self, sheet: Sheet, rung: int = 0):
        """`rung` says to how many digits enclosures are kept; Imprecise is raised where these are too few."""
        super().__init__(sheet)
        import gradsheet.truth.autodiff  # noqa: F401  # the time that JAX takes to import is not the sheet's

        budget = Budget()
        budget.start()
        jax_of = derived(sheet) | ({"L", f"L{NEW}"} if sheet.network.loss is not None else set())
        self.point = point_of(sheet.problem, jax_of, arithmetic=arithmetic_of(rung), budget=budget)
        self.numbers = Numbers(self.point, self.digits)

    @property
    def cancels(self) -> bool:
        y = self.sheet.y
        return (
            y is None or not losses.of(self.network.loss).add_up or all(sum(row) == 1 for row in y)
        )

    def standard(self, tensor: Tensor) -> list[Step]:
        quantity, indices = indexed(tensor, ()), self.rules.open(tensor)
        uncancelled = self.rules.uncancelled(tensor, indices)
        whole = self.lines([self.rules.whole(tensor)])
        entry = self.lines([uncancelled, self.rules.entry(tensor, indices)])
        fill: Callable[[], tuple[f.Node, bool]] | None = None
        if whole:
            fill = functools.partial(self.numbers.put_in, whole[0].tree)
        elif entry:
            fill = functools.partial(
                self._entries, entry[-1].tree, indices, self.rules.axes(tensor)
            )
        # An entry's formula has a step of its own, unless it is the only entry.
        general = entry if not whole or uncancelled is not None else []
        alone = all(isinstance(index, int) for index in indices)
        words = why(tensor, self.network, self.point, cancels=self.rules.cancels)
        step = self._reckoned(
            Step(quantity, general if alone and general else whole, why=words), fill
        )
        done = (
            self._suppressed(self.numbers.product_done, step.lines[0].tree) if step.lines else None
        )
        if done is not None:
            step.lines.append(Line(done))
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
        rounded = False

        def one(rest: tuple[int, ...]) -> f.Node:
            nonlocal rounded
            binding = {i: k for i, k in zip(indices, rest, strict=True) if isinstance(i, str)}
            tree, some = self.numbers.put_in(formula, binding)
            rounded = rounded or some
            return tree

        tree = nested(axes, one)
        assert tree is not None
        return tree, rounded

    @staticmethod
    def _suppressed(make: Callable[..., Any], *arguments: Any) -> Any:
        """What can be made of the numbers, None where they are too many or have no value."""
        try:
            return make(*arguments)
        except AtKink:
            raise
        except (TooLong, *VALUELESS):
            return None

    def _reckoned(self, step: Step, fill: Callable[[], tuple[f.Node, bool]] | None) -> Step:
        """The step with its numbers and its value, or with the reason why it has none."""
        try:
            step.value, step.rounded = self.numbers.value(step.quantity)
        except VALUELESS as error:
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
            if tree not in known and self.fits(tree, step.quantity):
                step.lines.append(Line(tree, rounded))
        return step

    def answer(self, claim: Claim, core: f.Node | None, judgement: Judgement | None) -> Step:
        names = self.notation.used_in(claim)
        step = Step(claim.tree, names=names)
        trees = self.formulas(core, names)[:1] if core is not None else []
        trees = [f.replaced(claim.tree, {core: tree}) for tree in trees if core is not None]
        trees = [tree for tree in trees if self.fits(tree, claim.tree)]
        step.lines = [Line(tree) for tree in trees]
        if claim.tree.letters:
            try:
                self.numbers.value(claim.tree, dict.fromkeys(claim.tree.letters, 1))
            except VALUELESS as error:
                return Step(claim.tree, missing=str(error) or "a division by 0")
            if not step.lines:
                step.missing = self._why_none(core)
            return step
        filled = trees[0] if trees else claim.tree if core is None else None
        return self._reckoned(
            step, functools.partial(self.numbers.put_in, filled) if filled is not None else None
        )

    def formulas(self, core: f.Node, names: Sequence[str]) -> list[f.Node]:
        tensor, indices = tensor_of(core, self.network)
        if not indices and (whole := self.rules.whole(tensor)) is not None:
            return [line.tree for line in self.lines([whole])]
        return super().formulas(core, names)
