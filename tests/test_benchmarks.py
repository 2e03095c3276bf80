"""The benchmarks themselves: what they compare before they time, and what they
say of it. No test looks at a clock."""

import argparse
import itertools
import json
import subprocess
import sys
from xml.etree import ElementTree

import core
import examples as of_examples
import families
import jax
import machine
import mutants
import numpy as np
import pytest
from command import finish
from competitors import COMPETITORS, Competitor, Unable, entered
from family_picture import draw
from gpu import PRECISIONS, disagrees
from measuring import Disagreement, prepare
from problems import SIZES, make_problem, work
from results import FORMAT, Unreadable, check_writable, comparison, read, slower, write
from sweeps import SWEEPS
from table import block, record, rows, targets

import manual
from tests.rounds import every
from tests.sheets import ROOT

BENCHMARKS = ROOT / "benchmarks"

# The problems

SHAPES = {name: SIZES[name] for name in ("H", "H1024", "M", "L", "D")}
SHAPES["tiny"] = ((3, 2, 2, 2), 1)  # where the first drawings hide something
SHAPES |= {
    f"{sweep} {n}": SWEEPS[sweep][0](n)
    for sweep, n in (("batch", 1), ("width", 8), ("depth", 1), ("depth", 8))
}


@pytest.mark.parametrize(
    ("name", "quiet"),
    [
        *((name, False) for name in SHAPES if name != "L"),
        pytest.param("L", False, marks=pytest.mark.exhaustive),
        ("M", True),
        ("H1024", True),
    ],
)
def test_a_problem_rounds_nothing_and_hides_nothing(name, quiet):
    """No sum of magnitudes reaches 2^24 steps, whatever the order; and there is
    something of everything to see."""
    widths, batch = SHAPES[name]
    params, x, y, activations, expected = make_problem(widths, batch, quiet=quiet)
    cache, (_, grads) = (
        manual.forward(params, x, activations),
        manual.gradients(params, x, y, activations),
    )
    for z in cache.z[:-1]:
        assert (z > 0).any()
        assert (z <= 0).any()
    assert all(np.any(tensor) for tensor in expected.values())
    assert batch.bit_count() == 1
    for (W, b), h, delta in zip(params, cache.h[:-1], grads.z, strict=True):
        steps = abs(delta) * batch
        for sums in (abs(h) @ abs(W).T + abs(b), steps @ abs(W), steps.T @ abs(h), steps.sum(0)):
            assert (sums % 1 == 0).all()
            assert sums.max() < 2**24
    assert ((cache.h[-1] - y) ** 2).sum() < 2**24
    if quiet:
        assert set(np.unique(grads.z[-1] * batch)) == {-1, 0, 1}
        assert (
            max(abs(a).max() for a in (*cache.h, y, *(delta * batch for delta in grads.z))) <= 2**8
        )


def test_the_work_is_that_of_the_floors_products():
    """Of H, by hand: 18 products of two numbers forward, as many for dW, and 9
    + 3 backward, each with its sum."""
    assert work(*SIZES["H"]) == 2 * (18 + 18 + 12)


# Agreement before time


def plant(params, x, y, activations, spoil, calls):
    loss, grads = manual.value_and_grad(params, x, y, activations)
    calls.append(loss)
    return spoil(loss, [tuple(layer) for layer in grads], len(calls))


def one_entry(loss, grads, call):
    grads[1][0][2, 1] += 1
    return loss, grads


def first_time(loss, grads, call):
    return one_entry(loss, grads, call) if call == 1 else (loss, grads)


def second_time(loss, grads, call):
    return one_entry(loss, grads, call) if call > 1 else (loss, grads)


SPOILT = {
    "dW2 differs in 1 of 9 entries, first at [2, 1]: found": one_entry,
    "dW2 differs in 1 of 9 entries, first at [2, 1]": first_time,
    "dW2 differs in 1 of 9 entries": second_time,
    "L differs: found": lambda loss, grads, call: (loss * np.float32(1.0001), grads),
    "dW1 is float64[3, 2], expected float32[3, 2]": lambda loss, grads, call: (
        loss,
        [(grads[0][0].astype(float), grads[0][1]), *grads[1:]],
    ),
    "found L, dW1, db1, dW2, db2, expected L, dW1, db1, dW2, db2, dW3, "
    "db3": lambda loss, grads, call: (
        loss,
        grads[:2],
    ),
}


