"""A Twilio that answers at once, or after a wait, and remembers nothing.

``python -m tests.bench.stub <port> <wait ms>``. The local Twilio of this project behaves; this one is only quick, so
that a benchmark measures the service. Answers are as short as the SDK and the service allow.
"""

import asyncio
import json
import re
import sys
from collections.abc import Callable
from itertools import count

from tests.bench.shots import ACCOUNT, WORKSPACE, sid

_numbers = count(1)
Json = dict[str, object]


def _page(key: str, *items: Json) -> Json:
    meta = {
        "page": 0,
        "page_size": 50,
        "first_page_url": "",
        "previous_page_url": None,
        "url": "",
        "next_page_url": None,
    }
    return {key: list(items), "meta": {**meta, "key": key}}


def _named(key: str, prefix: str, *names: str) -> Json:
    items: list[Json] = [{"sid": sid(prefix, number), "friendly_name": name} for number, name in enumerate(names, 1)]
    return _page(key, *items)


def _routing(number: int, interaction: str, channel: str) -> Json:
    attributes = {"flexInteractionSid": interaction, "flexInteractionChannelSid": channel}
    return {"properties": {"sid": sid("WT", number), "attributes": json.dumps(attributes)}}


def _interaction(_: "re.Match[str]") -> Json:
    number = next(_numbers)
    made = sid("KD", number)
    return {"sid": made, "channel": {"sid": sid("UO", number)}, "routing": _routing(number, made, sid("UO", number))}


def _invite(found: "re.Match[str]") -> Json:
    number = next(_numbers)
    return {"sid": sid("KG", number), **found.groupdict(), "routing": _routing(number, found["i"], found["c"])}


def _task(found: "re.Match[str]") -> Json:
    return {"sid": found["sid"], "account_sid": ACCOUNT, "workspace_sid": WORKSPACE, "assignment_status": "pending",
            "attributes": "{}", "age": 30, "date_created": "2026-11-18T12:26:40Z"}  # fmt: skip


ROUTES: list[tuple[str, str, Callable[["re.Match[str]"], Json]]] = [
    ("POST", r"/v1/Interactions", _interaction),
    ("POST", r"/v1/Interactions/(?P<i>KD\w+)/Channels/(?P<c>UO\w+)/Invites", _invite),
    ("GET", r"/v1/Interactions/(?P<i>\w+)/Channels/(?P<c>\w+)/Invites", lambda _: _page("invites")),
    ("GET", r"/v1/Interactions/(?P<i>\w+)/Channels/(?P<c>\w+)/Participants", lambda _: _page("participants")),
    ("GET", r"/v1/Workspaces/\w+/Tasks/(?P<sid>\w+)", _task),
    ("GET", r"/v1/Workspaces/\w+/Tasks", lambda _: _page("tasks")),
    ("GET", r"/v1/Workspaces/\w+/Events", lambda _: _page("events")),
    ("GET", r"/v1/Workspaces/\w+/Workflows", lambda _: _named("workflows", "WW", "everyone")),
    ("GET", r"/v1/Workspaces/\w+/TaskQueues", lambda _: _named("task_queues", "WQ", "Everyone")),
    ("GET", r"/v1/Workspaces/\w+/Workers", lambda _: _named("workers", "WK", "agent_one")),
    ("GET", r"/v1/Workspaces/\w+/Activities", lambda _: _named("activities", "WA", "Available")),
    ("GET", r"/v1/Workspaces/\w+/TaskChannels", lambda _: _named("channels", "TC", "chat")),
    ("GET", r"/v1/Workspaces/\w+", lambda _: {"sid": WORKSPACE, "friendly_name": "bench"}),
]
_COMPILED = [(method, re.compile(pattern), make) for method, pattern, make in ROUTES]


def answered(method: str, path: str) -> bytes:
    """The whole answer to a call."""
    for known, pattern, make in _COMPILED:
        found = pattern.fullmatch(path) if known == method else None
        if found:
            return _wire("201 Created" if method == "POST" else "200 OK", make(found))
    return _wire("404 Not Found", {"code": 20404, "message": "not found", "status": 404})


def _wire(status: str, body: Json) -> bytes:
    text = json.dumps(body).encode()
    return f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n".encode() + text


class _Twilio(asyncio.Protocol):
    def __init__(self, wait_s: float) -> None:
        self._wait_s = wait_s
        self._held = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._out = transport

    def data_received(self, data: bytes) -> None:
        self._held += data
        while (end := self._held.find(b"\r\n\r\n")) >= 0:
            head = self._held[:end].decode("latin-1")
            length = re.search(r"\r\ncontent-length: *(\d+)", head, re.IGNORECASE)
            whole = end + 4 + (int(length[1]) if length else 0)
            if len(self._held) < whole:
                return
            self._held = self._held[whole:]
            method, target, _ = head.split(" ", 2)
            self._answer(method, target.partition("?")[0])

    def _answer(self, method: str, path: str) -> None:
        answer = answered(method, path)
        if self._wait_s:
            asyncio.get_running_loop().call_later(self._wait_s, self._write, answer)
        else:
            self._write(answer)

    def _write(self, answer: bytes) -> None:
        if not self._out.is_closing():
            self._out.write(answer)


async def serve(port: int, wait_s: float) -> None:
    """Until the process is ended."""
    server = await asyncio.get_running_loop().create_server(lambda: _Twilio(wait_s), "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), float(sys.argv[2]) / 1000))
