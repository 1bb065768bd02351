"""The SDK's HTTP client against a server that misbehaves: bounded, honest, and never somebody else's answer."""

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from twilio.rest import Client

from service.errors import TwilioAmbiguousError, TwilioRefusedError, TwilioUnavailableError
from service.flex.breaker import OPEN, Breaker
from service.flex.faults import twilio_faults
from service.flex.http import BoundedHttpClient, budget
from service.flex.taskrouter import TaskRouter
from tests.conftest import sid

Answer = Callable[[socket.socket, bytes], None]


class Misbehaving:
    """A server that reads one request per connection and then does what it is told."""

    def __init__(self) -> None:
        self.answer: Answer = _reply(200, b"{}")
        self.requests: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._one, args=(connection,), daemon=True).start()

    def _one(self, connection: socket.socket) -> None:
        with connection:
            data = connection.recv(65536)
            self.requests.append(data)
            self.answer(connection, data)

    def close(self) -> None:
        self._listener.close()


def _reply(status: int, body: bytes, *headers: str) -> Answer:
    head = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return lambda connection, _: connection.sendall("\r\n".join(head).encode() + b"\r\n\r\n" + body)


def _reset(connection: socket.socket, _: bytes) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _hang(connection: socket.socket, _: bytes) -> None:
    connection.settimeout(20)
    connection.recv(1)


def _drip(connection: socket.socket, _: bytes) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    try:
        while True:
            connection.sendall(b"x")
            time.sleep(0.05)
    except OSError:
        return


@pytest.fixture
def server() -> Iterator[Misbehaving]:
    running = Misbehaving()
    yield running
    running.close()


def call(server: Misbehaving, method: str = "POST") -> object:
    http = BoundedHttpClient(base_url=server.url)
    return http.request(method, "https://flex-api.twilio.com/v1/Interactions", data={"Routing": "{}"}, auth=("a", "b"))


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (_reply(429, b"{}"), TwilioUnavailableError),
        (_reply(500, b"{}"), TwilioAmbiguousError),
        (_reply(503, b"{}"), TwilioAmbiguousError),
        (_reset, TwilioAmbiguousError),
        (_hang, TwilioAmbiguousError),
        (_drip, TwilioAmbiguousError),
        (lambda connection, _: connection.sendall(b"rubbish\r\n\r\n"), TwilioAmbiguousError),
        (
            lambda connection, _: connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"),
            TwilioAmbiguousError,
        ),
    ],
    ids=["429", "500", "503", "reset", "hang", "drip", "rubbish", "cut off"],
)
def test_bad_answer_becomes_named_fault(server: Misbehaving, answer: Answer, fault: type[Exception]) -> None:
    server.answer = answer
    with budget(0.5), pytest.raises(fault):
        call(server)
    assert len(server.requests) == 1, "a create must never be repeated by the client itself"


@pytest.mark.parametrize("answer", [_hang, _drip], ids=["hang", "drip"])
def test_budget_bounds_the_whole_call(server: Misbehaving, answer: Answer) -> None:
    server.answer = answer
    began = time.monotonic()
    with budget(0.4), pytest.raises(TwilioAmbiguousError):
        call(server)
    assert time.monotonic() - began < 2


def test_no_connection_is_surely_not_done() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    with pytest.raises(TwilioUnavailableError):
        BoundedHttpClient(base_url=url).request("POST", "https://flex-api.twilio.com/v1/Interactions")


def test_spent_budget_sends_nothing(server: Misbehaving) -> None:
    with budget(0), pytest.raises(TwilioUnavailableError):
        call(server)
    assert server.requests == []


def test_inner_budget_cannot_widen_outer(server: Misbehaving) -> None:
    server.answer = _hang
    began = time.monotonic()
    with budget(0.3), budget(30), pytest.raises(TwilioAmbiguousError):
        call(server)
    assert time.monotonic() - began < 2


def test_retry_after_is_kept(server: Misbehaving) -> None:
    server.answer = _reply(429, b"{}", "Retry-After: 7")
    with pytest.raises(TwilioUnavailableError) as caught:
        call(server)
    assert caught.value.retry_after_s == 7


@pytest.mark.parametrize("text", ["soon", "-1", "²", ""])
def test_odd_retry_after_is_passed_over(server: Misbehaving, text: str) -> None:
    head = f"HTTP/1.1 429 X\r\nContent-Length: 0\r\nConnection: close\r\nRetry-After: {text}\r\n\r\n"
    server.answer = lambda connection, _: connection.sendall(head.encode("latin-1"))
    with pytest.raises(TwilioUnavailableError) as caught:
        call(server)
    assert caught.value.retry_after_s is None


