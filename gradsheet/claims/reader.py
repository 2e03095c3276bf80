"""Reading an answer sheet: TOML text to a `Sheet` whose parts have been
checked, or a `SheetError` with its line."""

import difflib
import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from gradsheet.claims import toml
from gradsheet.claims.definitions import of_layers, stated
from gradsheet.claims.sheet import VERDICTS, Claim, Line, Sheet, SheetError, Stated
from gradsheet.claims.tables import Table, UnreadValue, as_written
from gradsheet.language.formula import FUNCTIONS, Derivative, List, Node, Quantity, walk
from gradsheet.language.functions import facts_of
from gradsheet.language.parsing import FormulaError, parse
from gradsheet.language.shown import short
from gradsheet.network.lowering import Program
from gradsheet.network.network import Network
from gradsheet.numbers.printed import Printed
from gradsheet.numbers.session import LIBRARY, Session
from manual import Layer
from manual.activations import ACTIVATIONS, Activation, Array
from manual.losses import ALSO_CALLED, LOSSES, REDUCTIONS

MAX_BYTES = 256_000
MAX_CLAIMS = 500
MAX_PARAMETERS = 4_096
MAX_LAYERS = 32
MAX_DATA = 4_096  # numbers in x
MAX_LINES = 2_000  # of working, in all claims
MAX_PARTS = 20_000  # of all formulas, with what the notation stands for
MAX_SUGGESTED = 20  # formulas that cannot be read for which other names are suggested
MAX_KEPT = 200_000  # characters of formulas that are kept for further sheets
MAX_PROBLEMS = 50  # of a sheet that are told
MAX_KEPT_NAMES = 40  # that a sheet may give in its notation for others to share its formulas
TURNED = " (is W transposed? one row per unit, one column per input)"
SHEET_KEYS = (
    "title",
    "source",
    "note",
    "x",
    "y",
    "loss",
    "reduction",
    "learning_rate",
    "update",
    "layout",
    "given",
    "network",
    "layer",
    "notation",
    "claim",
)
LAYER_KEYS = ("W", "shape", "b", "bias", "activation", "slope", "shared_bias")
CLAIM_KEYS = ("question", "quantity", "value", "working", "note", "points", "expect")
HOMES = {  # where a key stands that is found elsewhere
    "at the top, above every [[layer]] and [[claim]]": SHEET_KEYS,
    "below [[layer]]": LAYER_KEYS,
    "below [[claim]]": CLAIM_KEYS,
}


MAX_FILE_PROBLEMS = 50  # problems of one file
LAYOUTS = ("columns", "rows")  # W is (units, inputs), or (inputs, units)
TEXT_KEYS = ("title", "source", "note")
NO_LAYERS = Network((), (), (), None, "mean", None)

T = TypeVar("T")


