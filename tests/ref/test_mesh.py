"""`ref` on 8 simulated devices, and in two processes, against one device."""

import json
import os
import re
import socket
import subprocess
import sys

import chex
import jax
import numpy as np
import pytest

import manual
import ref
from tests.on_devices import ACTIVATIONS, BATCH, MESHES, ROUNDED, WIDTHS, named, problem
from tests.sheets import ROOT

HERE = ROOT / "tests"
LIMIT = 600  # seconds for what takes five, on a machine that does much else


@pytest.fixture(autouse=True)
def from_here(monkeypatch):
    """Scripts import the packages of this folder, whichever are installed."""
    monkeypatch.setenv("PYTHONPATH", str(HERE.parent))


@pytest.fixture(scope="module")
def on_devices():
    environment = os.environ | {"PYTHONPATH": str(HERE.parent)}
    command = [sys.executable, str(HERE / "on_devices.py")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, env=environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def expected():
    """By hand, on one device, in float64."""
    params, x, y = problem()
    params = [
        manual.Layer(W.astype(float), None if b is None else b.astype(float)) for W, b in params
    ]
    tensors = named(*manual.value_and_grad(params, x.astype(float), y.astype(float), ACTIVATIONS))
    assert all(np.any(tensor) for tensor in tensors.values())
    return tensors


# Eight devices


@pytest.mark.parametrize("mesh", MESHES)
def test_the_gradients_are_those_of_one_device(on_devices, expected, mesh):
    found = on_devices["meshes"][mesh]["found"]
    assert found.keys() == expected.keys()
    for name, right in expected.items():
        assert np.array_equal(found[name], right), name


def test_every_loss_and_activation_will_do(on_devices):
    right = named(*manual.value_and_grad(*problem(), **ROUNDED))
    found = {name: np.asarray(a, np.float32) for name, a in on_devices["rounded"].items()}
    chex.assert_trees_all_close(found, right, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("mesh", "weights", "biases"),
    [
        ("8", [(8, 6), (12, 8), (10, 12), (4, 10)], [(8,), (12,), ()]),
        ("4x2", [(4, 6), (12, 4), (5, 12), (4, 5)], [(4,), (12,), ()]),
        ("2x4", [(2, 6), (12, 2), (10, 3), (1, 10)], [(2,), (12,), ()]),
    ],
)
def test_no_device_holds_more_than_its_share(on_devices, mesh, weights, biases):
    found = on_devices["meshes"][mesh]
    for what, first in (("shares", []), ("placed", [BATCH // MESHES[mesh][0][0], WIDTHS[0]])):
        shapes = found[what]
        assert shapes["L"] == first  # of "placed" the first is x
        assert [tuple(shapes[f"dW{l}"]) for l in (1, 2, 3, 4)] == weights
        assert [tuple(shapes[f"db{l}"]) for l in (1, 2, 3)] == biases


def test_the_work_is_divided_and_layers_in_pairs_send_only_sums(on_devices):
    """One sum over "data", of the gradient. Over "model" one forward for each
    of two pairs, one backward between them, and one for the shared bias of a
    layer that is divided."""
    for mesh, sums in (("8", 1), ("4x2", 1 + 2 + 1 + 1)):
        assert on_devices["meshes"][mesh]["sums"] == sums
        assert on_devices["meshes"][mesh]["collected"] == 0


def test_the_trap_a_mean_of_local_gradients_is_too_large_by_the_number_of_shards(
    on_devices, expected
):
    for name, right in expected.items():
        times = 1 if name == "L" else 8
        assert np.array_equal(on_devices["trap"][name], times * right), name


# At the door


def whole(*names):
    return jax.make_mesh((1,) * len(names), names)


def test_axes_of_other_names_are_refused():
    for names in (("batch",), ("model",), ("data", "units")):
        with pytest.raises(
            ValueError,
            match=r"expected \('data',\) or .*write jax\.make_mesh\(\(1,\), \('data',\)\)",
        ):
            ref.shardings(whole(*names), problem()[0])


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ([], "params is empty"),
        ([(np.ones(3),)], r"W1 has shape \(3,\)"),
        ([(np.ones((2, 3)),), (np.ones((2, 3)),)], r"W2 has shape \(2, 3\), expected \(2, 2\)"),
    ],
)
def test_networks_that_do_not_fit_are_refused(params, message):
    with pytest.raises(ValueError, match=message):
        ref.shardings(whole("data"), params)


def test_as_many_targets_as_examples():
    params, x, y = problem()
    with pytest.raises(ValueError, match=r"y has shape \(15, 4\), expected 16 rows"):
        ref.place(whole("data"), params, x, y[:15])
    with pytest.raises(ValueError, match=r"y has shape \(16,\), .* makes a column of a vector"):
        ref.place(whole("data"), params, x, y[:, 0])


def test_activations_and_loss_are_looked_at_before_the_first_call():
    params = problem()[0]
    with pytest.raises(ValueError, match="expected one name for each of the 4 layers"):
        ref.sharded_value_and_grad(whole("data"), params, ACTIVATIONS[1:])
    with pytest.raises(ValueError, match="loss is 'absolute'"):
        ref.sharded_value_and_grad(whole("data"), params, ACTIVATIONS, loss="absolute")


def test_the_batch_is_at_the_door_as_everywhere():
    params, x, y = problem()
    for found, message in (
        (x[0], r"x has shape \(6,\), expected \(N, 6\)"),
        (x[:, :5], r"x has shape \(16, 5\)"),
    ):
        with pytest.raises(ValueError, match=message):
            ref.place(whole("data"), params, found, y)


def test_shapes_alone_have_shardings():
    params = problem()[0]
    shapes = jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype), params)
    assert ref.shardings(whole("data", "model"), shapes) == ref.shardings(
        whole("data", "model"), params
    )


