"""JAX's program of a graph of definitions: held against JAX on networks that
are written out plainly, and exactly where floats are exact."""

import functools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from gradsheet.language import formula as f
from gradsheet.language.parsing import parse
from gradsheet.network.graph import Block, Definition, Graph, OwnFunction
from gradsheet.numbers.printed import printed
from gradsheet.numbers.real import Arithmetic
from gradsheet.numbers.session import Session
from gradsheet.truth import program
from gradsheet.truth.program import GraphAutodiff, graph_autodiff, traced
from gradsheet.truth.unrolled import Unrolled, Untraceable, base_number
from tests.rounds import every

HEAD = re.compile(r"(?P<name>\w+)(?:\[(?P<axes>.*?)\]|\((?P<argument>\w+)\))? += +(?P<formula>.*)")
T3 = (0, (1, 2, 3))  # the axis of a recurrence, and its steps

# Networks, each an array of numbers with few bits: floats carry out what is rational exactly.


def some(*shape: int, seed: int = 0) -> Any:
    numbers = np.random.default_rng((seed, *shape)).permutation(range(-9, 27, 2))
    return (numbers[: int(np.prod(shape))].reshape(shape) / 8).tolist()


def exactly(value: Any) -> np.ndarray:
    """Numbers, lists of them or lists of lists as an array of Fractions."""
    return np.asarray(np.vectorize(Fraction, [object])(np.asarray(value, object)))


def graph_of(text: str, given: Mapping[str, Any], sizes: Mapping[str, int]) -> Graph:
    """A network as a sheet has it, read line by line."""
    heads = [found for line in text.strip().splitlines() if (found := HEAD.match(line.strip()))]
    own = [head["name"] for head in heads if head["argument"]]
    names = {*given, *sizes, *(head["name"] for head in heads)} - set(own)
    definitions, functions = [], []
    for head in heads:
        known = names | {head["argument"] or ""}
        formula = parse(head["formula"], known, functions=own, sizes=sizes, layers=False)
        if head["argument"]:
            functions.append(OwnFunction(head["name"], head["argument"], formula))
        else:
            axes = [axis.strip() for axis in (head["axes"] or "").split(",") if axis]
            numbered = tuple(int(axis) if axis.isdecimal() else axis for axis in axes)
            definitions.append(Definition(head["name"], numbered, formula))
    shapes = tuple((name, np.shape(value)) for name, value in given.items())
    whole = (("w", tuple(given["w"])),) if isinstance(given.get("w"), list) else ()
    return Graph(shapes, tuple(definitions), tuple(functions), tuple(sizes.items()), whole)


@dataclass(frozen=True)
class Network:
    """A text with what is given, and the same written plainly: a function of
    what is given, and of `e`, what is added to the node `moved`."""

    text: str
    given: dict[str, Any]
    plain: Callable[..., dict[str, jax.Array]]
    of: tuple[str, ...] = ("L",)
    recurrence: tuple[str, ...] = ()
    steps: tuple[int, tuple[int, ...]] = T3
    moved: tuple[str, tuple[int, ...]] | None = None
    rational: bool = False
    sizes: dict[str, int] = field(default_factory=dict)

    @property
    def graph(self) -> Graph:
        return graph_of(self.text, self.given, self.sizes)

    @property
    def by(self) -> tuple[str, ...]:
        given = [name for name in self.given if name != "w"]
        return (*given, *([self.moved[0]] if self.moved else []))

    def blocks(self) -> tuple[Block, ...]:
        blocks, waiting = [], list(self.graph.definitions)
        while waiting:
            group = [d for d in waiting if d.name in self.recurrence]
            if waiting[0] in group:
                bases = tuple(d for d in group if base_number(d) is not None)
                steps = tuple(d for d in group if base_number(d) is None)
                blocks.append(Block(steps, *self.steps, bases))
                waiting = [d for d in waiting if d not in group]
            else:
                blocks.append(Block((waiting.pop(0),)))
        return tuple(blocks)

    def by_jax(self, session: Session | None = None, arithmetic: Any = None) -> GraphAutodiff:
        """What JAX's program gives on exact numbers."""
        given = {name: exactly(value) for name, value in self.given.items()}
        arguments = self.graph, self.blocks(), given, self.of, self.by
        return graph_autodiff(*arguments, arithmetic or Arithmetic(30), session or Session())


