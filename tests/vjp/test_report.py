"""The report of a rule, as a person reads it."""

import jax
import jax.numpy as jnp
import numpy as np

import gradsheet

X = np.array([[1.5, -2.0, 0.25], [3.0, -0.5, -1.25]])
W = np.array([0.5, -1.5, 2.5])


def tilted(x, w):
    return x * x * w[None]


def test_of_what_is_wrong():
    def backward(args, d):
        x, w = args
        return x * w * d, x * x * d

    report = str(gradsheet.check_vjp(tilted, X, W, backward=backward))
    head, rows, tail = report.split("\n\n")
    assert head.splitlines() == [
        "backward pass backward of tilted: x 2x3, w 3; float64",
        "tried on 4 probes: the numbers given, small whole numbers, fractions, zeros and",
        "         ties; floats round nothing; no entry of the true answer is 0 at all of",
        "         them",
    ]
    assert rows.splitlines()[0] == "name | right | max difference | where"
    assert rows.splitlines()[2] == "w    | no    |                | shape (2, 3), expected (3,)"
    assert tail.splitlines()[:2] == [
        "mistake  x: everywhere 1/2 = 0.5 times the truth",
        "and      w: not summed over axis 0, along which it was broadcast",
    ]
    assert tail.splitlines()[-1] == "wrong"
    assert "explains it" not in tail
    assert max(map(len, report.splitlines())) <= 80


def test_of_another_mistake_of_the_same_array():
    def negative(args, d):
        x, w = args
        return -2 * x * w * d, -(x * x * d).sum(0)

    report = str(gradsheet.check_vjp(tilted, X, W, backward=negative))
    heads = [line.split()[0] for line in report.split("\n\n")[2].splitlines() if line[0] != " "]
    assert heads[0] == "mistake"


def test_of_a_sum_that_is_missing():
    def diagonal(args, d):
        p = np.exp(args[0]) / np.exp(args[0]).sum(-1, keepdims=True)
        return d * p * (1 - p)

    [mistake] = gradsheet.check_vjp(jax.nn.softmax, X, backward=diagonal).mistakes
    assert mistake == "what flows back through the operation reduce_sum is not summed"


def test_what_is_0_needs_no_other_words():
    report = gradsheet.check_vjp(tilted, X, W, backward=lambda args, d: (None, None))
    assert report.mistakes == ["x, w: 0 everywhere"]


def test_of_a_mistake_that_nobody_explains():
    draw = np.random.default_rng(0).normal(size=X.shape)
    report = str(gradsheet.check_vjp(tilted, X, W, backward=lambda args, d: (draw, draw[0])))
    assert report.endswith("\nno mistake was found that explains it\nwrong")
    report = str(gradsheet.check_vjp(tilted, X, W, backward=lambda args, d: 1))
    assert "explains it" not in report  # a fault does


def test_of_single_entries():
    def backward(args, d):
        x, w = args
        found = 2 * x * w * d
        found[1, 2] += 1
        return found, (x * x * d).sum(0)

    check = gradsheet.check_vjp(tilted, X, W, backward=backward)
    assert check.remarks == ["x: 1 of its 6 entries is wrong: [1, 2]"]


def test_at_a_kink():
    def relu(x):
        return jnp.maximum(x, 0)

    check = gradsheet.check_vjp(relu, X, backward=lambda args, d: d * (args[0] > 0))
    (remark,) = check.remarks
    assert remark.startswith(
        "at probe 4, at the kink of `return jnp.maximum(x, 0)` (test_report.py"
    )
    assert remark.endswith("), x is between the gradients on its sides")
    assert check.arguments[0].difference == 0


def test_of_coarser_floats():
    def third(x):
        return x / 3

    check = gradsheet.check_vjp(
        third, X, backward=lambda args, d: d * np.float64(np.float32(1 / 3))
    )
    assert check.verdict == "rounded"
    assert "x: farther off than float64 explains, no farther than float32 does" in check.remarks


def test_of_what_is_farther_off_than_an_honest_evaluation():
    """A bound on the error allows for more than anybody makes."""

    def mixed(x, W):
        for _ in range(3):
            x = jnp.tanh(W @ x)
        return x

    draw = np.random.default_rng(0)
    x, W = draw.normal(size=5).astype("float32"), draw.normal(size=(5, 5)).astype("float32")

    def backward(factor):
        def run(args, d):
            x, W = (np.asarray(a, float) for a in args)
            states = [x]
            for _ in range(3):
                states.append(np.tanh(W @ states[-1]))
            for h in states[:0:-1]:
                d = W.T @ (d * (1 - h**2))
            return factor * d, None

        return run

    found = {}
    for factor in (1, 1 + 1e-5, 1 + 1e-3):
        check = gradsheet.check_vjp(mixed, x, W, backward=backward(factor), wrt="x")
        found[check.verdict] = check.arguments[0].units
    assert [*found] == ["right", "rounded", "wrong"]
    assert found["right"] < 4 < 16 < found["rounded"] < 256 < found["wrong"]


def test_of_a_probe_that_is_left_out():
    def reciprocal(x):
        return 1 / x

    check = gradsheet.check_vjp(reciprocal, X, backward=lambda args, d: -d / args[0] ** 2)
    left_out = "left out, since a number is not finite: zeros and ties"
    assert check.coverage.endswith(left_out)
    assert check.coverage.startswith(
        "3 probes: the numbers given, small whole numbers, fractions; "
    )


def test_of_a_fault_alone():
    """What is as right as floats of its type is not explained by a mistake."""

    def third(x):
        return x / 3

    def writing(args, d):
        found = d * np.float64(np.float32(1 / 3))
        d[:] = 0
        return found

    check = gradsheet.check_vjp(third, X, backward=writing)
    assert check.verdict == "wrong"
    assert [row.verdict for row in check.arguments] == ["rounded"]
    assert not [mistake for mistake in check.mistakes if "times" in mistake]


def test_of_further_examples():
    """What is told of other shapes says of which."""

    def backward(args, d):
        found = 2 * d
        found[4:] *= 3
        return found

    others = [(np.ones(3),), (np.ones(6),)]
    check = gradsheet.check_vjp(lambda x: 2 * x, X[0], backward=backward, examples=others)
    (row,) = check.arguments
    assert row.where == f"with x 6: [5] at probe {row.probe}: -30, true -10"
    assert check.probes[row.probe - 1].inputs[0].shape == (6,)
    assert check.remarks == [
        "tried with x 3, too",
        "tried with x 6, too",
        "with x 6: x: 2 of its 6 entries are wrong: [4], [5]",
    ]
