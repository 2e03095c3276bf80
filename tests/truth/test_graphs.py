"""Random networks of definitions: the sweep, the nudge through the formulas and
JAX's program agree on them, and with them JAX on the same written plainly."""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from jax import lax

import gradsheet
from gradsheet.numbers.budget import Budget
from gradsheet.numbers.dual import Dual
from gradsheet.numbers.real import Arithmetic
from gradsheet.numbers.reasons import AtKink, EvaluationError, Undecided
from gradsheet.numbers.session import LIBRARY
from gradsheet.truth import jax_functions
from gradsheet.truth.formulas import FormulaWalk
from gradsheet.truth.graph_point import Asked, GraphPoint
from manual import ops
from tests.networks import examples
from tests.rounds import every
from tests.sheets import verdicts

SIZE = 3  # of every axis
NOT_SHRUNK = [Phase.generate]  # which would take minutes: they are small as they are
NUMBERS = np.arange(1.0, SIZE + 1)
# Kinds of names: v is a vector, m a matrix, s a number.
KINDS = "vms"


class Form(NamedTuple):
    """A definition of the name n in names of these kinds, as a sheet has it, and plainly."""

    makes: str
    takes: str
    text: str
    plain: Callable[..., Any]

    @property
    def is_recurrence(self) -> bool:
        """Whether what is added to a step of it changes later ones, which is not
        written plainly here."""
        return "[t-1]" in self.text


def cubic(u: Any) -> Any:
    """The function of the sheet's own."""
    return u**3 / 4 - u


def scan(a: Any, first: Any, step: Callable[[Any, Any], Any]) -> Any:
    h, steps = first, []
    for t in range(SIZE):
        h = step(h, a[t])
        steps.append(h)
    return jnp.stack(steps)


RATIONAL = (
    Form("v", "vv", "{n}[i] = {0}[i]*{1}[i]/2 - {0}[i]", lambda a, b: a * b / 2 - a),
    Form("v", "mv", "{n} = {0} @ {1}", jnp.matmul),
    Form("v", "mv", "{n}[i] = sum(j, {0}[j,i]*{1}[j])/2", lambda m, a: m.T @ a / 2),
    Form(
        "v",
        "vs",
        "{n}[i] = where({0}[i] > {1}, {0}[i]**2/4, {1}*{0}[i])",
        lambda a, s: jnp.where(a > s, a**2 / 4, s * a),
    ),
    Form("v", "vv", "{n} = max({0}, {1}) - min({0}, 2*{1})",
         lambda a, b: jnp.maximum(a, b) - jnp.minimum(a, 2 * b)),
    Form("v", "v", "{n} = f({0})", cubic),
    Form("v", "v", "{n}[i] = f'({0}[i])*i", lambda a: (3 * a**2 / 4 - 1) * NUMBERS),
    Form("v", "v", "{n}[i] = {0}[4-i]", lambda a: a[::-1]),
    Form("v", "m", "{n}[j] = mean(i, {0}[i,j])", lambda m: m.mean(0)),
    Form("v", "mv", "{n}[n] = max(j, {0}[n,j])*{1}[n]", lambda m, a: m.max(1) * a),
    Form("v", "v", "{n}[0] = 1/2\n{n}[t] = {n}[t-1]*{0}[t]/2 + {0}[t]",
         lambda a: scan(a, 0.5, lambda h, x: h * x / 2 + x)),
    Form("v", "vs", "{n}[0] = {1}\n{n}[t] = relu({n}[t-1]) - {0}[t]",
         lambda a, s: scan(a, s, lambda h, x: jax.nn.relu(h) - x)),
    Form("v", "vs", "{n}[1] = {1}\n{n}[t] = {n}[t-1]*{0}[t]",
         lambda a, s: jnp.stack([s, s * a[1], s * a[1] * a[2]])),
    Form("v", "vs", "{n}p[0] = {1}\n{n}p[t] = {n}p[t-1]/2 + {1}\n{n}[t] = {n}p[t]*{0}[t]",
         lambda a, s: scan(a, s, lambda h, x: h / 2 + s) * a),
    Form("m", "vv", "{n}[i,j] = {0}[i]*{1}[j]/2", lambda a, b: jnp.outer(a, b) / 2),
    Form("m", "mm", "{n} = {0} @ {1}/4", lambda a, b: a @ b / 4),
    Form("m", "mv", "{n}[n,j] = {0}[n,j] - {1}[j]*{0}[n,1]/4",
         lambda m, a: m - a[None] * m[:, :1] / 4),
    Form("m", "m", "{n} = {0}.T*abs({0})/4", lambda m: m.T * abs(m) / 4),
    Form("s", "vv", "{n} = {0} @ {1}/4", lambda a, b: a @ b / 4),
    Form("s", "m", "{n} = sum(i, j, {0}[i,j]**2)/8", lambda m: (m**2).sum() / 8),
    Form("s", "v", "{n} = max({0}) - mean({0})", lambda a: a.max() - a.mean()),
    Form("s", "vs", "{n} = {0}[2]*{1} + sum(k=1..2, {0}[k+1])",
         lambda a, s: a[1] * s + a[1:].sum()),
)  # fmt: skip
SMOOTH = (
    Form("v", "vv", "{n} = tanh({0})*sigmoid({1})", lambda a, b: jnp.tanh(a) * jax.nn.sigmoid(b)),
    Form("v", "v", "{n} = softmax({0})", jax.nn.softmax),
    Form("v", "v", "{n}[i] = sqrt({0}[i]**2 + 1)", lambda a: jnp.sqrt(a**2 + 1)),
    Form("v", "v", "{n}[0] = 0\n{n}[t] = tanh({n}[t-1]/2 + {0}[t])",
         lambda a: scan(a, 0.0, lambda h, x: jnp.tanh(h / 2 + x))),
    Form("m", "m", "{n}[n] = softmax({0}[n]/4)", lambda m: jax.nn.softmax(m / 4)),
    Form("m", "mv", "{n}[n,j] = {0}[n,j]*exp(-{1}[j]**2)", lambda m, a: m * jnp.exp(-(a**2))[None]),
    Form("s", "v", "{n} = log(1 + sum({0}**2))", lambda a: jnp.log(1 + (a**2).sum())),
)  # fmt: skip
# {1} is the name that the number {0} is derived by.
SLOPE = Form("v", "sv", "{n}[i] = d{0}/d{1}[i]", lambda *_: None)
GIVEN = {"x": "v", "y": "v", "A": "m", "s0": "s"}


