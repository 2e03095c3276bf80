"""A sheet's network as a drawing: one inline SVG, with what the forward and the backward pass find at every unit."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import MAX_EMAX, MIN_EMIN, ROUND_HALF_EVEN, Context, Decimal
from html import escape
from typing import Any

import numpy as np

from gradsheet.claims.sheet import Sheet
from gradsheet.language.functions import facts_of
from gradsheet.network.network import Network
from gradsheet.numbers.printed import decimal_text, exact_of
from gradsheet.numbers.reasons import Missing, Undecided
from gradsheet.truth.point import Point
from manual.activations import Activation, Array, split

MAX_UNITS = 8  # of a layer that are all drawn; of more, the first three and the last
MAX_LABELLED = 24  # edges between two layers whose weights are written
MAX_LABELLED_LAYERS = 8
MAX_EXACT = 6  # characters of a number that is written exactly, but for its sign
PLAIN_EXPONENTS = range(
    -3, 3
)  # of the leading digit, where a rounded number is written without a power of ten
MAX_TARGET = 16  # characters of y, written under L

# In pixels. The page's font is not known here: letters are taken to be those of a wide sans serif.
TEXT, LETTER, LINE = 13, 7.6, 17  # the size of letters, their mean width, the height of a line
MARGIN, HEADING = 16, 38
ROW, HEIGHT, PADDING = (
    104,
    46,
    22,
)  # from unit to unit; the height of a unit, and what it is wider than its text
GAP, CLEAR = 112, 12  # between two columns at least; around a weight
FARTHEST, MAX_TARGETS_IN_COLUMN = 0.35, 5  # of an edge, where its weight stands; see `_places`
DROP = 4.5  # from the middle of a letter to the line it stands on

STYLE = f"""\
.net-svg{{font-size:{TEXT}px;font-variant-numeric:tabular-nums;fill:var(--ink,#1c1c1e)}}
.net-edge{{stroke:var(--muted,#8a8a8e);stroke-width:1.1}}
.net-off{{stroke-dasharray:3 4;stroke-opacity:.75}}
.net-unit{{fill:var(--paper,#fff);stroke:var(--ink,#1c1c1e);stroke-width:1.3}}
.net-dead{{fill:var(--muted,#8a8a8e);fill-opacity:.2;stroke:var(--muted,#8a8a8e);stroke-dasharray:5 4}}
.net-forward{{fill:var(--forward,#0b62a4)}}
.net-backward{{fill:var(--backward,#b03a2e)}}
.net-quiet{{fill-opacity:.68}}
.net-name{{font-size:15px}}
.net-weight{{paint-order:stroke;stroke:var(--paper,#fff);stroke-width:6px;stroke-linejoin:round}}
@media print{{.net-svg{{--ink:#000;--paper:#fff;--forward:#0b4f86;--backward:#962d22;--muted:#666;\
background:#fff;min-width:0!important}}}}"""
SUBSCRIPTS, SUPERSCRIPTS = (
    str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉"),
    str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"),
)


@dataclass(frozen=True)
class _Values:
    """What is known at the first example. The lists begin with x, and have None or an array for each layer."""

    W: list[Any]
    b: list[Any]  # one a unit, also where they share it
    z: list[Any]
    h: list[Any]
    deltas: list[Any]
    y: Array | None
    loss: Any


@dataclass(frozen=True)
class _Unit:
    """A unit as it is drawn: the `lines` in it, its `name` and `bias` above, and the text `below`."""

    lines: tuple[str, ...]
    name: str = ""
    bias: str = ""
    below: str = ""
    dead: bool = False

    @property
    def width(self) -> float:
        above = len(self.name) + bool(self.bias) * (len(self.bias) + 2)
        inner = max(len(line) for line in self.lines) * LETTER + PADDING
        return max(HEIGHT, inner, LETTER * above, LETTER * len(self.below))


@dataclass(frozen=True)
class _Column:
    """A layer as it is drawn; `units` has None for those left out. `weights` of its edges, by target and source."""

    heading: str
    note: str
    units: list[_Unit | None]
    weights: dict[tuple[int, int], str]

    @property
    def width(self) -> float:
        return max(unit.width for unit in self.units if unit)

    def rows(self, middle: float) -> list[tuple[int, float, _Unit | None]]:
        """The units by their number here, each with the height of its middle."""
        top = middle - (len(self.units) - 1) * ROW / 2
        return [(k, top + k * ROW, unit) for k, unit in enumerate(self.units)]


def network_svg(sheet: Sheet, point: Point | None) -> str:
    """The network as an SVG element: with the numbers of the first example at a point, else with names alone."""
    values = None if point is None else _values(sheet.network, point)
    columns = _columns(sheet, values)
    rows = max(len(column.units) for column in columns)
    middle, end = MARGIN + HEADING + rows * ROW / 2, float(MARGIN)
    under: list[str] = []
    over: list[str] = []
    for before, column in zip([None, *columns], columns, strict=False):
        left = end
        if before is not None:
            left += _gap(before, column)
            edges, weights = _edges(before, column, middle, end, left)
            under += edges
            over += weights
        centre = left + column.width / 2
        over += _text(centre, MARGIN + TEXT, column.heading)
        over += _text(centre, MARGIN + TEXT + LINE, column.note, "net-quiet")
        for _, y, unit in column.rows(middle):
            over += (
                _drawn(unit, centre, y, column.width)
                if unit
                else _text(centre, y + 5, "⋮", "net-name")
            )
        end = left + column.width
    y, width = MARGIN + HEADING + rows * ROW, end + MARGIN
    for kind, text in _legend(sheet.network, columns, values):
        y += LINE + 4
        over += _text(MARGIN + 34, y, text, "" if kind == "net-dead" else kind, "start")
        if kind == "net-dead":
            over.append(
                f'<rect class="{kind}" x="{MARGIN + 1}" y="{y - 12}" width="24" height="15" rx="7.5"/>'
            )
        else:
            over += _text(
                MARGIN + 13, y, {"net-forward": "→", "net-backward": "←"}.get(kind, "·"), kind
            )
        width = max(width, 2 * MARGIN + 34 + len(text) * LETTER)
    size, said = f"{width:.0f}", escape(_sentence(sheet, values), quote=True)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="net-svg" viewBox="0 0 {size} {y + MARGIN:.0f}" width="100%" '
        f'style="max-width:{size}px;min-width:{width * 0.85:.0f}px" role="img" aria-label="{said}">'
        f"<style>{STYLE}</style>{''.join(under)}{''.join(over)}</svg>"
    )


def _values(network: Network, point: Point) -> _Values | None:
    first = () if network.examples is None else (0,)
    layers = range(1, network.depth + 1)
    try:
        h = [point.node(f"h{l}")[first] for l in range(network.depth + 1)]
    except Undecided:
        return None
    z = [point.node(f"z{l}")[first] for l in layers]
    W = [point.node(f"W{l}") for l in layers]
    b = [
        None if kind is None else np.broadcast_to(point.node(f"b{l}"), h[l].shape)
        for l, kind in enumerate(network.biases, 1)
    ]
    loss: Any = None
    deltas: list[Any] = [None] * network.depth
    if (
        network.loss is not None
    ):  # a point of a network without one has derivatives all the same, of any that will do
        try:
            loss = point.node("L").item()
            deltas = [point.derivative("L", (), f"z{l}", first) for l in layers]
        except (Undecided, Missing):
            pass
    y = None if point.problem.y is None else point.problem.y[0]
    return _Values([None, *W], [None, *b], [None, *z], h, [None, *deltas], y, loss)


def _columns(sheet: Sheet, values: _Values | None) -> list[_Column]:
    network = sheet.network
    drawn = [[*range(n)] if n <= MAX_UNITS else [0, 1, 2, None, n - 1] for n in network.widths]
    columns = [
        _Column(
            "inputs", "", [k if k is None else _unit(sheet, values, 0, k) for k in drawn[0]], {}
        )
    ]
    for l in range(1, network.depth + 1):
        edges = [
            (j, i)
            for j, to in enumerate(drawn[l])
            for i, of in enumerate(drawn[l - 1])
            if None not in (to, of)
        ]
        labels = {}
        if (
            values is not None
            and len(edges) <= MAX_LABELLED
            and network.depth <= MAX_LABELLED_LAYERS
        ):
            labels = {
                (j, i): label(values.W[l][drawn[l][j], drawn[l - 1][i]], sheet.decimals)
                for j, i in edges
            }
        units = [k if k is None else _unit(sheet, values, l, k) for k in drawn[l]]
        columns.append(_Column(f"layer {l}", _words(network.activations[l - 1]), units, labels))
    if network.loss is not None:
        loss, target = "L", ""
        if values is not None and values.loss is not None:
            loss = f"L = {label(values.loss, sheet.decimals)}"
        if values is not None and values.y is not None and len(values.y) <= MAX_UNITS:
            target = f"y = {', '.join(label(v, sheet.decimals) for v in values.y)}"
        columns.append(
            _Column(
                "loss", "", [_Unit((loss,), below=target if len(target) <= MAX_TARGET else "")], {}
            )
        )
    return columns


def _unit(sheet: Sheet, values: _Values | None, l: int, k: int) -> _Unit:
    network = sheet.network
    letter = "x" if l == 0 else "ŷ" if l == network.depth else "h"
    layer = str(l).translate(SUPERSCRIPTS) if letter == "h" else ""
    name = (
        letter + layer + str(k + 1).translate(SUBSCRIPTS) * (network.widths[l] > 1 or letter == "h")
    )
    if values is None:
        return _Unit((name,))

    def shown(letter: str, arrays: list[Any]) -> str:
        return "" if arrays[l] is None else f"{letter} = {label(arrays[l][k], sheet.decimals)}"

    activation = network.activations[l - 1] if l else "identity"
    dead = facts_of(activation).dead and bool(values.z[l][k] <= 0)
    lines = (shown("z", values.z) if activation != "identity" else "", shown(letter, values.h))
    below = " · ".join(filter(None, (shown("δ", values.deltas), "dead" if dead else "")))
    return _Unit(tuple(filter(None, lines)), name, shown("b", values.b), below, dead)


def label(value: Any, decimals: bool) -> str:
    """A Fraction or Real in few characters: exact where it is short, else to three digits; ? where they are open."""
    exact = exact_of(value)
    if (
        exact is not None
        and max(exact.numerator.bit_length(), exact.denominator.bit_length()) < 8 * MAX_EXACT
    ):
        for text in (decimal_text(exact) if decimals else str(exact), str(exact)):
            if len(text.lstrip("-")) <= MAX_EXACT:
                return text.replace("-", "−")
    near = Context(prec=3, rounding=ROUND_HALF_EVEN, Emax=MAX_EMAX, Emin=MIN_EMIN)
    if exact is not None:
        rounded = near.divide(Decimal(exact.numerator), Decimal(exact.denominator))
    else:
        low, high = value.bounds()
        if not high.is_finite() or near.subtract(high, low) > abs(
            near.divide(high, Decimal(10**6))
        ):
            return "?"
        rounded = near.plus(low)
    exponent = rounded.adjusted()
    if exponent in PLAIN_EXPONENTS:
        return f"{rounded:.{2 - exponent}f}".replace("-", "−")
    return (
        f"{near.scaleb(rounded, -exponent):.2f}·10{str(exponent).translate(SUPERSCRIPTS)}".replace(
            "-", "−"
        )
    )


def _places(sources: int, targets: int) -> list[float]:
    """How far out on the edges of each source the weights stand, so that none covers another.

    At 1 / (1 + n) of the way to n targets all weights lie evenly in one column, one row of units holding n + 1 of them.
    Of many targets they would lie too close, and every source gets a column of its own.
    """
    if targets > MAX_TARGETS_IN_COLUMN:
        return [(i + 1) / (sources + 1) for i in range(sources)]
    return [min(FARTHEST, 1 / (1 + targets))] * sources


def _gap(before: _Column, column: _Column) -> float:
    places = [0.0, *_places(len(before.units), len(column.units))]
    longest = max(map(len, column.weights.values()), default=0) * LETTER
    return max(
        GAP,
        (longest / 2 + CLEAR) / places[1],
        longest and (longest + CLEAR) / (places[-1] - places[-2] or 1),
    )


def _edges(
    before: _Column, column: _Column, middle: float, x1: float, x2: float
) -> tuple[list[str], list[str]]:
    """The edges between two columns, and their weights."""
    edges, weights = [], []
    places = _places(len(before.units), len(column.units))
    for i, y1, source in before.rows(middle):
        for j, y2, target in column.rows(middle):
            if source and target:
                kind = "net-edge net-off" if source.dead else "net-edge"
                edges.append(
                    f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'
                )
                x, y = x1 + places[i] * (x2 - x1), y1 + places[i] * (y2 - y1)
                kind = "net-weight net-quiet" if source.dead else "net-weight"
                weights += _text(x, y + DROP, column.weights.get((j, i), ""), kind)
    return edges, weights


def _drawn(unit: _Unit, centre: float, y: float, width: float) -> Iterable[str]:
    left, right = centre - width / 2, centre + width / 2
    kind = "net-unit net-dead" if unit.dead else "net-unit"
    yield (
        f'<rect class="{kind}" x="{left:.1f}" y="{y - HEIGHT / 2:.1f}" width="{width:.1f}" height="{HEIGHT}" '
        f'rx="{HEIGHT / 2}"/>'
    )
    line = "net-forward" if "=" in unit.lines[0] else "net-name"
    for k, text in enumerate(unit.lines):
        yield from _text(centre, y + DROP + (k - (len(unit.lines) - 1) / 2) * LINE, text, line)
    above, under = y - HEIGHT / 2 - 7, y + HEIGHT / 2 + TEXT + 3
    yield from _text(
        left if unit.bias else centre,
        above,
        unit.name,
        "net-name",
        "start" if unit.bias else "middle",
    )
    yield from _text(right, above, unit.bias, "", "end")
    yield from _text(centre, under, unit.below, "net-backward" if unit.name else "")


def _text(x: float, y: float, text: str, kind: str = "", anchor: str = "middle") -> list[str]:
    shown = f' class="{kind}"' if kind else ""
    return (
        [f'<text{shown} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>']
        if text
        else []
    )


def _words(activation: Activation) -> str:
    name = split(activation)[0]
    return "linear" if name == "identity" else name.replace("_", " ")


def _legend(
    network: Network, columns: list[_Column], values: _Values | None
) -> Iterable[tuple[str, str]]:
    """The lines under the network, each with its class."""
    if values is None:
        return
    yield (
        "net-forward",
        "forward pass: the value of every unit" + " and of L" * (values.loss is not None),
    )
    if values.deltas[-1] is not None:
        yield "net-backward", "backward pass: δ = ∂L/∂z"
    if any(unit and unit.dead for column in columns for unit in column.units):
        yield "net-dead", "dead unit: z ≤ 0, so relu′(z) = 0 and nothing passes through it"
    if network.examples is not None:
        total = f"; L is the {network.reduction} over all" * (
            values.loss is not None and network.examples > 1
        )
        yield "", f"example 1 of {network.examples}{total}"


def _sentence(sheet: Sheet, values: _Values | None) -> str:
    network = sheet.network
    sizes = [
        f"{n} {_words(a)}" for n, a in zip(network.widths[1:], network.activations, strict=True)
    ]
    layers = (
        f"layers of {', '.join(sizes)} units"
        if len(sizes) <= MAX_LABELLED_LAYERS
        else f"{len(sizes)} layers"
    )
    loss = "" if network.loss is None else f", and loss {network.loss.replace('_', ' ')}"
    found = (
        ""
        if values is None or values.loss is None
        else f"; L = {label(values.loss, sheet.decimals)}"
    )
    return f"The network: {network.widths[0]} inputs, {layers}{loss}{found}."
