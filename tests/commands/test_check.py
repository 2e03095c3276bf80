"""`gradsheet check` as it is called."""

import json
import subprocess
import sys
from xml.etree import ElementTree

import numpy as np
import pytest

from gradsheet.commands.cli import main
from gradsheet.commands.targets import arrays_of
from tests.commanding import one_line, refused
from tests.sheets import ROOT

MODEL = """\
import jax
import jax.numpy as jnp
import numpy as np

import gradsheet


def tilted(x, w):
    return x * x * w[None]


def tilted_backward(args, d):
    x, w = args
    return 2 * x * w * d, (x * x * d).sum(0)


def wrong(args, d):
    x, w = args
    return x * w * d, (x * x * d).sum(0)


def forward(x, w):
    return x * x * w, (x, w)


def backward(d, cache):
    return tilted_backward(cache, d)


def pushed(args, tangents):
    (x, w), (t, v) = args, tangents
    return x * x * w, 2 * x * w * t + x * x * v


@jax.custom_vjp
def square(x):
    return x * x


square.defvjp(lambda x: (x * x, x), lambda x, d: (2 * x * d,))


def lookup(table, rows):
    return table[rows]


def lookup_backward(args, d):
    table, rows = args
    found = np.zeros_like(table)
    np.add.at(found, rows, d)
    return found, None


def relu(x):
    return jnp.maximum(x, 0)


def relu_backward(args, d):
    return np.where(args[0] > 0, d, 0)


def roots(x, mask):
    return jnp.where(mask, jnp.sqrt(x), x)


def roots_backward(args, d):
    x, mask = args
    return np.where(mask, d / (2 * np.sqrt(x)), d), None


def branch(x):
    if x.sum() > 0:
        return x
    return -x


def in_numpy(x):
    return np.exp(x)


def check():
    print("not a part of the report")
    return gradsheet.check_vjp(square, np.ones(3))


def checks():
    yield {"f": square, "args": np.ones(3)}
    yield {"f": tilted, "args": (np.ones((2, 3)), np.ones(3)), "backward": wrong}


def several():
    return [
        {"f": tilted, "args": (np.ones((2, 3)), np.ones(4)), "backward": wrong},
        {"f": tilted, "args": (np.ones((2, 3)), np.ones(3)), "backward": wrong},
        {"args": np.ones(3)},
        None,
        {"f": square, "args": np.ones(3)},
    ]


def stops():
    yield {"f": square, "args": np.ones(3)}
    raise KeyError("w")


def raised(x, *, power):
    return x**power


def cubed_backward(args, d):
    return 3 * args[0] ** 2 * d


def mean_of(scores, labels, ignore_index=-100):
    keep = labels != ignore_index
    picked = jnp.take_along_axis(scores, jnp.where(keep, labels, 0)[:, None], 1)[:, 0]
    return (picked * keep).sum() / keep.sum()


def mean_forward(scores, labels, ignore_index=-100):
    keep = labels != ignore_index
    out = scores[keep, labels[keep]].sum() / keep.sum()
    return out, (scores, labels, ignore_index)


def mean_backward(d, cache):
    scores, labels, ignore_index = cache
    found, keep = np.zeros_like(scores), labels != ignore_index
    found[keep, labels[keep]] = d / keep.sum()
    return found, None


def mean_over_all(d, cache):
    found, none = mean_backward(d, cache)
    return found * (cache[1] != cache[2]).mean(), none


def nothing():
    return []


def asserts():
    gradsheet.assert_vjp(square, np.ones(3))


def leaves():
    raise SystemExit(3)


def misspelt():
    return {"f": square, "argument": np.ones(3)}


def step(x):
    return jnp.sign(x)


def step_as_tanh(x):
    return jnp.tanh(x) + jax.lax.stop_gradient(jnp.sign(x) - jnp.tanh(x))


def step_backward(args, d):
    return d * (1 - np.tanh(args[0]) ** 2)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    (folder / "a_model.py").write_text(MODEL)
    (folder / "lacking.py").write_text("import json\nimport no_such_module\n")
    (folder / "halfway.py").write_text("def f(:\n")
    (folder / "inside").mkdir()
    (folder / "inside" / "one.py").write_text("from . import other\n")
    rng = np.random.default_rng(1)
    x, w = rng.normal(size=(2, 3)), rng.normal(size=3)
    np.save(folder / "x.npy", x)
    np.savez(folder / "data.npz", w=w, x=x)
    np.savez(folder / "more.npz", a=w, b=x)
    return folder


@pytest.fixture(autouse=True)
def _here(folder, monkeypatch):
    monkeypatch.chdir(folder)
    for name in ("a_model", "a_model_of_gradsheet_check"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    path = [*sys.path]
    yield
    assert sys.path == path


RIGHT = [
    "a_model.py:tilted 2x3 3 --backward tilted_backward",
    "a_model:tilted --pair forward backward 2x3 3",
    "a_model:tilted 2x3 3 --jvp pushed",
    "a_model:tilted x.npy 3 --backward a_model:tilted_backward",
    "a_model:tilted data.npz --backward tilted_backward",  # w stands first in it
    "a_model:tilted more.npz:b,a --backward tilted_backward",
    "a_model:tilted 2x3 3 --backward wrong --wrt w",
    "a_model:tilted 2x3 3 --backward wrong --wrt 1",
    "a_model:lookup 4x3 6:int4 --backward lookup_backward --dtype float32",
    "a_model:relu 9 --backward relu_backward --at-kinks any",
    "a_model:relu 9 --backward relu_backward --at-kinks jnp.max=0 --at-kinks maximum(=0",
    "a_model:roots 5:positive 5:bool --backward roots_backward",
    "a_model:square number",
    "a_model:mean_of 5x7 5:int7,-100 --pair mean_forward mean_backward",
    "a_model:raised 2x3 --backward cubed_backward --kwarg power=3",
    "a_model:roots 5:unit 5:bool --backward roots_backward",
    "a_model:step 2x3 --backward step_backward --intended step_as_tanh",
    "a_model:check",
]


@pytest.mark.parametrize("words", RIGHT)
def test_what_is_right(words, capsys):
    assert main(["check", *words.split()]) == 0
    out, err = capsys.readouterr()
    assert out.endswith("\nright\n")
    assert err == ("not a part of the report\n" if words.endswith(":check") else "")


@pytest.mark.parametrize("asked", ["jax", "a_model.py:55=jax", "jnp.maximum=0.5"])
def test_what_is_asked_at_kinks(asked, capsys):
    words = ["check", "a_model:relu", "9", "--backward", "relu_backward", "--at-kinks", asked]
    assert main(words) == 1
    assert "[0] at probe 4: 0, true" in capsys.readouterr().out


def test_what_is_wrong_has_its_report(capsys):
    assert main(["check", "a_model:tilted", "2x3", "3", "--backward", "wrong"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "backward pass wrong of tilted: x 2x3, w 3; float64"
    assert "mistake  x: everywhere 1/2 = 0.5 times the truth" in lines
    assert lines[-1] == "wrong"


def test_several_checks_are_counted(capsys):
    assert main(["check", "a_model:checks"]) == 1
    out = capsys.readouterr().out
    assert out.endswith("\nwrong\n\n2 checks: 1 right, 1 wrong\n")


def test_json(capsys):
    assert main(["check", "a_model:checks", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["version"], found["target"], found["error"]) == (1, "a_model:checks", None)
    assert [check["verdict"] for check in found["checks"]] == ["right", "wrong"]
    check = found["checks"][1]
    assert (found["verdict"], found["counts"]["wrong"], found["counts"]["error"]) == ("wrong", 1, 0)
    assert [*check] == [
        *("title", "verdict", "error", "arguments", "mistakes", "faults", "coverage", "remarks"),
        "places",
    ]
    assert [(a["name"], a["verdict"]) for a in check["arguments"]] == [
        ("x", "wrong"),
        ("w", "right"),
    ]
    argument = check["arguments"][0]
    assert [*argument] == ["name", "verdict", "difference", "where", "probe", "units"]
    assert f" at probe {argument['probe']}: " in argument["where"]
    assert check["arguments"][1]["probe"] is None
    assert check["arguments"][1]["units"] == 0
    assert check["mistakes"][0] == "x: everywhere 1/2 = 0.5 times the truth"
    assert len(check["places"]) == len(check["mistakes"])
    assert check["places"][0] is None
    line = 1 + MODEL.splitlines().index("    return x * x * w[None]")
    assert {"file": "a_model.py", "line": line} in check["places"]


def test_one_that_cannot_be_checked_takes_nothing_from_the_others(capsys):
    assert main(["check", "a_model:several"]) == 2
    out, err = capsys.readouterr()
    assert out.endswith("\n\n5 checks: 1 right, 1 wrong, 3 error\n")
    first, second, third = err.splitlines()
    assert first.startswith("gradsheet: a_model:several: check 1, tilted: it cannot be checked: ")
    assert second.startswith("gradsheet: a_model:several: check 3: its dict has no 'f', ")
    assert third.startswith("gradsheet: a_model:several: check 4: it returns None, ")
    assert main(["check", "a_model:several", "--json"]) == 2
    found = json.loads(capsys.readouterr().out)
    assert (found["error"], found["verdict"]) == (None, "error")
    assert found["counts"] == {"right": 1, "rounded": 0, "untold": 0, "wrong": 1, "error": 3}
    verdicts = [check["verdict"] for check in found["checks"]]
    assert verdicts == ["error", "wrong", "error", "error", "right"]
    assert found["checks"][0]["title"] == "check 1, tilted"
    assert "incompatible shapes" in found["checks"][0]["error"]


def test_what_came_before_an_exception_is_kept(capsys):
    assert main(["check", "a_model:stops"]) == 2
    out, err = capsys.readouterr()
    assert out.endswith("\nright\n\n2 checks: 1 right, 1 error\n")
    assert err.startswith(
        "gradsheet: a_model:stops: check 2: it raises: KeyError: 'w' (a_model.py:"
    )


def test_junit(folder, capsys):
    assert main(["check", "a_model:several", "--junit", "report.xml"]) == 2
    (suite,) = ElementTree.parse(folder / "report.xml").getroot()
    assert {name: suite.get(name) for name in ("tests", "failures", "errors", "skipped")} == {
        "tests": "5",
        "failures": "1",
        "errors": "3",
        "skipped": "0",
    }
    assert [[inside.tag for inside in case] for case in suite] == [
        *(["error"], ["failure"], ["error"], ["error"], [])
    ]
    assert suite[1][0].text in capsys.readouterr().out
    assert main(["check", "a_model:nobody", "--junit", "report.xml"]) == 2
    (suite,) = ElementTree.parse(folder / "report.xml").getroot()
    assert (suite.get("tests"), suite.get("errors")) == ("1", "1")


def test_a_mistake_with_ignored_labels_shows(capsys):
    words = "check a_model:mean_of 8x7 8:int7,-100 --pair mean_forward mean_over_all"
    assert main(words.split()) == 1
    assert "scores | no " in capsys.readouterr().out


def test_each_of_several_numbers_occurs():
    (labels,) = arrays_of(["6:int3,-100,-1"], [])
    assert {-100, -1} < {*labels.tolist()} <= {-100, -1, 0, 1, 2}
    (labels,) = arrays_of(["2:int3,-100,-1"], [])
    assert sorted(labels.tolist()) == [-100, -1]
    (unit,) = arrays_of(["100:unit"], [])
    assert ((unit > 0) & (unit < 1)).all()


def test_json_of_what_cannot_be_checked(capsys):
    assert main(["check", "a_model:nobody", "--json"]) == 2
    out, err = capsys.readouterr()
    assert json.loads(out)["error"] in err


BACK = " --backward tilted_backward"
RELU = "a_model:relu 3 --backward relu_backward"
UNUSABLE = {
    "b_model:f": "there is no module 'b_model', expected one that can be imported from ",
    "a_modle:f": "did you mean a_model?",
    "b_model.py:f": "there is no file 'b_model.py'",
    "a_model:tited": "a_model has no 'tited': did you mean tilted?",
    "a_model.py": "'a_model.py' names no function, expected MODULE:FUNCTION, as in model.py:norm: "
    "it has tilted, tilted_backward, wrong",
    "lacking:f": "lacking cannot be imported: ModuleNotFoundError: No module named "
    "'no_such_module' (lacking.py:2: `import no_such_module`)",
    "lacking.py:f": "No module named 'no_such_module' (lacking.py:2: `import no_such_module`)",
    "halfway.py:f": "SyntaxError: invalid syntax (halfway.py:1: `def f(:`)",
    "inside/one.py:f": "(one.py:1: `from . import other`): write inside.one:... for a part of a ",
    "a_model:np 3": "it is a module, expected a function",
    "a_model:tilted": "it takes x, w: write a shape or a file for each, as in 3x4 3x4, and the ",
    "a_model:tilted 2x3 3": "no rule is given: write --backward MODULE:FUNCTION",
    "a_model:tilted 2x3" + BACK: "it takes (x, w), 1 array is given: write a shape or a file for",
    "a_model:tilted 2x 3" + BACK: "'2x' is no array, expected a shape (3x4, 5, number; 5:int7",
    "a_model:tilted 0 3" + BACK: "'0' has 0 entries, expected 1 to 10,000,000",
    "a_model:tilted 2x3 y.npy" + BACK: "there is no file 'y.npy'",
    "a_model:tilted a_model.py 3" + BACK: "'a_model.py' is no array, expected",
    "a_model:tilted data.npz:v" + BACK: "data.npz has no array 'v', only w, x",
    "a_model:tilted 2x3 4" + BACK: "mul got incompatible shapes for broadcasting: (2, 3), (1, 4). "
    "(a_model.py:9: `return x * x * w[None]`)",
    "a_model:tilted 2x3 3 --kwarg y=1" + BACK: "2 arrays are given, and --kwarg for y: write",
    "a_model:tilted 2x3 3 --kwarg y" + BACK: "--kwarg 'y' is no setting, expected NAME=VALUE, with",
    "a_model:tilted 2x3 1:int7,-1,-2" + BACK: "'1:int7,-1,-2' has more numbers than entries",
    "a_model:tilted 2x3 3:int7,x" + BACK: "'3:int7,x' is no array, expected a shape (3x4, ",
    "a_model:check --kwarg y=1": "--kwarg goes with arrays, as in a_model:check 3x4 4",
    "a_model:lookup 4x3 6 --backward lookup_backward": "an index is made of floats: give whole "
    "numbers: write 6:int10 (numbers from 0 to 9)",
    "a_model:tilted 2x3 3 --wrt y" + BACK: "wrt: there is no argument 'y', only x, w",
    f"{RELU} --at-kinks some": "at_kinks is 'some', expected \"any\"",
    f"{RELU} --at-kinks jnp.abs=jax": "f has no kink at 'jnp.abs', only at `return "
    "jnp.maximum(x, 0)` (a_model.py:55)",
    f"{RELU} --at-kinks any --at-kinks jax": "--at-kinks any stands alone, or as in "
    "'jnp.maximum(x, 0)=any'",
    "a_model:relu 3 --backward relu_backward --intended step": "intended gives other values than f "
    "at the numbers given",
    "a_model:check --at-kinks jax": "--at-kinks goes with arrays, as in a_model:check 3x4 4",
    "a_model:branch 3" + BACK: "(a_model.py:72: `if x.sum() > 0:`): write jnp.where(...) in ",
    "a_model:in_numpy 3" + BACK: "(a_model.py:78: `return np.exp(x)`): write it with jax.numpy",
    "a_model:check --dtype float32": "--dtype goes with arrays, as in a_model:check 3x4 4",
    "a_model:asserts": "it returns None, expected a check, a list of them, or a dict",
    "a_model:nothing": "it returns no check at all, expected a check",
    "a_model:leaves": "it raises: SystemExit: 3 (a_model.py:",
    "a_model:misspelt": "its dict has 'argument', expected only args, at_kinks, backward",
}


@pytest.mark.parametrize("words", UNUSABLE)
def test_what_cannot_be_checked_is_one_line(words, capsys):
    assert main(["check", *words.split()]) == 2
    line = one_line(capsys)
    assert line.startswith(f"gradsheet: {words.split()[0]}: ")
    assert UNUSABLE[words] in line
    assert len(line) < 500


def test_two_rules_are_bad_usage(capsys):
    words = "check a_model:tilted 2x3 3 --jvp pushed --backward wrong"
    assert "not allowed with argument" in refused(capsys, *words.split())


def test_a_torch_function(folder, capsys):
    pytest.importorskip("torch", reason="comes with the extra peers, which is not installed")
    (folder / "kernels.py").write_text(
        "import jax.numpy as jnp, torch\n\n\ndef cube(x):\n    return x**3\n\n\n"
        "class Cube(torch.autograd.Function):\n"
        "    @staticmethod\n    def forward(ctx, x):\n"
        "        ctx.save_for_backward(x)\n        return x**3\n"
        "    @staticmethod\n    def backward(ctx, d):\n"
        "        (x,) = ctx.saved_tensors\n        return 3 * x * d\n"
    )
    assert main(["check", "kernels:cube", "4", "--torch", "Cube"]) == 1
    assert main(["check", "kernels:cube", "4", "--torch", "kernels:Cube", "--json"]) == 1


def test_help_needs_no_numpy():
    code = (
        "import sys; from gradsheet.commands.cli import main\n"
        "try:\n    main(['check', '--help'])\n"
        "except SystemExit:\n    sys.exit('numpy' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, check=True
    )
    assert b"gradsheet check model.py:norm 3x4 4 --backward norm_backward" in done.stdout