def test_plain_lists_and_no_targets_can_be_placed():
    params, x, y = ref.place(whole("data", "model"), [([[2.0, 1.0]], None)], [[3.0, 4.0]])
    assert y is None
    step = ref.sharded_value_and_grad(whole("data", "model"), params, ("identity",), loss="output")
    assert step(params, x, y)[1][0].W.tolist() == [[3, 4]]


# Two processes


def launched(script, *arguments):
    """What two processes of this host wrote that ran a script, which is told of
    the address, their number and which."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    command = [sys.executable, str(script), f"127.0.0.1:{port}", "2"]
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    pair = [subprocess.Popen([*command, str(index), *arguments], **options) for index in (0, 1)]
    try:
        texts = [process.communicate(timeout=LIMIT)[0] for process in pair]
    finally:
        for process in pair:
            process.kill()
    assert [process.returncode for process in pair] == [0, 0], texts
    return texts


@pytest.mark.exhaustive
def test_two_processes_have_the_gradients_of_one_device(expected):
    for text in launched(HERE / "on_processes.py"):
        found = json.loads(text.splitlines()[-1])
        assert len(found["same"]) == 2 * len(expected)
        assert all(found["same"].values()), found["same"]
        rows, parameters, odd = found["refused"]
        assert rows.startswith("the processes come with [8, 6] rows of x")
        assert parameters.startswith("the processes come with different parameters")
        assert odd.startswith("x has 7 examples in each process, expected a multiple of 2")


@pytest.mark.exhaustive
def test_the_script_of_the_page_prints_what_it_says(tmp_path):
    page = (HERE.parent / "docs" / "many-devices.md").read_text()
    _, train = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (tmp_path / "train.py").write_text(train)
    lines = [text.splitlines()[-1] for text in launched(tmp_path / "train.py")]
    assert "\n".join(lines) + "\n" == re.search(r"```text\n(.*?)```", page, re.DOTALL)[1]
