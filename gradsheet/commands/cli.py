"""The command `gradsheet`: its options, and those of the further commands.

What a command needs is imported once its options are read, so that `--help`
answers at once: every command is a file beside this one, with
`run(parser, options)`.
"""

import argparse
import importlib
import os
import sys
import warnings
from collections.abc import Sequence

import gradsheet

FORMATS = {"text": ".txt", "markdown": ".md", "html": ".html", "latex": ".tex", "sheet": ".toml"}
DTYPES = ("float64", "float32", "float16", "bfloat16")

EPILOG = """\
verdicts:
  right            true in every digit printed, as is every line of the working
  rounded          off in the last digits, as rounding the values printed
                   before explains
  lucky            the number is true, the working is not
  carried_forward  not the truth, but a right step from an earlier value that
                   is not it either
  wrong            not the truth, or nothing that can be evaluated
  open             a question without an answer yet
  cannot_tell      no verdict is honest: a kink in the way, or witnesses that
                   disagree
  unread           what is asked or claimed cannot be read; all else is judged

exit status:
  0  every claim has the verdict on record ("expect"; without one: right or
     rounded)
  1  some claim has not, an open one among them
  2  a sheet, a claim or a line could not be read, or the command was used
     wrongly

A sheet is a TOML file of at most 256 kB, with up to 500 claims, and 32 layers
of 4,096 parameters or 200 equations on 4,096 numbers. Several [[problem]]
tables in a file are a sheet each. A formula has up to 1,000 characters, a
number up to 40 digits, a power an exponent up to 16. A sheet may take 500,000
operations, counted before any is done; a larger one is refused whole.
docs/writing-a-sheet.md has the keys and the formula language, with an example;
docs/networks.md has networks written as equations: batch norm, attention,
recurrent ones.

further commands, each with its own --help:
  gradsheet solve SHEET  the complete worked solution of layers, with remarks
                         where it went astray
  gradsheet show SHEET   how it is read: every equation with its shape
  gradsheet blind SHEET  the mistakes in layers that its questions cannot see
  gradsheet fill SHEET   the sheet with the true values of all that it asks for
  gradsheet new          a fresh exercise in small whole numbers, and its key
  gradsheet check M:F    whether the derivative rule of a function is right"""

CHECKED = """\
MODULE is a module that can be imported from here, or the path of a .py file.
FUNCTION is either the function that the rule belongs to, followed by an array
for each of its arguments, or one that takes nothing and returns a check, a list
of them, or a dict of the arguments of check_vjp.

arrays:
  3x4        numbers of that shape, drawn; 5 is a vector, number is a single one
  3:positive positive numbers; 3:unit numbers between 0 and 1
  5:int7     whole numbers from 0 to 6, such as indices; 5:int7,-100 with some
             entries of -100, such as labels that are to be ignored
  5:bool     a mask
  x.npy      from a file; data.npz gives all its arrays, by the names of the
             arguments if they have these, data.npz:x,w two of them

The function that is named is the truth: JAX traces it, and differentiates it.
Its rule is one of --backward, --pair, --torch, --jvp, or its own where it is a
jax.custom_vjp or custom_jvp, or those inside of it. Names without MODULE: are
looked for in the same module.

examples:
  gradsheet check model.py:norm 3x4 4 --backward norm_backward
  gradsheet check model.py:norm 3x4 4 --pair numpy_model.py:forward \\
      numpy_model.py:backward
  gradsheet check layers:gelu 2x8 --torch kernels:Gelu --dtype float32
  gradsheet check layers:embed 10x4 6:int10 --backward embed_grad --wrt table
  gradsheet check losses:cross_entropy 5x7 5:int7,-1 --kwarg ignore_index=-1 \\
      --pair forward backward
  gradsheet check layers.py:hinge 8 --backward hinge_backward \\
      --at-kinks 'jnp.maximum(0, m)=0'
  gradsheet check layers:my_custom_vjp_function data.npz
  gradsheet check checks.py:all_of_them --json

exit status:
  0  every rule is right, as far as floats of its type go, or as float32 goes
  1  a rule is wrong, or floats are too coarse to tell
  2  something cannot be checked: no such function, arguments that do not fit,
     a function that JAX cannot trace; or the command was used wrongly"""


