"""A network as a list of definitions, each a formula in names that stand above it.

mu[j]  = mean(n, x[n,j])          entry by entry: letters are the axes
S      = Q @ K.T / sqrt(2)        whole: with the shape that the formula has
h[0]   = 0                        the base of a recurrence
h[t]   = tanh(w*x[t] + u*h[t-1])  and its steps
f(u)   = u/(1 + exp(-u))          a function of the sheet's own
"""

from collections.abc import Collection, Hashable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeVar

from gradsheet.language import formula as f
from gradsheet.numbers.reasons import NotRead

Shape = tuple[int, ...]
E = TypeVar("E", bound=Exception)


@dataclass(frozen=True)
class Definition:
    """name[axes] = formula.

    `axes` are the letters that it goes over, () where it is whole; a whole
    number at the axis of a recurrence makes it a base. `line` is where it
    stands in the file.
    """

    name: str
    axes: tuple[int | str, ...]
    formula: f.Node
    line: int = field(default=0, compare=False)

    @property
    def left(self) -> str:
        """The left side as it is written."""
        axes = ",".join(map(str, self.axes))
        return f"{self.name}[{axes}]" if axes else self.name

    @property
    def letters(self) -> tuple[str, ...]:
        """The letters among its axes."""
        return tuple(axis for axis in self.axes if isinstance(axis, str))


@dataclass(frozen=True)
class OwnFunction:
    """name(argument) = formula, entry by entry; in the formula the argument is
    the quantity of that name."""

    name: str
    argument: str
    formula: f.Node
    line: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Block:
    """Definitions that are evaluated together, in this order.

    One alone, where `axis` is None; or the steps of a recurrence: at each of
    `steps` the definitions in this order, with that number at their axis
    `axis`. `bases` are evaluated before, each at its own number.
    """

    definitions: tuple[Definition, ...]
    axis: int | None = None
    steps: tuple[int, ...] = ()
    bases: tuple[Definition, ...] = ()


@dataclass(frozen=True)
class Graph:
    """The definitions of a network, and what it starts from.

    `given` has the shape of everything given; `whole_numbers` the entries, as
    nested tuples, of what serves as an index; `sizes` the letters that shapes
    are given with, each with the size that is tried; `aliases` the other names
    of quantities, each with the one that is defined; `batched` those whose
    first axis is that of the examples; `layers` the tables that all of it
    stands for, if it does.
    """

    given: tuple[tuple[str, Shape], ...]
    definitions: tuple[Definition, ...]
    functions: tuple[OwnFunction, ...] = ()
    sizes: tuple[tuple[str, int], ...] = ()
    whole_numbers: tuple[tuple[str, Any], ...] = ()
    aliases: tuple[tuple[str, str], ...] = ()
    batched: tuple[str, ...] = ()
    layers: Hashable = None

    @cached_property
    def by_function(self) -> dict[str, OwnFunction]:
        """The functions of the sheet's own by their names."""
        return {function.name: function for function in self.functions}

    @cached_property
    def written(self) -> tuple[Definition, ...]:
        """The definitions that a sheet has itself, but for those that layers stand for."""
        return tuple(d for d in self.definitions if d.line or not self.aliases)

    @cached_property
    def chooses(self) -> bool:
        """Whether any of these, or a function, has a side that may not be taken."""
        formulas = [definition.formula for definition in self.written]
        formulas += [function.formula for function in self.functions]
        parts = (part for formula in formulas for part in f.walk(formula))
        return any(isinstance(part, f.Call) and part.function == "where" for part in parts)

    def uses(self, definition: Definition) -> set[str]:
        """The names that a definition is made of, those of functions' formulas
        among them."""
        names = {part.name for part in names_in(definition.formula)}
        for part in f.walk(definition.formula):
            if isinstance(part, f.Call):
                own = self.by_function.get(part.function.removesuffix("'"))
                if own is not None:
                    names |= {q.name for q in names_in(own.formula)} - {own.argument}
        aliases = dict(self.aliases)
        return {aliases.get(name, name) for name in names}

    def needed_for(self, names: Collection[str]) -> "Graph":
        """The part of the graph that some names are made of."""
        by_name: dict[str, list[Definition]] = {}
        for definition in self.definitions:
            by_name.setdefault(definition.name, []).append(definition)
        needed, waiting = set[str](), [*names]
        while waiting:
            name = waiting.pop()
            if name not in needed:
                needed.add(name)
                waiting += (u for d in by_name.get(name, ()) for u in self.uses(d))
        kept = tuple(d for d in self.definitions if d.name in needed)
        return replace(self, definitions=kept)

    def carried_out(self, otherwise: Mapping[Definition, Definition]) -> "Graph":
        """The graph with other definitions in the place of some, in the order in
        which it is evaluated itself: one may not need any more what stands above."""

        def those(some: tuple[Definition, ...]) -> tuple[Definition, ...]:
            return tuple(otherwise.get(definition, definition) for definition in some)

        other = replace(self, definitions=those(self.definitions))
        vars(other)["blocks"] = tuple(
            replace(block, definitions=those(block.definitions), bases=those(block.bases))
            for block in self.blocks
        )
        return other

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """The definitions in the order of the forward pass, those of a
        recurrence together.

        Raises NotRead, with the definition as its `definition`, where a name
        is used that stands nowhere above.
        """
        return tuple(_Order(self).blocks())