def batch_norm(x, gamma, beta, eps, dout):
    xhat = (x - x.mean(0, keepdims=True)) / jnp.sqrt(x.var(0, keepdims=True) + eps)
    return {"L": (dout * (gamma[None] * xhat + beta[None])).sum()}


def recurrent(x, W, U, h0=0.0, e=0.0):
    h, steps = h0 * jnp.ones(2), []
    for t in range(len(x)):
        h = jnp.tanh(W @ x[t] + U @ h) + jnp.broadcast_to(e, (3, 2))[t]
        steps.append(h)
    return {"L": (h**2).sum() + steps[0][0], "h": jnp.stack(steps)}


def gated(x, W, U, c0, h0, e=0.0):
    c, h, steps = c0, h0, []
    for t in range(3):
        gate = jax.nn.sigmoid(W @ x[:, t] + U @ h)
        c = gate * c + jnp.tanh(W @ x[:, t]) + jnp.broadcast_to(e, (2, 3))[:, t]
        h = gate * jnp.tanh(c)
        steps.append(h)
    return {"L": (jnp.stack(steps, 1) ** 2).sum(), "h": jnp.stack(steps, 1)}


def convolution(x, K, t, e=0.0):
    out = lax.conv_general_dilated(x[None, None], K[None, None], (1, 1), "VALID")[0, 0] + e
    return {"L": ((out - t) ** 2).sum() / 2, "out": out}


def pooled(x, e=0.0):
    windows = x.reshape(2, 2, 2, 2)
    return {"L": (windows.max((1, 3)) ** 2 + windows.min((1, 3)) ** 3).sum()}


def embedded(E, c, e=0.0):
    rows = E[jnp.array([0, 2, 0])]
    return {"L": ((rows.sum(0) * c) ** 2).sum(), "r": E[2], "m": E[2] @ E[0]}


def attention(Q, K, V, e=0.0):
    A = jax.nn.softmax(Q @ K.T / jnp.sqrt(2)) + e
    O = A @ V
    return {"L": O[0, 0] + 2 * O[1, 1], "A": A}


def cubic(v, u, a):
    return (v @ u - a) ** 3 + (v**3).sum()


def nested(v, u, a, e=0.0):
    g = jax.grad(cubic)
    return {
        "H": jax.jacobian(g, 1)(v, u, a),
        "L": jax.grad(lambda v: (g(v, u, a) ** 2).sum())(v),
        "M": jax.hessian(cubic)(v, u, a),
        "D": 2 * u * v,
        "T": jnp.diag(2 * u * v),
        "S": v.sum(),
        "Y": g(v, u, a)[:, None] * u[None],
        "Z": u * g(v, u, a)[1],
        "F": u[0] * g(v, u, a),
        "B": 2 * u[1] * v[1],
    }


def through_time(x, W, U):
    return {"d": jax.grad(lambda U: recurrent(x, W, U)["L"])(U)}


def descent(w0, a, rate, x):
    v = w0
    for t in range(3):
        v = v - rate * 2 * a * (v - a) * x[t]
    return {"L": v.sum()}


def _swish(u):
    return u**2 * jax.nn.sigmoid(u)


def two_bases(a, b, x):
    second = a * b + x[1]
    third = second * b + x[2]
    fourth = third * second + x[3]
    return {"L": fourth, "s": jnp.stack([b, second, third, fourth])}


