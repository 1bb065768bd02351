"""The buffering proxy's configuration, in a real nginx before a real server; skipped where there is no nginx."""

import http.client
import json
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")

pytestmark = pytest.mark.skipif(NGINX is None, reason="nginx is not installed")


@dataclass
class Upstream:
    """A server that remembers each request it was sent: address, headers, body."""

    seen: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    def handler(self) -> type[BaseHTTPRequestHandler]:
        upstream = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                upstream.seen.append((self.path, dict(self.headers), body))
                self.send_response(204)
                self.end_headers()

            do_GET = do_POST

            def log_message(self, format: str, *args: object) -> None:
                """Nothing: the test's output is for what failed."""

        return Handler


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


@pytest.fixture
def upstream() -> Upstream:
    return Upstream()


@pytest.fixture
def service(upstream: Upstream) -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), upstream.handler())
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_port
    server.shutdown()
    server.server_close()


def configuration(repository: Path, folder: Path, *, listen: int, web: int) -> Path:
    """The shipped file with only ports and places changed."""
    text = (repository / "config" / "proxy" / "nginx.conf").read_text()
    text = text.replace("listen 8080", f"listen 127.0.0.1:{listen}").replace("web:8080", f"127.0.0.1:{web}")
    text = text.replace("/tmp/", f"{folder}/").replace("/dev/std", f"{folder}/std")
    file = folder / "nginx.conf"
    file.write_text(text)
    return file


def started(file: Path, port: int) -> "subprocess.Popen[bytes]":
    assert NGINX
    folder = file.parent
    folder.chmod(0o755)
    command = [NGINX, "-p", str(folder), "-e", str(folder / "early.log"), "-c", str(file), "-g", "daemon off;"]
    process = subprocess.Popen(command)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return process
        time.sleep(0.02)
    process.kill()
    raise AssertionError("nginx did not start")


@pytest.fixture
def proxy(repository: Path, tmp_path: Path, service: int) -> Iterator[int]:
    port = free_port()
    process = started(configuration(repository, tmp_path, listen=port, web=service), port)
    yield port
    process.terminate()
    process.wait(timeout=10)


@pytest.fixture
def proxy_alone(repository: Path, tmp_path: Path) -> Iterator[int]:
    """A proxy whose service is away."""
    port = free_port()
    process = started(configuration(repository, tmp_path, listen=port, web=free_port()), port)
    yield port
    process.terminate()
    process.wait(timeout=10)


def post(
    port: int, path: str, body: bytes = b"{}", headers: Mapping[str, str] | None = None
) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("POST", path, body, dict(headers or {}))
        answer = connection.getresponse()
        return answer.status, dict(answer.headers), answer.read()
    finally:
        connection.close()


@pytest.mark.parametrize(
    "address",
    ["/v1/escalations?bodySHA256=aB%2f&x=%20", "/a//b", "/v1/invites/%2E%2e%2Fx", "/v1/events/taskrouter?a=1&a=1"],
    ids=["query", "double_slash", "escaped_dots", "repeated"],
)
def test_address_goes_on_byte_for_byte(proxy: int, upstream: Upstream, address: str) -> None:
    assert post(proxy, address)[0] == 204
    assert [path for path, _, _ in upstream.seen] == [address]


def test_slow_body_waits_outside(proxy: int, upstream: Upstream) -> None:
    with socket.create_connection(("127.0.0.1", proxy)) as connection:
        connection.sendall(b"POST /v1/escalations HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n{")
        assert post(proxy, "/v1/other")[0] == 204  # by now a half request would have arrived as well
        assert [path for path, _, _ in upstream.seen] == ["/v1/other"]
        connection.sendall(b"  }")
        assert connection.recv(64).startswith(b"HTTP/1.1 204")
    assert upstream.seen[-1][2] == b"{  }"


def test_chunked_body_arrives_with_length(proxy: int, upstream: Upstream) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", proxy, timeout=10)
    connection.request("POST", "/v1/escalations", iter([b"{", b"}"]), encode_chunked=True)
    assert connection.getresponse().status == 204
    connection.close()
    assert (upstream.seen[0][1]["Content-Length"], upstream.seen[0][2]) == ("2", b"{}")


def test_large_body_is_refused_as_problem(proxy: int, upstream: Upstream) -> None:
    status, headers, body = post(proxy, "/v1/escalations", b"x" * 1_000_000)
    assert (status, headers["Content-Type"]) == (413, "application/problem+json")
    assert json.loads(body)["status"] == 413
    assert upstream.seen == []


def test_service_away_is_said_as_problem(proxy_alone: int) -> None:
    status, headers, body = post(proxy_alone, "/v1/escalations")
    assert (status, headers["Retry-After"]) == (503, "2")
    assert json.loads(body)["type"] == "/problems/service-unavailable"


def test_proxy_answers_for_itself(proxy_alone: int) -> None:
    assert post(proxy_alone, "/proxy/livez")[0] == 200


@pytest.mark.parametrize(
    ("given", "kept"),
    [("trace-0123456789", True), ('a"b\\c', False), ("short", False), ("x" * 65, False)],
    ids=["harmless", "odd_signs", "too_short", "too_long"],
)
def test_request_id_is_kept_if_harmless(proxy: int, upstream: Upstream, given: str, kept: bool) -> None:
    post(proxy, "/v1/escalations", headers={"X-Request-Id": given})
    sent = upstream.seen[0][1]["X-Request-Id"]
    assert sent == given if kept else re.fullmatch(r"[0-9a-f]{32}", sent)


def test_log_names_no_caller_and_query(proxy: int, tmp_path: Path) -> None:
    post(proxy, "/v1/escalations?secret=canary", b"canary", {"User-Agent": "canary"})
    deadline = time.monotonic() + 5
    log = tmp_path / "stdout"
    while not log.read_text() and time.monotonic() < deadline:
        time.sleep(0.02)
    line = json.loads(log.read_text())
    assert (line["event"], line["path"], line["status"]) == ("proxy.request", "/v1/escalations", 204)
    assert not {"canary", "127.0.0.1"} & set(re.findall(r"[\w.]+", log.read_text()))
