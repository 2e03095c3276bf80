"""Files and commands from strangers: nothing waits for ever, nothing is lost, and every message says what to write."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import gradsheet
import gradsheet.solution
from gradsheet.claims import toml
from gradsheet.commands.cli import main
from gradsheet.solution.pages import tex_text

SHEET = "x = [1, 2]\n[[layer]]\nW = [[1, 2]]\n[[claim]]\nquantity = 'z1'\nvalue = 5\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("sheet.toml").write_text(SHEET)
    return tmp_path


@pytest.mark.parametrize("command", [[], ["solve"], ["fill"], ["blind"]])
def test_a_pipe_that_nobody_writes_to_is_refused(folder, capsys, command):
    os.mkfifo("pipe")
    assert main([*command, "pipe"]) == 2
    assert (
        capsys.readouterr().err
        == "gradsheet: pipe: a pipe, expected a file: send it to standard input and write -\n"
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")
@pytest.mark.parametrize("option", ["--junit", "--gradescope"])
def test_a_report_that_cannot_be_written_is_named_and_takes_nothing_from_the_others(
    folder, capsys, option
):
    other = "--gradescope" if option == "--junit" else "--junit"
    assert main(["sheet.toml", option, "/dev/full", other, "other"]) == 2
    out, err = capsys.readouterr()
    assert err == "gradsheet: /dev/full: No space left on device\n"
    assert out.splitlines()[-1] == "1 claim: 1 right"
    assert "z1" in Path("other").read_text()
    assert sorted(os.listdir()) == ["other", "sheet.toml"]


def test_a_folder_is_judged_without_what_is_hidden(folder, capsys):
    for name in (".venv", ".git/hooks", "week"):
        Path(name).mkdir(parents=True)
        Path(name, "one.toml").write_text(SHEET)
    Path("pyproject.toml").write_text("[project]\nname = 'homework'\n")
    assert main(["."]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "2 claims: 2 right"
    assert main([".venv"]) == 0, "what is named is judged"


# A class


def test_what_a_class_has_when_it_is_stopped_is_kept(folder, capsys, monkeypatch):
    Path("names").write_text("Ada\nBo\nCem\n")
    write, written = gradsheet.commands.new.write, []

    def stopped(path, text):
        if len(written) == 4:
            raise KeyboardInterrupt
        written.append(path)
        write(path, text)

    monkeypatch.setattr("gradsheet.commands.new.write", stopped)
    arguments = ["new", "--widths", "2,2,1", "--class", "names", "--seed", "5"]
    assert main([*arguments, "-o", "out"]) == 130
    out, err = capsys.readouterr()
    assert out.splitlines()[::2] == ["out/ada.toml", "out/bo.toml"]
    assert err.startswith(
        "gradsheet: 2 of 3 exercises are written; --seed 5 gives the same ones again\n"
    )
    monkeypatch.undo()
    os.chdir(folder)
    assert main([*arguments, "-o", "again"]) == 0
    assert Path("again/bo.toml").read_text() == Path("out/bo.toml").read_text()


# Messages


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("x = [1, 2", "a bracket stays open"),
        ("x = [1 2]", "a comma is missing between two numbers"),
        ("x = [1, 2]]", "a bracket too many"),
        ("x = [1,, 2]", "a comma too many"),
        ("x = 1,2", "a list stands in brackets: [1, 2]; a decimal has a point, 0.75"),
        ("x = .5", "a decimal has a digit before its point"),
        ("x = 5.", "a decimal has a digit behind its point"),
        ("x = 01", "a number has no 0 in front"),
        ("x = 1/2", "a fraction stands in quotes"),
        ("x = \u22121", "the minus sign of the keyboard"),
        ("x = True", "true and false are written in small letters"),
        ("x == 1", "write one ="),
        ("x: 1", "write = for the colon"),
        ("x", "a line is a key, =, and what it is"),
        ("x =", "there is nothing behind the ="),
        ("x = 'a", "a quotation mark is not closed"),
        ('title = "a"b"', "a quotation mark within text ends it"),
        ("quantity = dL/dW1", 'text stands in quotes: quantity = "dL/dW1"'),
        ("[[layer]", "a header stands alone on its line"),
        ("x = 1\nx = 2", "the key stands there already"),
        ("[layer]\nW = 1\n[layer]", "double brackets, [[layer]] and [[claim]]"),
        ("\u03b4 = 1", "a name is of the letters a to z"),
    ],
)
def test_a_line_that_is_no_toml_is_told_what_to_write_there(line, words):
    with pytest.raises(toml.NotToml) as caught:
        toml.parsed(line + "\n[[claim]]\nquantity = 'z1'\n")
    assert words in str(caught.value)
    assert caught.value.line <= 4


def test_a_line_that_is_very_long_is_not_looked_at():
    # "[1[1[1..." takes the square of its length to look at: a line of 40 kB took a quarter of a minute.
    with pytest.raises(toml.NotToml, match="a list stands in brackets"):
        toml.parsed("x = 5, " + "[1" * 20)
    with pytest.raises(toml.NotToml, match="text and fractions stand in quotes"):
        toml.parsed("x = 5, " + "[1" * 2000)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (
            SHEET + "x = [1, 2]\n",
            7,
            "unknown key 'x' in claim 1: it belongs at the top, above every",
        ),
        (
            SHEET + "activation = 'relu'\n",
            7,
            "unknown key 'activation' in claim 1: it belongs below \\[\\[layer",
        ),
        (
            SHEET.replace("W =", "value = 1\nW ="),
            3,
            "unknown key 'value' in layer 1: it belongs below \\[\\[claim",
        ),
        (
            SHEET.replace("[[layer]]", "[[layers]]"),
            2,
            r"\[\[layers\]\] is no table of a sheet, expected \[\[layer",
        ),
        (
            SHEET.replace("[[claim]]", "[[claims]]"),
            4,
            r"\[\[claims\]\] is no table of a sheet, expected \[\[claim",
        ),
    ],
)
def test_what_stands_in_the_wrong_place_is_told_where_it_belongs(text, line, message):
    with pytest.raises(gradsheet.SheetError, match=message) as caught:
        gradsheet.read(text)
    assert caught.value.line == line


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("relu'", "relu' stands alone, expected relu'(...)"),
        ("a1", "unknown name a1: expected one of x, W1, z1"),
        ("dL/dW2_11", "unknown name dW2_11: expected one of W1"),
        ("dL/dW1_11", "dW1_11 may be the entry W1[1,1] or W1[11]"),
    ],
)
def test_no_name_is_suggested_that_misleads(line, message):
    text = "loss = 'output'\n" + SHEET + f'working = ["{line}"]\n'
    (claim,) = gradsheet.read(text).claims
    assert message in claim.working[0].error
    assert "did you mean" not in claim.working[0].error


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


def test_what_a_sheet_gives_is_solved_as_well():
    head = "x = [1, 2]\ny = 1\nloss = 'squared_error'\nlearning_rate = 0.1\n"
    head += "[[layer]]\nW = [[1, 2]]\nb = 1\nshared_bias = true\n"
    asked = "".join(
        f"[[claim]]\nquantity = '{name}'\n"
        for name in ("x", "y", "W1", "b1", "learning_rate", "dx/dx")
    )
    solution = gradsheet.solve(gradsheet.read(head + asked))
    assert solution.unchecked == 0
    assert "W\u207d\u00b9\u207e = [1  2]" in gradsheet.solution.text(solution)


# What takes long is told


def test_a_check_that_takes_longer_than_a_moment_tells_what_it_is_at(capsys, monkeypatch):
    monkeypatch.setattr("gradsheet.checking.telling.MOMENT", 0.0)
    waited = threading.Event()

    def fn(params, x, y):
        waited.wait(0.2)
        return [(0 * W, 0 * b) for W, b in params]

    gradsheet.check(fn, widths=(3, 2))
    err = capsys.readouterr().err.splitlines()
    assert all(line.startswith("gradsheet.check: ") and line.endswith(" ...") for line in err)
    assert "gradsheet.check: looks for the mistake ..." in err


def test_a_check_is_silent_where_it_is_quick_and_states_its_bound(capsys):
    gradsheet.check(lambda params, x, y: None, widths=(3, 2))
    assert capsys.readouterr().err == ""
    with pytest.raises(ValueError, match=r"25,005,000 weights, expected at most 2,000,000"):
        gradsheet.check(lambda params, x, y: None, widths=(5000, 5000, 1))


def test_a_sheet_of_sums_is_read_beside_deep_ones():
    """Sizes and depths are kept in the trees: what a notation stands for is gone through once."""
    names = "".join(f"a{k} = '{'-' * 40}(a{k - 1})'\n" if k else "a0 = 'x[1]'\n" for k in range(2))
    text = (
        SHEET.replace("[[claim]]", f"[notation]\n{names}[[claim]]")
        + "working = ['a1 + a1', 'x[1]"
        + " + x[1]" * 120
        + "']\n"
    )
    (claim,) = gradsheet.read(text).claims
    deep, long = (line.tree for line in claim.working)
    assert deep is not None
    assert long is not None
    assert (long.size, long.levels) == (241, 2)
    assert deep.size == 2 * 41 + 1
    assert deep.levels == 42


def test_a_process_ends_where_standard_output_is_full():
    if not Path("/dev/full").exists():
        pytest.skip("needs a device that is full")
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "gradsheet"], stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert done.returncode == 2
    assert b"standard output: No space left on device" in done.stderr