def own_functions(x, z):
    products = jnp.outer(x, z)
    slope = jax.vmap(jax.grad(_swish))
    return {
        "L": _swish(products).sum(),
        "g": slope(x + z[0]),
        "G": slope(x) * (1 - jnp.tanh(x) ** 2),
    }


def entrywise(x, y, s):
    sigmoid = jax.nn.sigmoid(x)
    return {
        "a": jax.nn.relu(x) * (x > 0)
        + jax.nn.softplus(x)
        + jax.nn.silu(x)
        + jax.nn.leaky_relu(x, s)
        + (x > 0)
        + sigmoid * (1 - sigmoid)
        - jnp.tanh(x) ** 2
        + jax.vmap(jax.grad(jax.nn.silu))(y),
        "b": jnp.where(x > y, x**2, y) + jnp.where(x <= 0, y, x),
        "c": x * y,
        "p": (y**2 + 1) ** -1.5 + (y**2 + 1) ** (2 / 3),
    }


def arrays(x, y, s):
    g = jnp.diag(x) @ jnp.outer(x, y) + jnp.outer(x, y)
    return {
        "d": jnp.diag(x * jnp.arange(1.0, 4)) + jnp.arange(1.0, 4)[None] * y[None] * 3,
        "t": jnp.concatenate([x, y]) * (x.mean() + x.max() * y.min() + 3 * s + (x * y).max()),
        "g": g,
        "q": jnp.array([[x[0], s], [1, x[1]]]).T,
        "m": g * x[None] - y[None],
        "r": x[::-1] * (g @ x)[1],
    }


RNN = {"x": some(3, 2), "W": some(2, 2), "U": some(2, 2, seed=1)}
STEPPED = """
h[t,k] = tanh(sum(i, W[k,i]*x[t,i]) + sum(j, U[k,j]*h[t-1,j]))
L = sum(k, h[3,k]**2) + h[1,1]"""
DESCENT = {"w0": some(2), "a": 0.25, "rate": 0.125, "x": [1, 2, 1]}
XYS = {"x": [0.5, -1.25, 2.125], "y": [1.5, -2.25, 0.75], "s": 0.25}
ATTENTION = {"Q": some(2, 2), "K": some(3, 2), "V": some(3, 2, seed=1)}

