"""What is equal on all sides that there are, and what is not."""

import random
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest

from gradsheet.numbers.formal import Number, larger, side, step
from gradsheet.numbers.sides import Sides

SEED = 7
Formula = Callable[..., Any]  # of a, b, c, and of p, q, which are positive


def smaller(a: Number, b: Number) -> Number:
    return -larger(-a, -b)


EQUAL: list[tuple[Formula, Formula]] = [
    (lambda a, b, c, p, q: larger(a, larger(b, c)), lambda a, b, c, p, q: larger(larger(c, a), b)),
    (lambda a, b, c, p, q: step(a - larger(b, c)), lambda a, b, c, p, q: step(a - b) * step(a - c)),
    (lambda a, b, c, p, q: abs(a * b), lambda a, b, c, p, q: abs(a) * abs(b)),
    (lambda a, b, c, p, q: abs(a / b), lambda a, b, c, p, q: abs(a) / abs(b)),
    (lambda a, b, c, p, q: larger(a * p, b * p), lambda a, b, c, p, q: p * larger(a, b)),
    (lambda a, b, c, p, q: step(a + p * q) * step(a), lambda a, b, c, p, q: step(a)),
    (
        lambda a, b, c, p, q: smaller(larger(a, -p), p),
        lambda a, b, c, p, q: a / larger(1, abs(a) / p),
    ),
    (
        lambda a, b, c, p, q: a - smaller(larger(a, -p * q), p * q),
        lambda a, b, c, p, q: side(a - p * q) * (a - p * q) + side(-a - p * q) * (a + p * q),
    ),
    (lambda a, b, c, p, q: (a * a * b * b).sqrt(), lambda a, b, c, p, q: abs(a) * abs(b)),
    (lambda a, b, c, p, q: (a * b).sqrt(), lambda a, b, c, p, q: a.sqrt() * b.sqrt()),
    (lambda a, b, c, p, q: (a * b).log(), lambda a, b, c, p, q: a.log() + b.log()),
    (lambda a, b, c, p, q: a.sqrt().log(), lambda a, b, c, p, q: a.log() / 2),
    (lambda a, b, c, p, q: (a**2).log(), lambda a, b, c, p, q: 2 * abs(a).log()),
    (lambda a, b, c, p, q: (-a).log().exp(), lambda a, b, c, p, q: abs(a)),
    (lambda a, b, c, p, q: step(1 - a.exp()), lambda a, b, c, p, q: step(-a)),
    (lambda a, b, c, p, q: larger(a.exp(), 1), lambda a, b, c, p, q: larger(a, 0).exp()),
    (
        lambda a, b, c, p, q: abs(a * b) + larger(a, c) - c,
        lambda a, b, c, p, q: abs(b) * abs(a) + larger(a - c, 0),
    ),
]
NOT_EQUAL: list[tuple[Formula, Formula]] = [
    (lambda a, b, c, p, q: larger(a, larger(b, c)), lambda a, b, c, p, q: larger(a, b)),
    (lambda a, b, c, p, q: abs(a * b), lambda a, b, c, p, q: a * abs(b)),
    (lambda a, b, c, p, q: abs(a - b), lambda a, b, c, p, q: abs(a) - abs(b)),
    (lambda a, b, c, p, q: larger(a * c, b * c), lambda a, b, c, p, q: c * larger(a, b)),
    (lambda a, b, c, p, q: smaller(larger(a, -p), p), lambda a, b, c, p, q: larger(a, -p)),
    (lambda a, b, c, p, q: step(a + p), lambda a, b, c, p, q: step(a)),
    (lambda a, b, c, p, q: step(a) + step(-a), lambda a, b, c, p, q: step(b)),
    (lambda a, b, c, p, q: step(a) - step(b), lambda a, b, c, p, q: 0 * a),
    (lambda a, b, c, p, q: (a * a).sqrt(), lambda a, b, c, p, q: a),
    (lambda a, b, c, p, q: (-a).log().exp(), lambda a, b, c, p, q: a),
    (lambda a, b, c, p, q: step(1 - a.exp()), lambda a, b, c, p, q: step(a)),
    (lambda a, b, c, p, q: step(a.exp() - p), lambda a, b, c, p, q: step(a)),
    (lambda a, b, c, p, q: step(flat(a, b) ** 2), lambda a, b, c, p, q: 1),
    (lambda a, b, c, p, q: step(flat(a, b)) + step(-flat(a, b)), lambda a, b, c, p, q: 1),
    (
        lambda a, b, c, p, q: step(flat(a, b) + c) * (1 - step(flat(a, b))),
        lambda a, b, c, p, q: step(c) * (1 - step(flat(a, b))),
    ),
]


def flat(a: Any, b: Any) -> Any:
    """A sum without the laws of its symbols, which is 0 where both are negative."""
    return (side(a) * a + side(b) * b).flat


def values(one: Formula, other: Formula) -> tuple[Any, Any]:
    field = Sides()
    some = [field.letter() for _ in "abc"] + [field.letter(positive=True) for _ in "pq"]
    return field(one(*some)), field(other(*some))


@pytest.mark.parametrize(("one", "other"), EQUAL)
def test_what_is_equal_is_so_on_all_sides(one: Formula, other: Formula) -> None:
    a, b = values(one, other)
    assert a == b
    a, b = values(other, one)
    assert a == b


@pytest.mark.parametrize(("one", "other"), NOT_EQUAL)
def test_what_differs_on_one_side_is_not(one: Formula, other: Formula) -> None:
    a, b = values(one, other)
    assert a != b


def test_the_sign_that_follows_is_that_of_the_numbers() -> None:
    chance, followed = random.Random(SEED), 0
    for _ in range(12):
        field = Sides()
        numbers = [(field.letter(), Fraction(chance.randint(-9, 9))) for _ in "abc"]
        numbers.append((field.letter(positive=True), Fraction(chance.randint(1, 9))))
        positive = [1, numbers[-1][0].mark]
        for _ in range(9):
            (x, a), (y, b) = chance.choice(numbers), chance.choice(numbers)
            match chance.choice("+-*/"):
                case "+":
                    z, c = x + y, a + b
                case "-":
                    z, c = x - y * 2, a - b * 2
                case "/" if b and y.mark:
                    z, c = x / y, a / b
                case _:
                    z, c = x * y, a * b
            if c:
                sign = field._following(z.mark, positive)
                assert sign in (0, 1 if c > 0 else -1)
                followed += sign != 0
                positive.append((z if c > 0 else -z).mark)
                numbers.append((z, c))
    assert followed > 12