class _Reader:
    """One sheet being read."""

    def __init__(self, text: str, session: Session, problem: int = 0, *, asks: bool = True):
        self.text, self.asks = text, asks
        self.rows = False  # whether W is (inputs, units)
        self.lines_read = session.cache("lines", MAX_KEPT)  # a class writes many of them alike
        self.places = toml.Places(text, problem)
        self.problems: list[tuple[int, str]] = []  # all that there are
        self.numeric = False
        self.numbers = 0  # read so far
        self.decimals = False  # whether any of them is written as one
        self.this_sheet = object()  # stands for what no other sheet has
        self.unknown = 0  # formulas that could not be read
        self.parts = 0  # of all formulas read so far

    def tried(self, otherwise: Any, read: Callable[..., T], *arguments: Any) -> T:
        """What reading a part of the sheet gives; where it cannot be read that is
        noted, and the reading goes on with something else."""
        try:
            return read(*arguments)
        except SheetError as error:
            self.problems += error.problems
            return otherwise  # type: ignore[no-any-return]

    def done(self) -> None:
        """Raise what has been noted."""
        if self.problems:
            problems = sorted(self.problems)
            line, message = problems[0]
            if (more := len(problems) - MAX_PROBLEMS) > 0:
                problems[MAX_PROBLEMS:] = [(0, f"and {more} more")]
            raise SheetError(message, line, problems)

    def table(self, content: Any, known: Sequence[str], name: str = "", number: int = 0) -> Table:
        """A table, of which unknown keys are noted."""
        table = Table(self, content, name, number)
        if not isinstance(content, dict):
            raise table.error(f"{table.title} is {as_written(content)}, expected a table")
        for key in itertools.islice((key for key in content if key not in known), MAX_PROBLEMS):
            near = difflib.get_close_matches(key[:40], known, 1)
            hint = f"did you mean {near[0]}?" if near else f"expected one of {', '.join(known)}"
            if home := next((home for home, keys in HOMES.items() if key in keys), ""):
                hint = f"it belongs {home}"
            line = self.places.line(name, number, key) or self.places.line(key)
            self.problems.append((line, f"unknown key {key[:40]!r} in {table.title}: {hint}"))
        return table

    def tables(self, top: Table, key: str) -> list[Any]:
        """The tables [[layer]] or [[claim]], not too many of them."""
        tables, line = top.content.get(key, []), self.places.line(key)
        if isinstance(tables, dict):
            message = f"[{key}] stands for a single table, expected [[{key}]] in double brackets"
            raise SheetError(message, line)
        others = top.content.keys() - {*SHEET_KEYS}
        if not tables and (near := difflib.get_close_matches(key, others, 1, 0.75)):
            raise SheetError(
                f"[[{near[0]}]] is no table of a sheet, expected [[{key}]]",
                self.places.line(near[0]),
            )
        if key == "claim" and not tables and not self.asks:
            return []
        if not isinstance(tables, list) or not tables:
            raise SheetError(f"the sheet has no [[{key}]], expected at least one", line)
        if key == "claim":
            if len(tables) > MAX_CLAIMS:
                raise SheetError(f"{len(tables)} claims, expected at most {MAX_CLAIMS}")
            workings = [claim.get("working") for claim in tables if isinstance(claim, dict)]
            lines = sum(len(working) for working in workings if isinstance(working, list))
            if lines > MAX_LINES:
                raise SheetError(f"{lines} lines of working, expected at most {MAX_LINES}")
        return tables

    def sheet(self, content: Mapping[str, Any], path: str) -> Sheet:
        """The sheet that a text's tables state."""
        tried, top = self.tried, self.table(content, SHEET_KEYS)
        is_own = "network" in top or "given" in top
        if is_own and "layer" not in top:
            return self.own_network(top, path)
        layers, claims = (tried([], self.tables, top, key) for key in ("layer", "claim"))
        self.rows = tried(None, top.choice, "layout", LAYOUTS, "columns") == "rows"
        title, *_ = (tried("", top.text, key) for key in ("title", "source", "note"))
        rate = tried(None, top.single, "learning_rate") if "learning_rate" in top else None
        update = tried(None, top.choice, "update", ("all", "weights"), "all")
        loss = tried(None, top.choice, "loss", LOSSES, None, ALSO_CALLED)
        reduction = tried(None, top.choice, "reduction", REDUCTIONS, "mean") or "mean"
        arrays, network = tried(([], NO_LAYERS), self.layers, layers)
        if not arrays or len(arrays) < len(layers) or (loss is None and "loss" in top):
            # What else there is to say rests on layers and loss: only the keys of the claims do
            # not.
            for number, claim in enumerate(claims):
                tried(None, self.claim, number, claim, None, {})
            self.done()
        if loss == "output" and network.widths[-1] != 1:
            units = network.widths[-1]
            message = f'the loss "output" needs a single output, the last layer has {units} units'
            self.problems += top.error(message, "loss").problems
        network = replace(network, loss=loss, reduction=reduction)
        numeric = self.numeric = arrays[0][0] is not None
        x, y, examples = tried((None, None, None), self.data, top, network)
        steps = not numeric or (rate is not None and loss is not None)
        network = replace(network, examples=examples, update=update if steps else None)
        if (is_own or self.rows) and not self.problems:
            # A network that has a loss has L from its layers, and else from its equations.
            options: Any = {"rows": self.rows, "unspecified": not is_own}
            params = tuple(Layer(W, b) for W, b in arrays if W is not None)
            given = (params if numeric else None, x, y, None if rate is None else rate.value)
            own = of_layers(network, *given, **options)
            if is_own:
                own = tried(None, stated, self, top, own)
            return self.with_own(own, top, path, title, claims)
        notation = tried({}, self.notation, top, network)
        read = self.claims(claims, network, notation)
        return Sheet(
            path=path,
            title=title or Path(path).name,
            network=network,
            params=tuple(Layer(W, b) for W, b in arrays if W is not None) if numeric else None,
            x=x,
            y=y,
            rate=rate,
            notation=notation,
            claims=read,
            decimals=self.decimals,
        )

    def own_network(self, top: Table, path: str) -> Sheet:
        """The sheet with a network of its own."""
        claims = self.tried([], self.tables, top, "claim")
        title, *_ = (self.tried("", top.text, key) for key in ("title", "source", "note"))
        for key in ("x", "y", "loss", "reduction", "learning_rate", "update", "layer"):
            if key in top:
                self.problems += top.error(
                    f"{key} stands beside a network of its own: write what is known below [given], "
                    "and every step as a line of network",
                    key,
                ).problems
        return self.with_own(self.tried(None, stated, self, top), top, path, title, claims)

    def with_own(
        self, own: Stated | None, top: Table, path: str, title: str, claims: list[Any]
    ) -> Sheet:
        """The sheet whose claims are on a network of its own; None where that cannot be read."""
        network = None if own is None else own.program
        self.numeric = own is not None and not own.free
        notation = {} if network is None else self.tried({}, self.notation, top, network)
        read = self.claims(claims, network, notation)
        assert own is not None
        return Sheet(
            path=path,
            title=title or Path(path).name,
            network=NO_LAYERS,
            params=None,
            x=None,
            y=None,
            rate=None,
            notation=notation,
            claims=read,
            decimals=self.decimals,
            own=own,
        )

    def answers(self, content: Mapping[str, Any], key: Sheet) -> Sheet:
        """The sheet of a key with the claims of this text for its own: what else
        stands here is passed over."""
        top = self.table(content, SHEET_KEYS)
        self.numeric = key.has_numbers
        network = key.network if key.own is None else key.own.program
        claims = self.claims(self.tried([], self.tables, top, "claim"), network, key.notation)
        return replace(key, claims=claims, decimals=key.decimals or self.decimals)

    def layers(self, tables: list[Any]) -> tuple[list[tuple[Array | None, Array | None]], Network]:
        """Every layer's W and b (None on a symbolic sheet), and the network
        without its loss and data."""
        widths: list[int] = []
        biases: list[str | None] = []
        activations: list[Activation] = []
        params: list[tuple[Array | None, Array | None]] = []

        def layer(number: int, content: Any) -> None:
            table = self.table(content, LAYER_KEYS, "layer", number)
            if ("W" in table) == ("shape" in table):
                has = "both W and shape" if "W" in table else "neither W nor shape"
                raise table.error(f"{table.title} has {has}, expected one of them")
            W = table.array("W") if "W" in table else None
            units, inputs = _shape_of(table, W)
            if self.rows:
                W, units, inputs = None if W is None else W.T, inputs, units
            follows = len(widths) == number + 1  # else the layer before cannot be read
            if follows and inputs != widths[-1]:
                hint = TURNED if units == widths[-1] else ""
                raise table.error(
                    f"W of {table.title} has {inputs} columns, expected {widths[-1]}, the units of "
                    f"layer {number}{hint}",
                    "W",
                )
            bias, b = _bias(table, units, inputs)
            activation = _activation(table, last=number + 1 == len(tables))
            if not number:
                widths.append(inputs)
            if number == len(params):
                widths.append(units)
                biases.append(bias)
                activations.append(activation)
                params.append((W, b))

        if len(tables) > MAX_LAYERS:
            line = self.places.line("layer", MAX_LAYERS)
            raise SheetError(f"more than {MAX_LAYERS} layers", line)
        for number, table in enumerate(tables):
            self.tried(None, layer, number, table)
        first = self.places.line("layer")
        if len({W is None for W, _ in params}) > 1:
            message = "some layers have W and some shape, expected numbers everywhere or nowhere"
            raise SheetError(message, first)
        if sum(u * (i + 1) for i, u in itertools.pairwise(widths)) > MAX_PARAMETERS:
            raise SheetError(f"more than {MAX_PARAMETERS} parameters", first)
        return params, Network(tuple(widths), tuple(biases), tuple(activations), None, "mean", None)

    def data(self, top: Table, network: Network) -> tuple[Array | None, Array | None, int | None]:
        """x and y as rows, and the number of examples, None for a single one."""
        if not self.numeric:
            if key := next((key for key in ("x", "y") if key in top), ""):
                raise top.error(
                    f"{key} is given but the layers have only shapes, expected W with numbers or "
                    f"no {key}",
                    key,
                )
            return None, None, None
        if "x" not in top:
            message = "x is missing, expected the inputs: x = [2, 1]"
            raise SheetError(message, self.places.line("layer"))
        given = top.content["x"]
        is_batch = isinstance(given, list) and given and isinstance(given[0], list)
        examples = len(given) if is_batch else None
        x = _rows(top, "x", network.widths[0], examples)
        if "y" in top and network.loss is None:
            raise top.error(
                'y is given, expected a loss with it: loss = "half_squared_error", or another', "y"
            )
        if "y" in top and network.loss == "output":
            raise top.error('y is given, expected none: the loss "output" has no target', "y")
        if network.loss in (None, "output"):
            return x, None, examples
        if "y" not in top:
            raise top.error(
                f"y is missing, expected the target of the loss {network.loss}: y = 1.5", "loss"
            )
        return x, _rows(top, "y", network.widths[-1], examples), examples

    def notation(self, top: Table, network: Network | Program) -> dict[str, Node]:
        table = Table(self, top.content.get("notation", {}), "notation")
        notation: dict[str, Node] = {}
        if not isinstance(table.content, dict):
            raise table.error(
                f"notation is {as_written(table.content)}, expected a table: [notation]"
            )

        def one(name: str, text: Any) -> None:
            what = f"the notation {name}"
            if not re.fullmatch(r"[A-Za-z_][A-Za-z_0-9]{0,39}", name, re.ASCII):
                raise table.error(
                    f"{name[:40]!r} cannot be a name, expected letters, digits and _", name
                )
            if name in network.names or name in FUNCTIONS:
                raise table.error(f"{what} has a meaning already, expected a new name", name)
            if not isinstance(text, str):
                raise table.error(
                    f"{what} is {as_written(text)}, expected a quantity as text", name
                )
            line = self.line(text, network, notation)
            if line.tree is None:
                raise table.error(f"{name} {short(text)!r}: {line.error}", name)
            notation[name] = line.tree

        for name, text in table.content.items():
            self.tried(None, one, name, text)
            if len(self.problems) > MAX_PROBLEMS:
                break
        return notation

    def line(self, text: str, network: Network | Program, notation: Mapping[str, Node]) -> Line:
        """A line of working, readable or not."""
        if self.parts > MAX_PARTS:  # it has been told
            return Line(text, None, "")
        names: Any = tuple(notation.items())
        if len(names) > MAX_KEPT_NAMES:
            names = self.this_sheet, len(names)
        suggests = self.unknown < MAX_SUGGESTED

        def parsed() -> Line:
            try:
                tree = parse(
                    text, network.names, notation, network.sigma, **_own(network), suggests=suggests
                )
            except FormulaError as error:
                return Line(text, None, str(error))
            reason = _objection(tree, network, self.numeric, notation)
            return Line(text, None if reason else tree, reason or "")

        line: Line = self.lines_read.get(
            (text, network, self.numeric, names, suggests),
            parsed,
            lambda _: len(text) + 100,
        )
        self.unknown += line.tree is None
        self.parts += 1 if line.tree is None else line.tree.size
        if self.parts > MAX_PARTS:
            message = (
                f"formulas of more than {MAX_PARTS:,} parts in all, with what their "
                "notation stands for"
            )
            self.problems.append((0, f"{message}: divide them among several sheets"))
        return line

    def claims(
        self, claims: list[Any], network: Network | Program | None, notation: Mapping[str, Node]
    ) -> tuple[Claim, ...]:
        """All claims; raises what has been noted by now."""
        read = [
            self.tried(None, self.claim, number, claim, network, notation)
            for number, claim in enumerate(claims)
        ]
        self.done()
        return tuple(claim for claim in read if claim is not None)

    def claim(
        self,
        number: int,
        content: Any,
        network: Network | Program | None,
        notation: Mapping[str, Node],
    ) -> Claim | None:
        """A claim, None where there is no network to read it with.

        Keys that do not fit are a fault of the sheet; a text that cannot be
        read is one of the claim.
        """
        table = self.table(content, CLAIM_KEYS, "claim", number)
        quantity = table.text("quantity")
        if not quantity:
            raise table.error(f'{table.title} has no quantity, expected one: quantity = "dL/dW1"')
        working = content.get("working", [])
        if not isinstance(working, list) or any(not isinstance(line, str) for line in working):
            raise table.error(
                f"working is {as_written(working)}, expected a list of formulas: "
                'working = ["W1 @ x + b1"]',
                "working",
            )
        question, note = table.text("question"), table.text("note")
        expect = table.choice("expect", VERDICTS)
        points = table.value("points", 1)
        if not isinstance(points, Printed) or points.value < 0:
            shown = as_written(content["points"])
            raise table.error(f"points is {shown}, expected a number from 0", "points")
        value, error = None, ""
        try:
            value = table.value("value") if "value" in table else None
        except UnreadValue as unread:
            error = str(unread)
        if network is None:
            return None
        asked = self.line(quantity, network, notation)
        if asked.tree is None:
            error = f"the quantity cannot be read: {asked.error}"
        return Claim(
            question=question,
            quantity=quantity,
            tree=asked.tree if asked.tree is not None and not error else List(()),
            value=value,
            working=tuple(self.line(text, network, notation) for text in working),
            expect=expect,
            note=note,
            line=self.places.line("claim", number),
            points=points.value,
            error=error,
        )


