"""Notation is never a mistake: what people type is read where it has one
meaning, and elsewhere it is unread."""

import json
import re
import tomllib
from pathlib import Path

import pytest

import gradsheet
import gradsheet.solution
from gradsheet.commands.cli import main
from gradsheet.language.formula import FUNCTIONS
from gradsheet.language.functions import DERIVATIVES
from gradsheet.language.parsing import SYNONYMS, parse
from gradsheet.mistakes.catalogue import CATALOGUE
from gradsheet.solution.exercise import Outline, exercise
from gradsheet.solution.filling import fill
from tests.rounds import every
from tests.sheets import (
    GRADED,
    HOMEWORKS,
    NUMBERS,
    PUBLISHED,
    SYMBOLS,
    judged,
    judgements,
    report_on,
    side_by_side,
    solution_of,
)

TANH = """
loss = "cross_entropy"
x = [1, 2]
y = [0, 1]
[[layer]]
W = [[1, 0], [0, 1], [1, 1]]
activation = "tanh"
[[layer]]
W = [[1, 0, 1], [0, 1, 0]]
activation = "softmax"
"""
SIGMOID = """
loss = "half_squared_error"
x = [1, 2]
y = 1
[[layer]]
W = [[1, -1], [2, 0], [1, 1]]
b = [0.5, 0, 1]
activation = "sigmoid"
[[layer]]
W = [[1, -2, 3]]
"""
SQUARE = """
loss = "half_squared_error"
x = [3, 1]
y = [1, -2]
[[layer]]
W = [[1, -1], [2, 0]]
activation = "relu"
[[layer]]
W = [[1, 2], [-3, 5]]
"""
DEAD = SQUARE.replace("[2, 0]", "[-2, 0]")
BATCH = """
loss = "cross_entropy"
x = [[1, 2], [3, -1], [2, 2]]
y = [[1, 0], [0, 1], [0, 1]]
[[layer]]
W = [[1, -2], [3, 1]]
b = [1, 0]
activation = "tanh"
[[layer]]
W = [[1, 2], [-1, 1]]
b = [0, 1]
activation = "softmax"
"""
SIGMOID_2 = SIGMOID + "b = [3]\n"
BINARY_BATCH = """
loss = "binary_cross_entropy"
x = [[1, 2], [0.5, -1], [2, 1]]
y = [[1], [0], [1]]
[[layer]]
W = [[1, -1], [2, 0.5]]
activation = "tanh"
[[layer]]
W = [[1, -0.2]]
activation = "sigmoid"
"""
LEAKY = SIGMOID.replace('"sigmoid"', '"leaky_relu"\nslope = 0.1')
SOFTPLUS = SIGMOID.replace('"sigmoid"', '"softplus"')