class Network(NamedTuple):
    """Definitions with their names and those they take, and what is given."""

    lines: tuple[tuple[str, Form, tuple[str, ...]], ...]
    values: Mapping[str, Any]

    def text(self) -> str:
        """The sheet."""
        equations = [form.text.format(*takes, n=name) for name, form, takes in self.lines]
        network = "\n".join(["f(u) = u**3/4 - u", *equations])
        given = "\n".join(f"{name} = {value}" for name, value in self.values.items())
        claim = '[[claim]]\nquantity = "L"\n'
        return f'network = """\n{network}\n"""\n[given]\n{given}\n{claim}'

    def plain(self, added: Mapping[str, Any], last: str = "") -> dict[str, Any]:
        """Every value up to the last, with something added to some names."""
        here = {n: jnp.asarray(v, float) + added.get(n, 0) for n, v in self.values.items()}
        for name, form, takes in self.lines:
            if form is SLOPE:
                value = self.slope(*takes, added)
            else:
                value = form.plain(*(here[take] for take in takes))
            here[name] = value + added.get(name, 0)
            if name == last:
                break
        return here

    def slope(self, of: str, by: str, added: Mapping[str, Any]) -> Any:
        """The derivative of a number by a vector, within what is differentiated."""

        def number(more: Any) -> Any:
            return self.plain({**added, by: added.get(by, 0) + more}, of)[of]

        return jax.grad(number)(jnp.zeros(SIZE))

    def jacobians(self, of: str, by: Sequence[str], values: Mapping[str, Any]) -> dict[str, Any]:
        """The derivatives of a name by others."""
        zeros = {name: jnp.zeros_like(values[name]) for name in by}
        found: dict[str, Any] = jax.jacrev(lambda e: self.plain(e, of)[of])(zeros)
        return found


