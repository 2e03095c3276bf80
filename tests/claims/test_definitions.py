"""Networks of their own that do not fit: refused, each mistake with its line."""

import pytest

import gradsheet

GIVEN = '[given]\nx = [1, 2]\nW = [[1, 2], [3, 4], [5, 6]]\n[[claim]]\nquantity = "L"\nvalue = 1\n'


def refused(network, given=GIVEN):
    """The lines and messages with which a sheet is refused."""
    with pytest.raises(gradsheet.SheetError) as error:
        gradsheet.read(f'network = """\n{network}\n"""\n{given}')
    return error.value.problems


@pytest.mark.parametrize(
    ("network", "problems"),
    [
        ("z = W @ xx\nL = sum(qq)*x", ["2: unknown name xx", "3: unknown name qq"]),
        ("z = x @ W\nL = sum(z)", ["2: @ between shapes (2,) and (3, 2)"]),
        ("x2[W] = x\nL = 1", ["2: W is a name of the network, and cannot be an index"]),
        ("h[t] = h[t-1] + x[t]\nL = h[2]", ["2: h[t-1] is h[0] here, which nothing defines"]),
        ("z = W @ (x\nL = sum(z)", ["2: found 'L' after 'W @ ( x', expected ')'"]),
        ("z = W @ x = 3", ["2: found '=' after 'W @ x'"]),
        ("z == W @ x", ["2: found '='"]),
        ("L = y*x[1]", ["2: y is neither given nor defined above"]),
        ("L = sum(k, x[j])", ["2: j is free in the formula and not on the left"]),
        ("L = L + 1", ["2: L is defined by itself"]),
        ("z = 1\nz = 2", ["3: z is defined already, on line 2"]),
        ("exp = 1\nd(u) = u", ["2: exp is a function of the language", "3: d is a function"]),
        ("θ = 1", ["2: on the left stands a name"]),
        # what cannot be read is no unknown name besides
        ("f(u, v) = u*v\nL = f(2)", ["2: on the left stands a name"]),
        ("z[i = 2\nL = z", ["2: on the left stands a name"]),
        ("dL = 1\ndx = 2\nL = sum(x)", ["3: dL and dx are names, and so are L and x"]),
        (
            "pe[p,i] = sin(p/x[i])\nL = 1",
            ["2: give a list to take it from, as in k = [1, 2, 3], and write k[p] for p"],
        ),
        ("z[1] = 4\nL = z[1]", ["2: write that, or z = [a, b] for a vector"]),
        ("z = 2*x\nL = sum(z)\ng = d(L)/d(z)", ["4: by a name without brackets: write dz"]),
        ("z = 2*x\ng = d(sum(z))/d(2*x)", ["3: write du for a definition u = ..."]),
        # functions of the sheet's own
        (
            "f(u) = sum(u)\nz = x\nL = f(z)",
            ["2: u is a number, and the formula does not fit, sum of a single number: write it as"],
        ),
        ("f(u) = u @ u\nL = f(x)", ["2: the formula does not fit, @ with a number"]),
        ("f(u) = u*x\nL = f(2)", ["2: the formula gives an array of shape (2,)"]),
        ("f(u) = f(u)*2\nL = f(1)", ["2: f is made of itself"]),
        ("f(u) = g(u)\ng(u) = f(u)\nL = f(1)", ["2: f is made of g, which stands further down"]),
        (
            "f(u) = a*u\nL = f(1)",
            ["2: a is free in the formula: a function has its argument alone"],
        ),
        (
            "f0(u) = u*u\n" + "".join(f"f{k}(u) = f{k - 1}(f{k - 1}(u))\n" for k in range(1, 10)),
            ["10: more than 1,000 parts, with the functions that it is made of written out"],
        ),
        (
            "f0(u) = u + 1\n" + "".join(f"f{k}(u) = f{k - 1}(u) + 1\n" for k in range(1, 20)),
            ["19: functions nested deeper than 50"],
        ),
    ],
)
def test_what_does_not_fit_is_refused_line_by_line(network, problems):
    found = refused(network)
    assert len(found) == len(problems), found
    for (line, message), expected in zip(found, problems, strict=True):
        number, words = expected.split(": ", 1)
        assert (line, words in message) == (int(number), True), found


