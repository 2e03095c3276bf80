"""Who imports whom: agreement is evidence only between independents, a quick
answer needs no JAX, and a room of gradsheet/ knows nothing of those below it."""

import ast
import functools
import graphlib
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import gradsheet
import manual
import ref
from tests.sources import nodes


def modules_after(*statements: str) -> list[set[str]]:
    """The top-level modules that are loaded after each of some statements, one behind
    the other in a fresh interpreter."""
    loaded = "print(*sorted({name.split('.')[0] for name in sys.modules}))"
    code = "\n".join(["import sys", *(f"{statement}\n{loaded}" for statement in statements)])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return [set(line.split()) for line in done.stdout.splitlines()]


def test_what_an_import_of_manual_does_not_load():
    files = {"manual.fast", "manual.families", "manual.dual", "manual.dense"}
    alone, later = modules_after(
        f"import manual; assert not {files} & {{*sys.modules}}, 'they are read when asked for'",
        "import wave",
    )
    assert alone & {"jax", "jaxlib", "ref", "gradsheet", "wave"} == set()
    assert "wave" in later, "the probe would notice"


def test_what_an_import_of_ref_does_not_load_and_that_none_configures_jax():
    with_jax, with_ref, _ = modules_after(
        "import jax; before = dict(jax.config.values)",
        "import ref",
        "import gradsheet.truth.autodiff; assert dict(jax.config.values) == before",
    )
    assert with_ref & {"manual", "gradsheet"} == set()
    assert "ref" in with_ref - with_jax


@pytest.mark.parametrize(
    "statements",
    [
        {
            "import gradsheet.commands.cli": {"jax", "ref", "numpy", "flint"},
            "import gradsheet.claims.verdict, gradsheet.claims.sheet": {"jax", "ref"},
            "import gradsheet; gradsheet.check_vjp": {"ref", "torch"},
        },
        pytest.param(
            {"import gradsheet; gradsheet.check": {"jax", "ref", "torch"}},
            marks=pytest.mark.exhaustive,
        ),
    ],
    ids="; ".join,
)
def test_what_an_import_of_gradsheet_does_not_load(statements):
    """Each loads more than the one before it."""
    for statement, loaded in zip(statements, modules_after(*statements), strict=True):
        assert "gradsheet" in loaded
        assert loaded & statements[statement] == set(), statement


# Rooms

ROOMS = (
    "numbers",
    "language",
    "network",
    "truth",
    "claims",
    "mistakes",
    "solution",
    "checking",
    "vjp",
    "commands",
)
HOUSE = Path(gradsheet.__file__).parent


@functools.cache
def imported(source: str) -> frozenset[str]:
    """The modules of gradsheet that a file names in an import, wherever it stands in the file."""
    found = set()
    for node in nodes(source):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.startswith("gradsheet.")}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("gradsheet"):
            parts = str(node.module).split(".")
            if (HOUSE.joinpath(*parts[1:]).with_suffix(".py")).is_file():
                found.add(str(node.module))
            # a room, or the whole house: the names are files in it, or what its face hands on.
            else:
                found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(found)


def upward(sources: dict[str, str]) -> list[str]:
    """The imports of files, by their modules, that go to a room further down."""
    wrong = []
    for module, source in sources.items():
        room = module.split(".")[1]
        for target in imported(source):
            below = target.split(".")[1]
            if below not in ROOMS or ROOMS.index(below) > ROOMS.index(room):
                wrong.append(f"{module} imports {target}")
    return wrong


def in_order(sources: dict[str, str]) -> list[str]:
    """The files, each behind all that it imports; raises CycleError where there is a circle."""
    arrows = {
        module: {t for t in imported(source) if t in sources} for module, source in sources.items()
    }
    return list(graphlib.TopologicalSorter(arrows).static_order())


def house() -> dict[str, str]:
    """The text of every file that stands in a room; the faces of rooms only hand names on."""
    files = [path for path in HOUSE.rglob("*.py") if path.stem not in ("__init__", "__main__")]
    return {
        ".".join(("gradsheet", *p.relative_to(HOUSE).with_suffix("").parts)): p.read_text()
        for p in files
    }


def test_every_file_stands_in_a_room():
    assert {path.name for path in HOUSE.glob("*.py")} == {"__init__.py", "__main__.py"}
    assert {module.split(".")[1] for module in house()} == set(ROOMS)


def test_a_room_imports_only_rooms_above_it():
    assert upward(house()) == []


def test_no_file_imports_itself_by_a_detour():
    assert len(in_order(house())) == len(house())


@pytest.mark.parametrize(
    "line",
    [
        "from gradsheet.mistakes.diagnosis import diagnose",
        "def late():\n    from gradsheet.solution import solve",
        "import gradsheet.commands.cli",
        "from gradsheet.mistakes import catalogue",
        "from gradsheet import judge",
    ],
)
def test_an_upward_import_is_seen(line):
    planted = house()
    planted["gradsheet.claims.verdict"] += f"\n{line}\n"
    assert len(upward(planted)) == 1


def test_a_circle_is_seen():
    planted = house()
    planted["gradsheet.claims.sheet"] += (
        "\ndef judge(self):\n    from gradsheet.claims import verdict\n"
    )
    with pytest.raises(graphlib.CycleError):
        in_order(planted)


def checked(room: ModuleType) -> dict[str, str]:
    """The file of every name that a room has for those who check types alone."""
    tree = ast.parse(Path(str(room.__file__)).read_text())
    blocks = (node for node in tree.body if isinstance(node, ast.If))
    return {
        name.asname or name.name: str(node.module).removeprefix(f"{room.__name__}.")
        for block in blocks
        if ast.unparse(block.test) == "TYPE_CHECKING"
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for name in node.names
    }


def test_types_are_checked_of_all_that_is_read_when_asked_for():
    assert checked(manual) == manual._FILES
    assert checked(ref) == ref._FILES
    assert checked(gradsheet) == gradsheet._HOMES
    assert {*gradsheet._HOMES} == {*gradsheet.__all__}


@pytest.mark.parametrize(
    ("room", "name", "near"),
    [
        (manual, "conv2d", "conv2d_forward or conv2d_backward"),
        (manual, "relo_forward", "relu_forward"),
        (manual, "gradient", "gradients"),
        (ref, "conv2d_forward", "conv2d"),
        (ref, "value_and_gard", "value_and_grad"),
        (gradsheet, "chekc", "check"),
    ],
)
def test_a_name_that_is_not_there_brings_what_is_near(room, name, near):
    with pytest.raises(AttributeError, match=rf"no attribute '{name}': did you mean {near}\?$"):
        getattr(room, name)
