"""What sweeps in floats are charged for."""

import gradsheet
from gradsheet.truth.float_work import BACK, FORWARD, FloatWork
from gradsheet.truth.graph_values import GraphCarried
from tests.truth.test_graphs import point_of


def work_of(network: str) -> FloatWork:
    """That of a program with a vector x."""
    head = f"network = '''\n{network}\n'''\ngiven = {{ x = [1, 2, 3] }}\n"
    own = gradsheet.read(head + "[[claim]]\nquantity = 'L'").own
    assert own is not None
    return FloatWork(own.program)


def test_every_step_has_its_price() -> None:
    work = work_of("L = sum(i, x[i]**2)")
    steps = len(work.program.steps)
    assert work.forward == FORWARD * steps
    assert BACK * steps < work.back < (BACK + 1) * steps


def test_a_derivative_in_a_definition_costs_its_sweeps_in_every_variant() -> None:
    plain, derived = work_of("L = sum(i, x[i]**3)"), work_of("l = sum(i, x[i]**3)\nL = dl/dx")
    twice = work_of("l = sum(i, x[i]**3)\ng = dl/dx\nm = sum(i, g[i]**2)\nL = dm/dx")
    assert 2 * plain.back < derived.back < twice.back / 2
    slots = range(len(derived.program.steps))
    several = derived.through(slots, back=True, variants=100)
    assert several > 10 * derived.back


def test_what_comes_back_in_floats_is_paid_for_once() -> None:
    point = point_of("sum(i, x[i]**2)", [1, 2, 3])
    carried = GraphCarried(point, floats=True)
    for _ in range(2):
        _ = carried.derivative("L", (), "x", ())
        assert point.budget.spent == point.float_work.back


def test_whoever_asks_by_a_second_name_gets_all() -> None:
    point = point_of("sum(i, u[i]*v[i]*x[i])", [1, 2, 3], "u[i] = x[i]**2\nv[i] = 2*x[i]")
    carried = GraphCarried(point, floats=True)
    for by, ways in (("u", 1), ("v", 2), ("x", 2), ("u", 2)):
        assert carried.derivative("L", (), by, ()).tolist() == (
            point.derivative("L", (), by, ()).astype(float).tolist()
        )
        assert len(carried.sweep.entries) == ways