def _shape_of(table: Table, W: Array | None) -> tuple[int, int]:
    """The units and the inputs of a layer."""
    if W is not None:
        if W.ndim != 2:
            shown = as_written(table.content["W"])
            raise table.error(
                f"W of {table.title} is {shown}, expected a list of rows: W = [[1, 2], [3, 4]]", "W"
            )
        return W.shape[0], W.shape[1]
    shape = table.content["shape"]
    is_pair = isinstance(shape, list) and len(shape) == 2
    if not is_pair or any(type(n) is not int or not 0 < n <= MAX_PARAMETERS for n in shape):
        raise table.error(
            f"shape of {table.title} is {as_written(shape)}, expected [units, inputs]", "shape"
        )
    return shape[0], shape[1]


def _bias(table: Table, units: int, inputs: int) -> tuple[str | None, Array | None]:
    """The kind of a layer's bias, None where it has none, and its numbers if it has any."""
    what, shared = table.title, table.flag("shared_bias")
    for key, belongs in (("b", "W"), ("bias", "shape")):
        if key in table and belongs not in table:
            raise table.error(
                f"{what} has {key} but no {belongs}: b goes with W, bias = true with shape", key
            )
    kind = "shared" if shared else "units"
    if "W" not in table:
        return kind if table.flag("bias") or shared else None, None
    if "b" not in table:
        if shared:
            raise table.error(
                f"{what} has shared_bias but no b, expected b = 0.5 or another number",
                "shared_bias",
            )
        return None, None
    b = table.array("b")
    has = f"b of {what} has {b.size} numbers, expected"
    if shared:
        if b.size != 1:
            raise table.error(f"{has} one: shared_bias = true", "b")
        return kind, b.reshape(())
    if b.size != units or b.ndim > 1:
        hint = ": write shared_bias = true if one number serves all units" if not b.ndim else ""
        raise table.error(f"{has} {units}, one a unit{TURNED if b.size == inputs else hint}", "b")
    return kind, b.reshape(units)


