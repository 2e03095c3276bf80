"""The functions of the language on sheets of layers: roots, sizes and angles,
exact and as formulas."""

import pytest

from gradsheet.claims.sheet import SheetError
from tests.sheets import judged

HEAD = """
loss = "half_squared_error"
x = [3, -2]
y = [1]
[[layer]]
W = [["1/2", 1], [2, "3/7"]]
activation = "{}"
[[layer]]
W = [[2, 1]]
"""
ACTIVATIONS = ("tanh", "relu")


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize(
    ("quantity", "working"),
    [
        ("sqrt(h1[2])*sqrt(h1[2])", "h1[2]"),
        ("h1[2]/sqrt(h1[2])", "sqrt(h1[2])"),
        ("sqrt(yhat[1]**2)", "abs(yhat[1])"),
        ("sqrt(L)", "abs(y - yhat)[1]/sqrt(2)"),
        ("abs(z1)", "relu(z1) + relu(-z1)"),
        ("sin(z1[1])**2", "1 - cos(z1[1])**2"),
        ("sin(h1[2] - z1[2])", "sin(h1[2])*cos(z1[2]) - cos(h1[2])*sin(z1[2])"),
        ("cos(2*z1[1])", "sin'(z1[1])**2 - sin(z1[1])**2"),
    ],
)
def test_their_laws_are_proved(activation: str, quantity: str, working: str) -> None:
    assert judged(HEAD.format(activation), quantity, working).verdict == "right"


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize(
    ("quantity", "working"),
    [
        ("abs(z1)", "relu(z1)"),
        ("sqrt(h1[2])", "h1[2]/2"),
        ("sqrt(yhat[1]**2)", "yhat[1] + 1"),
        ("sin(z1[1])", "cos(z1[1])"),
    ],
)
def test_what_is_no_law_is_wrong(activation: str, quantity: str, working: str) -> None:
    assert judged(HEAD.format(activation), quantity, working).verdict == "wrong"


@pytest.mark.parametrize(
    ("quantity", "value"),
    [("abs(z1[1])", "0.5"), ("sqrt(4)", "2"), ("sqrt(2)", "1.414"), ("sin(z1[1])", "-0.479")],
)
def test_their_values(quantity: str, value: str) -> None:
    assert judged(HEAD.format("relu"), quantity, value=value).verdict == "right"


def test_where_there_is_no_root() -> None:
    judgement = judged(HEAD.format("relu"), "sqrt(z1[1])", value="2")
    assert (judgement.verdict, judgement.message) == (
        "wrong",
        "sqrt(z1[1]): the square root of a negative number",
    )


@pytest.mark.parametrize("name", ["sqrt", "abs", "sin", "cos"])
def test_their_names_are_taken(name: str) -> None:
    with pytest.raises(SheetError, match=f"the notation {name} has a meaning already"):
        judged(HEAD.format("relu") + f"[notation]\n{name} = 'z1[1]'\n", "L", value="1")