NETWORKS = {
    "batch norm": Network(
        """mu[j] = mean(n, x[n,j])
        var[j] = mean(n, (x[n,j] - mu[j])**2)
        xhat[n,j] = (x[n,j] - mu[j])*(var[j] + eps)**(-1/2)
        out[n,j] = gamma[j]*xhat[n,j] + beta[j]
        L = sum(n, j, dout[n,j]*out[n,j])""",
        {"x": some(3, 2), "gamma": some(2), "beta": [1, 2], "eps": 0.125, "dout": some(3, 2)},
        batch_norm,
    ),
    "a recurrence of whole vectors, from 0": Network(
        "h[0] = 0\nh[t] = tanh(W @ x[t] + U @ h[t-1])\nL = sum(h[3]**2) + h[1,1]",
        RNN,
        recurrent,
        ("L", "h"),
        ("h",),
        moved=("h", (3, 2)),
    ),
    "a recurrence entry by entry, from 0": Network(
        "h[0,k] = 0" + STEPPED, RNN, recurrent, ("L", "h"), ("h",), moved=("h", (3, 2))
    ),
    "a recurrence from h0": Network(
        "h[0] = h0" + STEPPED, {**RNN, "h0": some(2)}, recurrent, ("L", "h"), ("h",)
    ),
    "several in one block, the steps last": Network(
        """c[k,0] = c0[k]
        h[k,0] = h0[k]
        g[k,t] = sigmoid(sum(j, W[k,j]*x[j,t]) + sum(m, U[k,m]*h[m,t-1]))
        c[k,t] = g[k,t]*c[k,t-1] + tanh(sum(j, W[k,j]*x[j,t]))
        h[k,t] = g[k,t]*tanh(c[k,t])
        L = sum(h**2)""",
        {"x": some(2, 3), "W": some(2, 2), "U": some(2, 2, seed=1), "c0": some(2), "h0": some(2)},
        gated,
        ("L", "h"),
        ("g", "c", "h"),
        (1, (1, 2, 3)),
        ("c", (2, 3)),
    ),
    "convolution": Network(
        "out[i,j] = sum(a, b, K[a,b]*x[i+a-1, j+b-1])\nL = sum(i, j, (out[i,j] - t[i,j])**2)/2",
        {"x": some(4, 3), "K": some(2, 2), "t": some(3, 2)},
        convolution,
        ("L", "out"),
        moved=("out", (3, 2)),
        rational=True,
    ),
    "pooling": Network(
        """p[i,j] = max(a=1..2, b=1..2, x[2*i+a-2, 2*j+b-2])
        q[i,j] = min(a=1..2, b=1..2, x[2*i+a-2, 2*j+b-2])
        L = sum(p**2) + sum(i, j, q[i,j]**3)""",
        {"x": some(4, 4)},
        pooled,
        rational=True,
    ),
    "embedding": Network(
        "s[k] = sum(t, E[w[t],k])*c[k]\nL = sum(k, s[k]**2)\nr = E[w[2]]\nm = E[3] @ E[1]",
        {"E": some(3, 2), "w": [1, 3, 1], "c": some(2)},
        lambda E, w, c: embedded(E, c),
        ("L", "r", "m"),
        rational=True,
    ),
    "attention": Network(
        "S = Q @ K.T * 2**(-1/2)\nA = softmax(S)\nO = A @ V\nL = O[1,1] + 2*O[2,2]",
        ATTENTION,
        attention,
        ("L", "A"),
        moved=("A", (2, 3)),
    ),
    "nested derivatives": Network(
        """l = (v @ u - a)**3 + sum(v**3)
        g = dl/dv
        H = d(dl/dv)/du
        P = g @ g
        L = dP/dv
        M[i,j] = d(dl/dv[i])/dv[j]
        D[i] = d(u[i]**2*v[i])/du[i]
        T[j,i] = d(u[i]**2*v[i])/du[j]
        S = d(sum(l*v))/dl
        Y[i] = d(u*l)/dv[i]
        Z = d(u*l)/dv[2]
        f(z) = z*l
        F = d(f(u[1]))/dv
        B = sum(k=2..2, d(u[k]**2*v[k])/du[k])""",
        {"v": some(2), "u": some(2, seed=1), "a": 0.5},
        nested,
        ("H", "L", "M", "D", "T", "S", "Y", "Z", "F", "B"),
        rational=True,
    ),
    "attention by rows": Network(
        """S[i,j] = Q[i] @ K[j] * 2**(-1/2)
        A[i,j] = softmax(S[i])[j]
        O[i] = A[i] @ V
        L = (A @ V)[1,1] + 2*O[2,2]""",
        ATTENTION,
        attention,
        ("L", "A"),
        moved=("A", (2, 3)),
    ),
    "backpropagation through time, by hand": Network(
        """h[0] = 0
        h[t] = tanh(W @ x[t] + U @ h[t-1])
        m[t] = h[t] @ h[t]
        L = m[3] + h[1,1]
        z[t,k] = dL/dh[t,k]*(1 - h[t,k]**2)
        d[i,j] = sum(t, z[t,i]*h[t-1,j])""",
        RNN,
        through_time,
        ("d",),
        ("h",),
    ),
    "descent, by a recurrence": Network(
        "v[0] = w0\nv[t] = v[t-1] - rate*d(sum(a*(v[t-1] - a)**2))/dv[t-1]*x[t]\nL = sum(v[3])",
        DESCENT,
        descent,
        recurrence=("v",),
        rational=True,
    ),
    "descent on a loss that is named": Network(
        """v[0] = w0
        l[t] = sum(a*(v[t-1] - a)**2)*x[t]
        v[t] = v[t-1] - rate*dl[t]/dv[t-1]
        L = sum(v[3])""",
        DESCENT,
        descent,
        recurrence=("l", "v"),
        rational=True,
    ),
    "two bases": Network(
        "s[0] = a\ns[1] = b\ns[t] = s[t-1]*s[t-2] + x[t]\nL = s[4]",
        {"a": 0.5, "b": 2, "x": [0, 1, 2, 3]},
        two_bases,
        ("L", "s"),
        recurrence=("s",),
        steps=(0, (2, 3, 4)),
        rational=True,
    ),
    "functions of its own": Network(
        "f(u) = u**2/(1 + exp(-u))\nL = sum(i, j, f(x[i]*z[j]))\ng[i] = f'(x[i] + z[1])\n"
        "G = f'(x)*tanh'(x)",
        {"x": some(3), "z": some(2)},
        own_functions,
        ("L", "g", "G"),
    ),
    "entry by entry": Network(
        """a = relu(x)*step(x) + softplus(x) + silu(x) + leaky_relu(x, s) + drelu(x) + dsigmoid(x) \
        + dtanh(x) - 1 + dsilu(y)
        b[i] = where(x[i] > y[i], x[i]**2, y[i]) + where(x[i] <= 0, y[i], x[i])
        c = [[1]]*max(x, y)*min(x, y)
        p = (y**2 + 1)**(-3/2) + (y**2 + 1)**(2/3)""",
        XYS,
        entrywise,
        ("a", "b", "c", "p"),
    ),
    "arrays": Network(
        """d[i,j] = kronecker(i, j)*x[i]*i + j*y[j]*N
        t = concat(x, y)*(mean(x) + max(x)*min(y) + sum(k=1..3, s) + max(k, x[k]*y[k]))
        g = diag(x) @ outer(x, y) + x @ y.T
        q = [[x[1], s], [1, x[2]]].T
        m = g*x.T - y.T
        r[i] = x[4-i]*(g @ x)[2]""",
        XYS,
        arrays,
        ("d", "t", "g", "q", "m", "r"),
        sizes={"N": 3},
    ),
}


