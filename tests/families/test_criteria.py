"""Losses: by hand, in JAX, and with mistakes planted in them."""

import functools

import jax
import numpy as np
import pytest

import manual
import manual.criteria
import ref
import ref.criteria
from tests.family import Case, Within, agreed, faults, refused, rough, together, with_mistake
from tests.rounds import every

SHAPE = (4, 2, 3)
LABELS = np.array([[0, 2], [1, 1], [2, 0], [2, 2]])
PROBABILITIES = Within(SHAPE, 0, 1)
SUM, NONE = {"reduction": "sum"}, {"reduction": "none"}
CASES = together(
    [
        Case("squared_error", [SHAPE, SHAPE], rational=True),
        Case("squared_error", [SHAPE, SHAPE], {"half": False, **SUM}, rational=True, size=1e4),
        Case("squared_error", [(3,), (3,)], NONE, rational=True),
        Case("huber", [SHAPE, SHAPE], rational=True),
        Case("huber", [SHAPE, SHAPE], {"delta": 64, **SUM}, rational=True, size=1e4),
        Case("huber", [(3,), (3,)], {"delta": 0.25, **NONE}, rational=True),
        Case("hinge", [SHAPE, LABELS], rational=True),
        Case("hinge", [SHAPE, LABELS], {"margin": 0.5, **SUM}, rational=True, size=1e4),
        Case("hinge", [(4, 3), LABELS[:, 0]], {"margin": 0, **NONE}, rational=True),
        Case("softmax_cross_entropy", [SHAPE, LABELS]),
        Case("softmax_cross_entropy", [SHAPE, LABELS], SUM, size=120.0),
        Case("softmax_cross_entropy", [SHAPE, PROBABILITIES]),
        Case("softmax_cross_entropy", [SHAPE, PROBABILITIES], NONE, size=1e4),
        Case("sigmoid_cross_entropy", [SHAPE, PROBABILITIES]),
        Case("sigmoid_cross_entropy", [SHAPE, PROBABILITIES], SUM, size=120.0),
        Case("sigmoid_cross_entropy", [(3,), Within((3,), 0, 1)], NONE, size=1e4),
    ]
)
PLANTED = {
    "squared_error": [
        (
            "r = yhat - y  # (N, ...)\n    losses = of_examples(r * r",
            "r = y - yhat\n    losses = of_examples(r * r",
        ),
        ("r * r / 2 if half", "r * r if half"),
        ("d_losses * r if half", "d_losses * 2 * r if half"),
        ("else d_losses * (2 * r)", "else d_losses * r"),
        ("# (3): (N, ...)\n    return d_r, -d_r", "\n    return d_r, d_r"),
        ("total / number(losses, losses.size) if", "total if"),
        ("every / number(losses, losses.size) if", "every if"),
        ("every / number(losses, losses.size) if", "every / len(losses) ** 2 if"),
        ("shares.sum(tuple(range(1", "shares.mean(tuple(range(1"),
    ],
    "huber": [
        ("c * (r - c / 2)", "c * r / 2"),
        ("c * (r - c / 2)", "c * (r - c)"),
        ("c * (r - c / 2)", "np.where(r == c, r * r / 2, c * r)"),
        ("reduction), (c, losses, reduction)", "reduction), (r, losses, reduction)"),
        ("c = np.minimum(np.maximum(r, number(r, -delta)), number(r, delta))", "c = r"),
        ("c = np.minimum(np.maximum(r, number(r, -delta)), number(r, delta))", "c = np.sign(r)"),
        ("np.maximum(r, number(r, -delta))", "np.maximum(r, number(r, 0))"),
        ("d_losses * c", "d_losses * (c > 0)"),
        ("# (5): (N, ...)\n    return d_r, -d_r", "\n    return d_r, 0 * d_r"),
    ],
    "hinge": [
        ("s - s_y + number(s, margin)", "s_y - s + number(s, margin)"),
        ("s - s_y + number(s, margin)", "s - s_y"),
        ("np.where(right, number(s, 0), s -", "np.where(right, number(s, margin), s -"),
        ("np.where(v > 0, d_losses", "np.where(v >= 0, d_losses"),
        ("np.where(v > 0, d_losses", "np.where(v > 0, v * d_losses"),
        ("np.where(v > 0, d_losses, number(v, 0))", "np.where(v > v.min(), d_losses, 0 * v)"),
        ("-d_v.sum(-1, keepdims=True)", "-d_losses"),
        ("np.where(right, d_s_y, d_v), None", "d_v, None"),
    ],
    "softmax_cross_entropy": [
        ("fused.softmax_cross_entropy(y, z).sum(-1)", "fused.softmax_cross_entropy(y, z).mean(-1)"),
        ("right, number(z, 1), number(z, 0)", "right, number(z, 0), number(z, 1)"),
        ("d_z = fused.d_softmax_cross_entropy(y, z, d_losses)", "d_z = (fused.softmax(z) - y)"),
        (
            "d_z = fused.d_softmax_cross_entropy(y, z, d_losses)",
            "d_z = (fused.softmax(z) - y) * d_losses",
        ),
        ("d_z = fused.d_softmax_cross_entropy(y, z", "d_z = -fused.d_softmax_cross_entropy(y, z"),
        (
            "fused.d_softmax_cross_entropy(y, z, d_losses)",
            "fused.d_softmax_cross_entropy(y, z, d_losses) / number(z, z.shape[-1])",
        ),
        ("fused.softmax_cross_entropy(y, z).sum(-1)", "-(y * np.log(fused.softmax(z))).sum(-1)"),
        ("d_losses * surprise", "-d_losses * surprise"),
        ("d_losses * surprise", "d_losses * surprise * y"),
        ("number(z, 1) + 0 * y, z)", "y, z)"),
        (
            "# (1): (...,) -> (..., 1)\n    # In the forward pass this was l = -sum",
            "* 0 + losses[..., None]\n    #",
        ),
    ],
    "sigmoid_cross_entropy": [
        (
            "of_examples(fused.sigmoid_binary_cross_entropy",
            "of_examples(fused.sigmoid_cross_entropy",
        ),
        (
            "d_z = fused.d_sigmoid_binary_cross_entropy(y, z, d_losses)",
            "d_z = fused.sigmoid(z) - y",
        ),
        (
            "d_z = fused.d_sigmoid_binary_cross_entropy(y, z, d_losses)",
            "d_z = (fused.sigmoid(z) - y) * fused.d_sigmoid(z) * d_losses",
        ),
        ("d_z = fused.d_sigmoid_binary", "d_z = fused.d_sigmoid"),
        ("d_y = -z * d_losses", "d_y = z * d_losses"),
        ("d_y = -z * d_losses", "d_y = -fused.sigmoid(z) * d_losses"),
    ],
}