TYPED = [
    # numbers and arrays
    (TANH, "dL/dz1", "dL/dh1 * (1 - h1**2)"),
    (TANH, "dL/dz1", "(W2.T @ (yhat - y)) * (1 - tanh(z1)^2)"),
    (TANH, "dL/dz1", "dL/dh1 - h1**2*dL/dh1"),
    (SIGMOID, "dL/dz1", "W2.T @ (yhat-y) * h1 * (1-h1)"),
    (SIGMOID, "dL/dz1", "(yhat-y)*W2*h1*(1-h1)"),
    (SIGMOID, "h1", "1/(1 + exp(-z1))"),
    (SIGMOID, "h1", "(1 + exp(-z1))**-1"),
    (SIGMOID, "h1", "1 - (1 + exp(z1))^(-1)"),
    # rows and outer products
    (TANH, "dL/dW1", "dL/dz1 @ x.T"),
    (TANH, "dL/dW2", "(yhat - y) @ h1.T"),
    (TANH, "dL/dW2", "outer(yhat - y, h1.T)"),
    (SIGMOID, "dL/dW2", "(yhat - y)*h1"),
    (SIGMOID, "dL/dW2", "h1 @ (yhat - y)"),
    (SIGMOID, "dL/dW2", "(yhat - y) @ h1"),
    (NUMBERS, "dL/dW1", "(W2.T @ W3.T @ (yhat - y) * drelu(z1)) @ x.T"),
    # sums over everything, and over letters
    (TANH, "L", "-sum(y * log(yhat))"),
    (TANH, "L", "-ln(yhat[2])"),
    (TANH, "yhat", "exp(z2)/sum(exp(z2))"),
    (TANH, "L", "-sum(k, y[k]*ln(yhat[k]))"),
    (NUMBERS, "L", "sum((y - yhat)**2)/2"),
    (NUMBERS, "L", "½·Σ((y − ŷ)²)"),
    (TANH, "L", "−Σ(k, y[k]·ln(ŷ[k]))"),
    (NUMBERS, "sum(z1)", "sum(i, z1[i])"),
    (NUMBERS, "mean(z1)", "sum(z1)/3"),
    (NUMBERS, "mean(i, z1[i])", "mean(z1)"),
    (NUMBERS, "sum(i, j, W1[i,j])", "sum(W1)"),
    (NUMBERS, "sum(W2)", "sum(i, sum(j, W2[i,j]))"),
    (TANH, "dyhat[i]/dz2[j]", "yhat[i]*(kronecker(i, j) - yhat[j])"),
    (TANH, "dyhat/dz2", "diag(yhat) - outer(yhat, yhat)"),
    (TANH, "dyhat/dz2", "diag(yhat) - yhat @ yhat.T"),
    # functions and their derivatives
    (NUMBERS, "dL/dz1", "dL/dh1 * relu'(z1)"),
    (NUMBERS, "dL/dz1", "dL/dh1 ⊙ relu′(z1)"),
    (SIGMOID, "dL/dz1", "dL/dh1 * σ'(z1)"),
    (SIGMOID, "h1", "σ(z1)"),
    (SIGMOID, "h1", "sigma(z1)"),
    (SIGMOID, "dh1[1]/dz1[1]", "sigmoid'(z1[1])"),
    (TANH, "dh1/dz1", "diag(tanh'(z1))"),
    (TANH, "dL/dyhat[2]", "-ln'(yhat[2])"),
    (SOFTPLUS, "h1", "softplus(z1)"),
    (SOFTPLUS, "h1", "log(1 + exp(z1))"),
    (SOFTPLUS, "dL/dz1", "dL/dh1*softplus'(z1)"),
    (LEAKY, "h1", "leaky_relu(z1, 0.1)"),
    (LEAKY, "dL/dz1", "dL/dh1*leaky_relu'(z1, 0.1)"),
    # characters
    (TANH, "dL/dz2", "ŷ − y"),
    (TANH, "dL/dz2", "y\u0302 – y"),  # the circumflex by itself
    (TANH, "dL/dW2", "(yhat − y)·h1.T"),
    (TANH, "dL/dh1", "W2ᵀ·(ŷ − y)"),
    (TANH, "dL/dh1", "W2^T @ (ŷ − y)"),
    (TANH, "dL/dh1", "W2^⊤ · ∂L/∂z2"),
    (TANH, "dL/dh1", "W2^ᵀ @\u00a0∂L/∂z2"),  # a no-break space
    (NUMBERS, "L", "½*(y − ŷ)²"),
    (NUMBERS, "L", "(y - yhat)² ÷ 2"),
    (NUMBERS, "dL/dW3[1,2]", "∂L/∂ŷ[1]·z2[2]"),
    (NUMBERS, "dL/dW3[1,2]", "∂L/∂yhat[1] × ∂yhat[1]/∂W3[1,2]"),
    (NUMBERS, "dL/dW3[1,2]", "2·(5 − 1.5)·3"),
    (NUMBERS, "dL/dW3[1,2]", "2(5 − 1.5)*3"),
    (NUMBERS, "dL/dW3[1,2]", "-z2[2]*-2 (5 − 1.5)/2"),
    (NUMBERS, "L", "0.5(y - yhat)²"),
    (NUMBERS, "h1[j]", "relu(z1[2(j + 2) - j - 4])"),
    (NUMBERS, "z2", "W2·h1 + b2"),
    (
        SIGMOID_2,
        "z2",
        "W2·h1 + b2",
    ),  # entry by entry there is a row, to which b2 cannot be added
    (SIGMOID_2, "dL/dz1", "W2ᵀ·(ŷ − y) ⊙ h1 ⊙ (1 − h1)"),
    # of the products that · may be, those with which the line has the shape of its quantity
    (NUMBERS, "yhat", "W3·z2"),  # entry by entry there is a row
    (SQUARE, "dL/dW2", "(yhat - y)·h1.T"),  # as there
    (NUMBERS, "z2[j]", "W2[j]·h1 + b2[j]"),
    (SIGMOID, "dL/dz1", "(W2.T·dL/dz2)·dsigmoid(z1)"),
    (SIGMOID, "dL/dz1", "W2ᵀ·(yhat-y)·σ'(z1)"),
    (SIGMOID, "dL/dW1", "(W2.T·dL/dz2·dsigmoid(z1))·x.T"),
    (SIGMOID, "dL/dx", "W1.T·(W2.T·dL/dz2·dsigmoid(z1))"),
    (SIGMOID, "dL/dx", "(W2.T·dL/dz2·dsigmoid(z1))·W1"),
    (NUMBERS, "dL/dW3", "+dL/dyhat * z2"),
    # a batch
    (BATCH, "z1", "x @ W1.T + b1"),
    (BATCH, "z1", "b1 + x @ W1.T"),
    (BATCH, "z1", "(W1 @ x.T).T + b1"),
    (
        BINARY_BATCH,
        "dL/dz1",
        "(yhat - y)/3 * W2 * (1 - h1**2)",
    ),  # a column times a row, as in NumPy
    (BINARY_BATCH, "dL/dW2", "((yhat - y)/3).T @ h1"),
    (BATCH, "dL/dz2", "(yhat - y)/3"),
    (BATCH, "dL/dW2", "dL/dz2.T @ h1"),
    (BATCH, "dL/db1[i]", "sum(n, dL/dz1[n,i])"),
    (BATCH, "dL/dW1[i,j]", "sum(n, dL/dz1[n,i]*x[n,j])"),
    (BATCH, "dL/dW2[i,j]", "mean(n, (yhat[n,i] - y[n,i])*h1[n,j])"),
    (BATCH, "dL[1]/dW2[1,1]", "sum(n, -y[n,1]*(1 - yhat[n,1])*h1[n,1])/3"),
    (BATCH, "L", "-sum(y*log(yhat))/3"),
    (BATCH, "z1", "1·(x @ W1.T) + b1"),
    (BATCH, "yhat[n,k]", "exp(z2[n,k])/sum(j, exp(z2[n,j]))"),
    # symbols
    (SYMBOLS, "dL/dW2[i,j]", "δ·W3[1,i]·h1[j]"),
    (SYMBOLS, "dL/dz1", "(W2.T·dL/dz2)·drelu(z1)"),
    (SYMBOLS, "dL/dW1", "outer(W2.T·dL/dz2·drelu(z1), x)"),
    (SYMBOLS, "dL/dh1", "W2.T @ (delta*W3.T)"),
    (SYMBOLS, "dL/dh1", "W2.T · W3.T · δ"),
    (SYMBOLS, "dL/dW2", "δ*(W3.T @ h1.T)"),
    (SYMBOLS, "dL/dW1[i,j]", "∂L/∂h1[i] × relu'(z1[i]) × x[j]"),
    (SYMBOLS, "h1", "relu(z1)"),
    (SYMBOLS, "z1", "W1·x"),
]


