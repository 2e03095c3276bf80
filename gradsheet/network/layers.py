"""`[[layer]]` tables as definitions: what they are shorthand for.

One example, a layer with a bias, half a squared error, a learning rate:

    z1 = W1 @ x + b1                        W1_new = W1 - learning_rate*dL/dW1
    yhat = relu(z1)                         b1_new = b1 - learning_rate*dL/db1
    shares[k] = (y[k] - yhat[k])**2/2       z1_new = W1_new @ x + b1_new
    L = sum(k, shares[k])                   ...

A batch has its examples first: z1 = x @ W1.T + b1.T, in which the row b1.T
stands for every row.
"""

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

import numpy as np

from gradsheet.language.formula import NEW
from gradsheet.language.functions import facts_of
from gradsheet.language.parsing import parse
from gradsheet.language.text import number_text
from gradsheet.network import losses
from gradsheet.network.graph import Definition, Graph, Shape
from gradsheet.network.lowering import Program, lowered
from gradsheet.network.network import Network
from gradsheet.network.problem import Problem
from gradsheet.numbers.session import LIBRARY, Session
from manual.activations import Activation, Array, split

MAX_PROGRAMS = 64  # networks whose steps a session has


def graph_of(network: Network, *, unspecified: bool = True, rows: bool = False) -> Graph:
    """The graph that a network of layers is shorthand for.

    Where no loss is given L is the product of yhat with dL/dyhat, a symbol
    d_yhat; or there is none, where that is not to be left `unspecified`. With
    `rows` a layer is x W, and W is (inputs, units).
    """
    if network.loss is None and not unspecified:  # and so no step downhill either
        network = replace(network, update=None)
    equations = list(_equations(network, rows=rows))
    if network.loss is None and not unspecified:
        equations = [one for one in equations if one[0] not in ("L", "shares")]
    names = {*network.names, *(name for name, _, _ in equations), "d_yhat"}
    definitions = tuple(
        Definition(name, tuple(axes), parse(formula, sorted(names)))
        for name, axes, formula in equations
    )
    defined = {name for name, _, _ in equations}
    given = tuple((name, shape) for name, shape in _given(network) if name not in defined)
    if rows:
        given = tuple((name, s[::-1] if name[0] == "W" else s) for name, s in given)
    if "L" not in defined:
        given = tuple(one for one in given if one[0] != "d_yhat")
    aliases = tuple(network.aliases.items())
    batched = tuple(name for name in names if network.has_examples(name))
    return Graph(given, definitions, aliases=aliases, batched=batched)


def program_of(network: Network, session: Session = LIBRARY) -> Program:
    """The steps of a network of layers, found once for all sheets on it."""
    programs = session.cache("steps of layers", MAX_PROGRAMS)

    def find() -> Program:
        return lowered(replace(graph_of(network), layers=network))

    program: Program = programs.get(network, find)
    return program


def _given(network: Network) -> Iterator[tuple[str, Shape]]:
    for name, shape in network.shapes.items():
        if name == "learning_rate" or (not name.endswith(NEW) and name[0] in "xyWb"):
            yield name, shape
    if network.loss is None:
        yield "d_yhat", (network.widths[-1],)


def _equations(network: Network, *, rows: bool) -> Iterator[tuple[str, str, str]]:
    """The name, the letters of the axes and the formula of every definition."""
    yield from _pass(network, "", rows=rows)
    yield from _loss(network, "")
    if network.update is None:
        return
    for l in range(1, network.depth + 1):
        yield f"W{l}{NEW}", "", f"W{l} - learning_rate*dL/dW{l}"
        if network.biases[l - 1] is not None:
            kept = f"b{l}" if network.update == "weights" else f"b{l} - learning_rate*dL/db{l}"
            yield f"b{l}{NEW}", "", kept
    yield from _pass(network, NEW, rows=rows)
    yield from _loss(network, NEW)


def _pass(network: Network, new: str, *, rows: bool) -> Iterator[tuple[str, str, str]]:
    """z and h of every layer, of the network or of the `new` one."""
    batch = network.examples is not None
    for l in range(1, network.depth + 1):
        before = "x" if l == 1 else f"h{l - 1}{new}"
        bias, W = network.biases[l - 1], f"W{l}{new}"
        z = f"{before} @ {W}.T" if batch else f"{W} @ {before}"
        if rows:
            z = f"{before} @ {W}"
        if bias is not None:
            z += f" + b{l}{new}" + (".T" if batch and bias == "units" else "")
        yield f"z{l}{new}", "", z
        name = f"yhat{new}" if l == network.depth else f"h{l}{new}"
        yield name, "", _activated(network.activations[l - 1], f"z{l}{new}")


def _activated(activation: Activation, z: str) -> str:
    """An activation of a whole layer."""
    facts, (_, slopes) = facts_of(activation), split(activation)
    if slopes:
        return f"leaky_relu({z}, {number_text(Fraction(slopes[0]))})"
    return f"{facts.name}({z})" if facts.text != "{z}" else z


def _inside(domain: tuple[float, float], between: tuple[float, float]) -> bool:
    """Whether outputs are always where a loss has a value."""
    return domain[0] <= between[0] and between[1] <= domain[1]


def _no_log_of_0(text: str) -> str:
    """The text of a share in which 0 log 0 is 0, by asking for log 1 there."""
    for name in ("{name}", "1 - {name}"):
        y, yhat = (name.replace("name", end) for end in ("y", "yhat"))
        one = f"where({yhat} == 0, where({y} == 0, 1, 0), {yhat})"
        text = text.replace(f"log({yhat})", f"log({one})")
    return text


def _loss(network: Network, new: str) -> Iterator[tuple[str, str, str]]:
    """The shares of the outputs in the loss, and their sum."""
    yhat, outputs = f"yhat{new}", network.widths[-1]
    at = "[n,k]" if network.examples is not None else "[k]"
    if network.loss is None:
        share = f"d_yhat[k]*{yhat}{at}"
    else:
        text = losses.of(network.loss).text
        if not _inside(losses.of(network.loss).domain, facts_of(network.activations[-1]).between):
            text = _no_log_of_0(text)
        share = text.format(y=f"y{at}", yhat=f"{yhat}{at}", outputs=outputs)
    if network.examples is not None:
        share = f"{'mean' if network.reduction == 'mean' else 'sum'}(n, {share})"
    yield f"shares{new}", "k", share
    yield f"L{new}", "", f"sum(k, shares{new}[k])"


def given_arrays(problem: Problem, *, rows: bool = False) -> dict[str, Array]:
    """What the graph of layers starts from; with `rows` W is (inputs, units)."""
    single = problem.network.examples is None
    data = {"x": problem.x, "y": problem.y}
    given = {k: v[0] if single else v for k, v in data.items() if v is not None}
    for l, (W, b) in enumerate(problem.params, 1):
        given |= {f"W{l}": W.T if rows else W} | ({} if b is None else {f"b{l}": b})
    if problem.d_yhat is not None:
        given["d_yhat"] = problem.d_yhat
    if problem.network.update is not None and problem.rate is not None:
        given["learning_rate"] = np.array(problem.rate, object)
    return given