def _judge() -> argparse.ArgumentParser:
    """The parser of the judge itself, the command without a name."""
    description = "Judge answer sheets on backpropagation, exactly and without tolerances."
    parser = argparse.ArgumentParser("gradsheet", None, description, EPILOG)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "sheets",
        nargs="*",
        metavar="SHEET",
        help="an answer sheet or a folder of them (*.toml), - for standard input, "
        "none at all for the two homeworks that come with gradsheet",
    )
    flags = {
        "-q --quiet": "leave out the claims that are right, or as on record",
        "-v --verbose": "show every line of the working, what it gives and how it was read, and "
        "the proofs",
        "--hint": "tell kind and place of a mistake, and neither the truth nor a formula",
        "--json": "print one JSON object instead",
    }
    for names, text in flags.items():
        parser.add_argument(*names.split(), action="store_true", help=text)
    parser.add_argument(
        "--key",
        metavar="KEYS",
        help="judge by a key: its network, questions and points, with what each sheet answers; a "
        "sheet for all, or a folder with one of the same name for each",
    )
    parser.add_argument("--version", action="version", version=f"gradsheet {gradsheet.__version__}")
    parser.add_argument(
        "--gradescope", metavar="FILE", help="write results.json for Gradescope, a test a claim"
    )
    parser.add_argument("--junit", metavar="FILE", help="write JUnit XML, a test case a claim")
    parser.add_argument(
        "--credit",
        metavar="VERDICT=SHARE",
        action="append",
        default=[],
        help="what share of its points a claim with this verdict earns, from 0 to 1, once or more; "
        "left out: right, rounded and carried_forward 1, the others 0",
    )
    return parser


def _of_one_sheet(command: str, description: str, sheet: str) -> argparse.ArgumentParser:
    """The parser of a command that reads a sheet and writes a text."""
    parser = argparse.ArgumentParser(
        prog=f"gradsheet {command}",
        description=description,
        epilog="exit status: 0 done, 2 the sheet could not be read or the file not be written",
    )
    parser.add_argument("sheet", metavar="SHEET", help=f"{sheet}; - is standard input")
    out = "write to a file, whole or not at all, instead of standard output"
    parser.add_argument("-o", metavar="FILE", help=out)
    return parser


def _solve() -> argparse.ArgumentParser:
    parser = _of_one_sheet(
        "solve",
        "Write the complete worked solution of a sheet: forward pass, loss, backward pass layer "
        "by layer, and every claim answered, with a remark where the sheet went astray. Its "
        "claims may be questions, without value and working.",
        "an answer sheet",
    )
    parser.add_argument(
        "--format",
        choices=FORMATS,
        help="what to write; left out, FILE's ending tells (.txt .md .html .tex .toml), without "
        "FILE it is text; sheet is an answer sheet with a claim for every step",
    )
    return parser


def _fill() -> argparse.ArgumentParser:
    return _of_one_sheet(
        "fill",
        "Write a sheet with the true value below every claim that has a quantity and no value. "
        "Everything else stays as it is.",
        "a sheet with numbers",
    )


def _show() -> argparse.ArgumentParser:
    return _of_one_sheet(
        "show",
        "Write how a sheet is read: every equation with the shape of what it defines, how far its "
        "letters run, and what was broadcast. Layers are shown as the equations that they stand "
        "for.",
        "a sheet",
    )


def _blind() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gradsheet blind",
        description="List the mistakes that leave every number that a sheet asks for as it is, "
        "and propose small whole numbers of the same shapes at which they show.",
        epilog="exit status: 0 every sheet sees every mistake, 1 some sheet does not, "
        "2 a sheet could not be read",
    )
    parser.add_argument("sheets", nargs="*", metavar="SHEET", help="as for gradsheet itself")
    return parser


