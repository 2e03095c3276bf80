"""Dual numbers: derivatives of every function, of any order, of one number
type as of another, and no infinitesimal taken for another."""

import math
import operator
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gradsheet.language.functions import DERIVATIVES, FUNCTIONS
from gradsheet.numbers.ball import Ball
from gradsheet.numbers.dual import Dual, slope_of
from gradsheet.numbers.real import Arithmetic
from gradsheet.numbers.reasons import OutsideDomain

fractions = st.fractions(-5, 5, max_denominator=12)


def derivative(f: Callable[[Any], Any], at: Any, level: int = 1) -> Any:
    """f'(at), by an infinitesimal of its own."""
    return slope_of(f(Dual(at, 1, level)), level)


def second(f: Callable[[Any], Any], at: Any) -> Any:
    """f''(at)"""
    return derivative(lambda inner: derivative(f, inner, 2), at)


def numbers(value: Fraction) -> list[Any]:
    return [Arithmetic(40)(value), Ball.of(value), float(value)]


@given(fractions, fractions)
def test_it_follows_the_rules_of_differentiation(a: Fraction, b: Fraction) -> None:
    assume(a not in (0, b))
    assert derivative(lambda x: 3 * x - x * b + x / 2 - b / x + 1, a) == 3 - b + Fraction(1, 2) + (
        b / a**2
    )
    assert derivative(lambda x: (x * x + b) / (x - b), a) == (a * a - 2 * a * b - b) / (a - b) ** 2
    assert derivative(lambda x: x**5 - x**0, a) == 5 * a**4
    assert derivative(lambda x: x**-2, a) == -2 / a**3
    assert derivative(lambda x: x.power(Fraction(3)) + x.power(Fraction(-1)), a) == 3 * a**2 - (
        1 / a**2
    )
    assert derivative(abs, a) == (1 if a > 0 else -1)
    assert derivative(lambda x: b, a) == 0


def functions(x: Any) -> dict[str, tuple[Any, Any, Any]]:
    """f, its first and its second derivative, by hand: at a number x."""
    e, r, s, c = (getattr(x, name)() for name in ("exp", "sqrt", "sin", "cos"))
    t, sigmoid = x.tanh(), 1 / (1 + (-x).exp())
    slope = sigmoid * (1 - sigmoid)
    q = Fraction(-2, 3)
    return {
        "exp": (lambda v: v.exp(), e, e),
        "log": (lambda v: v.log(), 1 / x, -1 / x**2),
        "log1p": (lambda v: v.log1p(), 1 / (1 + x), -1 / (1 + x) ** 2),
        "sqrt": (lambda v: v.sqrt(), 1 / (2 * r), -1 / (4 * r**3)),
        "sin": (lambda v: v.sin(), c, -s),
        "cos": (lambda v: v.cos(), -s, -c),
        "tanh": (lambda v: v.tanh(), 1 - t**2, -2 * t * (1 - t**2)),
        "power": (
            lambda v: v.power(q),
            q * x.power(Fraction(-5, 3)),
            Fraction(10, 9) * x.power(Fraction(-8, 3)),
        ),
        "cube": (lambda v: v**3, 3 * x**2, 6 * x),
        "quotient": (lambda v: 1 / (1 + (-v).exp()), slope, slope * (1 - 2 * sigmoid)),
        "chain": (lambda v: (v * v).sin(), 2 * x * (x * x).cos(), 2 * (x * x).cos() - (
            4 * x * x * (x * x).sin()
        )),
    }  # fmt: skip


@given(st.fractions(Fraction(1, 9), 4, max_denominator=9))
def test_first_and_second_derivatives_of_functions_are_exact(p: Fraction) -> None:
    real = Arithmetic(40)
    for name, (f, first, twice) in functions(real(p)).items():
        assert derivative(f, real(p)) == first, name
        assert second(f, real(p)) == twice, name


def test_balls_and_floats_have_derivatives_as_well() -> None:
    p = Fraction(7, 5)
    truths = functions(Arithmetic(60)(p))
    for number in numbers(p):
        for name, (f, first, twice) in truths.items():
            assert float(derivative(f, number)) == pytest.approx(float(first), rel=1e-14), name
            assert float(second(f, number)) == pytest.approx(float(twice), rel=1e-13), name


def test_third_derivatives_and_mixed_ones() -> None:
    def f(x: Any, y: Any) -> Any:
        return x**3 * y**2 / (x + y)

    x, y = Fraction(2), Fraction(3)
    mixed = derivative(lambda a: derivative(lambda b: f(a, b), y, 2), x)
    turned = derivative(lambda b: derivative(lambda a: f(a, b), x, 2), y)
    # By hand: d/dy is x^3 y (2x + y) / (x + y)^2.
    slope = (3 * x**2 * y * (2 * x + y) + 2 * x**3 * y) / (x + y) ** 2
    assert mixed == turned == slope - 2 * x**3 * y * (2 * x + y) / (x + y) ** 3
    third = derivative(lambda a: derivative(lambda b: derivative(lambda c: c**4, b, 3), a, 2), x)
    assert third == 24 * x


