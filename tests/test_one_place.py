"""An activation or a loss is known in one file of each room: others ask its record."""

import ast
import subprocess
import sys
from collections.abc import Iterator

from gradsheet.language.functions import ACTIVATIONS
from gradsheet.network.losses import LOSSES
from manual import activations, losses
from ref import activations as ref_activations
from ref import losses as ref_losses
from tests.sources import ROOT, SOURCES, nodes

# Which say that there is none.
NAMES = (ACTIVATIONS.keys() | LOSSES.keys()) - {"identity", "output"}
HOMES = (
    "manual/activations.py",
    "manual/losses.py",
    "ref/activations.py",
    "ref/losses.py",
    "gradsheet/language/functions.py",
    "gradsheet/network/losses.py",
)
# What else has names in it, and which a new activation or loss can do without.
ALLOWED = {
    "manual/__init__.py": "which file has which family",
    "ref/__init__.py": "the same",
    "manual/elementwise.py": "which of two gelus is meant",
    "ref/elementwise.py": "the same",
    "manual/fused.py": "pairs of a loss and an activation that are computed together",
    "ref/fused.py": "the same pairs",
    "manual/inplace.py": "forms into buffers that are faster than the one that all others have",
    "manual/door.py": "what to write, in a message",
    "ref/door.py": "what to write, in a message",
    "gradsheet/checking/arguments.py": "what a network has where nothing is said",
    "gradsheet/commands/cli.py": "what an exercise has where nothing is said",
    "gradsheet/commands/new.py": "the same",
    "gradsheet/mistakes/catalogue.py": "mistakes about one formula: 1 - h for h(1 - h)",
    "gradsheet/network/lowering.py": "functions that are steps of their own; σ is the sigmoid",
    "gradsheet/network/network.py": "σ is the sigmoid",
    "gradsheet/solution/exercise.py": "what an exercise has where nothing is said",
    "gradsheet/truth/autodiff.py": "the primitives of JAX",
    "gradsheet/truth/jax_functions.py": "functions for which JAX has a primitive",
    "gradsheet/vjp/balls.py": "the primitives of JAX",
    "gradsheet/vjp/mutants.py": "the same",
    "gradsheet/vjp/textbook.py": "the primitives of which books have other rules",
}


def names_in(source: str) -> Iterator[tuple[int, str]]:
    """The lines of the names in a source, but for defaults of arguments."""
    if not any(name in source for name in NAMES):  # which is found sooner than read
        return
    left_out = {
        id(default)
        for node in nodes(source)
        if isinstance(node, ast.arguments)
        for default in (*node.defaults, *node.kw_defaults)
    }
    for node in nodes(source):
        if isinstance(node, ast.Constant) and node.value in NAMES and id(node) not in left_out:
            yield node.lineno, node.value


def test_nobody_else_knows_the_name_of_an_activation_or_loss():
    found = {path: list(names_in(source)) for path, source in SOURCES.items()}
    elsewhere = {p: n for p, n in found.items() if n and p not in HOMES and p not in ALLOWED}
    assert elsewhere == {}


def test_the_list_of_the_allowed_is_no_longer_than_it_has_to_be():
    read = {path for path in ALLOWED if path in SOURCES}
    assert {path for path in read if not any(names_in(SOURCES[path]))} == set()


def test_the_test_sees_a_name_that_is_compared():
    """The meta-test: of what is planted it sees the comparison, not the default."""
    planted = 'def f(loss="squared_error"):\n    return a == "tanh" or g(a, "softmax-like")\n'
    assert list(names_in(planted)) == [(2, "tanh")]


def test_all_rooms_know_the_same_ones():
    known = list(ACTIVATIONS)
    assert known == list(activations.ACTIVATIONS) == list(ref_activations.ACTIVATIONS)
    assert list(LOSSES) == list(losses.LOSSES) == list(ref_losses.LOSSES)
    assert all(facts.by_target for facts in LOSSES.values() if losses.LOSSES[facts.name].by_y)


def test_an_activation_that_nobody_has_heard_of_is_used_everywhere():
    """In an interpreter of its own, where it is made known before anything asks."""
    script = ROOT / "tests" / "made_up.py"
    command = [sys.executable, "-W", "error::RuntimeWarning", script]  # JAX has to be heard, too
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["judged", "solved", "blind", "set", "checked"]
