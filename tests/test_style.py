"""Habits of the code that no linter knows: conditions in words, one name a
class, no state beside a session."""

import ast
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.sources import SOURCES, nodes

# Values that never change and take long: the secret primes of a process, roots of -1 modulo one,
# and texts read as numbers.
CACHED = {"_roots_of_unity", "_secret_primes", "printed"}


def is_text(node: ast.expr) -> bool:
    """Whether it is a text with a letter in it, or a list of texts: nobody repeats these."""
    match node:
        case ast.Constant(str(text)):
            return any(map(str.isalpha, text))
        case ast.JoinedStr():
            return True
        case ast.List(items):
            return any(map(is_text, items))
    return False


def is_condition(node: ast.expr) -> bool:
    """Whether it is true or false, as far as one sees."""
    match node:
        case ast.Compare() | ast.BoolOp() | ast.UnaryOp(ast.Not()):
            return True
        case ast.Call(ast.Name("bool" | "isinstance" | "any" | "all")):
            return True
        case ast.Call(ast.Attribute(_, name)):
            return name.startswith(("is", "has", "startswith", "endswith"))
    return False


def multiplied(source: str) -> Iterator[int]:
    """The lines in which a text or a list is multiplied by whether something holds."""
    for node in nodes(source):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
            sides = (node.left, node.right)
            for one, other in (sides, sides[::-1]):
                listed = isinstance(one, ast.List | ast.Tuple) or isinstance(
                    getattr(one, "value", None), str
                )
                if (is_text(one) and not isinstance(one, ast.List)) or (
                    listed and is_condition(other)
                ):
                    yield node.lineno


def cached(source: str) -> Iterator[str]:
    """The functions that keep what they return for as long as the process runs."""
    for node in nodes(source):
        if isinstance(node, ast.FunctionDef):
            decorators = {
                part.attr
                for d in node.decorator_list
                for part in ast.walk(d)
                if isinstance(part, ast.Attribute)
            }
            decorators |= {
                part.id
                for d in node.decorator_list
                for part in ast.walk(d)
                if isinstance(part, ast.Name)
            }
            if decorators & {"cache", "lru_cache"}:
                yield node.name


@pytest.mark.parametrize("path", SOURCES)
def test_no_text_is_multiplied_by_a_condition(path):
    assert list(multiplied(SOURCES[path])) == []


def test_no_two_classes_of_the_judge_have_one_name():
    names = Counter(
        node.name
        for path, source in SOURCES.items()
        if path.startswith("gradsheet")
        for node in nodes(source)
        if isinstance(node, ast.ClassDef)
    )
    assert [name for name, number in names.items() if number > 1] == []


def test_only_values_are_kept_beside_a_session():
    found = {
        name
        for path, source in SOURCES.items()
        if path.startswith("gradsheet")
        for name in cached(source)
    }
    assert found <= CACHED


def test_the_tests_see_what_they_look_for():
    planted = (
        "def f(x, names):\n    return 'more' * bool(x) + f'{x}s' * x, ['a'] * (x > 1), '-' "
        "* (x < 0)\n"
    )
    assert len(list(multiplied(planted))) == 4
    assert list(multiplied("' ' * width, [0] * n, '-' * len(x), ['relu'] * (depth - 1)")) == []
    assert list(
        cached("@functools.lru_cache(maxsize=3)\ndef f(): ...\n@cache\ndef g(): ...\n")
    ) == ["f", "g"]
