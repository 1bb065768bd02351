"""Whatever is sent to whichever door: strangers stay outside, nothing breaks, nothing of it is told again.

The doors are taken from the application itself, so a new address is tried without being written down here.
"""

import io
import json
import os
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import sid
from tests.flow.world import World
from tests.fuzz.drawn import CANARY, FORM, JSON, bodies, canary_texts, header_bytes, objects, odd_headers
from tests.fuzz.wire import Headers, Reply, exchange, request_bytes

OPEN = {"/livez", "/readyz", "/openapi.json", "/metrics"}  # probes and documents; /metrics can be closed
OPEN_PREFIXES = ("/docs", "/problems/", "/static")
NAMES = {"invite_id": "iv_07_" + "a" * 32, "errand_id": "er_07_" + "a" * 32, "sid": sid("CH", 7)}
BROKEN = {500, 501, 502, 504}

Address = tuple[str, int]
EXAMPLES = int(os.environ.get("FUZZ", "12"))  # FUZZ=2000 for a long run
quick = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def doors(world: World) -> list[tuple[str, str]]:
    """(method, path) of every address of the application."""
    found = []
    for rule in world.flask.url_map.iter_rules():
        path = rule.rule
        for name in rule.arguments:
            path = path.replace(f"<{name}>", NAMES.get(name, "x")).replace(f"<path:{name}>", "x")
        found += [(method, path) for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})]
    return sorted(found)


def closed_doors(world: World) -> list[tuple[str, str]]:
    return [(how, path) for how, path in doors(world) if path not in OPEN and not path.startswith(OPEN_PREFIXES)]


def knock(address: Address, door: tuple[str, str], headers: Headers, body: bytes) -> Reply:
    return exchange(address, request_bytes(door[0], door[1].encode(), headers, body))


def check_told(reply: Reply) -> None:
    """No fault of ours, a problem where it is refused, and not a word of what was sent."""
    assert reply.status not in BROKEN, reply.body
    if reply.status >= 400:
        assert reply.is_problem or reply.is_no_http, (reply.headers, reply.body)
        assert CANARY.encode() not in reply.body


def test_doors_are_found(world: World) -> None:
    assert len(closed_doors(world)) >= 9
    assert ("POST", "/v1/escalations") in closed_doors(world)


@quick
@given(data=st.data())
def test_no_door_opens_to_strangers(world: World, address: Address, lines: io.StringIO, data: st.DataObject) -> None:
    door = data.draw(st.sampled_from(closed_doors(world)))
    content_type, body = data.draw(bodies)
    authorization = data.draw(
        st.none()
        | header_bytes
        | st.sampled_from(
            [b"Bearer", b"Bearer .", b"Bearer tests.", b"Basic dGVzdHM6eA==", b"Bearer tests." + b"x" * 300]
        )
    )
    headers = [*data.draw(odd_headers), (b"Content-Type", content_type)]
    headers += [] if authorization is None else [(b"Authorization", authorization)]
    keys = world.redis.dbsize()
    reply = knock(address, door, headers, body)
    assert 400 <= reply.status < 500, reply
    assert world.redis.dbsize() == keys
    check_told(reply)


@quick
@given(data=st.data())
def test_friends_may_send_anything(world: World, address: Address, lines: io.StringIO, data: st.DataObject) -> None:
    door = data.draw(st.sampled_from([door for door in doors(world) if not door[1].startswith("/v1/events")]))
    content_type, body = data.draw(bodies)
    headers = [*data.draw(odd_headers), (b"Content-Type", content_type)]
    headers += [(b"Authorization", b"Bearer " + world.token.encode())]
    check_told(knock(address, door, headers, body))


@quick
@given(fields=objects, reason=canary_texts)
def test_nearly_right_requests_are_answered(
    world: World, address: Address, lines: io.StringIO, fields: dict[str, object], reason: str
) -> None:
    wanted = {"conversation_sid": sid("CH", 1), "reason": reason, **fields}
    headers = [(b"Content-Type", JSON), (b"Authorization", b"Bearer " + world.token.encode())]
    for path in ("/v1/decisions", "/v1/escalations", "/v1/transfers"):
        check_told(knock(address, ("POST", path), headers, json.dumps(wanted).encode()))


@quick
@given(body=bodies, path=st.sampled_from(["taskrouter", "streams", "conversations"]))
def test_signed_events_may_hold_anything(
    world: World, address: Address, lines: io.StringIO, body: tuple[bytes, bytes], path: str
) -> None:
    content_type, raw = body
    if content_type == FORM and not raw.isascii():
        return  # the signing in these tests reads forms as text
    answer = world.studio(raw, content_type.decode(), path=f"events/{path}") if content_type in (JSON, FORM) else None
    assert answer is None or answer.status in (204, 400, 403, 411, 413, 415, 422)


@quick
@given(
    query=st.dictionaries(
        st.sampled_from(["state", "limit", "cursor", "kind", "x"]), canary_texts | st.text(), max_size=3
    )
)
def test_any_query_is_answered(world: World, address: Address, lines: io.StringIO, query: dict[str, str]) -> None:
    target = "/v1/invites?" + urlencode(query, errors="surrogatepass")
    headers = [(b"Authorization", b"Bearer " + world.token.encode())]
    check_told(exchange(address, request_bytes("GET", target.encode(), headers, b"")))


@quick
@given(tail=st.binary(max_size=30).map(lambda raw: raw.translate(None, b" \r\n\t\x00\x0b\x0c")))
def test_any_path_is_answered(world: World, address: Address, lines: io.StringIO, tail: bytes) -> None:
    reply = exchange(address, request_bytes("GET", b"/v1/invites/" + tail, [], b""))
    assert 400 <= reply.status < 500 or reply.status == 308
    assert b"Traceback" not in reply.body


@pytest.fixture(autouse=True, scope="module")
def nothing_is_told_in_the_log(lines: io.StringIO) -> Iterator[None]:
    """After all examples: no line holds a word of what was sent, and nothing has broken unforeseen."""
    yield
    told = lines.getvalue()
    assert CANARY not in told
    assert "request.broke" not in told
