"""What the README and the pages show is what happens."""

import contextlib
import inspect
import io
import json
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import jax
import public_reports
import pytest
import reports

import gradsheet
import gradsheet.solution
import manual
import ref
from gradsheet.claims.definitions import MAX_DEFINITIONS, MAX_GIVEN
from gradsheet.claims.reader import CLAIM_KEYS, LAYER_KEYS, MAX_FILE_PROBLEMS, SHEET_KEYS
from gradsheet.claims.sheet import VERDICTS
from gradsheet.commands.cli import FORMATS, main
from gradsheet.language.formula import FUNCTIONS
from gradsheet.mistakes.catalogue import CATALOGUE
from gradsheet.mistakes.edges import LIKELY
from gradsheet.network.lowering import MAX_AXES as MAX_AXES_ON_THE_WAY
from gradsheet.network.lowering import MAX_ENTRIES as MAX_NUMBERS_ON_THE_WAY
from gradsheet.numbers.budget import MAX_OPERATIONS
from gradsheet.solution.pages import MARKS
from gradsheet.truth.graph_point import MAX_ENTRIES
from gradsheet.vjp.balls import BITS, SLACK
from gradsheet.vjp.comparing import UNITS
from gradsheet.vjp.truth import MOST_IN_BALLS, SIDES
from manual.activations import ACTIVATIONS
from manual.losses import LOSSES
from tests.commanding import on_terminal
from tests.families import test_crosscheck, test_networks
from tests.sheets import ROOT, report_on

README = (ROOT / "README.md").read_text()
HOMEWORKS = (ROOT / "docs" / "the-two-homeworks.md").read_text()
PAGE = (ROOT / "docs" / "writing-a-sheet.md").read_text()
SHOWN = [
    "".join(line[4:] or "\n" for line in block.splitlines(keepends=True)).strip("\n") + "\n"
    for block in re.findall(r"\n\n((?:    .*\n|\n)+)", README)
]


def test_the_first_page_is_short():
    assert len(README.split()) <= 1000
    assert max(map(len, README.splitlines())) <= 100


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))], ids=lambda page: page.name
)
def test_every_link_leads_somewhere(page):
    """Relative links, with the heading that they name."""
    text = page.read_text()
    inline = re.findall(r"\]\(([^)\s]+)\)", text)
    named = dict(re.findall(r"^\[([^]]+)\]: (\S+)$", text, re.MULTILINE))
    for name in named:
        assert re.search(re.escape(f"[{name}]").replace(r"\ ", r"\s+") + "(?!:)", text, re.I), name
    for link in [*inline, *named.values()]:
        file, _, heading = link.partition("#")
        if file.startswith("https:"):
            continue
        target = page.parent / file if file else page
        assert target.exists(), link
        if heading:
            heads = re.findall(r"^#+ (.*)$", target.read_text(), re.MULTILINE)
            assert heading in {re.sub(r"[^\w -]", "", h).lower().replace(" ", "-") for h in heads}