def _activation(table: Table, *, last: bool) -> Activation:
    name = table.choice("activation", ACTIVATIONS, "identity") or "identity"
    facts = facts_of(name)
    if facts.mixes and not last:
        raise table.error(f"activation {name}, expected it on the last layer only", "activation")
    if ("slope" in table) != bool(facts.parameters):
        raise table.error(
            'slope and leaky_relu go together: activation = "leaky_relu" and slope = 0.01', "slope"
        )
    return (name, table.single("slope").value) if facts.parameters else name


def _rows(top: Table, key: str, width: int, examples: int | None) -> Array:
    """x or y as rows, whatever of a number, a list and a list of rows it is written as."""
    rows = top.array(key)
    rows = rows.reshape(-1, 1) if examples is not None and rows.ndim == 1 else np.atleast_2d(rows)
    has = ""
    if rows.size > MAX_DATA:
        has = f"{rows.size} numbers, expected at most {MAX_DATA}"
    elif rows.ndim != 2:
        has = f"lists nested {rows.ndim} deep, expected one row an example"
    elif rows.shape[1] != width:
        has = f"{rows.shape[1]} numbers an example, expected {width}"
    elif key == "y" and len(rows) != (examples or 1):
        has = f"{len(rows)} rows, expected {examples or 1}, one an example of x"
    if has:
        raise top.error(f"{key} has {has}", key)
    return rows


