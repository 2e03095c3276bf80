"""A point: what is known of the truth there, and shared between sheets."""

import itertools
from fractions import Fraction

import numpy as np
import pytest

import gradsheet
from gradsheet.claims.definitions import stated_of
from gradsheet.claims.verdict import point_at
from gradsheet.numbers.budget import Budget
from gradsheet.numbers.session import Session
from gradsheet.truth.graph_point import MAX_BITS, GraphPoint, length_of
from gradsheet.truth.work import SweepWork
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


@pytest.mark.parametrize(
    ("last", "batch", "z", "yhat"),
    [
        ("sigmoid", False, (1, 1), (1, 1)),
        ("sigmoid", True, (1, 2, 1), (1, 2, 1)),
        ("softmax", False, None, (1, 1)),
    ],
)
def test_a_share_has_its_output_s_part_of_the_gradient(last, batch, z, yhat) -> None:
    """dL/dyhat[k] is dL[k]/dyhat[k], and so is dL/dz[k], unless softmax mixes them."""
    x, y = ([[1]] * 3, [[0, 1]] * 3) if batch else ([1], [0, 1])
    text = f"loss = 'squared_error'\nx = {x}\ny = {y}\n[[layer]]\nW = [[1], [2]]\n"
    claim = "[[claim]]\nquantity = 'L'\nvalue = 1\n"
    read = gradsheet.read(f"{text}activation = '{last}'\n{claim}")
    here, index = point_at(read, stated_of(read), 0, Budget()), (2, 1) if batch else (1,)
    assert here.of_share(("L", "yhat"), index) == yhat
    assert here.of_share(("L", "z1"), index) == z
    assert here.of_share(("L", "W1"), (0, 0)) is here.of_share("L", ()) is None


def test_a_derivative_in_a_definition_costs_a_sweep_back_or_a_nudge_to_every_entry() -> None:
    text = "network = '''\nL = sum(w**2)\ng = dL/dw\n'''\ngiven = {w = [1, 2, 3, 4, 5]}\n"
    claim = "[[claim]]\nquantity = 'g'\nvalue = [2, 4, 6, 8, 10]\n"
    program = stated_of(gradsheet.read(text + claim)).program
    one = SweepWork(program, 4)
    (slot,) = (k for k, step in enumerate(program.steps) if step.operation == "jacobian")
    of, by = program.steps[slot].inputs
    through = program.between([by], of)
    assert one.swept([slot]) == 3 * one.swept(through) + 1
    assert one.walked([slot]) == 5 * one.walked(through) + 1
    assert one.walked(through) > one.swept(through) > len(through)
