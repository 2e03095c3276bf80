"""What a wrong array is of the right one: named where it is so in every entry
at every probe, and nowhere else."""

from typing import Any

import numpy as np
import pytest

import gradsheet
import manual
from gradsheet.checking.relations import Seen, in_words, relation
from gradsheet.checking.trial import Trial
from tests.functions import RIGHT, with_a_blank_example
from tests.rounds import every


def changed(name: str, change: Any) -> Any:
    """The right pass with one array changed."""
    letter, layer = "Wb".index(name[0]), int(name[1:]) - 1

    def fn(params: Any, x: Any, y: Any) -> Any:
        grads = [list(layer) for layer in RIGHT(params, x, y)[1]]
        grads[layer][letter] = change(grads[layer][letter], params[layer][letter], (params, x, y))
        return grads

    return fn


def alone(n: int, over: int) -> Any:
    return lambda dW, W, data: RIGHT(data[0], data[1][[n]], data[2][[n]])[1][1][0] / over


CASES = [
    ("W2", lambda dW, W, data: 1.5 * dW, "everywhere 3/2 = 1.5 times the truth"),
    ("W2", lambda dW, W, data: 1.001 * dW, "everywhere 1.001 times the truth"),
    ("b1", lambda db, b, data: -db, "everywhere the negative of the truth"),
    ("W3", lambda dW, W, data: 0 * dW, "0 everywhere"),
    ("W2", lambda dW, W, data: dW + 0.01 * W, "everywhere the truth + 0.01 times the parameter"),
    ("W2", lambda dW, W, data: dW[[1, 0, 2]], "rows 0 and 1 are changed over"),
    ("W1", lambda dW, W, data: dW[::-1], "the rows are in reverse"),
    ("W1", lambda dW, W, data: dW[[1, 2, 3, 4, 0]], "the rows are in another order"),
    ("W2", lambda dW, W, data: dW[:, [0, 1, 2, 4, 3]], "columns 3 and 4 are changed over"),
    ("W2", lambda dW, W, data: np.stack([dW[0], dW[0], dW[2]]), "row 1 is a copy of row 0"),
    ("W2", lambda dW, W, data: np.vstack([dW[:-1], 0 * dW[-1:]]), "the last row, 2, is left 0"),
    ("W2", lambda dW, W, data: np.vstack([0 * dW[:2], dW[2:]]), "rows 0 and 1 are left 0"),
    ("b1", lambda db, b, data: db[[0, 2, 1, 3, 4]], "entries 1 and 2 are changed over"),
    ("W2", alone(-1, 1), "that of the last example alone, not summed over the batch"),
    ("W2", alone(0, 1), "that of the first example alone, not summed over the batch"),
]
# Of which another is among them.
ALIKE = [
    ("W2", lambda dW, W, data: dW / 3, "everywhere 1/3 = 0.333333 times the truth"),
    ("W1", lambda dW, W, data: -2 * dW, "everywhere -2 times the truth"),
    (
        "W1",
        lambda dW, W, data: dW - 0.5 * W,
        "everywhere the truth - 1/2 = 0.5 times the parameter",
    ),
    ("W1", lambda dW, W, data: np.stack([dW[0]] * 5), "rows 1, 2, 3 and 4 are copies of row 0"),
    ("W2", alone(-1, 4), "that of the last example alone, not summed over the batch"),
]


