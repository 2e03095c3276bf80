"""Sheets written to get a wrong verdict, or to stall or crash the judge. Each
of these once succeeded."""

import json
import random
import time

import pytest

import gradsheet
from gradsheet.commands.cli import main
from tests.rounds import every
from tests.sheets import judged, side_by_side

LINEAR = "[[layer]]\nshape = [1, 1]\nbias = true\n"
LIVE = '[[layer]]\nshape = [2, 2]\nactivation = "relu"\n[[layer]]\nshape = [1, 2]\n'
SHARED = (
    '[[layer]]\nshape = [2, 1]\nactivation = "relu"\nshared_bias = true\n'
    '[[layer]]\nshape = [1, 2]\nactivation = "relu"\nshared_bias = true\n[[layer]]\nshape = [2, '
    "1]\n"
)
EIGHT = '[[layer]]\nshape = [8, 2]\nactivation = "relu"\n[[layer]]\nshape = [1, 8]\n'
NUMBERS = "x = [2, 1]\n[[layer]]\nW = [[1, 2], [3, 4]]\n"


LUCKY = [
    # a kink of the formula's own, on a layer that has none
    (LINEAR, "dL/dz1[i]", "dL/dyhat[i]*drelu(z1[i])", "wrong"),
    (LINEAR, "yhat", "relu(yhat)", "wrong"),
    (LINEAR, "yhat[i]", "relu(z1[i])", "wrong"),
    (LINEAR, "dL/dW1[i,j]", "dL/dz1[i]*relu(x[j])", "wrong"),
    (LINEAR, "2*x[i]", "2*relu(x[i]) - 2*relu(-x[i])", "right"),
    (LIVE, "drelu(x[1])", "1 - step(-x[1])", "wrong"),
    (LIVE, "drelu(2*z1[1])", "step(z1[1])", "right"),
    (LIVE, "dz1[1]/dz1[1]", "step(x[1]) + step(-x[1])", "wrong"),
    # a kink that no point is sure to have been on either side of
    (LIVE, "dh1[2]/dW1[1,1]", "step(4 - x[1])*step(x[1] - 3)", "wrong cannot_tell"),
    (LIVE, "dh1[2]/dW1[1,1]", "step(x[1] - (2**16)**16)", "wrong cannot_tell"),
    # a kink whose side is decided by many others at once
    (
        "[[layer]]\nshape = [1, 20]\n",
        "z1[1]",
        f"W1[1] @ x + step({'*'.join(f'step(x[{k}])' for k in range(1, 21))})",
        "wrong cannot_tell",
    ),
    (
        "[[layer]]\nshape = [1, 20]\n",
        "z1[1]",
        f"W1[1] @ x + relu({'+'.join(f'step(x[{k}])' for k in range(1, 21))} - 19)",
        "wrong cannot_tell",
    ),
    # undefined on half of all points
    (LIVE, "dz1[1]/dz1[1]", "1 + 0/step(x[1])", "wrong"),
    (LIVE, "dz1[1]/dz1[1]", "1 + 0*log(x[1])", "cannot_tell"),
    # undefined for a whole pattern, not only here and there
    (LIVE, "h1[1]", "0*x[1]/(1 - step(z1[1]))", "wrong"),
    (LIVE, "h1[1]", "z1[1]/step(z1[1])", "wrong"),
    (LIVE, "h1[1]", "h1[1+0]", "wrong"),
    (LIVE, "dh1[1]/dz1[1]", "x[1]*step(z1[1])/x[1]", "right"),
    # signs of the data in one combination only
    (
        "[[layer]]\nshape = [2, 6]\n",
        "z1[1]",
        "W1[1] @ x + " + "*".join(f"step(x[{k}])" for k in range(1, 7)),
        "wrong cannot_tell",
    ),
    # quoting itself in disguise
    (LIVE, "drelu(z1[i])", "1*drelu(z1[i])", "wrong"),
    (LIVE, "dL/dW1[i,j]", "2**0000000001000*dL/dz1[i]*x[j]", "unread"),
    # one pattern only
    (SHARED, "dh2[1]/db2", "step(sum(k, h1[k]))*step(z2[1])", "wrong"),
    (SHARED, "dh2[1]/db2", "step(z2[1])", "right"),
    (
        EIGHT,
        "dh1[2]/dW1[1,1]",
        "*".join(f"step(z1[{k}])" for k in range(1, 9)),
        "wrong cannot_tell",
    ),
    (
        EIGHT,
        "dh1[2]/dW1[1,1]",
        "*".join(
            [
                *(f"step(z1[{k}])" for k in range(1, 5)),
                *(f"(1-step(z1[{k}]))" for k in range(5, 9)),
            ]
        ),
        "wrong cannot_tell",
    ),
    (EIGHT, "dL/dW1[i,j]", "dL/dyhat[1]*W2[1,i]*drelu(z1[i])*x[j]", "right"),
    (EIGHT, "dL/dW1[i,j]", "dL/dyhat[1]*W2[1,i]*x[j]", "wrong"),
    # the same letter bound twice
    (LIVE, "sum(i, x[i])*sum(i, W2[1,i])", "sum(i, x[i]*sum(i, W2[1,i]))", "right"),
    # a contraction of a Jacobian with three axes
    (LIVE, "dL/dW1", "dL/dz1 @ dz1/dW1", "right"),
]


