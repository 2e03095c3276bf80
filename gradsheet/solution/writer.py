"""The steps of a sheet over all weights: formulas."""

import math
from collections.abc import Sequence

from gradsheet.claims.judgement import Judgement
from gradsheet.claims.sheet import Claim, Sheet
from gradsheet.language import formula as f
from gradsheet.language.functions import ACTIVATIONS
from gradsheet.language.parsing import FormulaError, parse
from gradsheet.language.text import formula_text
from gradsheet.solution.digits import Digits
from gradsheet.solution.notation import Notation
from gradsheet.solution.quantities import filled, indexed, nested, open_axes, tensor_of
from gradsheet.solution.rules import Rules
from gradsheet.solution.solution import Line, Step
from gradsheet.solution.words import why
from gradsheet.truth.derivation import LETTERS, true_formula
from gradsheet.truth.steps import Tensor
from gradsheet.truth.target import mentions

MAX_ENTRY = 40  # characters of an entry of a matrix that is written from the beginning, not from the step before
MAX_WRITTEN = 16  # entries of a vector or matrix that are written out one by one
SLOPES = {facts.prime: facts for facts in ACTIVATIONS.values() if facts.exact_prime is not None}
SYMBOL = "The loss is not given: this stands as a symbol."


class Writer:
    """Writes the steps of a sheet over all weights: formulas, each from the step before, then from the beginning."""

    def __init__(self, sheet: Sheet):
        self.sheet, self.network = sheet, sheet.network
        taken = {*sheet.notation, *sheet.network.names}
        self.rules = Rules(
            sheet.network,
            [letter for letter in LETTERS if letter not in taken],
            cancels=self.cancels,
        )
        self.digits, self.notation = Digits(sheet), Notation(sheet)
        of_loss = (
            name for name in self.notation.order if isinstance(sheet.notation[name], f.Derivative)
        )
        self.derivatives = {name: sheet.notation[name] for name in of_loss}

    @property
    def cancels(self) -> bool:
        """Whether targets add up to 1, so that a softmax and its cross-entropy have a simple gradient together."""
        return True

    def parse(self, text: str) -> f.Node | None:
        """A formula, None where there is none or it is longer than the language allows."""
        try:
            return parse(text, self.network.names, self.sheet.notation)
        except FormulaError:
            return None

    def lines(self, texts: Sequence[str | None]) -> list[Line]:
        """Lines of the formulas that there are, none twice."""
        trees = [self.parse(text) for text in texts if text is not None]
        return [Line(tree) for tree in dict.fromkeys(trees) if tree is not None]

    def fits(self, tree: f.Node, quantity: f.Node) -> bool:
        """Whether a formula may stand as a line of working on a quantity: it is not too long, and does not quote it."""
        return self.parse(formula_text(tree)) is not None and not mentions(
            tree, quantity, self.network
        )

    def closed(self, core: f.Node, names: Sequence[str] = ()) -> str | None:
        """The formula of a derivative from the beginning, in terms of x, the weights and dL/dyhat."""
        preferred = {name: self.derivatives[name] for name in names if name in self.derivatives}
        found = true_formula(core, self.network, {**preferred, **self.derivatives})
        return found[1] if found else None

    def standard(self, tensor: Tensor) -> list[Step]:
        """The steps to a node or gradient."""
        indices = self.rules.open(tensor)
        quantity = indexed(tensor, indices)
        closed = self.closed(quantity) if isinstance(tensor, tuple) else None
        texts = [self.rules.uncancelled(tensor, indices), self.rules.entry(tensor, indices), closed]
        lines = [line for line in self.lines(texts) if line.tree != quantity]
        missing = "" if lines else SYMBOL
        words = why(tensor, self.network, cancels=self.rules.cancels)
        return [Step(quantity, lines, why=words, missing=missing)]

    def answer(self, claim: Claim, core: f.Node | None, judgement: Judgement | None) -> Step:
        """The step to what a claim asks for, in its own letters."""
        names = self.notation.used_in(claim)
        step = Step(claim.tree, names=names)
        trees = self.formulas(core, names) if core is not None else []
        if not trees and core is None:
            trees = self.other(claim.tree, names)
        if not trees and judgement is not None and judgement.verdict == "right":
            trees = [line.tree for line in claim.working if line.tree is not None][-1:]
        trees = [tree if core is None else f.replaced(claim.tree, {core: tree}) for tree in trees]
        step.lines = [Line(tree) for tree in dict.fromkeys(trees) if self.fits(tree, claim.tree)]
        if step.lines and formula_text(step.lines[-1].tree) == "0":
            step.why = f"{_independent(core)}."
        if not step.lines:
            step.missing = self._why_none(core)
        return step

    def _why_none(self, core: f.Node | None) -> str:
        """Why a quantity has no formula."""
        if core is None:
            return "The formula language has no words for this."
        if self.network.loss is None and tensor_of(core, self.network)[0] == ("L", "yhat"):
            return SYMBOL
        if math.prod(open_axes(core, self.network)) > MAX_WRITTEN:
            return f"More than {MAX_WRITTEN} formulas: ask for an entry, with indices."
        return "The formula language has no words for this."

    def other(self, tree: f.Node, names: Sequence[str]) -> list[f.Node]:
        """The formula of a quantity that is itself one: its derivatives written out, or the slope that it is."""
        match tree:
            case f.Call(function, (argument,)) if facts := SLOPES.get(function):
                written = self.parse(facts.slope_alone.format(z=formula_text(argument)))
                return [] if written is None or written == tree else [written]
        parts = {part for part in f.walk(tree) if isinstance(part, f.Derivative)}
        found = tree
        for part in parts:
            if not (trees := self.formulas(part, names)):
                return []
            found = f.replaced(found, {part: trees[-1]})
        return [found] if parts else []

    def formulas(self, core: f.Node, names: Sequence[str]) -> list[f.Node]:
        """The formulas of one quantity or derivative: from the step before, and from the beginning."""
        axes = open_axes(core, self.network)
        if math.prod(axes) > MAX_WRITTEN:
            return []
        if math.prod(axes) == 1:
            entry = filled(core, [1] * len(axes), self.network)
            return [
                line.tree for line in self.lines([self.step_to(entry), self.closed(core, names)])
            ]
        found = nested(axes, lambda rest: self._entry(filled(core, rest, self.network), names))
        return [found] if found is not None else []

    def step_to(self, entry: f.Node) -> str | None:
        """The formula of an entry from the step before."""
        return self.rules.entry(*tensor_of(entry, self.network))

    def _entry(self, entry: f.Node, names: Sequence[str]) -> f.Node | None:
        """The formula of one of several entries: from the beginning where that is short, else from the step before."""
        text, closed = self.step_to(entry), self.closed(entry, names)
        short = closed is not None and len(closed) <= MAX_ENTRY and self.sheet.params is None
        return self.parse((closed if short or text is None else text) or "")


def _independent(core: f.Node | None) -> str:
    """What is to be said of a derivative that is 0 whatever the numbers."""
    if not isinstance(core, f.Derivative):
        return "Nothing is left"
    return f"{formula_text(core.of)} does not depend on {formula_text(core.by)}"
