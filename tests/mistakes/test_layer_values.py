"""The pass with other numbers in it: with none it is the truth."""

from dataclasses import replace
from fractions import Fraction

import pytest

import gradsheet
from gradsheet.language.evaluate import Evaluator
from gradsheet.language.parsing import parse
from gradsheet.mistakes.layer_values import Carried
from gradsheet.mistakes.layered import point_of
from tests.sheets import TWICE, TWO

SHARED = TWICE.replace("b = [1, -1, 2]", "b = 1\nshared_bias = true")

SHARED = SHARED.replace("b = [0.5, -0.5]", "b = 2\nshared_bias = true")

LAST = "[2, 1, -1]]\n"


@pytest.mark.parametrize(
    "head",
    [
        TWO,
        TWO.replace("relu", "tanh"),
        TWO.replace("relu", "sigmoid"),
        TWO.replace('"relu"', '"leaky_relu"\nslope = 0.25'),
        TWO.replace(LAST, LAST + "activation = 'softmax'\n"),
        TWO.replace(LAST, LAST + "activation = 'sigmoid'\n").replace(
            "squared_error", "binary_cross_entropy"
        ),
        TWO.replace("squared_error", "mean_squared_error"),
        "update = 'weights'\n" + TWO,
        TWICE,
        TWICE.replace(LAST, LAST + "activation = 'softmax'\n"),
        "reduction = 'sum'\n" + TWICE,
        SHARED,
    ],
)
def test_carrying_nothing_on_is_the_truth_on_any_network(head: str) -> None:
    sheet = gradsheet.read(head + "[[claim]]\nquantity = 'L'\nvalue = 1\n")
    point = point_of(replace(sheet.problem, rate=Fraction(1, 10)), None)
    carried = Carried(point, {})
    quantities = [
        "z1",
        "h1",
        "z2",
        "yhat",
        "L",
        "L[1]",
        "L[2]",
        "dL/dW1",
        "dL/db1",
        "dL/dz1",
        "dL/dh1",
        "dL/dW2",
    ]
    quantities += [
        "dL/db2",
        "dL/dyhat",
        "dL/dx",
        "dyhat/dW1",
        "dz2/dh1",
        "dyhat/dz2",
        "dz1/db1",
        "dh1/dz1",
        "dh1/dx",
    ]
    quantities += ["dh1/dW1", "dL[1]/dh1", "dL[2]/dW2", "dL[1]/dx"]
    quantities += ["W1_new", "W2_new", "yhat_new"]
    quantities += [] if sheet.network.update == "weights" else ["b1_new", "b2_new"]
    for quantity in quantities:
        tree = parse(quantity, sheet.network.names)
        truth, found = Evaluator(point).value(tree, {}), Evaluator(carried).value(tree, {})
        assert truth.shape == found.shape, quantity
        assert (truth == found).all(), quantity
