"""Who imports whom: agreement is evidence only between independents, and a quick answer needs no JAX."""

import subprocess
import sys

import pytest


def modules_after(statement: str) -> set[str]:
    """The top-level modules that are loaded after a statement, in a fresh interpreter."""
    code = (
        f"import sys\n{statement}\nprint(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import manual", {"jax", "jaxlib", "ref", "gradsheet"}),
        ("import ref", {"manual", "gradsheet"}),
        ("import gradsheet", {"jax", "ref", "numpy", "flint"}),
        ("import gradsheet.commands.cli", {"jax", "ref", "numpy", "flint"}),
        ("import gradsheet.claims.verdict, gradsheet.claims.sheet", {"jax", "ref"}),
        ("import gradsheet; gradsheet.check", {"jax", "ref", "torch"}),
    ],
)
def test_what_an_import_does_not_load(statement, absent):
    assert modules_after(statement) & absent == set()


@pytest.mark.parametrize(
    ("statement", "loaded"), [("import ref", "jax"), ("import manual; import jax", "jax")]
)
def test_the_test_sees_an_import(statement, loaded):
    """The meta-test: the probe above would notice."""
    assert loaded in modules_after(statement)


def test_no_import_configures_jax():
    check = "assert dict(jax.config.values) == before"
    code = f"import jax; before = dict(jax.config.values); import ref, gradsheet.truth.autodiff; {check}"
    subprocess.run([sys.executable, "-c", code], check=True)
