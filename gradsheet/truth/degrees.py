"""How much a formula can tell apart: its degree in the weights, and in the bits
that say which units are live."""

from gradsheet.language import formula as f
from gradsheet.language.formula import NEW
from gradsheet.language.functions import ACTIVATIONS, facts_of
from gradsheet.network.network import Network

ANY_DEGREE = 1_000  # no bound


def is_node(node: f.Node) -> bool:
    """Whether a formula is a node of the network or an entry of it, but for a constant factor."""
    match node:
        case f.Quantity(name):
            return name[0] in "xyzh"
        case f.Negative(inner):
            return is_node(inner)
        case f.Binary("*", f.Number(), inner) | f.Binary("*" | "/", inner, f.Number()):
            return is_node(inner)
    return False


def _with_zero(node: f.Node) -> f.Node | None:
    """The node of the network that max or min compares with 0."""
    match node:
        case f.Call("max" | "min", (f.Number(zero), inner) | (inner, f.Number(zero))):
            return inner if is_node(inner) and not zero.value else None
    return None


def pattern_degree(node: f.Node, network: Network) -> int:
    """A bound on the degree of a formula as a polynomial in the bits of the
    pattern of live and dead units."""

    def kinked(name: str) -> int:
        """How many kinked layers a quantity has behind it."""
        stage = network.stage(name)
        return sum(3 * l <= stage for l in network.kinked)

    def of(inner: f.Node) -> int:
        return pattern_degree(inner, network)

    match node:
        case f.Quantity(name) if name.endswith(NEW):
            return 2 * len(network.kinked) * (1 if name[0] in "Wb" else network.depth)
        case f.Quantity(name):
            return 2 * kinked(name) if name == "L" else kinked(name)
        case f.Derivative(above):
            return (1 + (above.name == "L" and network.loss is not None)) * kinked(above.name)
        case f.Binary("+" | "-", a, b):
            return max(of(a), of(b))
        case f.Power(base, exponent):
            bits = of(base)
            is_product = isinstance(exponent, int) and exponent >= 0
            return int(exponent) * bits if is_product or not bits else ANY_DEGREE
        case f.Call(function, (argument, *_)) if function in f.KINKED:
            if is_node(argument):
                is_step = function not in (*ACTIVATIONS, "abs")  # and no multiple of its argument
                return 1 + (0 if is_step else of(argument))
            calls = {call.function for call in f.walk(argument) if isinstance(call, f.Call)}
            if of(argument) or not calls.isdisjoint(f.KINKED):
                return ANY_DEGREE  # its sign may depend on all bits at once
            return 1
        case f.Call("max" | "min" | "where") | f.Largest() | f.Smallest() | f.DerivativeOf():
            live = _with_zero(node)  # as relu of a node has it
            return ANY_DEGREE if live is None else 1 + of(live)
        case f.Binary(_, a, b) | f.Call(_, (a, b)):
            return of(a) + of(b)
        case (
            f.Call("sum" | "mean" | "diag", (inner,))
            | f.Sum(_, inner)
            | f.Subscript(inner)
            | f.Negative(inner)
            | f.Transpose(inner)
        ):
            return of(inner)
        case f.List(items):
            return max(map(of, items))
    return 0


def degree(node: f.Node, network: Network) -> int:
    """A bound on the degrees of numerator and denominator of a formula in the
    weights, the data and the exponentials.

    Generous, since 2^62 is large: along a path every layer adds its weight and
    its input, and every unit that is not linear the numerator and the
    denominator of its activation and of that one's derivative.
    """
    width = max(network.widths)
    match node:
        case f.Number() | f.Letter():
            return 1
        case f.Quantity() | f.Derivative():
            units = 0 if network.rational else 8 * sum(network.widths[1:])
            once = 4 * (network.depth + 1) + units
            if any(facts_of(activation).z_in_slope for activation in network.activations):
                once *= network.depth + 1  # every slope on the way back has a z in it
            new = isinstance(node, f.Quantity) and node.name.endswith(NEW)
            return once * (1 + network.depth * width * 2) if new else once
        case f.Binary("@", a, b):
            return width * (degree(a, network) + degree(b, network))
        case f.Binary(_, a, b):
            return degree(a, network) + degree(b, network)
        case f.Power(base, exponent):
            return max(abs(exponent.numerator), exponent.denominator) * degree(base, network)
        case f.Call(function, arguments):
            # Whose denominators may all differ.
            terms = width**2 if function in f.OVER_LETTERS else 1
            return terms * (4 + sum(degree(argument, network) for argument in arguments))
        case f.Sum(_, term, bounds):
            terms = width if bounds is None else 1 + bounds[1] - bounds[0]
            return terms * degree(term, network)
        case f.Compare(_, left, right):
            return degree(left, network) + degree(right, network)
        case f.DerivativeOf(term):
            return 2 * degree(term, network)
        case f.List(items):
            return max(degree(item, network) for item in items)
        case f.Subscript(inner) | f.Negative(inner) | f.Transpose(inner):
            return degree(inner, network)
    raise TypeError(f"no rule for {type(node).__name__}")
