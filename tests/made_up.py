"""An activation that nobody has heard of: one record in each room, and all know
it.

It is log s(z) = -log(1 + e^-z).
"""

import numpy as np

import manual.activations as by_hand
import ref.activations as in_jax
from gradsheet.language import functions

NAME = "logsigmoid"
by_hand.ACTIVATIONS[NAME] = by_hand.Elementwise(
    lambda z: -by_hand.softplus(-z), lambda z: by_hand.sigmoid(-z), lambda z: -by_hand.d_sigmoid(z)
)
in_jax.ACTIVATIONS[NAME] = lambda z: -in_jax.softplus(-z)
functions.add(
    functions.ActivationFacts(
        NAME,
        textbook=lambda v: -(1 + (-v).exp()).log(),
        exact=lambda v: -functions.ACTIVATIONS["softplus"].exact(-v),
        exact_prime=lambda v: functions.FUNCTIONS["sigmoid"].exact(-v),
    )
)

SHEET = """
loss = "half_squared_error"
{data}
[[layer]]
{first}
activation = "logsigmoid"
[[layer]]
{second}
"""
NUMBERS = {
    "data": "x = [1, -2]\ny = [1]",
    "first": "W = [[1, 1], [2, -1]]",
    "second": "W = [[1, 3]]",
}
SYMBOLS = {"data": "", "first": "shape = [2, 2]", "second": "shape = [1, 2]"}
CLAIM = """
[[claim]]
quantity = "dL/dz1[i]"
working = ["(yhat[1] - y[1])*W2[1,i]*{slope}"]
"""
SLOPES = {"logsigmoid'(z1[i])": "right", "(1 - sigmoid(z1[i]))": "right", "h1[i]": "wrong"}


def judge() -> None:
    import gradsheet

    for data in (NUMBERS, SYMBOLS):
        text = SHEET.format(**data) + "".join(CLAIM.format(slope=slope) for slope in SLOPES)
        report = gradsheet.judge(gradsheet.read(text))
        assert [j.verdict for j in report.judgements] == [*SLOPES.values()], report
    assert "function-for-slope" in str(report.judgements[-1]), report.judgements[-1]
    print("judged")


def solve() -> None:
    import gradsheet
    from gradsheet.solution.filling import fill

    question = '[[claim]]\nquantity = "dL/dW1"\n'
    for data in (NUMBERS, SYMBOLS):
        text = gradsheet.solution.markdown(
            gradsheet.solve(gradsheet.read(SHEET.format(**data) + question))
        )
        assert "the slope of logsigmoid is logsigmoid′(z)" in text
    filled = gradsheet.judge(gradsheet.read(fill(SHEET.format(**NUMBERS) + question)))
    assert {j.verdict for j in filled.judgements} <= {"right", "rounded"}, filled
    print("solved")


def set_and_check() -> None:
    import gradsheet
    import manual
    from gradsheet.mistakes.blind import unseen
    from gradsheet.solution.exercise import Outline, exercise

    sheet = gradsheet.read(SHEET.format(**NUMBERS) + '[[claim]]\nquantity = "dL/dW1"\n')
    assert not any(instance.code == "slope-missing" for instance in unseen(sheet))
    print("blind")
    key = exercise(Outline((2, 2, 1), (NAME, "identity")), 1).key
    assert {j.verdict for j in gradsheet.judge(gradsheet.read(key)).judgements} <= {
        "right",
        "rounded",
    }
    print("set")
    activations = (NAME,)

    def right(params, x, y):
        return manual.value_and_grad(params, x, y, activations)

    def wrong(params, x, y):
        L, grads = right(params, x, y)
        return L, [(1.001 * d_W, d_b) for d_W, d_b in grads]

    assert gradsheet.check(right, (3, 2), activations=activations)
    assert not gradsheet.check(wrong, (3, 2), activations=activations)
    plan = manual.Plan([manual.Layer(np.eye(2))], 1, (NAME,))
    assert plan.value_and_grad(np.ones((1, 2)), np.ones((1, 2)))[0] > 0
    print("checked")


if __name__ == "__main__":
    judge()
    solve()
    set_and_check()