def test_what_people_type_is_read() -> None:
    for case, found in zip(TYPED, side_by_side(*TYPED), strict=True):
        assert found.verdict == "right", (case, found.all_messages())
        assert found.unread_lines == 0, case


@pytest.mark.parametrize(
    ("head", "quantity", "line", "reason"),
    [
        (SQUARE, "W1 @ W2", "W1·W2", "write a @ b or a * b"),
        (
            SIGMOID,
            "dL/dW1",
            "dL/dz1 * x.T",
            "* between a vector and a row: write @ for their outer product",
        ),
        (SQUARE, "z2", "W2 + z1", "write W + v.T for the same in every row"),
        (
            SQUARE,
            "dyhat/dz1",
            "relu'(z1)*W2",
            "between a 2x2 matrix and a vector of 2 has more than one meaning",
        ),
        (
            SQUARE,
            "dyhat/dz1",
            "W2*relu'(z1)",
            "write W @ v for the product, W*v.T to scale the columns, diag(v) @ W to scale",
        ),
        (
            SIGMOID,
            "dL/dz1",
            "(yhat-y)·W2ᵀ·σ'(z1)",
            "between a 3x1 matrix and a vector of 3 has more than one meaning",
        ),
        (
            DEAD,
            "z2[1]",
            "1/(h1·h1)",
            "write a @ b or a * b",
        ),  # though h1 has a 0, by which nothing can be divided
        (NUMBERS, "h1", "σ(z1)", "σ has two meanings in this network"),
        (NUMBERS, "dL/dz1", "δ*x", "unknown name delta: write dL/dz2 or the like"),
        (NUMBERS, "dL/dW1[1,1]", "dL/dW1_11", "may be the entry W1[1,1] or W1[11]"),
        (NUMBERS, "h1", "h¹", "h is no quantity"),
        (SQUARE, "L", "½·Σ(y−ŷ)²", "Σ(...)² may be a sum of squares or the square of a sum"),
        (SQUARE, "L", "½·Σ(k, y[k]−ŷ[k])^2", "write sum((...)**2)"),
        (
            SQUARE,
            "L",
            "½·Σ((y[k]−ŷ[k])²)",
            "sum of a single number: write sum(k, ...) with the letter",
        ),
        (SQUARE, "L", "½·Σ_k (y[k]−ŷ[k])", "Σ stands for sum: write sum(k, ...)"),
        (TANH, "L", "-ln yhat", "ln stands alone, expected ln(...)"),
        (TANH, "L", "-log10(yhat[2])", "write log(u)/log(10)"),
        (
            TANH,
            "dL/dh1",
            "W2ᵀ(yhat - y)",
            "indices stand in square brackets|an operator or the end",
        ),
        (TANH, "dL/dz2", "yhat - y)", "a closing bracket too many"),
        (TANH, "h1[1]", "h1(1)", "indices stand in square brackets"),
        (TANH, "L", "1/2(y - yhat)**2", "write * or @ between two factors"),  # two meanings
        (TANH, "z2", "W2 @ 1(h1)", "write * or @ between two factors"),
        (TANH, "z2", "W2·1(h1)", "write * or @ between two factors"),
        (TANH, "h1", "h1**1(1)", "write * or @ between two factors"),
        (TANH, "h1", "(1)(h1)", "write * or @ between two factors"),
        (NUMBERS, "z1", "W₁ @ x", "character '₁'"),
        (NUMBERS, "z1", "W1 ⊞ x", "character '⊞' at column 4"),
        (NUMBERS, "h1", "softmax'(z1)", "softmax' is not known"),
        (NUMBERS, "sum(z1)", "sum(x, z1[x])", "x is a quantity, and cannot be an index as well"),
        (NUMBERS, "dz2/dW1", "(dz1/dW1).T", ".T of an array of"),
        (
            SYMBOLS,
            "dL/dW1[i,j]",
            "sum(n, dL/dz1[n,i]*x[n,j])",
            "the sheet has one example, and so no index for it",
        ),
    ],
)
def test_what_has_no_meaning_or_several_is_unread(
    head: str, quantity: str, line: str, reason: str
) -> None:
    found = judged(head, quantity, line)
    assert (found.verdict, found.mistakes) == ("unread", [])
    assert any(words in found.message for words in reason.split("|"))
    assert len(found.working) == found.unread_lines == 1