def _own(network: Network | Program) -> dict[str, Any]:
    """What the parser has to know of a network of its own."""
    if isinstance(network, Network):
        return {}
    graph = network.graph
    return {"functions": tuple(graph.by_function), "sizes": dict(graph.sizes), "layers": False}


def _objection(
    tree: Node, network: Network | Program, numeric: bool, notation: Mapping[str, Node]
) -> str | None:
    """Why a formula cannot have a value in this network, whatever its numbers;
    None where it can.

    What its notation stands for has been looked through when that was read.
    """
    parts = list(walk(tree, but={id(node) for node in notation.values()}))
    gradients = [part for part in parts if isinstance(part, Derivative)]
    for gradient in gradients:
        if reason := network.no_derivative(gradient.of.name, gradient.by.name):
            return reason
    if isinstance(network, Program):
        return None
    symbols = set() if numeric else {id(part.of) for part in gradients if not part.of.indices}
    losses = (part for part in parts if isinstance(part, Quantity) and part.name in ("L", "L_new"))
    if network.loss is None and any(id(loss) not in symbols for loss in losses):
        return 'the sheet gives no loss: write loss = "half_squared_error" or another at its top'
    return None


def read(text: str, path: str = "-", session: Session = LIBRARY) -> Sheet:
    """The sheet that a TOML text states; raises SheetError where it states
    none, with all that is wrong with it.

    A claim that cannot be read says so (`Claim.error`), and one with neither
    value nor working is a question.
    """
    problems = problems_of(text, session)
    if len(problems) > 1 or problems[0][0]:
        raise SheetError(
            f"{len(problems)} problems in one file, which can be judged, shown and searched, but "
            "no more: give each problem a file of its own"
        )
    return read_problem(text, *problems[0], path, session)


