"""LaTeX: formulas as amsmath, MathJax and KaTeX read them, and text as pdflatex takes it."""

import unicodedata
from collections.abc import Sequence

from gradsheet.language.shown import clean
from gradsheet.solution.typeset import GREEK, Typesetter

_LATEX = {
    "ŷ": r"\hat y",
    "−": "-",
    "·": r"\cdot ",
    "⊙": r"\odot ",
    " ": r"\, ",
    "⋯": r"\cdots",
    "⋮": r"\vdots",
}
_LATEX |= {"ℝ": r"\mathbb{R}", "∂": r"\partial ", "⊤": r"\top"}
_LATEX |= {
    character: f"\\{name}"
    for name, character in GREEK.items()
    if name not in ("omicron", "final-sigma")
}


class Latex(Typesetter[str]):
    """LaTeX as amsmath, MathJax and KaTeX read it."""

    def symbol(self, base: str, below: str = "", above: str = "") -> str:
        written = base.replace("_", r"\_")
        letter = _LATEX.get(base, written if len(base) == 1 else rf"\mathit{{{written}}}")
        return letter + (f"_{{{below}}}" if below else "") + (f"^{{{above}}}" if above else "")

    def number(self, text: str) -> str:
        return text

    def row(self, *parts: str) -> str:
        return "".join(parts)

    def sign(self, text: str, *, unary: bool = False) -> str:
        return _LATEX.get(text, text)

    def fraction(self, above: str, below: str) -> str:
        return rf"\frac{{{above}}}{{{below}}}"

    def raised(self, base: str, exponent: str) -> str:
        written = _LATEX.get(exponent, exponent.replace("−", "-").replace("×", r" \times "))
        return f"{{{base}}}^{{{written}}}"

    def fenced(self, inner: str) -> str:
        return rf"\left({inner}\right)"

    def matrix(self, rows: Sequence[Sequence[str]]) -> str:
        lines = [" & ".join(row) for row in rows]
        gap = r" \\[6pt] " if any(r"\frac" in line for line in lines) else r" \\ "
        return r"\begin{bmatrix} " + gap.join(lines) + r" \end{bmatrix}"

    def total(self, letter: str, term: str) -> str:
        return rf"\sum_{{{letter}}} {term}"

    def function(self, name: str, inner: str) -> str:
        prime = "'" * name.endswith("′")
        return rf"\mathrm{{{name.rstrip('′')}}}{prime}\left({inner}\right)"


# Text

_TEX = {character: rf"\{character}" for character in "#$%&_{}"}
_TEX |= {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
_TEX |= {"<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", '"': "''"}
_TEX |= {
    "✓": r"$\checkmark$",
    "✗": r"$\times$",
    "→": r"$\to$",
    "≈": r"$\approx$",
    "−": "$-$",
    "′": "$'$",
    "²": "$^2$",
    "∕": "/",
    "⁄": "/",
    "–": "--",
    "—": "---",
    "’": "'",
}
_MATH = {
    "∂": "partial",
    "∇": "nabla",
    "∑": "sum",
    "√": "surd",
    "∞": "infty",
    "ℓ": "ell",
    "ℝ": "mathbb{R}",
    "⊤": "top",
}
_MATH |= {
    "⊙": "odot",
    "⊗": "otimes",
    "⊞": "boxplus",
    "∗": "ast",
    "∘": "circ",
    "∙": "bullet",
    "•": "bullet",
    "⋅": "cdot",
}
_MATH |= {"⋯": "cdots", "⋮": "vdots", "…": "ldots", "≤": "leq", "≥": "geq", "≠": "neq", "∈": "in"}
_MATH |= {"↪": "hookrightarrow", "←": "leftarrow"}
_TEX |= {character: f"$\\{command}$" for character, command in _MATH.items()}
_MARKS = (*range(0x300, 0x305), 0x306, 0x307, 0x308, 0x30A, 0x30B, 0x30C, 0x327, 0x328)
_ACCENTS = dict(zip(map(chr, _MARKS), "`'^~=u.\"rHvck", strict=True))
_GREEK = """
alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon phi chi psi omega
Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega
"""


def tex_text(text: str) -> str:
    """Text as LaTeX takes it; a character that its fonts may lack is told by its number."""
    return "".join(_TEX.get(c) or _tex_character(c) for c in clean(text))


def _tex_character(character: str) -> str:
    """A character by what Unicode says it is made of: an accent on a letter, an index, a power, a Greek letter."""
    if character.isascii() or 0xC0 <= ord(character) <= 0xFF:
        return character
    kind, *parts = unicodedata.decomposition(character).split() or [""]
    letters = [chr(int(part, 16)) for part in parts]
    if kind in ("<super>", "<sub>") and all(letter.isascii() for letter in letters):
        return f"${'^' if kind == '<super>' else '_'}{{{''.join(letters)}}}$"
    if kind == "<fraction>" and len(letters) == 3:
        return rf"$\frac{{{letters[0]}}}{{{letters[2]}}}$"
    if letters and letters[0] in _ACCENTS and kind < "0080":
        return rf"\{_ACCENTS[letters[0]]}{{{chr(int(kind, 16))}}}"
    words = unicodedata.name(character, "").replace("LAMDA", "LAMBDA").split()
    if words[:1] == ["GREEK"] and words[2:3] == ["LETTER"] and len(words) == 4:
        name = words[3].lower() if words[1] == "SMALL" else words[3].title()
        if name in _GREEK.split():
            return f"$\\{name}$"
    return rf"\texttt{{U+{ord(character):04X}}}"
