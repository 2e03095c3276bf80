"""The hand-written pass once more, (1) to (4) of `manual`, taken apart into
steps that can be edited.

A person's pass differs from the right one in two ways. A *number* on the way is
another: it was rounded, or is wrong, and is carried on with. Or a *step* is
another: the mask is left out, W stands for its transpose. Here any number can
be replaced, and any step edited, in one and the same pass. Many variants of it
run side by side: every array has one axis in front, of length 1, or of as many
variants as there are.

    V variants    N examples    I inputs of a layer    O units of a layer

Without changes and edits it is the pass of `manual`, which a test says.
"""

import functools
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

import manual
from gradsheet.language.formula import NEW
from gradsheet.language.functions import facts_of
from gradsheet.network.problem import Problem
from gradsheet.truth.values import Index, Tensor
from manual.activations import Array, activate, derivative, number, split
from manual.jacobians import unit_array
from manual.losses import LOSSES

ABOUT_ZERO = 1e-9  # of the largest number: nearer to 0 floats do not tell the sign

Change = Callable[[Array], Any]  # the values carried on in all variants, from those computed
Changes = Mapping[Tensor, Mapping[Index, Change]]

Step = tuple[str, int]  # a step of the pass and its layer: ("d_W", 2)
# The step's result from the right one and all that enters it.
Edit = Callable[[Array, Any], Array]
# Each with the variants that it is made in, None for all.
Edits = Mapping[Step, Sequence[tuple[Edit, Array | None]]]


def transposed(array: Array) -> Array:
    """Each variant's matrix turned."""
    return np.swapaxes(array, -1, -2)


def in_front(array: Array | None) -> Any:
    """An array with the axis of the variants, of length 1."""
    return None if array is None else np.asarray(array)[None]


def _only(whole: Array, output: int) -> Array:
    """The array with 0 for all outputs but one."""
    return np.where(np.arange(whole.shape[-1]) == output, whole, whole * number(whole, 0))


