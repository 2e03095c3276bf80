"""Reading an answer sheet: TOML text to a `Sheet` whose parts have been
checked, or a `SheetError` with its line."""

import difflib
import functools
import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from gradsheet.claims import toml
from gradsheet.claims.sheet import VERDICTS, Claim, Line, Sheet, SheetError
from gradsheet.language.formula import FUNCTIONS, Derivative, List, Node, Quantity, walk
from gradsheet.language.functions import facts_of
from gradsheet.language.parsing import FormulaError, parse
from gradsheet.network.network import Network
from gradsheet.numbers.printed import NumberError, Printed, Value, _shape, fractions, printed
from gradsheet.numbers.session import LIBRARY, Session
from manual import Layer
from manual.activations import ACTIVATIONS, Activation, Array
from manual.losses import LOSSES, REDUCTIONS

MAX_BYTES = 256_000
MAX_CLAIMS = 500
MAX_PARAMETERS = 4_096
MAX_LAYERS = 32
MAX_DATA = 4_096  # numbers in x
MAX_AXES = 4
MAX_LINES = 2_000  # of working, in all claims
MAX_NUMBERS = 20_000  # in all data and values
MAX_PARTS = 20_000  # of all formulas, with what the notation stands for
MAX_SUGGESTED = 20  # formulas that cannot be read for which other names are suggested
MAX_KEPT = 200_000  # characters of formulas that are kept for further sheets
MAX_PROBLEMS = 50  # of a sheet that are told
MAX_KEPT_NAMES = 40  # that a sheet may give in its notation for others to share its formulas
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


T = TypeVar("T")


class UnreadValue(SheetError):
    """Text that is no number, where numbers are expected; where it is what a
    claim says, only the claim is unread."""


