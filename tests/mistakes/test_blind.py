"""What a sheet cannot see, and what would see it."""

import pytest

import gradsheet
from gradsheet.commands.cli import main
from gradsheet.language.evaluate import Evaluator
from gradsheet.mistakes.blind import blindness, told, unseen
from gradsheet.mistakes.catalogue import edits_of
from gradsheet.mistakes.layer_values import Carried
from gradsheet.mistakes.layered import point_of
from tests.sheets import HOMEWORKS, NET, SYMBOLS

HOMEWORK = HOMEWORKS / "numbers.toml"


def claims(*quantities: str) -> str:
    return "".join(f"[[claim]]\nquantity = '{quantity}'\nvalue = 1\n" for quantity in quantities)


def values(sheet, made=()):
    """What a sheet asks for, as somebody gets it who makes some mistakes."""
    seen = Carried(point_of(sheet.problem, None), None, edits_of(made))
    return [Evaluator(seen).value(claim.tree, {}).tolist() for claim in sheet.claims]


@pytest.fixture(scope="module")
def found():
    return blindness(gradsheet.load(HOMEWORK))


def test_the_three_gradients_of_the_homework_cannot_see_a_missing_mask(found) -> None:
    codes = [instance.code for instance in found.unseen]
    assert "slope-missing" in codes
    assert "two-kept" not in codes
    sheet = gradsheet.load(HOMEWORK)
    for instance in found.unseen:
        assert values(sheet, [instance]) == values(sheet), (
            "it really leaves all numbers as they are"
        )


def test_the_proposal_sees_what_it_is_said_to_see(found) -> None:
    data = "\n".join(found.data).split("[[layer]]")
    assert len(data) == 4
    head = 'loss = "half_squared_error"\n' + data[0]
    for l, layer in enumerate(data[1:]):
        head += "[[layer]]" + layer + "\n" + 'activation = "relu"\n' * (l == 0)
    asked = [claim.quantity for claim in gradsheet.load(HOMEWORK).claims]
    proposed = gradsheet.read(head + claims(*asked))
    hidden = {instance.text for instance in found.hidden}
    assert len(hidden) < len(found.unseen)
    for instance in found.unseen:
        assert (values(proposed, [instance]) == values(proposed)) == (instance.text in hidden), (
            instance.text
        )
    more = gradsheet.read(head + claims(*asked, *found.more))
    for instance in found.hidden:
        assert values(more, [instance]) != values(more), instance.text


def test_where_everything_is_asked_the_proposal_sees_everything(capsys, tmp_path) -> None:
    """With these numbers z2 is positive for both examples, and a relu behind it
    would not show; with others it does."""
    layers = ["W = [[1, 3], [-2, 1], [3, -1]]\nb = [1, 2, -3]\n", "W = [[3, -1, 2]]\n"]
    data = ["x = [[2, 1], [-1, 3]]\ny = [[1], [2]]\n", *layers]
    asked = claims("L", "dL/dW1", "dL/db1", "dL/dW2", "dL/dz1", "dL/dx")
    sheet = tmp_path / "all.toml"

    def write(data, first, second) -> str:
        relu = "activation = 'relu'\n"
        text = (
            'loss = "half_squared_error"\n'
            + data
            + "[[layer]]\n"
            + first
            + relu
            + "[[layer]]\n"
            + second
            + asked
        )
        sheet.write_text(text)
        return text

    found = blindness(gradsheet.read(write(*data)))
    assert [instance.code for instance in found.unseen] == ["activation-added", "slope-added"]
    assert found.hidden == []
    assert found.more == {}
    assert main(["blind", str(sheet)]) == 1
    assert "With these numbers the same questions see all:" in capsys.readouterr().out
    write(*(part.strip("\n") + "\n" for part in "\n".join(found.data).split("[[layer]]")))
    assert main(["blind", str(sheet)]) == 0
    assert capsys.readouterr().out.startswith(f"{sheet}: sees all 60 mistakes")


def test_a_change_that_does_not_show_in_the_digits_is_not_seen() -> None:
    coarse = unseen(gradsheet.read(NET + "[[claim]]\nquantity = 'dL/dz1'\nvalue = 1e9\n"))
    fine = unseen(gradsheet.read(NET + "[[claim]]\nquantity = 'dL/dz1'\nvalue = 0.693857\n"))
    assert len(coarse) > len(fine)


def test_formulas_are_blind_only_to_what_they_do_not_ask_for() -> None:
    found = blindness(
        gradsheet.read(SYMBOLS + "[[claim]]\nquantity = 'dL/dW3[1,j]'\nworking = ['delta*h2[j]']\n")
    )
    assert "slope-missing" in [instance.code for instance in found.unseen]
    assert found.data == []
    assert "dL/dW1" in found.more


@pytest.mark.exhaustive
def test_the_same_sheet_gets_the_same_proposal(found) -> None:
    assert told(blindness(gradsheet.load(HOMEWORK))) == told(found)


@pytest.mark.parametrize("quantity", ["yhat[5]", "z1[1,3]"])
def test_what_has_no_value_is_no_question(quantity: str) -> None:
    head = 'loss = "output"\nx = 1\n[[layer]]\nW = [[2]]\n'
    claims = (
        f"[[claim]]\nquantity = '{quantity}'\nvalue = 2\n[[claim]]\nquantity = 'L'\nvalue = 2\n"
    )
    assert blindness(gradsheet.read(head + claims)).total > 0


def test_numbers_that_show_no_more_are_not_proposed() -> None:
    """A linear layer at whole numbers: all that its one question leaves out shows in others."""
    head = "loss = 'half_squared_error'\nx = [3, -2]\ny = 1\n[[layer]]\nW = [[2, 1]]\nb = [-1]\n"
    found = blindness(gradsheet.read(head + claims("yhat")))
    assert found.unseen
    assert found.data == []
    assert found.hidden == found.unseen
    lines = told(found)
    assert "To see them, ask for more:" in lines
    assert not any("With these numbers" in line for line in lines)