def _new() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gradsheet new",
        description="Write a fresh exercise in small whole numbers: a sheet that asks, and in a "
        "folder beside it the same sheet with the answers. Every mistake of the catalogue that "
        "can be made on the way changes something that is asked for. The same seed gives the "
        "same exercise.",
        epilog="exit status: 0 done, 2 no exercise of this kind, or a file could not be read or "
        "written",
    )
    widths = "the inputs, then the units of every layer"
    parser.add_argument("--widths", required=True, metavar="N,N,...", help=widths)
    activations = "one a layer; left out, relu and on the last layer identity"
    parser.add_argument("--activations", metavar="NAME,...", help=activations)
    parser.add_argument(
        "--loss", default="half_squared_error", metavar="NAME", help="left out: half_squared_error"
    )
    parser.add_argument(
        "--examples", type=int, metavar="N", help="a batch of so many; left out, a single example"
    )
    parser.add_argument("--no-biases", action="store_true", help="layers without biases")
    parser.add_argument("--title", default="", help="the title of the sheets")
    parser.add_argument(
        "--seed", metavar="SEED", help="a number or a word; left out, one is drawn and told"
    )
    parser.add_argument(
        "--class",
        dest="names",
        metavar="FILE",
        help="a list of names, one a line, # before a comment; - is standard input: an exercise "
        "for each, no two alike; what is there already of the same seed stays",
    )
    out = "where to write, keys into FOLDER-keys; left out, here and into keys"
    parser.add_argument("-o", default="", metavar="FOLDER", help=out)
    return parser


def _check() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gradsheet check",
        usage="gradsheet check MODULE:FUNCTION [ARRAY ...] [--backward M:F] [options]",
        description="Say whether the derivative rule of a function of arrays is right, exactly\n"
        "where floats round nothing; if not, which gradients are wrong, and how.",
        epilog=CHECKED,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("target", metavar="MODULE:FUNCTION", help="what to check")
    parser.add_argument(
        "arrays", nargs="*", metavar="ARRAY", help="an array for each argument of the function"
    )
    rules = parser.add_mutually_exclusive_group()
    rules.add_argument(
        "--backward", metavar="M:F", help="backward(args, cotangent) returns the gradients"
    )
    rules.add_argument(
        "--pair",
        metavar="M:F",
        nargs=2,
        help="forward(*args) returns (out, cache), backward(cotangent, cache) the gradients",
    )
    rules.add_argument("--torch", metavar="M:C", help="a torch.autograd.Function")
    rules.add_argument("--jvp", metavar="M:F", help="jvp(args, tangents) returns (out, tangent)")
    parser.add_argument("--dtype", choices=DTYPES, help="in which the rule is called")
    parser.add_argument(
        "--wrt", metavar="NAME,...", help="by which arguments; left out, by all of floats"
    )
    parser.add_argument(
        "--kwarg",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="a setting, a value of Python; once or more",
    )
    parser.add_argument(
        "--at-kinks",
        metavar="[PLACE=]ASKED",
        action="append",
        help='what is right at a kink: "any" gradient between those on its sides, or "jax"\'s '
        "alone; or that, or a slope, at a part of a line, or FILE:LINE; may be repeated",
    )
    parser.add_argument(
        "--intended", metavar="M:F", help="has the function's values, and the derivative meant"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object instead")
    parser.add_argument("--junit", metavar="FILE", help="write JUnit XML, a test case a check")
    return parser


COMMANDS = {
    "solve": _solve,
    "show": _show,
    "blind": _blind,
    "fill": _fill,
    "new": _new,
    "check": _check,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says and return the exit status.

    It judges the sheets named, or does what a further command says:

        main(["gradsheet/homework/numbers.toml"])  # 1: some claim is not right
        main(["solve", "gradsheet/homework/numbers.toml", "-o", "solution.md"])

    Raises SystemExit, as argparse does, behind `--help` and where the options
    are wrong; whatever is in a sheet is no error but a status.
    """
    try:
        return _main(sys.argv[1:] if arguments is None else arguments)
    except KeyboardInterrupt:
        print("gradsheet: interrupted", file=sys.stderr)
        return 130


def _main(arguments: Sequence[str]) -> int:
    for stream_name in ("stdout", "stderr"):
        if getattr(sys, stream_name) is None:  # whoever called has closed it
            setattr(sys, stream_name, open(os.devnull, "w"))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    warnings.formatwarning = lambda message, *_, **__: f"gradsheet: warning: {message}\n"
    name, parser = "judge", _judge()
    if arguments and arguments[0] in COMMANDS:
        name, *arguments = arguments
        parser = COMMANDS[name]()
    options = parser.parse_intermixed_args(arguments)
    command = importlib.import_module(f"gradsheet.commands.{name}")
    return int(command.run(parser, options))
