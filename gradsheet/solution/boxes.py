"""A formula as a block of characters: matrices as matrices, everything else on one line."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gradsheet.solution.typeset import Typesetter

_ABOVE = dict(zip("0123456789()+−×", "⁰¹²³⁴⁵⁶⁷⁸⁹⁽⁾⁺⁻ˣ", strict=True))
_BELOW = dict(zip("0123456789ijkmnprstuvx,", "₀₁₂₃₄₅₆₇₈₉ᵢⱼₖₘₙₚᵣₛₜᵤᵥₓ,", strict=True))
_BRACKETS = {"[": ("⎡", "⎢", "⎣"), "]": ("⎤", "⎥", "⎦"), "(": ("⎛", "⎜", "⎝"), ")": ("⎞", "⎟", "⎠")}


@dataclass(frozen=True)
class Box:
    """Lines of equal length; the one numbered `base` is level with what stands beside the box."""

    lines: tuple[str, ...]
    base: int = 0

    @property
    def width(self) -> int:
        """How many characters each of its lines has."""
        return len(self.lines[0])

    def lifted(self, above: int, below: int) -> "Box":
        """Return the box with empty lines above and below it."""
        blank = (" " * self.width,)
        return Box(blank * above + self.lines + blank * below, self.base + above)


def beside(boxes: Sequence[Box]) -> Box:
    """Put boxes next to each other, their bases level."""
    base = max(box.base for box in boxes)
    rest = max(len(box.lines) - box.base for box in boxes)
    level = [box.lifted(base - box.base, rest - (len(box.lines) - box.base)).lines for box in boxes]
    return Box(tuple(map("".join, zip(*level, strict=True))), base)


def _script(text: str, characters: Mapping[str, str], otherwise: str) -> str:
    """Characters above or below the line, where there are such; else with a sign in front."""
    if all(character in characters for character in text):
        return "".join(characters[character] for character in text)
    return otherwise + (text if len(text) == 1 else f"{{{text}}}")


class Boxes(Typesetter[Box]):
    """Characters of Unicode, for a terminal."""

    divides_on_one_line = True

    def _symbol(self, base: str, below: str = "", above: str = "") -> Box:
        if above:
            base += _script(above, _ABOVE, "^")
        if below:
            base += _script(below, _BELOW, "_")
        return Box((base,))

    def _number(self, text: str) -> Box:
        return Box((text,))

    def _row(self, *parts: Box) -> Box:
        return beside(parts)

    def _sign(self, text: str, *, unary: bool = False) -> Box:
        return Box((text if unary or text in " /" else f" {text} ",))

    def _fraction(self, above: Box, below: Box) -> Box:
        return beside([above, Box(("/",)), below])

    def _raised(self, base: Box, exponent: str) -> Box:
        top = Box(("ᵀ" if exponent == "⊤" else _script(exponent, _ABOVE, "^"),))
        # The exponent is level with the first line.
        return beside([base, Box(top.lifted(0, base.base).lines, base.base)])

    def _fenced(self, inner: Box) -> Box:
        return beside([self._bracket("(", inner), inner, self._bracket(")", inner)])

    @staticmethod
    def _bracket(character: str, inner: Box) -> Box:
        height = len(inner.lines)
        if height == 1:
            return Box((character,))
        top, middle, bottom = _BRACKETS[character]
        return Box((top, *[middle] * (height - 2), bottom), inner.base)

    def _matrix(self, rows: Sequence[Sequence[Box]]) -> Box:
        widths = [max(row[k].width for row in rows) for k in range(len(rows[0]))]
        lines: list[str] = []
        for row in rows:
            spaced: list[Box] = []
            for k, cell in enumerate(row):
                spaced += [Box((" " * (widths[k] - cell.width + (2 if k else 0)),)), cell]
            lines += beside(spaced).lines
        inner = Box(tuple(lines), (len(lines) - 1) // 2)
        return beside([self._bracket("[", inner), inner, self._bracket("]", inner)])

    def _total(self, letter: str, term: Box) -> Box:
        return beside([Box(("∑" + _script(letter, _BELOW, "_") + " ",)), term])
