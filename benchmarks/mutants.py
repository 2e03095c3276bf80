"""How many small faults in the code that decides the tests notice: `python
benchmarks/mutants.py`.

From each file below MUTANTS faults are drawn, the same ones in every run: a
comparison turned, a sign, a constant one off, `and` for `or`, a condition
negated, a statement left out. Each is written into a copy of the project, and
the tests that belong to the file are run there until one fails. What survives
is listed with its line: the code there does nothing that a test sees, or the
fault makes no difference.

    --mutants 10    of each file; --file gradsheet/claims/verdict.py for that file alone;
                    --seed 1 for other ones
"""

import argparse
import ast
import copy
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
MUTANTS = 4
SECONDS = 240  # that the tests of one mutant may take: a hang is noticed, too
# The tests that belong to the files that decide. Not manual/test_planted: it asks for texts of the
# source, and would notice any fault by that.
TESTS = {
    "gradsheet/claims/verdict.py": [
        "claims/test_verdict",
        "claims/test_carried",
        "claims/test_digits",
        "test_attack",
        "test_hostile",
    ],
    "gradsheet/claims/history.py": [
        "claims/test_history",
        "claims/test_following",
        "claims/test_carried",
        "claims/test_digits",
    ],
    "gradsheet/claims/following.py": [
        "claims/test_following",
        "claims/test_history",
        "claims/test_carried",
        "claims/test_digits",
        "mistakes/test_layer_values",
    ],
    "gradsheet/claims/record.py": [
        "claims/test_history",
        "claims/test_following",
        "claims/test_carried",
        "claims/test_digits",
    ],
    "gradsheet/claims/reach.py": [
        "claims/test_history",
        "claims/test_following",
        "claims/test_carried",
        "claims/test_digits",
    ],
    "gradsheet/claims/comparison.py": [
        "claims/test_comparison",
        "claims/test_verdict",
        "claims/test_digits",
        "test_hostile",
    ],
    "gradsheet/numbers/printed.py": ["numbers/test_printed", "claims/test_digits"],
    "gradsheet/truth/point.py": [
        "truth/test_point",
        "truth/test_witnesses",
        "claims/test_verdict",
        "numbers/test_session",
        "test_attack",
    ],
    "gradsheet/mistakes/probes.py": [
        "mistakes/test_probes",
        "mistakes/test_search",
        "mistakes/test_diagnosis",
    ],
    "gradsheet/numbers/real.py": [
        "numbers/test_real",
        "numbers/test_enclosures",
        "numbers/test_marks",
        "test_hostile",
    ],
    "gradsheet/mistakes/search.py": [
        "mistakes/test_search",
        "mistakes/test_diagnosis",
        "claims/test_carried",
        "claims/test_verdict",
    ],
    "gradsheet/mistakes/candidate.py": ["mistakes/test_candidate", "mistakes/test_search"],
    "gradsheet/mistakes/stories.py": [
        "mistakes/test_candidate",
        "mistakes/test_diagnosis",
        "claims/test_carried",
    ],
    "gradsheet/mistakes/diagnosis.py": [
        "mistakes/test_candidate",
        "mistakes/test_diagnosis",
        "claims/test_carried",
    ],
    "gradsheet/claims/counting.py": [
        "claims/test_counting",
        "numbers/test_budget",
        "solution/test_filling",
        "test_hostile",
    ],
    "gradsheet/truth/work.py": [
        "claims/test_counting",
        "numbers/test_budget",
        "solution/test_filling",
        "test_hostile",
    ],
    "gradsheet/language/evaluate.py": [
        "language/test_formula",
        "language/test_notation",
        "claims/test_verdict",
    ],
    "gradsheet/truth/formulas.py": ["truth/test_witnesses", "truth/test_graphs"],
    "gradsheet/truth/sweep.py": ["truth/test_witnesses", "truth/test_graphs"],
    "gradsheet/truth/graph_point.py": ["truth/test_graphs", "claims/test_verdict"],
    "manual/activations.py": [
        "manual/test_activations",
        "manual/test_hessian",
        "manual/test_mlp",
        "truth/test_witnesses",
    ],
    "manual/losses.py": [
        "manual/test_losses",
        "manual/test_mlp",
        "manual/test_hessian",
        "test_by_target",
    ],
}
TURNED = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
}
TURNED |= {ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is}
OTHER = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.And: ast.Or,
    ast.Or: ast.And,
}


def changes(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """What may stand in the place of a node, each with a word for it."""
    other = copy.deepcopy(node)
    if isinstance(other, ast.Compare) and type(other.ops[0]) in TURNED:
        other.ops[0] = TURNED[type(other.ops[0])]()
        yield "comparison", other
    elif isinstance(other, ast.BinOp | ast.BoolOp) and type(other.op) in OTHER:
        other.op = OTHER[type(other.op)]()
        yield "operator", other
    elif (
        isinstance(other, ast.Constant)
        and isinstance(other.value, int)
        and not isinstance(other.value, bool)
    ):
        other.value += 1
        yield "constant", other
    elif isinstance(other, ast.If | ast.IfExp | ast.While):
        other.test = ast.UnaryOp(ast.Not(), other.test)
        yield "condition", other
    elif isinstance(other, ast.Expr | ast.AugAssign) and not isinstance(
        getattr(other, "value", None), ast.Constant
    ):
        yield "left out", ast.Pass()


class Exchange(ast.NodeTransformer):
    """Puts another node in the place of the one with this number, in the order of `ast.walk`."""

    def __init__(self, old: ast.AST, new: ast.AST):
        self.old, self.new = old, new

    def visit(self, node: ast.AST) -> ast.AST:
        return (
            ast.copy_location(self.new, node) if node is self.old else super().generic_visit(node)
        )


def mutants(path: str, number: int, seed: int) -> Iterator[tuple[str, str]]:
    """So many faults of a file, each with where it is, and the text with it."""
    text = (ROOT / path).read_text()
    count = sum(1 for node in ast.walk(ast.parse(text)) for _ in changes(node))
    for chosen in sorted(random.Random(f"{seed} {path}").sample(range(count), min(number, count))):
        tree = ast.parse(text)
        every = ((node, *change) for node in ast.walk(tree) for change in changes(node))
        node, words, other = next(one for k, one in enumerate(every) if k == chosen)
        line = getattr(node, "lineno", 0)
        yield (
            f"{path}:{line} {words}: {text.splitlines()[line - 1].strip()[:70]}",
            ast.unparse(ast.fix_missing_locations(Exchange(node, other).visit(tree))),
        )


def survives(folder: Path, path: str, text: str) -> bool:
    """Whether the tests pass with a fault in a file of the copy."""
    original = (ROOT / path).read_text()
    (folder / path).write_text(text)
    tests = [str(folder / "tests" / f"{name}.py") for name in TESTS[path]]
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return False
    finally:
        (folder / path).write_text(original)
    return done.returncode == 0


def main() -> int:
    """Print every mutant as it is tried, and the score."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--mutants", type=int, default=MUTANTS)
    parser.add_argument("--file", choices=TESTS, action="append")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    killed, survived = 0, list[str]()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "copy"
        shutil.copytree(
            ROOT, folder, ignore=shutil.ignore_patterns(".*", "__pycache__", "*.egg-info")
        )
        for path in options.file or TESTS:
            for words, text in mutants(path, options.mutants, options.seed):
                lives = survives(folder, path, text)
                killed += not lives
                survived += [words] * lives
                print("survives" if lives else "noticed ", words, flush=True)
    print(f"{killed} of {killed + len(survived)} noticed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