def test_the_first_example_is_judged_as_shown(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("exercise.toml").write_text(SHOWN[0])
    assert "`gradsheet exercise.toml` answers" in README
    assert main(["exercise.toml"]) == 1
    assert capsys.readouterr().out == SHOWN[1]


def test_the_second_example_is_judged_as_shown(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "norm", raising=False)
    Path("norm.py").write_text(SHOWN[2])
    words = re.search(r"^`gradsheet (check norm.py.*)` answers$", README, re.MULTILINE)[1]
    with jax.numpy_rank_promotion("allow"):
        assert main(words.split()) == 1
    assert capsys.readouterr().out == SHOWN[3]


def test_a_class_is_set_exercises_and_judged_as_the_pages_say(tmp_path, monkeypatch):
    """By the rows of the first page, and by the script for Gradescope."""
    monkeypatch.chdir(tmp_path)
    Path("names.txt").write_text("Ada\n")
    new, judged = re.findall(r"`gradsheet ((?:new|-q FOLDER) [^`]*)`", README)
    assert main(new.split()) == 0
    Path("FOLDER").mkdir()
    Path("ada.toml").rename("FOLDER/ada.toml")
    assert main(["fill", "FOLDER/ada.toml", "-o", "FOLDER/ada.toml"]) == 0
    answers = Path("FOLDER/ada.toml").read_text().partition("[[claim]]")
    Path("FOLDER/ada.toml").write_text("".join(answers[1:]))  # of the network there is the key's
    Path("keys").rename("KEYS")
    assert main(judged.split()) == 0
    tests = json.loads(Path("FILE").read_text())["tests"]
    assert {test["score"] for test in tests} == {1}
    script = PAGE.split("```sh\n")[1].split("```")[0]
    command = re.search(r"^gradsheet (.*) \|\| true$", script, re.MULTILINE)[1].split()
    places = {"keys": "KEYS", "/autograder/submission": "FOLDER"}
    assert main([places.get(word, Path(word).name) for word in command]) == 0
    assert json.loads(Path("results.json").read_text())["tests"] == tests


@pytest.mark.parametrize(
    ("page", "number", "lines"),
    [("README.md", 0, 3), ("docs/manual-and-ref.md", 0, 3), ("docs/manual-and-ref.md", 1, 1)],
)
def test_the_code_prints_what_its_comments_say(page, number, lines):
    code = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)[number]
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(code, {})
    expected = re.findall(r"print\(.*\)  # (.*)", code)
    assert printed.getvalue().splitlines() == expected
    assert len(expected) == lines


def test_the_page_of_calls_names_every_one_and_every_activation_and_loss():
    page = (ROOT / "docs" / "manual-and-ref.md").read_text()
    for name in {*ACTIVATIONS, *LOSSES}:
        assert re.search(rf"\b{name}\b", page), name
    for name in {*manual.__all__} & {*ref.__all__} - {"Cache", "Gradients", "Layer"}:
        assert f"`{name}" in page, name


def test_five_minutes_end_as_the_page_says(tmp_path, monkeypatch, capsys):
    page = PAGE.split("## Five minutes")[1].split("\n## ")[0]
    sheet = "\n".join(re.findall(r"```toml\n(.*?)```", page, re.DOTALL))
    monkeypatch.chdir(tmp_path)
    Path("mine.toml").write_text(sheet)
    assert main(["mine.toml"]) == 1
    assert capsys.readouterr().out == re.search(r"```text\n(.*?)```", page, re.DOTALL)[1]


def test_the_formula_of_the_page_is_right():
    block = re.search(
        r"```toml\n(.*?)```", PAGE.split("## Formulas for all weights")[1], re.DOTALL
    )[1]
    assert [j.verdict for j in gradsheet.judge(gradsheet.read(block)).judgements] == ["right"]


def test_the_page_names_everything_that_a_sheet_may_say():
    for name in (
        *SHEET_KEYS,
        *LAYER_KEYS,
        *CLAIM_KEYS,
        *FUNCTIONS,
        *ACTIVATIONS,
        *LOSSES,
        *VERDICTS,
    ):
        assert re.search(rf"`[^`]*\b{name}\b[^`]*`", PAGE), name


def test_the_published_examples_are_as_many_as_the_readme_says():
    reports = [report_on(path) for path in (ROOT / "tests" / "published").glob("*.toml")]
    verdicts = Counter(judgement.verdict for report in reports for judgement in report.judgements)
    assert len(reports) == 10
    assert verdicts == {"right": 209, "rounded": 15, "wrong": 8, "carried_forward": 22}
    assert sum(verdicts.values()) == 254
    plain = " ".join(README.split())
    assert "of the 254 claims in ten worked examples as they are in print" in plain
    assert "8 are wrong, 22 carry that on, and 15 are off by rounding on the way" in plain


def test_the_errata_are_all_and_only_what_the_judge_faults():
    rows = [
        re.split(r"\s*\|\s*", row)
        for row in HOMEWORKS.splitlines()
        if row.startswith("| ") and "---" not in row
    ]
    items = [row[2] for row in rows if row[2] != "item"]
    faults = []
    for name in ("numbers.toml", "symbols.toml"):
        report = report_on(ROOT / "gradsheet" / "homework" / name)
        faults += [j.claim.question for j in report.judgements if j.verdict != "right"]
    assert items == faults
    right = 25 - len(faults)
    assert "The other sixteen claims are right" in HOMEWORKS
    assert right == 16