class _Reader:
    """One sheet being read. `where` of a method is (table, number) and gives an error its line."""

    def __init__(self, text: str, session: Session):
        self.lines_read = session.cache("lines", MAX_KEPT)  # a class writes many of them alike
        self.places = toml.Places(text)
        self.problems: list[tuple[int, str]] = []  # all that is found
        self.numeric = False
        self.numbers = 0  # read so far
        self.decimals = False  # whether any of them is written as one
        self.own = object()  # stands for what no other sheet has
        self.unknown = 0  # formulas that could not be read
        self.parts = 0  # of all formulas read so far

    def error(self, message: str, where: tuple[str, int] = ("", 0), key: str = "") -> SheetError:
        return SheetError(message, self.places.line(*where, key))

    def unread(self, message: str, where: tuple[str, int], key: str) -> "UnreadValue":
        return UnreadValue(message, self.places.line(*where, key))

    def tried(self, part: Callable[[], T], otherwise: Any) -> T:
        """A part of the sheet; where it cannot be read that is noted, and the
        reading goes on with something else."""
        try:
            return part()
        except SheetError as error:
            self.problems += error.problems
            instead: T = otherwise
            return instead

    def done(self) -> None:
        """Raise what has been noted."""
        if self.problems:
            problems = sorted(self.problems)
            line, message = problems[0]
            if more := len(problems) - MAX_PROBLEMS:
                problems = (
                    [*problems[:MAX_PROBLEMS], (0, f"and {more} more")] if more > 0 else problems
                )
            raise SheetError(message, line, problems)

    def keys(
        self, table: Any, known: Iterable[str], where: tuple[str, int], what: str
    ) -> Mapping[str, Any]:
        """A table, of which unknown keys are noted."""
        if not isinstance(table, dict):
            raise self.error(f"{what} is {_found(table)}, expected a table", where)
        for key in itertools.islice((key for key in table if key not in known), MAX_PROBLEMS):
            near = difflib.get_close_matches(key[:40], known, 1)
            hint = f"did you mean {near[0]}?" if near else f"expected one of {', '.join(known)}"
            if home := next((home for home, keys in HOMES.items() if key in keys), ""):
                hint = f"it belongs {home}"
            line = self.places.line(*where, key) or self.places.line(key)
            self.problems.append((line, f"unknown key {key[:40]!r} in {what}: {hint}"))
        return table

    def text(self, table: Mapping[str, Any], key: str, where: tuple[str, int]) -> str:
        found = table.get(key, "")
        if (
            isinstance(found, int)
            and abs(found) < 10**18
            and not isinstance(found, bool)
            and key == "question"
        ):
            return str(found)
        if not isinstance(found, str) or isinstance(found, toml.FloatText):
            raise self.error(f"{key} is {_found(found)}, expected text", where, key)
        return found

    def choice(
        self,
        table: Mapping[str, Any],
        key: str,
        choices: Iterable[str],
        default: str | None,
        where: tuple[str, int],
    ) -> str | None:
        found = table.get(key, default)
        if found is not default and found not in tuple(choices):
            near = difflib.get_close_matches(_found(found)[:40].strip("'").lower(), choices, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"expected one of {', '.join(choices)}"
            raise self.error(f"{key} is {_found(found)}: {hint}", where, key)
        return found if found is None else str(found)

    def flag(self, table: Mapping[str, Any], key: str, where: tuple[str, int]) -> bool:
        found = table.get(key, False)
        if not isinstance(found, bool):
            raise self.error(f"{key} is {_found(found)}, expected true or false", where, key)
        return found

    def value(self, found: Any, key: str, where: tuple[str, int], depth: int = 0) -> Value:
        """A number, or lists of numbers of one shape, with their digits."""
        if depth == 0:
            self.numbers += _count(found)
            if self.numbers > MAX_NUMBERS:
                raise self.error(
                    f"more than {MAX_NUMBERS} numbers in a sheet, the last of them in {key}",
                    where,
                    key,
                )
        if isinstance(found, list):
            if depth == MAX_AXES:
                raise self.error(
                    f"{key} has lists nested deeper than {MAX_AXES}, expected numbers", where, key
                )
            if not found:
                raise self.error(f"{key} has an empty list, expected numbers", where, key)
            items = tuple(self.value(item, key, where, depth + 1) for item in found)
            if len({_shape(item) for item in items}) > 1:
                lengths = " and ".join(
                    str(len(item)) if isinstance(item, tuple) else "a number" for item in items
                )
                raise self.unread(
                    f"{key} has rows of unequal length ({lengths}), expected one length", where, key
                )
            return items
        if isinstance(found, bool) or not isinstance(found, int | str):
            raise self.error(
                f"{key} is {_found(found)}, expected a number or lists of numbers", where, key
            )
        if isinstance(found, int) and abs(found) >= 10**40:
            raise self.unread(f"{key} has a number of more than 40 digits", where, key)
        try:
            number = printed(str(found))
        except NumberError as error:
            raise self.unread(f"{key}: {error}", where, key) from None
        self.decimals |= number.places is not None
        return number

    def array(self, found: Any, key: str, where: tuple[str, int]) -> Array:
        return fractions(self.value(found, key, where))

    def layers(self, tables: list[Any]) -> tuple[list[tuple[Array | None, Array | None]], Network]:
        """Every layer's W and b (None on a symbolic sheet), and the network
        without its loss and data."""
        widths: list[int] = []
        biases: list[str | None] = []
        activations: list[Activation] = []
        params: list[tuple[Array | None, Array | None]] = []

        def layer(number: int, table: Any) -> None:
            where, what = ("layer", number), f"layer {number + 1}"
            table = self.keys(table, LAYER_KEYS, where, what)
            if ("W" in table) == ("shape" in table):
                raise self.error(
                    f"{what} has {'both W and shape' if 'W' in table else 'neither W nor shape'}, "
                    "expected one of them",
                    where,
                )
            W = self.array(table["W"], "W", where) if "W" in table else None
            units, inputs = self.weight_shape(table, W, where, what)
            follows = len(widths) == number + 1  # else the layer before cannot be read
            if follows and inputs != widths[-1]:
                turned = (
                    " (is W transposed? one row per unit, one column per input)"
                    if units == widths[-1]
                    else ""
                )
                raise self.error(
                    f"W of {what} has {inputs} columns, expected {widths[-1]}, the units of layer "
                    f"{number}{turned}",
                    where,
                    "W",
                )
            bias, b = self.bias(table, W is not None, (units, inputs), where, what)
            activation = self.activation(table, where, number + 1 == len(tables))
            if not number:
                widths.append(inputs)
            if number == len(params):
                widths.append(units)
                biases.append(bias)
                activations.append(activation)
                params.append((W, b))

        if len(tables) > MAX_LAYERS:
            raise self.error(f"more than {MAX_LAYERS} layers", ("layer", MAX_LAYERS))
        for number, table in enumerate(tables):
            self.tried(functools.partial(layer, number, table), None)
        if len({W is None for W, _ in params}) > 1:
            raise self.error(
                "some layers have W and some shape, expected numbers everywhere or nowhere",
                ("layer", 0),
            )
        if sum(u * (i + 1) for i, u in itertools.pairwise(widths)) > MAX_PARAMETERS:
            raise self.error(f"more than {MAX_PARAMETERS} parameters", ("layer", 0))
        return params, Network(tuple(widths), tuple(biases), tuple(activations), None, "mean", None)

    def weight_shape(
        self, table: Mapping[str, Any], W: Array | None, where: tuple[str, int], what: str
    ) -> tuple[int, int]:
        if W is not None:
            if W.ndim != 2:
                raise self.error(
                    f"W of {what} is {_found(table['W'])}, expected a list of rows: W = [[1, 2], "
                    "[3, 4]]",
                    where,
                    "W",
                )
            return W.shape[0], W.shape[1]
        shape = table["shape"]
        if not (
            isinstance(shape, list)
            and len(shape) == 2
            and all(type(n) is int and 0 < n <= MAX_PARAMETERS for n in shape)
        ):
            raise self.error(
                f"shape of {what} is {_found(shape)}, expected [units, inputs]", where, "shape"
            )
        return shape[0], shape[1]

    def bias(
        self,
        table: Mapping[str, Any],
        numeric: bool,
        shape: tuple[int, int],
        where: tuple[str, int],
        what: str,
    ) -> tuple[str | None, Array | None]:
        (units, inputs), shared = shape, self.flag(table, "shared_bias", where)
        for key, belongs in (("b", "W"), ("bias", "shape")):
            if key in table and belongs not in table:
                raise self.error(
                    f"{what} has {key} but no {belongs}: b goes with W, bias = true with shape",
                    where,
                    key,
                )
        if not numeric:
            return ("shared" if shared else "units") if self.flag(
                table, "bias", where
            ) or shared else None, None
        if "b" not in table:
            if shared:
                raise self.error(
                    f"{what} has shared_bias but no b, expected b = 0.5 or another number",
                    where,
                    "shared_bias",
                )
            return None, None
        b = self.array(table["b"], "b", where)
        if shared:
            if b.size != 1:
                raise self.error(
                    f"b of {what} has {b.size} numbers, expected one: shared_bias = true",
                    where,
                    "b",
                )
            return "shared", b.reshape(())
        if b.size != units or b.ndim > 1:
            hint = (
                ": write shared_bias = true if one number serves all units" if b.ndim == 0 else ""
            )
            if b.size == inputs:
                hint = " (is W transposed? one row per unit, one column per input)"
            raise self.error(
                f"b of {what} has {b.size} numbers, expected {units}, one a unit{hint}", where, "b"
            )
        return "units", b.reshape(units)

    def activation(
        self, table: Mapping[str, Any], where: tuple[str, int], last: bool
    ) -> Activation:
        name = self.choice(table, "activation", ACTIVATIONS, "identity", where) or "identity"
        if facts_of(name).mixes and not last:
            raise self.error(
                f"activation {name}, expected it on the last layer only", where, "activation"
            )
        if ("slope" in table) != bool(facts_of(name).parameters):
            raise self.error(
                'slope and leaky_relu go together: activation = "leaky_relu" and slope = 0.01',
                where,
                "slope",
            )
        if not facts_of(name).parameters:
            return name
        slope = self.value(table["slope"], "slope", where)
        if not isinstance(slope, Printed):
            raise self.error("slope is a list, expected a number", where, "slope")
        return name, slope.value

    def rows(self, found: Any, key: str, width: int, examples: int | None) -> Array:
        """x or y as rows, whatever of a number, a list and a list of rows it is written as."""
        array = self.array(found, key, ("", 0))
        array = (
            array.reshape(-1, 1)
            if examples is not None and array.ndim == 1
            else np.atleast_2d(array)
        )
        if array.size > MAX_DATA:
            raise self.error(
                f"{key} has {array.size} numbers, expected at most {MAX_DATA}", ("", 0), key
            )
        if array.ndim != 2:
            raise self.error(
                f"{key} has lists nested {array.ndim} deep, expected one row an example",
                ("", 0),
                key,
            )
        if array.shape[1] != width:
            raise self.error(
                f"{key} has {array.shape[1]} numbers an example, expected {width}", ("", 0), key
            )
        if array.shape[0] != (examples or 1) and key == "y":
            raise self.error(
                f"y has {array.shape[0]} rows, expected {examples or 1}, one an example of x",
                ("", 0),
                key,
            )
        return array

    def data(
        self, top: Mapping[str, Any], network: Network, numeric: bool
    ) -> tuple[Array | None, Array | None, int | None]:
        """x and y as rows, and the number of examples, None for a single one."""
        if not numeric:
            for key in ("x", "y"):
                if key in top:
                    raise self.error(
                        f"{key} is given but the layers have only shapes, expected W with numbers "
                        f"or no {key}",
                        ("", 0),
                        key,
                    )
            return None, None, None
        if "x" not in top:
            raise self.error("x is missing, expected the inputs: x = [2, 1]", ("layer", 0))
        examples = (
            len(top["x"])
            if isinstance(top["x"], list) and top["x"] and isinstance(top["x"][0], list)
            else None
        )
        x = self.rows(top["x"], "x", network.widths[0], examples)
        if network.loss in (None, "output"):
            if "y" in top:
                why = (
                    'the loss "output" has no target'
                    if network.loss
                    else 'loss = "half_squared_error", or another'
                )
                raise self.error(
                    f"y is given, expected {'none' if network.loss else 'a loss with it'}: {why}",
                    ("", 0),
                    "y",
                )
            return x, None, examples
        if "y" not in top:
            raise self.error(
                f"y is missing, expected the target of the loss {network.loss}: y = 1.5",
                ("", 0),
                "loss",
            )
        return x, self.rows(top["y"], "y", network.widths[-1], examples), examples

    def notation(self, table: Any, network: Network) -> dict[str, Node]:
        notation: dict[str, Node] = {}
        if not isinstance(table, dict):
            raise self.error(
                f"notation is {_found(table)}, expected a table: [notation]", ("notation", 0)
            )

        def one(name: str, text: Any) -> None:
            where = ("notation", 0)
            if not re.fullmatch(r"[A-Za-z_][A-Za-z_0-9]{0,39}", name, re.ASCII):
                raise self.error(
                    f"{name[:40]!r} cannot be a name, expected letters, digits and _", where, name
                )
            if name in network.names or name in FUNCTIONS:
                raise self.error(
                    f"the notation {name} has a meaning already, expected a new name", where, name
                )
            if not isinstance(text, str):
                raise self.error(
                    f"the notation {name} is {_found(text)}, expected a quantity as text",
                    where,
                    name,
                )
            line = self.line(text, network, notation)
            if line.tree is None:
                raise self.error(f"{name} {_short(text)}: {line.error}", where, name)
            notation[name] = line.tree

        for name, text in table.items():
            self.tried(functools.partial(one, name, text), None)
            if len(self.problems) > MAX_PROBLEMS:
                break
        return notation

    def line(self, text: str, network: Network, notation: Mapping[str, Node]) -> Line:
        """A line of working, readable or not."""
        if self.parts > MAX_PARTS:  # it has been told
            return Line(text, None, "")
        own = (
            (self.own, len(notation)) if len(notation) > MAX_KEPT_NAMES else tuple(notation.items())
        )
        suggests = self.unknown < MAX_SUGGESTED
        question = text, network, self.numeric, own, suggests

        def find() -> Line:
            return _line(text, network, notation, self.numeric, suggests=suggests)

        found: Line = self.lines_read.get(question, find, lambda _: len(text) + 100)
        self.unknown += found.tree is None
        self.parts += 1 if found.tree is None else found.tree.size
        if self.parts > MAX_PARTS:
            message = (
                f"formulas of more than {MAX_PARTS:,} parts in all, with what their "
                "notation stands for"
            )
            self.problems.append((0, f"{message}: divide them among several sheets"))
        return found

    def claim(
        self, table: Any, number: int, network: Network | None, notation: Mapping[str, Node]
    ) -> Claim | None:
        """A claim, None where there is no network to read it with.

        Keys that do not fit are a fault of the sheet; a text that cannot be
        read is one of the claim.
        """
        where = ("claim", number)
        table = self.keys(table, CLAIM_KEYS, where, f"claim {number + 1}")
        quantity = self.text(table, "quantity", where)
        if not quantity:
            raise self.error(
                f'claim {number + 1} has no quantity, expected one: quantity = "dL/dW1"', where
            )
        working = table.get("working", [])
        if not isinstance(working, list) or any(not isinstance(line, str) for line in working):
            raise self.error(
                f'working is {_found(working)}, expected a list of formulas: working = ["W1 @ x + '
                'b1"]',
                where,
                "working",
            )
        question, note = (self.text(table, key, where) for key in ("question", "note"))
        expect = self.choice(table, "expect", VERDICTS, None, where)
        points = self.points(table, where)
        value, error = None, ""
        try:
            value = self.value(table["value"], "value", where) if "value" in table else None
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
            line=self.places.line(*where),
            points=points,
            error=error,
        )

    def points(self, table: Mapping[str, Any], where: tuple[str, int]) -> Fraction:
        points = self.value(table.get("points", 1), "points", where)
        if not isinstance(points, Printed) or points.value < 0:
            raise self.error(
                f"points is {_found(table['points'])}, expected a number from 0", where, "points"
            )
        return points.value


