"""What rounding explains and what it does not, and what is right given an earlier mistake."""

import math
from dataclasses import replace
from fractions import Fraction

import pytest

import gradsheet
from gradsheet.claims.definitions import stated_of
from gradsheet.claims.history import History
from gradsheet.claims.verdict import point_at
from gradsheet.numbers.budget import Budget
from tests.sheets import NET, NUMBERS, judgements, verdicts

H = 1 / (1 + math.exp(-1.23))


def test_the_numbers_of_this_page() -> None:
    """h1 = 0.774 may have been anything within 0.0005 of 0.773819, and 3 h1 - 1
    anything within 0.0015 of 1.321457."""
    assert f"{H:.4f} {3 * H:.4f} {3 * H - 1:.4f}" == "0.7738 2.3215 1.3215"


@pytest.mark.parametrize(
    ("value", "verdict"),
    [
        ("1.3215", "right"),
        ("1.3220", "rounded"),  # 3 * 0.774 - 1
        ("1.3210", "rounded"),
        ("1.3205", "rounded"),
        ("1.3200", "rounded"),
        ("1.3199", "wrong"),
        (
            "1.3230",
            "rounded",
        ),  # half a unit of h1 gives 1.32296, and half a unit of the claim the rest
        ("1.3231", "wrong"),
        ("1.32", "right"),
        ("1.33", "wrong"),
        ("-1.3215", "wrong"),
    ],
)
def test_no_further_off_than_the_values_printed_before_explain(value: str, verdict: str) -> None:
    half = 10.0 ** -len(value.split(".")[1]) / 2
    assert (abs(float(value) - (3 * H - 1)) <= 0.0015 + half) == (verdict != "wrong")
    assert verdicts(NET, ("h1", "0.774"), ("dL/dyhat", value)) == ["right", verdict]


def test_without_anything_printed_before_there_is_nothing_to_round() -> None:
    assert verdicts(NET, ("dL/dyhat", "1.3220")) == ["wrong"]
    # Printed later.
    assert verdicts(NET, ("dL/dyhat", "1.3220"), ("h1", "0.774")) == ["wrong", "right"]
    # Printed too well.
    assert verdicts(NET, ("h1", "0.773819"), ("dL/dyhat", "1.3220")) == ["right", "wrong"]
    # Not on the way.
    assert verdicts(NET, ("W2_new", "2.898"), ("dL/dyhat", "1.3220")) == ["right", "wrong"]
    # And what was found of those sheets says nothing of this one.
    assert verdicts(NET, ("h1", "0.774"), ("dL/dyhat", "1.3220")) == ["right", "rounded"]


def test_a_value_moves_what_comes_of_it_beside_all_others_that_are_carried_on() -> None:
    """yhat = 0.253506: with -0.346 for dL/dyhat and the true slope of the sigmoid dL/dz1 is
    -0.065477. That yhat moves dL/dyhat as well has no say where that is carried on."""
    head = "loss = 'half_squared_error'\nx = [1]\ny = 0.6\n[[layer]]\nW = [[-1.08]]\n"
    head += "activation = 'sigmoid'\n"
    claims = ("yhat", "0.254"), ("dL/dyhat", "-0.346"), ("dL/dz1", "-0.065")
    assert verdicts(head, *claims) == ["right", "right", "rounded"]
    assert verdicts(head, *claims[:2], ("dL/dz1", "-0.064")) == ["right", "right", "wrong"]


def test_a_wrong_value_is_no_value_to_round() -> None:
    assert verdicts(NET, ("h1", "0.874"), ("dL/dyhat", "1.3220")) == ["wrong", "wrong"]


def test_what_was_rounded_is_carried_on_in_turn() -> None:
    """0.774 -> 2.322 -> 1.322 -> 3.966"""
    claims = [("h1", "0.774"), ("yhat", "2.322"), ("dL/dyhat", "1.322"), ("dL/dh1", "3.966")]
    assert verdicts(NET, *claims) == ["right", "rounded", "rounded", "rounded"]


