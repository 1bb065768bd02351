"""Records that an earlier version has left are read by today's, and worked on to their end."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
import redis

from service.model import Invite, Kind, Mode, Origin, Release, State, Target
from service.tracking.errand_records import ERRAND_VERSION, errand_fields, errand_of
from service.tracking.packing import COUNT, unpack
from service.tracking.records import RECORD_VERSION, invite_of, key, partition_of_id, request_fields
from service.tracking.store import NONE, Store
from tests.conftest import sid
from tests.tracking.stored import FIXTURES, ID, TOLD, bare, errand, full, written

Stored = dict[str, dict[str, str]]
RECORDS = sorted(FIXTURES.glob("record-v*.json"))
ERRANDS = sorted(FIXTURES.glob("errand-v*.json"))


def read(path: Path) -> Stored:
    return dict(json.loads(path.read_text()))


def newest(kind: str, version: str) -> Stored:
    return read(FIXTURES / f"{kind}-v{version}.json")


def shape(fields: dict[str, str]) -> dict[str, object]:
    """The names in a record, also those inside of its JSON fields and of what is packed."""
    inner = {name: json.loads(text) for name, text in fields.items() if text.startswith("{")}
    if COUNT in fields:
        packed = unpack(fields)
        assert isinstance(packed, list)
        inner["packed"] = [*packed[0], *packed[1], *(name for step in packed[1]["steps"] for name in step)]
    names = {name for name in fields if not re.fullmatch(r"p[0-9]+", name)}
    return {name: sorted(inner[name]) if name in inner else "" for name in sorted(names | inner.keys())}


@pytest.mark.parametrize(
    ("paths", "version"), [(RECORDS, RECORD_VERSION), (ERRANDS, ERRAND_VERSION)], ids=["records", "errands"]
)
def test_every_version_has_its_file(paths: list[Path], version: str) -> None:
    found = [int(path.stem.partition("-v")[2]) for path in paths]
    assert sorted(found) == list(range(1, int(version) + 1)), "run: python -m tests.tracking.stored"


def test_todays_records_have_the_shape_of_their_version(client: "redis.Redis") -> None:
    """If this fails: raise RECORD_VERSION, and keep a file of the new version."""
    stored = newest("record", RECORD_VERSION)
    assert {name: shape(fields) for name, fields in written(client).items()} == {
        name: shape(fields) for name, fields in stored.items()
    }


def test_todays_errands_have_the_shape_of_their_version() -> None:
    """If this fails: raise ERRAND_VERSION, and keep a file of the new version."""
    today = errand()
    stored = newest("errand", ERRAND_VERSION)[today.id]
    assert shape({"id": today.id, **errand_fields(today)}) == shape(stored)


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_full_record_is_read(path: Path) -> None:
    found = invite_of(read(path)[ID], None)
    assert {name: getattr(found, name) for name in TOLD} == TOLD
    assert (found.kind, found.state, found.attempt, found.step) == (Kind.TRANSFER, State.LAPSED, 2, 0)
    assert (found.ended_at_ms, found.sent_at_ms, found.ladder_at_ms) == (1700000000123, 1700000000001, 1700000000000)
    assert (found.farewell_sent, found.old_agent_gone, found.cancel_wanted, found.let_go) == (True, True, True, True)
    assert found.request.attributes == {"topic": "täx", "n": [1, None]}
    assert (found.request.origin, found.request.to) == (Origin(sid("WK", 1)), Target("queue", "billing"))
    assert (found.request.mode, found.request.release) == (Mode.COLD, Release.ON_ACCEPT)
    assert (found.plan, found.route) == (full().plan, full().route)


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_bare_record_is_read(path: Path) -> None:
    today = bare()
    found = invite_of(read(path)[today.id], None)
    assert (found.request, found.plan, found.state) == (today.request, today.plan, State.REQUESTED)


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_old_record_is_worked_on_to_its_end(path: Path, store: Store, client: "redis.Redis") -> None:
    """Scripts of today on hashes of then: claimed, moved, listed, and expired when it is over."""
    today = bare()
    put(client, today, read(path)[today.id])
    partition = partition_of_id(today.id)
    assert store.claim(partition, lease_s=60, most=5)[1] == [today.id]
    for signal, state in (("created", State.PENDING), ("accepted", State.ACCEPTED), ("completed", State.COMPLETED)):
        moved = store.move(today.id, signal, due=NONE if signal == "completed" else 60)
        assert (moved.word, moved.state) == ("moved", state)
    found = store.get(today.id)
    assert found is not None
    assert [line.state for line in found.history][-3:] == ["pending", "accepted", "completed"]
    assert client.pttl(key(partition, f"inv:{today.id}")) > 0
    assert [name for _, name in store.newest(before=None, most=5)] == [today.id]


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_request_that_is_written_anew_is_of_todays_version(path: Path, store: Store, client: "redis.Redis") -> None:
    """While an upgrade is half done, a process of the old version would go on with the request as it was before."""
    today = bare()
    put(client, today, read(path)[today.id])
    known = replace(today, request=replace(today.request, carried={"customerName": "Ada"}))
    assert store.touch(today.id, State.REQUESTED, fields=request_fields(known)).moved
    assert client.hget(key(partition_of_id(today.id), f"inv:{today.id}"), "v") == RECORD_VERSION
    found = store.get(today.id)
    assert found is not None
    assert (found.request, found.plan) == (known.request, known.plan)


@pytest.mark.parametrize("path", ERRANDS, ids=lambda path: path.stem)
def test_errand_is_read(path: Path) -> None:
    today = errand()
    found = errand_of(read(path)[today.id] | {"created_at_ms": "0"}, None)
    assert found == today


def put(client: "redis.Redis", invite: Invite, fields: dict[str, str]) -> None:
    """Lay the record into the store as its own version has left it: due now."""
    partition = partition_of_id(invite.id)
    for name, value in fields.items():
        client.hset(key(partition, f"inv:{invite.id}"), name, value)
    client.zadd(key(partition, "due"), {invite.id: 1})
    client.zadd(key(partition, "all"), {invite.id: int(fields["created_at_ms"])})
