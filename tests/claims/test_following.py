"""What printed values lead to: which they stand for, how far they may be off,
and what comes of them.
"""

import math
from fractions import Fraction

import numpy as np
import pytest

import gradsheet
from gradsheet.claims.definitions import stated_of
from gradsheet.claims.following import Carry, Moves, follow
from gradsheet.claims.verdict import point_at
from gradsheet.commands import exports
from gradsheet.language.parsing import parse
from gradsheet.numbers.budget import Budget
from gradsheet.numbers.session import LIBRARY
from tests.sheets import NET, NUMBERS, judged, judgements, verdicts


def test_a_sign_in_front_is_taken_off_what_was_printed() -> None:
    """3 - 0.1 * 1.02 = 2.898, and the truth is 2.89774."""
    assert verdicts(NET, ("-dL/dW2", "-1.02"), ("W2_new", "2.8980")) == ["right", "rounded"]


def test_a_wrong_multiple_is_carried_on_as_it_was_meant() -> None:
    found = judgements(NET, ("learning_rate*dL/dW2", "0.2"), ("W2_new", "2.8"))
    assert found[1].message.endswith("right given the earlier learning_rate*dL/dW2 = 0.2 (line 11)")


def test_the_gradient_of_a_bias_is_the_delta_of_a_single_example() -> None:
    """3 * 1.32 = 3.96, and the truth is 3.96437."""
    head = NET + "b = [0]\n"
    assert verdicts(head, ("dL/db2", "1.32"), ("dL/dh1", "3.960")) == ["right", "rounded"]
    assert verdicts(
        NET + "b = 0\nshared_bias = true\n", ("dL/db2", "1.32"), ("dL/dh1", "3.960")
    ) == ["right", "rounded"]
    two = NET.replace("W = [[3]]", "W = [[3], [3]]").replace("y = 1", "y = [1, 1]")
    two += "b = 0\nshared_bias = true\n"  # whose gradient is a sum
    assert verdicts(two, ("dL/db2", "2.64"), ("dL/dh1", "7.920")) == ["right", "wrong"]
    batch = head.replace("x = [1.23]", "x = [[1.23], [1.23]]").replace("y = 1", "y = [[1], [1]]")
    assert verdicts(batch, ("dL/db2", "1.32"), ("dL/dh1", "[[1.980], [1.980]]")) == [
        "right",
        "wrong",
    ]


OWN = """
network = '''
h = sigmoid(u*x)
z = w*h + b
L = {loss}
'''
given = {{x = "1.23", u = 1, w = 3, b = 0}}
"""


@pytest.mark.parametrize(
    ("loss", "verdict"), [("(z - 1)**2/2", "rounded"), ("(z - 1)**2/2 + b**2", "wrong")]
)
def test_the_gradient_of_a_given_term_is_that_of_the_sum_where_it_stands_alone(loss, verdict):
    """The same numbers: b is 0, and b**2 takes nothing from its gradient."""
    claims = ("dL/db", "1.32"), ("dL/dh", "3.960")
    assert verdicts(OWN.format(loss=loss), *claims) == ["right", verdict]


def test_the_gradient_of_what_is_taken_away_is_not_that_of_the_difference() -> None:
    text = OWN.format(loss="(z - 1)**2/2").replace("w*h + b", "w*h - b")
    assert verdicts(text, ("dL/db", "-1.32"), ("dL/dh", "-3.960")) == ["right", "wrong"]


RESIDUAL = """
network = '''
x = 2*u
f = w*x
s = x + f
L = s**2/2
'''
given = {u = 1, w = 3}
"""


def test_the_gradient_of_a_term_that_is_computed_is_carried_on_as_its_own() -> None:
    """dL/ds = 8: with 16 for dL/df, dL/dx is 8 + 3 * 16, and not 16 + 3 * 16."""
    claims = ("dL/ds", "8"), ("dL/df", "16"), ("dL/dx", "56", "'dL/ds + dL/df*w'")
    assert verdicts(RESIDUAL, *claims) == ["right", "wrong", "carried_forward"]
    claims = ("dL/ds", "8"), ("dL/df", "16"), ("dL/dx", "64")
    assert verdicts(RESIDUAL, *claims) == ["right", "wrong", "wrong"]


def test_the_gradient_of_a_term_of_what_is_derived_is_no_gradient_of_that() -> None:
    """L = 25 + 18: twice the slope of the first term alone is 2 * 20 + 12."""
    head = "network = 'L = (3*w - 4)**2 + 2*w**2 + r'\ngiven = {w = 3, r = 1}\n"
    assert verdicts(head, ("dL/dr", "2"), ("dL/dw", "84")) == ["wrong", "wrong"]


def test_the_shares_of_the_outputs_are_carried_on() -> None:
    """L[1] = 0.873124..., L[2] = 0.149945..., so L may be off by half a unit of each."""
    head = NET.replace("y = 1", "y = [1, 1]").replace("W = [[3]]", "W = [[3], [2]]")
    h = 1 / (1 + math.exp(-1.23))
    shares = [(3 * h - 1) ** 2 / 2, (2 * h - 1) ** 2 / 2]
    both, more = f"{sum(shares) + 0.008:.4f}", f"{sum(shares) + 0.0102:.4f}"
    for claims in ([("L[1]", f"{shares[0]:.2f}")], [("L[2]", f"{shares[1]:.2f}")]):
        assert verdicts(head, *claims, ("L", both)) == ["right", "rounded"]
        assert verdicts(head, *claims, ("L", more)) == ["right", "wrong"]


