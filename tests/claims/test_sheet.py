"""Reading sheets: every mistake that people make when writing one gets a line,
what was found and what to write."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import gradsheet
import gradsheet.solution
from gradsheet.claims import reader, sheet
from gradsheet.claims.reader import text_of
from tests import sheets

GOOD = """\
title = "a sheet"
loss = "half_squared_error"
x = [2, 1]
y = 1.5

[[layer]]
W = [[0, 1], [1, 1], [1, 0]]
b = [-2, -1, 1]
activation = "relu"

[[layer]]
W = [[1, 1, -1]]

[[claim]]
question = 1
quantity = "z1"
working = ["W1 @ x + b1"]
value = [-1, 2, 3]
"""

SYMBOLS = """\
[[layer]]
shape = [3, 4]
activation = "relu"
bias = true

[[layer]]
shape = [1, 3]

[[claim]]
quantity = "dL/dW2"
working = ["dL/dyhat*h1"]
"""


def test_a_good_sheet_is_read():
    sheet = gradsheet.read(GOOD, "good.toml")
    assert (sheet.path, sheet.title) == ("good.toml", "a sheet")
    assert (sheet.network.widths, sheet.network.biases) == ((2, 3, 1), ("units", None))
    assert sheet.network.activations == ("relu", "identity")
    assert [(claim.question, claim.quantity, claim.line) for claim in sheet.claims] == [
        ("1", "z1", 14)
    ]
    symbols = gradsheet.read(SYMBOLS)
    assert (symbols.network.widths, symbols.network.biases, symbols.params) == (
        (4, 3, 1),
        ("units", None),
        None,
    )


def test_one_example_and_batches_are_told_apart():
    one = gradsheet.read(GOOD)
    assert (one.network.examples, one.x.shape, one.y.shape) == (None, (1, 2), (1, 1))
    batch = gradsheet.read(
        GOOD.replace("x = [2, 1]", "x = [[2, 1], [0, 1]]")
        .replace("y = 1.5", "y = [1.5, 2]")
        .replace("value = [-1, 2, 3]", "value = [[-1, 2, 3], [-1, 0, 1]]")
    )
    assert (batch.network.examples, batch.x.shape, batch.y.shape) == (2, (2, 2), (2, 1))
    assert batch.network.shapes["z1"] == (2, 3)


def change(old: str, new: str, text: str = GOOD) -> str:
    assert old in text
    return text.replace(old, new)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("", 0, r"no \[\[claim\]\]"),
        ("[[claim]]\nquantity = 'L'\n", 0, r"no \[\[layer\]\]"),
        ("x = [1", 1, "not TOML"),
        (
            change("activation", "activaton"),
            9,
            "unknown key 'activaton' in layer 1: did you mean activation",
        ),
        (change("title", "titel"), 1, "unknown key 'titel' in the sheet: did you mean title"),
        (change("value =", "values ="), 18, "unknown key 'values' in claim 1: did you mean value"),
        (change('"relu"', '"rely"'), 9, "activation is 'rely': did you mean 'relu'"),
        (
            change("half_squared_error", "mse"),
            2,
            r"loss is 'mse': did you mean 'mean_squared_error'\?",
        ),
        (change("y = 1.5\n", ""), 2, "y is missing, expected the target"),
        (change("x = [2, 1]\n", ""), 5, "x is missing"),
        (change("x = [2, 1]", "x = [2, 1, 3]"), 3, "x has 3 numbers an example, expected 2"),
        (change("y = 1.5", "y = [1, 2]"), 4, "y has 2 numbers an example, expected 1"),
        (
            change("W = [[1, 1, -1]]", "W = [[1], [1], [-1]]"),
            12,
            "W of layer 2 has 1 columns, expected 3.*transposed",
        ),
        (
            change("W = [[1, 1, -1]]", "W = [[1, 1]]"),
            12,
            "W of layer 2 has 2 columns, expected 3, the units of layer 1$",
        ),
        (
            change("[1, 1], [1, 0]", "[1], [1, 0]"),
            7,
            r"W has rows of unequal length \(2 and 1 and 2\)",
        ),
        (
            change("W = [[1, 1, -1]]", "W = [1, 1, -1]"),
            12,
            "W of layer 2 is .*expected a list of rows",
        ),
        (change("W = [[1, 1, -1]]", ""), 11, "neither W nor shape"),
        (change("b = [-2, -1, 1]", "b = [-2, -1]"), 8, "b of layer 1 has 2 numbers, expected 3"),
        (change("b = [-2, -1, 1]", "b = 3"), 8, "shared_bias = true"),
        (
            change("[[0, 1], [1, 1], [1, 0]]", "[[0, 1, 1], [1, 1, 0]]"),
            8,
            "b of layer 1 has 3 numbers, expected 2.*W transposed",
        ),
        (change('"relu"', '"ReLU"'), 9, "did you mean 'relu'"),
        (change("y = 1.5", "y = 1,5"), 4, "not TOML: .*a decimal has a point, 0.75"),
        (change('loss = "half_squared_error"\n', ""), 3, "y is given, expected a loss with it"),
        (change("[[layer]]\nW = [[0", "[layer]\nW = [[0"), None, "not TOML|double brackets"),
        (change("b = [-2, -1, 1]", "bias = true"), 8, "bias but no shape"),
        (change("b = [-2, -1, 1]", "shared_bias = true"), 8, "shared_bias but no b"),
        (change("b = [-2, -1, 1]", "b = true"), 8, "b is true, expected a number"),
        (change("b = [-2, -1, 1]", "b = [1, nan, 2]"), 8, "'nan' is no number"),
        (change("b = [-2, -1, 1]", "b = [1, '1e999', 2]"), 8, "exponent up to 300"),
        (
            change("b = [-2, -1, 1]", "b = [1, 1979-05-27, 2]"),
            8,
            "a date or time, expected a number",
        ),
        (change("b = [-2, -1, 1]", "b = []"), 8, "empty list"),
        (change('quantity = "z1"\n', ""), 14, "claim 1 has no quantity"),
        (
            change('working = ["W1 @ x + b1"]', 'working = "W1 @ x + b1"'),
            17,
            "expected a list of formulas",
        ),
        (GOOD + 'expect = "correct"\n', 19, "expect is 'correct': expected one of right"),
        (GOOD + "[notation]\nz1 = 'W1'\n", 20, "the notation z1 has a meaning already"),
        (GOOD + "[notation]\nw5 = 'W9'\n", 20, "unknown name W9"),
        (GOOD + "[notation]\nw5 = 5\n", 20, "expected a quantity as text"),
        (change("x = [2, 1]", "x = [2, 1]\nx = [1, 1]"), 4, "not TOML"),
        (
            change("[[layer]]\nW = [[1, 1, -1]]", "[[layer]]\nshape = [1, 3]"),
            6,
            "some layers have W and some shape",
        ),
        (
            change("shape = [3, 4]", "shape = [3]", SYMBOLS),
            2,
            r"shape of layer 1 is \[3\], expected \[units, inputs\]",
        ),
        (change("shape = [3, 4]", "shape = [3, 0]", SYMBOLS), 2, "expected"),
        (change("shape = [3, 4]", "shape = [3, 4000]", SYMBOLS), 1, "more than 4096 parameters"),
        ("x = [1]\n" + SYMBOLS, 1, "x is given but the layers have only shapes"),
        (change("bias = true", "b = [1, 2, 3]", SYMBOLS), 4, "layer 1 has b but no W"),
        (
            "loss = 'output'\n"
            + change("x = [2, 1]", "x = [2, 1]").replace('loss = "half_squared_error"\n', ""),
            4,
            "y is given",
        ),
    ],
)
def test_a_mistake_in_a_sheet_gets_its_line_and_what_to_write(text, line, message):
    with pytest.raises(gradsheet.SheetError, match=message) as caught:
        gradsheet.read(text)
    assert line is None or caught.value.line == line
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            change('"z1"', '"z9"'),
            "the quantity cannot be read: unknown name z9: expected one of z1, z2",
        ),
        (change('"z1"', '"dL/dW7"'), "unknown name dW7"),
        (change('"z1"', '"dh1/dz2"'), "z2 comes after h1"),
        (
            change('"z1"', '"W1_new"'),
            "W1_new needs a step of gradient descent: write learning_rate = 0.1",
        ),
        (change("value = [-1, 2, 3]", "value = ['-1', 'two', 3]"), "value: 'two' is no number"),
        (
            change("value = [-1, 2, 3]", "value = [[1, 2], [3]]"),
            "value has rows of unequal length (2 and 1)",
        ),
        (change("value = [-1, 2, 3]", "value = nan"), "value: 'nan' is no number"),
    ],
)
def test_a_claim_that_cannot_be_read_says_why_and_the_others_are_judged(text, reason):
    sheet = gradsheet.read(
        text + "[[claim]]\nquantity = 'yhat'\nvalue = 2\n[[claim]]\nquantity = 'L'\n"
    )
    unread, right, asked = gradsheet.judge(sheet).judgements
    assert reason in sheet.claims[0].error
    assert (unread.verdict, unread.truth, reason in unread.message) == ("unread", None, True)
    assert right.verdict in ("right", "wrong")
    assert (asked.verdict, asked.truth, asked.claimed) == ("open", None, None)
    assert len(sheet.readable.claims) == 2


def test_all_that_is_wrong_with_a_sheet_is_told_at_once():
    text = (
        change("activation", "activaton")
        .replace("y = 1.5", "z = 1.5")
        .replace("quantity =", "quantty =")
    )
    with pytest.raises(gradsheet.SheetError) as caught:
        gradsheet.read(text.replace("title =", "titel ="))
    told = [(line, message.split(":")[0]) for line, message in caught.value.problems]
    assert told == [
        (1, "unknown key 'titel' in the sheet"),
        (2, "y is missing, expected the target of the loss half_squared_error"),
        (4, "unknown key 'z' in the sheet"),
        (9, "unknown key 'activaton' in layer 1"),
        (14, "claim 1 has no quantity, expected one"),
        (16, "unknown key 'quantty' in claim 1"),
    ]


def test_where_the_layers_cannot_be_read_nothing_is_said_that_rests_on_them():
    text = change("W = [[1, 1, -1]]", "W = [[1, 1]]") + "expct = 'right'\n[notation]\nq = 'z7'\n"
    with pytest.raises(gradsheet.SheetError) as caught:
        gradsheet.read(text)
    assert [line for line, _ in caught.value.problems] == [12, 19]


@pytest.mark.parametrize(
    "data",
    [b"\xff\xfe", b"\x00" * 10, b"x" * 300_000, b"a = " + b"[" * 10_000, b"x = 1" + b"0" * 5000],
)
def test_bytes_that_are_no_sheet_are_one_clear_line(data):
    with pytest.raises(gradsheet.SheetError):
        gradsheet.read(text_of(data))


def test_lines_are_those_of_the_file_even_behind_texts_that_look_like_tables():
    text = GOOD.replace('title = "a sheet"', 'title = """\n[[claim]]\nquantity = 1\n"""')
    assert gradsheet.read(text).claims[0].line == 17


@given(
    st.text(max_size=200) | st.lists(st.sampled_from(GOOD.splitlines()), max_size=25).map("\n".join)
)
def test_any_text_is_a_sheet_or_a_sheet_error(text):
    try:
        gradsheet.read(text)
    except gradsheet.SheetError as error:
        message = str(error)
    else:
        return
    assert "\n" not in message


def test_thousands_of_unknown_names_are_told_without_a_guess_at_each():
    names = "".join(f"alphabetagamma{k} = 'z1'\n" for k in range(1000))
    lines = [f"alphabetagamnn{k}" for k in range(30)]
    text = (
        f"x = [1, 2]\n[[layer]]\nW = [[1, 2]]\n[notation]\n{names}[[claim]]\nquantity = "
        f"'z1'\nworking = {lines}\n"
    )
    (claim,) = gradsheet.read(text).claims
    hints = [line.error for line in claim.working]
    assert "did you mean alphabetagamma0?" in hints[0]
    assert "did you mean" not in hints[-1]
    assert all("unknown name alphabetagamnn" in hint for hint in hints)


def test_a_line_is_read_in_its_own_sheet():
    def line(head: str) -> sheet.Line:
        return (
            gradsheet.read(f"{head}[[claim]]\nquantity = 'z1'\nworking = ['q*h3']\n")
            .claims[0]
            .working[0]
        )

    lines = [line(f"{sheets.SYMBOLS}q = 'z1[{unit}]'\n") for unit in (1, 2, 1)]
    assert lines[0].tree == lines[2].tree != lines[1].tree
    shallow = sheets.SYMBOLS.replace("[[layer]]\nshape = [1, 2]\n", "")
    assert line(f"{shallow}q = 'z1[1]'\n").tree is None


def test_names_that_are_given_one_after_the_other_are_read_in_their_order():
    names = "\n".join(f"n{number} = 'W1[1,1]'" for number in range(reader.MAX_KEPT_NAMES))
    head = sheets.SYMBOLS + f"{names}\nearly = 'q + 1'\nq = 'z1[1]'\nlate = 'q + 1'\n"
    notation = gradsheet.read(head + "[[claim]]\nquantity = 'h1'\nworking = ['z1']\n").notation
    assert notation["early"].letters == {"q"}
    assert notation["late"].letters == frozenset()


SHEET = "x = [1, 2]\n[[layer]]\nW = [[1, 2]]\n[[claim]]\nquantity = 'z1'\nvalue = 5\n"


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
        ("dL/dW2_11", "unknown name dW2_11: expected one of dW1"),
        ("dL/dW1_11", "dW1_11 may be the entry W1[1,1] or W1[11]"),
    ],
)
def test_no_name_is_suggested_that_misleads(line, message):
    text = "loss = 'output'\n" + SHEET + f'working = ["{line}"]\n'
    (claim,) = gradsheet.read(text).claims
    assert message in claim.working[0].error
    assert "did you mean" not in claim.working[0].error


def test_a_claim_that_is_not_read_may_have_a_dot_in_its_working() -> None:
    head = "[[layer]]\nshape = [1, 2]\n"
    text = f"{head}[[claim]]\nquantity = 'L'\nworking = ['W1 · x']\n"
    assert gradsheet.judge(gradsheet.read(text)).judgements[0].verdict == "unread"