def test_the_slope_of_a_sigmoid_is_worked_out_from_the_rounded_output() -> None:
    """By hand 0.77 * 0.23 = 0.1771; the truth is 0.175023."""
    assert verdicts(NET, ("h1", "0.77"), ("dh1/dz1", "0.1771")) == ["right", "rounded"]


def test_other_entries_of_a_printed_vector_are_rounded_as_it_is() -> None:
    head = NET.replace("W = [[1]]", "W = [[1], [2]]").replace("W = [[3]]", "W = [[3, 1000]]")
    second = 1 / (1 + math.exp(-2.46))
    carried = f"{3 * H + 1000 * (second + 0.004):.2f}"
    assert verdicts(head, ("h1[1]", "0.77"), ("yhat", carried)) == ["right", "rounded"]
    assert verdicts(head, ("h1[1]", "0.7738"), ("yhat", carried)) == ["right", "wrong"]


def test_vectors_are_rounded_entry_by_entry() -> None:
    head = NET.replace("W = [[1]]", "W = [[1], [2]]").replace("W = [[3]]", "W = [[3, 1]]")
    found = judgements(head, ("h1", "[0.774, 0.921]"), ("dL/dW2", "[1.734, 2.064]"))
    assert [j.verdict for j in found] == ["right", "rounded"]
    assert "2 of 2 entries" in found[1].message
    assert verdicts(head, ("h1", "[0.774, 0.921]"), ("dL/dW2", "[1.734, 2.164]")) == [
        "right",
        "wrong",
    ]


def test_a_factor_in_front_scales_what_was_printed() -> None:
    claims = [("learning_rate*dL/dW2", "0.10"), ("W2_new", "2.90")]
    assert verdicts(NET, *claims) == ["right", "right"]
    assert verdicts(NET, ("-learning_rate*dL/dW2", "-0.10"), ("W2_new", "2.8952")) == [
        "right",
        "rounded",
    ]
    assert verdicts(NET, ("-learning_rate*dL/dW2", "-0.1023"), ("W2_new", "2.8952")) == [
        "right",
        "wrong",
    ]


@pytest.mark.parametrize(
    ("line", "verdict"),
    [
        ("'3*0.774 - 1'", "right"),  # a decimal in a line stands for what rounds to it
        ("'3*0.7738 - 1'", "right"),
        ("'2.321 - 1'", "right"),
        ("'3*0.78 - 1'", "lucky"),  # from 1.325 to 1.355
        ("'3*0.775 - 1'", "lucky"),
        ("'2*0.774 - 1'", "lucky"),
        ("'3*0.774'", "lucky"),
        ("'0.5 + 0.8215'", "right"),  # from 1.27145 to 1.37155, whatever 0.8215 may be
        ("'0.5 + 0.9215'", "lucky"),
        ("'2.3215 - 1.0'", "right"),
        ("'250.0 - 248.6'", "right"),  # from 1.3 to 1.5
        ("'250.00 - 248.60'", "lucky"),
        (
            "'0.774*(4 - 1) + 0.774 - 0.774 - 1'",
            "right",
        ),  # the same decimal stands for the same number
        ("'0.9*0.774 + 2.1*0.774 - 1.0'", "right"),
    ],
)
def test_a_line_of_working_may_round_its_decimals(line: str, verdict: str) -> None:
    assert verdicts(NET, ("dL/dyhat", "1.3215", line)) == [verdict]


def test_data_in_a_line_are_exact() -> None:
    head = NET.replace("x = [1.23]", "x = [1.234]")
    assert verdicts(head, ("z1", "1.2343", "'1.234'")) == ["wrong"]
    assert verdicts(head, ("z1", "1.234", "'1.234'")) == ["right"]


def test_a_line_of_numbers_alone_claims_its_digits() -> None:
    assert verdicts(NET, ("dL/dyhat", "", "'1.3215'")) == ["right"]
    assert verdicts(NET, ("dL/dyhat", "", "'1.3220'")) == ["wrong"]
    assert verdicts(NET, ("h1", "0.774"), ("dL/dyhat", "", "'1.3220'")) == ["right", "rounded"]


