"""A solution as a document: Markdown, LaTeX and plain text; `webpage` has the page for browsers."""

import textwrap
from collections.abc import Iterator
from typing import TypeVar

from gradsheet.claims.sheet import Sheet
from gradsheet.claims.verdict import reading_of
from gradsheet.language import formula as f
from gradsheet.language.formula import NEW
from gradsheet.language.shown import clean, markdown_text
from gradsheet.numbers.arrays import as_array
from gradsheet.solution.boxes import Box, Boxes, beside
from gradsheet.solution.rounding_off import Digits
from gradsheet.solution.solution import Remark, Solution, Step
from gradsheet.solution.substitution import tree_of
from gradsheet.solution.tex import Latex, tex_text
from gradsheet.solution.typeset import Typesetter

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
EQUALS = ("=", "≈")  # the second where something is rounded

T = TypeVar("T")


def chain(setter: Typesetter[T], step: Step) -> tuple[T, list[tuple[str, T]]]:
    """Set what a step begins with, and everything that it equals, each with its sign."""
    head, *rest = setter.defined(step.quantity, step.names)
    equal = [("=", other) for other in rest]
    for line in step.lines:
        equal.append((EQUALS[line.rounded], setter.formula(line.tree, step.names)))
    if step.value is not None:
        equal.append((EQUALS[step.rounded], setter.formula(tree_of(step.value))))
    return head, equal


def given(setter: Typesetter[T], sheet: Sheet) -> list[tuple[T, str, T]]:
    """Set the data of a sheet, each behind its name; without numbers the spaces they are from."""
    network, digits = sheet.network, Digits(sheet)
    data = []
    if sheet.params is None or sheet.x is None:
        for name, axes in network.shapes.items():
            if (name in ("x", "y") or name[0] in "Wb") and not name.endswith(NEW):
                data.append((setter.formula(f.Quantity(name)), "∈", setter.space(axes or (1,))))
        return data
    arrays = {"x": sheet.x, "y": sheet.y}
    if network.examples is None:
        arrays = {name: None if array is None else array[0] for name, array in arrays.items()}
    for l, (W, b) in enumerate(sheet.params, 1):
        arrays |= {f"W{l}": W, f"b{l}": b}
    if sheet.rate is not None:
        arrays["learning_rate"] = as_array(sheet.rate.value)
    for name, array in arrays.items():
        if array is not None:
            value, rounded = digits.value(array)
            numbers = setter.formula(tree_of(value))
            data.append((setter.formula(f.Quantity(name)), EQUALS[rounded], numbers))
    return data


def remark_text(remark: Remark) -> str:
    """Say a remark in words, behind its mark and question."""
    if not remark.verdict:
        return "asked for"
    words = remark.verdict.replace("_", " ")
    if remark.verdict == "lucky":
        words = "lucky, the number is true and the working is not"
    if not remark.text:
        return words
    return f"{words}: {'' if remark.verdict == 'right' else 'the sheet has '}{remark.text}"


def marked(remark: Remark) -> str:
    """Return the mark of a remark's verdict, and its question."""
    return " ".join(filter(None, (MARKS[remark.verdict], remark.question)))


def closing(solution: Solution, setter: Typesetter[T]) -> list[str]:
    """Say what is to be said at the end: causes, rounding, new parameters, and who has checked."""
    sentences = list(solution.causes)
    spoken_of = (node for step in solution.steps() for node in f.walk(step.quantity))
    if any(isinstance(node, f.Quantity) and node.name.endswith(NEW) for node in spoken_of):
        sentences.append("A plus marks what there is after the step of gradient descent.")
    if solution.rounds:
        sentences.append(
            f"≈ marks what is rounded, to {solution.digits} significant digits. Every result is "
            "computed from unrounded numbers: a line put together from the printed ones may "
            "differ from it in the last digit."
        )
    trees = [line.tree for step in solution.steps() for line in step.lines]
    if any(map(setter.multiplies_entries, trees)):
        sentences.append("⊙ multiplies two arrays entry by entry.")
    count = sum(step.says_something for step in solution.steps())
    each = "this step" if count == 1 else f"each of these {count} steps"
    judged = f"gradsheet has judged {each} like a claim of a sheet, and found it right"
    if solution.unchecked:
        judged += f", but for {solution.unchecked} that it could not tell or that were too much"
    return [*sentences, f"{judged}."]


