"""A solution as a document: Markdown, LaTeX and plain text. The page for browsers is in `html`."""

import textwrap
import unicodedata
from collections.abc import Iterator
from typing import TypeVar

from gradsheet.claims.sheet import Sheet
from gradsheet.claims.verdict import reading_of
from gradsheet.language import formula as f
from gradsheet.language.formula import NEW
from gradsheet.language.shown import clean, markdown_text
from gradsheet.numbers.arrays import as_array
from gradsheet.solution.boxes import Box, Boxes, beside
from gradsheet.solution.digits import Digits
from gradsheet.solution.numbers import tree_of
from gradsheet.solution.solution import Remark, Solution, Step
from gradsheet.solution.typeset import Latex, Typesetter

WIDTH = 80  # of plain text
MARKS = {
    "right": "✓",
    "rounded": "≈",
    "lucky": "!",
    "carried_forward": "↪",
    "wrong": "✗",
    "cannot_tell": "?",
    "unread": "?",
    "": "→",
}

T = TypeVar("T")


def chain(setter: Typesetter[T], step: Step) -> tuple[T, list[tuple[str, T]]]:
    """What a step begins with, and everything that it equals, each with its sign."""
    head, *rest = setter.defined(step.quantity, step.names)
    found = [("=", other) for other in rest]
    found += [
        ("≈" if line.rounded else "=", setter.formula(line.tree, step.names)) for line in step.lines
    ]
    if step.value is not None:
        found.append(("≈" if step.rounded else "=", setter.formula(tree_of(step.value))))
    return head, found


def given(setter: Typesetter[T], sheet: Sheet) -> list[tuple[T, str, T]]:
    """The data of a sheet, each with its name; without numbers the spaces that they are from."""
    network, digits = sheet.network, Digits(sheet)
    if sheet.params is None or sheet.x is None:
        names = [name for name in network.shapes if name in ("x", "y") or name[0] in "Wb"]
        found = [(name, network.shapes[name]) for name in names if not name.endswith(NEW)]
        return [
            (setter.formula(f.Quantity(name)), "∈", setter.space(axes or (1,)))
            for name, axes in found
        ]
    arrays = {"x": sheet.x, "y": sheet.y}
    if network.examples is None:
        arrays = {name: None if array is None else array[0] for name, array in arrays.items()}
    for l, (W, b) in enumerate(sheet.params, 1):
        arrays |= {f"W{l}": W, f"b{l}": b}
    if sheet.rate is not None:
        arrays["learning_rate"] = as_array(sheet.rate.value)
    data = []
    for name, array in arrays.items():
        if array is not None:
            value, rounded = digits.value(array)
            sign = "≈" if rounded else "="
            data.append((setter.formula(f.Quantity(name)), sign, setter.formula(tree_of(value))))
    return data


def remark_text(remark: Remark) -> str:
    """A remark in words, behind its mark and question."""
    if not remark.verdict:
        return "asked for"
    word = {"lucky": "lucky, the number is true and the working is not"}.get(
        remark.verdict, remark.verdict.replace("_", " ")
    )
    if not remark.text:
        return word
    return (
        f"{word}: {remark.text}"
        if remark.verdict == "right"
        else f"{word}: the sheet has {remark.text}"
    )


def closing(solution: Solution, setter: Typesetter[T]) -> list[str]:
    """What is to be said at the end: causes, rounding, new parameters, and who has checked."""
    found = list(solution.causes)
    if any(_speaks_of_new(step.quantity) for step in solution.steps()):
        found.append("A plus marks what there is after the step of gradient descent.")
    if solution.rounds:
        found.append(
            f"≈ marks what is rounded, to {solution.digits} significant digits. Every result is computed from "
            "unrounded numbers: a line put together from the printed ones may differ from it in the last digit."
        )
    if any(
        _multiplies_entries(setter, line.tree) for step in solution.steps() for line in step.lines
    ):
        found.append("⊙ multiplies two arrays entry by entry.")
    number = sum(step.says_something for step in solution.steps())
    rest = f", but for {solution.unchecked} that it could not tell or that were too much" * bool(
        solution.unchecked
    )
    each = "this step" if number == 1 else f"each of these {number} steps"
    found.append(f"gradsheet has judged {each} like a claim of a sheet, and found it right{rest}.")
    return found