@pytest.mark.parametrize("says", SPOILT)
def test_nothing_is_timed_where_somebody_disagrees(monkeypatch, says):
    problem, calls = make_problem(*SIZES["H1024"]).astype("float32"), []
    spoilt = Competitor(lambda p: lambda: plant(*p[:4], SPOILT[says], calls), group="manual")
    monkeypatch.setitem(COMPETITORS, "spoilt", spoilt)
    with pytest.raises(Disagreement) as error:
        prepare("H1024", problem, ["floor", "manual", "spoilt"], shortest=0)
    assert str(error.value).startswith(
        "H1024: spoilt does not agree with manual in float64, nothing is timed: " + says
    )


@pytest.mark.parametrize(
    "name", [name for name in COMPETITORS if name not in ("ref, op by op", "torch.compile")]
)
def test_everybody_agrees(name):
    if not COMPETITORS[name].installed:
        pytest.skip("comes with the extra peers, which is not installed")
    prepare("H", make_problem(*SIZES["H"]).astype("float32"), [name], shortest=0)


def test_who_takes_part():
    assert entered(["manual"], "XL")[:2] == ["floor", "manual"]
    assert "ref, jit" not in entered(["manual"], "XL")
    assert "ref, op by op" in entered(["ref"], "M")
    assert "ref, op by op" not in entered(["ref"], "L")
    assert "micrograd" not in entered(None, "M")


@pytest.mark.parametrize("name", PRECISIONS)
def test_agreement_on_a_gpu_is_as_strict_as_its_numbers_allow(name):
    import jax.numpy as jnp

    precision = PRECISIONS[name]
    problem = make_problem((12, 24, 24, 5), 32, quiet=True)
    loss, grads = manual.value_and_grad(*problem[:4])

    def found(loss, grads):
        def typed(array):
            return jax.device_put(np.asarray(array).astype(jnp.dtype(precision.dtype)))

        return typed(loss), [[typed(d) for d in layer] for layer in grads]

    assert disagrees(found(loss, grads), problem, precision) is None
    grads[1].W[7, 3] += 1 / 32
    assert disagrees(found(loss, grads), problem, precision).startswith(
        "dW2 differs in 1 of 576 entries"
    )
    grads[1].W[7, 3] -= 1 / 32
    grads[0].b[2] += 1
    assert disagrees(found(loss, grads), problem, precision).startswith("db1 ")
    grads[0].b[2] -= 1
    assert disagrees(found(loss * 1.1, grads), problem, precision).startswith("L ")


def test_gradients_of_examples_are_compared_too():
    problem = make_problem((3, 5, 4, 2), 8).astype("float32")
    calls = of_examples.make_calls(problem)
    assert of_examples.check(problem, calls) is None
    for who, (call, compared) in calls.items():
        if who == "floor":
            continue

        def spoilt(call=call, compared=compared):
            return jax.tree.map(lambda array: np.asarray(array) + 1, compared(call()))

        said = of_examples.check(problem, calls | {who: (spoilt, lambda result: result)})
        assert said.startswith(who)


# Beside one that takes longer than all others those of which there is another of a size.
LONG = ("entropy", "attention64", "conv28")


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.exhaustive if name in LONG else ())
        for name in families.FAMILIES
    ],
)
def test_passes_of_families_are_compared_too(name):
    family = families.FAMILIES[name]
    arrays = families.drawn(family, "float32")
    calls = {"readable": lambda: family.readable(**arrays), "planned": family.planned(**arrays)}
    assert families.disagreement(family, arrays, calls) is None

    def spoilt():
        L, *gradients = calls["planned"]()
        gradients[1].flat[3] += abs(gradients[1]).max() / 100
        return L, *gradients

    said = families.disagreement(family, arrays, calls | {"planned": spoilt})
    assert said.startswith(f"planned: {family.moving[1]} is off by ")


# Results


