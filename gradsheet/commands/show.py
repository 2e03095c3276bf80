"""`gradsheet show SHEET`: how a sheet is read, every equation with its shape."""

import argparse
import textwrap
from collections.abc import Iterator

from gradsheet.claims.definitions import stated_of
from gradsheet.claims.judgement import Report
from gradsheet.claims.sheet import Free, Sheet
from gradsheet.claims.verdict import reading_of
from gradsheet.commands.files import put_out, with_problems
from gradsheet.commands.report import print_error
from gradsheet.language.shown import clean, short
from gradsheet.language.text import formula_text
from gradsheet.network.graph import Block, Definition
from gradsheet.network.lowering import Program
from gradsheet.numbers.printed import exact_text, plain

WIDTH = 80
LONGEST = 40  # characters of the numbers of something given


def run(parser: argparse.ArgumentParser, options: argparse.Namespace) -> int:
    """Write the reading of a sheet.

    Returns 0, or 2 where the sheet cannot be read: `gradsheet show sheet.toml`.
    """
    status, texts = 0, list[str]()
    for text in with_problems(options.sheet, options.sheet, shown, asks=False):
        if isinstance(text, Report):
            status = print_error(text)
        else:
            texts.append(text)
    return max(status, put_out("\n".join(texts), options.o)) if texts else status


def shown(sheet: Sheet) -> str:
    """Tell how a sheet is read: what is given, and every equation with the
    shape of what it defines, how far its letters run, and what was broadcast.

    A network of layers is shown as the equations that its tables stand for.
    """
    program = stated_of(sheet).program
    lines = [sheet.title, *textwrap.wrap(f"read as {reading_of(sheet)}", WIDTH), "", "given"]
    lines += _table(_given(sheet, program))
    lines += ["", "equations"]
    for own in program.graph.functions:
        lines += [f"  {own.name}({own.argument}) = {formula_text(own.formula)}", "      a function"]
    for block in program.blocks:
        lines += _of_block(block, program)
    return "\n".join(map(clean, lines)) + "\n"


def _given(sheet: Sheet, program: Program) -> Iterator[tuple[str, str, str]]:
    arrays = {} if sheet.own is None else sheet.own.arrays
    free = {} if sheet.own is None else sheet.own.free
    for name, size in program.graph.sizes:
        yield name, "a size", f"tried with {size}"
    for name, shape in program.graph.given:
        numbers = short(plain(exact_text(arrays[name])), LONGEST) if name in arrays else ""
        if name in free:
            numbers = _free(free[name])
        yield name, shape_of(shape), numbers


def _free(spec: Free) -> str:
    """What a claim is for, of something given by its shape alone."""
    words = "any positive numbers" if spec.positive else "any numbers"
    return words if spec.sums_to is None else f"{words} that add up to {spec.sums_to}"


def _table(rows: Iterator[tuple[str, str, str]]) -> list[str]:
    """Rows of three columns, the first two as wide as they have to be."""
    listed = list(rows)
    widths = [max((len(row[k]) for row in listed), default=0) for k in (0, 1)]
    return [f"  {a:{widths[0]}}  {b:{widths[1]}}  {c}".rstrip() for a, b, c in listed]


def _of_block(block: Block, program: Program) -> Iterator[str]:
    """An equation, or those of a recurrence, each followed by what there is to say of it."""
    for definition in (*block.bases, *block.definitions):
        yield from textwrap.wrap(
            f"{definition.left} = {formula_text(definition.formula)}",
            WIDTH,
            initial_indent="  ",
            subsequent_indent="      ",
        )
        yield from textwrap.wrap(
            "; ".join(_words(definition, block, program)),
            WIDTH,
            initial_indent="      ",
            subsequent_indent="      ",
        )


def _words(definition: Definition, block: Block, program: Program) -> Iterator[str]:
    name = definition.name
    if definition in block.bases:
        number = definition.axes[block.axis or 0]
        yield shape_of(program.node_shapes[f"{name}[{number}]"])
        return
    yield shape_of(program.shapes[name])
    if block.axis is not None:
        yield f"{definition.axes[block.axis]} = {block.steps[0]}..{block.steps[-1]}, step by step"
    yield from (f"{letter} = {low}..{high}" for letter, low, high in program.runs[name])
    yield from program.said.get(name, ())


def shape_of(shape: tuple[int, ...]) -> str:
    """A shape in words: a number, a vector of 3, 2x3."""
    if not shape:
        return "a number"
    return f"a vector of {shape[0]}" if len(shape) == 1 else "x".join(map(str, shape))
