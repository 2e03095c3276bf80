"""MathML: formulas as browsers show them."""

import html
import re
from collections.abc import Sequence

from gradsheet.solution.typeset import Typesetter


class MathML(Typesetter[str]):
    """Presentation MathML, of the elements that browsers have in common."""

    def _symbol(self, base: str, below: str = "", above: str = "") -> str:
        letter = f"<mi>{html.escape(base)}</mi>" if base else "<mrow></mrow>"
        if base == "ŷ":
            letter = "<mover><mi>y</mi><mo>^</mo></mover>"
        lower, upper = (f"<mrow>{self._script(text)}</mrow>" for text in (below, above))
        if below and above:
            return f"<msubsup>{letter}{lower}{upper}</msubsup>"
        if below:
            return f"<msub>{letter}{lower}</msub>"
        return f"<msup>{letter}{upper}</msup>" if above else letter

    @staticmethod
    def _script(text: str) -> str:
        """What stands below or above, each number, letter and sign in its element."""
        elements = []
        for token in re.findall(r"\d+|.", text):
            tag = "mn" if token.isdecimal() else "mi" if token.isalpha() else "mo"
            fixed = ' stretchy="false"' if token in "()" else ""
            elements.append(f"<{tag}{fixed}>{html.escape(token)}</{tag}>")
        return "".join(elements)

    def _number(self, text: str) -> str:
        return f"<mn>{html.escape(text)}</mn>"

    def _row(self, *parts: str) -> str:
        return f"<mrow>{''.join(parts)}</mrow>"

    def _sign(self, text: str, *, unary: bool = False) -> str:
        if text == " ":
            return '<mspace width="0.17em"/>'
        form = ' form="prefix"' if unary else ""
        return f"<mo{form}>{html.escape(text)}</mo>"

    def _fraction(self, above: str, below: str) -> str:
        return f"<mfrac><mrow>{above}</mrow><mrow>{below}</mrow></mfrac>"

    def _raised(self, base: str, exponent: str) -> str:
        tag = "mn" if exponent.strip("−").isdecimal() else "mo"
        return f"<msup><mrow>{base}</mrow><{tag}>{exponent}</{tag}></msup>"

    def _fenced(self, inner: str) -> str:
        return f"<mrow><mo>(</mo>{inner}<mo>)</mo></mrow>"

    def _matrix(self, rows: Sequence[Sequence[str]]) -> str:
        cells = ("".join(f"<mtd>{cell}</mtd>" for cell in row) for row in rows)
        table = "".join(f"<mtr>{row}</mtr>" for row in cells)
        return f"<mrow><mo>[</mo><mtable>{table}</mtable><mo>]</mo></mrow>"

    def _total(self, letter: str, term: str) -> str:
        return f"<mrow><munder><mo>∑</mo><mi>{html.escape(letter)}</mi></munder>{term}</mrow>"