def results(**slower):
    """As --json writes them, of a run in which everybody takes as long as the
    floor but for what is `slower`."""
    rounds = [1.0, 1.02, 0.98, 1.01, 0.99]
    entries = {
        name: {
            "first_s": 2.0,
            "times": [s * slower.get(name, 1) * (1 + k / 100) for k, s in enumerate(rounds)],
        }
        for name in ("manual", "manual, planned", "ref, jit", "torch eager")
    }
    sizes = {"M": {"competitors": {"floor": {"first_s": 1.0, "times": rounds}} | entries}}
    sizes["M"] |= {"widths": [784, 256, 128, 10], "batch": 128, "flop": 1, "entries": 3, "live": 2}
    return {
        "benchmark": "core",
        "setting": {"machine": "an abacus", "date": "2024-04-17", "versions": {"numpy": "2.0"}},
        "runs": [{"dtype": "float32", "threads": 1, "rounds": 5, "sizes": sizes}],
    }


def test_results_are_read_as_they_were_written(tmp_path):
    file = tmp_path / "results.json"
    write(str(file), results())
    assert read(str(file), "core") == {"format": FORMAT} | results()
    assert list(tmp_path.iterdir()) == [file]


def test_what_got_slower_is_said():
    said = comparison(results(), results(manual=1.5), "old.json")
    head, line = said.splitlines()[1:]
    assert head.split() == ["slower", "before", "now"]
    assert line.split("  ")[2] == "M, float32, 1 thread: manual"
    assert line.endswith("1.02 (1.00 to 1.04)     1.53 (1.50 to 1.56)   +50 %")
    back = comparison(results(manual=1.5), results(), "old.json")
    assert back.splitlines()[1].split() == ["faster", "before", "now"]
    assert back.splitlines()[2].endswith("1.53 (1.50 to 1.56)     1.02 (1.00 to 1.04)   -33 %")
    assert "nothing got slower" in back


def test_slower_is_what_takes_longer_in_every_round_than_in_any_before():
    def of(*times):
        found = results()
        found["runs"][0]["sizes"]["M"]["competitors"] = {
            "floor": {"times": [1.0] * len(times)},
            "manual": {"times": times},
        }
        return found

    assert list(slower(of(1, 2, 3), of(9, 4, 3.1))) == ["M, float32, 1 thread: manual"]
    assert slower(of(1, 2, 3), of(9, 4, 3)) == slower(of(9, 4, 3.1), of(1, 2, 3)) == {}
    assert slower(of(1.0), of(5.0, 5.0)) == slower(of(1.0, 1.0), of(5.0)) == {}  # without a spread


def test_what_got_slower_is_the_exit_status_too(capsys):
    options = argparse.Namespace(json=None, against="old.json", earlier=results())
    with pytest.raises(SystemExit) as error:
        finish(options, results(manual=1.5))
    assert error.value.code == 1
    assert "manual" in capsys.readouterr().out
    finish(options, results(manual=0.5))
    finish(argparse.Namespace(json=None, earlier=None), results(manual=1.5))


def test_what_is_within_the_spread_of_the_rounds_is_not():
    said = comparison(results(), results(manual=1.01), "old.json")
    assert said.splitlines()[1:] == [
        "  nothing got slower beyond the spread of the rounds, of 4 compared"
    ]


def test_another_machine_and_other_versions_are_said():
    now = results()
    now["setting"] = {"machine": "a slide rule", "date": "2024-04-18", "versions": {"numpy": "2.1"}}
    said = comparison(results(), now, "old.json")
    assert "  other machine: an abacus, now a slide rule" in said
    assert "  other versions: numpy 2.0, now numpy 2.1" in said
    now["runs"][0]["dtype"] = "float64"
    assert "nothing was measured in both" in comparison(results(), now, "old.json")


WHOLE = {"format": FORMAT} | results()
UNREADABLE = {
    "is not JSON": "{",
    "has no benchmark but a list": "[]",
    "has benchmark 'core', format 0": json.dumps(WHOLE | {"format": 0}),
    "has benchmark 'sweeps', format": json.dumps(WHOLE | {"benchmark": "sweeps"}),
    "is incomplete (KeyError: 'date')": json.dumps(WHOLE | {"setting": {}}),
    "is incomplete (KeyError: 'sizes')": json.dumps(WHOLE | {"runs": [{}]}),
    "is incomplete (TypeError": json.dumps(WHOLE | {"runs": 3}),
}