def _objection(
    tree: Node, network: Network, numeric: bool, notation: Mapping[str, Node]
) -> str | None:
    """Why a formula cannot have a value in this network, whatever its numbers;
    None where it can.

    What its notation stands for has been looked through when that was read.
    """
    seen = {id(node) for node in notation.values()}
    parts = list(walk(tree, but=seen))
    gradients = [part for part in parts if isinstance(part, Derivative)]
    ends = {id(part.of) for part in gradients}
    for gradient in gradients:
        if reason := network.no_derivative(gradient.of.name, gradient.by.name):
            return reason
    for part in parts:
        if network.loss is None and isinstance(part, Quantity) and part.name in ("L", "L_new"):
            symbol = id(part) in ends and not part.indices and not numeric
            if not symbol:
                return (
                    'the sheet gives no loss: write loss = "half_squared_error" or another at '
                    "its top"
                )
    return None


def _line(
    text: str, network: Network, notation: Mapping[str, Node], numeric: bool, *, suggests: bool
) -> Line:
    """A formula, readable or not, of a sheet with numbers or over all weights."""
    try:
        formula = parse(text, network.names, notation, network.sigma, suggests=suggests)
    except FormulaError as error:
        return Line(text, None, str(error))
    reason = _objection(formula, network, numeric, notation)
    return Line(text, None if reason else formula, reason or "")


