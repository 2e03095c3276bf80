"""The verdicts: on the homeworks as printed, on claims for each verdict, and
never without agreeing witnesses."""

import jax
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import gradsheet
import manual
import ref
from gradsheet.claims.counting import operations
from gradsheet.numbers.budget import MAX_OPERATIONS
from tests import witnesses
from tests.networks import Problem, examples, printable_problems, rational_problems
from tests.sheets import (
    HOMEWORKS,
    NET,
    NUMBERS,
    SYMBOLS,
    judged,
    judgements,
    side_by_side,
    verdicts,
)


def test_the_numbers_of_17_april_2024():
    report = gradsheet.judge(gradsheet.load(HOMEWORKS / "numbers.toml"))
    found = [(j.claim.quantity, j.claimed, j.truth, j.verdict) for j in report.judgements]
    assert found == [
        ("z1", ["-1", "2", "3"], ["-1", "2", "3"], "right"),
        ("h1", ["0", "2", "3"], ["0", "2", "3"], "right"),
        ("z2", ["9", "6", "-4"], ["9", "6", "-4"], "right"),
        ("yhat", "5", "5", "right"),
        ("L", "6.125", "49/8", "right"),
        ("dL/dW3[1,2]", "42", "21", "wrong"),
        ("dL/dW2[2,2]", "28", "7", "wrong"),
        ("dL/dW1[2,1]", "14", "14", "lucky"),
    ]
    factor, swapped, lucky = report.judgements[5:]
    assert factor.message == "2 times the truth; line 2, '-2*(y - yhat) * dyhat/dW3[1,2]', gives 42"
    assert [line.verdict for line in factor.working] == ["right", "wrong", "wrong", "wrong"]
    assert [line.value for line in swapped.working] == ["7", "14", "14"]
    assert swapped.message.endswith("its own last line gives 14, not 28")
    assert lucky.message.endswith("its own last line gives 28, not 14")
    assert "loss half squared error" in report.reading
    assert "relu, identity, identity" in report.reading
    assert "relu'(0) = 0" in report.reading
    assert all(j.as_expected for j in report.judgements)


def test_the_symbols_of_homework_3():
    report = gradsheet.judge(gradsheet.load(HOMEWORKS / "symbols.toml"))
    verdicts = {j.claim.question: j.verdict for j in report.judgements}
    assert len(verdicts) == 17
    assert {item for item, verdict in verdicts.items() if verdict == "right"} == {
        *"1234567",
        "11",
        "12",
        "14",
        "15",
    }
    assert {item for item, verdict in verdicts.items() if verdict == "wrong"} == {
        "8",
        "9",
        "10",
        "13",
        "16",
        "17",
    }
    assert all(j.as_expected for j in report.judgements)
    messages = {j.claim.question: j.message for j in report.judgements}
    assert messages["13"] == "has shape 3, the quantity 2x3"
    assert messages["10"].endswith("has shape 3, the quantity of a number")
    for item in ("8", "9", "16", "17"):
        witness = next(j.witness for j in report.judgements if j.claim.question == item)
        assert witness.startswith("x = [")
        assert "dL/dyhat = [" in witness


def test_the_verdicts_depend_on_the_reading():
    """With a ReLU behind layer 2 as well, further items of homework 3 are wrong."""
    text = (
        (HOMEWORKS / "symbols.toml")
        .read_text()
        .replace("shape = [2, 3]", 'shape = [2, 3]\nactivation = "relu"')
    )
    report = gradsheet.judge(gradsheet.read(text))
    assert "layers relu, relu, identity" in report.reading
    wrong = {j.claim.question for j in report.judgements if j.verdict == "wrong"}
    assert wrong == {"7", "8", "9", "10", "11", "12", "13", "14", "15", "16", "17"}