def test_ci_runs_the_two_commands_of_the_readme():
    commands = [line for line in README.splitlines() if line.startswith("    python3 -m venv ")]
    assert len(commands) == 2
    assert "grep -E '^    python3 -m venv ' README.md" in (ROOT / ".ci" / "run").read_text()


def test_the_mistakes_page_has_every_code():
    page = (ROOT / "docs" / "mistakes.md").read_text()
    codes = {mistake.code for mistake in CATALOGUE}
    mistakes = ("diagnosis", "forms", "repair", "writing", "omission")
    for file in ("numbers/slips.py", *(f"mistakes/{name}.py" for name in mistakes)):
        source = (ROOT / "gradsheet" / file).read_text()
        codes |= set(re.findall(r'"([a-z]+(?:-[a-z]+)+)"', source))
    assert {"arithmetic-slip", "form-one-row", "sign-lost", "two-kept"} <= codes
    codes |= {*LIKELY}
    for name in ("relations", "rewriting"):
        source = (ROOT / "gradsheet" / "mistakes" / f"{name}.py").read_text()
        codes |= set(re.findall(r'(?:yield |Explanation\()"([a-z]+(?:-[a-z]+)+)"', source))
    assert {"held-constant", "not-summed", "quotient-turned", "zero-given"} <= codes
    assert set(re.findall(r"^\| (`.*?`) \|", page, re.MULTILINE)) >= {
        f"`{mistake.code}`" for mistake in CATALOGUE
    }
    for code in codes:
        assert f"`{code}`" in page, code


def test_the_mistakes_page_says_how_many_kinds_there_are():
    page = (ROOT / "docs" / "mistakes.md").read_text()
    assert f"In layers {len(CATALOGUE)} kinds of mistakes" in " ".join(page.split())


# docs/checking-a-backward-pass.md

CHECKING = (ROOT / "docs" / "checking-a-backward-pass.md").read_text()
EXAMPLES = re.findall(r"```python\n(.*?)```(?:\n\n```text\n(.*?)```)?", CHECKING, re.DOTALL)


def _printed_by(code):
    printed = io.StringIO()
    names = {}
    with contextlib.redirect_stdout(printed):
        exec(code, names)
    return printed.getvalue(), names


def test_the_numpy_example_prints_what_the_page_says():
    code, expected = EXAMPLES[0]
    assert _printed_by(code)[0] == expected


def test_the_torch_example_prints_what_the_page_says():
    pytest.importorskip("torch", reason="comes with the extra peers, which is not installed")
    code, expected = EXAMPLES[1]
    assert _printed_by(code)[0] == expected


def test_the_pytest_example_passes_and_fails_when_its_gradient_is_wrong():
    code, _ = EXAMPLES[2]
    assert len(EXAMPLES) == 3
    _printed_by(code)[1]["test_my_gradient"]()
    wrong = code.replace("/ len(x)", "")
    assert wrong != code
    with pytest.raises(AssertionError, match="dL/dW1 is right one example at a time"):
        _printed_by(wrong)[1]["test_my_gradient"]()


def test_the_checking_page_names_every_argument():
    for name in inspect.signature(gradsheet.check).parameters:
        assert name == "fn" or f"`{name}`" in CHECKING, name


# docs/checking-a-function.md