def test_infinitesimals_are_not_confused() -> None:
    """d/dx (x d/dy (x + y)) = 1 (Siskind and Pearlmutter 2005)."""

    def inner(x: Any, level: int) -> Any:
        return x * derivative(lambda y: x + y, Fraction(1), level)

    assert derivative(lambda x: inner(x, 2), Fraction(1)) == 1
    assert derivative(lambda x: inner(x, 1), Fraction(1)) == 2  # as it is if they are
    # Whichever has the higher level.
    assert derivative(lambda x: inner(x, 1), Fraction(1), 2) == 1


def test_it_is_compared_by_value_and_then_by_slope() -> None:
    real = Arithmetic(40)
    for one in (Fraction(1), real(1), real(3).exp() / real(3).exp(), Ball.of(1), 1.0):
        above, below, constant = Dual(one, 1), Dual(one, -1), Dual(one, 0)
        assert below < one < above
        assert one > below
        assert above >= one
        assert one <= above
        assert above != one
        assert constant == one == constant
        assert not constant < one
        assert constant <= one
        assert below < above < one + 1
        assert not above < below
        assert max(one, above, below) is above
        assert abs(above - one).slope == abs(below - one).slope == 1
        nested = Dual(below, 1, 2)  # the outer infinitesimal is below the inner one
        assert below < nested < constant
        assert one > nested
    assert bool(Dual(0, 1))
    assert not Dual(0, 0)


def test_kinks_go_to_the_side_of_the_slope() -> None:
    real = Arithmetic(40)
    for zero in (Fraction(0), real(0), real(1).exp() - real(1).exp()):
        for name, rising, falling in (("relu", 1, 0), ("abs", 1, 1), ("step", 0, 0)):
            for slope, expected in ((1, rising), (-1, falling)):
                moved = FUNCTIONS[name].exact(Dual(zero, slope))
                assert Dual.of(moved).slope == expected
    assert (FUNCTIONS["step"].exact(Dual(0, 1)), FUNCTIONS["step"].exact(Dual(0, -1))) == (1, 0)


def test_what_does_not_move_needs_no_derivative() -> None:
    real = Arithmetic(40)
    assert Dual(real(0), 0).sqrt() == 0
    with pytest.raises(ZeroDivisionError):
        Dual(real(0), 1).sqrt()
    with pytest.raises(OutsideDomain):
        Dual(real(-1), 0).sqrt()


def test_arrays_of_them() -> None:
    real = Arithmetic(40)
    array = np.array([Dual(real(2), 1), Dual(real(3), -1)], object)
    for function in (np.exp, np.log, np.sqrt, np.sin, np.cos, np.tanh, np.log1p, np.abs):
        name = function.__name__
        one = abs(array[1]) if function is np.abs else getattr(array[1], name)()
        assert function(array)[1] == one, name
    one = Dual(real(5), 1)
    for operation in (operator.add, operator.sub, operator.mul, operator.truediv):
        assert operation(one, array)[1] == operation(one, array[1])
        assert operation(array, one)[1] == operation(array[1], one)
    assert array.sum() == Dual(real(5), 0)
    assert (array @ array).slope == -2
    assert (array > real(2)).tolist() == [True, True]


@given(st.fractions(-3, 3, max_denominator=9).filter(bool))
def test_every_function_of_the_language_takes_them(p: Fraction) -> None:
    """Against the derivative by its name where there is one, else a difference of floats."""
    real, step = Arithmetic(40), 1e-6
    for name, function in FUNCTIONS.items():
        if name in ("log", "sqrt"):
            p = abs(p)
        given = [Fraction(1, 5)] * (function.arguments - 1)

        def f(v: Any, function: Any = function, given: Any = given, p: Any = p) -> Any:
            if function.over_axis:
                return function.exact(np.array([v, real(1), 2 * real(p)], object))[0]
            return function.exact(v, *given)

        slope = derivative(f, real(p))
        if name in DERIVATIVES:
            assert slope == FUNCTIONS[DERIVATIVES[name]].exact(real(p), *given), name
        ends = [float(f(real(p + Fraction(s)))) for s in (-step, step)]
        difference = (ends[1] - ends[0]) / (2 * step)
        assert math.isclose(float(slope), difference, rel_tol=1e-6, abs_tol=1e-6), name
        if function.on_floats is not None and not function.over_axis and not given:
            floats = function.on_floats(np.array([float(p)]))
            assert math.isclose(floats[0], float(f(real(p))), rel_tol=1e-12), name
        if function.kinked:  # these are applied to plain fractions, too
            assert f(p) == f(real(p))
            assert derivative(f, p) == slope
