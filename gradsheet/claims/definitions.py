"""Reading a network of its own: `given`, what it starts from, and `network`, its equations."""

import itertools
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Protocol

import numpy as np

from gradsheet.claims.sheet import Free, Sheet, SheetError, Stated
from gradsheet.claims.tables import MAX_AXES, SheetReader, Table, as_written
from gradsheet.language import formula as f
from gradsheet.language.formula import NEW
from gradsheet.language.functions import FUNCTIONS as ENTRYWISE
from gradsheet.language.parsing import FormulaError, parse
from gradsheet.language.shown import short
from gradsheet.network import losses
from gradsheet.network.graph import Definition, Graph, OwnFunction, Shape
from gradsheet.network.layers import given_arrays, graph_of, program_of
from gradsheet.network.lowering import Program, lowered
from gradsheet.network.network import Network
from gradsheet.network.problem import stated as numbers
from gradsheet.numbers.reasons import EvaluationError, OutOfWork
from gradsheet.numbers.session import LIBRARY, Session
from manual import Layer
from manual.activations import Array

MAX_DEFINITIONS = 200
MAX_GIVEN = 4_096  # numbers, in all that is given
SIZES = (3, 2, 4, 5, 6, 7)  # what sizes that are letters are tried with, one each
SIZES_TRIED = 3  # each time every letter has the next one
MAX_PARTS = 1_000  # of a function, with those that it is made of written out
MAX_LAYERS = 16  # networks of layers whose definitions are kept
MAX_LEVELS = 50  # of one in another
SHAPE_KEYS = ("shape", "sums_to", "positive")
NAME = r"[A-Za-z_][A-Za-z_0-9]{0,39}"
_LEFT = re.compile(
    rf"\s*(?P<name>{NAME})\s*(?:\[(?P<axes>[^\]]*)\]|\(\s*(?P<argument>{NAME})\s*\))?\s*", re.ASCII
)
_BEGUN = re.compile(rf"\s*({NAME})\s*(\()?", re.ASCII)


class HasLines(SheetReader, Protocol):
    """Whoever reads a sheet, and notes what cannot be read."""

    text: str
    problems: list[tuple[int, str]]

    def tried(self, otherwise: Any, read: Callable[..., Any], *arguments: Any) -> Any:
        """What reading a part gives, or something else."""


def stated(reader: HasLines, top: Table, layers: Stated | None = None) -> Stated:
    """The network that the keys `given` and `network` of a sheet state, behind
    its layers where it has any.

    Raises SheetError with all that is wrong with it.
    """
    given = Table(reader, top.content.get("given", {}), "given")
    if not isinstance(given.content, dict):
        raise top.error(f"given is {as_written(given.content)}, expected a table: [given]", "given")
    before = len(reader.problems)
    arrays: dict[str, Array] = {}
    free: dict[str, Free] = {}
    for name, content in given.content.items():
        if isinstance(content, dict):
            spec = reader.tried(None, _free, given, name, content)
            if spec is not None:
                free[name] = spec
        else:
            array = reader.tried(None, _given, given, name)
            if array is not None:
                arrays[name] = array
    if sum(array.size for array in arrays.values()) > MAX_GIVEN:
        raise given.error(f"more than {MAX_GIVEN} numbers are given")
    sizes = _sizes(given, arrays, free)
    if isinstance(top.content.get("network"), dict):
        raise top.error(
            "network is a table, expected text, an equation a line between two triple quotes, "
            'above [given]: network = """',
            "network",
        )
    network = top.text("network")
    lines = list(_lines(network, _first_line(reader, top)))
    _few(lines)
    equations = _Equations(reader, lines, arrays, free, sizes, layers)
    read = equations.read({name for name in given.content if re.fullmatch(NAME, name, re.ASCII)})
    if found := reader.problems[before:]:
        del reader.problems[before:]
        raise SheetError(found[0][1], found[0][0], found)
    return equations.stated(read)


def _resized(graph: Graph, free: Mapping[str, Free]) -> Iterator[Program]:
    """The steps of a graph at further sizes that are tried for letters."""
    for k in range(1, SIZES_TRIED if graph.sizes else 1):
        sizes = {letter: SIZES[(j + k) % len(SIZES)] for j, (letter, _) in enumerate(graph.sizes)}
        given = dict(graph.given)
        given |= {name: spec.sized(sizes) for name, spec in free.items()}
        try:
            yield lowered(replace(graph, given=tuple(given.items()), sizes=tuple(sizes.items())))
        except (EvaluationError, OutOfWork):  # a size that this network cannot have
            continue


