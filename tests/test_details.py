"""What small changes to the code have shown that no test was looking at."""

import math
import random
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from flint import arb
from sheets import NET, NUMBERS, judged, judgements, verdicts

import gradsheet
import manual
from gradsheet.claims.comparison import _simple_multiple, has_own_kink, printed_value
from gradsheet.claims.messages import relation
from gradsheet.language.evaluate import Evaluator
from gradsheet.language.parsing import parse
from gradsheet.numbers.marks import Marks, Share, _is_prime
from gradsheet.numbers.printed import (
    NumberError,
    as_float,
    decimal_text,
    exact_text,
    like_claim,
    plain,
    printed,
)
from gradsheet.numbers.real import Arithmetic, Real, apart
from gradsheet.numbers.reasons import Undecided
from gradsheet.truth.carried import Carried
from gradsheet.truth.nudge import Dual, Walk
from gradsheet.truth.point import point_of
from manual.losses import (
    binary_cross_entropy,
    cross_entropy,
    d_binary_cross_entropy,
    d_cross_entropy,
)

# Numbers


@pytest.mark.parametrize(
    ("text", "truth", "close"),
    [
        ("5", 4, True),  # off by a quarter
        ("3", 4, True),
        ("21/4", 4, False),
        ("6", 4, False),
        ("1", 0, False),
        ("0.02", 0, True),  # off by two units of the last digit
        ("-0.02", 0, True),
        ("0.03", 0, False),
        ("2.", 0, True),
        ("3.", 0, False),
        ("1.27", 1, True),  # both
        ("1.28", 1, False),
    ],
)
def test_close_is_a_quarter_off_or_two_units_of_the_last_digit(
    text: str, truth: int, close: bool
) -> None:
    assert printed(text).is_close(truth) is close


@pytest.mark.parametrize(
    ("text", "overlaps"),
    [
        ("0.9", False),
        ("0.95", False),
        ("1.0", True),
        ("1.5", True),
        ("2.0", True),
        ("2.1", False),
        ("1.", True),
    ],
)
def test_a_number_overlaps_what_lies_between_or_rounds_to_it(text: str, overlaps: bool) -> None:
    assert printed(text).overlaps(1, 2) is overlaps
    assert printed("0.9").overlaps(Fraction(95, 100), 2)
    assert printed("2.1").overlaps(1, Fraction(205, 100))


def test_the_longest_numbers_are_still_read() -> None:
    nines = "9" * 40
    assert printed(f"-{nines}/{nines}").value == -1
    assert printed(f"-{nines}/1").value == -int(nines)
    assert printed(nines).value == int(nines)
    assert printed("1e300").value == 10**300
    assert printed("1e-300").places == 300
    for text in ("1e301", "1e-301", nines + "9"):
        with pytest.raises(NumberError):
            printed(text)


def test_beyond_the_floats_is_infinity_with_the_sign() -> None:
    assert (as_float(Fraction(10**400)), as_float(Fraction(-(10**400)))) == (math.inf, -math.inf)


def test_exact_numbers_are_text_and_others_floats() -> None:
    e = Arithmetic(40)(1).exp()
    assert exact_text(e) == math.e
    assert exact_text(e - e) == "0"  # known by its mark
    assert exact_text(np.array([[Fraction(49, 8), e], [Fraction(3), e - e]])) == [
        ["49/8", math.e],
        ["3", "0"],
    ]
    assert exact_text(Fraction(2**9_999)) == str(2**9_999)
    assert exact_text(Fraction(2**10_000)) == "a fraction of 3000 digits"