@pytest.mark.parametrize("again", every(2, range(2)))
def test_no_luck_with_formulas(again):
    """The large points differ from run to run, the verdict must not."""
    cases = [(head, quantity, line) for head, quantity, line, _ in LUCKY]
    for found, (*case, verdicts) in zip(side_by_side(*cases), LUCKY, strict=True):
        assert found.verdict in verdicts.split(), (case, found.message)


@pytest.mark.parametrize(
    ("head", "quantity", "value", "working", "verdict"),
    [
        (NUMBERS, "z1[1]", "0e9", [], "wrong"),
        (NUMBERS, "z1[1]", "", ["0e9"], "wrong"),
        (NUMBERS, "z1[2]*140", "1e3", [], "wrong"),
        (NUMBERS, "z1[2]*140", "1.4e3", [], "right"),
        # JAX underflows or overflows; the exact witnesses do not
        (
            "loss = 'half_squared_error'\ny = 1\nx = ['1e-155']\n[[layer]]\nW = [['1e-155']]\n",
            "yhat",
            "",
            ["W1@x"],
            "right",
        ),
        (
            "loss = 'squared_error'\ny = [1, 1]\nx = [1e200, 1]\n[[layer]]\nW = [[1, 2], [3, 4]]\n",
            "z1[1]",
            "",
            ["W1[1]@x"],
            "right",
        ),
        (f"x = ['{'9' * 39}e300']\n[[layer]]\nW = [[1]]\n", "z1", "", ["W1@x"], "right"),
        (
            f"x = ['1/{2**120}']\ny = 1\nloss = 'squared_error'\n" + "[[layer]]\nW = [[1]]\n" * 3,
            "yhat",
            "",
            ["x"],
            "right",
        ),
        (NUMBERS, "z1[1]", "", ["4 + 0*(1e300)**16"], "right"),
        (NUMBERS, "z1[1]", "4", ["((12**16)**16)**16"], "lucky cannot_tell"),
        (NUMBERS, "z1[1]", "", ["4 + 0*(1e300)**15*(1e300)**15*(1e300)**15"], "right"),
    ],
)
def test_no_luck_with_numbers(head, quantity, value, working, verdict):
    found = judged(head, quantity, *working, value=value)
    assert found.verdict in verdict.split(), found.message


