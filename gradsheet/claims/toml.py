"""TOML as sheets are written in it: the tables, the lines that they stand on,
and what is wrong where it is none."""

import re
import tomllib
from collections.abc import Sequence
from typing import Any

from gradsheet.numbers.session import LIBRARY, Session

# tomllib takes time in the square of a key's parts. The first point is looked for, and not the
# name before it: there are fewer.
_LONG_KEY = re.compile(r"""\.(?<=[\w"' \t-]\.)(?:[ \t]*+["']?[\w-]++["']?[ \t]*+\.){7}""")

_CLAIM = re.compile(r"^(?=\[\[claim\]\]$)", re.MULTILINE)  # where most claims begin

MAX_LOOKED_AT = 1000  # characters of a line; what its look tells takes their square
MAX_KEPT = 200_000  # characters of claims that are kept for further sheets


class NotToml(ValueError):
    """A text that is no TOML; the message says what to write. `line` is 0 where
    no line is to blame."""

    def __init__(self, message: str, line: int = 0):
        super().__init__(message)
        self.line = line


class FloatText(str):
    """A TOML float as it stands in the file."""


class Places:
    """The lines of a TOML text on which tables and keys stand, for messages:
    tomllib does not tell.

    Of a text with several problems those of one, by its number from 1; 0 is
    what stands above them.
    """

    _HEADER = re.compile(r"\s*\[{1,2}\s*[\"']?(?:(problem)\s*\.\s*)?([A-Za-z_]+)[\"']?\s*\]{1,2}")
    _KEY = re.compile(r"\s*[\"']?([A-Za-z_0-9-]+)[\"']?\s*[.=]")

    def __init__(self, text: str, problem: int = 0):
        self.tables: dict[str, list[int]] = {}
        self.keys: dict[tuple[str, int, str], int] = {}
        table, number, closing, current = "", 0, "", 0
        for at, line in enumerate(text.split("\n"), 1):
            if closing:  # inside a text over several lines, nothing is a header or a key
                if line.count(closing) % 2:
                    closing = ""
                continue
            first = line.lstrip()[:1]
            if first in ("", "#"):
                continue
            if first == "[" and (header := self._HEADER.match(line)):
                table = header[2]
                if table == "problem" and not header[1]:
                    table, current = ("", current + 1) if problem else (table, 0)
                if current == problem:
                    self.tables.setdefault(table, []).append(at)
                    number = len(self.tables[table]) - 1
            elif (key := self._KEY.match(line)) and current == problem:
                self.keys.setdefault((table, number, key[1]), at)
            if '"""' in line or "'''" in line:
                closing = next((quotes for quotes in ('"""', "'''") if line.count(quotes) % 2), "")

    def line(self, table: str, number: int = 0, key: str = "") -> int:
        """The line of a key, else that of its table, else 0."""
        if (table, number, key) in self.keys:
            return self.keys[table, number, key]
        tables = self.tables.get(table or key, [])
        return tables[number] if number < len(tables) else self.keys.get(("", 0, table), 0)


def parsed(text: str, session: Session = LIBRARY) -> dict[str, Any]:
    """The tables of a text, decimals as they are written, which nobody changes. Raises NotToml."""
    if _LONG_KEY.search(text):
        raise NotToml("a key of more than 8 parts, expected single names")
    try:
        if (tables := _in_pieces(_CLAIM.split(text), session)) is not None:
            return tables
    except (RecursionError, ValueError):  # which the whole text may tell better
        pass
    try:
        return _loads(text)
    except tomllib.TOMLDecodeError as error:
        at = re.search(r"\(at line (\d+)", str(error))
        lines = text.split("\n")
        line = int(at[1]) if at else len(lines)  # else it is the end of the file
        fault = str(error).split(" (at ")[0]
        hint = _hint(lines[line - 1] if line <= len(lines) else "", fault)
        raise NotToml(f"{fault}; {hint}", line) from None
    except (RecursionError, ValueError):
        raise NotToml("nested too deeply, or a number too long") from None


def _loads(text: str) -> dict[str, Any]:
    return tomllib.loads(text, parse_float=FloatText)