def problems_of(text: str, session: Session = LIBRARY) -> list[tuple[int, dict[str, Any]]]:
    """The problems of a text, each with its number from 1, and 0 where the text
    is one sheet. Raises SheetError where it is no TOML, or has something
    beside its problems."""
    try:
        top = toml.parsed(text, session)
    except toml.NotToml as error:
        raise SheetError(f"not TOML: {error}", error.line) from None
    problems = top.get("problem")
    if problems is None:
        return [(0, top)]
    places = toml.Places(text)
    if not isinstance(problems, list) or not all(isinstance(table, dict) for table in problems):
        raise SheetError(
            "problem stands for several tables, expected [[problem]] in double brackets",
            places.line("problem"),
        )
    if len(problems) > MAX_FILE_PROBLEMS:
        raise SheetError(f"{len(problems)} problems, expected at most {MAX_FILE_PROBLEMS}")
    if beside := [key for key in top if key not in ("problem", *TEXT_KEYS)]:
        raise SheetError(
            f"{beside[0][:40]!r} stands beside [[problem]]: it belongs below one of them, as in "
            "[[problem.claim]]",
            places.line("", 0, beside[0]) or places.line(beside[0]),
        )
    title = top.get("title")
    named = {"title": title} if isinstance(title, str) else {}
    return [(number, {**named, **table}) for number, table in enumerate(problems, 1)]


def read_problem(
    text: str,
    number: int,
    content: dict[str, Any],
    path: str,
    session: Session = LIBRARY,
    *,
    asks: bool = True,
) -> Sheet:
    """One of the `problems_of` a text; where it need ask nothing it may have no claim."""
    reader = _Reader(text, session, number, asks=asks)
    return replace(reader.sheet(content, path), number=number)


def read_answers(
    text: str, number: int, content: dict[str, Any], key: Sheet, session: Session = LIBRARY
) -> Sheet:
    """The claims in one of the `problems_of` a text, on the network and in the
    notation of another sheet; it need not claim anything."""
    return _Reader(text, session, number, asks=False).answers(content, key)


def load(path: str | Path, shown: str = "", session: Session = LIBRARY) -> Sheet:
    """The sheet in a file, which reports call `shown`. Raises SheetError, or
    OSError if it cannot be opened."""
    with open(path, "rb") as file:
        data = file.read(MAX_BYTES + 1)
    return read(text_of(data), shown or str(path), session)


def text_of(data: bytes, most: int = MAX_BYTES) -> str:
    """The text of a sheet's file, or of another that may have so many bytes."""
    if len(data) > most:
        raise SheetError(f"larger than {most} bytes")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SheetError(f"not UTF-8: byte {error.start + 1} cannot be read") from None