FUNCTION = (ROOT / "docs" / "checking-a-function.md").read_text()
OF_FUNCTIONS = dict(re.findall(r"```python\n# (\S+)\n(.*?)```", FUNCTION, re.DOTALL))
REPORTS_OF = re.findall(r"```text\n(.*?)```", FUNCTION, re.DOTALL)
SCALED = "keepdims=True)) / scale"  # without which the last example is wrong


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write an example to the file that it is, in a folder of its own, which it
    can be read from afresh."""
    monkeypatch.chdir(tmp_path)

    def write(name, change=lambda code: code):
        path = tmp_path / name
        path.write_text(change(f"# {name}\n{OF_FUNCTIONS[name]}"))
        monkeypatch.delitem(sys.modules, path.stem, raising=False)
        return path

    return write


@pytest.fixture
def run_as_file(write):
    """Run an example as the file that it is; returns what it prints, and its names."""

    def run(*example):
        path = write(*example)
        names, printed = {"__name__": "__main__"}, io.StringIO()
        with contextlib.redirect_stdout(printed), jax.numpy_rank_promotion("allow"):
            exec(compile(path.read_text(), str(path), "exec"), names)
        return printed.getvalue(), names

    return run


@pytest.mark.parametrize(("number", "name"), [*enumerate(OF_FUNCTIONS)][:-1])
def test_a_function_is_checked_as_the_page_says(number, name, run_as_file):
    if "import torch" in OF_FUNCTIONS[name]:
        pytest.importorskip("torch", reason="comes with the extra peers, which is not installed")
    if '"cc"' in OF_FUNCTIONS[name] and shutil.which("cc") is None:
        pytest.skip("there is no compiler cc here")
    assert run_as_file(name)[0] == REPORTS_OF[number]


def test_the_test_of_the_page_passes_and_fails_as_it_says(run_as_file):
    assert len(OF_FUNCTIONS) == len(REPORTS_OF) == 7
    run_as_file("test_attention.py")[1]["test_attention"]()

    def unscaled(code):
        assert SCALED in code
        return code.replace(SCALED, SCALED[: -len(" / scale")])

    test = run_as_file("test_attention.py", unscaled)[1]["test_attention"]
    with pytest.raises(AssertionError) as caught:
        test()
    assert f"{caught.value}\n" == REPORTS_OF[-1]


def test_the_commands_of_the_page_find_the_same(write, capsys):
    first, second = re.findall(r"^    gradsheet (check .*)$", FUNCTION, re.MULTILINE)
    for words in (first, second):
        write(words.split()[1].partition(":")[0])
        with jax.numpy_rank_promotion("allow"):
            assert main(words.split()) == 1
        report = capsys.readouterr().out
        if words == first:
            assert report == REPORTS_OF[0]
        else:
            assert "mistake  scores: everywhere 0.8 times the truth" in report


def test_a_probe_of_the_page_can_be_looked_at(run_as_file):
    _, names = run_as_file("norm.py")
    snippet = re.search(r"```python\n(probe = .*?)```", FUNCTION, re.DOTALL)[1]
    args = names["x"], names["gain"]
    pair = names["forward"], names["backward"]
    with jax.numpy_rank_promotion("allow"):
        names["result"] = gradsheet.check_vjp(names["rms_norm"], *args, pair=pair)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(snippet, names)
    assert "-34.2342" in REPORTS_OF[0]  # [2, 2] at probe 3
    assert "-34.234" in printed.getvalue()


def test_the_page_has_every_key_of_the_objects(write, capsys):
    write("norm.py")
    words = re.search(r"^    gradsheet (check .*)$", FUNCTION, re.MULTILINE)[1]
    with jax.numpy_rank_promotion("allow"):
        main([*words.split(), "--json"])
    found = json.loads(capsys.readouterr().out)
    check = found["checks"][0]
    place = next(filter(None, check["places"]))
    for key in {**found, **check, **check["arguments"][0], **place}:
        assert f"`{key}`" in FUNCTION, key


def test_the_page_names_every_argument_and_limit_of_a_check():
    for name in inspect.signature(gradsheet.check_vjp).parameters:
        assert f"`{name}`" in FUNCTION or f"`*{name}`" in FUNCTION, name
    assert (SIDES, SLACK) == (3, 4)
    plain = " ".join(FUNCTION.split())
    assert f"more than {MOST_IN_BALLS:,} operations" in plain
    assert f"numbers of {BITS} bits" in plain
    assert "in eight directions, there and back along a ramp and three drawn at random" in plain
    assert "with four times the unit roundoff" in plain
    assert f"no more than {UNITS} roundings of the largest entry" in plain


@pytest.mark.exhaustive
def test_the_page_has_what_is_said_of_public_reports():
    for name, report in public_reports.REPORTS.items():
        if name != "NVIDIA/apex#411":  # which takes seconds
            check = gradsheet.check_vjp(report.f, *report.args, pair=report.pair)
            row = re.search(rf"^\| {name} \| (.*) \|$", FUNCTION, re.MULTILINE)[1]
            assert row.startswith(f"{report.mistake} | ")
            assert row.endswith(f" | {reports.said(check)}")


@pytest.mark.exhaustive
def test_the_page_has_what_everybody_says_of_public_reports():
    pytest.importorskip("torch", reason="comes with the extra peers, which is not installed")
    rows = [reports.row(name, report) for name, report in public_reports.REPORTS.items()]
    assert "\n".join([reports.HEAD, *rows]) in FUNCTION


# docs/solutions-and-exercises.md

SOLUTIONS = (ROOT / "docs" / "solutions-and-exercises.md").read_text()


def test_the_solutions_page_prints_what_its_comments_say(monkeypatch):
    monkeypatch.chdir(ROOT)
    code = re.search(r"```python\n(.*?)```", SOLUTIONS, re.DOTALL)[1]
    assert _printed_by(code)[0].splitlines() == re.findall(r"print\(.*\)  # (.*)", code)


def test_the_step_of_the_page_is_that_of_the_solution():
    shown = re.search(r"```text\n(Through the activation.*?)```", SOLUTIONS, re.DOTALL)[1]
    assert shown in gradsheet.solution.text(
        gradsheet.solve(gradsheet.load(ROOT / "gradsheet" / "homework" / "numbers.toml"))
    )
    item_16 = re.search(r"in its own letters: (.*?)\. The page", SOLUTIONS)[1]
    assert item_16 in gradsheet.solution.text(
        gradsheet.solve(gradsheet.load(ROOT / "gradsheet" / "homework" / "symbols.toml"))
    )


def test_the_solutions_page_names_every_mark_and_format():
    for mark in MARKS.values():
        assert f"| {mark} |" in SOLUTIONS
    for kind, ending in FORMATS.items():
        assert kind in SOLUTIONS
        assert f"`{ending}`" in SOLUTIONS


# docs/speed.md

SPEED = (ROOT / "docs" / "speed.md").read_text()


def test_the_speed_page_prints_what_it_says():
    examples = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", SPEED, re.DOTALL)
    assert len(examples) == 3
    for code, expected in examples:
        assert _printed_by(code)[0] == expected


def test_the_speed_page_has_the_limits_of_the_code():
    from manual.plan import NARROW
    from ref.plan import DEEP, THIN, TINY

    assert f"up to {NARROW} wide" in SPEED
    assert f"else up to {TINY:,} parameters" in SPEED
    assert f"runs of {DEEP} equal layers or more, up to {THIN} wide" in SPEED


# docs/many-devices.md

DEVICES = (ROOT / "docs" / "many-devices.md").read_text()


@pytest.mark.exhaustive
def test_the_devices_page_prints_what_it_says(monkeypatch):
    """In a process of its own, since the number of devices is fixed when the first is asked for."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    mesh, _ = re.findall(r"```python\n(.*?)```", DEVICES, re.DOTALL)
    command = [sys.executable, "-c", mesh]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=600, check=True)
    assert done.stdout.splitlines() == re.findall(r"print\(.*\)  # (.*)", mesh)