def of_family(family: str) -> list[Case]:
    return [case for case in CASES if case.family == family]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case}-{case.size:g}")
def test_by_hand_is_jax_and_the_truth(case: Case) -> None:
    assert [*faults(manual, [case])] == []


@pytest.mark.exhaustive
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case}-{case.size:g}")
def test_by_hand_is_jax_and_the_truth_often(case: Case) -> None:
    case = case._replace(short=True)
    assert [fault for seed in range(1, 40) for fault in faults(manual, [case], seed)] == []


@pytest.mark.parametrize(
    ("family", "old", "new"), [(family, *words) for family in PLANTED for words in PLANTED[family]]
)
def test_a_mistake_is_caught(family: str, old: str, new: str) -> None:
    with np.errstate(all="ignore"):
        assert any(faults(with_mistake("criteria", old, new), of_family(family)))


@pytest.mark.parametrize("family", every(2, PLANTED))
def test_in_bfloat16_behind_jit_and_vmap(family: str) -> None:
    assert [*rough(of_family(family)[0])] == []


# What is a matter of choice


def test_at_its_kink_the_slope_of_a_hinge_is_0():
    found = agreed("hinge", [[[2.0, 1.0, 1.5]], [0]], [1.0])
    assert found["out0"] == 0.5
    assert found["gradient0"].tolist() == [[-1, 0, 1]], "1 - 2 + 1 is 0"


