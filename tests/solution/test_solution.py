"""Worked solutions: what a tutor writes on the board, every line of it checked."""

import pytest

import gradsheet
import gradsheet.solution
from gradsheet.commands.notebook import shown
from gradsheet.language.text import formula_text
from gradsheet.solution.rules import Rules
from tests.rounds import every
from tests.sheets import HOMEWORKS, NET, NUMBERS, PUBLISHED, SYMBOLS, random_sheet, solution_of
from tests.solving import claims, solved, steps

SHEETS = [*sorted(HOMEWORKS.glob("*.toml")), *sorted(PUBLISHED.glob("*.toml"))]


# The homework in numbers


def test_forward_as_on_the_sheet(numbers):
    found = steps(numbers)
    assert found["z1"] == [
        "W1 @ x + b1",
        "[[0, 1], [1, 1], [1, 0]] @ [2, 1] + [-2, -1, 1]",
        "[1, 3, 2] + [-2, -1, 1]",
        "[-1, 2, 3]",
    ]
    assert found["h1"] == ["relu(z1)", "relu([-1, 2, 3])", "[0, 2, 3]"]
    assert found["z2"][-2:] == ["[8, 5, -5] + [1, 1, 1]", "[9, 6, -4]"]
    assert found["yhat"] == ["z3", "[5]"]


def test_the_loss_as_on_the_sheet(numbers):
    assert steps(numbers)["L"] == ["(y[1] - yhat[1])**2/2", "(1.5 - 5)**2/2", "6.125"]


def test_every_gradient_from_the_last_layer_back(numbers):
    found = steps(numbers)
    backward = [q for q in found if q.startswith("dL/d")]
    assert backward == [
        *("dL/dyhat", "dL/dz3", "dL/dW3", "dL/dW3[1,2]", "dL/dh2"),
        *("dL/dz2", "dL/dW2", "dL/dW2[2,2]", "dL/db2", "dL/dh1"),
        *("dL/dz1", "dL/dW1", "dL/dW1[2,1]", "dL/db1"),
    ]
    assert found["dL/dW3[1,2]"] == ["dL/dz3[1]*h2[2]", "3.5*6", "21"]
    assert found["dL/dh1"][-1] == "[-10.5, 7, 3.5]"
    assert found["dL/dz1"] == ["dL/dh1*drelu(z1)", "[-10.5, 7, 3.5]*[0, 1, 1]", "[0, 7, 3.5]"]
    assert found["dL/dW1"][-1] == "[[0, 0], [14, 7], [7, 3.5]]"


def test_remarks_stand_where_the_sheet_went_astray(numbers):
    remarks = {
        formula_text(step.quantity): step.remarks for step in numbers.steps() if step.remarks
    }
    assert [(q, [r.verdict for r in found]) for q, found in remarks.items()][-3:] == [
        ("dL/dW3[1,2]", ["wrong"]),
        ("dL/dW2[2,2]", ["wrong"]),
        ("dL/dW1[2,1]", ["lucky"]),
    ]
    assert remarks["dL/dW3[1,2]"][0].text.startswith("42: mistake: the 2 of the square is kept")
    assert "2 times the truth" in remarks["dL/dW3[1,2]"][0].text
    assert "the 2 of the square is kept" in remarks["dL/dW3[1,2]"][0].text


def test_the_dead_unit_is_named(numbers):
    why = {formula_text(step.quantity): step.why for step in numbers.steps()}
    assert why["h1"] == "Through relu, max(0, z); unit 1 is dead: z is not positive."


# The homework in symbols


def test_item_16_from_the_step_before_and_from_the_beginning(symbols):
    assert steps(symbols)["dL/dW1[i,j]"] == [
        "dL/dz1[i]*x[j]",
        "sum(k, dL/dyhat[1]*W3[1,k]*W2[k,i])*drelu(z1[i])*x[j]",
    ]
    assert (
        r"\left(\sum_{k} \delta\, W_{1k}^{3}\, W_{ki}^{2}\right)\, "
        r"\mathrm{relu}'\left(z_{i}^{1}\right)\, x_{j}" in gradsheet.solution.markdown(symbols)
    )


def test_a_matrix_that_is_asked_for_is_written_out(symbols):
    assert steps(symbols)["dh2[1]/dW2"] == ["[[h1[1], h1[2], h1[3]], [0, 0, 0]]"]
    assert steps(symbols)["dL/dW1"][0].count("dL/dz1") == 12


def test_every_claim_has_its_remark(numbers, symbols):
    for solution in (numbers, symbols):
        questions = sorted(remark.question for step in solution.steps() for remark in step.remarks)
        assert questions == sorted(claim.question for claim in solution.sheet.claims)