def test_parallel_calls_get_their_own_answers(server: Misbehaving) -> None:
    def echo(connection: socket.socket, data: bytes) -> None:
        name = data.split(b"/v1/", 1)[1].split(b" ", 1)[0]
        _reply(200, name)(connection, data)

    server.answer = echo
    http = BoundedHttpClient(base_url=server.url, connections=4)

    def one(number: int) -> bool:
        return http.request("GET", f"https://taskrouter.twilio.com/v1/{number}").text == str(number)

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(one, range(200)))


def workspace(server: Misbehaving) -> TaskRouter:
    client = Client(sid("AC", 1), "token", http_client=BoundedHttpClient(base_url=server.url))  # type: ignore[no-untyped-call]
    return TaskRouter(client, sid("WS", 1))


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (_reply(400, b'{"code": 20001, "message": "secret", "status": 400}'), TwilioRefusedError),
        (_reply(401, b'{"code": 20003, "message": "no", "status": 401}'), TwilioUnavailableError),
        (_reply(200, b"<html>"), TwilioAmbiguousError),
        (_reply(200, b"[]"), TwilioAmbiguousError),
    ],
    ids=["400", "401", "not json", "not an object"],
)
def test_sdk_fault_becomes_one_of_ours(server: Misbehaving, answer: Answer, fault: type[Exception]) -> None:
    server.answer = answer
    with pytest.raises(fault) as caught:
        workspace(server).task(sid("WT", 1))
    assert "secret" not in str(caught.value)


def test_refusal_keeps_twilios_code(server: Misbehaving) -> None:
    server.answer = _reply(400, b'{"code": 45354, "message": "closed", "status": 400}')
    with pytest.raises(TwilioRefusedError, match="45354") as caught, twilio_faults("x"):
        workspace(server).cancel_task(sid("WT", 1), "why")
    assert (caught.value.twilio_status, caught.value.code) == (400, 45354)


def test_refused_list_keeps_its_status(server: Misbehaving) -> None:
    server.answer = _reply(404, b'{"code": 20404, "status": 404}')
    with pytest.raises(TwilioRefusedError) as caught:
        list(workspace(server).events(minutes=15))
    assert caught.value.twilio_status == 404


def test_missing_task_is_gone_not_a_fault(server: Misbehaving) -> None:
    server.answer = _reply(404, b'{"code": 20404, "status": 404}')
    assert workspace(server).task(sid("WT", 1)) is None


@pytest.mark.parametrize("fails", [_reply(503, b"{}"), _reset], ids=["503", "reset"])
def test_read_is_made_once_more(server: Misbehaving, fails: Answer) -> None:
    def first_fails(connection: socket.socket, data: bytes) -> None:
        (fails if len(server.requests) == 1 else _reply(200, b"{}"))(connection, data)

    server.answer = first_fails
    call(server, "GET")
    assert len(server.requests) == 2


def test_read_is_not_made_a_third_time(server: Misbehaving) -> None:
    server.answer = _reply(503, b"{}")
    with pytest.raises(TwilioAmbiguousError):
        call(server, "GET")
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("method", "fails", "seconds"),
    [
        ("POST", _reset, 10.0),  # it may have had its effect
        ("DELETE", _reset, 10.0),
        ("GET", _reply(429, b"{}"), 10.0),  # fewer calls are wanted, not more
        ("GET", _reply(503, b"{}", "Retry-After: 2"), 10.0),  # not yet
        ("GET", _reply(503, b"{}"), 1.0),  # no time
    ],
)
def test_what_is_not_made_again(server: Misbehaving, method: str, fails: Answer, seconds: float) -> None:
    server.answer = fails
    with pytest.raises((TwilioAmbiguousError, TwilioUnavailableError)), budget(seconds):
        call(server, method)
    assert len(server.requests) == 1


def test_read_that_opens_the_breaker_tells_its_own_fault(server: Misbehaving) -> None:
    """Not that calls are held back: Twilio has failed, and the work is tried again as after any fault of it."""
    server.answer = _reply(503, b"{}")
    http = BoundedHttpClient(base_url=server.url)
    http.breakers["flex-api.twilio.com"] = Breaker("flex-api.twilio.com", state=OPEN)  # so the call is a probe
    with pytest.raises(TwilioAmbiguousError, match="503"):
        http.request("GET", "https://flex-api.twilio.com/v1/Interactions", auth=("a", "b"))
    assert len(server.requests) == 1