# Markdown

_SIGNS = {"=": "=", "≈": r"\approx", "∈": r"\in"}


def _one_line(setter: Latex, step: Step) -> str:
    head, rest = chain(setter, step)
    return head + "".join(f" {_SIGNS[sign]} {tree}" for sign, tree in rest)


def _aligned(setter: Latex, step: Step) -> str:
    """The equations of a step below each other, where there are several."""
    head, rest = chain(setter, step)
    if len(rest) < 2:
        return _one_line(setter, step)
    rows = [f"&{_SIGNS[sign]} {tree}" for sign, tree in rest]
    rows[0] = f"{head} {rows[0]}"
    return r"\begin{aligned} " + " \\\\[4pt]\n".join(rows) + r" \end{aligned}"


def _data(setter: Latex, sheet: Sheet) -> list[str]:
    """The data, each layer's parameters on a line."""
    lines: dict[str, list[str]] = {}
    for name, sign, value in given(setter, sheet):
        layer = name[1:] if name[0] in "Wb" else ""
        lines.setdefault(layer, []).append(f"{name} {_SIGNS[sign]} {value}")
    return [r" \qquad ".join(equations) for equations in lines.values()]


def _opening(sheet: Sheet, reading: str) -> Iterator[str]:
    """The title, the reading and the data."""
    setter = Latex(sheet)
    yield f"# {markdown_text(sheet.title)}\n"
    yield f"Read as: {markdown_text(reading)}.\n"
    if data := _data(setter, sheet):
        yield "## Given\n"
        yield from (f"$$\n{line}\n$$\n" for line in data)


def problem(sheet: Sheet) -> str:
    """Write the problem that a sheet states, and what it asks for, in Markdown.

    Raises nothing, whatever a sheet has that could be read:
    `print(problem(load("gradsheet/homework/numbers.toml")))`.
    """
    setter = Latex(sheet)
    parts = [*_opening(sheet, reading_of(sheet)), "## Asked for\n"]
    for claim in sheet.claims:
        question = f"**{markdown_text(claim.question)}** " if claim.question else ""
        parts.append(f"- {question}${' = '.join(setter.defined(claim.tree))}$")
    return "\n".join(parts) + "\n"


def markdown(solution: Solution) -> str:
    """Write the solution in Markdown, with the mathematics between double dollars.

    `Path("solution.md").write_text(markdown(solve(sheet)))`; raises nothing.
    """
    setter = Latex(solution.sheet)
    parts = list(_opening(solution.sheet, solution.reading))
    for section in solution.sections:
        parts.append(f"## {section.title}\n")
        for step in section.steps:
            if step.why:
                parts.append(f"{step.why}\n")
            parts.append(f"$$\n{_aligned(setter, step)}\n$$\n")
            if step.missing:
                parts.append(f"{markdown_text(step.missing)}\n")
            for remark in step.remarks:
                question, words = markdown_text(remark.question), markdown_text(remark_text(remark))
                parts.append(f"> {MARKS[remark.verdict]} **{question}** {words}\n")
    parts.append("---\n")
    parts += [f"{markdown_text(sentence)}\n" for sentence in closing(solution, setter)]
    return "\n".join(parts)


# LaTeX

_PREAMBLE = (
    r"""\documentclass[a4paper,11pt]{article}
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
% A formula stands on one line where it fits, else on several; what is too wide even so """
    r"""is made as wide as the page.
\newcommand{\step}[2]{\par\medskip\sbox{\stepbox}{\hspace{1em}$\displaystyle #1$}%
  \ifdim\wd\stepbox>\linewidth\sbox{\stepbox}{\hspace{1em}$\displaystyle #2$}\fi
  \ifdim\wd\stepbox>\linewidth\resizebox{\linewidth}{!}{\usebox{\stepbox}}\else\usebox{\stepbox}\fi
  \par\medskip}
\newcommand{\remark}[3]{{\leftskip=1.5em\relax\small\textcolor{#1}{\textbf{#2}} #3\par}}
\begin{document}
"""
)


