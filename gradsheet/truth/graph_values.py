"""The values of a network of definitions: of every name, and of every derivative."""

import copy
import functools
import itertools
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Self

import numpy as np

from gradsheet.language import formula as f
from gradsheet.network.graph import Definition, Graph
from gradsheet.network.lowering import LoweredStep, Place, Program, lowered
from gradsheet.numbers.arrays import as_array
from gradsheet.numbers.budget import FLOAT_PASS, Budget
from gradsheet.numbers.cache import LRUCache
from gradsheet.numbers.reasons import Missing
from gradsheet.truth.float_work import FloatWork
from gradsheet.truth.sweep import Change, Cotangents, Edits, Sweep
from gradsheet.truth.values import MAX_FOUND, Index, Tensor, Values
from gradsheet.truth.work import FormulaWork, SweepWork
from manual.activations import Array
from manual.ops import ties

ABOUT_ZERO = 1e-9  # of the largest number: nearer to 0 floats do not tell the sign
ARGUMENT, SLOPE = "the argument", "the slope"  # in a network made for a function of its own


class GraphValues(Values):
    """The values of a program: those of its `sweep`, in whatever numbers.

    Of a sweep with several variants they are those in one `row`.
    """

    row = 0

    def __init__(
        self, program: Program, arithmetic: Any, budget: Budget, *, bits: int | None, exact: bool
    ):
        super().__init__(arithmetic, budget, bits=bits, exact=exact)
        self.program = program

    @property
    def network(self) -> Program:
        """What the names mean."""
        return self.program

    @property
    @abstractmethod
    def sweep(self) -> Sweep:
        """The pass that has the values."""

    @functools.cached_property
    def given_as_floats(self) -> Mapping[str, Array]:
        """What the pass starts from, for a first look."""
        return {name: array.astype(float) for name, array in self.sweep.given.items()}

    @functools.cached_property
    def float_sweep(self) -> Sweep:
        """The pass in floats, as far as it was asked for."""
        return Sweep(self.program, self.given_as_floats, float, floats=True)

    @functools.cached_property
    def float_pass(self) -> float:
        """The operations of a pass in floats, but for what comes back."""
        return FLOAT_PASS + self.float_work.forward

    @functools.cached_property
    def float_work(self) -> FloatWork:
        """What steps cost in floats."""
        return FloatWork(self.program)

    @functools.cached_property
    def pass_work(self) -> SweepWork:
        """What a sweep costs here."""
        return SweepWork(self.program, self.bits, self.arithmetic.digits)

    def place(self, name: str) -> Place:
        """Where a name's value is; raises Missing where there is none."""
        name = self.program.canonical(name)
        if name not in self.program.places:
            raise Missing(f"the network has no {name}")
        return self.program.places[name]

    def variant(self, row: int) -> Self:
        """The values of one of several variants of the pass."""
        _ = self.sweep
        other = copy.copy(self)
        other.row, other._found, other.leaves = row, LRUCache(MAX_FOUND), {}
        return other

    def _seen(self, array: Array) -> Array:
        """What is in the variant that is looked at."""
        return as_array(array[self.row if len(array) > 1 else 0])

    def node(self, name: str) -> Array:
        """The value of a name."""
        return self._seen(self.sweep.value(self.place(name).slot))

    def _picked(self, of: str, of_index: Index, by: str, by_index: Index) -> Array:
        shape = self.program.shapes[of][len(of_index) :]
        rows = [self._row(of, of_index + rest)(by) for rest in np.ndindex(shape)]
        whole = np.stack(rows).reshape(*shape, *rows[0].shape) if shape else rows[0]
        picked: Any = (*[slice(None)] * len(shape), *by_index)
        return as_array(whole[picked])

    def _row(self, of: str, entry: Index) -> Callable[[str], Array]:
        """The derivative of one entry of a node by any name."""
        return lambda by: self._seen(self.comes_back(of, entry, by))

    def comes_back(self, of: str, entry: Index, by: str) -> Array:
        """The derivative of one entry of a node by a name, (1 or V, ...)."""
        place = self.place(by)
        cotangents = self._from_entry(of, entry, place.all)
        if place.entries is None:
            return as_array(cotangents[place.slot])
        parts = [cotangents[slot] for slot in place.slots]
        longest = max(map(len, parts))
        full = [np.broadcast_to(part, (longest, *part.shape[1:])) for part in parts]
        return np.stack(full, 1 + place.axis)

    def _from_entry(self, of: str, entry: Index, _: Sequence[int]) -> Cotangents:
        """What comes back from one entry of a node to some slots at least."""
        return self.sweep.from_entry(*self.program.entry(of, entry))

    def function(self, name: str) -> tuple[str, f.Node] | None:
        """The argument and the formula of a function of the sheet's own."""
        own = self.program.graph.by_function.get(name)
        return None if own is None else (own.argument, own.formula)

    # Kinks

    def _kinks(self, slots: Iterable[int]) -> Iterator[tuple[int, LoweredStep]]:
        """The steps among some that have a kink."""
        for slot in slots:
            if slot in self.program.kinked:
                yield slot, self.program.steps[slot]

    def imbalance(self) -> int:
        """How many entries more stand on one side of a kink than on the other,
        in all steps together."""
        off = 0
        for slot, step in self._kinks(range(len(self.program.steps))):
            for side in itertools.islice(_sides(step, *self._at(step, slot)), 1):
                off += abs(2 * int(side.sum()) - side.size)
        return off

    def is_as_live_as(self, other: "GraphValues") -> bool:
        """Whether everything that has a kink, of what the others have computed,
        stands on the side of it where it stands there."""
        for slot, step in self._kinks([*other.sweep.values]):
            for mine, theirs in zip(
                _sides(step, *self._at(step, slot)),
                _sides(step, *other._at(step, slot)),
                strict=True,
            ):
                if (mine != theirs).any():
                    return False
        return True

    def is_at_kink(self, slots: Iterable[int]) -> bool:
        """Whether some of the steps are at a kink here: two are the largest, or an
        argument is 0."""
        return any(np.any(self._ties(slot, step)) for slot, step in self._kinks(slots))

    def _ties(self, slot: int, step: LoweredStep) -> Array:
        """Which entries of a step's value stand at a kink; none where it compares."""
        arrays, value = self._at(step, slot)
        if step.operation == "where":
            return as_array(np.zeros(value.shape, bool))
        return ties(step.operation, *arrays, **step.arguments)

    def is_between_equals(self, of: str, by: str) -> bool:
        """Whether one of several equal numbers is the largest, or the smallest, on
        the way of a derivative, and what comes back goes to it."""
        places = self.program.places
        between = self.program.between(places[by].all, places[of].slot)
        chosen = {
            slot: tied
            for slot, step in self._kinks(between)
            if (tied := self._ties(slot, step)).any()
        }
        entries = np.ndindex(self.program.shapes[of]) if chosen else ()
        chains = (self.sweep.from_entry(*self.program.entry(of, entry)).chain for entry in entries)
        return any(
            (chain[slot][np.broadcast_to(tied, chain[slot].shape)] != 0).any()
            for chain in chains
            for slot, tied in chosen.items()
            if slot in chain
        )

    def _at(self, step: LoweredStep, slot: int) -> tuple[list[Array], Array]:
        """The arrays of a step and its value."""
        return [self.sweep.value(other) for other in step.inputs], self.sweep.value(slot)

    # Tensors

    def tensor_shape(self, tensor: Tensor) -> tuple[int, ...]:
        """The shape of a name, or of a derivative."""
        shapes = self.program.shapes
        return shapes[tensor] if isinstance(tensor, str) else shapes[tensor[0]] + shapes[tensor[1]]

    def taken_for(self, tensor: Tensor, indices: list[Index]) -> tuple[Tensor, list[Index]]:
        """The tensor for which a person takes another one."""
        return tensor, indices

    def of_share(self, tensor: Tensor, index: Index) -> Index | None:
        """The entry of the derivative of the shares in a loss that an entry of
        the derivative of the loss is, None where it is none."""
        return None

    def leads(self, tensor: Tensor, target: Tensor | None) -> bool:
        """Whether anything on the way to the target is made of the tensor."""
        return target is None or self.program.leads(tensor, target)