@st.composite
def networks(draw: st.DrawFn, forms: tuple[Form, ...]) -> Network:
    """Two to five definitions in what stands above them, then L."""
    numbers = st.integers(-8, 8).map(lambda k: k / 4)

    def some(*shape: int) -> Any:
        size = int(np.prod(shape))
        # No two alike: ties are for tests of their own.
        distinct = st.lists(numbers, min_size=size, max_size=size, unique=True)
        return np.array(draw(distinct)).reshape(shape).tolist()

    values = {"x": some(SIZE), "y": some(SIZE), "A": some(SIZE, SIZE), "s0": some()}
    known, lines, recurrences = dict(GIVEN), [], set[str]()
    for k in range(draw(st.integers(2, 5))):
        numbers_known = [name for name, kind in known.items() if kind == "s" and name != "s0"]
        choices = [*forms, SLOPE, SLOPE] if numbers_known else [*forms]
        form = draw(st.sampled_from(choices))
        takes = []
        for kind in form.takes:
            names = [name for name, other in known.items() if other == kind]
            if form is SLOPE and kind == "s":
                names = numbers_known
            if form is SLOPE and kind == "v":  # what comes after it is no name to derive by
                before = [*known][: [*known].index(takes[0])]
                names = [name for name in names if name in before and name not in recurrences]
            takes.append(draw(st.sampled_from(names[::-1])))
        lines.append((f"n{k}", form, tuple(takes)))
        known[f"n{k}"] = form.makes
        recurrences |= {f"n{k}"} if form.is_recurrence else set()
    last = {kind: next(n for n in [*known][::-1] if known[n] == kind) for kind in KINDS}
    end = Form("s", "vms", "{n} = sum({0}) + sum(i, {1}[i,2]) + {2}**2/2",
               lambda v, m, s: v.sum() + m[:, 1].sum() + s**2 / 2)  # fmt: skip
    lines.append(("L", end, tuple(last[kind] for kind in KINDS)))
    return Network(tuple(lines), values)


