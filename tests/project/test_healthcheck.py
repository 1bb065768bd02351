"""The container's health check: right about life and death, within its time, and next to free."""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

HEAVY = {"flask", "twilio", "redis", "pydantic", "http.client", "urllib.request", "email", "ssl", "logging", "asyncio"}


@contextmanager
def server(*pieces: bytes, pause_s: float = 0.0) -> Iterator[int]:
    """Yields the port of a server for one connection: it sends the pieces, with a pause before each."""
    listener = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        try:
            connection, _ = listener.accept()
        except OSError:  # nobody came
            return
        with connection:
            connection.recv(4096)
            for piece in pieces:
                time.sleep(pause_s)
                try:
                    connection.sendall(piece)
                except OSError:  # the check has gone, as it should
                    return

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.close()
        thread.join(timeout=10)


def check(repository: Path, port: int, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-I", "-S", *arguments, str(repository / "service" / "healthcheck.py")]
    environ = {**os.environ, "PORT": str(port)}
    return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=10, check=False)


@pytest.mark.parametrize(
    ("pieces", "code"),
    [
        ((b"HTTP/1.1 200 OK\r\n\r\n",), 0),
        ((b"HTTP/1.1 2", b"04 No Content\r\n\r\n"), 0),
        ((b"HTTP/1.1 503 Service Unavailable\r\n\r\n",), 1),
        ((b"HTTP/1.1 302 Found\r\n\r\n",), 1),
        ((b"",), 1),
        ((b"hello",), 1),
    ],
    ids=["ok", "in_pieces", "unavailable", "redirect", "silence", "no_http"],
)
def test_exit_code_says_whether_alive(repository: Path, pieces: tuple[bytes, ...], code: int) -> None:
    with server(*pieces, pause_s=0.01) as port:
        assert check(repository, port).returncode == code


def test_nobody_listening_is_not_alive(repository: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert check(repository, port).returncode == 1


def test_dripping_answer_ends_within_budget(repository: Path) -> None:
    with server(*[b"H"] * 14, pause_s=0.5) as port:
        started = time.monotonic()
        assert check(repository, port).returncode == 1
        assert time.monotonic() - started < 3.0  # what the container allows


def test_check_imports_nothing_heavy(repository: Path) -> None:
    with server(b"HTTP/1.1 200 OK\r\n\r\n") as port:
        done = check(repository, port, "-X", "importtime")
    imported = {line.rsplit("|", 1)[1].strip() for line in done.stderr.splitlines() if "|" in line}
    assert done.returncode == 0
    assert "socket" in imported
    assert imported & HEAVY == set()