def test_a_single_class_has_no_wrong_one():
    found = agreed("hinge", [[[2.0]], [0]], [1.0])
    assert (found["out0"], found["gradient0"]) == (0, 0)
    found = agreed("softmax_cross_entropy", [[[2.0]], [0]], [1.0])
    assert (found["out0"], found["gradient0"]) == (0, 0)


def test_where_hubers_becomes_linear_the_slope_is_delta():
    found = agreed("huber", [[[-2.0, 2.0, 3.0]], [[0.0, 0.0, 0.0]]], [1.0], delta=2)
    assert found["out0"] == 2 + 2 + 4
    assert found["gradient0"].tolist() == [[-2, 2, 2]]


def test_hubers_does_not_overflow():
    r = np.array([1e30], np.float32)
    out, cache = manual.huber_forward(r, 0 * r, delta=2)
    in_jax = jax.jit(functools.partial(ref.huber, delta=2))
    assert out == in_jax(r, 0 * r) == np.float32(2e30)
    assert manual.huber_backward(1, cache)[0] == 2


def test_a_masked_class_adds_nothing():
    z, y = [[0.0, -np.inf, 0.0]], [[0.5, 0.0, 0.5]]
    for labels in (y, [2]):
        found = agreed("softmax_cross_entropy", [z, labels], [1.0])
        assert found["out0"] == np.log(2)
    assert found["gradient0"].tolist() == [[0.5, 0, -0.5]]
    sure = [[0.0, -np.inf, -np.inf]], [[1.0, 0.0, 0.0]]
    found = agreed("softmax_cross_entropy", sure, [1.0])
    assert [found[k].tolist() for k in found] == [0, [[0, 0, 0]], [[0, 0, 0]]]


def test_a_masked_class_that_is_right_is_infinitely_wrong():
    found = agreed("softmax_cross_entropy", [[[0.0, -np.inf, -np.inf]], [1]], [1.0])
    assert found["out0"] == np.inf
    assert found["gradient0"].tolist() == [[1, -1, 0]]


@pytest.mark.filterwarnings("ignore:invalid value")
def test_a_masked_row_has_no_loss():
    assert np.isnan(agreed("softmax_cross_entropy", [[[-np.inf] * 3], [1]], [1.0])["out0"])


def test_the_slope_by_a_probability_of_0_is_that_of_any_other():
    row = [[0.0, -1000.0, -1000.0]], [[1.0, 0.0, 0.0]]
    found = agreed("softmax_cross_entropy", row, [1.0])
    assert found["gradient1"].tolist() == [[0, 1000, 1000]]


def test_an_output_that_is_sure_and_right_has_a_slope_left():
    z = np.array([200.0])
    _, cache = manual.sigmoid_cross_entropy_forward(z, np.array([1.0]))
    d_z = manual.sigmoid_cross_entropy_backward(1.0, cache)[0]
    by_jax = np.asarray(jax.jit(jax.grad(ref.sigmoid_cross_entropy))(z, np.ones(1)))
    assert d_z == by_jax == -np.exp(-200)


def test_large_logits_in_float32():
    z = np.array([[1e4, -1e4, 0], [0, 1e4, 1e4]], np.float32)
    labels = np.array([1, 0])
    out, cache = manual.softmax_cross_entropy_forward(z, labels, reduction="none")
    assert out.tolist() == [2e4, np.float32(1e4 + np.log(2))]
    d_z, _ = manual.softmax_cross_entropy_backward(np.ones(2, np.float32), cache)
    assert d_z.tolist() == [[1, -1, 0], [-1, 0.5, 0.5]]
    in_jax = jax.jit(functools.partial(ref.softmax_cross_entropy, reduction="none"))
    assert np.array_equal(out, in_jax(z, labels))


