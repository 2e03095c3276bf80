"""`ref` on 8 simulated devices, and in two processes, against one device; and processes that never come or die."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import chex
import jax
import numpy as np
import pytest
from on_devices import ACTIVATIONS, BATCH, MESHES, ROUNDED, WIDTHS, named, problem

import manual
import ref

HERE = Path(__file__).parent
LIMIT = 60  # seconds for what takes five
jitted = jax.jit(ref.value_and_grad, static_argnames=("activations", "loss", "reduction"))


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
    one = named(*jitted(*problem(), activations=ACTIVATIONS))
    found = on_devices["meshes"][mesh]["found"]
    assert found.keys() == one.keys() == expected.keys()
    for name, right in expected.items():
        assert np.array_equal(found[name], right), name
        assert np.array_equal(one[name], right), name


@pytest.mark.parametrize("mesh", MESHES)
def test_every_loss_and_activation_will_do(on_devices, mesh):
    one = named(*jitted(*problem(), **ROUNDED))
    found = {
        name: np.asarray(a, np.float32) for name, a in on_devices["meshes"][mesh]["rounded"].items()
    }
    chex.assert_trees_all_close(
        found, {name: np.asarray(a) for name, a in one.items()}, rtol=1e-4, atol=1e-4
    )


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
    """One sum over "data", of the gradient. Over "model" one forward for each of two pairs, one backward between them,
    and one for the shared bias of a layer that is divided."""
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
    with pytest.raises(ValueError, match="found loss 'absolute'"):
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


def test_two_processes_have_the_gradients_of_one_device(expected):
    for text in ref.launch(HERE / "on_processes.py", 2, seconds=LIMIT):
        found = json.loads(text.splitlines()[-1])
        assert len(found["same"]) == 3 * len(expected)
        assert all(found["same"].values()), found["same"]
        rows, parameters, odd = found["refused"]
        assert rows.startswith("the processes come with [8, 6] rows of x")
        assert parameters.startswith("the processes come with different parameters")
        assert odd.startswith("x has 7 examples in each process, expected a multiple of 2")


def test_a_process_that_dies_ends_the_other():
    """Each is started by hand, so that only `join` can end the one that is left."""
    command = [sys.executable, str(HERE / "on_processes.py"), f"127.0.0.1:{free_port()}", "2"]
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    pair = [subprocess.Popen([*command, str(index), "die"], **options) for index in (0, 1)]
    try:
        left, _ = pair[0].communicate(timeout=LIMIT)
        pair[1].communicate(timeout=LIMIT)
    finally:
        for process in pair:
            process.kill()
    assert pair[1].returncode == -signal.SIGKILL
    assert pair[0].returncode == 1, left
    assert (
        left.splitlines()[-1]
        == "process 0 of 2 stops: process 1 of 2 ended too early, see what it wrote"
    )


def test_a_process_that_says_goodbye_ends_nobody(monkeypatch):
    monkeypatch.delattr(
        sys, "last_value", raising=False
    )  # a test that failed before would be an exception here
    monkeypatch.setattr(os, "_exit", lambda status: pytest.fail(f"ends with status {status}"))
    mine, theirs = socket.socketpair()
    with mine, theirs:
        ref.processes._leave({1: mine})
        mine.close()
        ref.processes._listen({0: theirs}, 0, 2, 1)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def joined(numbers, seconds=0.5):
    """What `join` raises in each of several processes, of which threads play the part, for it comes before JAX's."""
    address, errors = f"127.0.0.1:{free_port()}", {}

    def play(place):
        try:
            ref.join(address, *numbers[place], seconds=seconds)
        except Exception as error:
            errors[place] = error

    threads = [threading.Thread(target=play, args=(place,)) for place in range(len(numbers))]
    start = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT)
    assert time.monotonic() - start < seconds + 5
    return [errors[place] for place in range(len(numbers))]


def test_a_process_that_never_comes_is_missed_by_all():
    errors = joined([(3, 0), ("3", "2")])
    for error in errors:
        assert isinstance(error, TimeoutError)
        assert "2 of 3 processes are at 127.0.0.1:" in str(error)
        assert "after 0.5 s, missing 1: start them" in str(error)


def test_process_0_that_never_comes_is_missed():
    (error,) = joined([(2, 1)])
    assert isinstance(error, TimeoutError)
    assert "process 1 of 2 found nobody at 127.0.0.1:" in str(error)
    assert "start process 0 there" in str(error)


def test_processes_with_wrong_numbers_are_told():
    for numbers, message in (
        ([(3, 0), (3, 1), (3, 1)], "two processes with the index 1"),
        ([(2, 0), (3, 1)], "process 1 was told of 3 processes, process 0 of 2"),
    ):
        errors = joined(numbers, seconds=LIMIT)
        assert isinstance(errors[0], ValueError)
        assert all(message in str(error) for error in errors), errors