@pytest.mark.parametrize("says", UNREADABLE)
def test_what_no_benchmark_wrote_is_refused(tmp_path, says):
    file = tmp_path / "old.json"
    file.write_text(UNREADABLE[says])
    with pytest.raises(Unreadable) as error:
        read(str(file), "core")
    assert f"old.json {says}" in str(error.value)
    assert "expected a file that core.py --json wrote" in str(error.value)


def test_times_that_cannot_be_compared_are_refused(tmp_path):
    for times in ([], [1.0], ["1"] * 5, [0.0] * 5):
        spoilt = results()
        spoilt["runs"][0]["sizes"]["M"]["competitors"]["floor"]["times"] = times
        write(str(tmp_path / "old.json"), spoilt)
        with pytest.raises(Unreadable, match="is incomplete"):
            read(str(tmp_path / "old.json"), "core")


def test_a_file_that_cannot_be_written_is_refused_beforehand(tmp_path):
    check_writable(str(tmp_path / "new.json"))
    for path in (tmp_path, tmp_path / "missing" / "new.json"):
        with pytest.raises(Unreadable, match="cannot be written"):
            check_writable(str(path))


# What is printed


def test_the_table_shows_ratios_round_by_round():
    (run,) = results(manual=1.5)["runs"]
    lines = block("M", run["sizes"]["M"]).splitlines()
    assert lines[0] == "M: 784-256-128-10, batch 128, 1 FLOP in the products"
    assert lines[3].split() == ["manual", "1.54", "s", "1.53", "1.50", "1.56", "1.50", "1.50"]
    assert lines[-2] == "  compile time: ref, jit 970.40 ms"


def test_the_picture_of_families_shows_everybody_in_the_right_place():
    case = {
        "floor": {"times": [1.0, 1.0, 1.0]},
        "planned": {"times": [0.5, 1.0, 2.0]},
        "ref, jit": {"times": [2.0, 4.0, 8.0]},
    }
    run = {"dtype": "float32", "rounds": 3, "sizes": {"norm": {"competitors": case}}}
    svg = draw({"setting": {"machine": "an abacus & a rod", "date": "2024-04-17"}, "runs": [run]})
    picture = ElementTree.fromstring(svg)
    space = "{http://www.w3.org/2000/svg}"
    groups = picture.findall(f"{space}g")
    titles = [group.find(f"{space}title").text for group in groups]
    assert titles == ["planned: 1.00 (0.50 to 2.00)", "ref, jit: 4.00 (2.00 to 8.00)"]
    places = [[float(group.find(space + tag).get(at)) for tag, at in PLACES] for group in groups]
    quarter = (720 - 2 * 16) / 4  # from 1/2 to 8, a power of 2 each
    wanted = [[16 + k * quarter for k in ks] for ks in ((0, 1, 2), (2, 3, 4))]
    assert places == wanted
    words = [text.text for text in picture.findall(f"{space}text")]
    assert families.FAMILIES["norm"].title in words
    assert {"0.5", "1", "2", "5"} <= set(words)
    assert words[-1].endswith("3 rounds; an abacus & a rod, 2024-04-17")


PLACES = [("line", "x1"), ("circle", "cx"), ("line", "x2")]


def test_who_is_unable_to_take_part_is_named_and_why(monkeypatch):
    def fails():
        raise Unable("there is no compiler")

    monkeypatch.setitem(COMPETITORS, "unable", Competitor(lambda problem: fails, group="manual"))
    problem = make_problem(*SIZES["H"]).astype("float32")
    case = prepare("H", problem, ["floor", "unable", "manual"], shortest=0)
    assert list(case.calls) == ["floor", "manual"]
    case.times = {name: [1.0] for name in case.calls}
    said = block("H", record(case, *SIZES["H"], work(*SIZES["H"]))).splitlines()
    assert "  unable is unable: there is no compiler" in said
    calls = {"floor": lambda: None, "unable": fails}
    first_s, unable = families.first_calls("norm", calls)
    assert (list(calls), list(first_s)) == (["floor"], ["floor"])
    found = {"competitors": {"floor": {"first_s": 1.0, "times": [1.0]}}, "unable": unable}
    assert rows(found, ())[-1] == "  unable is unable: there is no compiler"


