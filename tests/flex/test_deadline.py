"""A call ends at its deadline however slowly it is answered, read, or connected: real sockets that misbehave."""

import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from service.errors import TwilioAmbiguousError, TwilioUnavailableError
from service.flex.http import BoundedHttpClient, budget

GIVEN_S = 0.4
SURELY_OVER_S = 3.0  # for a machine with other things to do; without the deadline these calls never end
ADDRESS = "https://flex-api.twilio.com/v1/Interactions"


def drip(start: bytes, piece: bytes = b"x", every_s: float = 0.02) -> Callable[[socket.socket], None]:
    """Sends the start, and then a piece again and again, for ever."""

    def answer(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(start)
        while True:
            connection.sendall(piece)
            time.sleep(every_s)

    return answer


def never_read(connection: socket.socket) -> None:
    time.sleep(30)


SLOW = {
    "status line": drip(b"HTTP/1.1 200 "),
    "header name": drip(b"HTTP/1.1 200 OK\r\nX-"),
    "header value": drip(b"HTTP/1.1 200 OK\r\nX: "),
    "headers": drip(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
    "interim answers": drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "body": drip(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"),
    "chunk size": drip(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"0"),
    "chunks": drip(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    "trailers": drip(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"X: y\r\n"),
    "not reading": never_read,
}


class Server:
    """Accepts, and lets ``answer`` have the connection until the caller has gone."""

    def __init__(self, answer: Callable[[socket.socket], None], context: ssl.SSLContext | None = None) -> None:
        self._answer, self._context = answer, context
        self._listener = socket.create_server(("127.0.0.1", 0))
        scheme = "https" if context else "http"
        self.url = f"{scheme}://localhost:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._one, args=(connection,), daemon=True).start()

    def _one(self, connection: socket.socket) -> None:
        try:
            with connection:
                self._answer(self._context.wrap_socket(connection, server_side=True) if self._context else connection)
        except OSError:
            return  # the caller has gone

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    running: list[Server] = []

    def start(answer: Callable[[socket.socket], None], context: ssl.SSLContext | None = None) -> Server:
        running.append(Server(answer, context))
        return running[-1]

    yield start
    for server in running:
        server.close()


def took_s(base_url: str, fault: type[Exception] | tuple[type[Exception], ...], body: str = "a=b") -> float:
    began = time.monotonic()
    with budget(GIVEN_S), pytest.raises(fault):
        BoundedHttpClient(base_url=base_url).request("POST", ADDRESS, data=body)
    return time.monotonic() - began


@pytest.mark.parametrize("answer", SLOW.values(), ids=SLOW)
def test_slow_answer_ends_at_the_deadline(
    serve: Callable[..., Server], answer: Callable[[socket.socket], None]
) -> None:
    body = "x" * (32 * 1024 * 1024) if answer is never_read else "a=b"
    assert took_s(serve(answer).url, TwilioAmbiguousError, body) < SURELY_OVER_S


def test_dead_addresses_of_a_name_share_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as listener:  # its queue is full: who comes now hears nothing
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        waiting = [socket.socket() for _ in range(3)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(address)
        found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address)] * 20
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
        assert took_s(f"http://many.invalid:{address[1]}", TwilioUnavailableError) < SURELY_OVER_S
        for one in waiting:
            one.close()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    command += ["-addext", "subjectAltName=DNS:localhost", "-keyout", f"{path}.key", "-out", f"{path}.crt"]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=30)
    except (OSError, subprocess.SubprocessError) as error:
        pytest.skip(f"no certificate can be made here ({type(error).__name__})")
    path.write_bytes(Path(f"{path}.key").read_bytes() + Path(f"{path}.crt").read_bytes())
    return path


@pytest.fixture
def context(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(certificate)
    return made


def test_call_over_tls_is_answered(serve: Callable[..., Server], context: ssl.SSLContext) -> None:
    def answer(connection: socket.socket) -> None:
        for _ in range(2):  # the connection is kept for the next call
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    client = BoundedHttpClient(base_url=serve(answer, context).url)
    assert [client.request("POST", ADDRESS, data="a=b").status_code for _ in range(2)] == [200, 200]


def test_slow_headers_over_tls_end_too(serve: Callable[..., Server], context: ssl.SSLContext) -> None:
    server = serve(drip(b"HTTP/1.1 200 OK\r\nX: "), context)
    assert took_s(server.url, TwilioAmbiguousError) < SURELY_OVER_S


def test_slow_handshake_ends_too(serve: Callable[..., Server], context: ssl.SSLContext) -> None:
    plain = serve(drip(b"\x16\x03\x03\x3f\xff", b"\x02"))  # a long handshake message, byte by byte
    either = (TwilioAmbiguousError, TwilioUnavailableError)
    assert took_s(plain.url.replace("http", "https", 1), either) < SURELY_OVER_S


def test_unknown_certificate_is_not_trusted(
    serve: Callable[..., Server], context: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(never_read, context)
    monkeypatch.delenv("SSL_CERT_FILE")
    with budget(5), pytest.raises(TwilioAmbiguousError, match="SSL"):
        BoundedHttpClient(base_url=server.url).request("POST", ADDRESS, data="a=b")
