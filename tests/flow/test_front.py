"""What gunicorn serves: plain events are taken before Flask, everything else is Flask's, nobody waits too long."""

import asyncio
import json
import socket
import threading
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
import requests

from service.errors import StoreUnavailableError
from service.intake.events import STREAMS, TASKROUTER
from service.intake.front import Front
from service.metrics import families
from service.model import TaskEvent
from service.tracking.arrivals import Taken
from tests.conftest import sid
from tests.flow.listener import Listener
from tests.flow.world import World, sign
from tests.fuzz.wire import exchange, read_reply

FORM = "application/x-www-form-urlencoded; charset=utf-8"


@pytest.fixture
def asked(world: World) -> Iterator[list[str]]:
    """The paths with which Flask was asked."""
    flask, paths = world.front.flask, []

    def counted(environ: dict[str, Any], start_response: Any) -> Any:
        paths.append(environ["PATH_INFO"])
        return flask(environ, start_response)

    world.front.flask = counted
    yield paths
    world.front.flask, world.front.plain = flask, True


def event(world: World, number: int = 1, **other: str) -> dict[str, str]:
    attributes = f'{{"flexInteractionSid":"{sid("KD", 1)}","flexInteractionChannelSid":"{sid("UO", 1)}"}}'
    return {
        "EventType": "task.created", "Sid": sid("EV", number), "WorkspaceSid": world.info["workspace_sid"],
        "TaskSid": sid("WT", number), "TimestampMs": "1700000000123", "TaskAttributes": attributes,
        "EventDescription": "Jürgen & Söhne = 100 %",
    } | other  # fmt: skip


def headers(world: World, body: bytes, path: str = TASKROUTER, **other: str) -> dict[str, str]:
    """Those of a form, signed."""
    signed = world.url + path + "".join(name + value for name, value in sorted(_pairs(body)))
    return {"Content-Type": FORM, "X-Twilio-Signature": sign(signed, world.info["auth_token"])} | other


def post(world: World, fields: Mapping[str, str], path: str = TASKROUTER, **other: str) -> requests.Response:
    body = urlencode(fields).encode()
    return requests.post(world.url + path, data=body, headers=headers(world, body, path, **other), timeout=20)


def _pairs(body: bytes) -> list[tuple[str, str]]:
    return parse_qsl(body.decode("latin-1"), keep_blank_values=True)


def raw(world: World, body: bytes, *, length: str = "", **other: str) -> bytes:
    """A request as bytes."""
    sent = headers(world, body, **other) | {"Host": "x", "Connection": "close"}
    if "Transfer-Encoding" not in other:
        sent["Content-Length"] = length or str(len(body))
    lines = [f"POST {TASKROUTER} HTTP/1.1", *(f"{name}: {value}" for name, value in sent.items()), "", ""]
    return "\r\n".join(lines).encode() + body


# -- events


@pytest.mark.parametrize(
    "other",
    [{}, {"TaskAttributes": '{"topic": "x"}'}, {"EventType": "task.updated"}, {"WorkspaceSid": sid("WS", 99)},
     {"EventType": "worker.created"}, {"TaskSid": ""}],
    ids=["ours", "foreign", "of no use", "other workspace", "of a worker", "no task"],
)  # fmt: skip
def test_plain_event_never_comes_to_flask(world: World, asked: list[str], other: dict[str, str]) -> None:
    answer = post(world, event(world, 1, **other))
    assert (answer.status_code, answer.content, asked) == (204, b"", [])


def test_event_is_stored_when_it_is_answered(world: World, asked: list[str]) -> None:
    """By either way the same record comes of it."""
    for number, plain in ((1, True), (2, False)):
        world.front.plain = plain
        post(world, event(world, number))
    first, second = (world.await_listed(f"channel_sid={sid('UO', 1)}", sid("WT", number)) for number in (1, 2))
    assert asked.count(TASKROUTER) == 1
    assert (first["state"], first["kind"]) == (second["state"], second["kind"]) == ("pending", "adopted")


