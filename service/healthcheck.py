"""Ask a server on this machine whether it lives: exit code 0 or 1. Run by the container every few seconds.

Standard library only, and of that only the socket: it must cost next to nothing, so nothing of the service may come in.

    python -I -S healthcheck.py [path]

Asks ``http://127.0.0.1:$PORT`` (PORT defaults to 8080) for ``path`` (default ``/livez``); 2 s in all.
"""

import os
import socket
import sys
from time import monotonic

BUDGET_S = 2.0
STATUS_LINE_BYTES = 15  # "HTTP/1.1 200 OK"


def alive(port: int, path: str) -> bool:
    """True if the server answers ``path`` with 2xx within the budget; any failure on the way is a no."""
    deadline = monotonic() + BUDGET_S
    try:
        with socket.socket() as connection:  # not create_connection: resolving the name imports as much again
            connection.settimeout(BUDGET_S)
            connection.connect(("127.0.0.1", port))
            connection.sendall(f"GET {path} HTTP/1.0\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
            return _status_line(connection, deadline)[9:10] == b"2"
    except OSError:
        return False


def _status_line(connection: socket.socket, deadline: float) -> bytes:
    """The first bytes of the answer; they may come in pieces, and the deadline holds for all of them together."""
    received = b""
    while len(received) < STATUS_LINE_BYTES:
        connection.settimeout(max(deadline - monotonic(), 0.001))
        piece = connection.recv(STATUS_LINE_BYTES)
        if not piece:
            break
        received += piece
    return received


if __name__ == "__main__":
    port = int(os.environ.get("PORT") or "8080")
    sys.exit(0 if alive(port, sys.argv[1] if len(sys.argv) > 1 else "/livez") else 1)