# Every line is checked


@pytest.mark.parametrize("path", every(3, SHEETS), ids=lambda path: path.stem)
def test_a_solution_is_an_answer_sheet_that_is_right(path):
    solution = solution_of(path)
    assert solution.unchecked == 0
    report = gradsheet.judge(gradsheet.read(gradsheet.solution.answer_sheet(solution)))
    assert {j.verdict for j in report.judgements} == {"right"}
    assert len(report.judgements) == sum(step.says_something for step in solution.steps())


def round_trip(seed: int) -> int:
    """Solve a random sheet and have the solution judged; how many steps it has."""
    solution = solved(random_sheet(seed))
    report = gradsheet.judge(gradsheet.read(gradsheet.solution.answer_sheet(solution)))
    assert [
        (j.claim.quantity, j.message) for j in report.judgements if j.verdict != "right"
    ] == [], f"seed {seed}"
    for make in (
        gradsheet.solution.text,
        gradsheet.solution.markdown,
        gradsheet.solution.latex,
        gradsheet.solution.html,
    ):
        assert make(solution)
    return len(report.judgements)


def test_random_solutions_are_right():
    assert sum(round_trip(seed) for seed in range(4)) > 40


@pytest.mark.exhaustive
def test_200_random_solutions_are_right():
    assert sum(round_trip(seed) for seed in range(200)) > 3_000


def test_a_wrong_step_would_be_found_and_left_out(monkeypatch):
    """The check is no ornament: with a rule that forgets the mask, the judge
    does not let the step pass."""
    right = Rules.whole

    def wrong(self, tensor):
        return "dL/dh1" if tensor == ("L", "z1") else right(self, tensor)

    monkeypatch.setattr(Rules, "whole", wrong)
    with pytest.warns(RuntimeWarning, match="does not find the step to dL/dz1 right"):
        solution = gradsheet.solve(gradsheet.load(HOMEWORKS / "numbers.toml"))
    step = next(step for step in solution.steps() if formula_text(step.quantity) == "dL/dz1")
    assert (step.lines, step.value) == ([], None)
    assert "did not find this step right" in gradsheet.solution.text(solution)


# Numbers


def test_a_large_matrix_is_shown_by_its_ends():
    rows = ", ".join(f"[{', '.join(['1'] * 14)}]" for _ in range(13))
    text = (
        f"loss = 'squared_error'\nx = {[1] * 14}\ny = {[0] * 13}\n[[layer]]\nW = [{rows}]\n"
        + claims("L")
    )
    solution = solved(text)
    assert "⋯" in gradsheet.solution.text(solution)
    assert gradsheet.solution.answer_sheet(solution).count("1, 1, 1") > 10, "the sheet has it whole"


# Where there is nothing to say


def test_at_a_kink_there_is_no_gradient_and_the_solution_says_so():
    text = (
        "loss = 'output'\nx = [0]\n[[layer]]\nW = [[1], [1]]\nactivation = "
        "'relu'\n[[layer]]\nW = [[1, 2]]\n"
    )
    solution = solved(text + claims("dL/dW1", "dL/dW2"))
    missing = {
        formula_text(step.quantity): step.missing for step in solution.steps() if step.missing
    }
    assert "a kink is in the way" in missing["dL/dz1"]
    assert "dL/dW2" not in missing, "what does not lead through the kink is there"


def test_an_unspecified_loss_is_a_symbol():
    solution = solved(SYMBOLS + "[[claim]]\nquantity = 'dL/dyhat'\nworking = ['delta']\n")
    step = next(
        step for step in solution.steps() if formula_text(step.quantity).startswith("dL/dyhat")
    )
    assert "stands as a symbol" in step.missing


def test_questions_without_answers_are_answered():
    sheet = gradsheet.read(NET + "[[claim]]\nquestion = 'a'\nquantity = 'dL/dW1'\n")
    solution = gradsheet.solve(sheet)
    assert "→ a asked for" in gradsheet.solution.text(solution)
    assert steps(solution)["dL/dW1"][-1].startswith("[[")


def test_after_the_step_of_gradient_descent():
    found = steps(solved(NET.replace('"sigmoid"', '"identity"') + claims("W2_new", "yhat_new")))
    assert found["W2_new"][0] == "W2 - learning_rate*dL/dW2"
    assert found["z1_new"][0] == "W1_new @ x"
    assert found["yhat_new"][0] == "z2_new"


