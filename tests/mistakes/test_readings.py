"""A wrong claim that another reading of the sheet would make right says which."""

import math

import pytest

from tests.sheets import NUMBERS, SYMBOLS, TWICE, TWO, judged

BATCH = """
loss = "squared_error"
x = [[1, 2], [3, -1]]
y = [[1, 0], [2, 2]]
[[layer]]
W = [[1, -2], [3, 1]]
activation = "relu"
[[layer]]
W = [[1, 2], [-1, 1]]
"""


@pytest.mark.parametrize(
    ("head", "quantity", "value", "words"),
    [
        (NUMBERS, "dL/dW3[1,2]", "42", ["the loss is read as squared_error"]),
        (
            NUMBERS.replace("half_", ""),
            "dL/dW3[1,2]",
            "21",
            ["the loss is read as half_squared_error"],
        ),
        (NUMBERS, "L", "12.25", ["the loss is read as squared_error"]),
        (NUMBERS, "h2", "[9, 6, 0]", ["layer 2 is read with relu"]),
        (NUMBERS, "h1[1]", "-1", ["layer 1 is read without activation"]),
        (NUMBERS, "yhat", "0.993", ["layer 3 is read with sigmoid"]),
        (NUMBERS, "dL/dW3[1,2]", "43", []),
        (NUMBERS, "z2", "[9, 6, -5]", []),
        (BATCH, "z1", "[[7, 0], [0, -7]]", ["W1 is read as (inputs, units)"]),
        (BATCH, "dL/dW2", "[[63, 170], [0, 30]]", []),
    ],
)
def test_numbers(head: str, quantity: str, value: str, words: list[str]) -> None:
    found = judged(head, quantity, value=value)
    assert found.verdict == "wrong"
    assert found.readings == words
    assert (f"right if {' or if '.join(words)}" in found.all_messages()) == bool(words)


def test_a_batch_may_be_summed_or_averaged() -> None:
    truth = judged(BATCH, "L", value="0").truth
    doubled = judged(
        BATCH.replace("squared_error", "squared_error").replace("loss", "reduction = 'sum'\nloss"),
        "L",
        value="0",
    )
    found = judged(BATCH, "L", value=f"'{doubled.truth}'")
    assert found.readings == ["the loss is read as the sum over the examples"]
    assert float(doubled.truth) == 2 * float(truth)
    halved = judged(BATCH, "L", value=f"'{float(truth) / 2}'")
    assert "the loss is read as half_squared_error" in halved.readings
    # Two outputs: several readings fit equally.
    assert "the loss is read as mean_squared_error" in halved.readings


def test_a_gradient_written_the_other_way_round() -> None:
    assert judged(BATCH, "W1", value="[[1, 3], [-2, 1]]").readings[0] == "it is read transposed"


@pytest.mark.parametrize(
    ("quantity", "line", "words"),
    [
        ("dL/dW2[i,j]", "delta*W3[1,i]*drelu(z2[i])*h1[j]", ["layer 2 is read with relu"]),
        (
            "dL/dW1[i,j]",
            "sum(k, delta*W3[1,k]*W2[k,i])*x[j]",
            ["layer 1 is read without activation"],
        ),
        ("dL/dW2[i,j]", "delta*W3[1,i]*dtanh(z2[i])*h1[j]", ["layer 2 is read with tanh"]),
        ("dL/dW2[i,j]", "2*delta*W3[1,i]*h1[j]", []),
    ],
)
def test_formulas(quantity: str, line: str, words: list[str]) -> None:
    found = judged(SYMBOLS, quantity, line)
    assert found.verdict == "wrong"
    assert found.readings == words


def test_a_loss_in_symbols() -> None:
    head = 'loss = "squared_error"\n' + SYMBOLS
    assert judged(head, "dL/dyhat", "yhat - y").readings == [
        "the loss is read as half_squared_error"
    ]


def test_what_is_right_has_no_other_reading() -> None:
    assert judged(NUMBERS, "yhat", value="5").readings == []


def test_softmax_is_a_reading_of_several_outputs_only() -> None:
    head = TWO.replace("[[1, -2, 3], [2, 1, -1]]", "[[1, -2, 3], [2, 1, 1]]")
    yhat = [float(v) for v in judged(head, "yhat", value="[0, 0]").truth]
    total = sum(map(math.exp, yhat))
    shares = ", ".join(f"{math.exp(v) / total:.5f}" for v in yhat)
    assert judged(head, "yhat", value=f"[{shares}]").readings == ["layer 2 is read with softmax"]
    assert judged(NUMBERS, "yhat", value="1").readings == []


def test_a_reading_that_is_only_close_is_none() -> None:
    assert judged(NUMBERS, "L", value="12.250001").readings == []
    assert judged(NUMBERS, "L", value="12.25").readings == ["the loss is read as squared_error"]


def test_rows_and_columns_are_read_too() -> None:
    assert judged(NUMBERS, "dL/dW3", value="[[1, 2, 3]]").readings == []
    assert judged(TWICE, "yhat[1]", value="[[1], [2]]").readings == []


def test_working_without_a_number_is_read_in_one_way() -> None:
    found = judged(NUMBERS, "yhat", "W3 @ x[1]*h1")
    assert (found.verdict, found.readings) == ("wrong", [])