class Pass:
    """Forward and backward through one network, with `changes` to numbers and
    `edits` to steps.

    The arrays of the problem have the axis of the variants in front: x is (1,
    N, I), and so on. `variants` is V; `before` is the pass before the update,
    where this is the one after it; `nodes` are the z and h without edits, where
    they are known and no number is changed.

    An edit gets the step's right result and, as attributes, all that enters the
    step: the network; `f`, the layer's activation; `N`, the number of examples;
    `rate`; x; `mean`, of what is added up over the examples, where the loss is
    one; `real`, which makes numbers with exponentials of fractions; and of h,
    W, b, z, d_h, delta, ... those that it has, of the variants that the edit is
    made in.
    """

    def __init__(
        self,
        problem: Problem,
        *,
        changes: Changes | None = None,
        edits: Edits | None = None,
        variants: int = 1,
        before: "Pass | None" = None,
        nodes: tuple[list[Array], list[Array]] | None = None,
        real: Callable[[Array], Array] = lambda array: array,
    ):
        self.problem, self.network = problem, problem.network
        self.params, self.x, self.y, self.rate = problem.params, problem.x, problem.y, problem.rate
        self.changes, self.edits = changes or {}, {} if edits is None else edits
        self.variants, self.before = variants, before
        self.real, self._known = real, nodes
        self._rows: dict[Any, Gradients] = {}
        if before is None:  # after the update often only the parameters are asked for
            _ = self._nodes

    # What is done at every step

    def changed(self, tensor: Tensor, array: Array) -> Array:
        """The array with those entries changed that the person carries on otherwise."""
        if self.before is not None:
            if not isinstance(tensor, str):
                return array  # nobody asks for derivatives after the update
            tensor += NEW
        if not (changes := self.changes.get(tensor)):
            return array
        array = self._each(array)
        for index, change in changes.items():
            place: Any = slice(None), *index
            array[place] = change(array[place])
        return array

    def _each(self, array: Array) -> Array:
        """A copy of an array, with every variant for itself."""
        return array.copy() if len(array) == self.variants else np.repeat(array, self.variants, 0)

    def _edited(self, step: str, l: int, right: Array, **inputs: Array | None) -> Array:
        """The result of a step, edited in those variants that an edit is for."""
        for k, (edit, rows) in enumerate(self.edits.get((step, l), ())):
            s = Entering(self, l, rows, inputs)
            if rows is None:
                right = edit(right, s)
                continue
            if not k or len(right) == 1:
                right = self._each(right)
            right[rows] = edit(right[rows], s)
        return right

    # Forward

    @property
    def z(self) -> list[Array]:
        """The pre-activations, layer by layer, (V, N, O)."""
        return self._nodes[0]

    @property
    def h(self) -> list[Array]:
        """The activations, x first."""
        return self._nodes[1]

    @functools.cached_property
    def _nodes(self) -> tuple[list[Array], list[Array]]:
        zs, hs = list[Array](), [self.x]
        known = self._known
        for l, ((W, b), activation) in enumerate(
            zip(self.params, self.network.activations, strict=True), 1
        ):
            if self.edits.get(("z", l)) or self.edits.get(("h", l)):
                known = None
            if known is not None:
                zs.append(known[0][l - 1])
                hs.append(known[1][l])
                continue
            h = hs[-1]
            z = h @ transposed(W)  # (1): (V, N, I) @ (V, I, O)
            if b is not None:
                z = z + (b[:, None, :] if b.ndim == 2 else b[:, None, None])
            z = self._edited("z", l, z, h=h, W=W, b=b)
            if self.before is not None:
                z = self._edited(
                    "z_new",
                    l,
                    z,
                    h=h,
                    W_old=self.before.params[l - 1].W,
                    z_old=self.before.z[l - 1],
                )
            zs.append(self.changed(f"z{l}", z))
            h = self._edited("h", l, activate(activation, zs[-1]), z=zs[-1])
            hs.append(self.changed(f"h{l}", h))
        return zs, hs

    def _mean(self, array: Array) -> Array:
        return array / self.x.shape[-2] if self.network.reduction == "mean" else array

    def shares(self) -> Array:
        """The shares of the outputs in the loss, (V, O)."""
        assert self.network.loss is not None
        shares = self._mean(LOSSES[self.network.loss].value(self.y, self.h[-1]).sum(-2))
        return self.changed(
            "shares", self._edited("shares", len(self.z), shares, y=self.y, yhat=self.h[-1])
        )

    # Backward

    def d_yhat(self) -> Array:
        """dL/dyhat, (V, N, O)."""
        yhat = self.h[-1]
        if self.network.loss is None:
            assert self.problem.d_yhat is not None
            d_yhat = self._mean(
                np.broadcast_to(self.problem.d_yhat[:, None, :], (1, *yhat.shape[1:]))
            )
        else:
            d_yhat = self._mean(LOSSES[self.network.loss].d(self.y, yhat))
        return self._edited("d_yhat", len(self.z), d_yhat, y=self.y, yhat=yhat)

    def slope(self, l: int) -> Array:
        """f'(z_l), from h_l where that is how one computes it, so that a rounded h enters."""
        z, h, activation = self.z[l - 1], self.h[l], self.network.activations[l - 1]
        one, from_h = number(z, 1), facts_of(activation).from_h
        slope = from_h(h, one) if from_h else derivative(activation, z)
        slope = self._edited("slope", l, np.asarray(slope), z=z, h=h)
        changes = self.changes.get((f"h{l}", f"z{l}"), {}) if self.before is None else {}
        for (n, i, m, j), change in changes.items():
            if (n, i) == (m, j):
                slope = self._each(slope)
                slope[:, n, i] = change(slope[:, n, i])
        return slope

    def _through(self, l: int, d_h: Array, of: str) -> Array:
        """(2): the gradient by z_l from that by h_l."""
        z, h = self.z[l - 1], self.h[l]
        if facts_of(self.network.activations[l - 1]).mixes:
            delta = h * (d_h - (d_h * h).sum(-1, keepdims=True))
        else:
            delta = d_h * self.slope(l)
        return self._edited("d_z", l, delta, d_h=d_h, z=z, h=h, y=self.y if of == "L" else None)

    def back(self, of: str, top: int, d_top: Array, *, activated: bool = True) -> "Gradients":
        """The gradients of a scalar called `of` by everything before it, from
        that by h of layer `top`, or by its z."""
        return Gradients(self, of, top, d_top, activated)

    @property
    def gradients(self) -> "Gradients":
        """dL by everything, under the names z1, h0, W1, b1, ..."""
        if "L" not in self._rows:
            self._rows["L"] = self.back("L", len(self.z), self.d_yhat())
        return self._rows["L"]

    def by_target(self) -> Array:
        """dL/dy, (V, N, O). It stands apart from `gradients`, since it need not
        be finite where they are."""
        return self._by_target

    @functools.cached_property
    def _by_target(self) -> Array:
        assert self.network.loss is not None
        by_y = LOSSES[self.network.loss].by_y
        assert by_y is not None
        return self.changed(("L", "y"), self._mean(by_y(self.y, self.h[-1])))

    def row(self, of: str, entry: Index, by: str) -> Array:
        """The derivative of one entry of a node by all of `by`; of "L" it has
        no indices, of "shares" the output's."""
        if by == "y":
            d_y = self.by_target()
            return d_y if of == "L" else _only(d_y, entry[0])
        if of == "L":
            return self.gradients[by]
        top = len(self.z) if of == "shares" else int(of[1:])
        # An output's share has that output's part of dL/dyhat, and of dL/dz where no
        # softmax mixes them.
        mixes = facts_of(self.network.activations[-1]).mixes
        activated = of[0] == "h" or (of == "shares" and (by == f"h{top}" or mixes))
        key = of, entry, activated
        if key not in self._rows:
            if of == "shares":
                whole = self.gradients[f"h{top}" if activated else f"z{top}"]
                seed = _only(whole, entry[0])
            else:
                like = self.h[top] if activated else self.z[top - 1]
                seed = unit_array(like[:1], (0, *entry))
            self._rows[key] = self.back("", top, seed, activated=activated)
        return self._rows[key][by]

    # The update

    @functools.cached_property
    def updated(self) -> "Pass":
        """The pass after one step of gradient descent."""
        params = [
            manual.Layer(self._new("W", l), None if b is None else self._new("b", l))
            for l, (_, b) in enumerate(self.params, 1)
        ]
        return Pass(
            replace(self.problem, params=tuple(params)),
            changes=self.changes,
            edits=self.edits,
            variants=self.variants,
            before=self,
            real=self.real,
        )

    def _new(self, kind: str, l: int) -> Array:
        """The new W or b of a layer."""
        old, gradient = getattr(self.params[l - 1], kind), self.gradients[f"{kind}{l}"]
        moves = kind == "W" or self.network.update == "all"
        new = old - self.rate * gradient if moves else old
        new = self._edited(f"{kind}_new", l, new, old=old, gradient=gradient)
        return self.changed(f"{kind}{l}{NEW}", np.asarray(new))

    # Reading

    def node(self, name: str) -> Array:
        """The value of z1, h0, W1, b1, ..., y, L or shares, or with "_new" of
        that after the update."""
        if name.endswith(NEW):
            bare = name.removesuffix(NEW)
            is_parameter = bare[0] in "Wb" and self.before is None
            return self._new(bare[0], int(bare[1:])) if is_parameter else self.updated.node(bare)
        if name in ("L", "shares"):
            shares = self.shares()
            return np.asarray(shares.sum(-1)) if name == "L" else shares
        if name == "y":
            return np.asarray(self.y)
        l = int(name[1:])
        if name[0] in "Wb":
            return np.asarray(getattr(self.params[l - 1], name[0]))
        return self.h[l] if name[0] == "h" else self.z[l - 1]

    def scale(self) -> tuple[Array, Array]:
        """Of every variant the largest number among the nodes and all that was
        asked for, and whether a z is about 0.

        That of a unit with a kink, where floats do not tell on which side it
        is.
        """
        arrays = [*self.z, *self.h]
        arrays += [array for grads in self._rows.values() for array in grads.known.values()]
        arrays += [self._by_target] if "_by_target" in self.__dict__ else []
        each = [abs(array).reshape(len(array), -1).max(-1) for array in arrays]
        largest = np.max([np.broadcast_to(one, (self.variants,)) for one in each], 0)
        kinked = [self.z[l - 1] for l in self.network.kinked]
        close = [(abs(z) <= ABOUT_ZERO * largest[:, None, None]).any((1, 2)) for z in kinked]
        return largest, np.any([np.zeros(self.variants, bool), *close], 0)

    def entries(self, tensor: Tensor, indices: Sequence[Index]) -> Array:
        """Some entries of a tensor in every variant, (V, entries)."""

        def picked(array: Any, index: Index) -> Any:
            return array[(slice(None), *index)]

        if isinstance(tensor, str):
            columns = [picked(self.node(tensor), index) for index in indices]
        else:
            of, by = tensor
            axes = {"L": 0, "shares": 1}.get(of, 2)
            columns = [picked(self.row(of, index[:axes], by), index[axes:]) for index in indices]
        return np.stack([np.broadcast_to(column, (self.variants,)) for column in columns], -1)