@pytest.mark.parametrize(
    ("name", "change", "text", "dtype"),
    [(*case, "float64") for case in CASES]
    + every(9, [(*case, "float32") for case in [*CASES, *ALIKE]])
    + [pytest.param(*case, "float64", marks=pytest.mark.exhaustive) for case in ALIKE],
)
def test_simple_relations_are_named(
    name: str, change: Any, text: str, dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In coarser floats beside the search for mistakes, which has no part in it."""
    if dtype == "float64":
        monkeypatch.setattr(Trial, "find_causes", lambda trial: None)
    found = gradsheet.check(changed(name, change), dtype=dtype)
    assert found.verdict == "wrong"
    assert found.relations == {f"dL/d{name}": text}
    assert text in " ".join(str(found).split()), (
        "in the report, with or without a mistake of the catalogue"
    )


@pytest.mark.usefixtures("unexplained")
def test_a_transpose_is_named_where_w_is_square() -> None:
    found = gradsheet.check(changed("W1", lambda dW, W, data: dW.T), (3, 3, 3, 3))
    assert found.relations == {"dL/dW1": "transposed"}


def test_weight_decay_everywhere_is_told_in_one_line() -> None:
    def fn(params: Any, x: Any, y: Any) -> Any:
        L, grads = RIGHT(params, x, y)
        return L, [(dW + 0.25 * W, db) for (dW, db), (W, _) in zip(grads, params, strict=True)]

    text = str(gradsheet.check(fn))
    lines = [line for line in text.splitlines() if line.startswith("mistake")]
    assert lines == ["mistake  dL/dW3, dL/dW2, dL/dW1: everywhere the truth + 1/4 = 0.25 times the"]
    assert "no known mistake" not in text


def test_what_is_not_summed_over_the_batch_is_told_by_its_shape() -> None:
    def fn(params: Any, x: Any, y: Any) -> Any:
        deltas = [RIGHT(params, x[[n]], y[[n]])[1] for n in range(len(x))]
        return [
            (dW, np.stack([one[l][1] for one in deltas]))
            for l, (dW, _) in enumerate(RIGHT(params, x, y)[1])
        ]

    row = next(row for row in gradsheet.check(fn).rows if row.name == "dL/db2")
    assert (
        row.where
        == "has shape (4, 3), expected (3,): one for each example, not summed over the batch"
    )


@pytest.mark.usefixtures("unexplained")
@pytest.mark.parametrize(
    "change",
    [
        lambda dW, W, data: dW + 1,
        lambda dW, W, data: dW * (1 + 0.1 * np.arange(dW.size).reshape(dW.shape)),
        lambda dW, W, data: np.sign(dW),
        lambda dW, W, data: dW + 0.01 * W**2,
        lambda dW, W, data: dW * len(data[1]) * data[1][0, 0],  # another factor at every probe
    ],
)
def test_what_is_nothing_simple_is_called_nothing(change: Any) -> None:
    found = gradsheet.check(changed("W2", change))
    assert not found.right
    assert not found.relations


def test_what_is_no_number_is_counted() -> None:
    def change(dW: Any, W: Any, data: Any) -> Any:
        return np.where(np.arange(dW.size).reshape(dW.shape) < 2, np.nan, dW)

    assert gradsheet.check(changed("W2", change)).relations == {
        "dL/dW2": "2 of its 15 entries are not finite, at some of the numbers"
    }


@pytest.mark.usefixtures("unexplained")
def test_one_entry_alone_has_its_factor() -> None:
    def change(dW: Any, W: Any, data: Any) -> Any:
        dW = dW.copy()
        dW[1, 2] *= 3
        return dW

    assert gradsheet.check(changed("W2", change)).relations == {
        "dL/dW2": "3 times the truth at [1, 2], and right everywhere else"
    }


def seen(found: Any, right: Any, u: float = 2.0**-53, **others: Any) -> Seen:
    found, right = np.asarray(found, float), np.asarray(right, float)
    errors = others.get("error", 0) + 0 * right
    return Seen(
        found,
        right,
        errors,
        u,
        others.get("parameter"),
        others.get("each"),
        others.get("others", {}),
    )


def test_a_relation_holds_at_every_probe() -> None:
    assert (
        relation([seen([[2, 4]], [[1, 2]]), seen([[6, 2]], [[3, 1]])])
        == "everywhere 2 times the truth"
    )
    assert relation([seen([[2, 4]], [[1, 2]]), seen([[9, 3]], [[3, 1]])]) == ""
    assert relation([seen([[0, 0]], [[1, 2]]), seen([[0, 0]], [[3, 1]])]) == "0 everywhere"
    assert relation([seen([[0, 0]], [[1, 2]]), seen([[0, 1]], [[3, 1]])]) == ""
    swapped = [seen([[2], [1]], [[1], [2]]), seen([[5], [9]], [[9], [5]])]
    assert relation(swapped) == "rows 0 and 1 are changed over"
    assert relation([swapped[0], seen([[9], [5]], [[9], [5]])]) == ""
    decayed = [
        seen([[1.5]], [[1]], parameter=np.array([[5.0]])),
        seen([[3.2]], [[3]], parameter=np.array([[2.0]])),
    ]
    assert relation(decayed) == "everywhere the truth + 0.1 times the parameter"


def test_what_floats_may_do_is_no_relation() -> None:
    """Off by as much as the bound: that a multiple of something fits says nothing."""
    parameter = np.array([[1.0, 1.0]])
    assert (
        relation([seen([[1 + 2e-13, 2 + 1e-13]], [[1, 2]], parameter=parameter, error=1e-13)]) == ""
    )
    assert relation([seen([[1 + 1e-13, 2 + 2e-13]], [[1, 2]], error=1e-13)]) == ""
    assert (
        relation([seen([[1 + 2e-11, 2 + 2e-11]], [[1, 2]], parameter=parameter, error=1e-13)]) != ""
    )
    tiny = [seen([[2e-14, 0.0], [1.0, 2.0]], [[0.0, 1e-14], [1.0, 2.0]], error=1e-13)]
    assert relation(tiny) == "", "rows of nothing but noise are no copies"


def test_in_few_bits_a_relation_is_exact_or_none() -> None:
    """1.02 times the truth in bfloat16 is within a bit of many things, and none of them is said."""
    array = [
        seen([[1.0234375, 2.046875]], [[1, 2.0078125]], u=0.0, parameter=np.array([[0.75, 1.5]]))
    ]
    assert relation(array) == ""


@pytest.mark.parametrize(
    ("factor", "text"),
    [(2.0, "2"), (-3.0, "-3"), (0.75, "3/4 = 0.75"), (1 / 3, "1/3 = 0.333333"), (1.05, "1.05")],
)
def test_a_factor_in_words(factor: float, text: str) -> None:
    assert in_words(factor) == text


@pytest.mark.usefixtures("unexplained")
def test_noise_is_not_called_weight_decay():
    data = with_a_blank_example(("relu", "relu", "identity"))
    rng = np.random.default_rng(3)

    def noisy(params, x, y):
        grads = manual.value_and_grad(params, x, y, ("relu", "relu", "identity"))[1]
        return [(W + 3e-14 * abs(W).max() * rng.normal(size=W.shape), b) for W, b in grads]

    for _ in range(2):
        assert not gradsheet.check(noisy, **data).relations
