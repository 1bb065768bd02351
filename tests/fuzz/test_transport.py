"""HTTP that is not what it seems, against the real web process: lengths that lie, two lengths, chunks, odd targets.

A request that two servers on the way could take for two different ones (smuggling) must be refused, never served.
"""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.flow.world import World
from tests.fuzz.wire import PATIENCE_S, exchange, read_reply

pytestmark = pytest.mark.xdist_group("fuzz-transport")
Address = tuple[str, int]
BODY = b'{"conversation_sid": "CH' + b"0" * 32 + b'"}'
START = b"POST /v1/decisions HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n"


@pytest.fixture(scope="module")
def web(world: World, repository: Path) -> Iterator[Address]:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith("TWILIO")},
        "TWILIO_ACCOUNT_SID": world.info["account_sid"],
        "TWILIO_AUTH_TOKEN": world.info["auth_token"],
        "TWILIO_WORKSPACE_SID": world.info["workspace_sid"],
        "TWILIO_BASE_URL": world.sandbox.base_url,
        "PUBLIC_BASE_URL": world.url,
        "REDIS_URL": world.settings.redis_url,
        "RULES_FILE": str(world.settings.rules_file),
        "API_KEYS": world.settings.api_keys,
        "PORT": str(port),
        "WEB_CONCURRENCY": "1",
    }
    process = subprocess.Popen([sys.executable, "-m", "service.cli", "web"], env=environ, cwd=repository)
    try:
        _await(port, process)
        yield "127.0.0.1", port
    finally:
        process.kill()  # its worker sees that its parent has gone, and goes too
        process.wait(timeout=30)


def _await(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            assert process.poll() is None, "the web process ended"
            assert time.monotonic() < deadline, "the web process never listens"
            time.sleep(0.05)


def with_key(world: World, rest: bytes) -> bytes:
    return START + b"Authorization: Bearer " + world.token.encode() + b"\r\n" + rest


def length(number: bytes) -> bytes:
    return b"Content-Length: " + number + b"\r\n"


RIGHT = length(str(len(BODY)).encode())
CHUNKS = b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)

