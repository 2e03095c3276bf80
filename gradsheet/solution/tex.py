"""LaTeX: formulas as amsmath, MathJax and KaTeX read them, and text as pdflatex takes it."""

import unicodedata
from collections.abc import Sequence

from gradsheet.language.shown import clean
from gradsheet.solution.typeset import GREEK, Typesetter

# The Greek letters that LaTeX has commands for.
_SMALL = {name: letter for name, letter in GREEK.items() if name not in ("omicron", "final-sigma")}
_CAPITALS = "Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega"

_SYMBOLS = {letter: f"\\{name}" for name, letter in _SMALL.items()}
_SYMBOLS |= {"ŷ": r"\hat y", "−": "-", "·": r"\cdot ", "⊙": r"\odot ", " ": r"\, "}
_SYMBOLS |= {"⋯": r"\cdots", "⋮": r"\vdots", "ℝ": r"\mathbb{R}", "∂": r"\partial ", "⊤": r"\top"}


class Latex(Typesetter[str]):
    """LaTeX as amsmath, MathJax and KaTeX read it."""

    def _symbol(self, base: str, below: str = "", above: str = "") -> str:
        written = base.replace("_", r"\_")
        letter = _SYMBOLS.get(base, written if len(base) == 1 else rf"\mathit{{{written}}}")
        if below:
            letter += f"_{{{below}}}"
        return letter + f"^{{{above}}}" if above else letter

    def _number(self, text: str) -> str:
        return text

    def _row(self, *parts: str) -> str:
        return "".join(parts)

    def _sign(self, text: str, *, unary: bool = False) -> str:
        return _SYMBOLS.get(text, text)

    def _fraction(self, above: str, below: str) -> str:
        return rf"\frac{{{above}}}{{{below}}}"

    def _raised(self, base: str, exponent: str) -> str:
        written = _SYMBOLS.get(exponent, exponent.replace("−", "-").replace("×", r" \times "))
        return f"{{{base}}}^{{{written}}}"

    def _fenced(self, inner: str) -> str:
        return rf"\left({inner}\right)"

    def _matrix(self, rows: Sequence[Sequence[str]]) -> str:
        lines = [" & ".join(row) for row in rows]
        gap = r" \\[6pt] " if any(r"\frac" in line for line in lines) else r" \\ "
        return r"\begin{bmatrix} " + gap.join(lines) + r" \end{bmatrix}"

    def _total(self, letter: str, term: str) -> str:
        return rf"\sum_{{{letter}}} {term}"

    def _function(self, name: str, inner: str) -> str:
        prime = "'" if name.endswith("′") else ""
        return rf"\mathrm{{{name.rstrip('′')}}}{prime}\left({inner}\right)"


# Text

_TEX = {character: rf"\{character}" for character in "#$%&_{}"}
_TEX |= {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
_TEX |= {"<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", '"': "''"}
_TEX |= {"✓": r"$\checkmark$", "✗": r"$\times$", "→": r"$\to$", "≈": r"$\approx$", "−": "$-$"}
_TEX |= {"′": "$'$", "²": "$^2$", "∕": "/", "⁄": "/", "–": "--", "—": "---", "’": "'"}
_COMMANDS = """
∂ partial  ∇ nabla  ∑ sum  √ surd  ∞ infty  ℓ ell  ℝ mathbb{R}  ⊤ top  ⊙ odot  ⊗ otimes
⊞ boxplus  ∗ ast  ∘ circ  ∙ bullet  • bullet  ⋅ cdot  ⋯ cdots  ⋮ vdots  … ldots  ≤ leq
≥ geq  ≠ neq  ∈ in  ↪ hookrightarrow  ← leftarrow
"""
_PAIRS = iter(_COMMANDS.split())
_TEX |= {character: f"$\\{next(_PAIRS)}$" for character in _PAIRS}
_MARKS = (*range(0x300, 0x305), 0x306, 0x307, 0x308, 0x30A, 0x30B, 0x30C, 0x327, 0x328)
_ACCENTS = dict(zip(map(chr, _MARKS), "`'^~=u.\"rHvck", strict=True))


def tex_text(text: str) -> str:
    """Write text as LaTeX takes it; a character that its fonts may lack becomes its number."""
    return "".join(_TEX.get(c) or _tex_character(c) for c in clean(text))


def _tex_character(character: str) -> str:
    """A character that is made of an accent, an index, a power or a fraction, or is Greek."""
    if character.isascii() or 0xC0 <= ord(character) <= 0xFF:
        return character
    kind, *parts = unicodedata.decomposition(character).split() or [""]
    letters = [chr(int(part, 16)) for part in parts]
    if kind in ("<super>", "<sub>") and all(letter.isascii() for letter in letters):
        sign = "^" if kind == "<super>" else "_"
        return f"${sign}{{{''.join(letters)}}}$"
    if kind == "<fraction>" and len(letters) == 3:
        return rf"$\frac{{{letters[0]}}}{{{letters[2]}}}$"
    if letters and letters[0] in _ACCENTS and kind < "0080":
        return rf"\{_ACCENTS[letters[0]]}{{{chr(int(kind, 16))}}}"
    words = unicodedata.name(character, "").replace("LAMDA", "LAMBDA").split()
    if words[:1] == ["GREEK"] and words[2:3] == ["LETTER"] and len(words) == 4:
        name = words[3].lower() if words[1] == "SMALL" else words[3].title()
        if name in _SMALL or name in _CAPITALS.split():
            return f"$\\{name}$"
    return rf"\texttt{{U+{ord(character):04X}}}"
