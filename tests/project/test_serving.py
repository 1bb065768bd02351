"""gunicorn as it runs: what becomes of connections, also of idle, silent and deaf ones, and of those at a stop."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import pytest

from service.intake.worker import TURN_S, Acceptor

SLOW = """
import asyncio, pathlib

async def app(scope, receive, send):
    assert scope["type"] == "http"
    pathlib.Path("begun").touch()
    await asyncio.sleep(0.5)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
    await send({"type": "http.response.body", "body": b"done"})
"""

LARGE = """
async def app(scope, receive, send):
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"30000000")]})
    await send({"type": "http.response.body", "body": b"x" * 30_000_000})
"""


def test_real_server_starts_and_stops_cleanly(repository: Path, tmp_path: Path) -> None:
    """With a home that cannot be written, pinned workers, and a request under way when it is told to stop."""
    process, port = started(
        repository, tmp_path, SLOW, workers=2, stderr=subprocess.PIPE, HOME="/nonexistent", PIN_WORKERS="1"
    )
    try:
        with connected(port) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            await_file(tmp_path / "begun")
            process.terminate()
            assert b"done" in read_all(connection)
        # A worker that is told to stop while it is still starting does not hear it and is killed after
        # graceful_timeout (20 s): on a slow machine this takes so long, and is a clean stop all the same.
        assert process.wait(timeout=40) == 0
        assert b"control" not in (process.stderr.read() if process.stderr else b"").lower()
    finally:
        process.kill()
        process.wait()


def test_idle_connections_do_not_hold_up_a_stop(repository: Path, tmp_path: Path) -> None:
    """One that was never used, and one that is kept open after an answer; what is under way on a third is finished."""
    process, port = started(repository, tmp_path, SLOW, workers=1)
    try:
        with connected(port), connected(port) as kept, connected(port) as busy:
            kept.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b"done" in kept.recv(4096)
            busy.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            time.sleep(0.2)
            began = time.monotonic()
            process.terminate()
            assert b"done" in read_all(busy)
            assert process.wait(timeout=40) == 0
            assert time.monotonic() - began < 8
    finally:
        process.kill()
        process.wait()


def test_connection_on_which_nothing_is_asked_is_hung_up(hasty: Callable[[str], int]) -> None:
    """So is one on which the headers do not come to an end; one that has been of use is kept."""
    port = hasty(SLOW)
    with connected(port) as silent, connected(port) as half, connected(port) as kept:
        half.sendall(b"GET / HTTP/1.1\r\nHo")
        kept.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"done" in kept.recv(4096)
        assert read_all(silent) == read_all(half) == b""
        kept.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"done" in kept.recv(4096)


def test_who_does_not_read_an_answer_is_hung_up(hasty: Callable[[str], int]) -> None:
    port = hasty(LARGE)
    with connected(port) as deaf:
        deaf.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        time.sleep(4)
        assert len(read_all(deaf)) < 30_000_000


def test_length_of_too_many_digits_is_answered_and_no_error(
    hasty: Callable[[str], int], capfd: pytest.CaptureFixture[str]
) -> None:
    """More than Python reads as a number. An error for each would let any stranger fill the log."""
    port = hasty(SLOW)
    with connected(port) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: " + b"0" * 5000 + b"1\r\n\r\nx")
        assert read_all(connection).startswith(b"HTTP/1.1 400 ")
    assert "Traceback" not in capfd.readouterr().err


def test_who_has_just_connected_when_a_worker_stops_is_answered(repository: Path, tmp_path: Path) -> None:
    """A request comes a little after its connection: to a worker that is being replaced it is no idle one."""
    process, port = started(repository, tmp_path, SLOW.replace("0.5", "0"), workers=1)
    over = threading.Event()

    def ask() -> list[bytes]:
        answers = []
        while not over.is_set():
            with connected(port) as connection:
                time.sleep(0.05)
                connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                answers.append(read_all(connection)[-4:])
        return answers

    try:
        connected(port).close()
        with ThreadPoolExecutor(8) as askers:
            asked = [askers.submit(ask) for _ in range(8)]
            for _ in range(2):
                time.sleep(1)
                process.send_signal(signal.SIGHUP)
            time.sleep(3)
            over.set()
            assert {answer for one in asked for answer in one.result()} == {b"done"}
    finally:
        over.set()
        process.kill()
        process.wait()


@pytest.fixture
def hasty(repository: Path, tmp_path: Path) -> Iterator[Callable[[str], int]]:
    """Serves an application with a worker that waits for a second where ours waits for half a minute; its port."""
    running = []

    def served(application: str) -> int:
        (tmp_path / "hasty.py").write_text(
            "from service.intake import worker\nworker.FIRST_S = worker.UNREAD_S = 1.5\nWorker = worker.Worker"
        )
        process, port = started(repository, tmp_path, application, options=("--worker-class", "hasty.Worker"))
        running.append(process)
        return port

    yield served
    for process in running:
        process.kill()
        process.wait()


@pytest.fixture
def pair(repository: Path, tmp_path: Path) -> Iterator[tuple[int, list[int]]]:
    """A port, and the two workers that serve it."""
    process, port = started(repository, tmp_path, SLOW, workers=2)
    try:
        connected(port).close()
        yield port, listening(process.pid, 2)
    finally:
        process.kill()
        process.wait()


def test_burst_is_queued_while_no_worker_takes_any(pair: tuple[int, list[int]]) -> None:
    """More connections than asyncio's own backlog (100)."""
    port, workers = pair
    for worker in workers:
        os.kill(worker, signal.SIGSTOP)
    with contextlib.ExitStack() as burst:
        for _ in range(300):
            burst.enter_context(socket.create_connection(("127.0.0.1", port), timeout=2))
        for worker in workers:
            os.kill(worker, signal.SIGCONT)
        held = taken(workers, 300)
    assert min(held) > 75, held


