"""How gunicorn is set up, read by gunicorn itself; and the two hooks that place workers on cores."""

import asyncio
import contextlib
import os
import runpy
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
from types import SimpleNamespace
from typing import Any

import pytest
from gunicorn.app.wsgiapp import WSGIApplication
from gunicorn.config import Config

from service.intake.worker import TURN_S, Acceptor

Load = Callable[..., Config]

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


@pytest.fixture
def load(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Load the file as `gunicorn --config` does, with these environment variables and none of the machine's."""

    def loaded(**environ: str) -> Config:
        for name in ("HOST", "PORT", "WEB_CONCURRENCY", "PIN_WORKERS", "LOG_LEVEL"):
            monkeypatch.delenv(name, raising=False)
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        path = str(repository / "config" / "gunicorn.conf.py")
        monkeypatch.setattr("sys.argv", ["gunicorn", "--config", path, "service.app:create_front()"])
        application = WSGIApplication()  # type: ignore[no-untyped-call]
        config: Config | None = application.cfg
        assert config is not None
        return config

    return loaded


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("control_socket_disable", True),
        ("keepalive", 75),
        ("preload_app", True),
        ("worker_class_str", "service.intake.worker.Worker"),
        ("accesslog", None),
        ("forwarded_allow_ips", []),
        ("forwarder_headers", []),
        ("limit_request_fields", 64),
        ("graceful_timeout", 20),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_setting_is_what_was_measured(load: Load, setting: str, value: object) -> None:
    assert getattr(load(), setting) == value


def test_heartbeat_file_is_kept_in_memory(load: Load) -> None:
    assert load().worker_tmp_dir == ("/dev/shm" if os.access("/dev/shm", os.W_OK) else None)


@pytest.mark.parametrize(
    ("environ", "address"),
    [
        ({}, ("127.0.0.1", 8080)),
        ({"HOST": "0.0.0.0", "PORT": "9000"}, ("0.0.0.0", 9000)),
        ({"HOST": "::1", "PORT": ""}, ("::1", 8080)),
    ],
    ids=["defaults", "given", "ipv6"],
)
def test_address_comes_from_environment(load: Load, environ: dict[str, str], address: tuple[str, int]) -> None:
    assert load(**environ).address == [address]


def test_workers_come_from_environment(load: Load) -> None:
    assert load(WEB_CONCURRENCY="3").workers == 3


def test_log_level_of_parts_is_not_gunicorns(load: Load) -> None:
    assert load(LOG_LEVEL="WARNING,service.reconcile=DEBUG").loglevel == "warning"


def test_workers_share_a_directory_for_metrics(load: Load) -> None:
    config = load()
    assert Path(config.env["PROMETHEUS_MULTIPROC_DIR"]).is_dir()
    assert config.env == load().env  # also after a reload: counters go on


def test_reload_gives_slots_beyond_the_cores(load: Load) -> None:
    config = load(WEB_CONCURRENCY="2")
    living = {pid: SimpleNamespace(core=slot, slot=slot) for pid, slot in enumerate([0, 1])}
    worker: Any = SimpleNamespace()
    config.pre_fork(SimpleNamespace(WORKERS=living), worker)
    assert worker.slot == 2


@pytest.mark.parametrize("text", ["0", "-1", "many", "1.5"])
def test_impossible_number_of_workers_stops_start(load: Load, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        load(WEB_CONCURRENCY=text)
    assert "WEB_CONCURRENCY must be a whole number above 0" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("quota", "allowed"),
    [("max 100000\n", None), ("50000 100000\n", 1), ("150000 100000\n", 2), ("nonsense\n", None)],
    ids=["none", "half_a_core", "one_and_a_half", "unreadable"],
)
def test_container_quota_bounds_the_cores(repository: Path, tmp_path: Path, quota: str, allowed: int | None) -> None:
    namespace = runpy.run_path(str(repository / "config" / "gunicorn.conf.py"))
    file = tmp_path / "cpu.max"
    file.write_text(quota)
    namespace["cores"].__globals__["CPU_QUOTA"] = file
    machine = len(os.sched_getaffinity(0))
    assert namespace["cores"]() == min(machine, allowed or machine)


def test_new_worker_takes_the_core_set_free(load: Load) -> None:
    config = load(WEB_CONCURRENCY="4")
    living = {pid: SimpleNamespace(core=core) for pid, core in enumerate([0, 2, 3])}
    worker: Any = SimpleNamespace()
    config.pre_fork(SimpleNamespace(WORKERS=living), worker)
    assert worker.core == 1


@pytest.mark.parametrize(("pin", "tied"), [("1", True), ("", False)], ids=["asked", "not_asked"])
def test_worker_is_tied_only_if_asked(load: Load, pin: str, tied: bool) -> None:
    before = os.sched_getaffinity(0)
    last = max(before)
    try:
        load(PIN_WORKERS=pin).post_fork(None, SimpleNamespace(core=len(before) - 1, slot=0))
        assert os.sched_getaffinity(0) == ({last} if tied else before)
    finally:
        os.sched_setaffinity(0, before)


def test_real_server_starts_and_stops_cleanly(repository: Path, tmp_path: Path) -> None:
    """With a home that cannot be written, pinned workers, and a request under way when it is told to stop."""
    (tmp_path / "slow.py").write_text(SLOW)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    environ = {**os.environ, "HOME": "/nonexistent", "PORT": str(port), "WEB_CONCURRENCY": "2", "PIN_WORKERS": "1"}
    config = str(repository / "config" / "gunicorn.conf.py")
    command = [sys.executable, "-m", "gunicorn", "--config", config, "slow:app"]
    process = subprocess.Popen(command, cwd=tmp_path, env=environ, stderr=subprocess.PIPE, text=True)
    try:
        with connected(port) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            await_file(tmp_path / "begun")
            process.terminate()
            assert b"done" in read_all(connection)
        # A worker that is told to stop while it is still starting does not hear it and is killed after
        # graceful_timeout (20 s): on a slow machine this takes so long, and is a clean stop all the same.
        assert process.wait(timeout=40) == 0
        assert "control" not in (process.stderr.read() if process.stderr else "").lower()
    finally:
        process.kill()
        process.wait()


def test_idle_connections_do_not_hold_up_a_stop(repository: Path, tmp_path: Path) -> None:
    """One that was never used, and one that is kept open after an answer; what is under way on a third is finished."""
    (tmp_path / "slow.py").write_text(SLOW)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    environ = {**os.environ, "PORT": str(port), "WEB_CONCURRENCY": "1"}
    config = str(repository / "config" / "gunicorn.conf.py")
    process = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "--config", config, "slow:app"], cwd=tmp_path, env=environ
    )
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
    (tmp_path / "quick.py").write_text(SLOW.replace("0.5", "0"))
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    environ = {**os.environ, "PORT": str(port), "WEB_CONCURRENCY": "1"}
    config = str(repository / "config" / "gunicorn.conf.py")
    process = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "--config", config, "quick:app"], cwd=tmp_path, env=environ
    )
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
    started = []

    def served(application: str) -> int:
        (tmp_path / "served.py").write_text(application)
        (tmp_path / "hasty.py").write_text(
            "from service.intake import worker\nworker.FIRST_S = worker.UNREAD_S = 1.5\nWorker = worker.Worker"
        )
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = int(probe.getsockname()[1])
        environ = {**os.environ, "PORT": str(port), "WEB_CONCURRENCY": "1", "PYTHONPATH": str(repository)}
        config = ["--config", str(repository / "config" / "gunicorn.conf.py"), "--worker-class", "hasty.Worker"]
        command = [sys.executable, "-m", "gunicorn", *config, "served:app"]
        started.append(subprocess.Popen(command, cwd=tmp_path, env=environ))
        return port

    yield served
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture
def pair(repository: Path, tmp_path: Path) -> Iterator[tuple[int, list[int]]]:
    """A port, and the two workers that serve it."""
    (tmp_path / "slow.py").write_text(SLOW)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    environ = {**os.environ, "PORT": str(port), "WEB_CONCURRENCY": "2"}
    config = str(repository / "config" / "gunicorn.conf.py")
    process = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "--config", config, "slow:app"], cwd=tmp_path, env=environ
    )
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
