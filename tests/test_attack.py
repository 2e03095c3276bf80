"""The sheets of tests/attack: each once got a wrong verdict, or more work than
there is time for.
"""

import pytest

import gradsheet
from tests.sheets import ATTACK


def verdicts_of(name: str) -> list[str]:
    return [
        judgement.verdict
        for judgement in gradsheet.judge(gradsheet.load(ATTACK / f"{name}.toml")).judgements
    ]


@pytest.mark.parametrize(
    "name",
    [
        "cannot-logsumexp-numbers",
        "cannot-logsumexp-symbols",
        pytest.param("cannot-softmax-8-16-10", marks=pytest.mark.exhaustive),
    ],
)
def test_what_was_too_much_is_right(name):
    assert set(verdicts_of(name)) == {"right"}


def test_every_gradient_of_four_examples_is_judged():
    """dL/dh3 is -y/(4 h3) with h3 = 1 to twenty digits: -0.25 in example 3,
    where the sheet has -0.500."""
    *_, gradient, _ = found = gradsheet.judge(
        gradsheet.load(ATTACK / "cannot-jax-more-work.toml")
    ).judgements
    assert [j.verdict for j in found] == [*["right"] * 6, "wrong", "right"]
    assert "[3,1] is -0.500, true -0.25000" in gradient.message


def test_a_kink_after_the_update_is_judged_like_any_other_line():
    (found,) = gradsheet.judge(gradsheet.load(ATTACK / "crash-relu-of-z1-new.toml")).judgements
    assert (found.verdict, found.claim.error) == ("right", "")
    assert found.proof.startswith("holds for all values")


def test_one_claim_with_a_strange_letter_leaves_the_others_their_mistakes():
    slip, other = gradsheet.judge(
        gradsheet.load(ATTACK / "search-fails-on-index-slip.toml")
    ).judgements
    assert "k is free in the formula and not in the quantity" in slip.message
    assert other.mistakes == ["half-ignored"] or "2 of the square" in other.all_messages()


@pytest.mark.parametrize("name", ["carried-saturation-called-wrong", "carried-zero-false-fits"])
def test_what_follows_from_a_rounded_number_is_rounded_as_well(name):
    report = gradsheet.judge(gradsheet.load(ATTACK / f"{name}.toml"))
    assert {j.verdict for j in report.judgements} <= {"right", "rounded"}
    assert report.causes == []


def test_targets_that_are_no_probabilities_are_told_and_nothing_is_invented():
    report = gradsheet.judge(gradsheet.load(ATTACK / "ce-target-no-probability.toml"))
    assert report.reading.endswith("; y adds up to 2, not to 1")
    (found,) = report.judgements
    assert (found.verdict, found.mistakes, report.causes) == ("wrong", [], [])
    of_two = (
        "x = 1\nloss = 'binary_cross_entropy'\ny = 2\n[[layer]]\nW = [[1]]\nactivation = "
        "'sigmoid'\n"
    )
    claim = "[[claim]]\nquantity = 'z1'\nvalue = 1\n"
    assert (
        "y has 2, which is no probability"
        in gradsheet.judge(gradsheet.read(of_two + claim)).reading
    )
    assert (
        "probability"
        not in gradsheet.judge(gradsheet.read(of_two.replace("= 2", "= 1") + claim)).reading
    )