@pytest.mark.parametrize(
    ("head", "quantity", "line"),
    [
        # generous reading makes nothing right that is wrong
        (SQUARE, "dL/dh1", "W2·(yhat - y)"),
        (SIGMOID, "dL/dz1", "(W2.T·dL/dz2)·sigmoid(z1)"),
        (SIGMOID, "dL/dx", "W1.T·(W2.T·dL/dz2)"),
        (SQUARE, "dL/dh1", "W2 @ (yhat − y)"),
        (TANH, "dL/dh1", "W2·(ŷ - y)"),
        (SIGMOID, "dL/dh1", "W2 @ (yhat - y)"),
        (NUMBERS, "dL/dz2", "W3 @ (yhat - y)"),
        (BATCH, "yhat", "exp(z2)/sum(exp(z2))"),
        (SQUARE, "dyhat/dz1", "relu'(z1).T * W2.T"),
        (TANH, "dL/dz1", "dL/dh1 * (1 - z1**2)"),
        (TANH, "dL/dW1", "x @ dL/dz1.T"),
        (NUMBERS, "z1", "W1 * x.T"),
        (NUMBERS, "L", "(y − ŷ)²"),
        (BATCH, "dL/db1", "mean(dL/dz1)"),
        (SYMBOLS, "dL/dW1[i,j]", "∂L/∂h1[i]·x[j]"),
        (SYMBOLS, "dL/dh1", "δ·W3·W2.T"),
    ],
)
def test_what_is_wrong_stays_wrong(head: str, quantity: str, line: str) -> None:
    assert judged(head, quantity, line).verdict == "wrong"