def _count(found: Any) -> int:
    """How many numbers there are in nested lists."""
    waiting, count = [found], 0
    while waiting:
        item = waiting.pop()
        if isinstance(item, list):
            waiting += item
        else:
            count += 1
    return count


def _found(value: Any) -> str:
    """What stands in the sheet, short enough for a message."""
    kinds = {
        bool: "true or false",
        dict: "a table",
        list: "a list",
        float: "a number",
        int: "a number",
    }
    if isinstance(value, str):
        return _short(value)
    if isinstance(value, int) and abs(value) >= 10**30:
        return "a number of over 30 digits"
    if isinstance(value, list | int) and _count(value) <= 30 and len(text := _plain(value)) <= 30:
        return text
    return kinds.get(type(value), "a date or time")


def _plain(value: Any, depth: int = 0) -> str:
    """A list or number as a sheet has it."""
    if isinstance(value, list):
        if depth > 30:
            return "..."
        return f"[{', '.join(_plain(item, depth + 1) for item in value)}]"
    if isinstance(value, bool | toml.FloatText):
        return str(value).lower()
    return _found(value) if not isinstance(value, int) or abs(value) >= 10**30 else str(value)


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "...")


def read(text: str, path: str = "-", session: Session = LIBRARY) -> Sheet:
    """The sheet that a TOML text states; raises SheetError where it states
    none, with all that is wrong with it.

    A claim that cannot be read says so (`Claim.error`), and one with neither
    value nor working is a question.
    """
    try:
        top = toml.parsed(text)
    except toml.NotToml as error:
        raise SheetError(f"not TOML: {error}", error.line) from None
    return _sheet(_Reader(text, session), top, path)