def test_a_batch_in_matrices():
    text = (
        "loss = 'half_squared_error'\nx = [[1, 2], [3, 4]]\ny = [[1], [2]]\n[[layer]]\nW = "
        "[[1, -1]]\nb = [5]\n"
    )
    found = steps(solved(text + claims("dL/dW1", "dL/db1")))
    assert found["z1"][0] == "x @ W1.T + outer([1, 1], b1)"
    assert found["L"][0] == "sum(n, (y[n,1] - yhat[n,1])**2/2)/2"
    assert found["dL/dW1"][0] == "dL/dz1.T @ x"
    assert found["dL/dz1"] == ["dL/dyhat", '[["3/2"], [1]]']
    assert found["dL/db1"] == ["sum(n, dL/dz1[n,1])", "[3/2 + 1]", '["5/2"]']


ONE = (
    "loss = 'half_squared_error'\nx = [{x}]\ny = 1\n[[layer]]\nW = [[{W}]]\nactivation = "
    "'{activation}'\n"
)


@pytest.mark.parametrize(
    ("x", "W", "activation", "asked", "missing"),
    [
        ("1000", "-1", "sigmoid", "dL/dW1", "a number of about 1e-432, which a sheet cannot have"),
        (
            "'1e-300'",
            "'1e-300'",
            "identity",
            "yhat",
            "a number of about 1e-600, which a sheet cannot have",
        ),
        (
            "'1e300'",
            "1",
            "identity",
            "x[1]**16",
            "a number of about 1e4800, which a sheet cannot have",
        ),
    ],
)
def test_a_number_that_no_sheet_can_have_is_left_out(x, W, activation, asked, missing):
    solution = solved(ONE.format(x=x, W=W, activation=activation) + claims(asked))
    step = next(step for step in solution.steps() if formula_text(step.quantity) == asked)
    assert (step.value, step.missing) == (None, missing)


def test_a_formula_that_would_be_too_long_is_no_fault():
    text = (
        "loss = 'cross_entropy'\nx = [1, 2, 1, -2]\ny = [1, 0, 0]\n[[layer]]\nW = "
        "{}\nactivation = 'sigmoid'\n"
    )
    text += "[[layer]]\nW = {}\nactivation = 'softmax'\n"
    rows = [[[(i * j) % 5 - 2 for j in range(1, 5)] for i in range(1, n)] for n in (5, 4)]
    found = steps(solved(text.format(*rows) + claims("dyhat[1]/dW1")))
    assert found["dyhat[1]/dW1"][-1].startswith("[[")


def test_a_jacobian_in_part_has_its_entries_in_order():
    text = SYMBOLS + "[[claim]]\nquantity = 'dh2/dW2[1,j]'\nworking = ['1']\n"
    assert steps(solved(text))["dh2/dW2[1,j]"] == ["[h1[j], 0]"]


def test_a_notebook_shows_sheets_reports_and_solutions(numbers):
    sheet = gradsheet.load(HOMEWORKS / "numbers.toml")
    assert shown(sheet).startswith("# Backpropagation by hand, 17 April 2024\n")
    assert r"- **2b** $\frac{\partial L}{\partial W_{12}^{(3)}}$" in shown(sheet)
    table = shown(gradsheet.judge(sheet))
    assert r"| wrong | 2b | dL/dW3\[1,2\] = 42, true 21" in table
    assert shown(numbers) == gradsheet.solution.markdown(numbers)


def test_a_claim_of_which_nothing_is_read_is_solved_all_the_same():
    for head in (NUMBERS, SYMBOLS):
        sheet = gradsheet.read(
            head + "[[claim]]\nquantity = 'dL/dz1'\nworking = ['dL/dyhat ⊞ 1']\n"
        )
        solution = gradsheet.solve(sheet)
        assert "unread" in gradsheet.solution.text(solution)
        assert "dL/dz1" in gradsheet.solution.answer_sheet(solution)
        assert gradsheet.solution.html(solution).count("⊞") == 2


def test_what_a_sheet_gives_is_solved_as_well():
    head = "x = [1, 2]\ny = 1\nloss = 'squared_error'\nlearning_rate = 0.1\n"
    head += "[[layer]]\nW = [[1, 2]]\nb = 1\nshared_bias = true\n"
    asked = "".join(
        f"[[claim]]\nquantity = '{name}'\n"
        for name in ("x", "y", "W1", "b1", "learning_rate", "dx/dx")
    )
    solution = gradsheet.solve(gradsheet.read(head + asked))
    assert solution.unchecked == 0
    assert "W\u207d\u00b9\u207e = [1  2]" in gradsheet.solution.text(solution)
