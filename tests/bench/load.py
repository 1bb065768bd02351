"""Offers prepared requests over a bounded number of connections that are kept open: one thread, one epoll.

Closed loop: each connection asks again as soon as it is answered, which tells how many a second can be had. Open loop:
each request has its moment, however long the answers take, which tells how long callers wait.
"""

import selectors
import socket
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field

PATIENCE_S = 30.0


@dataclass
class Load:
    """What became of the requests. ``waits`` in seconds: from the moment it was sent, or was to be sent if that was
    planned, until the whole answer was there."""

    seconds: float = 0.0
    statuses: "Counter[int]" = field(default_factory=Counter)
    waits: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Answers a second."""
        return sum(self.statuses.values()) / self.seconds

    def wait_ms(self, share: float) -> float:
        """The wait that ``share`` of all did not exceed."""
        ordered = sorted(self.waits)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000


@dataclass
class _Line:
    socket: socket.socket
    began: float = 0.0
    answer: bytearray = field(default_factory=bytearray)


class Generator:
    """Connections to one port of this machine."""

    def __init__(self, port: int, connections: int) -> None:
        self._port = port
        self._poll = selectors.DefaultSelector()
        self._idle = deque(self._line() for _ in range(connections))
        self._busy = 0

    def close(self) -> None:
        """Hang up."""
        for key in list(self._poll.get_map().values()):
            key.data.socket.close()
        self._poll.close()

    def closed(self, shots: Sequence[bytes]) -> Load:
        """All of them, as fast as the answers come."""
        load, began = Load(), time.perf_counter()
        for shot in shots:
            while not self._idle:
                self._take_answers(load, PATIENCE_S)
            self._send(shot, time.perf_counter())
        self._drain(load)
        load.seconds = time.perf_counter() - began
        return load

    def open(self, shots: Sequence[bytes], rate: float) -> Load:
        """``rate`` of them a second, evenly."""
        load, began = Load(), time.perf_counter()
        for number, shot in enumerate(shots):
            moment = began + number / rate
            while (left := moment - time.perf_counter()) > 0 or not self._idle:
                self._take_answers(load, left if left > 0 else PATIENCE_S)
            self._send(shot, moment)
        self._drain(load)
        load.seconds = time.perf_counter() - began
        return load

    def _drain(self, load: Load) -> None:
        while self._busy:
            self._take_answers(load, PATIENCE_S)

    def _line(self) -> _Line:
        line = _Line(socket.create_connection(("127.0.0.1", self._port), timeout=PATIENCE_S))
        line.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._poll.register(line.socket, selectors.EVENT_READ, line)
        return line

    def _send(self, shot: bytes, moment: float) -> None:
        line = self._idle.popleft()
        line.began = moment
        line.socket.sendall(shot)
        self._busy += 1

    def _take_answers(self, load: Load, within_s: float) -> None:
        ready = self._poll.select(within_s)
        if not ready and within_s == PATIENCE_S:
            raise TimeoutError(f"no answer within {PATIENCE_S:.0f} s")
        for key, _ in ready:
            self._read(key.data, load)

    def _read(self, line: _Line, load: Load) -> None:
        part = line.socket.recv(65_536)
        if not part and not line.answer:  # an idle connection that the server has closed
            self._replace(line)
            return
        line.answer += part
        whole = _whole(line.answer)
        if whole is None:
            return
        load.statuses[int(line.answer[9:12])] += 1
        load.waits.append(time.perf_counter() - line.began)
        self._busy -= 1
        line.answer.clear()
        if whole:
            self._idle.append(line)
        else:
            self._replace(line)

    def _replace(self, line: _Line) -> None:
        self._poll.unregister(line.socket)
        line.socket.close()
        if line in self._idle:
            self._idle.remove(line)
        self._idle.append(self._line())


def _whole(answer: bytearray) -> bool | None:
    """None while the answer is not complete; then whether the connection stays open."""
    head, blank, rest = answer.partition(b"\r\n\r\n")
    if not blank:
        return None
    names = head.lower()
    if b"\r\ntransfer-encoding: chunked" in names:
        return b"\r\nconnection: close" not in names if rest.endswith(b"0\r\n\r\n") else None
    _, found, after = names.partition(b"\r\ncontent-length:")
    expected = int(after.partition(b"\r\n")[0]) if found else 0
    return b"\r\nconnection: close" not in names if len(rest) >= expected else None