def _sides(step: LoweredStep, arrays: Sequence[Array], value: Array) -> Iterator[Array]:
    """Where the arrays of an operation stand to its kinks."""
    match step.operation:
        case "function":
            yield arrays[0] > 0
            if step.arguments["name"] == "abs":  # of others the slope at 0 is that on the left
                yield arrays[0] < 0
        case "maximum" | "minimum" | "where":
            yield arrays[0] > arrays[1]
            yield arrays[0] < arrays[1]
        case "largest" | "smallest":
            yield arrays[0] == np.expand_dims(value, step.arguments["axes"])


class GraphCarried(GraphValues):
    """A network as a person sees it who carries on with other numbers, or takes
    other steps; in `floats` for a first look.

    With a `kind` its numbers are of another type. Of several `variants` the
    values are the first one's, `variant` has those of another, and `in_all` of
    all.
    """

    def __init__(
        self,
        point: "GraphValues",
        changes: Mapping[Tensor, Mapping[Index, Change]] | None = None,
        edits: Edits | None = None,
        *,
        floats: bool = False,
        kind: Callable[[Any], Any] | None = None,
        variants: int = 1,
    ):
        super().__init__(
            point.program,
            kind or point.arithmetic,
            point.budget,
            bits=point.bits,
            exact=point.exact and kind is None,
        )
        self.floats, self.changes, self.edits = floats, changes, edits
        self._point, self._kind, self._variants = point, kind, variants

    @functools.cached_property
    def sweep(self) -> Sweep:
        """The pass with what is carried on."""
        given = self._point.sweep.given
        typed: Callable[[Any], Any] = self._point.sweep.typed
        right = None
        if self._kind is None and not isinstance(self._point, GraphCarried):
            right = self._point.float_sweep if self.floats else self._point.sweep
        if self.floats:
            given, typed = self._point.given_as_floats, float
        elif self._kind is not None:
            converted = np.frompyfunc(self._kind, 1, 1)
            given = {name: as_array(converted(array)) for name, array in given.items()}
            typed = self._kind
        return Sweep(
            self.program,
            given,
            typed,
            changes=self._by_slot(),
            edits=self.edits or {},
            # Those of the loss are changed as well.
            apart=() if self.program.shares is None else (self.place("shares").slot,),
            variants=self._variants,
            floats=self.floats,
            right=right,
        )

    def _from_entry(self, of: str, entry: Index, by: Sequence[int]) -> Cotangents:
        slot, rest = self.program.entry(of, entry)
        if self.floats:  # where nothing is without a value: whoever asks a second time gets all
            known = self._ways.setdefault((slot, rest), by)
            by = by if known == by else ()
            if (slot, rest, *by) not in self.sweep.entries:
                between = self.program.between(by, slot) if by else self.program.before(slot)
                work = self.float_work.through(between, back=True, variants=self._variants)
                self.budget.spend(work)
        return self.sweep.from_entry(slot, rest, by)

    @functools.cached_property
    def _ways(self) -> dict[tuple[int, Index], Sequence[int]]:
        """What was asked for first of what comes back from an entry."""
        return {}

    def _by_slot(self) -> dict[Any, dict[Index, Change]]:
        """The changes at the slots of what they are made to."""
        placed: dict[Any, dict[Index, Change]] = {}
        for tensor, changes in (self.changes or {}).items():
            for index, change in changes.items():
                if isinstance(tensor, str):
                    slot, rest = self.program.entry(tensor, index)
                    placed.setdefault(slot, {})[rest] = change
                    continue
                of, by = tensor
                axes = len(self.program.shapes[of])
                slot, rest = self.program.entry(of, index[:axes])
                slot_by, rest_by = self.program.entry(by, index[axes:])
                placed.setdefault((slot, slot_by), {})[rest + rest_by] = change
                if (share := self._point.of_share(tensor, index)) is not None:
                    placed.setdefault((self.place("shares").slot, slot_by), {})[share] = change
        return placed

    @functools.cached_property
    def formulas_work(self) -> FormulaWork:
        """What formulas cost here: as much as there."""
        return self._point.formulas_work

    @functools.cached_property
    def float_work(self) -> FloatWork:
        """What steps cost in floats: as much as there."""
        return self._point.float_work

    def in_all(self, tensor: Tensor, indices: Sequence[Index]) -> Any:
        """Some entries of a tensor in every variant, (V, entries)."""
        of, by = (tensor, None) if isinstance(tensor, str) else tensor
        axes = 0 if by is None else len(self.program.shapes[of])
        entries = np.empty((self._variants, len(indices)), float if self.floats else object)
        for k, index in enumerate(indices):
            if by is None:
                array = self.sweep.value(self.place(of).slot)
            else:
                array = self.comes_back(of, index[:axes], by)
            place: Any = slice(None), *index[axes:]
            entries[:, k] = array[place]
        return entries

    def own_slope(self, name: str, argument: Array) -> Array:
        """The derivative of a function of the sheet's own: that of a small
        network, in which all that its formula names is given."""
        graph = self.program.graph
        parts = (part for own in graph.functions for part in f.walk(own.formula))
        named = {part.name for part in parts if isinstance(part, f.Quantity)}
        given = {name: self.node(name) for name in sorted(named & self.program.shapes.keys())}
        given[ARGUMENT] = argument
        slope = Definition(SLOPE, (), f.Call(f"{name}'", (f.Quantity(ARGUMENT),)))
        small = Graph(
            tuple((name, array.shape) for name, array in given.items()),
            (slope,),
            graph.functions,
            whole_numbers=graph.whole_numbers,
        )
        program = lowered(small)
        self.budget.spend(program.work)
        # Where the network has fractions alone, the function may have an exponential.
        typed = self.sweep.typed if self.floats or program.is_rational else self.arithmetic
        kind = float if self.floats else object
        given = {n: as_array(np.frompyfunc(typed, 1, 1)(a)).astype(kind) for n, a in given.items()}
        sweep = Sweep(program, given, typed, floats=self.floats)
        return as_array(sweep.value(program.places[SLOPE].slot)[0])

    def scale(self) -> tuple[Array, Array]:
        """Of every variant the largest number on the way, and whether something
        is about at its kink, where floats do not tell on which side it is."""
        largest = np.zeros(self._variants)
        by_length: dict[int, list[Array]] = {}
        for array in self._everything():
            by_length.setdefault(len(array), []).append(array.reshape(len(array), -1))
        for arrays in by_length.values():
            largest = np.maximum(largest, abs(np.concatenate(arrays, 1)).max(-1))
        close = np.zeros(self._variants, bool)
        for _, step in self._kinks(self.sweep.values):
            for gap in _gaps(step, [self.sweep.values[other] for other in step.inputs]):
                wide = largest.reshape(-1, *[1] * (gap.ndim - 1))
                near = (abs(gap) <= ABOUT_ZERO * wide).reshape(len(wide), -1).any(-1)
                close |= near
        return largest, close

    def _everything(self) -> Iterator[Array]:
        yield from self.sweep.values.values()
        for cotangents in [*self.sweep.entries.values()]:
            yield from cotangents.chain.values()

    def everything(self) -> Iterator[Array]:
        """Every number on the way, and what comes back from every node that is one number."""
        for name, shape in self.program.shapes.items():
            _ = self.node(name)
            if not shape and not name.endswith("]"):
                _ = self.sweep.from_entry(*self.program.entry(name, ()))
        yield from (array[0] for array in self._everything())


def _gaps(step: LoweredStep, arrays: Sequence[Array]) -> Iterator[Array]:
    """How far an operation is from its kinks, in floats."""
    match step.operation:
        case "function":
            yield arrays[0]
        case "maximum" | "minimum" | "where":
            yield arrays[0] - arrays[1]
        case "largest" | "smallest":
            axes = tuple(axis % arrays[0].ndim for axis in step.arguments["axes"])
            moved = np.moveaxis(arrays[0], axes, range(-len(axes), 0))
            flat = moved.reshape(*moved.shape[: -len(axes)], -1)
            if flat.shape[-1] > 1:
                ordered = np.sort(flat, -1)
                first = -2 if step.operation == "largest" else 0
                yield ordered[..., first] - ordered[..., first + 1]
