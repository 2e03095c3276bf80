"""A point: what is known of the truth there, and shared between sheets."""

import itertools
from fractions import Fraction

import numpy as np

import gradsheet
from gradsheet.claims.definitions import stated_of
from gradsheet.claims.verdict import point_at
from gradsheet.numbers.budget import Budget
from gradsheet.numbers.session import Session
from gradsheet.truth.graph_point import MAX_BITS, GraphPoint, length_of
from tests.sheets import CLAIMS, NET


def test_fractions_are_worked_with_up_to_their_length() -> None:
    """So many bits above and below, for every layer and once more."""
    for depth, more in itertools.product((0, 1, 3), (0, 1)):
        top = MAX_BITS // (depth + 1) - 1 + more
        number = np.array([Fraction(2 ** (top - 1))], object)
        assert length_of([number], depth) == (top + 1 if not more else None)
    assert length_of([np.array([0.5], object)], 1) is None


def test_exponentials_of_a_sheet_are_gone_with_it():
    read = gradsheet.read(NET + CLAIMS)

    def shared() -> GraphPoint:
        return point_at(read, stated_of(read), 0, Budget())

    before, own = len(shared().arithmetic.marks), shared()
    own.arithmetic(Fraction(7, 3)).exp()
    own.found("seen with it", lambda: 1)
    assert len(own.arithmetic.marks) > before
    assert len(shared().arithmetic.marks) == before
    assert shared().found("seen with it", lambda: 2) == 2
    assert shared().found("seen with it", lambda: 3) == 2  # and what is seen without it serves all


def test_what_is_smooth_stands_on_no_side_of_a_kink() -> None:
    """Three entries are live in relu and one is dead; tanh has no sides."""
    network = "network = 'L = sum(i, tanh(x[i]) + relu(x[i]))'\n[given]\nx = [1, 2, 3, -4]\n"
    read = gradsheet.read(f"{network}[[claim]]\nquantity = 'L'\nvalue = 1\n")
    assert point_at(read, stated_of(read), 0, Budget(), Session()).imbalance() == 3 - 1
