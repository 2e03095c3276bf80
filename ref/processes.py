"""Several processes, on one host or on many: how they come together, and how they end.

`join` makes this process one of several, after which `jax.devices()` has the devices of all. `launch` runs a script in
several processes of this host.

By itself JAX leaves the end to a crash: where a process never comes, the others abort, without an exception and without
telling who is missing; where one dies, a sum over the devices raises in the others, or waits until JAX misses a sign of
life and aborts. So the processes meet here first, at the same address, and JAX starts when all are there. Their
connections stay, though nothing more is said: the system closes those of a process that ends, in whatever way, and by
that the others know.
"""

import atexit
import contextlib
import inspect
import math
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Sequence
from typing import IO, Any, NoReturn

import jax

POLL = 0.05  # seconds between two looks at what others do
LAST_LINES, LAST_CHARACTERS = 20, 4000
Links = dict[
    int, socket.socket
]  # to other processes, by their index: process 0 has one to each, each has one to it


def join(
    address: str, processes: int | str, index: int | str, *, seconds: float = 60, silence: int = 10
) -> None:
    """Makes this process number `index`, from 0, of `processes`; returns when all are there.

    `address` is "host:port" with the host of process 0 and a port that is free there. The numbers may be text, as they
    stand in sys.argv. Comes before all else that asks JAX for devices. Raises ValueError where the numbers do not fit
    each other, TimeoutError where not all are there after `seconds`, OSError where process 0 cannot have the port.

    When one ends too early (an exception, a signal, os._exit) all others say so on standard error and end at once, with
    status 1. When a host is cut off, JAX ends the others some `silence` seconds later, with status 134. At its end, and
    after sys.exit, a process waits up to `seconds` for the others. One that hangs is not noticed: that takes a limit
    from outside, such as that of `launch`.
    """
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 2**16:
        raise ValueError(f"address is {address!r}, expected host:port: write '127.0.0.1:12345'")
    processes, index = int(processes), int(index)
    if not 0 <= index < processes:
        raise ValueError(
            f"found process {index} of {processes}, expected one of 0 to {processes - 1}"
        )
    meet = _receive if index == 0 else _come
    links = meet((host.strip("[]"), int(port)), processes, index, seconds)
    for other in links:
        threading.Thread(target=_listen, args=(links, other, processes, index), daemon=True).start()
    atexit.register(_leave, links)  # comes before JAX's own exit, which is older and waits for all
    limits: dict[str, Any] = {
        "initialization_timeout": math.ceil(seconds),
        "heartbeat_timeout_seconds": silence,
    }
    if (
        "shutdown_timeout_seconds" in inspect.signature(jax.distributed.initialize).parameters
    ):  # not in JAX 0.8
        limits["shutdown_timeout_seconds"] = math.ceil(seconds)
    jax.distributed.initialize(
        address, processes, index, coordinator_bind_address=address, **limits
    )


def _receive(address: tuple[str, int], processes: int, index: int, seconds: float) -> Links:
    """Process 0 waits for the others, and tells all of them how it came out."""
    deadline, outcome = time.monotonic() + seconds, ""
    links, came = Links(), []
    try:
        server = socket.create_server(address, backlog=processes)
    except OSError as error:
        raise OSError(
            f"process 0 cannot have {address[0]}:{address[1]} ({error.strerror}): take an address of its own host, and "
            "a port that is free"
        ) from error
    with server:
        while (
            len(links) < processes - 1 and not outcome and (left := deadline - time.monotonic()) > 0
        ):
            server.settimeout(left)
            with contextlib.suppress(OSError, ValueError):  # the time is over, or it was a stranger
                peer, _ = server.accept()
                came.append(peer)
                peer.settimeout(1)
                of, other = map(int, _line(peer).split())
                if of != processes:
                    outcome = f"wrong process {other} was told of {of} processes, process 0 of {processes}"
                elif other in links:
                    outcome = f"wrong there are two processes with the index {other}"
                links[other] = peer
    if missing := sorted(set(range(1, processes)) - set(links)):
        outcome = outcome or (
            f"late {len(links) + 1} of {processes} processes are at {address[0]}:{address[1]} after {seconds:g} s, "
            f"missing {', '.join(map(str, missing))}: start them with this address, or see why they ended"
        )
    for peer in came:
        _say(peer, outcome or "all")
        if outcome or peer not in links.values():
            peer.close()
    _raise(outcome)
    return links


def _come(address: tuple[str, int], processes: int, index: int, seconds: float) -> Links:
    """Any other process goes to process 0, again and again until somebody is there, and hears how it came out."""
    deadline, outcome = time.monotonic() + seconds, ""
    found, start = "nobody", "process 0 there, or see why it ended"
    while not outcome and (left := deadline - time.monotonic()) > 0:
        with contextlib.suppress(OSError):
            peer = socket.create_connection(address, timeout=left)
            if (
                peer.getsockname() != peer.getpeername()
            ):  # a port that nobody has may get through to itself
                found, start = "not all the others", "those that are missing, or see why they ended"
                _say(peer, f"{processes} {index}")
                peer.settimeout(
                    left + 1
                )  # so that process 0, whose time ends too, can tell who is missing
                outcome = _line(peer)
                if outcome == "all":
                    return {0: peer}
            peer.close()
        time.sleep(POLL)
    _raise(
        outcome
        or f"late process {index} of {processes} found {found} at {address[0]}:{address[1]} after {seconds:g} s: "
        f"start {start}"
    )
    return {}