def test_numbers_too_long_to_print_are_told_by_their_length():
    found = judged(NUMBERS, "z1[1]", "*".join(["(1e300)**15"] * 3))
    assert (found.verdict, found.working[0].value) == ("wrong", "a fraction of 13454 digits")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (NUMBERS + "[[claim]]\nquantity = 'dL/dW1'\nvalue = [[2, 1], [2, 1]]\n", "gives no loss"),
        (LIVE + "[[claim]]\nquantity = 'dL[1]/dW1[1,1]'\nworking = ['1']\n", "gives no loss"),
        (LIVE + "[[claim]]\nquantity = 'L'\nworking = ['1']\n", "gives no loss"),
        (NUMBERS + f"[[claim]]\nquantity = 'z1'\nvalue = '{'1' * 79}/1'\n", "digits"),
    ],
)
def test_a_claim_that_nobody_can_read_is_unread_at_once(text, message):
    (found,) = gradsheet.judge(gradsheet.read(text)).judgements
    assert found.verdict == "unread"
    assert message in found.message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            NUMBERS
            + "[notation]\na0 = 'x[1]'\n"
            + "".join(f"a{k} = 'a{k - 1} + a{k - 1}'\n" for k in range(1, 30)),
            "parts",
        ),
        (
            NUMBERS
            + "[notation]\na0 = 'x[1]'\n"
            + "".join(f"a{k} = '-(-(-(-(-(a{k - 1})))))'\n" for k in range(1, 300)),
            "nested deeper than 150",
        ),
        (".".join(["a"] * 60_000) + " = 1", "a key of more than 8 parts"),
        ("[" + ".".join(["a"] * 60_000) + "]", "a key of more than 8 parts"),
        ("x = {" + ".".join(['"a"'] * 1_000) + " = 1}", "a key of more than 8 parts"),
        (NUMBERS.replace("x = [2, 1]", f"x = {'[' * 70}1{']' * 70}"), "nested deeper than 4"),
        (
            NUMBERS + "[[layer]]\nW = [[1, 1]]\n" + "[[layer]]\nW = [[1]]\n" * 40,
            "more than 32 layers",
        ),
        (f"x = [{', '.join(['[2, 1]'] * 3000)}]\n" + NUMBERS[11:], "at most 4096"),
        ("learning_rate = 'abc'\n" + NUMBERS, "is no number"),
        ("update = 'weigths'\n" + NUMBERS, "did you mean 'weights'"),
        ("source = 3\n" + NUMBERS, "source is 3, expected text"),
        (NUMBERS.replace("[[layer]]", "[layer]"), r"expected \[\[layer\]\] in double brackets"),
        ("y = 1\n" + NUMBERS, "y is given, expected a loss with it"),
    ],
)
def test_what_stalls_or_misleads_is_refused_at_once(text, message):
    text += "" if "[[claim]]" in text else "[[claim]]\nquantity = 'z1'\nvalue = [4, 10]\n"
    start = time.process_time()
    with pytest.raises(gradsheet.SheetError, match=message):
        gradsheet.read(text)
    assert time.process_time() - start < 5  # once minutes; no timing, a hang


def test_work_has_an_end():
    letters = "abcdefghij"
    sums, product = "".join(f"sum({k}, " for k in letters), "*".join(f"x[{k}]" for k in letters)
    heavy = f"'{sums}{product}{')' * 10}'"
    claim = f"[[claim]]\nquantity = 'z1[1]'\nworking = [{', '.join([heavy] * 20)}]\n"
    with pytest.raises(
        gradsheet.SheetError, match=r"^judging this sheet takes [\d,]+ operations, expected at most"
    ):
        gradsheet.judge(gradsheet.read(NUMBERS + claim * 10))


def test_the_last_line_of_defence_is_told(monkeypatch):
    monkeypatch.setattr("gradsheet.numbers.budget.MAX_SECONDS", -1.0)
    found = judged(NUMBERS, "z1", value="[4, 10]")
    assert found.verdict == "cannot_tell"
    assert "a fault of gradsheet" in found.message


def test_too_much_work_is_refused_before_it_is_done():
    product = "*".join(f"x[{letter}]" for letter in "abcdefgh")
    with pytest.raises(
        gradsheet.SheetError, match=r"of them for x\[a\].* alone, ask for less of it"
    ) as refused:
        judged("[[layer]]\nshape = [1, 9]\n", product, "*".join(reversed(product.split("*"))))
    assert refused.value.line == 3


def test_lines_are_counted_as_an_editor_counts_them():
    text = (
        'title = "a\u2028b\x0b"\n# """\n'
        + NUMBERS
        + "[[claim]]\nquantity = 'z1'\nvalue = [4, 10]\n"
    )
    text = text.replace("\x0b", "")
    assert gradsheet.read(text).claims[0].line == 6
    assert gradsheet.read(text.replace("[[claim]]", '[["claim"]]')).claims[0].line == 6