def test_batch_of_event_streams_never_comes_to_flask(world: World, asked: list[str]) -> None:
    names = {"Sid": "sid", "WorkspaceSid": "workspace_sid", "TaskSid": "task_sid", "TimestampMs": "timestamp_ms",
             "TaskAttributes": "task_attributes"}  # fmt: skip
    events = [{names[name]: value for name, value in event(world, one).items() if name in names} for one in range(1, 4)]
    envelopes = [{"type": "com.twilio.taskrouter.task.created", "id": "1", "data": {"payload": one}} for one in events]
    answer = world.studio(json.dumps(envelopes).encode(), "application/json", path="events/streams")
    assert (answer.status, asked) == (204, [])
    for one in range(1, 4):
        world.await_listed(f"channel_sid={sid('UO', 1)}", sid("WT", one))


@pytest.mark.parametrize(
    ("status", "path", "other"),
    [
        (403, TASKROUTER, {"X-Twilio-Signature": "bm8="}),
        (403, TASKROUTER, {"X-Twilio-Webhooks-Signature-Settings": "shared-key"}),
        (403, TASKROUTER, {"Content-Type": "application/json"}),
        (400, STREAMS, {}),
        (404, TASKROUTER + "/", {}),
    ],
    ids=["wrong signature", "shared key", "no form", "form for a stream", "other address"],
)
def test_whatever_is_not_plain_is_answered_by_flask(
    world: World, asked: list[str], status: int, path: str, other: dict[str, str]
) -> None:
    answer = post(world, event(world), path, **other)
    assert (answer.status_code, asked) == (status, [path])
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_large_form_is_left_to_flask(world: World, asked: list[str]) -> None:
    """A signature is checked over all that is read; in the event loop everybody would wait for that."""
    body = urlencode(event(world)).encode() + b"&a" * 100_000
    forged = requests.post(
        world.url + TASKROUTER, data=body, headers=headers(world, b"") | {"Content-Type": FORM}, timeout=20
    )
    known = post(world, event(world) | {"EventDescription": "x" * 100_000})
    assert (forged.status_code, known.status_code, asked) == (403, 204, [TASKROUTER] * 2)


@pytest.mark.parametrize("other", [{"TaskSid": "WT1"}, {"EventType": "?"}, {"TimestampMs": "", "Timestamp": "noon"}])
def test_unreadable_event_is_refused_by_flask(world: World, asked: list[str], other: dict[str, str]) -> None:
    assert post(world, event(world, 1, **other)).status_code == 400
    assert asked == [TASKROUTER]


@pytest.mark.parametrize(
    ("status", "length", "other"),
    [(411, "", {"Transfer-Encoding": "chunked"}), (413, "300000", {}), (0, "5000", {})],
    ids=["chunked", "too long", "shorter than it says"],
)
def test_body_that_is_not_whole_is_no_event(world: World, status: int, length: str, other: dict[str, str]) -> None:
    body = urlencode(event(world)).encode()
    if status == 411:
        body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    if status == 413:
        body += b"&x=" + b"y" * (300_000 - len(body) - 3)
    address = ("127.0.0.1", int(world.url.rpartition(":")[2]))
    assert exchange(address, raw(world, body, length=length, **other)).status == status
    assert world.redis.keys("*inv:*") == []


def test_full_store_is_told_after_one_try(world: World, asked: list[str]) -> None:
    """Else Twilio waits for two time-outs, one after the other."""

    def tries() -> int:
        return int(world.redis.info("commandstats").get("cmdstat_evalsha", {}).get("calls", 0))

    post(world, event(world, 1))
    before = tries()
    world.redis.config_set("maxmemory", "1")
    try:
        answer = post(world, event(world, 1, Sid=sid("EV", 2)))
    finally:
        world.redis.config_set("maxmemory", "0")
    assert (answer.status_code, answer.headers["Retry-After"], tries() - before) == (503, "2", 1)
    assert asked == [TASKROUTER]