def test_every_changed_digit_of_the_homework_flips_its_verdict():
    text = (HOMEWORKS / "numbers.toml").read_text()
    before = [j.verdict for j in gradsheet.judge(gradsheet.read(text)).judgements]
    digits = [
        ("= [-1, 2, 3]\n", "= [-1, 2, 4]\n"),
        ("= [0, 2, 3]\n", "= [0, 1, 3]\n"),
        ("= [9, 6, -4]\n", "= [9, 6, 4]\n"),
        ("= 5\n", "= 6\n"),
        ("= 6.125\n", "= 6.124\n"),
        ("= 42\n", "= 41\n"),
        ("= 28\n", "= 27\n"),
        ("= 14\n", "= 15\n"),
    ]
    for number, (old, new) in enumerate(digits):
        assert text.count(old) == 1
        report = gradsheet.judge(gradsheet.read(text.replace(old, new)))
        changed = [k for k, j in enumerate(report.judgements) if j.verdict != before[k]]
        # The two wrong ones stay wrong whatever number stands there, but for the true one.
        assert changed == ([] if before[number] == "wrong" else [number])
    assert [
        j.verdict
        for j in gradsheet.judge(gradsheet.read(text.replace("= 42\n", "= 21\n"))).judgements
    ] == [*before[:5], "lucky", *before[6:]]


@pytest.mark.parametrize(
    ("quantity", "value", "working", "verdict", "message"),
    [
        ("dL/dW3[1,2]", "21", ["-(y - yhat)*z2[2]"], "right", ""),
        ("dL/dW3[1,2]", "21.0", [], "right", ""),
        ("dL/dW3[1,2]", "'42/2'", [], "right", ""),
        ("dL/dW3[1,2]", "", ["21"], "right", ""),
        ("dL/dW3[1,2]", "", ["42", "21"], "lucky", "line 1, '42', gives 42"),
        ("dL/dW3[1,2]", "", ["21", "42"], "wrong", "line 2, '42', gives 42"),
        ("dL/dW3[1,2]", "-21", [], "wrong", "the truth with the wrong sign"),
        ("dL/dW3[1,2]", "7", [], "wrong", "1/3 of the truth"),
        ("dL/dW3[1,2]", "21.5", [], "wrong", "off by 0.5"),
        ("dL/dW3", "[31.5, 21, -14]", [], "right", ""),
        ("dL/dW3", "[[31.5, 21, -14]]", ["outer(dL/dyhat, h2)"], "right", ""),
        ("dL/dW3", "[31.5, 21, 14]", [], "wrong", "1 of 3 entries: [3] is 14, true -14"),
        ("dL/dW3", "[31.5, 21]", [], "wrong", "has shape 2, the quantity 1x3"),
        ("z1[i]", "2", [], "wrong", "-2 times the truth at i = 1"),
        ("yhat", "[[5]]", [], "right", ""),
        ("L", "6.1", ["(1.5 - 5)**2/2"], "right", ""),
        ("L", "6.13", [], "right", ""),
        ("L", "6.14", [], "wrong", "off by 0.015"),
        ("L", "6", [], "wrong", "48/49 of the truth|off by -1/8"),
        ("dh1/dz1", "[[0,0,0],[0,1,0],[0,0,1]]", [], "right", ""),
        ("z1[4]", "3", [], "wrong", "z1[4]: index 1 is 4, outside 1 to 3"),
        ("z1[0]", "3", [], "wrong", "indices start at 1"),
        ("z1[1,1]", "3", [], "wrong", "has 2 indices, z1 has 1 axes"),
        ("z1", "[-1, 2, 3]", ["h1 * x"], "lucky", "* between shapes (3,) and (2,)"),
        ("z1", "[-1, 2, 3]", ["z1"], "lucky", "quotes the quantity"),
        ("z1", "[-1, 2, 3]", ["1/0"], "lucky", "a division by 0"),
        ("z1", "[-1, 2, 3]", ["[-1.0, 2.0, 3.0]"], "right", ""),
        ("dL/dz3", "3.5", ["-(y - yhat)"], "right", ""),
        ("-dL/dz3", "-3.5", [], "right", ""),
    ],
)
def test_a_claim_with_numbers(quantity, value, working, verdict, message):
    found = judged(NUMBERS, quantity, *working, value=value)
    assert found.verdict == verdict, found.message
    assert any(part in found.message for part in message.split("|"))
    assert bool(found.message) == (verdict != "right")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("W1 * x", "between a 3x2 matrix and a vector of 2 has more than one meaning"),
        ("W1 @ q", "q is no quantity"),
        ("W1 @", "found the end"),
        ("import os", "unknown name import"),
    ],
)
def test_a_line_that_is_not_read_decides_nothing(line, reason):
    right = judged(NUMBERS, "z1", line, value="[-1, 2, 3]")
    wrong = judged(NUMBERS, "z1", line, value="[-1, 2, 4]")
    alone = judged(NUMBERS, "z1", line)
    beside = judged(NUMBERS, "z1", line, "W1 @ x + b1")
    assert [j.verdict for j in (right, wrong, alone, beside)] == [
        "right",
        "wrong",
        "unread",
        "right",
    ]
    assert all(reason in j.message and j.unread_lines == 1 for j in (right, wrong, alone, beside))


