"""The pages of a solution in the programs that show them: a browser, LaTeX, and
a parser of MathML."""

import html
import json
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

import gradsheet
import gradsheet.solution
from gradsheet.solution.tex import tex_text
from tests.sheets import HOMEWORKS, NET, PUBLISHED, random_sheet, solution_of
from tests.solving import solved

SHEETS = [
    *sorted(HOMEWORKS.glob("*.toml")),
    *sorted(PUBLISHED.glob("*.toml"))[1::3],
]

CHROMIUM = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)

FONTS = shutil.which("fc-list")

MATH_FONT = (
    FONTS is not None
    and "Math" in subprocess.run([FONTS], capture_output=True, text=True, check=False).stdout
)

PDFLATEX = shutil.which("pdflatex")

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
]

FLAGS += [
    "--disable-sync",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--virtual-time-budget=5000",
]

# Of every page in a frame: how wide it is, how wide its contents, how many formulas have a size,
# and what overlaps.
MEASURE = """
<script>
addEventListener("load", () => {
  const found = [...document.querySelectorAll("iframe")].map(frame => {
    const page = frame.contentDocument, root = page.documentElement;
    const boxes = [...page.querySelectorAll("math")].map(one => one.getBoundingClientRect());
    const steps = [...page.querySelectorAll(".step")].map(one => one.getBoundingClientRect());
    return {
      title: page.title, width: root.clientWidth, needed: root.scrollWidth,
      formulas: boxes.length, empty: boxes.filter(box => box.width < 3 || box.height < 8).length,
      steps: steps.length,
      overlapping: steps.filter((box, k) => k && box.top < steps[k - 1].bottom - 1).length,
      brackets: Math.max(...[...page.querySelectorAll("mtable")].map(table =>
        table.getBoundingClientRect().height
        - table.previousElementSibling.getBoundingClientRect().height)),
      matrices: page.querySelectorAll("mtable").length,
      drawing: page.querySelector("svg").getBoundingClientRect().height,
    };
  });
  document.body.textContent = "FOUND" + JSON.stringify(found) + "DNUOF";
});
</script>
"""


@pytest.fixture(scope="module")
def solutions():
    """Of the two homeworks, of what is in print, and of some random sheets."""
    found = [solution_of(path) for path in SHEETS]
    return [*found, *(gradsheet.solve(gradsheet.read(random_sheet(seed))) for seed in range(2))]


def shown_by_chromium(address: str, folder: Path) -> str:
    """What a page has become once its scripts have run; nothing where there is
    no browser to run them."""
    command = [
        str(CHROMIUM),
        *FLAGS,
        f"--user-data-dir={folder / 'profile'}",
        "--dump-dom",
        address,
    ]
    try:
        return subprocess.run(
            command, capture_output=True, text=True, timeout=100, check=False
        ).stdout
    except subprocess.TimeoutExpired:
        return ""


@pytest.fixture(scope="module")
def measured(solutions, tmp_path_factory):
    """The pages of the two homeworks in a browser, each on a desktop and on a telephone."""
    if CHROMIUM is None:
        pytest.skip("there is no Chromium here")
    folder = tmp_path_factory.mktemp("browser")
    frames = [
        f'<iframe width="{width}" height="900" '
        f'srcdoc="{html.escape(gradsheet.solution.html(solution))}"></iframe>'
        for solution in solutions[:2]
        for width in (1100, 360)
    ]
    page = folder / "frames.html"
    page.write_text("<!DOCTYPE html><meta charset='utf-8'><body>" + "".join(frames) + MEASURE)
    found = re.search(r"FOUND(.*)DNUOF", shown_by_chromium(page.as_uri(), folder), re.DOTALL)
    if not found:
        it_runs = shown_by_chromium("data:text/html,<p>it runs</p>", folder)
        if "<p>it runs</p>" not in it_runs:
            pytest.skip("Chromium does not start here")
    return json.loads(html.unescape(found[1]))


def test_pages_on_a_desktop_and_on_a_telephone(measured, solutions):
    assert [page["title"] for page in measured[::2]] == [
        solution.sheet.title for solution in solutions[:2]
    ]
    for page in measured:
        assert page["needed"] <= page["width"], "nothing sticks out"
        assert page["formulas"] > 30
        assert page["empty"] == 0
        assert page["steps"] > 20
        assert page["overlapping"] == 0
        assert page["drawing"] > 150


@pytest.mark.skipif(not MATH_FONT, reason="there is no font for mathematics here")
def test_brackets_are_as_tall_as_their_matrices(measured):
    assert measured[0]["matrices"] > 30
    assert measured[0]["brackets"] < 12, "what they are short of; some browsers make them taller"