# docs/backward-passes.md

PASSES = (ROOT / "docs" / "backward-passes.md").read_text()


def test_the_page_of_backward_passes_prints_what_it_says():
    examples = re.findall(r"```python\n(.*?)```(?:\n\n```text\n(.*?)```)?", PASSES, re.DOTALL)
    assert len(examples) == 4
    for code, expected in examples:
        printed, comments = _printed_by(code)[0], re.findall(r"print\(.*\)  # (.*)", code)
        assert printed == expected or printed.splitlines() == comments


@pytest.mark.parametrize(
    ("file", "family"), [(f, family) for f, names in manual.FAMILIES.items() for family in names]
)
def test_the_page_has_every_family_as_it_is(file, family):
    """Its file, what both functions take, a gradient for every array, three mistakes, and how
    many cases and planted mistakes its tests have."""
    page = PASSES.split(f"\n### {family}\n")[1].split("\n##")[0]
    assert len(page.strip().splitlines()) <= 11
    assert re.findall(r"^(\d)\. ", page, re.MULTILINE) == ["1", "2", "3"]
    assert (
        PASSES.split(f"\n### {family}\n")[0]
        .rsplit("\n## ", 1)[1]
        .split("\n")[0]
        .endswith(f"`manual/{file}.py`")
    )
    forward = inspect.signature(getattr(manual, f"{family}_forward"))
    taken = [p.replace(annotation=p.empty) for p in forward.parameters.values()]
    text = str(inspect.Signature(taken)).replace("1e-05", "1e-5").replace("'", '"')
    assert f"`{family}_forward{text}`" in page
    arrays = [p.name for p in taken if p.kind is p.POSITIONAL_OR_KEYWORD]
    returned = re.search(rf"`{family}_backward\(dout, cache\)` → ([^;\n]*)", page)[1].split(", ")
    wanted = ["None" if a in ("mask", "labels", "indices") else f"d_{a}" for a in arrays]
    assert returned[: len(wanted)] == wanted
    cases = test_crosscheck.cases_of(file, family)
    planted = len(test_crosscheck.planted_in(file, family))
    counted = len(cases) * len(test_crosscheck.SEEDS)
    assert re.search(rf"\n\| `{family}` \| {counted} \| .* \| {planted} \| {planted} \|\n", PASSES)


