"""The steps of a sheet over all weights: formulas."""

import math
from collections.abc import Sequence

from gradsheet.claims.judgement import Judgement
from gradsheet.claims.sheet import Claim, Sheet
from gradsheet.language import formula as f
from gradsheet.language.functions import ACTIVATIONS
from gradsheet.language.parsing import FormulaError, parse
from gradsheet.language.text import formula_text
from gradsheet.mistakes.derivation import LETTERS, true_formula
from gradsheet.network import losses
from gradsheet.solution.notation import Notation
from gradsheet.solution.quantities import filled, indexed, nested, open_axes, tensor_of
from gradsheet.solution.rounding_off import Digits
from gradsheet.solution.rules import Rules
from gradsheet.solution.solution import FormulaLine, Step
from gradsheet.solution.words import why
from gradsheet.truth.target import mentions
from gradsheet.truth.values import Tensor

# Characters of an entry of a matrix that is written from the beginning, not from the step before.
MAX_ENTRY = 40
MAX_WRITTEN = 16  # entries of a vector or matrix that are written out one by one
SLOPES = {facts.prime: facts for facts in ACTIVATIONS.values() if facts.exact_prime is not None}
SYMBOL = "The loss is not given: this stands as a symbol."


class Writer:
    """Writes the steps of a sheet over all weights: formulas.

    Each is written from the step before, then from the beginning.
    """

    def __init__(self, sheet: Sheet):
        self.sheet, self.network = sheet, sheet.network
        taken = {*sheet.notation, *sheet.network.names}
        letters = [letter for letter in LETTERS if letter not in taken]
        y, loss = sheet.y, losses.of(sheet.network.loss)
        # A softmax and its cross-entropy cancel where targets add up to 1.
        cancels = y is None or not loss.add_up or all(sum(row) == 1 for row in y)
        self.rules = Rules(sheet.network, letters, cancels=cancels)
        self.digits, self.notation = Digits(sheet), Notation(sheet)
        meanings = ((name, sheet.notation[name]) for name in self.notation.order)
        self.derivatives = {name: m for name, m in meanings if isinstance(m, f.Derivative)}

    def parse(self, text: str) -> f.Node | None:
        """Read a formula; None where it is none, or longer than the language allows."""
        try:
            return parse(text, self.network.names, self.sheet.notation)
        except FormulaError:
            return None

    def lines(self, texts: Sequence[str | None]) -> list[FormulaLine]:
        """Return lines of the formulas that there are, none twice."""
        trees = [self.parse(text) for text in texts if text is not None]
        return [FormulaLine(tree) for tree in dict.fromkeys(trees) if tree is not None]

    def fits(self, tree: f.Node, quantity: f.Node) -> bool:
        """Tell whether a formula, neither too long nor quoting a quantity, may be its working."""
        is_short = self.parse(formula_text(tree)) is not None
        return is_short and not mentions(tree, quantity, self.network)

    def closed(self, core: f.Node, names: Sequence[str] = ()) -> str | None:
        """Write a derivative in x, the weights and dL/dyhat; None where the language cannot.

        Of the sheet's own names for derivatives, `names` are preferred.
        """
        preferred = {name: self.derivatives[name] for name in names if name in self.derivatives}
        formula = true_formula(core, self.network, preferred | self.derivatives)
        return formula[1] if formula else None

    def standard(self, tensor: Tensor) -> list[Step]:
        """Write the steps to a node or gradient."""
        indices = self.rules.open(tensor)
        quantity = indexed(tensor, indices)
        closed = self.closed(quantity) if isinstance(tensor, tuple) else None
        texts = [self.rules.uncancelled(tensor, indices), self.rules.entry(tensor, indices), closed]
        lines = [line for line in self.lines(texts) if line.tree != quantity]
        missing = "" if lines else SYMBOL
        return [Step(quantity, lines, why=why(tensor, self.rules), missing=missing)]

    def answer(self, claim: Claim, core: f.Node | None, judgement: Judgement | None) -> Step:
        """Write the step to what a claim asks for, in its own letters.

        `core` is the quantity or derivative in it that the step goes to. A
        right claim without a formula of ours keeps its last line.
        """
        names = self.notation.used_in(claim)
        step = Step(claim.tree, names=names)
        trees = self.formulas(core, names) if core is not None else []
        if not trees and core is None:
            trees = self.other(claim.tree, names)
        if not trees and judgement is not None and judgement.verdict == "right":
            trees = [line.tree for line in claim.working if line.tree is not None][-1:]
        trees = [tree if core is None else f.replaced(claim.tree, {core: tree}) for tree in trees]
        fitting = [tree for tree in dict.fromkeys(trees) if self.fits(tree, claim.tree)]
        step.lines = list(map(FormulaLine, fitting))
        if not fitting:
            step.missing = self._why_none(core)
        elif formula_text(fitting[-1]) == "0":  # whatever the numbers
            step.why = "Nothing is left."
            if isinstance(core, f.Derivative):
                of, by = formula_text(core.of), formula_text(core.by)
                step.why = f"{of} does not depend on {by}."
        return step

    def _why_none(self, core: f.Node | None) -> str:
        if core is not None:
            if self.network.loss is None and tensor_of(core, self.network)[0] == ("L", "yhat"):
                return SYMBOL
            if math.prod(open_axes(core, self.network)) > MAX_WRITTEN:
                return f"More than {MAX_WRITTEN} formulas: ask for an entry, with indices."
        return "The formula language has no words for this."

    def other(self, tree: f.Node, names: Sequence[str]) -> list[f.Node]:
        """Write a quantity that is a formula with its derivatives written out; a slope as it is."""
        match tree:
            case f.Call(function, (argument,)) if facts := SLOPES.get(function):
                slope = self.parse(facts.slope_alone.format(z=formula_text(argument)))
                return [] if slope is None or slope == tree else [slope]
        derivatives = {node for node in f.walk(tree) if isinstance(node, f.Derivative)}
        written = tree
        for derivative in derivatives:
            if not (trees := self.formulas(derivative, names)):
                return []
            written = f.replaced(written, {derivative: trees[-1]})
        return [written] if derivatives else []

    def formulas(self, core: f.Node, names: Sequence[str]) -> list[f.Node]:
        """Write a quantity or derivative from the step before, and from the beginning."""
        axes = open_axes(core, self.network)
        if math.prod(axes) > MAX_WRITTEN:
            return []
        if math.prod(axes) == 1:
            entry = filled(core, [1] * len(axes), self.network)
            step = self.rules.entry(*tensor_of(entry, self.network))
            texts = [step, self.closed(core, names)]
            return [line.tree for line in self.lines(texts)]
        entries = nested(axes, lambda rest: self._entry(filled(core, rest, self.network), names))
        return [] if entries is None else [entries]

    def _entry(self, entry: f.Node, names: Sequence[str]) -> f.Node | None:
        """One of several entries: from the beginning where that is short, else by one step."""
        text = self.rules.entry(*tensor_of(entry, self.network))
        closed = self.closed(entry, names)
        is_short = closed is not None and len(closed) <= MAX_ENTRY and self.sheet.params is None
        return self.parse((closed if is_short or text is None else text) or "")