def latex(solution: Solution) -> str:
    """Write the solution as a LaTeX document for pdflatex.

    `Path("solution.tex").write_text(latex(solve(sheet)))`; raises nothing.
    """
    setter = Latex(solution.sheet)
    title, reading = tex_text(solution.sheet.title), tex_text(solution.reading)
    parts = [_PREAMBLE, rf"\section*{{{title}}}", f"Read as: {reading}.", ""]
    if data := _data(setter, solution.sheet):
        line, rows = r"\quad ".join(data), r" \\[6pt] ".join(data)
        array = rf"\begin{{array}}{{l}} {rows} \end{{array}}"
        parts += [r"\subsection*{Given}", rf"\step{{{line}}}{{{array}}}"]
    for section in solution.sections:
        parts.append(rf"\subsection*{{{section.title}}}")
        for step in section.steps:
            if step.why:
                parts.append(tex_text(step.why))
            parts.append(rf"\step{{{_one_line(setter, step)}}}{{{_aligned(setter, step)}}}")
            if step.missing:
                parts += [tex_text(step.missing), ""]
            parts += map(_tex_remark, step.remarks)
    parts += ["", r"\medskip\hrule\medskip", r"\small"]
    parts += [f"{tex_text(sentence)}\n" for sentence in closing(solution, setter)]
    return "\n".join([*parts, r"\end{document}", ""])


def _tex_remark(remark: Remark) -> str:
    colour = "right" if remark.verdict in ("right", "rounded", "") else "wrong"
    mark, words = tex_text(marked(remark)), tex_text(remark_text(remark))
    return rf"\remark{{{colour}}}{{{mark}}}{{{words}}}"


# Plain text


def text(solution: Solution) -> str:
    """Write the solution in plain text of 80 columns, matrices as matrices.

    `print(text(solve(sheet)))`; raises nothing.
    """
    setter = Boxes(solution.sheet)
    parts = [_wrapped(solution.sheet.title), _wrapped(solution.reading, "read as  ", " " * 9), ""]
    if data := given(setter, solution.sheet):
        parts += ["Given", "", *_flowed(data), ""]
    for section in solution.sections:
        parts += [section.title, "─" * len(section.title), ""]
        for step in section.steps:
            if step.why:
                parts.append(_wrapped(step.why))
            parts += _written(setter, step)
            if step.missing:
                parts.append(_wrapped(step.missing, "  ", "  "))
            for remark in step.remarks:
                parts.append(_wrapped(f"{marked(remark)} {remark_text(remark)}", "  ", "    "))
            parts.append("")
    parts += map(_wrapped, closing(solution, setter))
    return "\n".join(line.rstrip() for line in "\n".join(parts).split("\n")) + "\n"


def _wrapped(sentence: str, first: str = "", rest: str = "") -> str:
    """A sentence on lines that fit, behind what the first and the further ones begin with."""
    return textwrap.fill(clean(sentence), WIDTH, initial_indent=first, subsequent_indent=rest)


def _flowed(data: list[tuple[Box, str, Box]]) -> Iterator[str]:
    """Equations next to each other, as many as a line takes."""
    line = Box(("",))
    for name, sign, value in data:
        box = beside([Box(("  ",)), name, Box((f" {sign} ",)), value])
        if line.width and line.width + box.width > WIDTH:
            yield from line.lines
            line = Box(("",))
        line = beside([line, box])
    yield from line.lines


def _written(setter: Boxes, step: Step) -> Iterator[str]:
    """The equations of a step below each other, or on one line where they fit."""
    head, rest = chain(setter, step)
    start = line = beside([Box(("  ",)), head])
    margin = Box((" " * line.width,))
    fits = line.width + sum(3 + box.width for _, box in rest) <= WIDTH
    for sign, whole in rest:
        for k, box in enumerate([whole] if fits else _broken(whole, WIDTH - margin.width - 3)):
            if k or (line is not start and line.width + 3 + box.width > WIDTH):
                yield from line.lines
                line = margin
            line = beside([line, Box(("   " if k else f" {sign} ",)), box])
    yield from line.lines


def _broken(box: Box, width: int) -> list[Box]:
    """A box; of one that is a single line, too long, the lines that it is broken into."""
    if len(box.lines) > 1 or box.width <= width:
        return [box]
    return [Box((line,)) for line in textwrap.wrap(box.lines[0], width, break_long_words=False)]
