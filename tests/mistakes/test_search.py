"""The search for mistakes: what is named of several that explain a number, and
what is mere coincidence.
"""

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
