"""Every family as an answer sheet states it: the sweep over the sheet's equations
gives the gradients that are written out in `manual`, and those of JAX.

Where no exponential, logarithm or root enters, whole numbers are compared by `==`,
the sweep and by hand on fractions. Elsewhere the sweep encloses the truth: by hand
on 60 digits nothing else is to be seen, and float64 by hand and in JAX may be off by
what rounding may do.

A sheet counts from 1, pads by a matrix of 0 and 1, and finds groups, heads and gates
in a list of their places. Left out is what it cannot say, a gelu by erf, and what it
leaves undecided, kinks and equal maxima.
"""

import sys
from collections.abc import Iterator, Mapping
from fractions import Fraction
from types import MappingProxyType, ModuleType
from typing import Any, NamedTuple

import flint
import numpy as np
import pytest

import gradsheet
import manual
import ref
from gradsheet.numbers.budget import Budget
from gradsheet.numbers.real import Arithmetic
from gradsheet.truth.graph_point import GraphPoint
from manual.ops import OPERATIONS
from tests.family import (
    DIGITS,
    OF_JAX,
    Case,
    Passed,
    Within,
    by_hand,
    drawn,
    in_jax,
    off,
    program_of,
    rounding,
    seeds_of,
    typed,
    with_mistake,
)
from tests.rounds import every

SAME = 1e-36  # of 60 digits: a sheet has the first 40 of pi


class Stated(NamedTuple):
    """A case of a family and the sheet that says it: the names of its arrays, the
    equations down to out, and what else the sheet gives."""

    case: Case
    names: str
    equations: str
    given: Mapping[str, Any] = MappingProxyType({})

    def __str__(self) -> str:
        return str(self.case)


def distinct(array: np.ndarray) -> np.ndarray:
    """An even number of odd numbers without a tie, in the order of those drawn."""
    ranks = np.argsort(array, axis=None).argsort().reshape(array.shape)
    return 2 * ranks + 1 - array.size


