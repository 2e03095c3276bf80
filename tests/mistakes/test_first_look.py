"""The first look refuses no formula that is the quantity."""

import pytest

import gradsheet
from gradsheet.claims.comparison import agree_at
from gradsheet.claims.sheet import Claim
from gradsheet.language import formula as f
from gradsheet.mistakes.first_look import MOST, FirstLook
from gradsheet.mistakes.probes import probes_for
from gradsheet.mistakes.repair import repaired
from gradsheet.mistakes.search import mixed
from gradsheet.numbers.reasons import NO_VALUE
from gradsheet.truth.graph_point import GraphPoint
from tests.sheets import SYMBOLS

SHEET = gradsheet.read(
    SYMBOLS
    + """
[[claim]]
quantity = "dL/dh1[j]"
working  = ["sum(i, dL/dyhat[1]*W3[i,1]*W2[i,j])"]
[[claim]]
quantity = "dL/dW2[i,j]"
working  = ["dL/dyhat[1]*W3[1,k]*drelu(z2[i])*h1[j]"]
[[claim]]
quantity = "dL/dW3"
working  = ["[[dL/dyhat[1]*h2[1], -dL/dyhat[1]*(0 - h2[1])]]"]
[[claim]]
quantity = "dL/dW3[1,i]"
working  = ["dL/dyhat[1] @ h2[i]*2/2"]
[[claim]]
quantity = "h2"
working  = ["W2.T*relu(z1)", "relu(W2*h1)", "relu(W2) @ h1 - h2*[1, 2, 3]"]
"""
)


def point() -> GraphPoint:
    return mixed(probes_for(SHEET.network, None))


def is_true(at: GraphPoint, quantity: f.Node, line: f.Node) -> bool:
    try:
        return agree_at(at, at, quantity, line)
    except NO_VALUE:
        return False


@pytest.mark.parametrize("claim", SHEET.claims, ids=lambda claim: claim.quantity)
def test_what_fails_at_a_first_look_is_not_the_quantity(claim: Claim) -> None:
    at = point()
    look, refused, tried = FirstLook(at, claim.tree), 0, 0

    def both(line: f.Node) -> bool:
        nonlocal refused, tried
        fails, true = look.fails(line), is_true(at, claim.tree, line)
        assert not (fails and true)
        refused, tried = refused + fails, tried + 1
        return true

    for line in claim.working:
        assert line.tree is not None
        repaired(line.tree, claim.tree, SHEET.network, both)
    assert look.fails(claim.tree) is False
    assert 5 * refused > tried  # which repairs are tried is not the same in every process


def test_a_formula_that_takes_too_many_steps_is_left_open() -> None:
    tree = SHEET.claims[0].tree
    look = FirstLook(point(), tree)
    assert look.fails(f.Chain("+", (tree,) * 2))
    assert not look.fails(f.Chain("+" * MOST, (tree,) * (MOST + 1)))