def names_in(formula: f.Node) -> Iterator[f.Quantity]:
    """Every quantity in a formula: what it takes, and what it derives by."""
    yield from (part for part in f.walk(formula) if isinstance(part, f.Quantity))


class _Order:
    """The order in which a graph's definitions are evaluated."""

    def __init__(self, graph: Graph):
        self.graph = graph
        self.bases = [d for d in graph.definitions if any(isinstance(a, int) for a in d.axes)]
        self.lines = [d for d in graph.definitions if d not in self.bases]
        self.number = {d.name: k for k, d in enumerate(self.lines)}

    def blocks(self) -> Iterator[Block]:
        known = {name for name, _ in (*self.graph.given, *self.graph.sizes)}
        waiting = [*self.lines]
        for base in self.bases:
            if base.name not in self.number:
                raise _refused(
                    base,
                    f"{base.left} is the base of a recurrence, and there is no {base.name}[t] = "
                    f"... that goes on from it: write that, or {base.name} = [a, b] for a vector",
                )
        while waiting:
            ready = next((d for d in waiting if self.graph.uses(d) <= known), None)
            if ready is not None:
                self._only_above(ready)
                if mine := [base for base in self.bases if base.name == ready.name]:
                    raise _refused(
                        mine[0],
                        f"{ready.name} has a base and no step before it: write {ready.name}[t-1] "
                        f"in its formula, or, where it is no recurrence, {ready.name} = "
                        "concat([a], b), its first entry and the others",
                    )
                yield Block((ready,))
                members = [ready]
            else:
                block = self._recurrence(waiting, known)
                yield block
                members = [*block.definitions]
            for member in members:
                waiting.remove(member)
                known.add(member.name)

    def _recurrence(self, waiting: list[Definition], known: set[str]) -> Block:
        """The definitions that wait for each other, as a recurrence."""
        first = self._cycle(waiting, known)
        members = [d for d in waiting if d.name in first]
        axis: int | None = None
        for member in members:
            for part in names_in(member.formula):
                if part.name not in first:
                    continue
                at = self._step_before(member, part)
                if at is None:
                    self._same_step(member, part)
                elif axis is None or axis == at:
                    axis = at
                else:
                    raise _refused(member, "a recurrence goes along one axis, this along two")
        if axis is None:
            raise _refused(members[0], _CIRCLE.format(members[0].name))
        bases = tuple(base for base in self.bases if base.name in first)
        for member in members:
            self._only_above(member, first)
            if len(member.axes) <= axis:
                raise _refused(
                    member,
                    f"{member.name} stands in a recurrence: write "
                    f"{member.name}[t] = ..., with the letter of the steps",
                )
        for base in bases:
            if len(base.axes) <= axis or not isinstance(base.axes[axis], int):
                raise _refused(
                    base,
                    f"the base {base.left} has its number "
                    f"at another axis than {axis + 1}, along which the steps go",
                )
            if missing := sorted(self.graph.uses(base) - known):
                raise _refused(
                    base,
                    f"{missing[0]} stands nowhere above: a base is made of what is known before",
                )
        return Block(tuple(members), axis, (), bases)

    def _only_above(self, definition: Definition, but: Collection[str] = ()) -> None:
        """Raise where a definition uses a name from further down."""
        for name in sorted(self.graph.uses(definition).difference(but)):
            if self.number.get(name, -1) > self.number[definition.name]:
                raise _refused(
                    definition, f"{name} stands further down: write its line above this one"
                )

    def _cycle(self, waiting: list[Definition], known: set[str]) -> set[str]:
        """The names of some definitions that depend on each other and on nothing else."""
        names = {d.name: self.graph.uses(d) - known for d in waiting}
        for definition in waiting:
            for name in sorted(names[definition.name]):
                if name not in names:
                    raise _refused(definition, f"{name} stands nowhere above")
        reach = {name: {*needs} for name, needs in names.items()}
        for _ in names:
            for needs in reach.values():
                needs |= {name for need in needs for name in reach[need]}
        closed = min(reach, key=lambda name: (len(reach[name]), self.number[name]))
        return reach[closed]

    def _step_before(self, member: Definition, part: f.Quantity) -> int | None:
        """The axis at which a name in a formula stands a step or more before."""
        for axis, index in enumerate(part.indices):
            match index:
                case f.Chain("-", (f.Letter(letter), f.Number())) if letter in member.letters:
                    return axis
        return None

    def _same_step(self, member: Definition, part: f.Quantity) -> None:
        """Raise where a name is used before it is there at the same step."""
        if self.number[part.name] >= self.number[member.name]:
            place = "itself" if part.name == member.name else part.name
            raise _refused(
                member,
                _CIRCLE.format(member.name)
                if place == "itself"
                else f"{part.name} stands further down: only a step before, as in "
                f"{part.name}[t-1], may be used above it",
            )


_CIRCLE = (
    "{0} is defined by itself: a recurrence takes the step before, as in {0}[t-1], and has a "
    "base {0}[0] = ..."
)


def in_definition(definition: Definition, error: E) -> E:
    """An error, with the definition that it is in, if it is not in another one."""
    error.definition = getattr(error, "definition", definition)  # type: ignore[attr-defined]
    return error


def _refused(definition: Definition, message: str) -> NotRead:
    return in_definition(definition, NotRead(message))
