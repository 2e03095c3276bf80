"""The tables of a sheet: what stands at their keys, or an error with its line."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol

from gradsheet.claims import toml
from gradsheet.claims.sheet import SheetError
from gradsheet.language.shown import short
from gradsheet.numbers.printed import NumberError, Printed, Value, _shape, fractions, printed
from manual.activations import Array

MAX_AXES = 4
MAX_NUMBERS = 20_000  # in all data and values


class SheetReader(Protocol):
    """Whoever reads a sheet: where its tables stand, and how many numbers it has."""

    places: toml.Places
    numbers: int
    decimals: bool


class UnreadValue(SheetError):
    """Text that is no number, where numbers are expected; where it is what a
    claim says, only the claim is unread."""


@dataclass(frozen=True)
class Table:
    """A table of a sheet: what stands at its keys, or an error with their line."""

    reader: SheetReader
    content: Mapping[str, Any]
    name: str = ""
    number: int = 0

    @property
    def title(self) -> str:
        """The name of the table in messages: layer 2."""
        return f"{self.name} {self.number + 1}" if self.name else "the sheet"

    def __contains__(self, key: str) -> bool:
        return key in self.content

    def error(self, message: str, key: str = "", kind: type[SheetError] = SheetError) -> SheetError:
        """An error with the line of a key, or of the table."""
        return kind(message, self.reader.places.line(self.name, self.number, key))

    def text(self, key: str) -> str:
        """The text at a key; raises SheetError where it is something else."""
        content = self.content.get(key, "")
        if key == "question" and type(content) is int and abs(content) < 10**18:
            return str(content)
        if not isinstance(content, str) or isinstance(content, toml.FloatText):
            raise self.error(f"{key} is {as_written(content)}, expected text", key)
        return content

    def choice(
        self,
        key: str,
        choices: Iterable[str],
        default: str | None = None,
        also: Mapping[str, str] = MappingProxyType({}),
    ) -> str | None:
        """One of several words; `also` has what is meant by others."""
        content = self.content.get(key, default)
        if content is not default and content not in tuple(choices):
            word = as_written(content)[:40].strip("'").lower()
            near = difflib.get_close_matches(also.get(word, word), choices, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"expected one of {', '.join(choices)}"
            raise self.error(f"{key} is {as_written(content)}: {hint}", key)
        return content if content is None else str(content)

    def flag(self, key: str) -> bool:
        """true or false."""
        content = self.content.get(key, False)
        if not isinstance(content, bool):
            raise self.error(f"{key} is {as_written(content)}, expected true or false", key)
        return content

    def value(self, key: str, default: Any = None) -> Value:
        """A number, or lists of numbers of one shape, with their digits."""
        content = self.content.get(key, default)
        self.reader.numbers += count_of(content)
        if self.reader.numbers > MAX_NUMBERS:
            raise self.error(
                f"more than {MAX_NUMBERS} numbers in a sheet, the last of them in {key}", key
            )
        return self._value(key, content, 0)

    def _value(self, key: str, content: Any, depth: int) -> Value:
        if isinstance(content, list):
            return self._values(key, content, depth)
        if isinstance(content, bool) or not isinstance(content, int | str):
            raise self.error(
                f"{key} is {as_written(content)}, expected a number or lists of numbers", key
            )
        if isinstance(content, int) and abs(content) >= 10**40:
            raise self.error(f"{key} has a number of more than 40 digits", key, UnreadValue)
        try:
            number = printed(str(content))
        except NumberError as error:
            raise self.error(f"{key}: {error}", key, UnreadValue) from None
        self.reader.decimals |= number.places is not None
        return number

    def _values(self, key: str, content: list[Any], depth: int) -> tuple[Value, ...]:
        if depth == MAX_AXES:
            raise self.error(
                f"{key} has lists nested deeper than {MAX_AXES}, expected numbers", key
            )
        if not content:
            raise self.error(f"{key} has an empty list, expected numbers", key)
        items = tuple(self._value(key, item, depth + 1) for item in content)
        if len({_shape(item) for item in items}) > 1:
            lengths = (str(len(i)) if isinstance(i, tuple) else "a number" for i in items)
            message = f"{key} has rows of unequal length ({' and '.join(lengths)})"
            raise self.error(f"{message}, expected one length", key, UnreadValue)
        return items

    def array(self, key: str) -> Array:
        """A number or lists of them as an array of Fractions."""
        return fractions(self.value(key))

    def single(self, key: str) -> Printed:
        """A single number."""
        value = self.value(key)
        if not isinstance(value, Printed):
            raise self.error(f"{key} is a list, expected a number", key)
        return value


def count_of(content: Any) -> int:
    """How many numbers there are in nested lists."""
    waiting, count = [content], 0
    while waiting:
        item = waiting.pop()
        if isinstance(item, list):
            waiting += item
        else:
            count += 1
    return count


def as_written(value: Any) -> str:
    """What stands in the sheet, short enough for a message."""
    if isinstance(value, str):
        return repr(short(value))
    if isinstance(value, int) and abs(value) >= 10**30:
        return "a number of over 30 digits"
    if isinstance(value, list | int) and count_of(value) <= 30 and len(text := _plain(value)) <= 30:
        return text
    return {dict: "a table", list: "a list", int: "a number"}.get(type(value), "a date or time")


def _plain(value: Any, depth: int = 0) -> str:
    """A list or number as a sheet has it."""
    if isinstance(value, list):
        if depth > 30:
            return "..."
        return f"[{', '.join(_plain(item, depth + 1) for item in value)}]"
    if isinstance(value, bool | toml.FloatText):
        return str(value).lower()
    return as_written(value) if not isinstance(value, int) or abs(value) >= 10**30 else str(value)