def test_what_was_to_be_reached_is_compared_with_what_was():
    (run,) = results(**{"manual, planned": 1.5})["runs"]
    said = targets(run)
    assert [line.split()[-2:] for line in said.splitlines()[1:4]] == [["not", "reached"]] * 3
    (quick,) = results(**{"manual, planned": 0.5})["runs"]
    assert "not" not in " ".join(targets(quick).splitlines()[1:4])
    assert targets(quick | {"threads": 2}) is None
    assert targets(quick | {"sizes": {}}) is None


SINGLE_THREADED = ["core", "examples", "families", "start", "sweeps"]


def test_numpy_waits_until_its_threads_are_set(tmp_path):
    """It reads their number once, when it is imported; files are tried before."""
    code = (
        f"import sys; import {', '.join(SINGLE_THREADED)}; from results import check_writable; "
        f"check_writable('{tmp_path}/new.json'); sys.exit('numpy' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=BENCHMARKS, check=True)


def command(script, *arguments):
    return subprocess.run(
        [sys.executable, str(BENCHMARKS / script), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


def test_one_command_prints_the_table(tmp_path):
    file = tmp_path / "new.json"
    done = command(
        "core.py", "--sizes=H", "--rounds=1", "--groups=manual", "--threads=1", f"--json={file}"
    )
    assert done.returncode == 0, done.stderr
    assert "agreed by ==: the loss, 25 entries" in done.stdout
    assert max(map(len, done.stdout.split("\n\n", 1)[1].splitlines())) <= 80
    (run,) = read(str(file), "core")["runs"]
    assert list(run["sizes"]["H"]["competitors"]) == entered(["manual"], "H")


def test_a_machine_too_busy_for_several_threads_is_told():
    assert core.blocked(None) == core.blocked(0.1) == []
    (said,) = core.blocked(0.5)
    assert said.startswith("50% of the machine is busy with something else:")
    assert max(map(len, said.splitlines())) <= 80
    share = machine.busy(0.05)
    assert share is None or 0 <= share <= 1


@pytest.mark.parametrize(
    "script",
    every(6, ["families.py", "checkers.py", "devices.py", "examples.py", "gpu.py", "sheets.py"]),
)
def test_help_is_answered_at_once(script):
    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / script), "--help"],
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    assert f"usage: {script}" in done.stdout


@pytest.mark.exhaustive
def test_what_nobody_reads_is_still_written_to_the_file(tmp_path):
    options = f"--sizes=H --rounds=1 --groups=manual --threads=1 --json={tmp_path}/new.json"
    line = f"'{sys.executable}' '{BENCHMARKS / 'core.py'}' {options} | true"
    done = subprocess.run(
        ["bash", "-c", line], capture_output=True, text=True, timeout=300, check=True
    )
    assert "Traceback" not in done.stderr
    assert read(f"{tmp_path}/new.json", "core")["runs"]


def test_a_wrong_option_gets_one_line(tmp_path, monkeypatch, capsys):
    for arguments, says in (
        (["--sizes=H,K"], "found 'K', expected some of H,H1024,M,L,XL,D"),
        (["--rounds=0"], "found '0', expected a whole number from 1 on"),
        ([f"--against={tmp_path}/old.json"], "old.json cannot be read: No such file or directory"),
    ):
        monkeypatch.setattr(sys, "argv", ["core.py", *arguments])
        with pytest.raises(SystemExit) as error:
            core.main()
        done = capsys.readouterr()
        assert error.value.code == 2
        assert says in done.err.splitlines()[-1]
        assert done.out == ""


def test_the_tests_that_are_to_notice_faults_exist():
    """pytest fails without a file that is named, and every fault would count as noticed."""
    for name in itertools.chain(*mutants.TESTS.values()):
        assert (ROOT / "tests" / f"{name}.py").exists(), name


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    "arguments",
    [["core.py"], ["families.py"], ["sweeps.py"], ["start.py"], ["gpu.py", "--device=cpu"]],
    ids=lambda arguments: arguments[0],
)
def test_the_quick_modes_run(arguments):
    done = command(*arguments, "--quick")
    assert done.returncode == 0, done.stderr
    assert max(map(len, done.stdout.split("\n\n", 1)[1].splitlines())) <= 80
