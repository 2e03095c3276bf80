"""The search for mistakes: what is named of several that explain a number, and
what is mere coincidence.
"""

import pytest

import gradsheet
from tests.sheets import GRADED, NUMBERS, ONE_OUTPUT, codes, judged, judgements


def test_of_mistakes_that_explain_a_number_the_one_that_explains_more_numbers_is_named() -> None:
    """Two mistakes give dL/dW2[1,1] = 4; only one of them gives L = 8 as well."""
    assert codes(judged(ONE_OUTPUT, "dL/dW2[1,1]", value="4")) == [
        "target-missing",
        "bias-forgotten",
    ]
    found = judgements(ONE_OUTPUT, ("dL/dW2[1,1]", "4"), ("L", "8"))
    assert [codes(j) for j in found] == [["bias-forgotten"]] * 2


def test_few_digits_are_not_explained_by_several_mistakes_at_once() -> None:
    head = """
loss = "half_squared_error"
x = [[1, 2], [3, -1], [2, 2]]
y = [[1, 0], [2, 2], [1, 1]]
[[layer]]
W = [[1, -2], [3, 1]]
b = [0, 0]
activation = "relu"
[[layer]]
W = [[1, 2], [-1, 1]]
"""
    (found,) = judgements(head, ("dL[1]/dW1[1,1]", "1"))  # three pairs of mistakes give this
    assert (found.verdict, codes(found)) == ("wrong", [])


def test_what_follows_tells_nothing_more_of_the_first_mistake() -> None:
    """z2[1] = 0.049 stands for 0.0998: whatever gives the two digits gives all that follows."""
    report = gradsheet.judge(gradsheet.load(GRADED / "a-slip-is-no-double-mistake.toml"))
    assert [codes(j) for j in report.judgements] == [[], *[["carried-on"]] * 6]
    assert report.causes == []


def test_many_wrong_claims_are_all_judged():
    """A sheet of 90 wrong numbers has 90 verdicts, and their mistakes are looked for."""
    claims = [
        (f"dL/dW2[{i},{j}]", str(100 + 3 * k))
        for k in range(10)
        for i in (1, 2, 3)
        for j in (1, 2, 3)
    ]
    found = judgements(NUMBERS, *claims)
    assert {j.verdict for j in found} <= {"wrong", "carried_forward"}
    assert all(j.explanations is not None for j in found)


def test_a_wrong_learning_rate_is_only_that() -> None:
    """It is no node of the pass, and no mistake in the pass explains what is claimed of it."""
    head = "learning_rate = 0.1\n" + ONE_OUTPUT
    found = judgements(head, ("learning_rate", "0.2"), ("3*learning_rate", "0.4"), ("L", "77"))
    assert [j.verdict for j in found] == ["wrong", "wrong", "wrong"]
    assert [codes(j) for j in found[:2]] == [[], []]


def test_a_learning_rate_that_was_rounded_explains_nothing_further() -> None:
    """The sheet gives it, and whoever carries on has it as it is given."""
    head = "learning_rate = 0.125\n" + ONE_OUTPUT
    found = judgements(head, ("learning_rate", "0.12"), ("L", "77"), ("W1_new[1,1]", "77"))
    assert [j.verdict for j in found] == ["right", "wrong", "wrong"]


DESCENT = "w[0] = p\nw[t] = w[t-1] - a*d(exp(w[t-1] - x[t]) + log(1 + w[t-1]**2))/dw[t-1]"


@pytest.mark.parametrize(
    ("network", "given", "claims"),
    [
        # a function that no number of the network goes through
        ("f(u) = log(1 + u**2)\nL = x", "x = 2", [("f'(2)", "0.4")]),
        # a number that is left out, where something derives it
        ("g = d(y)/du\nL = x*y", "x = 2, y = 3, u = [1, 2]", [("dL/dx", "2")]),
        # weights that are exchanged, where something is derived by one
        ("p = x**2\nL = p*(d(x*p**2)/dp) + (1 - p)*x", "x = 3", [("L", "7")]),
        # one step under a name that is carried on, and without it
        ("a = tanh(v)\nL = tanh(v)**2*v", "v = 0.5", [("a", "1"), ("dL/dv", "0.77")]),
        # a logarithm in a step, which has no value after a mistake
        (DESCENT, "a = 0.25, x = [1, 2, 4], p = 0.5", [("w", "[0, 0, 0]")]),
    ],
)
def test_the_search_does_not_fail(network: str, given: str, claims: list[tuple[str, str]]) -> None:
    """It would warn, and a warning is an error in these tests."""
    head = f"network = '''\n{network}\n'''\ngiven = {{ {given} }}\n"
    found = judgements(head, *claims)
    assert found[-1].verdict == "wrong"