def test_numbers_on_one_line() -> None:
    assert plain([1 / 3, ["49/8", 2.5]]) == "[0.3333333333, [49/8, 2.5]]"
    assert plain(1 / 3, 3) == "0.333"
    assert plain("9" * 40) == "9" * 40
    assert plain("9" * 41) == "about 1.00000e+41"
    assert plain(f"-{'1' * 30}/{'3' * 30}") == "about -0.333333"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Fraction(-1, 8), "-0.125"),
        (Fraction(1, 3), "1/3"),
        (Fraction(1, 10**12), "0.000000000001"),
        (Fraction(1, 10**13), "1/10000000000000"),
        (10**28 + Fraction(1, 2), f"1{'0' * 28}.5"),
        (10**29 + Fraction(1, 2), f"2{'0' * 28}1/2"),
    ],
)
def test_fractions_of_few_places_are_decimals(value: Fraction, text: str) -> None:
    assert decimal_text(value) == text


@pytest.mark.parametrize(
    ("truth", "claimed", "told"),
    [
        (["21"], "42", "21"),
        ([["21"]], "42", "21"),
        (["21"], ["42"], ["21"]),
        (["1", "2"], "3", ["1", "2"]),
        ("3/4", "0.6", "0.75"),
        ("3/4", "2/3", "3/4"),
        (["3/4", "1/2"], ["0.6", "1"], ["0.75", "0.5"]),
        ("1/3", "0.3", "1/3"),
        ("1234567/12345679", "0.3", "1234567/12345679"),  # 16 characters
        ("12345678/12345679", "0.3", "0.999999919"),  # 17
        ("2000000000000000001/2", "0.3", "1000000000000000000.5"),
    ],
)
def test_the_truth_is_told_as_the_claim_is_written(truth: Any, claimed: Any, told: Any) -> None:
    assert like_claim(truth, claimed) == told


# Real numbers


class Two(random.Random):
    """Draws 2, whatever is asked."""

    def randrange(self, *_: Any, **__: Any) -> int:
        return 2


def test_primes_are_told_from_all_but_the_strong_pseudoprimes_to_the_bases_drawn() -> None:
    def prime(n: int) -> bool:
        return all(n % d for d in range(3, math.isqrt(n) + 1, 2))

    fooled = [n for n in range(5, 8_000, 2) if _is_prime(n, Two()) != prime(n)]
    assert fooled == [2047, 3277, 4033, 4681]  # OEIS A001262
    assert not any(
        _is_prime(n, random.Random(1)) for n in (2047, 3277, 4033, 4681, 8911, 2**61 + 1)
    )


def test_the_marks_of_exponentials_of_fractions_are_in_a_group_of_prime_order() -> None:
    marks = Marks()
    assert 2**120 < marks.order < 2**121
    assert (marks.prime - 1) % marks.order == 0
    assert (marks.exp(Share(0, 0)), marks.log(1), marks.log(0)) == (1, Share(0, 0), None)
    real = Arithmetic(40)
    m = real(1).exp().mark
    assert m != 1
    assert pow(m, real.marks.order, real.marks.prime) == 1


def test_marks_know_all_laws_for_exponentials_of_fractions() -> None:
    real = Arithmetic(40)
    third, half = real(Fraction(1, 3)).exp(), real(Fraction(1, 2)).exp()
    assert third**3 == half**2 == real(1).exp()
    assert third * half == real(Fraction(5, 6)).exp()
    assert third / half == real(Fraction(-1, 6)).exp()
    assert real(Fraction(100, 7)).exp() == real(Fraction(1, 7)).exp() ** 100


def test_marks_know_multiples_powers_and_sums_of_three() -> None:
    real = Arithmetic(40)
    a, b, c = real(1).exp(), real(2).exp(), real(Fraction(1, 3)).exp()
    assert (a + b + c).exp() == a.exp() * b.exp() * c.exp()
    assert (64 * a).exp() == a.exp() ** 64
    m = 1 + b
    once = m.log()
    for power in (4, 3, 2):
        assert (m**power).log() == power * once


def test_marks_know_sums_however_many_exponentials_there_are() -> None:
    real = Arithmetic(40)
    a, b = (real(Fraction(1, k)).exp() for k in (2, 3))
    for k in range(4, 64):
        real(Fraction(1, k)).exp().exp()
    assert (a + b).exp() == a.exp() * b.exp()