def test_a_row_is_right_where_only_the_shape_differs_and_that_is_said() -> None:
    found = judged(SIGMOID, "dL/dW2", "outer(h1, yhat - y)")
    assert found.verdict == "right"
    assert found.messages == [
        "its shape is 3x1, that of the quantity 1x3: only the numbers are the same"
    ]
    assert judged(SIGMOID, "dL/dW2", "outer(yhat - y, h1)").messages == []
    row = judged(SIGMOID, "dL/dh1", "(yhat - y)*W2")
    assert (row.verdict, row.messages) == ("right", [])
    assert row.working[0].read_as == ("the 1x3 matrix stands for a vector of 3",)


def test_how_a_line_was_read_is_kept_beside_it() -> None:
    def read_as(head: str, quantity: str, line: str) -> tuple[str, ...]:
        return judged(head, quantity, line).working[0].read_as

    assert read_as(BATCH, "z1", "x @ W1.T + b1") == ("the vector of 2 stands for every example",)
    assert read_as(TANH, "dL/dW1", "dL/dz1 @ x.T") == (
        "a vector before a row: the 3x2 outer product",
    )
    assert read_as(NUMBERS, "z2", "W2·h1 + b2") == ("· is the matrix product",)
    assert read_as(BATCH, "L", "-sum(y*log(yhat))/3") == (
        "sum is over all entries, those of all examples",
    )
    assert read_as(BATCH, "yhat", "softmax(z2)") == ("softmax goes over the last axis",)
    assert read_as(NUMBERS, "z2", "W2 @ h1 + b2") == ()


def test_a_false_line_hidden_behind_an_odd_character_is_said_in_the_verdict() -> None:
    (found,) = judgements(NUMBERS, ("z1", "[-1, 2, 3]", "'W1 ⊞ x', 'W1 @ x + b1'"))
    assert (found.verdict, found.unread_lines) == ("right", 1)
    (found,) = judgements(NUMBERS, ("z1", "[-1, 2, 3]", "'W1 ⊞ x', 'W1 @ x'"))
    assert (found.verdict, found.unread_lines) == ("lucky", 1)


@pytest.mark.parametrize("spelling", SYNONYMS)
def test_every_synonym_is_one(spelling: str) -> None:
    """It is read as what the table has for it, wherever it stands."""
    names = ("W1", "x", "y", "yhat", "z1", "L")
    text = {
        "∂": "∂L/∂x",
        "ŷ": "ŷ",
        "ᵀ": "W1ᵀ",
        "⊤": "W1⊤",
        "′": "relu′(x)",
        "’": "relu’(x)",
        "^": "x^2",
    }
    text |= {greek: f"{greek}(k, x[k])" for greek in "∑Σ"} | {"σ": "σ(x)", "δ": "δ*x", "η": "η*x"}
    written = text.get(spelling, f"x {spelling} z1")
    if len(spelling.join("xx")) == 3 and spelling in "½¼¾⅓⅔":
        written = f"{spelling}*x"
    notation = {name: parse("z1", names) for name in ("delta", "eta")}
    assert parse(written, names, notation) == parse(
        written.replace(spelling, SYNONYMS[spelling]), names, notation
    )


@pytest.mark.parametrize("function", DERIVATIVES)
def test_every_derivative_has_a_name(function: str) -> None:
    assert DERIVATIVES[function] in FUNCTIONS


# What the program writes can be typed back

SHEETS = [
    *sorted(HOMEWORKS.glob("*.toml")),
    *sorted(PUBLISHED.glob("*.toml")),
    *sorted(GRADED.glob("*.toml")),
]


def toml(value) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(toml, value))}]"
    return json.dumps(value)