@pytest.mark.parametrize(
    ("given", "begins"),
    [
        ("[[1, 2], [3]]", "x has rows of unequal length"),
        ('["a", "b"]', "x: 'a' is no number"),
        ("{ shap = [2] }", "unknown key 'shap' in x"),
        ("{ shape = [-2] }", "the shape of x is [-2]"),
        ("{ positive = true }", "x has no shape, expected sizes"),
        ("[]", "x has an empty list"),
    ],
)
def test_a_name_given_wrongly_is_refused_once(given, begins):
    (problem,) = refused(
        "z[i] = 2*x[i]\nL = sum(z)",
        f'[given]\nx = {given}\n[[claim]]\nquantity = "L"\nvalue = 1\n',
    )
    assert problem[0] == 6
    assert problem[1].startswith(begins)


@pytest.mark.parametrize("above", ["", "[given]\nx = 1\n"])
def test_equations_in_a_table_are_refused_at_its_line(above):
    text = f'{above}[network]\nL = "x"\n[[claim]]\nquantity = "L"\n'
    with pytest.raises(gradsheet.SheetError, match="network is a table, expected text") as error:
        gradsheet.read(text)
    assert error.value.line == text.split("\n").index("[network]") + 1


def test_a_function_may_add_up_what_it_makes_of_a_number():
    text = """
    network = "f(u) = sum([u, u**2])*w\\nL = sum(f(x))"
    given = { x = [1, 2], w = 3 }
    claim = [{ quantity = "dL/dx", value = [9, 15] }]
    """
    (judgement,) = gradsheet.judge(gradsheet.read(text)).judgements
    assert judgement.verdict == "right"


def test_kronecker_compares_with_entries_of_labels():
    claims = (
        '[[claim]]\nquantity = "dL/ds[n,k]"\nworking = ["(1 - kronecker(k, y[n]))/2"]\n'
        '[[claim]]\nquantity = "dL/ds"\nvalue = [["1/2", 0], [0, "1/2"]]\n'
        '[[claim]]\nquantity = "kronecker(2, y[1])"\nvalue = 1\n'
    )
    text = (
        'network = "L = mean(n, sum(k, (1 - kronecker(k, y[n]))*s[n,k]))"\n'
        f"[given]\ns = [[1, 2], [3, 4]]\ny = [2, 1]\n{claims}"
    )
    judgements = gradsheet.judge(gradsheet.read(text)).judgements
    assert [judgement.verdict for judgement in judgements] == ["right"] * 3


def test_a_quantity_may_be_called_d():
    """dL/dd is the derivative by it, and d(...)/dB that of a formula."""
    text = """
    network = "d = a - b\\ne = d*d\\nL = e/2"
    given = { a = 3, b = 1 }
    claim = [
        { quantity = "d", value = 2 },
        { quantity = "dL/dd", working = ["d", "d(d*d)/dd/2"] },
        { quantity = "dd/db", value = -1 },
    ]
    """
    report = gradsheet.judge(gradsheet.read(text))
    assert [judgement.verdict for judgement in report.judgements] == ["right"] * 3


def test_a_label_of_one_letter_is_an_index():
    text = """
    network = "p = exp(z)/sum(exp(z))\\nL = -log(p[y])"
    given = { z = [0, 0, 0, 0], y = 3 }
    claim = [
        { quantity = "dL/dz", value = [0.25, 0.25, -0.75, 0.25] },
        { quantity = "dL/dz[i]", working = ["p[i] - kronecker(i, y)"] },
        { quantity = "dL/dp[y]", value = -4 },
    ]
    """
    report = gradsheet.judge(gradsheet.read(text))
    assert [judgement.verdict for judgement in report.judgements] == ["right"] * 3
    with pytest.raises(gradsheet.SheetError, match="z is no single number"):
        gradsheet.read(text.replace("p[y]", "p[z]"))