def test_right_given_an_earlier_mistake() -> None:
    found = judgements(
        NUMBERS, ("yhat", "4"), ("dL/dyhat", "2.5"), ("dL/dW3[1,2]", "15"), ("dL/dW3[1,1]", "7")
    )
    assert [j.verdict for j in found] == ["wrong", "carried_forward", "carried_forward", "wrong"]
    assert found[1].message.endswith("right given the earlier yhat = 4 (line 14)")
    assert found[2].message.endswith("right given the earlier dL/dyhat = 2.5 (line 17)")
    assert "right given" not in found[3].message


def test_right_given_several_mistakes_names_those_that_matter() -> None:
    found = judgements(
        NUMBERS,
        ("z1[2]", "4"),
        ("h2[1]", "8"),
        ("h2[2]", "5"),
        ("yhat", "5"),
        ("dL/dW3[1,3]", "-14"),
    )
    assert [j.verdict for j in found] == ["wrong", "wrong", "wrong", "right", "right"]
    found = judgements(
        NUMBERS, ("h2[1]", "8"), ("h2[2]", "5"), ("z1[1]", "-2"), ("yhat", "5.0"), ("yhat", "4")
    )
    assert [j.verdict for j in found] == ["wrong", "wrong", "wrong", "right", "carried_forward"]
    # -8 + 5 + 8 = 5 with both, -8 + 6 + 8 = 6 with one
    found = judgements(NUMBERS, ("h2[1]", "7"), ("h2[2]", "5"), ("z1[1]", "-2"), ("yhat", "6"))
    assert found[3].message.endswith(
        "right given the earlier h2[1] = 7 (line 14) and h2[2] = 5 (line 17)"
    )


def test_right_given_a_mistake_and_rounding() -> None:
    """0.874 for 0.774, and 3 * 0.874 - 1 printed as 1.62."""
    found = judgements(NET, ("h1", "0.874"), ("dL/dyhat", "1.62"))
    assert found[1].message.endswith("right given the earlier h1 = 0.874 (line 11)")


def test_a_planted_carelessness_in_the_pass_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pass that carries values on is compared with the truth wherever nothing is changed."""
    from gradsheet.language.evaluate import Evaluator
    from gradsheet.language.parsing import parse
    from gradsheet.mistakes.layer_values import Carried
    from gradsheet.mistakes.layered import point_of

    sheet = gradsheet.read(NET + "[[claim]]\nquantity = 'L'\nvalue = 1\n")
    point = point_of(replace(sheet.problem, rate=Fraction(1, 10)), None)
    quantities = [
        "z1",
        "h1",
        "yhat",
        "L",
        "L[1]",
        "dL/dW1",
        "dL/dx",
        "dyhat/dz1",
        "dL[1]/dh1",
        "W1_new",
        "yhat_new",
    ]

    def agree() -> bool:
        carried = Carried(point, {})
        trees = [parse(quantity, sheet.network.names) for quantity in quantities]
        return all(
            (Evaluator(point).value(t, {}) == Evaluator(carried).value(t, {})).all() for t in trees
        )

    assert agree()
    monkeypatch.setattr("gradsheet.mistakes.layer_pass.Pass._through", lambda self, l, d_h, of: d_h)
    assert not agree()


# A z of 0


AT_KINK = """
loss = "half_squared_error"
x = [1.23, {x}]
y = 1
[[layer]]
W = {W}
activation = "relu"
[[layer]]
W = [[2.1, 1.7]]
"""


def test_rounding_is_followed_past_a_unit_at_its_kink():
    """dL/dz1[1] does not lead through unit 2, whose z is 0: z1[1] = 1.953 is carried on as 2.0."""
    head = AT_KINK.format(x=2, W="[[1.1, 0.3], [0, 0]]")
    claims = [
        ("z1", "[2.0, 0]"),
        ("yhat", "4.2"),
        ("dL/dyhat", "3.2"),
        ("dL/dz1[1]", "6.72"),
        ("dL/dW1[1,1]", "8.2656"),
    ]
    assert verdicts(head, *claims) == ["right", *["rounded"] * 4]
    assert verdicts(head, *claims[:3], ("dL/dz1[1]", "7.72"))[-1] == "wrong"
    assert verdicts(head, *claims[:3], ("dL/dz1[2]", "5.44"))[-1] == "cannot_tell", (
        "this one leads through it"
    )


def test_a_dead_unit_may_be_carried_on_as_0():
    """z1[2] = -0.04095 is printed as 0.0: relu'(0) is taken for 0, as that of the dead unit is."""
    head = AT_KINK.format(x=0.57, W="[[1.1, 0.3], [0.4, -0.935]]")
    claims = [("z1", "[1.5, 0.0]"), ("yhat", "3.15"), ("dL/dyhat", "2.15"), ("dL/dz1[1]", "4.515")]
    assert verdicts(head, *claims, ("dL/dx", "[4.9665, 1.3545]")) == ["right", *["rounded"] * 4]