def test_apart_takes_numbers_of_any_kind() -> None:
    real = Arithmetic(40)
    tiny = Fraction(1, 10**60)
    assert apart(1, 2)
    assert not apart(1, Fraction(2, 2))
    assert apart(real(1), 1 + tiny)  # exact numbers need no digits
    assert apart(1 + tiny, real(1))
    assert not apart(real(1), 1)
    assert not apart(1, real(1))
    assert apart(2, real(1).exp())
    assert apart(real(1).exp(), 3)


def test_exact_numbers_on_the_left() -> None:
    real = Arithmetic(40)
    e = real(1).exp()
    for exact in (real(2), real(Fraction(-1, 3))):
        assert exact + e == e + exact
        assert apart(exact + e, e)
        assert exact * e == e * exact
        assert apart(exact * e, e)
    assert real(0) + e is e
    assert e + real(0) is e
    assert real(1) * e is e


def test_even_powers_are_not_negative_and_no_others_are_touched() -> None:
    real = Arithmetic(40)
    e = real(1).exp()
    low, high = (e - real(2).exp() / e).bounds()
    assert low < 0 < high
    assert ((e - real(2).exp() / e) ** 2).bounds()[0] == 0
    assert ((e - real(2).exp() / e) ** 3).bounds()[0] < 0
    assert (1 / e) ** 2 > Fraction(13, 100)
    assert (-e) ** 3 < -20
    assert (-e) ** 2 > 7


def test_the_sign_that_digits_do_not_tell_is_no_absolute_value() -> None:
    real = Arithmetic(40)
    e = real(1).exp()
    with pytest.raises(Undecided):
        abs(e - e - Fraction(1, 10**60))
    assert abs(e - e) == 0
    assert abs(-e) == e


def test_products_of_small_numbers_of_either_sign_hold_the_truth() -> None:
    real = Arithmetic(20)
    small, exact = real(-1).exp(), real(-2).exp()
    for one, two in ((small, small), (small, -small), (-small, small), (-small, -small)):
        low, high = (one * two).bounds()
        assert low < high
        truth = exact if (one is small) == (two is small) else -exact
        assert low <= truth.bounds()[1]
        assert truth.bounds()[0] <= high


def between(real: Arithmetic, low: float, high: float, mark: int | None = None) -> Real:
    return Real(real, None, arb((low + high) / 2, (high - low) / 2), mark)


@pytest.mark.parametrize(
    ("one", "two", "product"),
    [
        ((1, 2), (3, 5), (3, 10)),
        ((0.25, 0.5), (-3, -1), (-1.5, -0.25)),
        ((-3, -1), (0.25, 0.5), (-1.5, -0.25)),
        ((-3, -1), (-0.5, -0.25), (0.25, 1.5)),
        ((-0.5, 0.25), (-3, -1), (-0.75, 1.5)),
        ((-2, 3), (-5, 7), (-15, 21)),
    ],
)
def test_products_of_enclosures_have_the_least_and_the_largest(
    one: Any, two: Any, product: Any
) -> None:
    real = Arithmetic(40)
    a, b = between(real, *one), between(real, *two)
    for low, high in ((a * b).bounds(), (b * a).bounds()):
        assert low <= product[0] <= product[1] <= high
        assert high - low <= Decimal("1.25") * Decimal(product[1] - product[0])


def test_enclosures_that_touch_do_not_set_apart() -> None:
    real = Arithmetic(40)
    assert between(real, 1, 1, 1) == 1
    assert not apart(between(real, 1, 2, 5), real(1))
    assert not apart(between(real, 0, 1, 5), real(1))