@pytest.mark.parametrize("name", every(3, NETWORKS))
def test_jax_differentiates_the_formulas(name: str) -> None:
    network = NETWORKS[name]
    opinion = network.by_jax()
    floats = {name: jnp.asarray(value, float) for name, value in network.given.items()}
    if network.moved:
        floats["e"] = jnp.zeros(network.moved[1])
    with jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"):
        plain = jax.jacobian(lambda at: (network.plain(**at),) * 2, has_aux=True)
        jacobians, values = jax.jit(plain)(floats)
    for of in network.of:
        pairs = [(opinion.node(of), values[of])]
        for by in network.by:
            is_moved = network.moved and by == network.moved[0]
            pairs.append((opinion.derivative(of, by), jacobians[of]["e" if is_moved else by]))
        for exact, in_floats in pairs:
            assert exact.shape == in_floats.shape
            if network.rational:
                assert (exact == exactly(in_floats)).all()
            else:
                np.testing.assert_allclose(exact.astype(float), in_floats, rtol=1e-11, atol=1e-13)


def test_a_tenth_is_a_tenth() -> None:
    opinion = Network("L = v/10 + v**2*0.3", {"v": 2}, dict, rational=True).by_jax()
    assert opinion.derivative("L", "v").item() == Fraction(1, 10) + 4 * Fraction(3, 10)


def test_a_base_has_derivatives_and_the_shape_of_the_steps() -> None:
    network = NETWORKS["a recurrence of whole vectors, from 0"]
    given = {name: exactly(value) for name, value in network.given.items()}
    arguments = network.graph, network.blocks(), given, ("L", "h[2]"), ("h[0]", "h[2]")
    opinion = graph_autodiff(*arguments, Arithmetic(30), Session())
    floats = {name: jnp.asarray(value, float) for name, value in network.given.items()}
    slope = jax.jit(jax.grad(lambda h0: recurrent(**floats, h0=h0)["L"]))(jnp.zeros(2))
    np.testing.assert_allclose(opinion.derivative("L", "h[0]").astype(float), slope, rtol=1e-12)
    assert (opinion.derivative("h[2]", "h[2]") == exactly(np.eye(2))).all()
    assert (opinion.node("h[0]") == 0).all()


