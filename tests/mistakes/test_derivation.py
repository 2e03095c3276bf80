"""The true formulas that a report shows: each is judged right, and one that is not is not shown."""

import itertools

import pytest

import gradsheet
from gradsheet.language.parsing import parse
from gradsheet.mistakes.derivation import true_formula
from tests.rounds import every
from tests.sheets import HOMEWORKS

HEAD = """
loss = "{loss}"
[[layer]]
shape = [2, 3]
bias = true
activation = "relu"
[[layer]]
shape = [2, 2]
activation = "{second}"
[[layer]]
shape = [{outputs}, 2]
bias = true
"""
NODES = ("x", "z1", "h1", "z2", "h2", "yhat", "L")
PARAMETERS = ("W1", "b1", "W2", "W3", "b3")


def symbols(loss: str, second: str, outputs: int = 1) -> str:
    text = HEAD.format(loss=loss, second=second, outputs=outputs)
    return text if loss else text.replace('loss = ""', "")


@pytest.mark.parametrize(
    "head",
    every(
        8,
        [
            symbols("", "relu"),
            symbols("half_squared_error", "identity", 2),
            symbols("mean_squared_error", "identity", 2),
            symbols("", "tanh"),
            symbols("squared_error", "softplus", 2) + "activation = 'sigmoid'\n",
            symbols("cross_entropy", "sigmoid", 2) + "activation = 'softmax'\n",
            symbols("cross_entropy", "sigmoid", 2) + "activation = 'sigmoid'\n",
            symbols("binary_cross_entropy", "tanh", 2) + "activation = 'sigmoid'\n",
            symbols("half_squared_error", "relu", 2) + "activation = 'softmax'\n",
        ],
    ),
)
def test_every_formula_that_is_written_is_right(head):
    sheet = gradsheet.read(head + "[[claim]]\nquantity = 'x'\nvalue = 0")
    claims = []
    for of, by in itertools.product(NODES, (*NODES, *PARAMETERS)):
        if sheet.network.no_derivative(of, by):
            continue
        tree = parse(f"d{of}/d{by}", sheet.network.names)
        if found := true_formula(tree, sheet.network, {}):
            claims.append("[[claim]]\nquantity = '{}'\nworking = ['{}']\n".format(*found))
    assert len(claims) >= 20
    # Together they are more work than a sheet may be.
    halves = ("".join(claims[::2]), "".join(claims[1::2]))
    judged = [j for half in halves for j in gradsheet.judge(gradsheet.read(head + half)).judgements]
    # A formula may name the derivative that it stands for where there is nothing behind:
    # dL/dyhat of a free loss.
    assert {j.claim.quantity: j.message for j in judged if j.verdict != "right"} in (
        {},
        {"dL/dyhat[1]": "quotes the quantity that it is claimed to equal"},
    )


def wrong_claim(monkeypatch, proposal: str):
    monkeypatch.setattr(
        "gradsheet.mistakes.judging.true_formula", lambda *_: ("dL/dW2[i,j]", proposal)
    )
    head = symbols("", "identity")
    return gradsheet.judge(
        gradsheet.read(head + "[[claim]]\nquantity = 'dL/dW2[i,j]'\nworking = ['h1[j]']")
    ).judgements[0]


def test_a_right_proposal_is_shown(monkeypatch):
    assert (
        wrong_claim(monkeypatch, "dL/dyhat[1]*W3[1,i]*h1[j]").truth == "dL/dyhat[1]*W3[1,i]*h1[j]"
    )


def test_a_wrong_proposal_is_not(monkeypatch):
    assert wrong_claim(monkeypatch, "dL/dyhat[1]*W3[1,i]*z1[j]").truth is None


def test_the_homeworks_corrections():
    report = gradsheet.judge(gradsheet.load(HOMEWORKS / "symbols.toml"))
    assert {j.claim.question: j.truth for j in report.judgements if j.verdict == "wrong"} == {
        "8": "0",
        "9": None,  # a row of h1 and a row of 0: not one formula over both
        "10": "delta*W3[1,i]*h1[j]",
        "13": "dh2[i]/dh1[j] = W2[i,j]",
        "16": "sum(k, delta*W3[1,k]*W2[k,i])*drelu(z1[i])*x[j]",
        "17": "dL/dW1[i,j] = sum(k, sigma*W3[1,k]*W2[k,i])*drelu(z1[i])*x[j]",
    }
