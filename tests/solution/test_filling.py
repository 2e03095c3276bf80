"""A sheet of questions comes back with the true values, and otherwise as it was."""

import pytest

import gradsheet
from gradsheet.claims.reader import read
from gradsheet.claims.sheet import SheetError
from gradsheet.solution import filling
from gradsheet.solution.filling import fill
from tests.sheets import NET, NUMBERS, SYMBOLS


def ask(*quantities: str) -> str:
    return "".join(f'[[claim]]\nquantity = "{quantity}"\n' for quantity in quantities)


def added(text: str) -> list[str]:
    """The lines that `fill` adds; all others have to be there still, in their order."""
    before, after = text.split("\n"), fill(text).split("\n")
    new = []
    for line in after:
        if before and line == before[0]:
            before.pop(0)
        else:
            new.append(line)
    assert before == []
    return new


def test_the_homeworks_questions_get_its_true_values() -> None:
    """The pass by hand: z1 = (-1, 2, 3), z2 = (9, 6, -4), yhat = 5, and dL/dyhat = 5 - 1.5."""
    text = NUMBERS + ask("z1", "h1", "z2", "yhat[1]", "L", "dL/dW3", "dL/dW2[2,2]", "-dL/dz1[2]")
    assert added(text) == [
        "value = [-1, 2, 3]",
        "value = [0, 2, 3]",
        "value = [9, 6, -4]",
        "value = 5",
        "value = 6.125",
        "value = [[31.5, 21, -14]]",
        "value = 7",
        "value = -7",
    ]
    assert {judgement.verdict for judgement in gradsheet.judge(read(fill(text))).judgements} == {
        "right"
    }


def test_the_value_stands_below_its_quantity_and_nothing_else_moves() -> None:
    text = NUMBERS + (
        "\n# by hand, please\n[[claim]] # the first\n  question = '1a'\n  quantity = 'L' # "
        "half\n\n  note = '''\n"
        'quantity = "z1"\n[[claim]]\n\'\'\'\n\n[[claim]]\nquantity = """z2\\\n[3]"""\n# end'
    )
    filled = fill(text)
    assert "  quantity = 'L' # half\n  value = 6.125\n\n  note = '''\nquantity = \"z1\"\n" in filled
    assert '[[claim]]\nvalue = -4\nquantity = """z2\\\n[3]"""\n# end' in filled
    assert added(text) == ["  value = 6.125", "value = -4"]


def test_a_text_that_looks_like_a_quantity_is_no_place_for_a_value() -> None:
    text = NUMBERS + "[[claim]]\nnote = '''\nquantity = \"L\"\n'''\nquantity = \"L\"\n"
    assert fill(text) == text + "value = 6.125\n"


def test_line_endings_stay() -> None:
    text = (NUMBERS + ask("L", "yhat")).replace("\n", "\r\n")
    assert fill(text) == (
        NUMBERS + ask("L") + "value = 6.125\n" + ask("yhat") + "value = [5]\n"
    ).replace("\n", "\r\n")
    assert fill(text.removesuffix("\r\n")) == fill(text).removesuffix("\r\n")


def test_answers_stay_right_or_wrong() -> None:
    """A value that is wrong is somebody's answer, and so is working without a value."""
    text = NUMBERS + ask("L") + "value = 7\n" + ask("yhat") + "working = ['W3 @ z2 + 1']\n"
    assert fill(text) == text
    assert added(text + ask("z1[1]")) == ["value = -1"]


def test_what_is_no_fraction_is_rounded_as_the_sheet_rounds() -> None:
    """sigmoid(1.23) = 0.77381857426945...; dL/dz1 = 3 (3 h1 - 1) h1 (1 - h1) = 0.693857..."""
    assert added(NET + ask("h1", "z1")) == ["value = [0.773819]", "value = [1.23]"]
    printed = "[[claim]]\nquantity = 'dL/dz1'\nvalue = 0.6939\n"
    assert added(NET + printed + ask("h1")) == ["value = [0.7738]"]