def test_the_page_has_every_network():
    for network in test_networks.NETWORKS:
        planted = sum(file == network.name for file, *_ in test_networks.PLANTED)
        assert f"| `{network.name}` (`manual/{network.name}.py`) |" in PASSES
        assert re.search(rf"\| `{network.name}` \| .* \| {planted} \| {planted} \|\n", PASSES)


# docs/networks.md

NETWORKS = (ROOT / "docs" / "networks.md").read_text()
PRINTED = r"`gradsheet ((?:show )?)(\S+\.toml)` prints\n\n```text\n(.*?)```"
NAMED = rf"```toml\n([^`]*)```\n\n{PRINTED}"


def test_the_networks_of_the_page_are_judged_as_it_says(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    on_terminal(monkeypatch, 80)
    sheets = re.findall(NAMED, NETWORKS, re.DOTALL)
    assert len(sheets) == 6
    for text, _, name, _ in sheets:
        Path(name).write_text(text)
    commands = re.findall(PRINTED, NETWORKS, re.DOTALL)
    assert len(commands) == 7
    for show, name, expected in commands:
        main([*show.split(), name])
        assert capsys.readouterr().out == expected, name


def test_the_other_sheets_of_the_page_are_right(tmp_path, capsys):
    sheets = re.findall(r"```toml\n([^`]*)```\n\n(?!`gradsheet \S+` prints)", NETWORKS)
    assert len(sheets) == 9
    for text in sheets:
        (tmp_path / "sheet.toml").write_text(text)
        assert main([str(tmp_path / "sheet.toml")]) == 0, capsys.readouterr().out


def test_the_page_says_what_is_not_read_and_what_is():
    given = "[given]\nx = [1, 2, 3]\nw = 2\nW = [[1, 2, 3], [4, 5, 6]]\nb = [1, 2]\n"
    table = NETWORKS.split("| not read | write |\n")[1].split("\n\n")[0]
    rows = [re.findall(r"`([^`]*=[^`]*)`", cell) for cell in re.findall(r"\|([^|]*)", table)]
    rows = [row for row in rows if row]
    assert len(rows) == 2 * 21

    def sheet(equations):
        network = "\n".join(["L = w**2", *equations])
        return f'network = """\n{network}\n"""\n{given}[[claim]]\nquantity = "L"\n'

    for refused, read in zip(rows[::2], rows[1::2], strict=True):
        with pytest.raises(gradsheet.SheetError):
            gradsheet.read(sheet(refused))
        gradsheet.read(sheet(read))


def test_the_networks_page_has_the_limits_of_the_code():
    limits = NETWORKS.split("## Limits")[1]
    for number in (MAX_DEFINITIONS, MAX_GIVEN, MAX_NUMBERS_ON_THE_WAY, MAX_AXES_ON_THE_WAY):
        assert f" {number:,} " in limits, number
    assert f"{MAX_FILE_PROBLEMS} problems" in limits
    assert f"{MAX_ENTRIES:,} entries" in limits
    assert f"{MAX_OPERATIONS:,} operations" in limits
