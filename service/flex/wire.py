"""Connections that never outlive the deadline of the call that uses them.

A socket's time-out bounds one wait. A sender who gives one byte a second never exceeds it, neither in the headers nor
in the body, and a name with several dead addresses is tried at each of them in turn. Here every wait is what is left
of the whole call. Only looking up the name is beyond our reach: the system's resolver has limits of its own.
"""

import http.client
import io
import socket
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from service.flex.deadline import seconds_left

CONNECT_S = 3.0  # for one address, and for TLS


class _Bounded(io.RawIOBase):
    """What comes from a socket; each wait for it ends with the call."""

    def __init__(self, sock: socket.socket, raw: io.RawIOBase) -> None:
        self._sock, self._raw = sock, raw

    def readable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._raw.fileno()

    def readinto(self, buffer: Any) -> int | None:
        left = seconds_left()
        if left <= 0:
            raise TimeoutError("the call has taken too long")
        if left != float("inf"):
            self._sock.settimeout(left)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        self.fp = io.BufferedReader(_Bounded(sock, self.fp.detach()))  # always buffered


class _Connecting(HTTPConnection):
    """Tries a name's addresses one after the other for as long as the call may take."""

    response_class = _Response

    def _new_conn(self) -> socket.socket:
        try:
            found = socket.getaddrinfo(self._dns_host, self.port, type=socket.SOCK_STREAM)
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        fault: Exception = TimeoutError("no time was left")
        for family, kind, protocol, _, address in found:
            left = min(CONNECT_S, seconds_left())
            if left <= 0:
                break
            sock = socket.socket(family, kind, protocol)
            try:
                sock.settimeout(left)
                sock.connect(address)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                sock.settimeout(max(0.001, min(CONNECT_S, seconds_left())))  # now for TLS
            except OSError as error:
                sock.close()
                fault = error
                continue
            return sock
        if isinstance(fault, TimeoutError):
            raise ConnectTimeoutError(self, "no connection in time") from fault
        raise NewConnectionError(self, type(fault).__name__) from fault


class _ConnectingSafely(_Connecting, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connecting


class _SafePool(HTTPSConnectionPool):
    ConnectionCls = _ConnectingSafely


def pool_manager(connections: int) -> urllib3.PoolManager:
    """At most ``connections`` kept open per host; nothing is tried twice."""
    manager = urllib3.PoolManager(maxsize=connections, retries=False)
    manager.pool_classes_by_scheme = {"http": _Pool, "https": _SafePool}
    return manager