def test_steep_slopes_leave_room_for_their_rounding():
    """The bound on rounding has to grow with the slope of the layer itself, not
    only with those behind it."""
    rng = random.Random(5)

    def decimals(*shape):
        return (
            [decimals(*shape[1:]) for _ in range(shape[0])]
            if shape
            else round(rng.uniform(-1, 1), 3)
        )

    for _ in range(30):
        head = f"loss = 'half_squared_error'\nx = {decimals(2)}\ny = {decimals(1)}\n"
        for units, inputs in ((2, 2), (1, 2)):
            head += f"[[layer]]\nW = {decimals(units, inputs)}\nb = {decimals(units)}\n"
            head += "activation = 'leaky_relu'\nslope = 1000003.3\n"
        found = judged(head, "dL/db1", "dL/dz1")
        assert found.verdict == "right", found.message


def test_a_jacobian_too_large_is_refused():
    rows = ", ".join(["[1" + ", 2" * 19 + "]"] * 80)
    row = "[" + "1, " * 19 + "1]"
    head = f"x = [{rows}]\n[[layer]]\nW = [{', '.join([row] * 20)}]\n"
    with pytest.raises(
        gradsheet.SheetError, match=r"of them for dz1\[1,1\]/dW1\[1,1\] alone, ask for less of it"
    ):
        judged(head, "dz1[1,1]/dW1[1,1]", value="1")


@pytest.mark.parametrize(
    "text",
    ["title = 0x" + "f" * 5000, "question = 0x" + "f" * 5000, "x = [true, 0x" + "f" * 5000 + "]"],
)
def test_huge_whole_numbers_are_no_text(text):
    head = NUMBERS.removeprefix("x = [2, 1]\n") if text[0] == "x" else NUMBERS
    sheet = (text + "\n" if text[0] != "q" else "") + head
    sheet += "[[claim]]\nquantity = 'z1'\nvalue = [4, 10]\n" + (text if text[0] == "q" else "")
    with pytest.raises(gradsheet.SheetError):
        gradsheet.read(sheet)


def test_one_line_that_cannot_be_proved_leaves_the_next_alone():
    narrow = "step(x[1]**2 - 10**6)*step(10**6 + 1 - x[1]**2)"  # no point is drawn there
    lines = f"dL/dyhat[1]*h1[j] + {narrow}", "dL/dyhat[1]*h1[j]"
    found = judged(LIVE, "dL/dW2[1,j]", *lines)
    assert [line.verdict for line in found.working] == ["cannot_tell", "right"]
    assert found.verdict == "cannot_tell"


SOFTMAX = "loss = 'cross_entropy'\n[[layer]]\nshape = [3, 2]\nactivation = 'softmax'\n"
SATURATED = """
loss = "binary_cross_entropy"
[[layer]]
shape = [2, 3]
activation = "relu"
[[layer]]
shape = [2, 2]
activation = "leaky_relu"
slope = 0.25
[[layer]]
shape = [3, 2]
activation = "sigmoid"
"""


IN_EXPONENTIALS = [
    # in any order in which the exponentials are met
    (SOFTMAX, "yhat[i]", "exp(z1[i])/sum(d, exp(z1[d]))", "right"),
    (SOFTMAX, "dL/dx[j]", "sum(a, (exp(z1[a])/sum(d, exp(z1[d])) - y[a])*W1[a,j])", "right"),
    (SOFTMAX, "dL/dz1", "yhat - y", "right"),
    (SOFTMAX, "dL/dz1", "y - yhat", "wrong"),
    (SOFTMAX, "dyhat[i]/dz1[i]", "yhat[i]*(1 - yhat[i])", "right"),
    (SOFTMAX, "dyhat[i]/dz1[j]", "yhat[i]*(1 - yhat[i])", "wrong"),
    (SOFTMAX, "L", "-sum(i, y[i]*log(yhat[i]))", "right"),
    (SOFTMAX, "L", "log(sum(k, exp(z1[k]))) - sum(i, y[i]*z1[i])", "right"),
    # numbers at which 1 - yhat is 0 to forty digits prove nothing and hide nothing
    (SATURATED, "dL/dz3", "(yhat - y)", "right"),
    (
        SATURATED,
        "dL/dz2[i]",
        "sum(a, (yhat[a] - y[a])*W3[a,i])*(1/4 + 3/4*step(z2[i]))",
        "right",
    ),
    (
        SATURATED,
        "dL/dz2[i]",
        "sum(a, (yhat[a] - y[a])*W3[a,i])*(1/5 + 4/5*step(z2[i]))",
        "wrong",
    ),
]