def _in_pieces(pieces: Sequence[str], session: Session) -> dict[str, Any] | None:
    """The tables of a text in pieces, each but the first a claim. None where the
    whole may be something else; what is TOML by itself in every piece is so as a
    whole."""
    top, claims = _loads(pieces[0]), list[Any]()
    for piece in pieces[1:]:
        tables = _kept(piece, session)
        if len(tables) > 1:
            return None
        claims += tables["claim"]
    if "claim" in top:
        return None
    return {**top, "claim": claims} if claims else top


def _kept(piece: str, session: Session) -> dict[str, Any]:
    """The tables of a claim: a class writes many of them alike."""
    kept = session.cache("claims", MAX_KEPT)
    tables: dict[str, Any] = kept.get(piece, lambda: _loads(piece), lambda _: len(piece))
    return tables


# What a line looks like, or what tomllib says of it, and what to write. The first one that fits
# is said.
_HINTS = (
    (r"^Expected [\\'\"]+$|^Unterminated", r"", "a quotation mark is not closed"),
    (r"Unclosed", r".*\d\s+-?[\d.].*", "a comma is missing between two numbers: [1, 2]"),
    (r"Unclosed", r"", "a bracket stays open"),
    (r"twice", r"", "every layer and claim has double brackets, [[layer]] and [[claim]]"),
    (
        r"overwrite",
        r"",
        "the key stands there already, or [[layer]] and [[claim]] want double brackets",
    ),
    (
        r"",
        r"[^=]*[^\x00-\x7f][^=]*(=.*)?",
        "a name is of the letters a to z, digits and _: delta2, not δ2",
    ),
    (r"", r"[^=]*=.*−.*", "a number has the minus sign of the keyboard, -"),
    (r"", r"\s*\[.*", "a header stands alone on its line, in brackets: [[layer]]"),
    (r"", r"[^=]*==.*", "write one =: x = [1, 2]"),
    (r"", r"[^=:]*:.*", "write = for the colon: x = [1, 2]"),
    (r"", r"[^=]*", "a line is a key, =, and what it is: x = [1, 2]"),
    (r"", r"[^=]*=\s*", "there is nothing behind the ="),
    (r"", r"""[^=]*=\s*[^"'\[]*\d\s*/\s*\d.*""", 'a fraction stands in quotes: "3/4"'),
    (r"", r"[^=]*=\s*(True|False)\b.*", "true and false are written in small letters"),
    (r"", r"[^=]*=\s*[A-Za-z_].*", 'text stands in quotes: quantity = "dL/dW1"'),
    (
        r"",
        r"""[^=]*=\s*"[^"]*"[^",].*""",
        'a quotation mark within text ends it: put the text between two of the other kind, "\'"',
    ),
    (r"", r"""[^=]*=\s*("[^"]*|'[^']*)""", "a quotation mark is not closed"),
    (r"", r"[^=]*=.*\[[^\]]*\d\s+-?[\d.].*", "a comma is missing between two numbers: [1, 2]"),
    (r"", r".*,\s*,.*", "a comma too many"),
    (
        r"",
        r"""[^=]*=[^"'\[]*\d(\s*,|\s+-?[\d.]).*""",
        "a list stands in brackets: [1, 2]; a decimal has a point, 0.75",
    ),
    (r"", r"[^=]*=\s*([+-]?|.*[\[\s,-])0\d.*", "a number has no 0 in front: 1, not 01"),
    (r"", r"[^=]*=\s*([+-]?|.*[\[\s,-])\.\d.*", "a decimal has a digit before its point: 0.75"),
    (r"", r"[^=]*=.*\d\.(\D.*)?", "a decimal has a digit behind its point: 2.0"),
    (r"", r"[^=]*=.*\]\s*\].*", "a bracket too many"),
)


def _hint(written: str, fault: str) -> str:
    """What to write in place of a line in which tomllib finds a fault."""
    line = written.partition("#")[0].rstrip()
    short = len(line) <= MAX_LOOKED_AT
    fitting = (
        hint
        for says, looks, hint in _HINTS
        if re.search(says, fault) and (not looks or (short and re.fullmatch(looks, line)))
    )
    return next(fitting, 'text and fractions stand in quotes ("3/4"), decimals as 0.75')
