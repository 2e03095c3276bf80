"""The function that is checked: called with fresh arrays, watched while it
runs, and its answer read."""

import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from gradsheet.checking.asked import ParameterGradients, by_name
from gradsheet.checking.probes import Data
from gradsheet.checking.returned import NotUnderstood, Reader, Returned, equal, plain_array
from gradsheet.checking.rounding import float_type
from manual import Layer
from manual.activations import Array

_PACKAGE = Path(__file__).parent.parent
MOST = 200  # characters of somebody else's message


class Misbehaved(Exception):
    """The function gave no answer; the message says what it did instead."""


@dataclass(eq=False)
class Subject:
    """A function of (params, x, y), or (params, x, y, direction) where the
    Hessian is asked for.

    `array` makes the arrays that it gets of numbers of `dtype`, of the type
    `given`. `inputs_first` says whether it gets W as (inputs, units), and
    `reading` which of the readings is taken in which its answer fits; or only
    those with these `words`, where they are known. A call leaves behind the
    `faults`, what the function does that it should not, in the order of
    discovery; how many `readings` fit, at most; and the words of the likeliest,
    `read_as`.
    """

    fn: Callable[..., Any]
    asked: ParameterGradients
    dtype: str
    array: Callable[[Array], Any]
    given: str
    inputs_first: bool = False
    reading: int = 0
    words: str | None = None
    faults: dict[str, None] = field(default_factory=dict, init=False)
    readings: int = field(default=1, init=False)
    read_as: str = field(default="", init=False)

    def accuse(self, fault: str) -> None:
        """Note what it does that it should not, once."""
        self.faults[fault] = None

    def __call__(self, data: Data) -> Returned:
        """Call the function on data and read its answer; raises Misbehaved
        where there is none."""
        params, x, y = self._layers(data.params), self._array(data.x), self._array(data.y)
        arguments = [params, x, y]
        given = {"x": x, "y": y, **by_name(params)}
        if self.asked.what == "hvp":
            arguments.append(self._layers(data.direction))
            given |= {f"the direction of {name}": a for name, a in by_name(arguments[-1]).items()}
        before = {name: plain_array(a).copy() for name, a in given.items() if a is not None}
        layers = list(params)
        try:
            result = self.fn(*arguments)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # somebody's code may even exit
            message = in_one_line(error)
            raise Misbehaved(f"it raises {message}{self._hint(message)}") from error
        changed = [name for name, old in before.items() if not equal(plain_array(given[name]), old)]
        if changed:
            self.accuse(f"it changes {', '.join(changed)}, which it is given: write into copies")
        if list(map(id, params)) != list(map(id, layers)):
            self.accuse("it changes the list of parameters that it is given: write into a new one")
        return self._read(result, len(data.x))

    def _layers(self, layers: Sequence[Layer]) -> list[tuple[Any, Any]]:
        return [(self._array(W.T if self.inputs_first else W), self._array(b)) for W, b in layers]

    def _array(self, array: Array | None) -> Any:
        if array is None:
            return None
        return self.array(np.array(array, float_type(self.dtype), order="C"))

    def _read(self, result: Any, examples: int) -> Returned:
        """The answer as it is to be read; raises Misbehaved if it is none."""
        asked = self.asked
        reader = Reader(asked.shapes, asked.lead, asked.loss, self.inputs_first, examples)
        try:
            readings = reader.read(result)
        except NotUnderstood as error:
            raise Misbehaved(str(error)) from None
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # arrays and containers are somebody's code, too
            raise Misbehaved(f"what it returned cannot be read: {in_one_line(error)}") from None
        if self.words is not None:
            alike = [reading for reading in readings if reading.assumed[0] == self.words]
            readings = alike or readings[:1]
        self.readings = max(self.readings, len(readings))
        self.read_as = readings[0].assumed[0]
        return readings[min(self.reading, len(readings) - 1)]

    def _hint(self, message: str) -> str:
        """What an exception may have to do with how the function is called."""
        if "used as indices" in message or "must be integers" in message:
            return "; y has a row an example, no labels: write y.argmax(1)"
        if "unpack" in message:
            return f"; params has {len(self.asked.network.activations)} (W, b) here, as widths says"
        if "ensor" in message and self.array is np.array:
            return "; with array=torch.tensor it gets tensors"
        if "positional argument" in message:
            direction = ", direction" if self.asked.what == "hvp" else ""
            return f"; it is called with (params, x, y{direction})"
        return ""


def in_one_line(error: BaseException) -> str:
    """An exception with its message, and where it was raised: in the function
    itself where that is known, and not in the library that it calls."""
    frames = traceback.extract_tb(error.__traceback__)
    outside = [frame for frame in frames if _PACKAGE not in Path(frame.filename).parents]
    outside = [frame for frame in outside if "site-packages" not in frame.filename] or outside
    place = f" ({Path(outside[-1].filename).name}:{outside[-1].lineno})" if outside else ""
    try:
        words = " ".join(str(error).split())
    except Exception:
        words = ""
    words = words if len(words) <= MOST else words[: MOST - 3] + "..."
    message = f": {words}" if words else ""
    return f"{type(error).__name__}{message}{place}"