def _multiplies_entries(setter: Typesetter[T], tree: f.Node) -> bool:
    products = (
        part for part in f.walk(tree) if isinstance(part, f.Binary) and part.operator == "*"
    )
    return any(setter.rank(product.left) and setter.rank(product.right) for product in products)


def _speaks_of_new(quantity: f.Node) -> bool:
    return any(
        isinstance(part, f.Quantity) and part.name.endswith(NEW) for part in f.walk(quantity)
    )


def marked(remark: Remark) -> str:
    """The mark of a remark's verdict, and its question."""
    return " ".join(part for part in (MARKS[remark.verdict], remark.question) if part)


# Markdown


def _one_line(setter: Latex, step: Step) -> str:
    head, rest = chain(setter, step)
    return head + "".join(f" {_sign(sign)} {tree}" for sign, tree in rest)


def _aligned(setter: Latex, step: Step) -> str:
    head, rest = chain(setter, step)
    if len(rest) < 2:
        return _one_line(setter, step)
    rows = [
        f"{head} &{_sign(rest[0][0])} {rest[0][1]}",
        *(f"&{_sign(sign)} {tree}" for sign, tree in rest[1:]),
    ]
    return r"\begin{aligned} " + " \\\\[4pt]\n".join(rows) + r" \end{aligned}"


def _sign(sign: str) -> str:
    return {"≈": r"\approx", "∈": r"\in"}.get(sign, sign)


def _data(setter: Latex, sheet: Sheet) -> list[str]:
    """The data, each layer's parameters on a line."""
    lines: dict[str, list[str]] = {}
    for name, sign, value in given(setter, sheet):
        lines.setdefault(name[1:] if name[0] in "Wb" else "", []).append(
            f"{name} {_sign(sign)} {value}"
        )
    return [r" \qquad ".join(parts) for parts in lines.values()]


def _opening(sheet: Sheet, reading: str) -> Iterator[str]:
    setter = Latex(sheet)
    yield f"# {markdown_text(sheet.title)}\n"
    yield f"Read as: {markdown_text(reading)}.\n"
    if data := _data(setter, sheet):
        yield "## Given\n"
        yield from (f"$$\n{line}\n$$\n" for line in data)


def problem(sheet: Sheet) -> str:
    """The problem that a sheet states, and what it asks for, in Markdown."""
    setter = Latex(sheet)
    parts = [*_opening(sheet, reading_of(sheet)), "## Asked for\n"]
    for claim in sheet.claims:
        question = f"**{markdown_text(claim.question)}** " * bool(claim.question)
        parts.append(f"- {question}${' = '.join(setter.defined(claim.tree))}$")
    return "\n".join(parts) + "\n"


def markdown(solution: Solution) -> str:
    """Markdown with the mathematics between double dollars."""
    setter = Latex(solution.sheet)
    parts = list(_opening(solution.sheet, solution.reading))
    for section in solution.sections:
        parts.append(f"## {section.title}\n")
        for step in section.steps:
            parts += [f"{step.why}\n"] * bool(step.why)
            parts.append(f"$$\n{_aligned(setter, step)}\n$$\n")
            parts += [f"{markdown_text(step.missing)}\n"] * bool(step.missing)
            parts += [
                f"> {MARKS[remark.verdict]} **{markdown_text(remark.question)}** {markdown_text(remark_text(remark))}\n"
                for remark in step.remarks
            ]
    parts.append("---\n")
    parts += [f"{markdown_text(sentence)}\n" for sentence in closing(solution, setter)]
    return "\n".join(parts)


# LaTeX

_PREAMBLE = r"""\documentclass[a4paper,11pt]{article}
\usepackage[T1]{fontenc}
\usepackage[utf8]{inputenc}
\usepackage{lmodern,amsmath,amssymb,graphicx,xcolor}
\usepackage[margin=25mm]{geometry}
\setlength{\parindent}{0pt}
\setlength{\parskip}{6pt}
\setcounter{secnumdepth}{0}
\definecolor{wrong}{HTML}{A32B1E}
\definecolor{right}{HTML}{1E6B34}
\newsavebox{\stepbox}
% A formula stands on one line where it fits, else on several; what is too wide even so is made as wide as the page.
\newcommand{\step}[2]{\par\medskip\sbox{\stepbox}{\hspace{1em}$\displaystyle #1$}%
  \ifdim\wd\stepbox>\linewidth\sbox{\stepbox}{\hspace{1em}$\displaystyle #2$}\fi
  \ifdim\wd\stepbox>\linewidth\resizebox{\linewidth}{!}{\usebox{\stepbox}}\else\usebox{\stepbox}\fi
  \par\medskip}
\newcommand{\remark}[3]{{\leftskip=1.5em\relax\small\textcolor{#1}{\textbf{#2}} #3\par}}
\begin{document}
"""
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