def _sheet(reader: _Reader, top: Mapping[str, Any], path: str) -> Sheet:
    """The sheet that a table states."""
    reader.keys(top, SHEET_KEYS, ("", 0), "the sheet")
    tables, claims = (
        reader.tried(functools.partial(_tables, reader, top, key), []) for key in ("layer", "claim")
    )
    tried, at_top = reader.tried, ("", 0)
    for key in ("source", "note"):
        tried(functools.partial(reader.text, top, key, at_top), "")
    title = tried(lambda: reader.text(top, "title", at_top), "")
    rate = tried(lambda: _rate(reader, top), None)
    update = tried(lambda: reader.choice(top, "update", ("all", "weights"), "all", at_top), None)
    loss = tried(lambda: reader.choice(top, "loss", LOSSES, None, at_top), None)
    reduction = (
        tried(lambda: reader.choice(top, "reduction", REDUCTIONS, "mean", at_top), None) or "mean"
    )
    arrays, network = tried(
        lambda: reader.layers(tables), ([], Network((), (), (), None, "mean", None))
    )
    if not arrays or len(arrays) < len(tables) or (loss is None and "loss" in top):
        # What else there is to say rests on layers and loss: only the keys of the claims do not.
        for pair in _numbered(claims):
            tried(functools.partial(reader.claim, *pair, None, {}), None)
        reader.done()
    if loss == "output" and network.widths[-1] != 1:
        units = network.widths[-1]
        message = f'the loss "output" needs a single output, the last layer has {units} units'
        reader.problems.append((reader.places.line("", 0, "loss"), message))
    network = replace(network, loss=loss, reduction=reduction)
    numeric = reader.numeric = arrays[0][0] is not None
    x, y, examples = tried(lambda: reader.data(top, network, numeric), (None, None, None))
    steps = not numeric or (rate is not None and loss is not None)
    network = replace(network, examples=examples, update=update if steps else None)
    notation = tried(lambda: reader.notation(top.get("notation", {}), network), {})
    found = [
        tried(functools.partial(reader.claim, *pair, network, notation), None)
        for pair in _numbered(claims)
    ]
    reader.done()
    return Sheet(
        path=path,
        title=title or Path(path).name,
        network=network,
        params=tuple(Layer(W, b) for W, b in arrays if W is not None) if numeric else None,
        x=x,
        y=y,
        rate=rate,
        notation=notation,
        claims=tuple(claim for claim in found if claim is not None),
        decimals=reader.decimals,
    )


