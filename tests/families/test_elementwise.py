"""Activations: by hand, in JAX, and with mistakes planted in them."""

from functools import partial

import jax
import numpy as np
import pytest

import manual
import manual.elementwise
import ref
import ref.elementwise
from tests.family import Case, agreed, faults, refused, rough, together, with_mistake
from tests.rounds import every

SHAPE = (2, 3, 4)
# Around 0, where exponentials are too small for a type, and where nothing is left of them.
SIZES = (3.0, 120.0, 1e4)
TANH, ERF = {"approximate": "tanh"}, {"approximate": "none"}
CASES = together(
    [
        Case("relu", [SHAPE], rational=True),
        Case("relu", [(5,)], rational=True, size=1e4),
        Case("leaky_relu", [SHAPE], {"slope": 0.25}, rational=True),
        Case("leaky_relu", [SHAPE], size=1e4),
        *(
            Case(family, [SHAPE], size=size)
            for family in ("sigmoid", "tanh", "softplus", "silu", "softmax")
            for size in SIZES
        ),
        *(Case("gelu", [SHAPE], TANH, size=size) for size in (3.0, 12.0, 1e4)),
        *(Case("gelu", [SHAPE], ERF, size=size) for size in (3.0, 40.0, 1e4)),
        *(Case("swiglu", [SHAPE, SHAPE], size=size) for size in SIZES),
        Case("softmax", [(4,)]),
    ]
)
PLANTED = {
    "relu": [
        ("activations.relu(z), z", "activations.relu(-z), z"),
        ("activations.relu(z), z", "activations.relu(z), -z"),
        ("np.where(z <= 0, number(z, 0), dout)", "np.where(z < 0, number(z, 0), dout)"),
        ("np.where(z <= 0, number(z, 0), dout)", "np.where(z <= 0, dout, number(z, 0))"),
        ("np.where(z <= 0, number(z, 0), dout)", "np.where(dout <= 0, number(z, 0), dout)"),
        ("np.where(z <= 0, number(z, 0), dout)", "np.where(z <= 0, number(z, 0), dout * z)"),
    ],
    "leaky_relu": [
        ("activations.leaky_relu(z, slope)", "activations.leaky_relu(z)"),
        ("np.where(z > 0, dout, number(z, slope) * dout)", "np.where(z > 0, dout, slope * z)"),
        ("np.where(z > 0, dout, number(z, slope) * dout)", "np.where(z >= 0, dout, slope * dout)"),
        ("np.where(z > 0, dout, number(z, slope) * dout)", "np.where(z > 0, dout, 0 * dout)"),
        ("np.where(z > 0, dout, number(z, slope) * dout)", "np.where(z > 0, dout, -slope * dout)"),
        ("leaky_relu(z, slope), (z, slope)", "leaky_relu(z, slope), (z, 0.01)"),
    ],
    "sigmoid": [
        ("activations.sigmoid(z), z", "activations.sigmoid(z), activations.sigmoid(z)"),
        ("activations.sigmoid(z), z", "activations.sigmoid(-z), z"),
        ("dout * activations.d_sigmoid(z)", "activations.d_sigmoid(z)"),
        ("dout * activations.d_sigmoid(z)", "dout * activations.sigmoid(z)"),
        (
            "dout * activations.d_sigmoid(z)",
            "dout * activations.sigmoid(z) * (1 - activations.sigmoid(z))",
        ),
    ],
    "tanh": [
        ("activations.tanh(z), z", "activations.tanh(z), activations.tanh(z)"),
        ("activations.tanh(z), z", "activations.tanh(2 * z), z"),
        ("dout * activations.d_tanh(z)", "activations.d_tanh(z)"),
        ("dout * activations.d_tanh(z)", "dout * (1 - np.tanh(z))"),
        ("dout * activations.d_tanh(z)", "dout * (1 - z * z)"),
        ("dout * activations.d_tanh(z)", "dout * (1 - np.tanh(z) ** 2)"),
    ],
    "softplus": [
        ("activations.softplus(z), z", "activations.softplus(z), activations.softplus(z)"),
        ("activations.softplus(z), z", "np.log(1 + np.exp(z)), z"),
        ("dout * activations.sigmoid(z)", "activations.sigmoid(z)"),
        ("dout * activations.sigmoid(z)", "dout * activations.sigmoid(-z)"),
        ("dout * activations.sigmoid(z)", "dout * activations.d_sigmoid(z)"),
    ],
    "silu": [
        ("activations.silu(z), z", "activations.sigmoid(z), z"),
        ("activations.silu(z), z", "activations.silu(z), activations.silu(z)"),
        ("dout * activations.d_silu(z)", "activations.d_silu(z)"),
        ("dout * activations.d_silu(z)", "dout * z * activations.d_sigmoid(z)"),
        ("dout * activations.d_silu(z)", "dout * activations.sigmoid(z)"),
    ],
    "gelu": [
        ("z * normal(z), (z", "normal(z), (z"),
        ("dout * (normal(z) + z * density(z))", "dout * normal(z)"),
        ("dout * (normal(z) + z * density(z))", "dout * (normal(z) + density(z))"),
        ("erfc(-z / np.sqrt(number(z, 2))) / 2", "(2 - erfc(z / np.sqrt(number(z, 2)))) / 2"),
        ("erfc(-z / np.sqrt(number(z, 2))) / 2", "erfc(-z / 2) / 2"),
        ("np.exp(-near * near / 2)", "np.exp(-near * near)"),
        ("z * activations.sigmoid(v), (z", "z * activations.sigmoid(v / 2), (z"),
        ("z * activations.d_sigmoid(v) * dv", "z * activations.d_sigmoid(v)"),
        ("z * activations.d_sigmoid(v) * dv", "activations.d_sigmoid(v) * dv"),
        ("(1 + 3 * a * near * near)", "(1 + a * near * near)"),
        ("number(z, 0.044715)", "number(z, 0.0447)"),
        ("FAR = 100", "FAR = 5"),
    ],
    "swiglu": [
        ("activations.silu(a) * b, (a, b)", "activations.silu(b) * a, (a, b)"),
        ("activations.silu(a) * b, (a, b)", "activations.sigmoid(a) * b, (a, b)"),
        ("dout * b * activations.d_silu(a)", "dout * activations.d_silu(a)"),
        ("dout * b * activations.d_silu(a)", "dout * b * activations.silu(a)"),
        ("dout * activations.silu(a)", "dout * a"),
        ("return d_a, d_b", "return d_b, d_a"),
    ],
    "softmax": [
        ("mean = (dout * out).sum(-1, keepdims=True)", "mean = 0"),
        ("mean = (dout * out).sum(-1, keepdims=True)", "mean = dout * out"),
        ("mean = (dout * out).sum(-1, keepdims=True)", "mean = dout.sum(-1, keepdims=True)"),
        ("mean = (dout * out).sum(-1, keepdims=True)", "mean = (dout * out).sum(0)"),
        ("mean = (dout * out).sum(-1, keepdims=True)", "mean = (dout * out).sum()"),
        ("out * (dout - mean)", "dout - mean"),
        (
            "activations.softmax(np.where(masked, number(z, 0), z))",
            "np.exp(z) / np.exp(z).sum(-1, keepdims=True)",
        ),
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
        assert any(faults(with_mistake("elementwise", old, new), of_family(family)))


@pytest.mark.parametrize("family", every(2, PLANTED))
def test_in_bfloat16_behind_jit_and_vmap(family: str) -> None:
    assert [*rough(of_family(family)[0])] == []


def test_a_unit_that_is_off_passes_nothing_whatever_it_gets():
    found = agreed("relu", [[-1.0, 0.0, 2.0]], [[np.inf, np.nan, 3.0]])
    assert found["gradient0"].tolist() == [0, 0, 3]


def test_no_number_stays_none():
    found = agreed("relu", [[np.nan]], [[2.0]])
    assert np.isnan(found["out0"]).all()
    assert found["gradient0"].tolist() == [2], "a comparison with it is false"


def test_at_its_kink_a_leaky_unit_has_its_slope():
    found = agreed("leaky_relu", [[-1.0, 0.0, 2.0]], [[4.0, 4.0, 4.0]], slope=0.25)
    assert found["gradient0"].tolist() == [1, 1, 4]


@pytest.mark.parametrize("approximate", ["tanh", "none"])
def test_far_out_a_gelu_is_z_or_0(approximate: str) -> None:
    z = np.array([-1e30, -1e4, 0.0, 1e4, 1e30], np.float32)
    out, cache = manual.gelu_forward(z, approximate=approximate)
    assert out.tolist() == [0, 0, 0, *z[3:].tolist()]
    assert manual.gelu_backward(np.ones_like(z), cache).tolist() == [0, 0, 0.5, 1, 1]
    assert np.array_equal(out, jax.jit(partial(ref.gelu, approximate=approximate))(z))


def test_a_masked_entry_of_a_softmax_is_0_and_a_masked_row_throughout():
    z = [[0.0, -np.inf, 0.0], [-np.inf, -np.inf, -np.inf]]
    found = agreed("softmax", [z], [[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]])
    assert found["out0"].tolist() == [[0.5, 0, 0.5], [0, 0, 0]]
    assert found["gradient0"].tolist() == [[-0.5, 0, 0.5], [0, 0, 0]]


def test_a_softmax_of_one_is_1_and_passes_nothing():
    found = agreed("softmax", [[[7.0], [-7.0]]], [[[2.0], [3.0]]])
    assert found["out0"].tolist() == [[1], [1]]
    assert found["gradient0"].tolist() == [[0], [0]]


def test_of_no_examples_there_is_nothing():
    nothing = np.zeros((0, 3))
    for family in PLANTED:
        out, cache = getattr(manual, f"{family}_forward")(*[nothing] * (1 + (family == "swiglu")))
        assert out.shape == (0, 3)
        gradients = getattr(manual, f"{family}_backward")(nothing, cache)
        assert np.shape(gradients)[-2:] == (0, 3)
    assert agreed("softmax", [nothing], [nothing])["out0"].shape == (0, 3)


def test_what_is_refused():
    z, whole = np.zeros((2, 3)), np.zeros((2, 3), int)
    for family in PLANTED:
        arrays = [whole] * (2 if family == "swiglu" else 1)
        name = "a" if family == "swiglu" else "z"
        assert refused(family, *arrays) == (
            f"{name} has dtype int64, expected floats or exact numbers: write {name}.astype(float)"
        )
    assert refused("gelu", z, approximate="erf") == (
        "approximate is 'erf', expected 'tanh' or 'none', which is by erf"
    )
    assert refused("swiglu", z, z.T) == "b has the shape (3, 2), expected (2, 3), as a has it"
    assert refused("swiglu", z, z.astype(np.float32)) == (
        "b has dtype float32, expected float64, as a has it: write b.astype(a.dtype)"
    )
    assert refused("softmax", z[:, :0]) == (
        "z has the shape (2, 0), expected (..., K) with K at least 1"
    )
    assert refused("softmax", z[0, 0]) == "z has the shape (), expected (..., K)"
