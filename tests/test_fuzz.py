"""Sheets of any content: verdicts or one clear line, never an exception, and
reports that every reader can read.

`EXAMPLES=100 .venv/bin/python -m pytest -q tests/test_fuzz.py` tries a hundred
times as many.
"""

import io
import itertools
import json
import random
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import gradsheet
from gradsheet.claims.sheet import VERDICTS
from gradsheet.commands.exports import Gradescope, Json, JUnit
from gradsheet.commands.report import sentence
from gradsheet.language.formula import FUNCTIONS
from gradsheet.language.functions import ACTIVATIONS
from gradsheet.language.shown import clean
from manual.losses import LOSSES
from tests.networks import examples
from tests.sheets import GRADED, GRAPHS, PUBLISHED

SHEETS = [path for folder in (GRAPHS, GRADED, PUBLISHED) for path in sorted(folder.glob("*.toml"))]

plain_numbers = st.integers(-9, 9).map(str) | st.floats(-9, 9).map(lambda v: f"{v:.4g}")
odd_numbers = st.sampled_from(
    [
        "0.0",
        "1e-300",
        "9e300",
        "'1/3'",
        "'-79/83'",
        f"'{'9' * 40}'",
        f"'1/{'9' * 40}'",
        "-0.0",
        "1e-9",
        "123456789.5",
        "0e9",
    ]
)
numbers = plain_numbers | plain_numbers | odd_numbers
indices = st.sampled_from(
    ["1", "2", "3", "0", "9", "i", "j", "k", "1,2", "i,j", "2,i", "i,j,k", "n,i"]
)
names = st.sampled_from(
    ["x", "y", "yhat", "L", "learning_rate", "n0", *(f"{c}{l}" for c in "zhWb" for l in "0123")]
)
quantities = st.one_of(
    names,
    st.tuples(names, indices).map("[".join).map(lambda text: text + "]"),
    st.tuples(names, names).map(lambda pair: f"d{pair[0]}/d{pair[1]}"),
    st.tuples(names, indices, names, indices).map(lambda q: f"d{q[0]}[{q[1]}]/d{q[2]}[{q[3]}]"),
    names.map(lambda name: f"{name}_new"),
)


def compound(inner):
    two = st.tuples(inner, st.sampled_from(["+", "-", "*", "/", "@"]), inner)
    return st.one_of(
        two.map(lambda t: f"({t[0]}) {t[1]} ({t[2]})"),
        inner.map(lambda t: f"-({t})"),
        st.tuples(inner, st.integers(0, 17)).map(lambda t: f"({t[0]})**{t[1]}"),
        st.tuples(st.sampled_from(FUNCTIONS), inner).map(lambda t: f"{t[0]}({t[1]})"),
        st.tuples(inner, inner).map(lambda t: f"outer({t[0]}, {t[1]})"),
        st.tuples(st.sampled_from("ijk"), inner).map(lambda t: f"sum({t[0]}, {t[1]})"),
        st.lists(inner, min_size=1, max_size=3).map(lambda t: f"[{', '.join(t)}]"),
        st.tuples(inner, indices).map(lambda t: f"({t[0]})[{t[1]}]"),
        inner.map(lambda t: f"({t}).T"),
    )


formulas = st.recursive(quantities | numbers.map(lambda n: n.strip("'")), compound, max_leaves=6)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    ["\x1b[31m", "\u202e", "\x9b2J", "]]>&<\"'", "\ufffe"]
)