N, T, D, H = 2, 2, 3, 2
LABELS = [2, 0]
SHEETS = [
    Stated(
        Case("affine", [(N, D), (4, D), (4,)], rational=True),
        "x W b",
        "out[n,o] = sum(i, x[n,i]*W[o,i]) + b[o]",
    ),
    Stated(Case("relu", [(N, D)], rational=True, through={0: distinct}), "z", "out = relu(z)"),
    Stated(
        Case("leaky_relu", [(N, D)], {"slope": 0.25}, rational=True, through={0: distinct}),
        "z",
        "out = where(z > 0, z, z/4)",
    ),
    Stated(Case("sigmoid", [(N, D)]), "z", "out = 1/(1 + exp(-z))"),
    Stated(Case("tanh", [(N, D)]), "z", "out = (exp(z) - exp(-z))/(exp(z) + exp(-z))"),
    Stated(Case("softplus", [(N, D)]), "z", "out = log(1 + exp(z))"),
    Stated(Case("silu", [(N, D)]), "z", "out = z*sigmoid(z)"),
    Stated(
        Case("gelu", [(N, D)], {"approximate": "tanh"}),
        "z",
        """
        pi = 3.141592653589793238462643383279502884197
        out = z/2*(1 + tanh(sqrt(2/pi)*(z + 0.044715*z**3)))
        """,
    ),
    Stated(Case("swiglu", [(N, D), (N, D)]), "a b", "out = silu(a)*b"),
    Stated(Case("softmax", [(N, D)]), "z", "out[n,k] = exp(z[n,k])/sum(j, exp(z[n,j]))"),
    Stated(
        Case("squared_error", [(N, D), (N, D)], rational=True),
        "yhat y",
        "out = mean(n, sum(k, (yhat[n,k] - y[n,k])**2)/2)",
    ),
    Stated(
        Case("squared_error", [(N, D), (N, D)], {"half": False, "reduction": "sum"}, rational=True),
        "yhat y",
        "out = sum(n, k, (yhat[n,k] - y[n,k])**2)",
    ),
    Stated(
        Case("huber", [(N, D), (N, D)], {"delta": 2}, rational=True),
        "yhat y",
        """
        r = yhat - y
        l[n,k] = where(abs(r[n,k]) <= 2, r[n,k]**2/2, 2*abs(r[n,k]) - 2)
        out = mean(n, sum(k, l[n,k]))
        """,
    ),
    Stated(
        Case("softmax_cross_entropy", [(N, D), LABELS]),
        "z labels",
        "out = mean(n, log(sum(k, exp(z[n,k]))) - z[n,labels[n]])",
    ),
    Stated(
        Case("softmax_cross_entropy", [(N, D), Within((N, D), 0, 1)], {"reduction": "sum"}),
        "z y",
        "out = -sum(n, k, y[n,k]*log(exp(z[n,k])/sum(j, exp(z[n,j]))))",
    ),
    Stated(
        Case("sigmoid_cross_entropy", [(N, D), Within((N, D), 0, 1)]),
        "z y",
        "out = -mean(n, sum(k, y[n,k]*log(sigmoid(z[n,k])) "
        "+ (1 - y[n,k])*log(1 - sigmoid(z[n,k]))))",
    ),
    Stated(
        Case("hinge", [(4, D), [2, 0, 1, 2]], {"margin": 0.5}, rational=True),
        "s labels",
        """
        v[n,k] = max(0, s[n,k] - s[n,labels[n]] + 1/2)
        out = mean(n, sum(k, (1 - kronecker(k, labels[n]))*v[n,k]))
        """,
    ),
    Stated(
        Case(
            "conv1d",
            [(N, 4, 5), (4, 2, 2), None],
            {"stride": 2, "padding": 1, "groups": 2},
            rational=True,
        ),
        "x w",
        """
        padded[n,c,r] = sum(s, frame[r,s]*x[n,c,s])
        out[n,o,t] = sum(c, k, padded[n,channel[o,c],2*t+k-2]*w[o,c,k])
        """,
        {"frame": np.eye(7, 5, -1, int), "channel": [[1, 2], [1, 2], [3, 4], [3, 4]]},
    ),
    Stated(
        Case(
            "conv2d",
            [(N, 2, 5, 5), (3, 2, 2, 3), (3,)],
            {"stride": (1, 2), "dilation": (2, 1)},
            rational=True,
        ),
        "x w b",
        "out[n,o,i,j] = sum(c, p, q, x[n,c,i+2*p-2,2*j+q-2]*w[o,c,p,q]) + b[o]",
    ),
    Stated(
        Case(
            "max_pool2d",
            [(N, 2, 3, 4)],
            {"size": 2, "stride": 1},
            rational=True,
            through={0: distinct},
        ),
        "x",
        "out[n,c,i,j] = max(p=1..2, q=1..2, x[n,c,i+p-1,j+q-1])",
    ),
    Stated(
        Case("avg_pool2d", [(N, 2, 4, 4)], {"size": 2, "stride": 1}, rational=True),
        "x",
        "out[n,c,i,j] = mean(p=1..2, q=1..2, x[n,c,i+p-1,j+q-1])",
    ),
    Stated(
        Case("adaptive_avg_pool2d", [(N, 1, 4, 3)], {"size": (3, 2)}, rational=True),
        "x",
        "out[n,c,i,j] = mean(p=1..2, q=1..2, x[n,c,i+p-1,j+q-1])",
    ),
    Stated(
        Case("batch_norm", [(N, 2, 3), (2,), (2,)], {"eps": 0.5}),
        "x gamma beta",
        """
        mu[c] = mean(n, s, x[n,c,s])
        var[c] = mean(n, s, (x[n,c,s] - mu[c])**2)
        out[n,c,s] = gamma[c]*(x[n,c,s] - mu[c])/sqrt(var[c] + 1/2) + beta[c]
        """,
    ),
    Stated(
        Case("batch_norm_eval", [(N, D), (D,), (D,), (D,), Within((D,), 1, 4)], {"eps": 0.5}),
        "x gamma beta mu var",
        "out[n,j] = gamma[j]*(x[n,j] - mu[j])/sqrt(var[j] + 1/2) + beta[j]",
    ),
    Stated(
        Case("layer_norm", [(N, T, D), (D,), (D,)], {"eps": 0.5}),
        "x gamma beta",
        """
        mu[n,t] = mean(j, x[n,t,j])
        var[n,t] = mean(j, (x[n,t,j] - mu[n,t])**2)
        out[n,t,j] = gamma[j]*(x[n,t,j] - mu[n,t])/sqrt(var[n,t] + 1/2) + beta[j]
        """,
    ),
    Stated(
        Case("group_norm", [(N, 4, 2), (4,), (4,)], {"groups": 2, "eps": 0.5}),
        "x gamma beta",
        """
        mu[n,g] = mean(k=1..2, j=1..2, x[n,members[g,k],j])
        var[n,g] = mean(k=1..2, j=1..2, (x[n,members[g,k],j] - mu[n,g])**2)
        d[n,c,j] = x[n,c,j] - mu[n,group[c]]
        out[n,c,j] = gamma[c]*d[n,c,j]/sqrt(var[n,group[c]] + 1/2) + beta[c]
        """,
        {"group": [1, 1, 2, 2], "members": [[1, 2], [3, 4]]},
    ),
    Stated(
        Case("rms_norm", [(N, D), (D,)], {"eps": 0.5}),
        "x gamma",
        "out[n,j] = gamma[j]*x[n,j]/sqrt(mean(k, x[n,k]**2) + 1/2)",
    ),
    Stated(
        Case("rnn", [(N, T, D), (N, H), (H, D), (H, H), (H,)], size=1),
        "x h0 W U b",
        """
        h[0] = h0
        h[t,n,k] = tanh(sum(d, W[k,d]*x[n,t,d]) + sum(j, U[k,j]*h[t-1,n,j]) + b[k])
        out[n,t,k] = h[t,n,k]
        """,
    ),
    Stated(
        Case("lstm", [(N, T, D), (N, H), (N, H), (4 * H, D), (4 * H, H), (4 * H,)], size=1),
        "x h0 c0 W U b",
        """
        a[t,n,k] = sum(d, W[k,d]*x[n,t,d]) + sum(j, U[k,j]*h[t-1,n,j]) + b[k]
        i[t,n,k] = sigmoid(a[t,n,gate[1,k]])
        f[t,n,k] = sigmoid(a[t,n,gate[2,k]])
        g[t,n,k] = tanh(a[t,n,gate[3,k]])
        o[t,n,k] = sigmoid(a[t,n,gate[4,k]])
        c[0] = c0
        c[t,n,k] = f[t,n,k]*c[t-1,n,k] + i[t,n,k]*g[t,n,k]
        h[0] = h0
        h[t,n,k] = o[t,n,k]*tanh(c[t,n,k])
        out[n,t,k] = h[t,n,k]
        """,
        {"gate": [[1, 2], [3, 4], [5, 6], [7, 8]]},
    ),
    Stated(
        Case("gru", [(N, T, D), (N, H), (3 * H, D), (3 * H, H), (3 * H,)], size=1),
        "x h0 W U b",
        """
        a[t,n,k] = sum(d, W[k,d]*x[n,t,d]) + b[k]
        u[t,n,k] = sum(j, U[k,j]*h[t-1,n,j])
        r[t,n,k] = sigmoid(a[t,n,gate[1,k]] + u[t,n,gate[1,k]])
        z[t,n,k] = sigmoid(a[t,n,gate[2,k]] + u[t,n,gate[2,k]])
        new[t,n,k] = tanh(a[t,n,gate[3,k]] + r[t,n,k]*u[t,n,gate[3,k]])
        h[0] = h0
        h[t,n,k] = (1 - z[t,n,k])*new[t,n,k] + z[t,n,k]*h[t-1,n,k]
        out[n,t,k] = h[t,n,k]
        """,
        {"gate": [[1, 2], [3, 4], [5, 6]]},
    ),
    Stated(
        Case(
            "attention", [(2, 4), (3, 4), (3, 2)], {"mask": np.array([[1, 1, 0], [1, 0, 1]]) == 1}
        ),
        "q k v",
        """
        e[t,s] = allowed[t,s]*exp(sum(d, q[t,d]*k[s,d])/2)
        out[t,j] = sum(s, e[t,s]*v[s,j])/sum(s, e[t,s])
        """,
        {"allowed": [[1, 1, 0], [1, 0, 1]]},
    ),
    Stated(
        Case(
            "multi_head_attention",
            [(1, 2, 4), (12, 4), (12,), (4, 4), (4,)],
            {"heads": 2},
            size=1,
        ),
        "x Wqkv bqkv Wo bo",
        """
        a[n,t,k] = sum(j, Wqkv[k,j]*x[n,t,j]) + bqkv[k]
        s[n,h,t,u] = sum(d, a[n,t,query[h,d]]*a[n,u,key[h,d]])/sqrt(2)
        y[n,h,t,d] = sum(u, exp(s[n,h,t,u])*a[n,u,value[h,d]])/sum(u, exp(s[n,h,t,u]))
        out[n,t,o] = sum(h, d, Wo[o,query[h,d]]*y[n,h,t,d]) + bo[o]
        """,
        {
            "query": [[1, 2], [3, 4]],
            "key": [[5, 6], [7, 8]],
            "value": [[9, 10], [11, 12]],
        },
    ),
    Stated(
        Case("rotary", [(1, 3, 4)]),
        "x",
        """
        own[n,t,k] = x[n,t,k]*cos((t - 1)*rate[k])
        out[n,t,k] = own[n,t,k] + sign[k]*x[n,t,other[k]]*sin((t - 1)*rate[k])
        """,
        {"rate": [1, 1, "1/100", "1/100"], "other": [2, 1, 4, 3], "sign": [-1, 1, -1, 1]},
    ),
    Stated(
        Case("dropout", [(N, D), [[1, 0, 1], [0, 1, 1]]], {"rate": 0.75}, rational=True),
        "x mask",
        "out = mask*x/(1 - 3/4)",
    ),
    Stated(
        Case("embedding", [(4, D), [[0, 3], [3, 1]]], rational=True),
        "table rows",
        "out[n,t,d] = table[rows[n,t],d]",
    ),
    Stated(
        Case("residual_block", [(N, D), (4, D), (D, 4)], rational=True, size=20),
        "x W1 W2",
        """
        h[n,k] = relu(sum(d, W1[k,d]*x[n,d]))
        out[n,d] = x[n,d] + sum(k, W2[d,k]*h[n,k])
        """,
    ),
]


