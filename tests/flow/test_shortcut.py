"""The short way of an event callback: it answers as Flask would, and leaves to Flask whatever is not plain."""

import io
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest

from service.app import create_app
from service.intake.shortcut import PATH, Shortcut
from service.metrics import families
from tests.conftest import sid
from tests.flow.world import World, sign

FORM = "application/x-www-form-urlencoded; charset=utf-8"
Environ = dict[str, Any]


@dataclass
class Ways:
    """One application, by its short way (``short``) and past it (``long``); counts what has come to Flask."""

    world: World
    app: Shortcut
    asked: int = 0

    def short(self, environ: Environ) -> tuple[str, dict[str, str], bytes]:
        return self._ask(Shortcut(self._flask, self.app.parts, self.app.door, self.app.workspace_sid), environ)

    def long(self, environ: Environ) -> tuple[str, dict[str, str], bytes]:
        return self._ask(self.app.flask, environ)

    def _flask(self, environ: Environ, start_response: Any) -> Any:
        self.asked += 1
        return self.app.flask(environ, start_response)

    def _ask(self, way: Any, environ: Environ) -> tuple[str, dict[str, str], bytes]:
        said: list[Any] = []
        environ = {**environ, "wsgi.input": io.BytesIO(environ["wsgi.input"].getvalue())}
        body = b"".join(way(environ, lambda status, headers, _=None: said.extend((status, dict(headers)))))
        said[1].pop("X-Request-Id")
        return said[0], said[1], body


@pytest.fixture
def ways(world: World) -> Ways:
    app = create_app(world.settings).wsgi_app
    assert isinstance(app, Shortcut)
    return Ways(world, app)


def event(world: World, number: int = 1, **other: str) -> dict[str, str]:
    attributes = f'{{"flexInteractionSid":"{sid("KD", 1)}","flexInteractionChannelSid":"{sid("UO", 1)}"}}'
    return {
        "EventType": "task.created", "Sid": sid("EV", number), "WorkspaceSid": world.info["workspace_sid"],
        "TaskSid": sid("WT", number), "TimestampMs": "1700000000123", "TaskAttributes": attributes,
        "EventDescription": "Jürgen & Söhne = 100 %",
    } | other  # fmt: skip


def request(world: World, body: bytes, *, signed: str | None = None, **other: Any) -> Environ:
    """A WSGI environment as gunicorn makes it; ``signed`` is what the signature is made of, the form if not given."""
    if signed is None:
        signed = world.url + PATH + "".join(name + value for name, value in sorted(_pairs(body)))
    return {
        "REQUEST_METHOD": "POST", "PATH_INFO": PATH, "RAW_URI": PATH, "QUERY_STRING": "", "SCRIPT_NAME": "",
        "SERVER_NAME": "127.0.0.1", "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1", "HTTP_HOST": "127.0.0.1",
        "wsgi.url_scheme": "http", "wsgi.errors": sys.stderr, "wsgi.input": io.BytesIO(body),
        "CONTENT_TYPE": FORM, "CONTENT_LENGTH": str(len(body)),
        "HTTP_X_TWILIO_SIGNATURE": sign(signed, world.info["auth_token"]),
    } | other  # fmt: skip


def _pairs(body: bytes) -> list[tuple[str, str]]:
    return parse_qsl(body.decode("latin-1"), keep_blank_values=True)


def form(fields: Mapping[str, str]) -> bytes:
    return urlencode(fields).encode()


@pytest.mark.parametrize(
    "other",
    [{}, {"TaskAttributes": '{"topic": "x"}'}, {"EventType": "task.updated"}, {"WorkspaceSid": sid("WS", 99)},
     {"EventType": "worker.created"}, {"TaskSid": ""}],
    ids=["ours", "foreign", "of no use", "other workspace", "of a worker", "no task"],
)  # fmt: skip
def test_plain_event_never_comes_to_flask(ways: Ways, other: dict[str, str]) -> None:
    environ = request(ways.world, form(event(ways.world, 1, **other)))
    assert ways.short(environ) == ways.long(environ)
    assert (ways.short(environ)[0], ways.asked) == ("204 NO CONTENT", 0)


@pytest.mark.parametrize(
    ("status", "other"),
    [
        ("403", {"HTTP_X_TWILIO_SIGNATURE": "bm8="}),
        ("403", {"HTTP_X_TWILIO_SIGNATURE": "ü"}),
        ("403", {"HTTP_X_TWILIO_WEBHOOKS_SIGNATURE_SETTINGS": "shared-key"}),
        ("403", {"CONTENT_TYPE": "application/json"}),
        ("403", {"RAW_URI": PATH + "?a=b", "QUERY_STRING": "a=b"}),
        ("411", {"CONTENT_LENGTH": "", "HTTP_TRANSFER_ENCODING": "chunked"}),
        ("413", {"CONTENT_LENGTH": "999999999"}),
        ("400", {"CONTENT_LENGTH": "5000"}),
        ("405", {"REQUEST_METHOD": "GET"}),
        ("404", {"PATH_INFO": PATH + "/", "RAW_URI": PATH + "/"}),
    ],
)
def test_whatever_is_not_plain_is_answered_by_flask(ways: Ways, status: str, other: dict[str, str]) -> None:
    environ = request(ways.world, form(event(ways.world))) | other
    answer = ways.short(environ)
    assert answer == ways.long(environ)
    assert (answer[0][:3], ways.asked) == (status, 1)


@pytest.mark.parametrize("other", [{"TaskSid": "WT1"}, {"EventType": "?"}, {"TimestampMs": "", "Timestamp": "noon"}])
def test_unreadable_event_is_refused_by_flask(ways: Ways, other: dict[str, str]) -> None:
    environ = request(ways.world, form(event(ways.world, 1, **other)))
    answer = ways.short(environ)
    assert answer == ways.long(environ)
    assert (answer[0][:3], ways.asked) == ("400", 1)


def test_store_away_is_told_after_one_try(ways: Ways, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else Twilio waits for two time-outs, one after the other."""
    tries: list[float] = []
    world = ways.world
    world.redis.config_set("maxmemory", "1")
    real = ways.app.parts.store.move

    def counted(*args: Any, **more: Any) -> Any:
        tries.append(1)
        return real(*args, **more)

    monkeypatch.setattr(ways.app.parts.store, "move", counted)
    try:
        status, headers, _ = ways.short(request(world, form(event(world))))
    finally:
        world.redis.config_set("maxmemory", "0")
    assert (status[:3], headers["Retry-After"], len(tries)) == ("503", "2", 1)


def test_both_ways_count_alike(ways: Ways) -> None:
    def counted() -> tuple[float, float]:
        heard = families.EVENTS.labels("callback", "task.created", "created")
        return heard._value.get(), families.HTTP.labels("hooks.taskrouter", "204")._value.get()

    steps = [counted()]
    for number, way in ((501, ways.short), (502, ways.long)):
        way(request(ways.world, form(event(ways.world, number))))
        steps.append(counted())
    first, second = ([now - then for then, now in zip(*pair, strict=True)] for pair in pairwise(steps))
    assert first == second
    assert first[1] == 1


def test_request_id_comes_back(ways: Ways) -> None:
    said: list[Any] = []
    environ = request(ways.world, form(event(ways.world))) | {"HTTP_X_REQUEST_ID": "from-the-proxy-1"}
    tuple(ways.app(environ, lambda status, headers, _=None: said.extend(headers)))
    assert ("X-Request-Id", "from-the-proxy-1") in said
