"""A solution as one page for browsers: MathML and a drawing, no scripts, nothing from a network."""

import html as markup
from collections.abc import Iterator

from gradsheet.language.shown import clean
from gradsheet.mistakes.layered import point_of
from gradsheet.solution.graph import network_svg
from gradsheet.solution.mathml import MathML
from gradsheet.solution.pages import chain, closing, given, marked, remark_text
from gradsheet.solution.solution import Solution, Step

OFF = ("wrong", "lucky", "carried_forward", "cannot_tell")  # set apart on the page
STYLE = """
:root { color-scheme: light dark; --paper: #fff; --ink: #1c1c1e; --muted: #76767b; --line: #dcdce0;
  --forward: #0b62a4; --backward: #b03a2e; --right: #1e6b34; --wrong: #b03a2e; --soft: #f6f6f8 }
@media (prefers-color-scheme: dark) { :root { --paper: #17181b; --ink: #e7e7ea; --muted: #9a9aa2; \
--line: #36373c;
  --forward: #6db3ee; --backward: #f08a7d; --right: #7ccf93; --wrong: #f08a7d; --soft: #212226 } }
* { box-sizing: border-box }
body { margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 58rem; background: var(--paper); \
color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .25rem; overflow-wrap: anywhere }
h2 { font-size: 1.2rem; margin: 2.5rem 0 1rem; padding-bottom: .25rem; \
border-bottom: 1px solid var(--line) }
p { margin: 0; overflow-wrap: anywhere }
.reading, footer { color: var(--muted) }
.data { display: flex; flex-wrap: wrap; gap: .75rem 2rem; align-items: center }
.wide, .data > *, .formula > div { overflow: auto hidden; max-width: 100%;
  padding-block: .3rem }
.step { margin: 0 0 1.5rem; break-inside: avoid }
.formula { display: flex; flex-wrap: wrap; align-items: baseline; gap: 0 .3rem; \
padding: .2rem 0 .2rem 1rem }
math { font-size: 1.1rem }
.mark { margin-left: 1rem; color: var(--right); font-weight: 600; font-size: .93rem }
.remark { margin: .25rem 0 0 1rem; padding: .15rem .75rem; border-left: 3px solid var(--right); \
font-size: .93rem }
.remark.off { border-color: var(--wrong); background: var(--soft); padding-block: .4rem }
.remark b { color: var(--right) }
.remark.off b { color: var(--wrong) }
footer { margin-top: 3rem; padding-top: 1rem; border-top: 1px solid var(--line); font-size: .93rem }
footer p + p { margin-top: .5rem }
@media print { body { max-width: none; padding: 0; font-size: 10pt }
  .wide, .data > *, .formula > div { overflow: visible } }
"""


def html(solution: Solution) -> str:
    """Write the solution as one page for browsers, with the network drawn.

    `Path("solution.html").write_text(html(solve(sheet)))`; raises nothing. A
    forward pass without values is drawn with names alone.
    """
    sheet, setter = solution.sheet, MathML(solution.sheet)
    point = None if sheet.params is None else point_of(sheet.problem, None)
    title = _text(sheet.title)
    parts = [
        "<!DOCTYPE html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{title}</title><style>{STYLE}</style></head><body>",
        f'<h1>{title}</h1><p class="reading">Read as: {_text(solution.reading)}.</p>',
        f'<h2>Network</h2><div class="wide">{network_svg(sheet, point)}</div>',
    ]
    if data := given(setter, sheet):
        equations = [_math(f"{name}<mo>{sign}</mo>{value}") for name, sign, value in data]
        parts += ['<h2>Given</h2><div class="data">', *equations, "</div>"]
    for section in solution.sections:
        parts.append(f"<h2>{section.title}</h2>")
        for step in section.steps:
            parts += ['<div class="step">', *_step(setter, step), "</div>"]
    sentences = (f"<p>{_text(sentence)}</p>" for sentence in closing(solution, setter))
    return "\n".join([*parts, "<footer>", *sentences, "</footer></body></html>", ""])


def _text(text: str) -> str:
    return markup.escape(clean(text))


def _math(inner: str) -> str:
    return f'<div><math display="inline" displaystyle="true"><mrow>{inner}</mrow></math></div>'


def _step(setter: MathML, step: Step) -> Iterator[str]:
    """The rule, the equations with the short remarks behind them, then the longer remarks."""
    if step.why:
        yield f"<p>{_text(step.why)}</p>"
    head, rest = chain(setter, step)
    equations = [f"<mo>{sign}</mo>{tree}" for sign, tree in rest] or [""]
    equations[0] = head + equations[0]
    formulas = "".join(map(_math, equations))
    marks, longer = "", list[str]()
    for remark in step.remarks:
        mark, words = _text(marked(remark)), _text(remark_text(remark))
        if remark.verdict in ("", "right") and not remark.text:  # the mark says it all
            marks += f'<span class="mark" title="{words}">{mark}</span>'
        else:
            off = " off" if remark.verdict in OFF else ""
            longer.append(f'<p class="remark{off}"><b>{mark}</b> {words}</p>')
    yield f'<div class="formula">{formulas}{marks}</div>'
    if step.missing:
        yield f"<p>{_text(step.missing)}</p>"
    yield from longer