def test_without_a_mark_nothing_is_shown_to_be_equal() -> None:
    real = Arithmetic(40)
    e = real(1).exp()
    unmarked = Real(real, None, e.ball)
    for found in (unmarked + e, e + unmarked, unmarked * e, e * unmarked, -unmarked, 1 / unmarked):
        assert found.mark is None
    assert unmarked.exp().mark is unmarked.log().mark is None
    with pytest.raises(Undecided):
        _ = unmarked == e
    assert unmarked != 3


# What was printed before


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
    ) == ["right", "wrong"]
    batch = head.replace("x = [1.23]", "x = [[1.23], [1.23]]").replace("y = 1", "y = [[1], [1]]")
    assert verdicts(batch, ("dL/db2", "1.32"), ("dL/dh1", "[[1.980], [1.980]]")) == [
        "right",
        "wrong",
    ]


def test_the_shares_of_the_outputs_are_carried_on() -> None:
    """L[1] = 0.873124..., L[2] = 0.149945..., so L may be off by half a unit of each."""
    head = NET.replace("y = 1", "y = [1, 1]").replace("W = [[3]]", "W = [[3], [2]]")
    h = 1 / (1 + math.exp(-1.23))
    shares = [(3 * h - 1) ** 2 / 2, (2 * h - 1) ** 2 / 2]
    both, more = f"{sum(shares) + 0.008:.4f}", f"{sum(shares) + 0.0102:.4f}"
    for claims in ([("L[1]", f"{shares[0]:.2f}")], [("L[2]", f"{shares[1]:.2f}")]):
        assert verdicts(head, *claims, ("L", both)) == ["right", "rounded"]
        assert verdicts(head, *claims, ("L", more)) == ["right", "wrong"]


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


# The pass with other numbers in it

TWO = """
loss = "squared_error"
x = [1, -2]
y = [1, 0]
learning_rate = 0.1
[[layer]]
W = [[1, 2], [-1, 1], [0.5, 0]]
b = [1, -1, 2]
activation = "relu"
[[layer]]
W = [[1, -2, 3], [2, 1, -1]]
b = [0.5, -0.5]
"""
TWICE = TWO.replace("x = [1, -2]", "x = [[1, -2], [3, 1]]").replace(
    "y = [1, 0]", "y = [[1, 0], [0, 1]]"
)
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


def test_the_slope_that_was_printed_is_carried_on() -> None:
    """3.96437 * 0.175 = 0.69376, and the truth is 0.69386."""
    assert verdicts(NET, ("dh1/dz1", "0.175"), ("dL/dz1", "0.69376")) == ["right", "rounded"]
    assert verdicts(NET, ("dL/dz1", "0.69376")) == ["wrong"]


# Comparing


@pytest.mark.parametrize(
    ("claimed", "exact", "words"),
    [
        ("42", Fraction(21), "2 times the truth"),
        ("-21", Fraction(21), "the truth with the wrong sign"),
        ("10.5", Fraction(21), "1/2 of the truth"),
        ("-7", Fraction(21), "-1/3 of the truth"),
        ("252", Fraction(21), "12 times the truth"),
        ("231", Fraction(21), "11 times the truth"),
        ("21/11", Fraction(21), "1/11 of the truth"),
        ("273", Fraction(21), "off by 252"),
        ("0", Fraction(21), "off by -21"),
        ("21.5", Fraction(21), "off by 0.5"),
        ("62/3", Fraction(21), "off by -1/3"),
        ("5.44", None, "2 times the truth"),
        ("-2.72", None, "the truth with the wrong sign"),
        ("0.91", None, "1/3 of the truth"),
        ("2.8", None, "off by 0.0817"),
    ],
)
def test_how_a_wrong_number_relates_to_the_truth(
    claimed: str, exact: Fraction | None, words: str
) -> None:
    real = Arithmetic(40)
    assert relation(printed(claimed), real(1).exp() if exact is None else exact) == words