ODD = {
    "chunked": (b"Transfer-Encoding: chunked\r\n\r\n" + CHUNKS, {411}),
    "chunked and a length": (b"Transfer-Encoding: chunked\r\n" + RIGHT + b"\r\n" + CHUNKS, {0, 400}),
    "length and chunked": (RIGHT + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNKS, {0, 400}),
    "chunked in disguise": (b"Transfer-Encoding: xchunked\r\n" + RIGHT + b"\r\n" + BODY, {0, 400, 501}),
    "chunked twice": (b"Transfer-Encoding: chunked, chunked\r\n\r\n" + CHUNKS, {0, 400, 411}),
    "two lengths": (RIGHT + length(b"3") + b"\r\n" + BODY, {0, 400}),
    "lengths in one": (length(b"3, 3") + b"\r\n" + BODY, {0, 400}),
    "no length": (b"\r\n" + BODY, {411}),
    "negative length": (length(b"-5") + b"\r\n" + BODY, {0, 400}),
    "length with a sign": (length(b"+" + str(len(BODY)).encode()) + b"\r\n" + BODY, {0, 400}),
    "length in hexadecimal": (length(b"0x20") + b"\r\n" + BODY, {0, 400}),
    "length in other digits": (length("٣٤".encode()) + b"\r\n" + BODY, {0, 400}),
    "endless length": (length(b"9" * 30) + b"\r\n" + BODY, {0, 400, 413}),
    "length over the limit": (length(b"65537") + b"\r\n" + b"x" * 65537, {413}),
    "length beyond the body": (length(b"4096") + b"\r\n" + BODY, {0, 400}),
    "folded header": (b"X-A: b\r\n folded\r\n" + RIGHT + b"\r\n" + BODY, {0, 400}),
    "space before the colon": (b"Content-Length : 3\r\n\r\n" + BODY, {0, 400}),
    "control character": (b"X-A: a\x01b\r\n" + RIGHT + b"\r\n" + BODY, {0, 400}),
    "bare return in a header": (b"X-A: a\rX-B: c\r\n" + RIGHT + b"\r\n" + BODY, {0, 400}),
    "too many headers": (b"".join(b"X-%d: y\r\n" % n for n in range(200)) + RIGHT + b"\r\n" + BODY, {0, 400, 431}),
    "too long a header": (b"X-A: " + b"y" * 20_000 + b"\r\n" + RIGHT + b"\r\n" + BODY, {0, 400, 431}),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_request_is_refused(web: Address, world: World, name: str) -> None:
    rest, allowed = ODD[name]
    assert exchange(web, with_key(world, rest)).status in allowed


def test_ordinary_request_is_served(web: Address, world: World) -> None:
    """What the odd ones are compared with: the same, without their oddity."""
    assert exchange(web, with_key(world, RIGHT + b"\r\n" + BODY)).status == 200


def test_second_request_in_a_body_is_not_served(web: Address, world: World) -> None:
    hidden = with_key(world, RIGHT + b"\r\n" + BODY).replace(b"/v1/decisions", b"/v1/escalations")
    outer = with_key(world, length(b"4") + b"Transfer-Encoding: chunked\r\n\r\n").replace(b"close", b"keep-alive")
    before = world.redis.dbsize()
    exchange(web, outer + b"0\r\n\r\n" + hidden)
    assert world.redis.dbsize() == before


@pytest.mark.parametrize(
    "target",
    [
        b"/v1/invites/../invites", b"//v1/invites", b"/v1/invites/%00", b"/v1/invites/%ff%fe", b"/v1//invites",
        b"/v1/invites%2f..%2f..", b"/V1/INVITES", b"/v1/invites/;x", b"/v1/invites\\", b"*", b"/" + b"a" * 3000,
        b"/v1/invites/" + b"%41" * 900,
    ],
    ids=lambda target: repr(target[:24]),
)  # fmt: skip
def test_odd_target_opens_nothing(web: Address, target: bytes) -> None:
    raw = b"GET " + target + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    status = exchange(web, raw).status
    assert status in (0, 308) or 400 <= status < 500


def test_forwarded_headers_change_nothing(web: Address, world: World) -> None:
    """A stranger who says that a proxy has vouched for them is still a stranger."""
    forged = b"X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: router.example.com\r\n"
    forged += b"X-Forwarded-Prefix: /admin\r\nForwarded: for=127.0.0.1\r\nX-Real-IP: 127.0.0.1\r\nSCRIPT_NAME: /x\r\n"
    assert exchange(web, START + forged + RIGHT + b"\r\n" + BODY).status == 401


def test_answers_carry_their_headers(web: Address, world: World) -> None:
    replies = [exchange(web, START + RIGHT + b"\r\n" + BODY), exchange(web, with_key(world, RIGHT + b"\r\n" + BODY))]
    assert [reply.status for reply in replies] == [401, 200]
    assert [reply.headers.get("x-content-type-options") for reply in replies][:1] == ["nosniff"]
    assert all("python" not in reply.headers.get("server", "").lower() for reply in replies)


def test_body_byte_by_byte_holds_up_nobody_else(web: Address, world: World) -> None:
    """Slow clients have no threads: more of them than there are threads, and others are answered as ever."""
    slow = [socket.create_connection(web, timeout=PATIENCE_S) for _ in range(100)]
    for connection in slow:
        connection.sendall(with_key(world, RIGHT + b"\r\n" + BODY[:3]))
    assert exchange(web, b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").status == 200
    assert exchange(web, with_key(world, RIGHT + b"\r\n" + BODY)).status == 200
    for connection in slow:
        connection.sendall(BODY[3:])
        assert read_reply(connection).status == 200
        connection.close()
