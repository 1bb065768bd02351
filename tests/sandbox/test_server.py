"""The process: it starts, keeps connections, stands many of them, and ends cleanly."""

import http.client
import signal
import subprocess
import sys
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from service.sandbox.server import RunningSandbox, SandboxOptions, start_sandbox
from tests.sandbox.calls import Caller

START = """
import logging
from service.sandbox.server import SandboxOptions, serve_sandbox
logging.basicConfig(level="INFO")
serve_sandbox(SandboxOptions(port=0))
"""


@contextmanager
def process(repository: Path) -> Iterator["subprocess.Popen[str]"]:
    started = subprocess.Popen([sys.executable, "-c", START], cwd=repository, stderr=subprocess.PIPE, text=True)
    try:
        yield started
    finally:
        started.kill()
        started.wait()


@pytest.mark.parametrize("asked", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_it_cleanly(repository: Path, asked: signal.Signals) -> None:
    with process(repository) as started:
        assert started.stderr is not None
        assert "sandbox.started" in started.stderr.readline()
        started.send_signal(asked)
        assert started.wait(10) == 0


def test_connection_is_kept_alive(sandbox: RunningSandbox, caller: Caller) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", sandbox.port)
    sockets = []
    for path in ("/sandbox/v1/info", "/v1/Nothing", "/sandbox/v1/judge"):
        connection.request("GET", path)
        connection.getresponse().read()
        sockets.append(connection.sock)
    assert sockets[0] is not None
    assert sockets == [sockets[0]] * 3
    connection.close()


@pytest.mark.parametrize(
    "headers", [{"Content-Length": str(2 * 1024 * 1024)}, {"Transfer-Encoding": "chunked"}], ids=["large", "chunked"]
)
def test_body_that_cannot_be_read_is_refused(sandbox: RunningSandbox, headers: dict[str, str]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", sandbox.port)
    connection.putrequest("POST", "/v1/Interactions")
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()


def test_hundred_connections_are_served_at_once(sandbox: RunningSandbox, caller: Caller) -> None:
    login = b64encode(f"{caller.info['account_sid']}:{caller.info['auth_token']}".encode()).decode()
    connections = [http.client.HTTPConnection("127.0.0.1", sandbox.port, timeout=30) for _ in range(100)]
    statuses: list[int] = []

    def ask(connection: http.client.HTTPConnection) -> None:
        for _ in range(3):
            connection.request("GET", caller.workspace, headers={"Authorization": f"Basic {login}"})
            response = connection.getresponse()
            response.read()
            statuses.append(response.status)

    threads = [threading.Thread(target=ask, args=(connection,)) for connection in connections]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert statuses == [200] * 300


def test_parallel_escalations_each_get_one_task(caller: Caller) -> None:
    sids = [caller.told("POST", "/conversations", {"channel_type": "sms"})["conversation_sid"] for _ in range(20)]
    threads = [threading.Thread(target=Caller(caller.base_url).escalate, args=(sid,)) for sid in sids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert [len(caller.told("GET", f"/conversations/{sid}")["tasks"]) for sid in sids] == [1] * 20


def test_api_key_is_accepted_where_given() -> None:
    key = ("SK" + "0" * 32, "secret")
    running = start_sandbox(SandboxOptions(port=0, api_key=key[0], api_secret=key[1]))
    try:
        caller = Caller(running.base_url)
        caller.session.auth = key
        assert caller.get(caller.workspace).status_code == 200
        caller.session.auth = (key[0], "guess")
        assert caller.get(caller.workspace).status_code == 401
    finally:
        running.close()


def test_taken_port_is_told(sandbox: RunningSandbox) -> None:
    with pytest.raises(OSError, match="in use"):
        start_sandbox(SandboxOptions(port=sandbox.port))


def test_links_lead_to_where_the_caller_came(sandbox: RunningSandbox, caller: Caller) -> None:
    url = f"http://localhost:{sandbox.port}{caller.workspace}"
    body = caller.session.get(url, timeout=10).json()
    assert body["links"]["tasks"] == f"{url}/Tasks"