def test_what_is_not_behind_a_kink_is_updated_all_the_same():
    head = AT_KINK.replace("loss", "learning_rate = 0.1\nloss", 1).format(
        x=2, W="[[1.1, 0.3], [0, 0]]"
    )
    found = verdicts(
        head,
        ("dL/dW2", "[6.0568389, 0]"),
        ("W2_new", "[1.49431611, 1.7]"),
        ("W1_new", "[[0, 0], [0, 0]]"),
    )
    assert found == ["right", "right", "cannot_tell"]


PLAIN = """
loss = "half_squared_error"
x = [1]
y = 1
[[layer]]
W = [[0.9946]]
activation = "relu"
[[layer]]
W = [[1]]
"""


def test_a_number_is_held_against_its_own_last_line_before_rounding_explains_it() -> None:
    """-0.010 is 0.99 - 1, with the z1 printed, and not 0.9946 - 1."""
    lines = ["'yhat - y', '0.99 - 1'", "'yhat - y', '0.9946 - 1'"]
    own, other = (
        judgements(PLAIN, ("z1", "0.99"), ("dL/dz2", "-0.010", line))[-1] for line in lines
    )
    assert (own.verdict, other.verdict) == ("rounded", "wrong")
    assert "its own last line gives -0.0054, not -0.010" in other.message


@pytest.mark.parametrize(
    ("printed", "verdict"),
    [
        (["0.99"], "rounded"),
        (["0.99", "0.9946"], "wrong"),
        (["0.99", "0.995"], "wrong"),
        (["0.9946", "0.99"], "rounded"),
    ],
)
def test_what_is_printed_again_with_more_digits_is_carried_on_with_them(
    printed: list[str], verdict: str
) -> None:
    assert (
        verdicts(PLAIN, *(("yhat", number) for number in printed), ("dL/dz2", "-0.010"))[-1]
        == verdict
    )


def test_what_hangs_on_no_wrong_value_is_rounded_as_without_one() -> None:
    """2.631 times the slope at z1 = 0.69, not at 0.68824: a wrong yhat takes nothing from that."""
    head = "loss = 'half_squared_error'\nx = [1]\ny = -1.3\n[[layer]]\nW = [[0.68824]]\n"
    head += "activation = 'sigmoid'\n"
    first, *claims = ("z1", "0.69"), ("dL/dyhat", "2.631"), ("dL/dz1", "0.5852")
    assert verdicts(head, first, *claims) == ["right", "wrong", "carried_forward"]
    found = ["right", "wrong", "carried_forward", "carried_forward"]
    assert verdicts(head, first, ("yhat", "1.331"), *claims) == found


def test_lines_that_are_not_there_are_not_followed() -> None:
    """Nothing is spent on what wrong values make of the working of a claim without one."""
    sheet = gradsheet.read(NET + "[[claim]]\nquantity = 'dL/dW1'\nvalue = [[7]]\n")
    point = point_at(sheet, stated_of(sheet), 0, Budget())
    before = point.budget.spent
    assert not History([]).carried(sheet.claims[0], point, [])
    assert point.budget.spent == before
