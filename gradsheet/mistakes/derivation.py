"""The true formula of a derivative, written by the chain rule in the sheet's
own language.

It is a proposal: whoever shows it has it judged first, as any other claim.
"""

from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from typing import Any

from gradsheet.language import formula as f
from gradsheet.language.functions import facts_of
from gradsheet.language.text import index_text, number_text, show_index
from gradsheet.network import losses
from gradsheet.network.network import Network
from manual.activations import Activation, split

Factors = list[str] | None  # of a product; None where the language has no words for it
Index = str | int

# For indices, those first that are usual.
LETTERS = "ijkmnpqrstuvwacdefglo" + "ABCDEFGHIJKMNOPQRSTUV"


def slope(activation: Activation, z: str, h: str) -> str | None:
    """dh/dz of one unit, with the names of its z and h; None where it is 1 or
    depends on other units."""
    facts, (_, parameters) = facts_of(activation), split(activation)
    if facts.mixes or facts.slope == "1":
        return None
    return facts.slope.format(z=z, h=h, slope=slope_text(parameters))


def slope_text(parameters: Iterable[Any]) -> str:
    """The slope of a leaky relu among the parameters of an activation, if it is there."""
    return "".join(number_text(Fraction(p)) for p in parameters)


def _product(factors: Factors) -> str | None:
    if factors is None:
        return None
    return "0" if "0" in factors else "*".join(factor for factor in factors if factor != "1") or "1"


class _Writer:
    """Writes dA/dB for one A, an entry of a node, or L; layer by layer from A
    back to B, as the chain rule goes."""

    def __init__(
        self,
        network: Network,
        notation: Mapping[str, f.Node],
        of: f.Quantity,
        letters: Iterator[str],
    ):
        self.network, self.notation, self.letters = network, notation, letters
        name = network.canonical(of.name)
        self.top = (
            network.depth if name in ("L", "yhat") else int(name[1:] or 0) if name != "x" else 0
        )
        self.is_loss, self.is_z = name == "L", name[0] == "z"
        self.entry: Index = "" if name == "L" else _plain(of.indices)[0]

    @property
    def _mixes(self) -> bool:
        """Whether A is an output of a softmax, which depends on every z of its layer."""
        mixes = self.top == self.network.depth and facts_of(self.network.activations[-1]).mixes
        return mixes and not self.is_loss and not self.is_z

    def d_yhat(self, k: Index) -> str:
        if self.network.loss is not None:
            outputs = self.network.widths[-1]
            return losses.of(self.network.loss).gradient.format(
                yhat=f"yhat[{k}]", y=f"y[{k}]", outputs=outputs
            )
        for name, tree in self.notation.items():
            match tree:
                case f.Derivative(f.Quantity("L", ()), f.Quantity(by, (index,))) if (
                    self.network.canonical(by) == "yhat"
                ):
                    if index == k:
                        return name
        return f"dL/dyhat[{k}]"

    def d_h(self, l: int, i: Index) -> Factors:
        """dA/dh_l[i]"""
        if l == self.top:
            if self.is_loss:
                return [self.d_yhat(i)]
            if i == self.entry:
                return ["1"]
            return ["0"] if isinstance(i, int) and isinstance(self.entry, int) else None
        units = self.network.widths[l + 1]
        if l + 1 == self.top and self._mixes:
            k, e, W = next(self.letters), self.entry, f"W{l + 1}"
            return [f"yhat[{e}]*({W}[{e},{i}] - sum({k}, yhat[{k}]*{W}[{k},{i}]))"]
        if l + 1 == self.top and not self.is_loss:  # of all paths only the one to A's own entry
            return _times(self.d_z(l + 1, self.entry), [f"W{l + 1}[{self.entry},{i}]"])
        if units == 1:
            return _times(self.d_z(l + 1, 1), [f"W{l + 1}[1,{i}]"])
        k = next(self.letters)
        term = _product(_times(self.d_z(l + 1, k), [f"W{l + 1}[{k},{i}]"]))
        return None if term is None else [f"sum({k}, {term})"]

    def d_z(self, l: int, i: Index) -> Factors:
        """dA/dz_l[i]"""
        activation = self.network.activations[l - 1]
        if activation == "identity" or (l == self.top and self.is_z):
            return self.d_h(l, i)
        if self.is_loss and l == self.top and self.network.cancels:
            return [f"(yhat[{i}] - y[{i}])"]
        if l == self.top and self._mixes:
            if i == self.entry:
                return [f"yhat[{i}]*(1 - yhat[{i}])"]
            ints = isinstance(i, int) and isinstance(self.entry, int)
            return [f"(-yhat[{self.entry}]*yhat[{i}])"] if ints else None
        if facts_of(activation).mixes:
            k = next(self.letters)
            mine, theirs = _product(self.d_h(l, i)), _product(self.d_h(l, k))
            return (
                None
                if mine is None or theirs is None
                else [f"yhat[{i}]*({mine} - sum({k}, {theirs}*yhat[{k}]))"]
            )
        h = "yhat" if l == self.network.depth else f"h{l}"
        factor = slope(activation, f"z{l}[{i}]", f"{h}[{i}]")
        return None if factor is None else _times(self.d_h(l, i), [factor])

    def by(self, by: f.Quantity) -> Factors:
        """dA/dB for an entry B of a node or parameter."""
        name = self.network.canonical(by.name)
        indices = _plain(by.indices)
        if name == "y":
            if self.network.loss is None:
                return None
            names = {"yhat": f"yhat[{indices[0]}]", "y": f"y[{indices[0]}]"}
            by_target = losses.of(self.network.loss).by_target
            return [by_target.format(**names, outputs=self.network.widths[-1])]
        if name == "x" or name == "yhat" or name[0] == "h":
            return self.d_h(
                {"x": 0, "yhat": self.network.depth}.get(name) or int(name[1:] or 0), indices[0]
            )
        l = int(name[1:])
        if name[0] == "W":
            h = "x" if l == 1 else f"h{l - 1}"
            return _times(self.d_z(l, indices[0]), [f"{h}[{indices[1]}]"])
        return self.d_z(l, indices[0]) if indices else None


def _plain(indices: tuple[f.Index, ...]) -> list[Index]:
    return [index if isinstance(index, int) else index_text(index) for index in indices]


def _times(a: Factors, b: Factors) -> Factors:
    return None if a is None or b is None else [*a, *b]


def true_formula(
    tree: f.Node, network: Network, notation: Mapping[str, f.Node]
) -> tuple[str, str] | None:
    """A derivative with letters for the indices that it leaves open, and its
    formula; None where there are no words.

    For one example. The formula has not been checked.
    """
    if (
        not isinstance(tree, f.Derivative)
        or network.examples is not None
        or (tree.of.name == "L" and tree.of.indices)
    ):
        return None
    taken = tree.letters | set(network.names) | set(notation)
    letters = iter([letter for letter in LETTERS if letter not in taken] * 9)

    def open_to(quantity: f.Quantity) -> f.Quantity:
        further = network.shapes[network.canonical(quantity.name)][len(quantity.indices) :]
        return f.Quantity(
            quantity.name,
            (*quantity.indices, *[1 if n == 1 else f.Letter(next(letters)) for n in further]),
        )

    try:
        of, by = open_to(tree.of), open_to(tree.by)
        text = _product(_Writer(network, notation, of, letters).by(by))
    except StopIteration:  # the notation has taken every letter
        return None
    if text is None:
        return None
    return f"d{of.name}{show_index(of.indices)}/d{by.name}{show_index(by.indices)}", text