@pytest.mark.parametrize(
    ("line", "own"),
    [
        ("relu(z1)", False),
        ("drelu(h1[1])", False),
        ("z1", False),
        ("relu(z2)", True),
        ("step(x)", True),
        ("relu(W1[1,1])", True),
        ("relu(2*z1)", False),
        ("relu(-z1/3)", False),
        ("relu(z1 - z1)", True),
        ("relu(z1)*step(yhat)", True),
    ],
)
def test_a_kink_that_the_network_has_not_is_a_lines_own(line: str, own: bool) -> None:
    network = gradsheet.read(TWO + "[[claim]]\nquantity = 'L'\nvalue = 1\n").network
    assert has_own_kink(parse(line, network.names), network) is own


def test_simple_multiples() -> None:
    e = Arithmetic(40)(1).exp()
    assert _simple_multiple(Fraction(-6, 7), Fraction(2))
    assert _simple_multiple(Fraction(64), Fraction(1))
    assert _simple_multiple(2 * e / 3, e)
    assert _simple_multiple(0, 0)
    for v, unit in ((65, 1), (Fraction(1, 65), 1), (3, 0), (e, 1), (e, 3)):
        assert not _simple_multiple(v, Fraction(unit))


def test_a_line_of_numbers_has_their_digits() -> None:
    names = gradsheet.read(TWO + "[[claim]]\nquantity = 'L'\nvalue = 1\n").network.names
    assert printed_value(parse("2.50", names)) == printed("2.50")
    assert printed_value(parse("[1, -2.5]", names)) == (printed("1"), printed("-2.5"))
    assert printed_value(parse("[1, x]", names)) is None
    assert printed_value(parse("1 + 1", names)) is None


def test_a_line_of_several_numbers_says_what_it_gives() -> None:
    found = judged(NUMBERS, "z1", "W1 @ x", value="[-1, 2, 3]")
    assert (found.verdict, found.message) == (
        "lucky",
        "line 1, 'W1 @ x', gives [1, 3, 2]; its own last line gives [1, 3, 2], not [-1, 2, 3]",
    )


# Other readings


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


# The nudge


def test_dual_numbers_follow_the_rules_of_differentiation() -> None:
    a, b = Dual(Fraction(6), Fraction(5)), Dual(Fraction(3), Fraction(2))

    def parts(dual: Dual) -> tuple[Any, Any]:
        return dual.value, dual.slope

    assert parts(a + b) == (9, 7)
    assert parts(a + 1) == parts(1 + a) == (7, 5)
    assert parts(a - b) == (3, 3)
    assert parts(a - 1) == (5, 5)
    assert parts(1 - a) == (-5, -5)
    assert parts(a * b) == (18, 27)
    assert parts(a * 2) == parts(2 * a) == (12, 10)
    assert parts(a / b) == (2, Fraction(1, 3))
    assert parts(a / 2) == (3, Fraction(5, 2))
    assert parts(3 / b) == (1, Fraction(-2, 3))
    found = [Dual(0, slope) > 0 for slope in (-1, 0, 1)]
    assert found == [False, False, True]
    assert (a > 6, a > 7, Dual(Fraction(6), -1) > 6) == (True, False, False)


def test_away_from_a_kink_both_sides_are_one() -> None:
    real = Arithmetic(40)
    smooth = Walk(
        [([[real(3)]], None, "sigmoid")], [[real(2)]], [], "output", "mean", rational=False
    )
    s = 1 / (1 + real(-6).exp())
    left, right, kink = smooth.derivative("L", (), "W1", (0, 0))
    assert not kink
    assert left == right == 2 * s * (1 - s)
    line = Walk([([[3]], None, "identity")], [[2]], [], "output", "mean", rational=True)
    assert line.derivative("L", (), "W1", (0, 0)) == (2, 2, False)
    bent = Walk(
        [([[Fraction(1, 3)]], None, "relu")], [[2]], [[5]], "squared_error", "mean", rational=True
    )
    assert bent.derivative("L", (), "W1", (0, 0)) == (Fraction(-52, 3), Fraction(-52, 3), False)