def _numbered(claims: Sequence[Any]) -> Iterator[tuple[Any, int]]:
    return ((claim, number) for number, claim in enumerate(claims))


def _tables(reader: _Reader, top: Mapping[str, Any], key: str) -> list[Any]:
    """The tables [[layer]] or [[claim]], not too many of them."""
    found = top.get(key, [])
    if isinstance(found, dict):
        raise reader.error(
            f"[{key}] stands for a single table, expected [[{key}]] in double brackets", (key, 0)
        )
    if not found and (near := difflib.get_close_matches(key, top.keys() - {*SHEET_KEYS}, 1, 0.75)):
        raise reader.error(
            f"[[{near[0]}]] is no table of a sheet, expected [[{key}]]", (near[0], 0)
        )
    if not isinstance(found, list) or not found:
        raise reader.error(f"the sheet has no [[{key}]], expected at least one", (key, 0))
    if key == "claim":
        if len(found) > MAX_CLAIMS:
            raise SheetError(f"{len(found)} claims, expected at most {MAX_CLAIMS}")
        workings = [claim.get("working") for claim in found if isinstance(claim, dict)]
        lines = sum(len(working) for working in workings if isinstance(working, list))
        if lines > MAX_LINES:
            raise SheetError(f"{lines} lines of working, expected at most {MAX_LINES}")
    return found


def _rate(reader: _Reader, top: Mapping[str, Any]) -> Printed | None:
    if "learning_rate" not in top:
        return None
    rate = reader.value(top["learning_rate"], "learning_rate", ("", 0))
    if isinstance(rate, tuple):
        raise reader.error("learning_rate is a list, expected a number", ("", 0), "learning_rate")
    return rate


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