def test_fractions_are_exact() -> None:
    thirds = "x = [1, 2]\nloss = 'half_squared_error'\ny = 0\n[[layer]]\nW = [['1/3', '1/2']]\n"
    assert added(thirds + ask("yhat", "L")) == ['value = ["4/3"]', 'value = "8/9"']


def test_a_step_of_gradient_descent_is_answered_too() -> None:
    """W3 - 0.5 dL/dW3 in the homework, dL/dW3 = 3.5 (9, 6, -4)."""
    assert added("learning_rate = 0.5\n" + NUMBERS + ask("W3_new")) == [
        "value = [[-16.75, -9.5, 5]]"
    ]


KINK = (
    "loss = 'output'\nx = [1]\n[[layer]]\nW = [[1], [2]]\nb = [-1, 1]\nactivation = "
    "'relu'\n[[layer]]\nW = [[2, 3]]\n"
)


def test_a_kink_keeps_only_what_it_is_in_the_way_of() -> None:
    """z1 = (0, 3): dL/dW2 is h1 whatever relu'(0) is, dL/dz1[1] is not."""
    assert added(KINK + ask("dL/dW2", "dL/dz1[2]")) == ["value = [[0, 3]]", "value = 3"]
    with pytest.raises(
        SheetError, match=r"dL/dz1: a kink is in the way, the argument of relu is exactly 0"
    ) as error:
        fill(KINK + ask("L", "dL/dz1"))
    assert error.value.line == KINK.count("\n") + 3


@pytest.mark.parametrize(
    ("text", "message", "line"),
    [
        (SYMBOLS + ask("z1"), "its answers are formulas: `gradsheet solve` writes them", 0),
        (
            'network = "L = a*a"\n[given]\na.shape = []\n' + ask("L"),
            "its answers are formulas: write yours as the working of each claim",
            0,
        ),
        (NUMBERS + ask("L", "dL/dW1[i,j]"), "asks for all values of i and j at once", 16),
        ("claim = [{quantity = 'L'}]\n" + NUMBERS, "write every claim as a [[claim]] table", 1),
        (NUMBERS + ask("z1[4]"), "index 1 is 4, outside 1 to 3", 14),
        (NUMBERS + ask("1/(yhat[1] - 5)"), "a division by 0", 14),
        (NUMBERS + ask("W1_new"), "W1_new needs a step of gradient descent", 14),
    ],
)
def test_what_has_no_answer_is_told_with_its_line(text: str, message: str, line: int) -> None:
    with pytest.raises(SheetError) as error:
        fill(text)
    assert message in str(error.value)
    assert error.value.line == line


def test_no_wrong_value_comes_back(monkeypatch) -> None:
    """Whatever goes wrong on the way, the judge with its three witnesses has the last word."""
    monkeypatch.setattr(filling, "_values", lambda *_: ["6.126"])
    with pytest.raises(AssertionError, match="L was filled in and is wrong"):
        fill(NUMBERS + ask("L"))


def test_what_takes_too_long_to_judge_is_not_filled(monkeypatch) -> None:
    monkeypatch.setattr("gradsheet.numbers.budget.MAX_SECONDS", -1.0)
    with pytest.raises(SheetError, match="a fault of gradsheet"):
        fill(NUMBERS + ask("dL/dW1"))


WIDE = (
    f"x = {[1] * 60}\nloss = 'output'\n[[layer]]\nW = {[[1] * 60] * 60}\n[[layer]]\nW = "
    f"{[[1] * 60]}\n"
)


def test_what_takes_too_many_operations_is_not_filled() -> None:
    with pytest.raises(
        SheetError, match=r"^answering this sheet takes [\d,]+ operations, expected at most 500,000"
    ):
        fill(WIDE + ask("dL/dW1"))


def test_more_digits_are_taken_where_forty_do_not_decide() -> None:
    """exp(1e-45) is above 1 only in its 46th digit."""
    assert added(NET + ask("step(exp(1e-45*x[1]) - 1)")) == ["value = 1"]