def latex(solution: Solution) -> str:
    """A LaTeX document for pdflatex."""
    setter = Latex(solution.sheet)
    parts = [
        _PREAMBLE,
        rf"\section*{{{tex_text(solution.sheet.title)}}}",
        f"Read as: {tex_text(solution.reading)}.",
        "",
    ]
    if data := _data(setter, solution.sheet):
        parts.append(r"\subsection*{Given}")
        line = r"\quad ".join(data)
        parts.append(
            rf"\step{{{line}}}{{\begin{{array}}{{l}} " + r" \\[6pt] ".join(data) + r" \end{array}}"
        )
    for section in solution.sections:
        parts.append(rf"\subsection*{{{section.title}}}")
        for step in section.steps:
            parts += [tex_text(step.why)] * bool(step.why)
            parts.append(rf"\step{{{_one_line(setter, step)}}}{{{_aligned(setter, step)}}}")
            parts += [tex_text(step.missing), ""] if step.missing else []
            parts += [
                rf"\remark{{{'right' if remark.verdict in ('right', 'rounded', '') else 'wrong'}}}"
                rf"{{{tex_text(marked(remark))}}}{{{tex_text(remark_text(remark))}}}"
                for remark in step.remarks
            ]
    parts += ["", r"\medskip\hrule\medskip", r"\small"]
    parts += [f"{tex_text(sentence)}\n" for sentence in closing(solution, setter)]
    return "\n".join([*parts, r"\end{document}", ""])


# Plain text


def text(solution: Solution) -> str:
    """Plain text, matrices as matrices."""
    setter = Boxes(solution.sheet)

    def told(sentence: str, first: str = "", rest: str = "") -> str:
        return textwrap.fill(clean(sentence), WIDTH, initial_indent=first, subsequent_indent=rest)

    parts = [told(solution.sheet.title), told(solution.reading, "read as  ", " " * 9), ""]
    if data := given(setter, solution.sheet):
        parts += ["Given", "", *_flowed(data), ""]
    for section in solution.sections:
        parts += [section.title, "─" * len(section.title), ""]
        for step in section.steps:
            parts += [told(step.why)] * bool(step.why)
            parts += _written(setter, step)
            parts += [told(step.missing, "  ", "  ")] * bool(step.missing)
            parts += [told(f"{marked(r)} {remark_text(r)}", "  ", "    ") for r in step.remarks]
            parts.append("")
    parts += [told(sentence) for sentence in closing(solution, setter)]
    return "\n".join(line.rstrip() for part in parts for line in part.split("\n")) + "\n"


def _flowed(data: list[tuple[Box, str, Box]]) -> Iterator[str]:
    """Equations next to each other, as many as a line takes."""
    line: list[Box] = []
    for name, sign, value in data:
        box = beside([Box(("  ",)), name, Box((f" {sign} ",)), value])
        if line and sum(other.width for other in line) + box.width > WIDTH:
            yield from beside(line).lines
            line = []
        line.append(box)
    if line:
        yield from beside(line).lines


def _written(setter: Boxes, step: Step) -> Iterator[str]:
    """The equations of a step below each other, or on one line where they fit."""
    head, rest = chain(setter, step)
    row = beside(
        [Box(("  ",)), head, *(part for sign, box in rest for part in (Box((f" {sign} ",)), box))]
    )
    if row.width <= WIDTH:
        yield from row.lines
        return
    line = [Box(("  ",)), head]
    margin = Box((" " * (2 + head.width),))
    for sign, whole in rest:
        for k, box in enumerate(_broken(whole, WIDTH - margin.width - 3)):
            if k or (len(line) > 2 and sum(part.width for part in line) + 3 + box.width > WIDTH):
                yield from beside(line).lines
                line = [margin]
            line += [Box((f" {sign} " if not k else "   ",)), box]
    yield from beside(line).lines


def _broken(box: Box, width: int) -> list[Box]:
    """A box; of one that is a single line, too long, the lines that it is broken into."""
    if len(box.lines) > 1 or box.width <= width:
        return [box]
    return [Box((line,)) for line in textwrap.wrap(box.lines[0], width, break_long_words=False)]