def test_the_mean_is_over_examples_and_the_sum_over_outputs():
    yhat, y = np.arange(24.0).reshape(SHAPE), np.ones(SHAPE)
    each = agreed("squared_error", [yhat, y], [np.ones(4)], reduction="none")["out0"]
    assert (each == ((yhat - y) ** 2 / 2).sum((1, 2))).all()
    assert agreed("squared_error", [yhat, y], [1.0])["out0"] == each.sum() / 4


def test_labels_one_hot_and_as_whole_numbers_are_the_same():
    z, labels = np.arange(12.0).reshape(4, 3) % 5 * 800, LABELS[:, 0]
    hot = agreed("softmax_cross_entropy", [z, np.eye(3)[labels]], [1.0])
    found = agreed("softmax_cross_entropy", [z, labels.astype(np.int8)], [1.0])
    assert found["out0"] == hot["out0"]
    assert np.array_equal(found["gradient0"], hot["gradient0"])


def test_of_no_examples_the_sum_is_0_and_there_is_no_mean():
    nothing, labels = np.zeros((0, 3)), np.zeros(0, int)
    for family in PLANTED:
        second = nothing
        if family in ("hinge", "softmax_cross_entropy"):
            second = labels
        found = agreed(family, [nothing, second], [1.0], reduction="sum")
        assert (found["out0"], found["gradient0"].shape) == (0, (0, 3))
        assert refused(family, nothing, second) == (
            'found no examples, expected at least one for a mean: write "sum"'
        )


def test_behind_jit_the_loss_of_a_label_that_is_no_class_is_not_a_number():
    families = ref.hinge, ref.softmax_cross_entropy
    losses = jax.jit(lambda s, labels: [loss(s, labels) for loss in families])
    for label in (-1, 3):
        assert np.isnan(losses(np.zeros((2, 3)), np.array([0, label]))).all()


def test_what_is_refused():
    z, labels = np.zeros((4, 3)), LABELS[:, 0]
    for family in PLANTED:
        second = labels if family in ("hinge", "softmax_cross_entropy") else z
        assert refused(family, z, second, reduction="max") == (
            "reduction is 'max', expected one of mean, sum, none"
        )
    for family, first, second in (
        ("squared_error", "yhat", "y"),
        ("huber", "yhat", "y"),
        ("sigmoid_cross_entropy", "z", "y"),
        ("softmax_cross_entropy", "z", "y"),
    ):
        assert refused(family, z, z[:, :1]) == (
            f"{second} has the shape (4, 1), expected (4, 3), as {first} has it"
        )
        assert refused(family, z, z > 0) == (
            f"{second} has dtype bool, expected float64, as {first} has it: write "
            f"{second}.astype({first}.dtype)"
        )
        if family != "softmax_cross_entropy":
            assert refused(family, z[0, 0], z[0, 0]) == (
                f"{first} has the shape (), expected (N, ...), one example a row: write "
                f"{first}[None]"
            )
    for family, first, second in (
        ("hinge", "s", "labels"),
        ("softmax_cross_entropy", "z", "y"),
    ):
        assert refused(family, z, labels[:2]) == (
            f"{second} has the shape (2,), expected (4,), a label for every row of {first}"
        )
        assert refused(family, z, labels + 1) == (f"{second} has 3, expected labels from 0 to 2")
        assert refused(family, z, labels - 1) == (f"{second} has -1, expected labels from 0 to 2")
        assert refused(family, z, labels.astype(float)) == (
            f"{second} has dtype float64, expected labels that are whole numbers: write "
            f"{second}.astype(int)"
        )
        assert refused(family, z[:, :0], labels) == (
            f"{first} has the shape (4, 0), expected (..., K) with K at least 1"
        )
        assert refused(family, z.astype(int), labels) == (
            f"{first} has dtype int64, expected floats or exact numbers: write "
            f"{first}.astype(float)"
        )
    assert refused("hinge", z, labels, margin=-1) == (
        "margin is -1, expected a number that is not below 0: write margin=1"
    )
    assert refused("huber", z, z, delta=0) == "delta is 0, expected a number above 0: write delta=1"
