"""A sheet's network as a drawing: one inline SVG, with the values and deltas of every unit."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from decimal import MAX_EMAX, MIN_EMIN, ROUND_HALF_EVEN, Context, Decimal
from html import escape
from typing import Any

import numpy as np

from gradsheet.claims.sheet import Sheet
from gradsheet.language.functions import facts_of
from gradsheet.network.network import Network
from gradsheet.numbers.printed import exact_of
from gradsheet.numbers.reasons import Missing, OutOfWork, Undecided
from gradsheet.solution.rounding_off import exactly
from gradsheet.truth.graph_point import GraphPoint
from manual.activations import Activation, Array, split

MAX_UNITS = 8  # of a layer that are all drawn; of more, the first three and the last
MAX_LABELLED = 24  # edges between two layers whose weights are written
MAX_LABELLED_LAYERS = 8
MAX_EXACT = 6  # characters of a number that is written exactly, but for its sign
# Of the leading digit, where a rounded number is written without a power of ten.
PLAIN_EXPONENTS = range(-3, 3)
MAX_TARGET = 16  # characters of y, written under L

# In pixels. The page's font is not known here: letters are taken to be those of a wide sans serif.
TEXT, LETTER, LINE = 13, 7.6, 17  # the size of letters, their mean width, the height of a line
MARGIN, HEADING = 16, 38
ROW, HEIGHT = 104, 46  # from unit to unit, and the height of one
PADDING = 22  # what a unit is wider than its text
GAP, CLEAR = 112, 12  # between two columns at least; around a weight
FARTHEST, MAX_TARGETS_IN_COLUMN = 0.35, 5  # of an edge, where its weight stands; see `_places`
DROP = 4.5  # from the middle of a letter to the line it stands on

STYLE = f"""\
.net-svg{{font-size:{TEXT}px;font-variant-numeric:tabular-nums;fill:var(--ink,#1c1c1e)}}
.net-edge{{stroke:var(--muted,#8a8a8e);stroke-width:1.1}}
.net-off{{stroke-dasharray:3 4;stroke-opacity:.75}}
.net-unit{{fill:var(--paper,#fff);stroke:var(--ink,#1c1c1e);stroke-width:1.3}}
.net-dead{{fill:var(--muted,#8a8a8e);fill-opacity:.2;\
stroke:var(--muted,#8a8a8e);stroke-dasharray:5 4}}
.net-forward{{fill:var(--forward,#0b62a4)}}
.net-backward{{fill:var(--backward,#b03a2e)}}
.net-quiet{{fill-opacity:.68}}
.net-name{{font-size:15px}}
.net-weight{{paint-order:stroke;stroke:var(--paper,#fff);stroke-width:6px;stroke-linejoin:round}}
@media print{{.net-svg{{--ink:#000;--paper:#fff;--forward:#0b4f86;--backward:#962d22;--muted:#666;\
background:#fff;min-width:0!important}}}}"""
SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class _Unit:
    """A unit as it is drawn: `lines` in it, `name` and `bias` above, and the text `below`."""

    lines: tuple[str, ...]
    name: str = ""
    bias: str = ""
    below: str = ""
    dead: bool = False

    @property
    def width(self) -> float:
        above = len(self.name) + (len(self.bias) + 2 if self.bias else 0)
        inner = max(len(line) for line in self.lines) * LETTER + PADDING
        return max(HEIGHT, inner, LETTER * above, LETTER * len(self.below))


@dataclass(frozen=True)
class _Column:
    """A layer as it is drawn; `units` has None for those left out.

    `weights` are those on its edges, by the numbers of target and source.
    """

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


def network_svg(sheet: Sheet, point: GraphPoint | None) -> str:
    """Draw the network as an SVG element, at a point with the first example's numbers."""
    values = {} if point is None else _values(sheet.network, point)
    columns = _columns(sheet, values)
    rows = max(len(column.units) for column in columns)
    middle, end = MARGIN + HEADING + rows * ROW / 2, float(MARGIN)
    under, over = list[str](), list[str]()
    for before, column in zip([None, *columns], columns, strict=False):
        left = end
        if before is not None:
            left += _gap(before, column)
            for edge, weight in _edges(before, column, middle, end, left):
                under.append(edge)
                over += weight
        centre = left + column.width / 2
        over += _text(centre, MARGIN + TEXT, column.heading)
        over += _text(centre, MARGIN + TEXT + LINE, column.note, "net-quiet")
        for _, y, unit in column.rows(middle):
            if unit:
                over += _drawn(unit, centre, y, column.width)
            else:
                over += _text(centre, y + 5, "⋮", "net-name")
        end = left + column.width
    y, width = MARGIN + HEADING + rows * ROW, end + MARGIN
    for kind, text in _legend(sheet.network, columns, values):
        y += LINE + 4
        over += _legend_line(y, kind, text)
        width = max(width, 2 * MARGIN + 34 + len(text) * LETTER)
    size, label = f"{width:.0f}", escape(_sentence(sheet, values), quote=True)
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" class="net-svg" '
        f'viewBox="0 0 {size} {y + MARGIN:.0f}" width="100%" '
        f'style="max-width:{size}px;min-width:{width * 0.85:.0f}px" role="img" '
        f'aria-label="{label}"><style>{STYLE}</style>{"".join(under)}{"".join(over)}</svg>'
    )


def _legend_line(y: float, kind: str, text: str) -> Iterator[str]:
    """A line under the network, behind a sign in its class."""
    is_dead = kind == "net-dead"
    yield from _text(MARGIN + 34, y, text, "" if is_dead else kind, "start")
    if is_dead:
        size = 'width="24" height="15" rx="7.5"'
        yield f'<rect class="{kind}" x="{MARGIN + 1}" y="{y - 12}" {size}/>'
    else:
        sign = {"net-forward": "→", "net-backward": "←"}.get(kind, "·")
        yield from _text(MARGIN + 13, y, sign, kind)


def _values(network: Network, point: GraphPoint) -> dict[str, Any]:
    """What is known at the first example, by names; nothing where not even the forward pass is."""
    values: dict[str, Any] = {}
    first = () if network.examples is None else (0,)
    try:
        for l in range(network.depth + 1):
            values[f"h{l}"] = point.node(f"h{l}")[first]
    except Undecided:
        return {}
    for l, bias in enumerate(network.biases, 1):
        values |= {f"z{l}": point.node(f"z{l}")[first], f"W{l}": point.node(f"W{l}")}
        if bias is not None:  # one number a unit, also where they share it
            values[f"b{l}"] = np.broadcast_to(point.node(f"b{l}"), values[f"h{l}"].shape)
    if network.loss not in (None, "output"):
        values["y"] = point.node("y")[first]
    # Without a loss a point has derivatives all the same, of any loss that will do.
    if network.loss is not None:
        with suppress(Undecided, OutOfWork, Missing):
            values["L"] = point.node("L").item()
            layers = range(1, network.depth + 1)
            values |= {f"δ{l}": point.derivative("L", (), f"z{l}", first) for l in layers}
    return values


def _columns(sheet: Sheet, values: Mapping[str, Any]) -> list[_Column]:
    """The inputs, the layers and the loss, from left to right."""
    network = sheet.network
    shown = [[*range(n)] if n <= MAX_UNITS else [0, 1, 2, None, n - 1] for n in network.widths]
    columns = []
    for l, numbers in enumerate(shown):
        heading, note, weights = "inputs", "", dict[tuple[int, int], str]()
        if l:
            heading, note = f"layer {l}", _words(network.activations[l - 1])
            if values and network.depth <= MAX_LABELLED_LAYERS:
                weights = _weights(values[f"W{l}"], numbers, shown[l - 1], sheet.decimals)
        units = [None if k is None else _unit(sheet, values, l, k) for k in numbers]
        columns.append(_Column(heading, note, units, weights))
    if network.loss is not None:
        columns.append(_Column("loss", "", [_loss(values, sheet.decimals)], {}))
    return columns


def _weights(
    W: Array, targets: Sequence[int | None], sources: Sequence[int | None], decimals: bool
) -> dict[tuple[int, int], str]:
    """The weights between units that are drawn, none where there are too many to read."""
    places = {}
    for j, target in enumerate(targets):
        for i, source in enumerate(sources):
            if target is not None and source is not None:
                places[j, i] = (target, source)
    if len(places) > MAX_LABELLED:
        return {}
    return {edge: label(W[place], decimals) for edge, place in places.items()}


def _loss(values: Mapping[str, Any], decimals: bool) -> _Unit:
    """The loss as a unit, with the targets below where they are short."""
    loss, target = "L", ""
    if "L" in values:
        loss = f"L = {label(values['L'], decimals)}"
    if "y" in values and len(values["y"]) <= MAX_UNITS:
        target = f"y = {', '.join(label(v, decimals) for v in values['y'])}"
    return _Unit((loss,), below=target if len(target) <= MAX_TARGET else "")


def _unit(sheet: Sheet, values: Mapping[str, Any], l: int, k: int) -> _Unit:
    """Unit k of layer l, counted from 0; of layer 0 an input."""
    network = sheet.network
    letter = "x" if l == 0 else "ŷ" if l == network.depth else "h"
    name = letter + (str(l).translate(SUPERSCRIPTS) if letter == "h" else "")
    if letter == "h" or network.widths[l] > 1:
        name += str(k + 1).translate(SUBSCRIPTS)
    if not values:
        return _Unit((name,))

    def shown(name: str, letter: str = "") -> str:
        array = values.get(f"{name}{l}")
        return "" if array is None else f"{letter or name} = {label(array[k], sheet.decimals)}"

    activation = network.activations[l - 1] if l else "identity"
    dead = facts_of(activation).dead and bool(values[f"z{l}"][k] <= 0)
    lines = ("" if activation == "identity" else shown("z"), shown("h", letter))
    below = " · ".join(filter(None, (shown("δ"), "dead" if dead else "")))
    return _Unit(tuple(filter(None, lines)), name, shown("b"), below, dead)


def label(value: Any, decimals: bool) -> str:
    """Write a Fraction or Real in few characters: 1/3, 0.25, 1.27, 3.10·10⁵.

    Exact where that is short, else to three digits; ? where they are open. With
    `decimals` a fraction that has a short decimal is written as one.
    """
    exact = exact_of(value)
    in_full = "" if exact is None else exactly(exact, decimals, MAX_EXACT, MAX_EXACT)
    return (in_full or _rounded_label(value)).replace("-", "−")


def _rounded_label(value: Any) -> str:
    """A number to three digits; ? where they are open."""
    near = Context(prec=3, rounding=ROUND_HALF_EVEN, Emax=MAX_EMAX, Emin=MIN_EMIN)
    if (exact := exact_of(value)) is not None:
        rounded = near.divide(Decimal(exact.numerator), Decimal(exact.denominator))
    else:
        low, high = value.bounds()
        width = near.subtract(high, low)
        if not high.is_finite() or width > abs(near.divide(high, Decimal(10**6))):
            return "?"
        rounded = near.plus(low)
    exponent = rounded.adjusted()
    if exponent in PLAIN_EXPONENTS:
        return f"{rounded:.{2 - exponent}f}"
    power = str(exponent).translate(SUPERSCRIPTS)
    return f"{near.scaleb(rounded, -exponent):.2f}·10{power}"


def _places(sources: int, targets: int) -> list[float]:
    """How far out on the edges of each source the weights stand, none over another.

    At 1 / (1 + n) of the way to n targets all weights lie evenly in one column,
    one row of units holding n + 1 of them. Of many targets they would lie too
    close, and every source gets a column of its own.
    """
    if targets > MAX_TARGETS_IN_COLUMN:
        return [(i + 1) / (sources + 1) for i in range(sources)]
    return [min(FARTHEST, 1 / (1 + targets))] * sources


def _gap(before: _Column, column: _Column) -> float:
    """How far two columns stand apart, so that the weights between them have room."""
    places = [0.0, *_places(len(before.units), len(column.units))]
    longest = max(map(len, column.weights.values()), default=0) * LETTER
    return max(
        GAP,
        (longest / 2 + CLEAR) / places[1],
        longest and (longest + CLEAR) / (places[-1] - places[-2] or 1),
    )


def _edges(
    before: _Column, column: _Column, middle: float, x1: float, x2: float
) -> Iterator[tuple[str, list[str]]]:
    """The edges between two columns, each with its weight where it has one."""
    places = _places(len(before.units), len(column.units))
    for i, y1, source in before.rows(middle):
        for j, y2, target in column.rows(middle):
            if source is None or target is None:
                continue
            kind = "net-edge net-off" if source.dead else "net-edge"
            ends = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
            line = f'<line class="{kind}" {ends}/>'
            x, y = x1 + places[i] * (x2 - x1), y1 + places[i] * (y2 - y1)
            kind = "net-weight net-quiet" if source.dead else "net-weight"
            yield line, _text(x, y + DROP, column.weights.get((j, i), ""), kind)


def _drawn(unit: _Unit, centre: float, y: float, width: float) -> Iterator[str]:
    left, right = centre - width / 2, centre + width / 2
    kind = "net-unit net-dead" if unit.dead else "net-unit"
    yield (
        f'<rect class="{kind}" x="{left:.1f}" y="{y - HEIGHT / 2:.1f}" width="{width:.1f}" '
        f'height="{HEIGHT}" rx="{HEIGHT / 2}"/>'
    )
    line = "net-forward" if "=" in unit.lines[0] else "net-name"
    for k, text in enumerate(unit.lines):
        yield from _text(centre, y + DROP + (k - (len(unit.lines) - 1) / 2) * LINE, text, line)
    above, under = y - HEIGHT / 2 - 7, y + HEIGHT / 2 + TEXT + 3
    if unit.bias:
        yield from _text(left, above, unit.name, "net-name", "start")
        yield from _text(right, above, unit.bias, "", "end")
    else:
        yield from _text(centre, above, unit.name, "net-name")
    yield from _text(centre, under, unit.below, "net-backward" if unit.name else "")


def _text(x: float, y: float, text: str, kind: str = "", anchor: str = "middle") -> list[str]:
    """A text as the element for it, none for an empty one."""
    if not text:
        return []
    shown = f' class="{kind}"' if kind else ""
    return [f'<text{shown} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>']


def _words(activation: Activation) -> str:
    name = split(activation)[0]
    return "linear" if name == "identity" else name.replace("_", " ")


def _legend(
    network: Network, columns: list[_Column], values: Mapping[str, Any]
) -> Iterator[tuple[str, str]]:
    """The lines under the network, each with its class."""
    if not values:
        return
    forward = "forward pass: the value of every unit"
    if "L" in values:
        forward += " and of L"
    yield "net-forward", forward
    if f"δ{network.depth}" in values:
        yield "net-backward", "backward pass: δ = ∂L/∂z"
    if any(unit and unit.dead for column in columns for unit in column.units):
        yield "net-dead", "dead unit: z ≤ 0, so relu′(z) = 0 and nothing passes through it"
    if network.examples is not None:
        note = f"example 1 of {network.examples}"
        if "L" in values and network.examples > 1:
            note += f"; L is the {network.reduction} over all"
        yield "", note


def _sentence(sheet: Sheet, values: Mapping[str, Any]) -> str:
    """The drawing in words, for those who do not see it."""
    network = sheet.network
    units = zip(network.widths[1:], network.activations, strict=True)
    if network.depth <= MAX_LABELLED_LAYERS:
        layers = f"layers of {', '.join(f'{n} {_words(a)}' for n, a in units)} units"
    else:
        layers = f"{network.depth} layers"
    text = f"The network: {network.widths[0]} inputs, {layers}"
    if network.loss is not None:
        text += f", and loss {network.loss.replace('_', ' ')}"
    if "L" in values:
        text += f"; L = {label(values['L'], sheet.decimals)}"
    return f"{text}."