@pytest.mark.parametrize("path", every(9, SHEETS), ids=lambda path: path.stem)
def test_what_json_says_can_be_typed_back(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Truths, and their digits, as values; formulas as lines of working."""
    main(["--json", str(path)])
    head = path.read_text().split("[[claim]]")[0]
    for claim in json.loads(capsys.readouterr().out)["sheets"][0]["claims"]:
        texts = [f"[[claim]]\nquantity = {toml(claim['quantity'])}\n"]
        answers = [
            claim["truth"],
            claim["truth_digits"],
            claim["claimed"],
            *(l["value"] for l in claim["working"]),
        ]
        for answer in answers:
            text, quantity = texts[0], claim["quantity"]
            # The formula of an entry, of a claim on a whole array.
            if isinstance(answer, str) and " = " in answer:
                quantity, answer = answer.split(" = ")
                text = f"[[claim]]\nquantity = {toml(quantity)}\n"
            if answer is None:
                continue
            symbolic = isinstance(answer, str) and any(
                c.isalpha() for c in answer.lower().replace("e", "")
            )
            texts.append(
                text
                + (f"working = [{toml(answer)}]\n" if symbolic else f"value = {toml(answer)}\n")
            )
        for line in claim["working"]:
            if line["verdict"] != "unread":
                texts.append(texts[0] + f"working = [{toml(line['text'])}]\n")
        if claim["verdict"] == "unread":
            continue
        for read in gradsheet.read(head + "".join(texts)).claims:
            assert not read.error, (read.quantity, read.error)
            assert all(line.tree is not None for line in read.working), read.working


@pytest.mark.parametrize("path", every(9, SHEETS), ids=lambda path: path.stem)
def test_what_is_written_as_a_sheet_can_be_read(path: Path) -> None:
    sheet = gradsheet.read(gradsheet.solution.answer_sheet(solution_of(path)))
    assert not any(claim.error for claim in sheet.claims)
    assert not any(line.tree is None for claim in sheet.claims for line in claim.working)


@pytest.mark.parametrize("path", SHEETS, ids=lambda path: path.stem)
def test_the_formulas_and_numbers_in_messages_can_be_typed_back(path: Path) -> None:
    sheet, said = gradsheet.load(path), []
    for judgement in report_on(path).judgements:
        for text in judgement.reasons():
            if found := re.search(r"right given the earlier (.*)", text):
                for quantity, number in re.findall(r"(\S+) = (\[.*?\]|\S+) \(line \d+\)", found[1]):
                    said += [quantity, number]
            said += re.findall(r"that is (\S+), not (\S+)", text)[:1] and re.findall(
                r"that is (\S+), not", text
            )
            said += [
                side for pair in re.findall(r"(\w+\S*) stands for (\w+\S*)", text) for side in pair
            ]
            said += re.findall(
                r"(?:gives|the truth is|, true) (-?\d\S*|\[(?:[^a-z]|e-?\d)*\])", text
            )
            said += re.findall(
                r"(?:derivative of the activation, |the derivative of )(\w+'\(\w+\))", text
            )
    for text in said:
        parse(text.rstrip(",;:"), sheet.network.names, sheet.notation)


def test_exercises_and_filled_sheets_can_be_read() -> None:
    made = exercise(
        Outline((2, 3, 1), ("relu", "identity"), "half_squared_error", None, True, ""), "7"
    )
    for text in (made.problem, made.key, fill(made.problem)):
        assert tomllib.loads(text)["claim"]
        assert not any(claim.error for claim in gradsheet.read(text).claims)


def test_the_formulas_in_the_words_of_mistakes_are_of_the_language() -> None:
    """No delta1 that nobody can type, and no product without its sign."""
    for mistake in CATALOGUE:
        assert "delta{l}" not in mistake.text, mistake.code
        assert ") log(" not in mistake.text, mistake.code
        assert " (1 - h" not in mistake.text, mistake.code


def test_a_list_for_all_values_of_a_letter_is_not_read_as_the_answer_for_each() -> None:
    found = judged(NUMBERS, "dL/dW1[2,j]", value="[14, 7]")
    assert found.verdict == "unread"
    assert "write the quantity without j" in found.message
    assert judged(NUMBERS, "dL/dW1[2]", value="[14, 7]").verdict == "right"
    assert judged(NUMBERS, "dL/dW1[i,j]", value="[[0, 0], [14, 7], [-14, -7]]").verdict == "unread"