@pytest.mark.parametrize("again", every(2, range(2)))
def test_identities_in_exponentials(again):
    cases = [(head, quantity, line) for head, quantity, line, _ in IN_EXPONENTIALS]
    for found, (*case, verdict) in zip(side_by_side(*cases), IN_EXPONENTIALS, strict=True):
        assert found.verdict == verdict, (case, found.message)


@pytest.mark.parametrize(
    ("head", "claims", "verdicts"),
    [
        # what once ended the judging of a whole sheet
        (
            "x = [1]\ny = [0, 1]\nloss = 'squared_error'\n[[layer]]\nW = [[1], [2]]\nactivation = "
            "'sigmoid'\n",
            [("z1", "[1, 2]"), ("dL[1]/dyhat[1]", "7"), ("1 - h1[1]**2", "0.9")],
            ["right", "wrong", "wrong"],
        ),
        (
            "x = [1]\ny = 0\nlearning_rate = 0.1\nloss = 'squared_error'\n"
            "[[layer]]\nW = [[1]]\nb = 1\nshared_bias = true\n",
            [("W1_new", "0.6"), ("b1_new", "0.6"), ("L_new[1]", "1.44")],
            ["right", "right", "right"],
        ),
        (
            "x = [1]\ny = [1, 0]\nloss = 'cross_entropy'\n[[layer]]\nW = [['1/2'], "
            "[-1]]\nactivation = 'relu'\n",
            [("L", "0.693"), ("yhat", "['1/2', 0]")],
            ["right", "right"],
        ),
        (
            "x = [1]\ny = 1\nloss = 'binary_cross_entropy'\n[[layer]]\nW = [[-2]]\n",
            [("z1", "-2"), ("L", "1"), ("dL/dW1", "1")],
            ["right", "cannot_tell", "cannot_tell"],
        ),
        (
            "x = [1]\ny = 1\nloss = 'squared_error'\n[[layer]]\nW = [[1e300]]\nactivation = "
            "'sigmoid'\n",
            [("z1", "1e300"), ("yhat", "1.0"), ("dL/dW1", "0.0")],
            ["right", "right", "right"],
        ),
        (
            "x = [-8e155, 6]\ny = [6, 1]\nloss = 'squared_error'\n[[layer]]\nW = [[2, 1], [1, "
            "1]]\n",
            [("dL[1]/dyhat[1]", "-7"), ("L", "1.5")],
            ["wrong", "wrong"],
        ),
    ],
)
def test_sheets_that_once_were_too_much(head, claims, verdicts):
    text = "".join(
        f"[[claim]]\nquantity = '{quantity}'\nvalue = {value}\n" for quantity, value in claims
    )
    report = gradsheet.judge(gradsheet.read(head + text))
    assert [(j.verdict, j.message) for j in report.judgements if j.verdict not in verdicts] == []
    assert not any("`where`" in j.message for j in report.judgements), "which nobody wrote"
    assert [j.verdict for j in report.judgements] == verdicts


def test_a_formula_beside_decimals_is_no_fraction(capsys, tmp_path):
    path = tmp_path / "sheet.toml"
    path.write_text(SYMBOLS_WITH_LOSS + "[[claim]]\nquantity = 'dL/dyhat'\nvalue = 2.5\n")
    assert main([str(path)]) == 1
    assert "true: dL/dyhat[1] = 2/1*(yhat[1] - y[1])" in capsys.readouterr().out


SYMBOLS_WITH_LOSS = "loss = 'mean_squared_error'\n[[layer]]\nshape = [1, 2]\n"


@pytest.mark.parametrize(("examples", "layers"), [(200, 32), (4000, 1), (1000, 3)])
def test_batches_that_take_too_long_are_refused_at_once(examples, layers):
    head = f"loss = 'squared_error'\nx = {[[1]] * examples}\ny = {[[1]] * examples}\n"
    head += "[[layer]]\nW = [[0.5]]\nactivation = 'softplus'\n" * layers
    with pytest.raises(gradsheet.SheetError, match=r"operations, expected at most 500,000"):
        judged(head, "L", value=f"0.{'1' * 38}")