def text_of(sheet: Stated, arrays: list[Any], seeds: list[Any]) -> str:
    """The sheet with these numbers in it. L is the sum of out, every entry times its
    cotangent; labels and rows are counted from 1."""
    given = dict(zip(sheet.names.split(), arrays, strict=False)) | dict(sheet.given)
    given |= {name: given[name] + 1 for name in ("labels", "rows") if name in given}
    loss = "L = sum(dout*out)" if seeds[0].ndim else "L = dout*out"
    lines = [f"network = '''{sheet.equations}\n{loss}'''", "[given]"]
    for name, array in (given | {"dout": seeds[0]}).items():
        exact = np.frompyfunc(lambda number: str(Fraction(number)), 1, 1)(np.asarray(array, object))
        lines.append(f"{name} = {np.asarray(exact).tolist()!r}")
    return "\n".join([*lines, "[[claim]]", 'quantity = "L"'])


def by_sweep(sheet: Stated, arrays: list[Any], seeds: list[Any]) -> Passed:
    """Out and the gradients that the judge's sweep gives, fractions or enclosures."""
    own = gradsheet.read(text_of(sheet, arrays, seeds)).own
    assert own is not None
    point = GraphPoint(own.program, own.arrays, Arithmetic(DIGITS), Budget())
    names = sheet.names.split()
    gradients = {k: point.derivative("L", (), names[k], ()) for k in sheet.case.moving}
    return {"out0": point.node("out")} | {f"gradient{k}": d for k, d in gradients.items()}