OVER_ALL_WEIGHTS = [
    ("dL/dW1[i,j]", "sum(m, delta*W3[1,m]*W2[m,i])*drelu(z1[i])*x[j]", "right"),
    ("dL/dW1[i,j]", "sum(m, delta*W3[1,m]*W2[m,i])*step(h1[i])*x[j]", "right"),
    ("dL/dW1", "outer((delta*W3 @ W2)[1].T*drelu(z1), x)", "right"),
    ("dL/dW1", "delta*outer(((W3 @ W2)[1])*drelu(W1 @ x), x)", "right"),
    ("dL/dW1[i,j]", "dL/dz1[i]*x[j]", "right"),
    (
        "dL/dW1[i,j]",
        "sum(m, delta*W3[1,m]*W2[m,i])*x[j]",
        "wrong",
    ),  # the mask is missing: wrong where i is dead
    ("dL/dW1[i,j]", "sum(m, delta*W3[1,m]*W2[m,i])*relu(z1[i])*x[j]", "wrong"),
    ("dL/dW1[i,j]", "sum(m, delta*W3[1,m]*W2[m,i])*drelu(z1[j])*x[j]", "wrong"),
    ("dL/dW1[i,j]", "sum(m, delta*W3[1,m]*W2[m,i])*drelu(z1[i])*x[1]", "wrong"),
    ("dL/dW1[i,1]", "sum(m, delta*W3[1,m]*W2[m,i])*drelu(z1[i])*x[1]", "right"),
    ("dL/dW1[i,j]", "0", "wrong"),
    ("dL/dW2[i,j]", "delta*W3[1,i]*h1[j]", "right"),
    ("dL/dW2[i,j]", "delta*W3[1,i]*z1[j]", "wrong"),  # z for h
    ("dL/dW2", "outer(delta*W3[1], h1)", "right"),
    ("dL/dW2", "outer(h1, delta*W3[1])", "wrong"),
    ("dL/dh1", "delta*W3 @ W2", "right"),
    ("dL/dh1", "W2.T @ W3.T * delta", "right"),
    ("dL/dh1", "-delta*W3 @ W2", "wrong"),
    ("dL/dh1", "2*delta*W3 @ W2", "wrong"),
    ("dL/dx", "(dL/dz1) @ W1", "right"),
    ("dyhat/dx", "W3 @ W2 @ dh1/dx", "right"),
    ("dyhat/dx", "W3 @ W2 @ W1", "wrong"),
    ("h1[i]", "relu(z1[i])", "right"),
    ("h1[i]", "z1[i]*step(z1[i])", "right"),
    ("h1[i]", "(z1[i]**2)**1/z1[i]*step(z1[i])", "right"),  # passed over where z is 0
    ("h1[i]", "z1[i]", "wrong"),
    ("h1[i]", "relu(z1[i] - 1/1000000)", "wrong"),
    ("drelu(z1[i])", "1 - step(-z1[i])", "wrong"),  # 1 at the kink
    ("dh1[i]/dz1[i]", "step(z1[i])", "right"),
    (
        "dh1[i]/dz1[i]",
        "1 - step(-z1[i])",
        "right",
    ),  # there is no derivative at the kink to contradict it
    ("yhat", "W3 @ W2 @ relu(W1 @ x)", "right"),
    ("yhat", "W3 @ relu(W2 @ W1 @ x)", "wrong"),
    ("dL/dW3[1,i]", "delta*sum(j, W2[i,j]*h1[j])", "right"),
    ("dL/dW3[1,i]", "delta*sum(j, W2[i,j]*h1[j]) + W3[1,1] - W3[1,1]", "right"),
    ("dL/dW3[1,i]", "delta*sum(j, W2[i,j]*h1[j])*W3[1,1]/W3[1,1]", "right"),
    (
        "dL/dW3[1,i]",
        "delta*h2[i] + (x[1]-1)*(x[1]-2)*(x[1]-3)*(x[1]+1)*(x[1]+2)*(x[1]+3)",
        "wrong",
    ),
    ("dL/dW3[1,i]", "delta*h2[k]", "wrong"),
    ("dL/dW3[1,i]", "delta*h2[i]**2/h2[j]", "wrong"),
]