def test_worker_lets_others_take_the_next_connection() -> None:
    """Kept-alive connections stay where they are: on one worker, a burst would leave the other cores idle."""
    moments: list[float] = []

    class Connection(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            moments.append(time.perf_counter())
            transport.close()

    async def burst(listening: socket.socket) -> None:
        acceptor = Acceptor(Connection, listening, None, 16, print)
        while len(moments) < 16:
            await asyncio.sleep(0.001)
        acceptor.close()
        await acceptor.wait_closed()

    with contextlib.ExitStack() as stack:
        listening = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        for _ in range(16):
            stack.enter_context(socket.create_connection(listening.getsockname()))
        asyncio.run(asyncio.wait_for(burst(listening), 10))
    assert min(later - earlier for earlier, later in pairwise(moments)) > 0.8 * TURN_S


def taken(workers: list[int], count: int) -> list[int]:
    """The sockets of each worker, as soon as there are so many."""
    deadline = time.monotonic() + 10
    while sum(held := [sockets_of(worker) for worker in workers]) < count:
        assert time.monotonic() < deadline, held
        time.sleep(0.02)
    return held


def listening(arbiter: int, count: int) -> list[int]:
    """gunicorn's workers, as soon as so many of them wait for connections."""
    children = Path(f"/proc/{arbiter}/task/{arbiter}/children")
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        workers = [int(pid) for pid in children.read_text().split()]
        if len(workers) == count and all("anon_inode:[eventpoll]" in files_of(pid) for pid in workers):
            return workers
        time.sleep(0.05)
    raise AssertionError("gunicorn's workers do not listen")


def files_of(pid: int) -> list[str]:
    found = []
    for file in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # just closed
            found.append(os.readlink(file))
    return found


def sockets_of(pid: int) -> int:
    return sum(file.startswith("socket:") for file in files_of(pid))


def started(
    repository: Path,
    directory: Path,
    application: str,
    *,
    workers: int = 1,
    options: tuple[str, ...] = (),
    stderr: int | None = None,
    **environ: str,
) -> tuple["subprocess.Popen[bytes]", int]:
    """gunicorn as the project sets it up, which serves this application; and its port."""
    (directory / "served.py").write_text(application)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    given = {"PORT": str(port), "WEB_CONCURRENCY": str(workers), "PYTHONPATH": str(repository), **environ}
    config = ("--config", str(repository / "config" / "gunicorn.conf.py"), *options)
    command = [sys.executable, "-m", "gunicorn", *config, "served:app"]
    return subprocess.Popen(command, cwd=directory, env={**os.environ, **given}, stderr=stderr), port


def connected(port: int) -> socket.socket:
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=10)
        except OSError:
            time.sleep(0.05)
    raise AssertionError("gunicorn did not start")


def await_file(path: Path) -> None:
    deadline = time.monotonic() + 10
    while not path.exists():
        assert time.monotonic() < deadline, "the request was not begun"
        time.sleep(0.01)


def read_all(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(4096), b""))
