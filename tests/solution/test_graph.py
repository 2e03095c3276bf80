"""The drawing of a network: well-formed, with every unit, edge and number,
small also where the network is large."""

import time
import xml.etree.ElementTree as ET
from dataclasses import replace
from fractions import Fraction

import pytest

import gradsheet
from gradsheet.mistakes.layered import point_of
from gradsheet.solution.graph import label, network_svg
from tests.sheets import NUMBERS, PUBLISHED, SYMBOLS

SVG = "{http://www.w3.org/2000/svg}"
CLAIM = "[[claim]]\nquantity = 'yhat[1]'\nworking = ['yhat[1]']\n"


def drawing(sheet):
    """A sheet's drawing as it is and as a tree."""
    point = None
    if sheet.x is not None:
        point = point_of(sheet.problem, None)
    svg = network_svg(sheet, point)
    return svg, ET.fromstring(svg)


def units(tree):
    return [rect for rect in tree.iter(f"{SVG}rect") if "net-unit" in rect.get("class").split()]


def edges(tree):
    return [line for line in tree.iter(f"{SVG}line") if "net-edge" in line.get("class").split()]


def texts(tree):
    return [text.text for text in tree.iter(f"{SVG}text")]


def test_the_homework():
    svg, tree = drawing(gradsheet.read(NUMBERS + CLAIM))
    assert len(units(tree)) == 2 + 3 + 3 + 1 + 1
    assert len(edges(tree)) == 6 + 9 + 3 + 1
    found = texts(tree)
    for text in (
        "z = −1",
        "z = 2",
        "z = 3",
        "h = 9",
        "h = 6",
        "h = −4",
        "ŷ = 5",
        "L = 6.125",
        "y = 1.5",
        "b = −2",
    ):
        assert text in found
    assert [text for text in found if text.startswith("δ")] == [
        *("δ = 0 · dead", "δ = 7", "δ = 3.5"),
        *("δ = −3.5", "δ = 3.5", "δ = −7"),
        "δ = 3.5",
    ]
    assert len([t for t in tree.iter(f"{SVG}text") if "net-weight" in (t.get("class") or "")]) == 18
    assert tree.get("role") == "img"
    assert "2 inputs, layers of 3 relu, 3 linear, 1 linear units" in tree.get("aria-label")
    assert "http" not in svg.replace("http://www.w3.org/2000/svg", "")


def test_a_dead_unit_and_its_edges_are_dashed():
    _, tree = drawing(gradsheet.read(NUMBERS + CLAIM))
    (dead,) = [unit for unit in units(tree) if "net-dead" in unit.get("class")]
    first = next(text for text in tree.iter(f"{SVG}text") if text.text == "z = −1")
    assert 0 < float(first.get("y")) - float(dead.get("y")) < float(dead.get("height"))
    off = [edge for edge in edges(tree) if "net-off" in edge.get("class")]
    assert len(off) == 3
    right = float(dead.get("x")) + float(dead.get("width"))
    assert all(float(edge.get("x1")) == pytest.approx(right, abs=0.2) for edge in off)


def test_symbols_have_names_only():
    _, tree = drawing(gradsheet.read(SYMBOLS + CLAIM))
    assert len(units(tree)) == 4 + 3 + 2 + 1
    assert len(edges(tree)) == 12 + 6 + 2
    names = ["x₁", "x₂", "x₃", "x₄", "h¹₁", "h¹₂", "h¹₃", "h²₁", "h²₂", "ŷ"]
    headings = ["inputs", "layer 1", "relu", "layer 2", "linear", "layer 3", "linear"]
    assert sorted(texts(tree)) == sorted(names + headings)


@pytest.mark.parametrize("path", sorted(PUBLISHED.glob("*.toml")), ids=lambda path: path.stem)
def test_no_text_lies_on_another(path):
    _, tree = drawing(gradsheet.load(path))
    width, height = map(float, tree.get("viewBox").split()[2:])
    boxes = []
    for text in tree.iter(f"{SVG}text"):
        x, y, wide = float(text.get("x")), float(text.get("y")), 7.5 * len(text.text)
        left = x - wide * {"start": 0, "middle": 0.5, "end": 1}[text.get("text-anchor")]
        boxes.append((left, left + wide, y, text.text))
        assert left >= 0
        assert left + wide <= width
        assert y <= height
    for n, (left, right, y, one) in enumerate(boxes):
        for a, b, other_y, other in boxes[:n]:
            assert right <= a or b <= left or abs(y - other_y) >= 14, f"{one} on {other}"


def test_a_batch_is_drawn_by_its_first_example():
    _, tree = drawing(gradsheet.load(PUBLISHED / "nnfs-relu-layer-batch3.toml"))
    assert "example 1 of 3; L is the sum over all" in texts(tree)
    assert {"z = 4.8", "δ = 2.385", "y = 0, 0, 0"} <= set(texts(tree))


@pytest.mark.parametrize(
    "head",
    [
        "x = [2, 1]\n[[layer]]\nW = [[1, 1]]\n",
        "loss = 'half_squared_error'\nx = [1, 1]\ny = 1\n[[layer]]\nW = [[1, -1]]\nactivation = "
        "'relu'\n",
    ],
    ids=["without a loss", "at a kink"],
)
def test_without_derivatives_the_forward_values_stand_alone(head):
    svg, _ = drawing(gradsheet.read(head + CLAIM))
    assert "ŷ = " in svg
    assert "δ" not in svg


def test_a_large_network_is_small_and_quick():
    sheet = gradsheet.read(SYMBOLS + CLAIM)
    large = replace(
        sheet.network, widths=(128,) * 33, biases=("units",) * 32, activations=("relu",) * 32
    )
    start = time.process_time()
    svg, tree = drawing(replace(sheet, network=large))
    assert time.process_time() - start < 1
    assert len(svg) < 200_000
    assert len(units(tree)) == 33 * 4
    assert len(edges(tree)) == 32 * 16


def test_nothing_that_the_sheet_says_gets_in():
    hostile = "<script>alert(1)</script>"
    svg, tree = drawing(replace(gradsheet.read(NUMBERS + CLAIM), title=hostile, path=hostile))
    assert "script" not in svg
    assert {element.tag for element in tree.iter()} == {
        SVG + tag for tag in ("svg", "style", "line", "rect", "text")
    }


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        ("7/2", False, "7/2"),
        ("7/2", True, "3.5"),
        ("1/3", True, "1/3"),
        ("-12", True, "−12"),
        ("123456/1000000", True, "0.123"),
        ("-1000001/3", False, "−3.33·10⁵"),
        ("1e-9", True, "1.00·10⁻⁹"),
        ("1e400", True, "1.00·10⁴⁰⁰"),
        ("0", True, "0"),
    ],
)
def test_numbers_are_short(value, decimals, text):
    assert label(Fraction(value), decimals) == text