def test_a_claim_over_all_weights():
    cases = [(SYMBOLS, quantity, line) for quantity, line, _ in OVER_ALL_WEIGHTS]
    for found, (*claim, verdict) in zip(side_by_side(*cases), OVER_ALL_WEIGHTS, strict=True):
        assert found.verdict == verdict, (claim, found.message)
        assert bool(found.message) == (verdict == "wrong"), claim


def test_a_number_may_be_claimed_of_all_weights():
    assert judged(SYMBOLS, "dh2[1]/dW2[2,j]", value="0").verdict == "right"
    assert judged(SYMBOLS, "dh2[1]/dW2[1,j]", value="0").verdict == "wrong"


def test_an_identity_may_hold_with_a_loss_in_symbols():
    head = 'loss = "half_squared_error"\n' + SYMBOLS
    assert judged(head, "dL/dyhat", "yhat - y").verdict == "right"
    assert judged(head, "dL/dyhat", "y - yhat").verdict == "wrong"
    assert judged(head, "dL/dyhat", "2*(yhat - y)").verdict == "wrong"
    assert judged(head, "L", "(yhat - y)**2/2").verdict == "right"


KINK = """
loss = "half_squared_error"
x = [1, 1]
y = 0
[[layer]]
W = [[1, -1], [2, 1], [0, 3]]
activation = "relu"
[[layer]]
W = [[1, 1, 1]]
"""


@pytest.mark.parametrize(
    ("quantity", "value", "verdict"),
    [
        ("h1[1]", "0", "right"),
        ("dL/dW2", "[0, 18, 18]", "right"),  # no kink on the way to W2
        ("dL/dW1[2,1]", "6", "right"),
        ("dL/dW1[1,1]", "0", "cannot_tell"),
        ("dL/dW1[1,1]", "6", "cannot_tell"),
        ("dL/dx", "[0, 0]", "cannot_tell"),
    ],
)
def test_no_verdict_at_a_kink(quantity, value, verdict):
    found = judged(KINK, quantity, value=value)
    assert found.verdict == verdict
    if verdict == "cannot_tell":
        kink = "a kink is in the way, the argument of relu is exactly 0"
        assert found.message.startswith(f"{kink}: from the left")


@pytest.mark.parametrize(
    ("formula", "kink"),
    [
        ("leaky_relu(x, 1/10)", "an argument is exactly 0"),
        ("max(x, 0)", "both sides of a maximum are equal"),
        ("where(x > 0, x, 2*x)", "both sides of a comparison are equal"),
        ("max(concat([x], [0]))", "several entries are the largest"),
    ],
)
def test_what_stands_at_a_kink_is_said(formula, kink):
    text = f"network = 'y = {formula}'\ngiven = {{x = 0}}\n"
    assert f"a kink is in the way, {kink}: from" in judged(text, "dy/dx", value="1").message


def test_a_kink_that_changes_nothing_is_no_kink():
    """The unit at z = 0 is multiplied by 0 behind: both sides have the same slope."""
    assert (
        judged(KINK.replace("[[1, 1, 1]]", "[[0, 1, 1]]"), "dL/dW1[1,1]", value="0").verdict
        == "right"
    )