@pytest.mark.skipif(PDFLATEX is None, reason="there is no pdflatex here")
def test_latex_compiles(solutions, tmp_path):
    for solution in solutions:
        (tmp_path / "solution.tex").write_text(gradsheet.solution.latex(solution))
        command = [str(PDFLATEX), "-interaction=nonstopmode", "-halt-on-error", "solution.tex"]
        done = subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, errors="replace", timeout=100
        )
        assert done.returncode == 0, done.stdout[-2000:]
        assert "Overfull" not in done.stdout, solution.sheet.title


def test_every_formula_is_well_formed(solutions):
    for solution in solutions:
        formulas = re.findall(r"<math .*?</math>", gradsheet.solution.html(solution), re.DOTALL)
        assert len(formulas) > 5
        for formula in formulas:
            for element in ET.fromstring(formula).iter():
                assert element.tag in {
                    *(
                        "math",
                        "mrow",
                        "mi",
                        "mn",
                        "mo",
                        "mspace",
                        "mfrac",
                        "msup",
                        "msub",
                        "msubsup",
                    ),
                    *("mover", "munder", "mtable", "mtr", "mtd"),
                }
                sizes = {"msubsup": 3, "msub": 2, "msup": 2, "mfrac": 2, "mover": 2, "munder": 2}
                assert len(element) == sizes.get(element.tag, len(element)), formula


def test_latex_and_markdown_are_balanced(solutions):
    for solution in solutions:
        for text in (gradsheet.solution.latex(solution), gradsheet.solution.markdown(solution)):
            bare = re.sub(r"\\[{}\\]", "", text)
            assert bare.count("{") == bare.count("}")
            assert text.count(r"\left(") == text.count(r"\right)")
            for name in re.findall(r"\\begin\{(\w+)\}", text):
                assert text.count(rf"\begin{{{name}}}") == text.count(rf"\end{{{name}}}")
        assert (
            len(re.findall(r"^\$\$$", gradsheet.solution.markdown(solution), re.MULTILINE)) % 2 == 0
        )


def test_prose_in_latex_has_letters_and_no_numbers_of_characters():
    assert (
        tex_text("\u0177 \u2212 y \u2299 \u03b1\u03bb\u03a3")
        == r"\^{y} $-$ y $\odot$ $\alpha$$\lambda$$\Sigma$"
    )
    assert (
        tex_text("Dvo\u0159\u00e1k, x\u2081\u2074, \u2153")
        == "Dvo\\v{r}\u00e1k, x$_{1}$$^{4}$, $\\frac{1}{3}$"
    )
    assert tex_text("\u6f22") == r"\texttt{U+6F22}"


def test_text_keeps_to_80_columns(numbers, symbols):
    for solution in (numbers, symbols):
        assert max(map(len, gradsheet.solution.text(solution).splitlines())) <= 80


def test_matrices_are_matrices(numbers):
    assert (
        "                         ⎡0  1⎤       ⎡−2⎤   ⎡1⎤   ⎡−2⎤   ⎡−1⎤\n"
        "  z⁽¹⁾ = W⁽¹⁾ x + b⁽¹⁾ = ⎢1  1⎥ ⎡2⎤ + ⎢−1⎥ = ⎢3⎥ + ⎢−1⎥ = ⎢ 2⎥\n"
        "                         ⎣1  0⎦ ⎣1⎦   ⎣ 1⎦   ⎣2⎦   ⎣ 1⎦   ⎣ 3⎦\n"
    ) in gradsheet.solution.text(numbers)


HOSTILE = "<script>alert(1)</script> $x$ \\end{document} `code` | [a](b) \\u001b[31m 漢字 #&%"


@pytest.fixture(scope="module")
def hostile():
    text = NET.replace("\nloss", f'\ntitle = "{HOSTILE}"\nloss'.replace("\\e", "\\\\e"), 1)
    return solved(text + f"[[claim]]\nquestion = '''{HOSTILE}'''\nquantity = 'L'\nvalue = 7\n")


def test_nothing_of_a_sheet_acts_in_a_page(hostile):
    page = gradsheet.solution.html(hostile).replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert "<script" not in page
    assert not re.search(r"https?:|\bsrc=|\bhref=|url\(|@import|\bon\w+=", page)
    assert "\x1b" not in page + gradsheet.solution.text(hostile) + gradsheet.solution.markdown(
        hostile
    ) + gradsheet.solution.latex(hostile)


def test_nothing_of_a_sheet_acts_in_markdown_or_latex(hostile):
    assert (
        r"\<script\>alert(1)\</script\> \$x\$ \\end{document} \`code\` \| \[a\](b)"
        in gradsheet.solution.markdown(hostile)
    )
    latex = gradsheet.solution.latex(hostile)
    assert latex.count(r"\end{document}") == 1
    assert r"\textbackslash{}end\{document\}" in latex
    assert r"\texttt{U+6F22}" in latex