def test_a_stranger_on_the_port_is_no_process():
    port = free_port()

    def call():
        for said in (b"", b"GET / HTTP/1.1\r\n\r\n", b"\xff\n"):
            for _ in range(100):
                with (
                    contextlib.suppress(ConnectionRefusedError),
                    socket.create_connection(("127.0.0.1", port)) as peer,
                ):
                    peer.sendall(said)
                    break
                time.sleep(0.01)

    stranger = threading.Thread(target=call)
    stranger.start()
    with pytest.raises(TimeoutError, match="1 of 2 processes are at"):
        ref.join(f"127.0.0.1:{port}", 2, 0, seconds=0.5)
    stranger.join()


def test_a_port_that_is_taken_is_refused():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(
            OSError,
            match=rf"process 0 cannot have 127\.0\.0\.1:{port} \(.*\): .*a port that is free",
        ):
            ref.join(f"127.0.0.1:{port}", 2, 0, seconds=0.1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("localhost", 2, 0), "expected host:port: write '127.0.0.1:12345'"),
        (("localhost:0", 2, 0), "expected host:port"),
        (("localhost:1234", 2, 2), "found process 2 of 2, expected one of 0 to 1"),
        (("localhost:1234", 2, -1), "found process -1 of 2"),
    ],
)
def test_numbers_that_do_not_fit_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        ref.join(*arguments, seconds=0.1)


# What is launched


@pytest.fixture
def script(tmp_path):
    """A script of some lines, in whose names `index` is its number; and the folder it may write to."""

    def write(lines):
        path = tmp_path / "script.py"
        path.write_text(
            f"import os, signal, subprocess, sys, time\nindex = int(sys.argv[3])\n{lines}\n"
        )
        return path

    return write


def test_what_they_wrote_comes_back_in_order(script):
    texts = ref.launch(script("print(*sys.argv[2:])"), 3, "rate=1", seconds=LIMIT)
    assert texts == tuple(f"3 {index} rate=1\n" for index in range(3))


@pytest.mark.parametrize(
    ("end", "message"),
    [
        ("sys.exit(7)", "process 1 of 2 ended with status 7 after"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "process 1 of 2 ended by signal 9, Killed, after"),
        (
            "raise KeyError('the figure')",
            r"process 1 of 2 ended with status 1 after.*\n.*\n(.*\n)*KeyError: 'the figure'",
        ),
    ],
)
def test_the_first_that_dies_is_named_and_the_others_are_stopped(script, end, message):
    start = time.monotonic()
    lines = f"print('here I am', flush=True)\nif index == 1: {end}\ntime.sleep({LIMIT})"
    with pytest.raises(RuntimeError, match=message) as caught:
        ref.launch(script(lines), 2, seconds=LIMIT)
    assert "the others were stopped\nlast lines of process 1:\nhere I am" in str(caught.value)
    assert time.monotonic() - start < LIMIT / 2


def test_a_message_has_an_end(script):
    with pytest.raises(RuntimeError, match="ended with status 3") as caught:
        ref.launch(script("print('x' * 10**7)\nsys.exit(3)"), 1, seconds=LIMIT)
    assert len(str(caught.value)) < 5000
    with pytest.raises(ValueError, match="processes is 0, expected at least 1"):
        ref.launch(script(""), 0, seconds=LIMIT)


def alive(pid):
    """A zombie, whose parent has not asked for its status, is not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


CHILDREN = """
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
with open(sys.argv[4], "a") as file: print(os.getpid(), child.pid, file=file)
"""


def all_ended(file):
    """Soon after, that is: whoever is killed takes a moment."""
    pids = [int(pid) for pid in file.read_text().split()]
    assert len(pids) == 4
    for _ in range(200):
        if not any(map(alive, pids)):
            return True
        time.sleep(0.01)
    return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")
def test_when_the_time_is_over_nothing_is_left_running(script, tmp_path):
    file = tmp_path / "pids"
    with pytest.raises(
        TimeoutError,
        match="1 of 2 processes had not ended after 1 s, they were stopped\nlast lines of",
    ):
        ref.launch(script(CHILDREN + "if index == 0: time.sleep(60)"), 2, str(file), seconds=1)
    assert all_ended(file)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")
def test_nor_when_it_is_interrupted(script, tmp_path):
    file = tmp_path / "pids"

    def interrupt():
        while not file.exists() or len(file.read_text().split()) < 4:
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    before = signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # a job in the background is started without one
    try:
        with pytest.raises(KeyboardInterrupt):
            ref.launch(script(CHILDREN + "time.sleep(60)"), 2, str(file), seconds=LIMIT)
    finally:
        signal.signal(signal.SIGINT, before)
    assert all_ended(file)