def test_a_derivative_at_a_kink_that_the_chain_rule_does_not_find():
    """relu(z) - relu(-z) is z: the derivative is 1, while relu'(0) = 0 makes it
    0. No verdict on either."""
    head = (
        "loss = 'output'\nx = [0]\n[[layer]]\nW = [[1], [-1]]\nactivation = "
        "'relu'\n[[layer]]\nW = [[1, -1]]\n"
    )
    for value in ("0", "1"):
        found = judged(head, "dL/dx", value=value)
        assert found.verdict == "cannot_tell"
        assert "from the left dL/dx is 1, from the right 1" in found.message


@pytest.mark.parametrize("room", witnesses.ROOMS)
def test_where_witnesses_disagree_there_is_no_verdict(monkeypatch, room):
    witnesses.plant(monkeypatch, room)
    found = judged(NUMBERS, "dL/dW3[1,2]", value="21")
    assert found.verdict == "cannot_tell"
    assert "the witnesses disagree on dL/dW3" in found.message
    assert judged(NUMBERS, "yhat", value="5").verdict == "right"  # elsewhere they agree


@pytest.mark.parametrize("room", witnesses.ROOMS[:3])
def test_where_witnesses_disagree_on_the_forward_pass_there_is_no_verdict(monkeypatch, room):
    witnesses.plant_in_values(monkeypatch, room)
    found = judged(NUMBERS, "h1", value="[0, 2, 3]")
    assert found.verdict == "cannot_tell"
    against = "JAX" if room == "JAX" else "the formulas"
    assert f"the witnesses disagree on h1: NumPy by hand against {against}" in found.message
    assert judged(NUMBERS, "z1", value="[-1, 2, 3]").verdict == "right"


def text(values) -> str:
    """Exact values as TOML."""
    return f"[{', '.join(map(text, values))}]" if isinstance(values, list) else f"'{values}'"


def sheet_of(problem: Problem) -> str:
    """A problem as a sheet, without claims."""
    exact = problem.exact()
    lines = [
        f"loss = '{problem.loss}'",
        f"reduction = '{problem.reduction}'",
        f"x = {text(exact.x.tolist())}",
    ]
    lines += [] if exact.y is None else [f"y = {text(exact.y.tolist())}"]
    for (W, b), activation in zip(exact.params, exact.activations, strict=True):
        name = activation if isinstance(activation, str) else activation[0]
        lines += ["[[layer]]", f"W = {text(W.tolist())}", f"activation = '{name}'"]
        lines += ["slope = 0.25"] if name == "leaky_relu" else []
        lines += (
            []
            if b is None
            else [f"b = {text(b.tolist())}", f"shared_bias = {str(not b.ndim).lower()}"]
        )
    return "\n".join(lines) + "\n"


@examples(1)
@given(rational_problems, st.fractions(-2, 2).filter(bool), st.data())
def test_random_sheets_right_is_right_and_wrong_is_wrong(problem, error, data):
    """Every quantity claimed truly and, one entry off, falsely: a kink may
    withhold a verdict, never turn it."""
    exact = problem.exact()
    cache = manual.forward(exact.params, exact.x, exact.activations)
    L, grads = manual.gradients(*exact.arguments, **exact.options)
    truths = {
        "L": np.array(L, object),
        "yhat": cache.h[-1],
        "z1": cache.z[0],
        "dL/dx": grads.h[0],
        "dL/dz1": grads.z[0],
    }
    truths |= {f"dL/dW{l}": layer.W for l, layer in enumerate(grads.params, 1)}
    truths |= {
        f"dL/db{l}": layer.b for l, layer in enumerate(grads.params, 1) if layer.b is not None
    }
    claims = []
    for quantity, truth in truths.items():
        off = truth.copy()
        off[data.draw(st.sampled_from(list(np.ndindex(truth.shape))))] += error
        claims += [
            f"[[claim]]\nquantity = '{quantity}'\nvalue = {text(v.tolist())}" for v in (truth, off)
        ]
    report = gradsheet.judge(gradsheet.read(sheet_of(problem) + "\n".join(claims)))
    for true, false in zip(report.judgements[::2], report.judgements[1::2], strict=True):
        assert (true.verdict, false.verdict) in (
            ("right", "wrong"),
            ("right", "carried_forward"),
            ("cannot_tell", "cannot_tell"),
        ), true.claim.quantity
        if true.verdict == "cannot_tell":
            assert "a kink is in the way" in true.message
            assert true.claim.quantity[0] == "d"