class Entering:
    """All that enters a step, as `Pass` says, of the variants that an edit is
    made in."""

    def __init__(
        self, passed: Pass, l: int, rows: Array | None, inputs: Mapping[str, Array | None]
    ):
        self.network, self.rate, self.x = passed.network, passed.rate, passed.x
        self.mean, self.real = passed._mean, passed.real
        self._layer, self._rows, self._inputs = l, rows, inputs

    @property
    def f(self) -> Any:
        """The activation of the layer."""
        return split(self.network.activations[self._layer - 1])[0]

    @property
    def N(self) -> int:  # noqa: N802
        """The number of examples."""
        return int(self.x.shape[-2])

    def __getattr__(self, name: str) -> Any:
        array = self._inputs[name]
        is_whole = self._rows is None or array is None or len(array) == 1
        return array if is_whole else array[self._rows]  # type: ignore[index]


class Taken(dict[Step, Sequence[tuple[Edit, None]]]):
    """Edits that leave everything as it is, one for every step that was asked about."""

    def get(self, step: Step, _: Any = None) -> Any:
        """The edit of a step."""
        return self.setdefault(step, [(lambda right, _: right, None)])


class Gradients(Mapping[str, Array]):
    """The gradients of a scalar by everything before it, as `Pass.back` has
    them, each found when it is asked for; `known` are those that were."""

    def __init__(self, passed: Pass, of: str, top: int, d_top: Array, activated: bool):
        # Weakly, as the pass has them: else large ones would wait for the garbage collector.
        self.passed: Pass = weakref.proxy(passed)
        self.of, self.top, self.d_top = of, top, d_top
        self.activated = activated
        self.known: dict[str, Array] = {}
        self._by_W: dict[int, Array] = {}

    def __iter__(self) -> Iterator[str]:
        for l in range(self.top, 0, -1):
            if l < self.top or self.activated:
                yield f"h{l}"
            yield from (f"z{l}", f"W{l}")
            if self.passed.params[l - 1].b is not None:
                yield f"b{l}"
        yield "h0"

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __contains__(self, name: object) -> bool:
        return name in list(iter(self))

    def __getitem__(self, name: str) -> Array:
        if name not in self.known:
            kind, l = name[0], int(name[1:])
            if l == self.top and kind == ("h" if self.activated else "z"):
                computed = self.d_top
            else:
                ways = {"h": self._input, "z": self._delta, "W": self._weights, "b": self._bias}
                computed = ways[kind](l)
            self.known[name] = self.passed.changed((self.of, name), computed)
        return self.known[name]

    def _d_h(self, l: int) -> Array:
        """What comes to the activations of a layer, or to its z where it starts there."""
        return self[f"h{l}"] if l < self.top or self.activated else self.d_top

    def _delta(self, l: int) -> Array:
        return self.passed._through(l, self[f"h{l}"], self.of)

    def _weights(self, l: int) -> Array:
        if l not in self._by_W:
            passed, delta = self.passed, self[f"z{l}"]
            by_W, z = passed._edited("d_W.delta", l, delta), passed.z[l - 2] if l > 1 else None
            with_h = passed._edited("d_W.h", l, passed.h[l - 1], z=z, own=passed.h[l])
            # (3): (V, O, N) @ (V, N, I).
            self._by_W[l] = passed._edited("d_W", l, transposed(by_W) @ with_h)
        return self._by_W[l]

    def _bias(self, l: int) -> Array:
        b, delta = self.passed.params[l - 1].b, self[f"z{l}"]
        assert b is not None
        d_b = delta.sum((-1, -2)) if b.ndim == 1 else delta.sum(-2)  # (3): (V,) shared, (V, O).
        return self.passed._edited("d_b", l, np.asarray(d_b), delta=delta)

    def _input(self, l: int) -> Array:
        l += 1  # through this layer
        passed, delta = self.passed, self[f"z{l}"]
        by_h = passed._edited("d_h.delta", l, delta, d_h=self._d_h(l))
        d_W = self._weights(l) if passed.edits.get(("d_h.W", l)) else None
        with_W = passed._edited("d_h.W", l, passed.params[l - 1].W, d_W=d_W)
        return passed._edited("d_h", l, by_h @ with_W)  # (4): (V, N, O) @ (V, O, I).
