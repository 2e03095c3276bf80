"""Networks of their own written to stall or crash the judge, and mutated ones:
a refusal or a verdict every time, and soon."""

import random
import re
import time
import warnings

import pytest

import gradsheet
from tests.sheets import GRAPHS

SHEETS = sorted(GRAPHS.glob("*.toml"))
MOST = 10.0  # seconds of the processor's time; half a minute and more, a hang


def numbers(count):
    """A list of small whole numbers."""
    return f"[{', '.join(str(k % 7 - 3) for k in range(count))}]"


def square(n):
    """A square matrix of small whole numbers."""
    rows = (", ".join(str(i * j % 5 - 2) for j in range(n)) for i in range(n))
    return f"[{', '.join(f'[{row}]' for row in rows)}]"


def sheet_of(network, given, *quantities, value="1"):
    """A sheet of equations, and claims of some quantities."""
    claims = "".join(f'[[claim]]\nquantity = "{q}"\nvalue = {value}\n' for q in quantities)
    return f'network = """\n{network}\n"""\n[given]\n{given}\n{claims}'


def verdicts(text):
    """The verdicts on a sheet, or the message with which it is refused; in time,
    and without a fault of the judge."""
    start = time.process_time()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            judgements = gradsheet.judge(gradsheet.read(text)).judgements
    except gradsheet.SheetError as error:
        found = str(error)
    else:
        found = " ".join(judgement.verdict for judgement in judgements)
        assert not any("fault of gradsheet" in judgement.message for judgement in judgements)
    assert time.process_time() - start < MOST
    assert "fault of gradsheet" not in found
    return found


def chain(first, step, length):
    """Definitions, each of which is made of the one before."""
    lines = [first, *(step.format(k, k - 1) for k in range(1, length))]
    return "\n".join(lines) + f"\nL = a{length - 1}"


RECURRENCE = "h[0] = 0\nh[t] = {0}\nL = h[{1}]"
DESCENT = "w[0] = 1\nl[t] = (w[t-1]*x[t] - 1)**2\nw[t] = w[t-1] - 1/10*dl[t]/dw[t-1]\nL = w[{0}]"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        # recurrences
        pytest.param(
            sheet_of(RECURRENCE.format("h[t-1]/2 + x[t]", 4096), f"x = {numbers(4096)}", "L"),
            "operations",
            marks=pytest.mark.exhaustive,
        ),
        pytest.param(
            sheet_of(RECURRENCE.format("h[t-1]/2 + x[t]", 4096), f"x = {numbers(4096)}", "dL/dx"),
            "operations",
            marks=pytest.mark.exhaustive,
        ),
        (
            sheet_of(RECURRENCE.format("tanh(h[t-1] + x[t])", 300), f"x = {numbers(300)}", "dL/dx"),
            "operations",
        ),
        (
            sheet_of(RECURRENCE.format("h[t-1]**2 + x[t]", 40), f"x = {numbers(40)}", "L"),
            "wrong",
        ),
        # whose steps are derivatives
        pytest.param(
            sheet_of(DESCENT.format(2000), f"x = {numbers(2000)}", "L"),
            "operations",
            marks=pytest.mark.exhaustive,
        ),
        (sheet_of(DESCENT.format(500), f"x = {numbers(500)}", "L"), "operations"),
        (sheet_of(DESCENT.format(25), f"x = {numbers(25)}", "L"), "wrong"),
        # letters, sizes and axes
        (sheet_of("L = sum(i=1..1000000000, i)", "x = 1", "L"), "expected whole numbers as the"),
        (sheet_of("L = sum(a=1..999, b=1..999, a*b)", "x = 1", "L"), "numbers on the way"),
        (sheet_of("L = sum(i, x[1000000*i])", "x = [1, 2]", "L"), "no i from 1 keeps"),
        (sheet_of("L = sum(outer(x, x))", f"x = {numbers(4096)}", "L"), "numbers on the way"),
        (sheet_of("L = sum(W @ W @ W)", f"W = {square(64)}", "L"), "numbers on the way"),
        (sheet_of("y = W @ W", f"W = {square(16)}", "dy/dW"), "operations"),
        (
            sheet_of("L = max(i, max(j, where(x[i] > x[j], 1, x[j])))", f"x = {numbers(200)}", "L"),
            "operations",
        ),
        (sheet_of("L = sum(softmax(x))", f"x = {numbers(4096)}", "dL/dx"), "operations"),
        # powers and chains
        (sheet_of(f"L = {'(' * 5}x{'**16)' * 5}", "x = 2", "L"), "wrong"),
        pytest.param(
            sheet_of(chain("a0 = x", "a{0} = a{1} + a{1}", 35), "x = 2", "dL/dx"),
            "wrong",
            marks=pytest.mark.exhaustive,
        ),
        (sheet_of(chain("a0 = x", "a{0} = a{1}*a{1}", 35), "x = 2", "dL/dx"), "wrong"),
        (sheet_of(chain("a0 = x", "a{0} = concat(a{1}, a{1})", 30), "x = [2]", "L"), "numbers on"),
        (sheet_of(f"L = {'+'.join(['x'] * 50)}", "x = 2", "dL/dx"), "wrong"),
        # functions of the sheet's own
        (sheet_of("f(u) = u*u + 1\nL = " + "f(" * 45 + "x" + ")" * 45, "x = 2", "L"), "wrong"),
        (
            sheet_of("f(u) = tanh(u)\n" + chain("a0 = x", "a{0} = f'(f'(a{1}))", 20), "x = 2", "L"),
            "wrong",
        ),
        # derivatives of derivatives
        (sheet_of("L = sum(tanh(x))", "x = [1, 2, 3]", "d(d(d(dL/dx)/dx)/dx)/dx"), "operations"),
        (sheet_of("L = sum(tanh(W @ W))", f"W = {square(4)}", "d(d(dL/dW)/dW)/dW"), "operations"),
        (
            sheet_of("a = sum(x)**16\nb = da/dx\nc = db/dx\nL = dc/dx", f"x = {numbers(6)}", "L"),
            "wrong",
        ),
        (
            sheet_of("a = sum(x)**16\nb = da/dx\nc = db/dx\nL = dc/dx", f"x = {numbers(9)}", "L"),
            "operations",
        ),
        # many claims
        (
            sheet_of("L = sum(tanh(W @ W))", f"W = {square(3)}", *["d(dL/dW[1])/dW[2]"] * 200),
            "wrong",
        ),
        pytest.param(
            sheet_of("L = sum(tanh(W @ W))", f"W = {square(5)}", *["dL/dW"] * 100, value=square(5)),
            "wrong",
            marks=pytest.mark.exhaustive,
        ),
    ],
)
def test_what_takes_long_is_refused_or_judged_in_time(text, found):
    assert found in verdicts(text)