def agree(network: Network) -> int:
    """Ask the three witnesses, who raise where they disagree, for every name and
    some derivatives, and compare with JAX; how many derivatives there were."""
    own = gradsheet.read(network.text()).own
    assert own is not None
    *_, end = names = [name for name, _, _ in network.lines]
    first = next((name for name, form, _ in network.lines if not form.is_recurrence), "y")
    inner = names[len(names) // 2 - 1]
    asked = Asked(frozenset(names), frozenset({end, inner}), frozenset({"x", "A", first}))
    point = GraphPoint(own.program, own.arrays, Arithmetic(40), Budget(), asked=asked)
    pairs = ((end, ("x", "A", first)), (inner, ("x",)))

    @jax.jit
    def in_floats() -> Any:
        values = network.plain({})
        return values, [network.jacobians(of, names_by, values) for of, names_by in pairs]

    found, slopes = {}, {}
    with contextlib.suppress(AtKink):
        for name in names:
            found[name] = point.node(name)
        for k, (of, names_by) in enumerate(pairs):
            for by in names_by:
                with contextlib.suppress(AtKink):
                    if not point.program.no_derivative(of, by):
                        slopes[k, by] = point.derivative(of, (), by, ())
    values, derivatives = in_floats()
    for name, array in found.items():
        close(array, values[name])
    for (k, by), array in slopes.items():
        close(array, derivatives[k][by])
    return len(slopes)


def close(found: Any, floats: Any) -> None:
    """Compare with floats, whose last digits are lost where large ones cancel."""
    found = found.astype(float)
    np.testing.assert_allclose(found, floats, rtol=1e-9, atol=1e-10 * (1 + abs(found).max()))


@settings(examples(2), phases=NOT_SHRUNK)
@given(networks(RATIONAL))
def test_on_fractions_the_witnesses_agree_exactly(network: Network) -> None:
    agree(network)


@settings(examples(2), phases=NOT_SHRUNK)
@given(networks(RATIONAL + SMOOTH))
def test_the_witnesses_agree_where_exp_and_log_enter(network: Network) -> None:
    agree(network)


# A network of every kind of step, among them a derivative, for what is planted.
FIXED = Network(
    (
        ("n0", RATIONAL[0], ("x", "y")),
        ("n1", RATIONAL[-4], ("n0", "x")),
        ("n2", SLOPE, ("n1", "x")),
        ("n3", RATIONAL[10], ("n2",)),
        ("L", RATIONAL[-4], ("n3", "n2")),
    ),
    {"x": [1, -2, 0.5], "y": [3, 0.25, -1], "A": [[1, 2, 3], [4, 5, 6], [7, 8, 9]], "s0": 1},
)


def test_a_derivative_within_a_network_is_derived() -> None:
    assert agree(FIXED) == 4


def half(rule: Callable[..., Any]) -> Callable[..., Any]:
    """A rule that forgets half of what comes back at the first array."""

    def wrong(*arrays: Any, **settings: Any) -> Any:
        first, *others = rule(*arrays, **settings)
        return first / 2, *others

    return wrong


@pytest.mark.parametrize("name", ["multiply", "matmul", "subtract", "take"])
def test_a_wrong_rule_is_contradicted(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    operation = ops.OPERATIONS[name]
    wrong = operation._replace(backward=half(operation.backward))
    monkeypatch.setitem(ops.OPERATIONS, name, wrong)
    with pytest.raises(Undecided, match="the witnesses disagree"):
        agree(FIXED)


def test_a_factor_that_jax_does_not_derive_by_is_contradicted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(LIBRARY, "_caches", {})  # of the right room
    monkeypatch.setitem(jax_functions.OPERATORS, "*", lambda a, b: a * lax.stop_gradient(b))
    with pytest.raises(Undecided, match="the witnesses disagree"):
        agree(FIXED)


def test_a_wrong_dual_number_is_contradicted(monkeypatch: pytest.MonkeyPatch) -> None:
    right = Dual.__mul__
    monkeypatch.setattr(Dual, "__mul__", lambda a, b: Dual((m := right(a, b)).value, 0, m.level))
    with pytest.raises(Undecided, match="the witnesses disagree"):
        agree(FIXED)


@pytest.mark.parametrize(
    "loss", every(2, ["log(1 + exp(w[t-1]*x[t])) + tanh(w[t-1])", "(w[t-1] - x[t])**2"])
)
def test_a_step_derives_a_formula_by_the_step_before(loss: str) -> None:
    """By what its base is, too, and as if the formula had a name."""
    named = f"l[t] = {loss}\nm[t] = m[t-1]/2 + dl[t]/dw[t-1]"
    plain = f"m[t] = m[t-1]/2 + d({loss})/dw[t-1]"
    found = []
    for momentum in (named, plain):
        network = f"w[0] = p\nm[0] = 0\n{momentum}\nw[t] = w[t-1] - a*m[t]\nL = w[3]**2"
        head = f"network = '''\n{network}\n'''\ngiven = {{ a = 0.25, p = 0.5, x = [1, 2, 4] }}\n"
        own = gradsheet.read(head + "[[claim]]\nquantity = 'L'").own
        assert own is not None
        by = ("a", "x", "w[0]")
        asked = Asked(frozenset({"w", "m"}), frozenset({"L"}), frozenset(by))
        point = GraphPoint(own.program, own.arrays, Arithmetic(40), Budget(), asked=asked)
        arrays = [point.node("w"), point.node("m"), *(point.derivative("L", (), b, ()) for b in by)]
        found.append([str(number) for array in arrays for number in array.astype(float).flat])
    assert found[0] == found[1]


def test_the_only_step_of_a_recurrence_is_a_number() -> None:
    network = "h[0] = a\nh[t] = u*x[t] + w*h[t-1]\nL = h[1]**2"
    head = f"network = '''\n{network}\n'''\ngiven = {{ a = 2, x = [3], u = 2, w = -1 }}\n"
    assert verdicts(head, ("L", "16"), ("dL/du", "24"), ("dL/da", "-8")) == ["right"] * 3


def test_a_step_without_a_value_is_heard_of_again() -> None:
    head = "network = '''\nw[0] = 2\nw[t] = log(w[t-1] - x[t])\n'''\ngiven = { x = [1, 1] }\n"
    own = gradsheet.read(head + "[[claim]]\nquantity = 'w'").own
    assert own is not None
    walk = GraphPoint(own.program, own.arrays, Arithmetic(40), Budget()).walk
    for _ in range(2):
        with pytest.raises(EvaluationError, match="logarithm"):
            walk.node("w")


@pytest.mark.parametrize("number", ["0", "x"])
@pytest.mark.parametrize("function", ["relu(u)", "max(u, 0)", "where(u > 0, u, 0)"])
def test_a_function_of_ones_own_has_no_slope_at_its_kink(function: str, number: str) -> None:
    """Nor has what a definition makes of it."""
    head = f"network = '''\ns(u) = {function}\ny = s'({number})\n'''\ngiven = {{ x = 0 }}\n"
    claims = [(f"s'({number})", "0"), (f"s'({number})", "1"), ("y", "0"), ("y", "1")]
    assert verdicts(head, *claims) == ["cannot_tell"] * 4
    claims = [(f"s'({number} + 1)", "1"), (f"s'({number} - 1)", "0")]
    assert verdicts(head, *claims) == ["right"] * 2


def point_of(formula: str, x: Sequence[int], before: str = "", **options: Any) -> GraphPoint:
    """The point of L = a formula, where no witness is heard but for kinks."""
    head = f"network = '''\n{before}\nL = {formula}\n'''\ngiven = {{ x = {[*x]} }}\n"
    own = gradsheet.read(head + "[[claim]]\nquantity = 'L'").own
    assert own is not None
    return GraphPoint(own.program, own.arrays, Arithmetic(40), Budget(), **options)


@pytest.mark.parametrize(
    ("formula", "x", "at_kink", "nudged"),
    [
        ("max(i, x[i])", [1, 1, 0], [1, 2], [1, 2]),
        ("max(i, relu(x[i] - 2))", [1, 0, 1], [], []),  # all are dead
        ("max(relu(x[1]), x[3]) + x[2]", [0, 0, 1], [], []),  # and below the largest
        ("max(relu(x[1]), x[2]) + x[3]", [0, 0, 1], [1, 2], [1, 2]),
        ("max(x[2], relu(-x[1])) + x[3]", [0, 0, 1], [1, 2], [1, 2]),
        ("relu(max(relu(x[1]), x[2]) + x[3])", [0, 0, 0], [1, 2, 3], [1, 2, 3]),
        ("max(relu(x[1]), relu(-x[1]))*x[2]", [0, 1, 0], [1], [1]),
        ("relu(-relu(x[1]))*x[2] + x[3]", [0, 1, 1], [], [1]),  # it goes nowhere
        ("relu(x[1]**2) + x[2]*x[3]", [0, 1, 1], [], []),
        ("abs(x[1] - x[2])*x[3]", [1, 1, 1], [1, 2], [1, 2]),
        ("abs(x[1] - x[2])*x[3]", [1, 1, 0], [], []),
        # What comes behind a jump is another thing there.
        ("relu(where(x[1] > x[2], 5, 0) - 3)*x[1]*x[3]", [0, 0, 1], [1], [1, 2]),
    ],
)
def test_only_what_leaves_a_kink_is_nudged_to_either_side(
    monkeypatch: pytest.MonkeyPatch,
    formula: str,
    x: list[int],
    at_kink: list[int],
    nudged: list[int],
) -> None:
    point, nudges, slopes = point_of(formula, x), list[int](), FormulaWalk.slopes

    def counted(walk: FormulaWalk, *asked: Any) -> Any:
        nudges.append(asked[-1][0] + 1)
        return slopes(walk, *asked)

    monkeypatch.setattr(FormulaWalk, "slopes", counted)
    without = []
    for k in range(SIZE):
        try:
            _ = point.derivative("L", (), "x", (k,))
        except AtKink:
            without.append(k + 1)
    assert (without, nudges) == (at_kink, nudged)


def test_nudges_to_either_side_are_paid_for_at_points_beside_the_sheets_own() -> None:
    for formula, is_paid in (("max(i, x[i])", True), ("max(i, relu(x[i] - 2))", False)):
        point = point_of(formula, [1, 1, 1], nudges=1)
        with contextlib.suppress(AtKink):
            _ = point.derivative("L", (), "x", ())
        assert bool(point.budget.spent) is is_paid
