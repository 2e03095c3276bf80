"""silu, z s(z), from a sheet to a verdict: the one activation whose slope has z itself in it."""

import jax
import numpy as np
import pytest

import gradsheet
import manual
import ref
from gradsheet.language.functions import ACTIVATIONS
from gradsheet.mistakes.blind import unseen
from gradsheet.network.network import Network
from gradsheet.solution.exercise import Outline, exercise
from gradsheet.solution.filling import fill
from tests.functions import textbook
from tests.rounds import every
from tests.sheets import codes, verdicts

NUMBERS = """
loss = "half_squared_error"
x = [1, -2]
y = [1]
[[layer]]
W = [[1, 1], [2, -1]]
b = [0.5, -1]
activation = "silu"
[[layer]]
W = [[1, 3]]
"""
SYMBOLS = """
loss = "half_squared_error"
[[layer]]
shape = [3, 2]
bias = true
activation = "silu"
[[layer]]
shape = [2, 3]
activation = "silu"
"""
DERIVATIVES = (
    "sigmoid(z1[i])*(1 + z1[i]*(1 - sigmoid(z1[i])))",
    "h1[i] + sigmoid(z1[i])*(1 - h1[i])",
    "sigmoid(z1[i]) + z1[i]*dsigmoid(z1[i])",
    "silu'(z1[i])",
    "dsilu(z1[i])",
)


@pytest.mark.parametrize("head", [NUMBERS, SYMBOLS])
def test_its_derivative_is_right_in_every_form(head: str) -> None:
    claims = [("dh1[i]/dz1[i]", "", f'"{line}"') for line in DERIVATIVES]
    assert verdicts(head, *claims) == ["right"] * len(claims)


@pytest.mark.parametrize("head", [NUMBERS, SYMBOLS])
def test_another_derivative_is_wrong(head: str) -> None:
    others = ("sigmoid(z1[i])", "h1[i]*(1 - h1[i])", "z1[i]*dsigmoid(z1[i])", "1", "dsilu(h1[i])")
    claims = [("dh1[i]/dz1[i]", "", f'"{line}"') for line in others]
    assert verdicts(head, *claims) == ["wrong"] * len(claims)


def test_numbers_are_judged_to_their_last_digit() -> None:
    assert verdicts(
        NUMBERS,
        ("h1", "[-0.1888, 2.8577]"),
        ("dL/dz1[1]", "1.920"),
        ("dL/dz1[2]", "24.105"),
        ("dL/dz1[2]", "24.2"),
        ("dL/dW1", "[[1.9202, -3.8405], [24.105, -48.210]]"),
    ) == ["right", "right", "right", "wrong", "right"]


def test_a_claim_over_all_weights_is_proved_through_two_layers() -> None:
    line = '"sum(k, (yhat[k] - y[k])*silu\'(z2[k])*W2[k,i])*({})*x[j]"'
    slopes = (*DERIVATIVES[::2], "sigmoid(z1[i])")
    found = verdicts(SYMBOLS, *(("dL/dW1[i,j]", "", line.format(slope)) for slope in slopes))
    assert found == ["right", "right", "right", "wrong"]


def test_its_own_mistakes_have_names() -> None:
    for line, code in (("1", "slope-missing"), ("h1[i]", "function-for-slope")):
        claim = f'[[claim]]\nquantity = "dL/dz1[i]"\nworking = ["dL/dyhat[1]*W2[1,i]*{line}"]\n'
        (judgement,) = gradsheet.judge(gradsheet.read(NUMBERS + claim)).judgements
        assert judgement.verdict == "wrong"
        assert code in codes(judgement), line


@pytest.mark.parametrize("head", [NUMBERS, SYMBOLS])
def test_a_solution_has_every_step_right(head: str) -> None:
    text = gradsheet.solution.markdown(
        gradsheet.solve(gradsheet.read(head + '[[claim]]\nquantity = "dL/dW1"\n'))
    )
    assert ACTIVATIONS["silu"].slope_words in text
    assert "found it right" in " ".join(text.split())


def test_exercises_and_their_keys() -> None:
    found = exercise(Outline((2, 2, 1), ("silu", "identity")), 3)
    for text in (found.key, fill(found.problem)):
        report = gradsheet.judge(gradsheet.read(text))
        assert {judgement.verdict for judgement in report.judgements} <= {"right", "rounded"}
    assert unseen(gradsheet.read(found.key)) == []


ACTIVE = ("silu", "relu", "silu")


def without_z(params, x, y):
    """The slope taken to be the sigmoid: the product rule's first half."""
    patched = manual.activations.Elementwise(
        manual.activations.silu, manual.activations.sigmoid, manual.activations.zero
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(manual.activations.ACTIVATIONS, "silu", patched)
        return manual.value_and_grad(params, x, y, ACTIVE)


@pytest.mark.parametrize(
    ("widths", "dtype"), every(2, [((2, 3, 2, 1), "float32"), ((40, 60, 30, 10), "float64")])
)
def test_a_backward_pass_is_checked(widths: tuple[int, ...], dtype: str) -> None:
    options = {"activations": ACTIVE, "dtype": dtype}
    network = Network(widths, ("units",) * 3, ACTIVE, "half_squared_error", "mean", 8)
    for right in (
        textbook(network),
        lambda params, x, y: manual.value_and_grad(params, x, y, ACTIVE),
        jax.jit(lambda params, x, y: ref.value_and_grad(params, x, y, ACTIVE)),
    ):
        assert gradsheet.check(right, widths, **options)
    assert not gradsheet.check(without_z, widths, **options)


def test_a_hessian_product_is_checked() -> None:
    def right(params, x, y, direction):
        return manual.hvp(params, direction, x, y, ACTIVE)

    assert gradsheet.check(right, (2, 3, 2, 1), activations=ACTIVE, what="hvp")


def test_its_slope_is_as_steep_as_the_bounds_have_it() -> None:
    """|f'| below `steepest`, |f''| below 1 and |f'''| below 2, as `ActivationFacts` asks for."""
    z = np.linspace(-20, 20, 40_001)
    for name, facts in ACTIVATIONS.items():
        record = manual.activations.ACTIVATIONS[name]
        if facts.rational or facts.mixes:
            continue
        assert abs(record.d(z)).max() <= facts.steepest, name
        assert abs(record.dd(z)).max() <= 1, name
        assert abs(np.diff(record.dd(z)) / np.diff(z)).max() <= 2, name