def _given(table: Table, name: str) -> Array:
    _object_to(table, name)
    return table.array(name)


def _free(table: Table, name: str, content: Mapping[str, Any]) -> Free:
    _object_to(table, name)
    if unknown := sorted(content.keys() - {*SHAPE_KEYS}):
        raise table.error(
            f"unknown key {unknown[0][:40]!r} in {name}, expected shape, sums_to or positive", name
        )
    shape = content.get("shape")

    def is_size(n: Any) -> bool:
        if isinstance(n, str):
            return len(n) == 1 and n.isascii() and n.isalpha()
        return type(n) is int and 0 < n <= MAX_GIVEN

    if not isinstance(shape, list) or len(shape) > MAX_AXES or not all(map(is_size, shape)):
        found = f"the shape of {name} is {as_written(shape)}"
        raise table.error(
            f"{found if 'shape' in content else f'{name} has no shape'}, expected sizes, whole "
            'numbers or single letters: { shape = [3, 2] }, { shape = ["N", 2] }, { shape = [] } '
            "for a number",
            name,
        )
    positive = content.get("positive", False)
    if not isinstance(positive, bool):
        raise table.error(f"positive of {name} is {as_written(positive)}, expected true", name)
    total = None
    if "sums_to" in content:
        total = Table(table.reader, content, "given").single("sums_to").value
    return Free(tuple(shape), total, positive)


def _object_to(table: Table, name: str) -> None:
    """Raise where something cannot be a name."""
    if not re.fullmatch(NAME, name, re.ASCII):
        raise table.error(
            f"{name[:40]!r} cannot be a name, expected the letters a to z, digits and _", name
        )
    if name in f.FUNCTIONS or name == "ln":
        raise table.error(
            f"{name} is a function of the language, and cannot be a name as well: take another",
            name,
        )


def _sizes(
    table: Table, arrays: Mapping[str, Array], free: Mapping[str, Free]
) -> tuple[tuple[str, int], ...]:
    """The letters among shapes, each with a size to try."""
    letters: dict[str, None] = {}
    for name, spec in free.items():
        for n in spec.shape:
            if isinstance(n, str):
                if n in arrays or n in free:
                    raise table.error(
                        f"{n} is given, and a size of {name}: take another letter for one", name
                    )
                letters[n] = None
    if len(letters) > len(SIZES):
        raise table.error(f"{len(letters)} sizes that are letters, expected at most {len(SIZES)}")
    return tuple(zip(letters, SIZES, strict=False))


def _first_line(reader: HasLines, top: Table) -> int:
    """The line of the file on which the equations begin."""
    line = reader.places.line("", 0, "network")
    written = reader.text.split("\n")[line - 1] if line else ""
    return line + bool(re.search("(\"\"\"|''')\\s*$", written))


@dataclass(frozen=True)
class _Line:
    """An equation: where it stands, and its two sides as they are written."""

    number: int
    left: str
    right: str

    def error(self, message: str) -> SheetError:
        return SheetError(f"network, {short(self.left.strip())!r}: {message}", self.number)


def _lines(text: str, first: int) -> Iterator[_Line]:
    """The equations of a text, each of which may go on while a bracket is open."""
    waiting, start = "", first
    for number, line in enumerate(text.split("\n"), first):
        line = line.partition("#")[0]
        if not waiting and not line.strip():
            continue
        if not waiting:
            start = number
        waiting = f"{waiting} {line.strip()}" if waiting else line.strip()
        if sum(map(waiting.count, "([")) > sum(map(waiting.count, ")]")):
            continue
        yield _split(start, waiting)
        waiting = ""
    if waiting:
        yield _split(start, waiting)


def _split(number: int, text: str) -> _Line:
    left, sign, right = text.partition("=")
    if not sign:
        return _Line(number, text, "")
    return _Line(number, left, right.strip())


def _few(lines: list[_Line]) -> None:
    if len(lines) > MAX_DEFINITIONS:
        raise SheetError(
            f"a network of {len(lines)} equations, expected at most {MAX_DEFINITIONS}",
            lines[MAX_DEFINITIONS].number,
        )


@dataclass(frozen=True)
class _Left:
    """The left side of an equation."""

    line: _Line
    name: str
    axes: tuple[int | str, ...]
    argument: str

    @property
    def is_base(self) -> bool:
        return any(isinstance(axis, int) for axis in self.axes)


_OF_LAYERS = "the layers have a quantity of this name already: take another name"