def test_lines_and_numbers_are_counted():
    claim = "[[claim]]\nquantity = 'z1'\n"
    with pytest.raises(gradsheet.SheetError, match="2500 lines of working, expected at most 2000"):
        gradsheet.read(NUMBERS + claim + f"working = {['a'] * 2500}\n")
    with pytest.raises(gradsheet.SheetError, match="more than 20000 numbers in a sheet"):
        gradsheet.read(NUMBERS + claim + f"value = {[1] * 25000}\n")


ONE = "x = 2\n[[layer]]\nW = [[3]]\n"
TWO = "x = [2, 1]\n[[layer]]\nW = [[1, 2], [3, 4]]\n"
STACK = "[notation]\na0 = 'x'\n" + "".join(f"a{k} = '{'-' * 45}a{k - 1}'\n" for k in range(1, 12))


@pytest.mark.parametrize(
    "text",
    [
        "[[layer]]\nshape = [1, 1]\n[[claim]]\nquantity = 'dL/dx[1]'\nworking = ['0.5*x[1]']\n",
        "x = ['1/3']\n[[layer]]\nW = [[1e300]]\n[[claim]]\nquantity = 'z1*1e300'\nvalue = 0.5\n",
        ONE + "[[claim]]\nquantity = 'z1'\nvalue = 6.0\nworking = ['1/(0.1255 - 0.125)']\n",
        ONE + "[[claim]]\nquantity = 'z1'\nvalue = 6.0\nworking = ['log(0.125 - 0.1249)']\n",
        ONE + "[[claim]]\nquantity = 'z1'\nvalue = 6\nworking = ['exp(1000)']\n",
        ONE + "[[claim]]\nquantity = '(1e300)**16'\nvalue = 0.5\n",
        TWO + "[[claim]]\nquantity = 'z1'\nvalue = [1, 2]\nworking = ['0.125*([x])[i]']\n",
        "x = [0.333, 0.777]\n[[layer]]\nW = [[1, 0], [0, 1]]\n[[claim]]\nquantity = 'z1'\nvalue = "
        "[0.33, 0.78]\n"
        "[[claim]]\nquantity = 'yhat'\nworking = ['[1.0, 2.0, 3.0]']\n",
        "x = ['9999999999999999999999e300']\n[[layer]]\nW = [[1]]\n[[claim]]\nquantity = "
        "'z1'\nvalue = 4\n",
        "loss = 0x" + "f" * 3600,
        "[[layer]]\nshape = [1, 1]\n[[layer]]\nshape = [1, 0x"
        + "f" * 4000
        + "]\n[[claim]]\nquantity = 'x'\nvalue = 1\n",
        "title = " + "[" * 400 + "]" * 400,
        STACK.replace("x'", "1'", 1)
        + "[[layer]]\nshape = [1, 1]\n[[claim]]\nquantity = 'a11'\nvalue = 1\n",
        ONE
        + "[notation]\na = '"
        + "[" * 40
        + "1"
        + "]" * 40
        + "'\n[[claim]]\nquantity = 'a @ a'\nvalue = 1\n",
        pytest.param(
            "[[layer]]\nshape = [11, 11]\n" * 6
            + "[[layer]]\nshape = [11, 11]\nactivation = 'tanh'\n" * 2
            + "[[claim]]\nquantity = 'dL/dW1[i,j]'\nworking = ['3']\n" * 2,
            marks=pytest.mark.exhaustive,
        ),
    ],
)
def test_what_fuzzing_found_is_verdicts_or_one_line(text, tmp_path, capsys):
    path = tmp_path / "sheet.toml"
    path.write_text(text)
    assert main([str(path), "--json"]) in (1, 2)
    out, err = capsys.readouterr()
    assert "fault" not in err
    json.loads(out, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


def test_a_claim_repeated_gets_its_verdict_again():
    """Points that could not be drawn once are missed every time, not taken for proved."""
    head = (
        "[[layer]]\nshape = [7, 7]\n" * 3
        + "[[layer]]\nshape = [7, 7]\nactivation = 'sigmoid'\n" * 2
    )
    claim = "[[claim]]\nquantity = 'dL/dz5[i]'\nworking = ['dL/dyhat[i]*yhat[i]*(1 - yhat[i])']\n"
    verdicts = {j.verdict for j in gradsheet.judge(gradsheet.read(head + claim * 2)).judgements}
    assert len(verdicts) == 1