def test_fault_of_many_events_is_told_to_each_as_to_the_first(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that went to the store together share it; a trace that grew with each would soon take seconds to read."""
    lengths: list[int] = []

    def away(_: object, events: Sequence[TaskEvent], **__: str) -> list[Taken]:
        time.sleep(0.5)  # meanwhile the others come
        fault = StoreUnavailableError("away", retry_after_s=2)
        return [fault for _ in events]

    def measured(error: BaseException) -> str:
        lengths.append(len(traceback.extract_tb(error.__traceback__)))
        return "here"

    monkeypatch.setattr("service.intake.clerk.hear_all", away)
    monkeypatch.setattr("service.intake.problems._place", measured)
    with ThreadPoolExecutor(60) as senders, ThreadPoolExecutor(1) as worker:
        monkeypatch.setattr(world.front, "_workers", worker)
        list(senders.map(lambda number: post(world, event(world, number)), range(1, 61)))
    assert len(lengths) == 60
    assert max(lengths) < 30


def test_both_ways_count_alike(world: World, asked: list[str]) -> None:
    def counted() -> tuple[float, float]:
        heard = families.EVENTS.labels("callback", "task.created", "created")
        return heard._value.get(), families.HTTP.labels("hooks.taskrouter", "204")._value.get()

    steps = [counted()]
    for number, plain in ((501, True), (502, False)):
        world.front.plain = plain
        post(world, event(world, number))
        steps.append(counted())
    first, second = ([now - then for then, now in zip(*pair, strict=True)] for pair in pairwise(steps))
    assert first == second
    assert first[1] == 1


@pytest.mark.parametrize("plain", [True, False])
def test_request_id_comes_back(world: World, asked: list[str], plain: bool) -> None:
    world.front.plain = plain
    given = post(world, event(world), **{"X-Request-Id": "from-the-proxy-1"}).headers["X-Request-Id"]
    made = [post(world, event(world), **{"X-Request-Id": "no good"}).headers["X-Request-Id"] for _ in range(2)]
    assert given == "from-the-proxy-1"
    assert len({*made, "no good"}) == 3


def test_many_events_at_once_are_all_stored(world: World) -> None:
    """Also while the store is slow: they wait together, not one for the other."""
    world.redis.client_pause(400)
    with ThreadPoolExecutor(40) as senders:
        answers = list(senders.map(lambda number: post(world, event(world, number)).status_code, range(1, 41)))
    assert answers == [204] * 40
    assert len(world.redis.keys("*inv:*")) == 40


def test_sender_that_hangs_up_stops_nobody(world: World) -> None:
    address = ("127.0.0.1", int(world.url.rpartition(":")[2]))
    world.redis.client_pause(300)
    with socket.create_connection(address) as gone:
        gone.sendall(raw(world, urlencode(event(world, 1)).encode()))
        time.sleep(0.1)
    assert post(world, event(world, 2)).status_code == 204


# -- everybody else


@pytest.fixture
def crowded(world: World) -> Iterator[tuple[str, threading.Event]]:
    """A service with one thread, which is held until the event is set."""
    released = threading.Event()

    def held(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        if environ["PATH_INFO"] in ("/slow", "/readyz", "/metrics"):
            released.wait(20)
        start_response("200 OK", [("Content-Length", "2")])
        return [b"ok"]

    listener = Listener()
    front = Front(held, world.front.parts, world.front.door, world.front.workspace_sid, threads=1, budget_s=0.6)
    listener.serve(front)
    yield f"http://127.0.0.1:{listener.port}", released
    released.set()
    listener.close()


def test_who_has_waited_too_long_is_told_so(crowded: tuple[str, threading.Event]) -> None:
    url, released = crowded
    with ThreadPoolExecutor(3) as callers:
        first = callers.submit(requests.get, f"{url}/slow", timeout=20)
        time.sleep(0.1)
        second = callers.submit(requests.get, f"{url}/other", timeout=20)
        time.sleep(0.5)
        released.set()
        late = second.result()
    assert first.result().text == "ok"
    assert (late.status_code, late.headers["Retry-After"]) == (503, "2")
    assert late.json()["type"] == "/problems/overloaded"


def test_who_is_refused_by_the_front_is_counted(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the alert on failing requests would be silent while a flood is refused."""

    def counted() -> tuple[float, float]:
        named, problems = families.HTTP.labels("api.escalations", "503"), families.PROBLEMS.labels("overloaded")
        return named._value.get(), problems._value.get()

    before = counted()
    monkeypatch.setattr("service.intake.front.MOST_INSIDE", 0)
    refused = requests.post(f"{world.url}/v1/escalations", headers={"X-Request-Id": "one-of-many"}, timeout=20)
    requests.get(f"{world.url}/v1/escalations", timeout=20)  # no address of Flask's
    assert (refused.status_code, refused.headers["X-Request-Id"]) == (503, "one-of-many")
    assert counted() == (before[0] + 1, before[1] + 2)


def test_probes_do_not_wait_behind_others(crowded: tuple[str, threading.Event]) -> None:
    url, _ = crowded
    with ThreadPoolExecutor(1) as callers:
        callers.submit(requests.get, f"{url}/slow", timeout=20)
        time.sleep(0.1)
        assert requests.get(f"{url}/livez", timeout=5).text == "ok"
        crowded[1].set()


def test_who_asks_whether_we_live_does_not_wait_for_the_store(crowded: tuple[str, threading.Event]) -> None:
    """Else a store that hangs, and two who ask whether we are ready, would get healthy processes killed."""
    url, released = crowded
    with ThreadPoolExecutor(3) as callers:
        for path in ("readyz", "readyz", "metrics"):
            callers.submit(requests.get, f"{url}/{path}", timeout=20)
        time.sleep(0.1)
        try:
            assert requests.get(f"{url}/livez", timeout=2).text == "ok"
        finally:
            released.set()


def test_full_house_lets_probes_in(crowded: tuple[str, threading.Event], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.intake.front.MOST_INSIDE", 1)
    url, released = crowded
    with ThreadPoolExecutor(1) as callers:
        callers.submit(requests.get, f"{url}/slow", timeout=20)
        time.sleep(0.1)
        try:
            assert requests.get(f"{url}/other", timeout=5).status_code == 503
            assert requests.get(f"{url}/livez", timeout=5).text == "ok"
        finally:
            released.set()


def test_body_that_never_ends_is_given_up(world: World) -> None:
    world.front.body_s = 0.3
    try:
        with socket.create_connection(("127.0.0.1", int(world.url.rpartition(":")[2])), timeout=20) as slow:
            slow.sendall(raw(world, b"EventType=x", length="5000"))
            assert read_reply(slow).status == 408
    finally:
        world.front.body_s = 30.0


def test_body_that_never_begins_is_no_fault_of_ours(world: World) -> None:
    """gunicorn waits for it as long as for a heartbeat, and says then that the sender has gone."""
    said: list[Mapping[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: Mapping[str, Any]) -> None:
        said.append(message)

    scope = {"type": "http", "path": TASKROUTER, "method": "POST", "headers": [(b"content-length", b"500")]}
    asyncio.run(world.front(scope, receive, send))
    assert [message.get("status") for message in said] == [408, None]


def test_websocket_is_refused(world: World) -> None:
    wanted = b"GET /v1/events/taskrouter HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    key = b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n"
    assert exchange(("127.0.0.1", int(world.url.rpartition(":")[2])), wanted + key).status == 403


def test_absolute_target_is_the_same_address(world: World) -> None:
    """As a proxy may send it (RFC 9112, 3.2.2)."""
    request = b"GET http://router.example.com/livez HTTP/1.1\r\nHost: router.example.com\r\nConnection: close\r\n\r\n"
    assert exchange(("127.0.0.1", int(world.url.rpartition(":")[2])), request).status == 200