def mutated(chance, text):
    """A sheet in which something has gone wrong with a few characters or lines."""
    for _ in range(chance.randint(1, 4)):
        lines = text.split("\n")
        at = chance.randrange(len(lines))
        match chance.randrange(5):
            case 0:
                del lines[at]
            case 1:
                lines.insert(at, chance.choice(lines))
            case 2:
                other = chance.randrange(len(lines))
                lines[at], lines[other] = lines[other], lines[at]
            case 3:
                old, new = (
                    chance.choice(re.findall(r"\w+", part) or ["x"]) for part in (lines[at], text)
                )
                lines[at] = lines[at].replace(old, new)
            case 4:
                place = chance.randint(0, len(lines[at]))
                mark = chance.choice("()[]=,+-*/@.'^\"0123456789abtxL_ \tθ#{}<>")
                lines[at] = lines[at][:place] + mark + lines[at][place + chance.randint(0, 2) :]
        text = "\n".join(lines)
    return text


@pytest.mark.parametrize("seed", range(40))
def test_mutated_networks(seed):
    chance = random.Random(seed)
    small = [path for path in SHEETS if path.stat().st_size < 2_500]
    verdicts(mutated(chance, chance.choice(small).read_text()))


@pytest.mark.parametrize("seed", range(60))
def test_random_networks(seed):
    """Equations of words drawn by chance, some of which can be read."""
    chance = random.Random(seed)
    words = ["x", "W", "z", "h[t-1]", "h[t]", "x[t]", "W[i,j]", "x[j]", "2", "1/3", "dL/dx", "t"]
    signs = [" + ", " - ", "*", "/", " @ ", "**", " = "]
    forms = ["{}", "tanh({})", "sum({})", "sum(j, {})", "({})", "f({})", "-{}", "{}.T", "[{}, 1]"]
    lefts = ["z", "h[0]", "h[t]", "L", "f(u)", "y[i]", "y[i,j]", "g", "x"]

    def formula(deep):
        if deep == 0:
            return chance.choice(words)
        parts = [formula(deep - 1) for _ in range(chance.randint(1, 2))]
        text = parts[0] if len(parts) == 1 else chance.choice(signs).join(parts)
        return chance.choice(forms).format(text)

    count = chance.randint(1, 5)
    network = "\n".join(
        f"{chance.choice(lefts)} = {formula(chance.randint(0, 3))}" for _ in range(count)
    )
    given = "x = [1, 2]\nW = [[1, 2], [3, 4]]"
    verdicts(sheet_of(network, given, "L", "z", "dL/dx", formula(2)))