@examples(2)
@given(printable_problems, st.integers(3, 9), st.sampled_from([-1, 1]), st.data())
def test_random_sheets_with_exp_and_log_are_judged_by_their_digits(problem, places, sign, data):
    """Claims printed from JAX's float64: right as they are, wrong two units
    off, whatever activation and loss."""
    in_jax = jax.jit(
        lambda params, x, y: ref.gradients(params, x, y, problem.activations, **problem.options)
    )
    L, grads = jax.tree.map(np.asarray, in_jax(problem.params, problem.x, problem.y))
    yhat = manual.forward(problem.params, problem.x, problem.activations).h[-1]
    truths = {"L": L, "yhat": yhat, "dL/dx": grads.h[0], "dL/dz1": grads.z[0]}
    truths |= {f"dL/dW{l}": layer.W for l, layer in enumerate(grads.params, 1)}
    truths |= {
        f"dL/db{l}": layer.b for l, layer in enumerate(grads.params, 1) if layer.b is not None
    }
    # What floats may have got wrong in the last place is not what this is about.
    assume(all(np.isfinite(t).all() and (abs(t) < 1e6).all() for t in truths.values()))
    assume(all((abs(abs(t) * 10.0**places % 1 - 0.5) > 1e-3).all() for t in truths.values()))
    unit = 10.0**-places

    def printed(values):
        return (
            f"[{', '.join(map(printed, values))}]"
            if isinstance(values, list)
            else f"'{values:.{places}f}'"
        )

    name = data.draw(st.sampled_from(sorted(truths)))
    off = truths[name].copy()
    off[data.draw(st.sampled_from(list(np.ndindex(off.shape))))] += sign * 2 * unit
    claims = [f"[[claim]]\nquantity = '{name}'\nvalue = {printed(off.tolist())}\n"]
    claims += [
        f"[[claim]]\nquantity = '{q}'\nvalue = {printed(t.tolist())}\n" for q, t in truths.items()
    ]
    sheet = gradsheet.read(sheet_of(problem) + "".join(claims))
    assume(operations(sheet) <= MAX_OPERATIONS)
    false, *true = gradsheet.judge(sheet).judgements
    kink = "a kink is in the way"
    assert false.verdict == "wrong" or kink in false.message
    for judgement in true:
        assert judgement.verdict == "right" or kink in judgement.message, judgement.claim.quantity


def test_undecided_is_not_wrong_in_a_line_of_working():
    found = judged(KINK, "dL/dW1[2,1]", "6 + 0*dL/dW1[1,1]", value="6")
    assert (found.verdict, found.working[0].verdict) == ("cannot_tell", "cannot_tell")


def test_the_last_line_is_the_one_that_the_number_follows_from() -> None:
    found = judged(NUMBERS, "z1[1]", "x[2] - 3", "x[2] - 4", value="-1")
    assert "its own last line gives -3, not -1" in found.message


def test_digits_have_an_end() -> None:
    """At the last rung what is too close has no verdict; there is no further one to ask for."""
    found = judged(NET, "x[1] - x[1]", "exp(-9000) - exp(-9000 - exp(-9000))")
    assert (found.verdict, "cannot be decided with 640 digits" in found.message) == (
        "cannot_tell",
        True,
    )


def test_a_claim_that_the_last_digits_leave_open_has_no_verdict():
    found = judged(NET, "z1[1]", value="'1/7'")
    assert found.verdict == "wrong"
    line = "exp(-5000*x[1]*x[1]) - exp(-5000*x[1]*x[1] - exp(-5000))"
    found = judged(NET, "x[1] - x[1]", line)
    assert found.verdict == "cannot_tell"
    assert "cannot be decided with 640 digits" in found.message