def unequal(room: ModuleType, sheet: Stated, *, with_jax: bool) -> Iterator[str]:
    """Where whole numbers do not give the same by the sweep, by hand on fractions
    and, if it is asked, in JAX."""
    case, rng = sheet.case, np.random.default_rng(1)
    arrays, seeds = drawn(case, rng, whole=True), seeds_of(case, rng, whole=True)
    exact = by_hand(room, case, typed(arrays, Fraction), typed(seeds, Fraction))
    jax = in_jax(case, arrays, seeds) if with_jax else {}
    for name, array in by_sweep(sheet, arrays, seeds).items():
        if not np.array_equal(array, exact[name]):
            yield f"{case}: {name} by the sweep {array.tolist()}, by hand {exact[name]}"
        if with_jax and not np.array_equal(array.astype(float), jax[name]):
            yield f"{case}: {name} by the sweep {array.tolist()}, in JAX {jax[name].tolist()}"


def apart(room: ModuleType, sheet: Stated, *, with_jax: bool) -> Iterator[str]:
    """Where floats by hand or, if it is asked, in JAX are further off the sweep than
    their rounding may be, or by hand on 60 digits anything can be seen."""
    case, rng, info = sheet.case, np.random.default_rng(1), np.finfo(float)
    arrays, seeds = drawn(case, rng, whole=False), seeds_of(case, rng, whole=False)
    enclosed = np.frompyfunc(lambda number: Arithmetic(DIGITS)(number).ball, 1, 1)
    swept = {
        name: np.asarray(enclosed(array)) for name, array in by_sweep(sheet, arrays, seeds).items()
    }
    with flint.ctx.workdps(DIGITS):
        digits = by_hand(room, case, typed(arrays, flint.arb), typed(seeds, flint.arb))
        for name, array in swept.items():
            if array.shape != digits[name].shape or not np.all(abs(array - digits[name]) < SAME):
                yield f"{case}: {name} by the sweep {array.tolist()}, by hand {digits[name]}"
    ways = [("by hand", by_hand(room, case, arrays, seeds), info.eps, info.smallest_subnormal)]
    if with_jax:
        ways.append(("in JAX", in_jax(case, arrays, seeds), OF_JAX * info.eps, info.tiny))
    for who, passed, eps, least in ways:
        for name, ratio in off(passed, swept, rounding(case, arrays, seeds, eps, least)).items():
            if not ratio <= 1:
                yield f"{case}: {name} {who} is off by {ratio:.3g} times what rounding may do"


