"""HTTP by hand: requests that no client library would send, and answers read without mercy."""

import json
import select
import socket
from dataclasses import dataclass

PATIENCE_S = 20.0
MORE_S = 1.0  # a server that has not answered by then is waiting for more
Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True)
class Reply:
    """Status, headers (names in lower case) and body; status 0 if the server hung up without a word."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def is_problem(self) -> bool:
        """True for an application/problem+json with what RFC 9457 asks for."""
        if self.headers.get("content-type") != "application/problem+json":
            return False
        told = json.loads(self.body)
        return isinstance(told, dict) and {"type", "title", "status", "detail"} <= set(told)

    @property
    def is_no_http(self) -> bool:
        """True where gunicorn itself has refused what is no HTTP, and hung up."""
        return self.status == 400 and self.headers.get("content-type") == "text/plain" and self.body[:7] == b"Invalid"


def exchange(address: tuple[str, int], raw: bytes) -> Reply:
    """Send these bytes and read the one answer; to a server that waits for more, say that nothing more comes."""
    with socket.create_connection(address, timeout=PATIENCE_S) as connection:
        try:
            connection.sendall(raw)
            if not select.select([connection], [], [], MORE_S)[0]:
                connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the server has refused before reading it all; its answer may be there
        return read_reply(connection)


def read_reply(connection: socket.socket) -> Reply:
    """The first answer on a connection; what comes after it is not looked at."""
    data = b""
    try:
        while chunk := connection.recv(65536):
            data += chunk
    except ConnectionResetError:
        pass
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    if not lines[0].startswith("HTTP/1."):
        return Reply(0, {}, data)
    pairs = [line.partition(":") for line in lines[1:]]
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    length = int(headers.get("content-length", len(body)))
    return Reply(int(lines[0].split(" ")[1]), headers, body[:length])


def request_bytes(method: str, target: bytes, headers: Headers, body: bytes) -> bytes:
    """A request as bytes, with the Content-Length of the body unless the headers say otherwise."""
    names = {name.lower() for name, _ in headers}
    own: Headers = [(b"Host", b"service"), (b"Connection", b"close")]
    if not names & {b"content-length", b"transfer-encoding"}:
        own.append((b"Content-Length", str(len(body)).encode()))
    lines = [method.encode() + b" " + target + b" HTTP/1.1", *(name + b": " + value for name, value in own + headers)]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body