class _Equations:
    """The equations of one network, being read."""

    def __init__(
        self,
        reader: HasLines,
        lines: list[_Line],
        arrays: Mapping[str, Array],
        free: Mapping[str, Free],
        sizes: tuple[tuple[str, int], ...],
        layers: Stated | None,
    ):
        self.reader, self.lines, self.sizes = reader, lines, sizes
        self.layers = Graph((), ()) if layers is None else layers.program.graph
        self.read_as = "" if layers is None else layers.layers
        self.above = set() if layers is None else {*layers.program.names, *layers.program.places}
        for name in sorted(self.above & {*arrays, *free, *dict(sizes)}):
            self._note(_Line(reader.places.line("given", 0, name), name, ""), _OF_LAYERS)
        self.arrays = {**({} if layers is None else layers.arrays), **arrays}
        self.free = {**({} if layers is None else layers.free), **free}
        self.given = {*arrays, *free, *dict(sizes)}

    def read(self, given: set[str]) -> list[Definition | OwnFunction | None]:
        """Every equation, None where one cannot be read; all that is wrong is noted.

        `given` are the names of all that is given, whether it could be read or not.
        """
        self.given |= given
        sides = [self.reader.tried(None, self._left, line) for line in self.lines]
        lefts = [left for left in sides if left is not None]
        self._object_twice(lefts)
        # What cannot be read is no unknown name besides.
        unread = [line.left for line, left in zip(self.lines, sides, strict=True) if left is None]
        begun = [match for match in map(_BEGUN.match, unread) if match is not None]
        names = self.given | self.above | {left.name for left in lefts if not left.argument}
        names |= {match[1] for match in begun if not match[2]} - {*f.FUNCTIONS, "ln"}
        functions = {left.name for left in lefts if left.argument}
        functions |= {match[1] for match in begun if match[2]}
        self._object_letters(lefts, names | functions)
        self._object_d(lefts, names)
        read = [self.reader.tried(None, self._right, left, names, functions) for left in lefts]
        self._object_made_of_itself([part for part in read if isinstance(part, OwnFunction)])
        return read

    def stated(self, read: list[Definition | OwnFunction | None]) -> Stated:
        """The graph of all equations; raises SheetError where its shapes do not fit."""
        definitions = tuple(part for part in read if isinstance(part, Definition))
        graph = Graph(
            self._shapes(),
            (*self.layers.definitions, *definitions),
            tuple(part for part in read if isinstance(part, OwnFunction)),
            self.sizes,
            tuple(self._whole_numbers(definitions)),
            self.layers.aliases,
            self.layers.batched,
        )
        self._object_to_arrays(graph)
        program = self._lowered(graph)
        others = tuple(_resized(graph, self.free))
        return Stated(program, self.arrays, self.free, self.read_as, others)

    def _left(self, line: _Line) -> _Left:
        """The left side of an equation, taken apart."""
        if not line.right:
            raise line.error("an equation is a name, =, and a formula: z = w*x + b")
        match = _LEFT.fullmatch(line.left)
        if match is None:
            raise line.error(
                "on the left stands a name, with letters where it goes entry by entry, or with "
                "the argument of a function: z, z[i,j], h[0], f(u); names are of the "
                "letters a to z, digits and _"
            )
        name, axes, argument = match["name"], match["axes"], match["argument"] or ""
        if name in (*f.FUNCTIONS, "ln", *ENTRYWISE) or (name == "d" and match["argument"]):
            raise line.error(f"{name} is a function of the language: take another name")
        if name in self.given:
            raise line.error(f"{name} is given already: take another name")
        if name in self.above:
            raise line.error(_OF_LAYERS)
        return _Left(line, name, self._axes(line, axes), argument)

    @staticmethod
    def _axes(line: _Line, text: str | None) -> tuple[int | str, ...]:
        if text is None:
            return ()
        axes: list[int | str] = []
        for part in map(str.strip, text.split(",")):
            if part.isdecimal() and len(part) < 5:
                axes.append(int(part))
            elif len(part) == 1 and part.isascii() and part.isalpha():
                axes.append(part)
            else:
                raise line.error(
                    f"found {part[:20]!r} among the indices on the left, expected single letters, "
                    "or a whole number for the base of a recurrence: h[0]"
                )
        letters = [axis for axis in axes if isinstance(axis, str)]
        if len({*letters}) < len(letters):
            raise line.error("a letter stands twice on the left: write one for each axis")
        if sum(isinstance(axis, int) for axis in axes) > 1:
            raise line.error("a base has one number, at the axis of the recurrence: h[0,i]")
        return tuple(axes)

    def _object_twice(self, lefts: list[_Left]) -> None:
        seen: dict[Any, _Left] = {}
        for left in lefts:
            numbers = tuple(axis for axis in left.axes if isinstance(axis, int))
            first = seen.setdefault((left.name, numbers), left)
            if first is not left:
                self._note(
                    left.line,
                    f"{left.name} is defined already, on line "
                    f"{first.line.number}: a name is defined once",
                )

    def _note(self, line: _Line, message: str) -> None:
        self.reader.problems += line.error(message).problems

    def _object_letters(self, lefts: list[_Left], names: set[str]) -> None:
        for left in lefts:
            for axis in left.axes:
                if axis in names:
                    kind = "a size" if axis in dict(self.sizes) else "a name of the network"
                    self._note(
                        left.line,
                        f"{axis} is {kind}, and cannot be an index as well: "
                        "take another letter for one",
                    )

    def _object_made_of_itself(self, functions: list[OwnFunction]) -> None:
        """Note functions that are made of themselves, or of too many parts
        where what they are made of is written out."""
        parts: dict[str, int] = {}
        levels: dict[str, int] = {}
        for function in functions:
            size, deep = function.formula.size, 0
            line = _Line(function.line, f"{function.name}({function.argument})", "")
            for part in f.walk(function.formula):
                if not isinstance(part, f.Call) or part.function in ENTRYWISE:
                    continue
                name = part.function.removesuffix("'")
                if name not in parts and any(name == other.name for other in functions):
                    place = (
                        "itself" if name == function.name else f"{name}, which stands further down"
                    )
                    self._note(
                        line, f"{function.name} is made of {place}: a function calls those above it"
                    )
                size += parts.get(name, 0) * (3 if part.function != name else 1)
                deep = max(deep, levels.get(name, 0))
            if size > MAX_PARTS >= max([0, *parts.values()]):
                self._note(
                    line,
                    f"more than {MAX_PARTS:,} parts, with the functions that it is made of "
                    "written out: take a smaller formula",
                )
            levels[function.name] = deep + function.formula.levels
            if levels[function.name] > MAX_LEVELS >= deep:
                self._note(
                    line, f"functions nested deeper than {MAX_LEVELS}: take a smaller formula"
                )
            parts[function.name] = size

    def _object_d(self, lefts: list[_Left], names: set[str]) -> None:
        """Note where dA/dB would be the quotient of two names."""
        lines = {left.name: left.line.number for left in lefts}
        both = sorted(name for name in names if f"d{name}" in names)
        for a, b in itertools.combinations(both, 2):
            self.reader.problems.append(
                (
                    lines.get(f"d{b}") or lines.get(f"d{a}", 0),
                    f"d{a} and d{b} are names, and so are {a} and {b}: "
                    f"d{a}/d{b} would be two things, rename one",
                )
            )

    def _right(self, left: _Left, names: set[str], functions: set[str]) -> Definition | OwnFunction:
        """The formula of an equation."""
        line = left.line
        own = {left.argument} if left.argument else set()
        try:
            formula = parse(
                line.right,
                sorted(names | own),
                functions=functions,
                sizes=[size for size, _ in self.sizes],
                layers=False,
            )
        except FormulaError as error:
            raise line.error(str(error)) from None
        if not left.argument:
            return Definition(left.name, left.axes, formula, line.number)
        if free := sorted(formula.letters):
            raise line.error(f"{free[0]} is free in the formula: a function has its argument alone")
        return OwnFunction(left.name, left.argument, formula, line.number)

    def _shapes(self) -> tuple[tuple[str, Shape], ...]:
        """The shape of everything given, with a size for every letter."""
        sizes = dict(self.sizes)
        shapes = {name: array.shape for name, array in self.arrays.items()}
        shapes |= {name: spec.sized(sizes) for name, spec in self.free.items()}
        if sum(map(math.prod, shapes.values())) > MAX_GIVEN:
            raise SheetError(f"more than {MAX_GIVEN} numbers are given")
        return tuple(shapes.items())

    @staticmethod
    def _object_to_arrays(graph: Graph) -> None:
        """Raise SheetError at a function that takes more than a number, or gives more."""
        given = dict(graph.given)
        for own in graph.functions:
            value = Definition(own.name, (), own.formula)
            if not graph.uses(value) <= {own.argument, *given, *dict(graph.sizes)}:
                continue  # the shapes of definitions are not known yet
            alone = replace(
                graph, given=(*(given | {own.argument: ()}).items(),), definitions=(value,)
            )
            try:
                shape = lowered(alone).shapes[own.name]
                found = f"gives an array of shape {shape}" if shape else ""
            except EvaluationError as error:
                found = f"does not fit, {str(error).partition(': ')[0]}"
            except OutOfWork:
                continue
            if found:
                raise SheetError(
                    f"network, '{own.name}({own.argument})': a function goes entry by entry: "
                    f"{own.argument} is a number, and the formula {found}: write it as a "
                    "definition, where it is used",
                    own.line,
                )

    def _whole_numbers(self, definitions: tuple[Definition, ...]) -> Iterator[tuple[str, Any]]:
        """The entries of what holds whole numbers and serves as an index."""
        used = {name for definition in definitions for name in _in_indices(definition.formula)}
        for name, array in self.arrays.items():
            if name in used and all(v.denominator == 1 and abs(v) <= MAX_GIVEN for v in array.flat):
                yield name, _nested(np.vectorize(int, [object])(array).tolist())

    def _lowered(self, graph: Graph) -> Program:
        """The steps of the graph; raises SheetError where its shapes do not fit."""
        try:
            return lowered(graph)
        except (EvaluationError, OutOfWork) as error:
            definition: Definition | None = getattr(error, "definition", None)
            if definition is None:
                raise SheetError(f"network: {error}") from None
            raise SheetError(f"network, {definition.left!r}: {error}", definition.line) from None