@pytest.mark.parametrize("frames", [0, 100])
def test_a_formula_as_large_as_may_be_is_judged_alone_and_after_another(frames):
    """Two trees of the same formula are compared, and hashed, within Python's stack."""

    def deeper(frames, text):
        return (
            deeper(frames - 1, text)
            if frames
            else gradsheet.judge(gradsheet.read(text)).judgements[0].verdict
        )

    for line in ("+".join("1" * 499), "*".join("1" * 499), "s74"):
        steps = "".join(f"s{k} = 'x[1] + s{k - 1}*x[2]'\n" for k in range(1, 75))
        notation = f"[notation]\ns0 = 'x[1]'\n{steps}"
        claim = f"[[claim]]\nquantity = 'L'\nworking = ['{line}']\n"
        assert deeper(frames, NUMBERS + notation + claim) == "wrong"
        assert deeper(frames, NUMBERS + notation + "q = 'W1[1,1]'\n" + claim) == "wrong"


def test_what_has_no_value_elsewhere_decides_nothing() -> None:
    head = "network = '''\nD = x*y\nG = 1/(6 - D)\nH = log(1 - D)\n'''\n"
    claims = [("dD/dx", "3"), ("dG/dx", "3"), ("dH/dx", "1"), ("dD/dy", "1"), ("dD/dx", "", "'x'")]
    found = judgements(head + "given = { x = 2, y = 3 }\n", *claims)
    assert [j.verdict for j in found] == ["right", "wrong", "wrong", "wrong", "wrong"]
    assert found[1].message == "dG/dx: G has no value here: a division by 0"
    letters = head + "given = { x = { shape = [] }, y = { shape = [] } }\n"
    claims = [("dD/dx", "", "'y'"), ("dD/dy", "", "'y'"), ("dH/dx", "", "'-y/(1 - D)'")]
    assert verdicts(letters, *claims) == ["right", "wrong", "right"]


def test_what_stands_above_is_derived_by_though_it_is_evaluated_later() -> None:
    """A recurrence waits until all else is known."""
    network = "h[0] = x\nh[t] = h[t-1] + v[t]\nL = x**2\nb[i] = v[i]**2"
    head = f"network = '''\n{network}\n'''\ngiven = {{ x = 0.5, v = [1, 2] }}\n"
    claims = [("dL/dh", "[0, 0]"), ("dL/dh", "[0, 1]"), ("dL/dh[0]", "0"), ("dL/db", "[0, 0]")]
    found = judgements(head, *claims, ("dh/dL", "[0, 0]"))
    assert [j.verdict for j in found] == ["right", "wrong", "right", "unread", "unread"]
    assert "L comes after h in the forward pass" in found[-1].message


def test_an_entry_beside_one_that_has_no_value_is_not_called_wrong() -> None:
    network = "w[0] = 2\nw[t] = log(w[t-1] - x[t])\nv[i] = 1/(x[i] - 1)"
    head = f"network = '''\n{network}\n'''\ngiven = {{ x = [1, 2] }}\n"
    claims = [
        ("w[1]", "0"),
        ("dw[1]/dx[1]", "-1"),
        ("w[0]", "2"),
        ("v[2]", "1"),
        ("1", "", "'v[2]'"),
    ]
    assert verdicts(head, *claims) == ["cannot_tell"] * 5
    assert verdicts(head, ("w", "[0, 1]"), ("v", "[1, 1]")) == ["wrong"] * 2


def test_the_side_that_where_does_not_take_makes_nothing_wrong():
    network = "y = where(x > 0, log(x), 0)\nz = -x\nu = 2*v"
    head = f'network = """\n{network}\n"""\ngiven = {{ x = -1, v = [-1, 2] }}\n'
    claims = (
        ("y", "0"),
        ("dy/dx", "0"),
        ("z", "", "'where(x > 0, sqrt(x), 1)'"),
        ("z", "", "'where(x < 0, sqrt(x), 1)'"),
        ("u", "", "'where(v < 0, 2*v, 4 + log(v) - log(v))'"),
    )
    found = verdicts(head, *claims)
    assert found == ["cannot_tell", "cannot_tell", "right", "wrong", "cannot_tell"]