@pytest.mark.parametrize(
    ("activation", "loss", "y"),
    [
        ("softmax", "cross_entropy", [0, 1]),
        ("sigmoid", "binary_cross_entropy", [1, Fraction(1, 4)]),
    ],
)
def test_the_nudge_knows_the_cross_entropies(activation: str, loss: str, y: list[Any]) -> None:
    """Through its usual activation either has the derivative h - y by z."""
    real = Arithmetic(40)
    walk = Walk(
        [([[real(1)], [real(-2)]], None, activation)], [[real(1)]], [y], loss, "sum", rational=False
    )
    h = walk.nodes["h1"][0]
    for k in range(2):
        assert walk.derivative("L", (), "z1", (0, k)) == (h[k] - y[k], h[k] - y[k], False)
    shares = [
        -t * o.log() if loss == "cross_entropy" else -t * o.log() - (1 - t) * (1 - o).log()
        for t, o in zip(y, h, strict=True)
    ]
    assert all(bool(a == b) for a, b in zip(walk.shares(walk.nodes), shares, strict=True))


def test_at_a_kink_of_a_quadratic_the_step_sees_both_slopes() -> None:
    """(1 - 3 relu(2 w))^2 / 2 at w = 0."""
    layers = [([[0]], None, "relu"), ([[3]], None, "identity")]
    walk = Walk(layers, [[2]], [[1]], "half_squared_error", "mean", rational=True)
    assert walk.derivative("L", (), "W1", (0, 0)) == (0, -6, True)


# Losses


def test_an_output_whose_target_is_0_costs_nothing_in_the_cross_entropy() -> None:
    y, yhat = np.zeros((1, 3)), np.array([[0.0, 0.25, 1.0]])
    assert cross_entropy(y, yhat).tolist() == [[0, 0, 0]]
    assert d_cross_entropy(y, yhat).tolist() == [[0, 0, 0]]
    assert cross_entropy(1 - y, yhat).tolist() == [[math.inf, 2 * math.log(2), 0]]
    assert d_cross_entropy(1 - y, yhat).tolist() == [[-math.inf, -4, -1]]


def test_the_binary_cross_entropy_is_that_of_both_outcomes() -> None:
    y, yhat = np.array([[0.0, 1.0, 0.5, 0.25]]), np.array([[0.25, 0.25, 0.5, 0.5]])
    log_3 = math.log(3)
    found = binary_cross_entropy(y, yhat)[0] - [
        2 * math.log(2) - log_3,
        2 * math.log(2),
        math.log(2),
        math.log(2),
    ]
    assert abs(found).max() < 1e-15
    assert d_binary_cross_entropy(y, yhat).tolist() == [[1 / 0.75, -4, 0, 1]]


def test_backward_gives_the_gradients_of_the_output() -> None:
    first = manual.Layer(np.array([[1.0, -2.0], [3.0, 1.0]]), np.array([1.0, 0.0]))
    params = [first, manual.Layer(np.array([[2.0, 5.0]]))]
    x, activations = np.array([[1.0, 2.0], [0.5, -1.0], [3.0, 1.0]]), ("relu", "identity")
    cache = manual.forward(params, x, activations)
    found = manual.backward(params, cache, np.ones((3, 1)), activations)
    _, grads = manual.gradients(params, x, None, activations, loss="output", reduction="sum")
    assert found.params[0].W.tolist() == grads.params[0].W.tolist() == [[7.0, 0.0], [22.5, 10.0]]
    assert found.params[0].b.tolist() == grads.params[0].b.tolist() == [4.0, 15.0]
    assert found.params[1].W.tolist() == grads.params[1].W.tolist()
    assert found.params[1].b is None
    for mine, theirs in ((found.z, grads.z), (found.h, grads.h)):
        assert [array.tolist() for array in mine] == [array.tolist() for array in theirs]
    with pytest.raises(ValueError, match="d_yhat"):
        manual.backward(params, cache, np.ones((2, 1)), activations)