def test_a_letter_that_a_sum_binds_is_not_that_of_the_step() -> None:
    network = NETWORKS["a recurrence from h0"]
    unrolled = Unrolled(network.graph, network.blocks())
    formula = parse("h[t,1]*sum(t, h[t,2])", {"h"}, layers=False)
    assert unrolled.reads(formula, {"t": 2}) == {"h", "h[0]", "h[1]", "h[2]", "h[3]"}
    assert unrolled.reads(parse("h[t,1]", {"h"}, layers=False), {"t": 2}) == {"h[2]"}


OF_A_NUMBER = ("sqrt", "sin", "cos", "abs", "exp", "log")


@functools.cache
def of_a_number_in_jax() -> dict[str, tuple[jax.Array, jax.Array]]:
    """Every function at 2.25 and its slope, compiled together."""
    functions = {name: jax.value_and_grad(getattr(jnp, name)) for name in OF_A_NUMBER}
    return jax.jit(lambda v: {name: of(v) for name, of in functions.items()})(2.25)


@pytest.mark.parametrize("name", OF_A_NUMBER)
def test_a_function_of_a_number(name: str) -> None:
    formula = f.Call(name, (f.Quantity("v"),))
    graph = Graph((("v", ()),), (Definition("L", (), formula),))
    arguments = graph, (Block(graph.definitions),), {"v": exactly(2.25)}, ("L",), ("v",)
    opinion = graph_autodiff(*arguments, Arithmetic(30), Session())
    value, slope = of_a_number_in_jax()[name]
    assert float(opinion.node("L").item()) == pytest.approx(float(value), rel=1e-15)
    assert float(opinion.derivative("L", "v").item()) == pytest.approx(float(slope), rel=1e-15)


def test_a_program_is_written_once_for_a_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    network, session = NETWORKS["pooling"], Session()
    opinion = network.by_jax(session)
    monkeypatch.setattr(program, "traced", None)
    assert network.by_jax(session).derivative("L", "x").tolist() == (
        opinion.derivative("L", "x").tolist()
    )


def test_updates_are_not_carried_out_anew_for_each_that_follows() -> None:
    def equations(steps: int) -> int:
        lines = [f"v{k + 1} = v{k} - rate*d(v{k}**2)/dv{k}" for k in range(steps)]
        network = Network("\n".join(lines), {"v0": 1, "rate": 1}, dict)
        closed, _ = traced(network.graph, network.blocks(), (f"v{steps}",), ("v0",))
        return len(closed.jaxpr.eqns)

    assert equations(6) - equations(4) == equations(4) - equations(2)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("L[i] = v @ v", "how far i runs"),
        ("L = sum(i, j, v[i+j])", "how far i runs"),
        ("L = sum(i, v[i]*V[i,1])", "how far i runs"),
        ("L = v[3]", "JAX cannot carry out this network"),
        ("L = v @ V @ v @ V @ V", "JAX cannot carry out this network"),
    ],
)
def test_what_is_not_understood_is_refused(text: str, why: str) -> None:
    network = Network(text, {"v": [1, 2], "V": some(3, 2)}, dict)
    with pytest.raises(Untraceable, match=why):
        network.by_jax()


def test_a_formula_of_an_unknown_kind_is_refused() -> None:
    graph = Graph((), (Definition("L", (), f.Call("erf", (f.Number(printed("1")),))),))
    with pytest.raises(Untraceable, match="the function erf"):
        traced(graph, (Block(graph.definitions),), (), ())