def _in_indices(formula: f.Node) -> Iterator[str]:
    """The names that stand in indices."""
    for part in f.walk(formula):
        is_kronecker = isinstance(part, f.Call) and part.function == "kronecker"
        for index in part.below if is_kronecker else getattr(part, "indices", ()):
            if isinstance(index, f.Node):
                yield from (inner.name for inner in f.walk(index) if isinstance(inner, f.Quantity))


def _nested(value: Any) -> Any:
    return tuple(map(_nested, value)) if isinstance(value, list) else value


def of_layers(
    network: Network,
    params: Sequence[Layer] | None,
    x: Array | None,
    y: Array | None,
    rate: Fraction | None,
    *,
    rows: bool = False,
    unspecified: bool = True,
    session: Session = LIBRARY,
) -> Stated:
    """Layers as the definitions that they are shorthand for, with their numbers
    or, where they have none, for all.

    With `rows` W is (inputs, units); with no loss L is not to be left
    `unspecified` where equations behind the layers have it.
    """
    if unspecified and not rows:
        program, reading = program_of(network, session), ""
    else:
        program = lowered(graph_of(network, rows=rows, unspecified=unspecified))
        reading = network.reading() + ("; W is (inputs, units)" if rows else "")
        if network.loss is None:
            reading = reading.partition("; ")[2]
    if params is None or x is None:
        free = {name: Free(shape) for name, shape in program.graph.given}
        if "y" in free and losses.of(network.loss).add_up:
            free["y"] = replace(free["y"], sums_to=Fraction(1))
        if "learning_rate" in free:
            free["learning_rate"] = replace(free["learning_rate"], positive=True)
        arrays: dict[str, Array] = {}
        if rate is not None and "learning_rate" in free:
            del free["learning_rate"]
            arrays["learning_rate"] = np.array(rate, object)
        return Stated(program, arrays, free, reading)
    given = given_arrays(numbers(network, params, x, y, rate), rows=rows)
    return Stated(program, {name: given[name] for name, _ in program.graph.given}, {}, reading)


def stated_of(sheet: Sheet, session: Session = LIBRARY) -> Stated:
    """The network that a sheet states, its own or that which its layers are
    shorthand for; without numbers one for all sheets that have the same."""
    if sheet.own is not None:
        return sheet.own
    network, rate = sheet.network, sheet.exact_rate
    if not _asks_for_a_step(sheet):
        network = replace(network, update=None)  # most ask for none, and it takes long
    if sheet.has_numbers:
        return of_layers(network, sheet.params, sheet.x, sheet.y, rate, session=session)
    stated: Stated = session.cache("layers", MAX_LAYERS).get(
        (network, rate), lambda: of_layers(network, None, None, None, rate, session=session)
    )
    return stated


def _asks_for_a_step(sheet: Sheet) -> bool:
    """Whether a claim speaks of the step downhill, or of what comes after it."""
    names = (name for part in sheet.distinct_parts for name in part.names)
    return any(name == "learning_rate" or name.endswith(NEW) for name in names)