@pytest.mark.parametrize(("value", "verdict"), [("1.04", "rounded"), ("1.06", "wrong")])
def test_what_is_rounded_in_the_loss_is_not_rounded_in_its_shares_again(
    value: str, verdict: str
) -> None:
    """dL/dyhat[2] = 1 is within 0.05 of what is carried on for it, as dL/dyhat[1]
    is, and so is dL/dh1[2], which is the same number."""
    network = """
x = [1, 1]
y = [0, 0]
loss = "half_squared_error"
[[layer]]
W = [[1, 0], [0, 1]]
activation = "identity"
[[layer]]
W = [[0.26, 0], [0, 1]]
activation = "identity"
"""
    assert verdicts(network, ("dL/dyhat[1]", "0.3"), ("dL/dh1[2]", value)) == ["right", verdict]


def test_other_entries_are_rounded_downwards_as_well() -> None:
    head = NET.replace("W = [[1]]", "W = [[1], [2]]").replace("W = [[3]]", "W = [[3, 1000]]")
    first, second = (1 / (1 + math.exp(-z)) for z in (1.23, 2.46))
    for off in (-0.004, 0.004):
        carried = f"{3 * first + 1000 * (second + off):.2f}"
        assert verdicts(head, ("h1[1]", "0.77"), ("yhat", carried)) == ["right", "rounded"]


def test_gradients_by_parameters_lead_to_the_update_only() -> None:
    assert verdicts(NET, ("dL/dW2", "1.02"), ("yhat - y", "1.3220")) == ["right", "wrong"]
    assert verdicts(NET, ("dL/dW2", "1.02"), ("dL/dyhat", "1.3220")) == ["right", "wrong"]


def test_a_printed_decimal_stands_for_its_own_truth_only() -> None:
    assert verdicts(NET, ("h1", "0.774"), ("dL/dyhat", "1.3215", "'2*0.774 - 1'")) == [
        "right",
        "lucky",
    ]
    assert verdicts(NET, ("h1", "0.774"), ("dL/dyhat", "1.3215", "'3*0.774 - 1'")) == [
        "right",
        "right",
    ]


def test_a_claim_with_an_index_may_be_right_given_an_earlier_mistake() -> None:
    found = judgements(NET, ("h1", "0.874"), ("dL/dyhat[i]", "1.62"))
    assert found[1].message.endswith("right given the earlier h1 = 0.874 (line 11)")


def test_the_slope_that_was_printed_is_carried_on() -> None:
    """3.96437 * 0.175 = 0.69376, and the truth is 0.69386."""
    assert verdicts(NET, ("dh1/dz1", "0.175"), ("dL/dz1", "0.69376")) == ["right", "rounded"]
    assert verdicts(NET, ("dL/dz1", "0.69376")) == ["wrong"]


def test_numbers_of_the_sheet_are_exact_in_a_line_and_printed_ones_are_not() -> None:
    """x is 1.23 and nothing else: in a line it does not stand for 1.234."""
    wrong = judged(NET, "z1[1]", "1.23*1.003", value="1.234")
    assert wrong.working[0].verdict == "wrong"
    _, rounded = judgements(NET, ("h1[1]", "0.77"), ("yhat[1]", "2.31"))
    assert rounded.verdict == "rounded"


def report(text: str) -> object:
    return exports._sheet(gradsheet.judge(gradsheet.read(text)), {})


def alone(text: str) -> object:
    LIBRARY.clear()
    return report(text)


@pytest.mark.parametrize("head", [NET, NUMBERS])
def test_values_carried_on_side_by_side_are_those_carried_on_one_by_one(head):
    claims = ["dL/dW1", *["W1_new"] * (head == NET)]
    read = gradsheet.read(
        head + "".join(f"[[claim]]\nquantity = '{q}'\nvalue = 1\n" for q in claims)
    )
    here = point_at(read, stated_of(read), 0, Budget())
    at = [("z1", (0,)), ("h1", (0,)), (("L", "z1"), (0,)), (("h1", "z1"), (0, 0))]
    values = [
        Carry(tensor, index, 0, Fraction(7, 5), plus=bool(k % 2))
        for k, (tensor, index) in enumerate(at)
    ]
    start = [(Carry("z2", (0,), Fraction(2), None), Fraction(2))]
    for quantity in ("dL/dW1", "-dL/dz1", "h1", "3*h1", *["W1_new"] * (head == NET)):
        tree = parse(quantity, read.network.names)
        middle = [*start, *((value, Fraction(7, 10)) for value in values)]
        each = [start, middle, *([*middle, (value, value.high)] for value in values)]
        alone = [follow(tree, here, {}, chosen, floats=True) for chosen in each]
        together = Moves(tree, here, {}, start, values, [], None).floats
        assert together is not None
        rows = together.values[[0, *range(2, 3 + len(values))]]
        # Sums of floats, added up in another order.
        np.testing.assert_allclose(rows, alone, rtol=1e-14)
        assert any(row != alone[0] for row in alone)