def faults(room: ModuleType, sheet: Stated, *, with_jax: bool = False) -> list[str]:
    """All that they do not agree on."""
    return [*(unequal if sheet.case.rational else apart)(room, sheet, with_jax=with_jax)]


@pytest.mark.parametrize("sheet", SHEETS, ids=str)
def test_the_sweep_is_by_hand(sheet: Stated) -> None:
    assert faults(manual, sheet) == []


@pytest.mark.parametrize("sheet", every(9, SHEETS), ids=str)
def test_the_sweep_is_by_hand_and_jax(sheet: Stated) -> None:
    """What is by hand is JAX in the files of the families, at other shapes."""
    assert faults(manual, sheet, with_jax=True) == []


def test_no_family_is_left_out() -> None:
    families = {family for families in manual.FAMILIES.values() for family in families}
    assert families == {sheet.case.family for sheet in SHEETS}


def test_a_gelu_by_erf_cannot_be_stated() -> None:
    sheet = Stated(Case("gelu", [(2, 3)]), "z", "out = z*(1 + erf(z/sqrt(2)))/2")
    with pytest.raises(gradsheet.SheetError, match="erf"):
        by_sweep(sheet, [np.ones((2, 3))], [np.ones((2, 3))])


def stated(family: str) -> Stated:
    """The first sheet of a family."""
    return next(sheet for sheet in SHEETS if sheet.case.family == family)


@pytest.mark.parametrize(
    ("family", "file", "old", "new"),
    [
        ("affine", "dense", "rows.sum(0)", "rows.mean(0)"),
        ("tanh", "elementwise", "dout * activations.d_tanh(z)", "dout * (1 - z * z)"),
    ],
)
def test_a_mistake_by_hand_is_caught(family, file, old, new) -> None:
    room = with_mistake(file, old, new)
    assert any("by hand" in fault for fault in faults(room, stated(family)))


@pytest.mark.parametrize(("family", "rule"), [("affine", "add"), ("tanh", "divide")])
def test_a_mistake_of_the_sweep_is_caught(monkeypatch, family, rule) -> None:
    right = OPERATIONS[rule]

    def half(*arrays: Any) -> Any:
        first, *others = right.backward(*arrays)
        return first / 2, *others

    monkeypatch.setitem(OPERATIONS, rule, right._replace(backward=half))
    assert any("by hand" in fault for fault in faults(manual, stated(family)))


@pytest.mark.parametrize("family", ["affine", "tanh"])
def test_a_mistake_in_jax_is_caught(monkeypatch, family) -> None:
    right = getattr(ref, family)
    monkeypatch.setattr(sys.modules[right.__module__], family, lambda *arrays: 2 * right(*arrays))
    monkeypatch.setattr("tests.family.program_of", program_of.__wrapped__)
    assert any("in JAX" in fault for fault in faults(manual, stated(family), with_jax=True))
