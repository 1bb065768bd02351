"""A request to a WSGI application, whole on its way in and on its way out: the body has come before the application is
called, and its answer leaves it in one piece. So a slow client holds no thread. No Flask, nothing of ours.
"""

import io
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_to_bytes

Environ = dict[str, Any]
Application = Callable[[Environ, Any], Iterable[bytes]]
Scope = Mapping[str, Any]  # of an ASGI request
RawHeaders = list[tuple[bytes, bytes]]


@dataclass(frozen=True)
class Answer:
    """What an application has said."""

    status: int
    headers: RawHeaders
    body: bytes = b""


def headers_of(scope: Scope) -> dict[str, str]:
    """The request's headers by their names in small letters; several of one name joined by commas (RFC 9110, 5.3)."""
    found: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        found[name] = f"{found[name]},{value}" if name in found else value
    return found


def target_of(scope: Scope) -> str:
    """Path and query as they stood in the request line, but for a ``?`` with nothing behind it."""
    path, query = scope["raw_path"].decode("latin-1"), scope["query_string"].decode("latin-1")
    return f"{path}?{query}" if query else path


def environ_of(scope: Scope, headers: Mapping[str, str], body: bytes) -> Environ:
    """A request as WSGI has it (PEP 3333), with gunicorn's RAW_URI."""
    path = unquote_to_bytes(_without_host(scope["raw_path"])).decode("latin-1")
    server, client = scope.get("server") or ("", 0), scope.get("client") or ("", 0)
    environ: Environ = {
        "REQUEST_METHOD": scope["method"], "SCRIPT_NAME": "", "PATH_INFO": path, "RAW_URI": target_of(scope),
        "QUERY_STRING": scope["query_string"].decode("latin-1"), "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "SERVER_NAME": str(server[0]), "SERVER_PORT": str(server[1]), "REMOTE_ADDR": str(client[0]),
        "wsgi.version": (1, 0), "wsgi.url_scheme": scope["scheme"], "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr, "wsgi.multithread": True, "wsgi.multiprocess": True, "wsgi.run_once": False,
    }  # fmt: skip
    for name, value in headers.items():
        variable = name.upper().replace("-", "_")
        environ[variable if variable in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{variable}"] = value
    return environ


def answer_of(application: Application, environ: Environ) -> Answer:
    """Call the application and wait for its whole answer."""
    begun: list[tuple[str, list[tuple[str, str]]]] = []

    def start_response(status: str, headers: list[tuple[str, str]], _: object = None) -> None:
        begun[:] = [(status, headers)]

    parts = application(environ, start_response)
    try:
        body = b"".join(parts)
    finally:
        close = getattr(parts, "close", None)
        if close is not None:
            close()
    [(status, headers)] = begun
    raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    return Answer(int(status.split(" ", 1)[0]), raw, body)


def _without_host(path: bytes) -> bytes:
    """A target in absolute form (``http://host/path``) names the host once more."""
    scheme, found, rest = path.partition(b"://")
    if not found or b"/" in scheme:
        return path
    return b"/" + rest.partition(b"/")[2]