def _raise(outcome: str) -> None:
    kind, _, message = outcome.partition(" ")
    if kind == "late":
        raise TimeoutError(message)
    if kind == "wrong":
        raise ValueError(
            f"{message}: write the same number of processes in all, and in each another index"
        )


def _say(peer: socket.socket, text: str) -> None:
    with contextlib.suppress(OSError):
        peer.sendall(f"{text}\n".encode())


def _line(peer: socket.socket) -> str:
    line = b""
    while not line.endswith(b"\n"):
        byte = peer.recv(1)  # what follows the line is left to the next who asks
        if not byte or len(line) == 1000:
            raise ConnectionError("found no line")
        line += byte
    return line.decode().strip()


def _listen(links: Links, other: int, processes: int, index: int) -> None:
    """Ends this process when another one ends that has not said goodbye."""
    links[other].settimeout(None)
    try:
        said = _line(links[other])
    except OSError:
        said = f"process {other} of {processes} ended too early, see what it wrote"
    if said != "goodbye":
        for link in links.values():
            _say(link, said)
        print(f"process {index} of {processes} stops: {said}", file=sys.stderr)
        _exit()


def _leave(links: Links) -> None:
    error = getattr(sys, "last_value", None)
    if error is None:
        for link in links.values():
            _say(link, "goodbye")
        return
    if "Gloo" in str(error):
        time.sleep(1)  # whoever listens knows whom we lost, and is to have the last word
    _exit()


def _exit() -> NoReturn:
    """Without waiting for the others, as JAX would."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(1)


def launch(
    script: str | os.PathLike[str], processes: int, *arguments: str, seconds: float
) -> tuple[str, ...]:
    """What each of `processes` processes on this host wrote that ran `python SCRIPT ADDRESS PROCESSES INDEX ARGUMENTS`.

    The script calls `ref.join(*sys.argv[1:4])`. Raises RuntimeError when the first of them ends with another status
    than 0, and TimeoutError when they have not all ended after `seconds`, with the last lines that were written. In any
    case, also when it is interrupted, nothing that they started is left running.
    """
    if processes < 1:
        raise ValueError(f"processes is {processes!r}, expected at least 1")
    start, workers = time.monotonic(), list[subprocess.Popen[bytes]]()
    statuses: list[int | None] = [None] * processes
    with contextlib.ExitStack() as stack:
        address = f"127.0.0.1:{_kept_port(stack)}"
        files = [stack.enter_context(tempfile.TemporaryFile()) for _ in range(processes)]
        try:
            for index, file in enumerate(files):
                command = [
                    sys.executable,
                    os.fspath(script),
                    address,
                    str(processes),
                    str(index),
                    *arguments,
                ]
                workers.append(
                    subprocess.Popen(
                        command,
                        stdin=subprocess.DEVNULL,
                        stdout=file,
                        stderr=subprocess.STDOUT,
                        start_new_session=True,
                    )
                )
            while None in statuses and not any(statuses) and time.monotonic() - start < seconds:
                time.sleep(POLL)
                statuses = [worker.poll() for worker in workers]
        finally:
            _end(workers)
        texts = tuple(map(_text, files))
    if failed := {index: status for index, status in enumerate(statuses) if status}:
        how = (
            f"process {index} of {processes} {_ending(status)}" for index, status in failed.items()
        )
        others = "" if len(failed) == processes else "; the others were stopped"
        raise RuntimeError(
            f"{' and '.join(how)} after {time.monotonic() - start:.1f} s{others}{_last(texts, failed)}"
        )
    if late := [index for index, status in enumerate(statuses) if status is None]:
        raise TimeoutError(
            f"{len(late)} of {processes} processes had not ended after {seconds:g} s, they were stopped"
            f"{_last(texts, late)}"
        )
    return texts


def _kept_port(stack: contextlib.ExitStack) -> int:
    """A free port that stays ours without anybody listening: the system gives it to no one who asks for any port, but
    lets process 0, and then JAX, listen there, since they ask for that one."""
    port = stack.enter_context(socket.socket())
    for option in (socket.SO_REUSEADDR, getattr(socket, "SO_REUSEPORT", socket.SO_REUSEADDR)):
        port.setsockopt(socket.SOL_SOCKET, option, 1)
    port.bind(("127.0.0.1", 0))
    return int(port.getsockname()[1])


def _end(workers: Sequence[subprocess.Popen[bytes]]) -> None:
    for worker in workers:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(worker.pid, signal.SIGKILL)  # SIGTERM JAX only takes a note of
    for worker in workers:
        worker.wait()


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")


def _ending(status: int) -> str:
    return (
        f"ended with status {status}"
        if status > 0
        else f"ended by signal {-status}, {signal.strsignal(-status)},"
    )


def _last(texts: Sequence[str], indices: Iterable[int]) -> str:
    lines = []
    for index in indices:
        last = "\n".join(texts[index].splitlines()[-LAST_LINES:])
        lines += ["", f"last lines of process {index}:", last[-LAST_CHARACTERS:]]
    return "\n".join(lines)