def quoted(text: str) -> str:
    """A TOML string."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


@st.composite
def sheets(draw) -> str:
    """A sheet that is nearly always readable, of small widths, with claims that
    make sense or do not."""
    widths = draw(st.lists(st.integers(1, 3), min_size=2, max_size=4))
    numeric, batch = draw(st.booleans()), draw(st.sampled_from([None, None, 1, 2]))
    loss = draw(st.sampled_from([None, *LOSSES]))

    def row(length: int) -> str:
        return f"[{', '.join(draw(numbers) for _ in range(length))}]"

    def data(width: int) -> str:
        return row(width) if batch is None else f"[{', '.join(row(width) for _ in range(batch))}]"

    widths[-1] = 1 if loss == "output" else widths[-1]
    lines = [f"title = {quoted(draw(texts))}"]
    lines += [f"loss = '{loss}'"] if loss else []
    lines += [f"learning_rate = {draw(numbers)}"] * draw(st.booleans())
    if numeric:
        lines += [f"x = {data(widths[0])}"] + (
            [f"y = {data(widths[-1])}"] if loss not in (None, "output") else []
        )
    for inputs, units in itertools.pairwise(widths):
        lines += [
            "[[layer]]",
            f"W = [{', '.join(row(inputs) for _ in range(units))}]"
            if numeric
            else f"shape = [{units}, {inputs}]",
        ]
        activation = draw(st.sampled_from([name for name in ACTIVATIONS if name != "softmax"]))
        lines += [f"activation = '{activation}'"] + [f"slope = {draw(numbers)}"] * (
            activation == "leaky_relu"
        )
        bias = draw(st.sampled_from(["none", "units", "shared"]))
        if bias != "none":
            lines += [
                f"b = {row(units) if bias == 'units' else draw(numbers)}"
                if numeric
                else "bias = true"
            ]
            lines += ["shared_bias = true"] * (bias == "shared")
    depth = len(widths) - 1
    nodes = [f"{c}{l}" for l in range(1, depth + 1) for c in "Wzh"]  # in the order of the pass
    of_nodes = [f"d{b}/d{a}" for a, b in itertools.combinations(nodes, 2) if b[0] != "W"]
    of_loss = [f"dL/d{node}" for node in nodes] + ["L", "yhat - y"] * (loss not in (None, "output"))
    sound = st.sampled_from([*nodes, "x", "yhat", *of_nodes, *(of_loss if loss else [])])
    lines += ["[notation]", f"n0 = {quoted(draw(sound))}"] * draw(st.booleans())
    for _ in range(draw(st.integers(1, 4))):
        quantity = draw(sound if draw(st.integers(0, 19)) else quantities | formulas)
        quantity += (
            draw(st.sampled_from(["", "", "", "[1]", "[i]", "[1,1]"]))
            if quantity[-1].isdigit()
            else ""
        )
        lines += [
            "[[claim]]",
            f"quantity = {quoted(quantity)}",
            f"question = {quoted(draw(texts))}",
        ]
        value = draw(st.none() | numbers | st.integers(1, 3).map(row))
        working = draw(st.lists(formulas, min_size=value is None, max_size=3))
        lines += [f"value = {value}"] * (value is not None) + [
            f"working = {json.dumps(working)}"
        ] * bool(working)
    return "\n".join(lines) + "\n"


def judged(text: str) -> gradsheet.Report | None:
    try:
        return gradsheet.judge(gradsheet.read(text))
    except gradsheet.SheetError as error:
        message = str(error)
    assert "\n" not in message
    return None


@settings(examples(8), suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(sheets())
def test_any_sheet_gets_verdicts_or_one_clear_line(text: str) -> None:
    report = judged(text)
    if report is None:
        return
    for judgement in report.judgements:
        assert judgement.verdict in VERDICTS
        assert all(character.isprintable() for character in clean(sentence(judgement)))
    streams = {kind: io.StringIO() for kind in (Json, Gradescope, JUnit)}
    for kind, stream in streams.items():
        with kind(stream) as export:
            export.add(report)
    sheet = json.loads(streams[Json].getvalue(), parse_constant=lambda name: name)["sheets"][0]
    assert sum(sheet["summary"].values()) == len(report.judgements)
    assert len(json.loads(streams[Gradescope].getvalue())["tests"]) == len(report.judgements)
    assert len(ET.fromstring(streams[JUnit].getvalue()).findall(".//testcase")) == len(
        report.judgements
    )


@settings(examples(25), suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(sheets(), st.data())
def test_a_sheet_with_a_piece_missing_or_doubled_is_judged_or_refused(
    text: str, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(text) - 1))
    length = data.draw(st.integers(1, 12))
    judged(
        data.draw(
            st.sampled_from([text[:at] + text[at + length :], text[: at + length] + text[at:]])
        )
    )


def with_other_numbers(text: str, rng: random.Random) -> str:
    """A sheet in which about half the numbers claimed are others."""

    def other(found: re.Match[str]) -> str:
        number = found[0]
        return rng.choice(
            [number, number, f"-{number.lstrip('-')}", f"{rng.uniform(-2, 2):.4f}", "3", "0"]
        )

    head, *claims = text.split("[[claim]]")
    values = re.compile(r"^value\s*=.*$", re.MULTILINE)
    numbers = re.compile(r"-?\b\d+(\.\d+)?\b")
    return "[[claim]]".join(
        [head, *(values.sub(lambda line: numbers.sub(other, line[0]), claim) for claim in claims)]
    )


@pytest.mark.exhaustive
@pytest.mark.parametrize("path", SHEETS, ids=lambda path: path.stem)
def test_no_wrong_numbers_are_too_much_for_the_search_for_mistakes(path: Path) -> None:
    """What fails in it is a warning, which is an error here."""
    for seed in range(10):
        judged(with_other_numbers(path.read_text(), random.Random(seed)))
