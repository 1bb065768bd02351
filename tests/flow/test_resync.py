"""A store that has forgotten something, or was set back, is noticed, and the open invites are known again."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import redis
from click.testing import CliRunner

from service.cli import main
from service.errors import StoreUnavailableError, TwilioUnavailableError
from service.model import Kind
from service.reconcile.catch_up import catch_up
from service.reconcile.resync import Tally, known_again, notice, resync, take_up_live_tasks
from service.tracking.embedded import EmbeddedStore
from service.tracking.marks import Marks
from service.tracking.records import PARTITIONS, key, partition_of
from tests.flow.world import Answer, World

LONG_RULES = """
version: 1
default: {workflow: everyone, timeout: 72h}
"""
NOW_MS = 1_800_000_000_000
MINUTE_MS = 60_000


@pytest.fixture
def world(embedded: EmbeddedStore, client: "redis.Redis", tmp_path: Path) -> Iterator[World]:
    rules = tmp_path / "rules.yaml"
    rules.write_text(LONG_RULES)
    running = World(embedded.url, str(rules))
    yield running
    running.close()


def escalated(world: World, count: int) -> list[Answer]:
    return [world.escalate(world.customer()["conversation_sid"]) for _ in range(count)]


def pending(world: World, invites: list[Answer]) -> int:
    found = [world.invite(invite["id"]) for invite in invites]
    return sum(answer.status == 200 and answer["state"] == "pending" for answer in found)


def without(number: int) -> dict[int, int | None]:
    return {number: None}


@pytest.mark.parametrize(
    ("changed", "seen", "told"),
    [
        ({}, 0, None),
        (dict.fromkeys(range(PARTITIONS)), 0, "the store is empty"),
        (without(7), 0, "1 of 64 partitions are empty"),
        ({7: NOW_MS - 5 * MINUTE_MS}, 0, "the store was set back"),
        ({}, NOW_MS + 5 * MINUTE_MS, "the store was set back"),
        (dict.fromkeys(range(PARTITIONS), NOW_MS - 20 * MINUTE_MS), 0, "no catch-up for a long time"),
        ({7: NOW_MS - 2}, NOW_MS + 3, None),
        ({7: -4}, 0, "what was forgotten has not been made up for yet"),
    ],
    ids=[
        "whole",
        "emptied",
        "a part emptied",
        "a part set back",
        "all set back",
        "long away",
        "a little apart",
        "being read again",
    ],
)
def test_marks_tell_what_was_forgotten(world: World, changed: dict[int, int | None], seen: int, told: str) -> None:
    marks = world.reconciler.parts.marks
    for partition in range(PARTITIONS):
        if (beat := changed.get(partition, NOW_MS)) is not None:
            world.redis.set(key(partition, "beat"), beat)
    marks.newest_beat = seen
    assert notice(marks, marks.read(), NOW_MS) == told


def test_whole_store_is_not_searched_for(world: World) -> None:
    world.catch_up()
    before = len(world.calls("/Tasks"))
    world.catch_up()
    assert (before, len(world.calls("/Tasks"))) == (1, 1)
    assert world.reconciler.parts.notes.resync_wanted() is None


@pytest.mark.parametrize("listed", ["with attributes", "without attributes"])
def test_task_older_than_the_events_is_found(world: World, listed: str) -> None:
    invites = escalated(world, 3)
    world.advance(90_000)  # the Events API is asked for a day
    if listed == "without attributes":
        tasks = [{"sid": invite["task_sid"]} for invite in invites]
        world.fault("GET /v1/Workspaces/*/Tasks", status=200, body={"tasks": tasks, "meta": META}, times=1)
    world.redis.flushall()
    world.catch_up()
    assert pending(world, invites) == 3
    assert world.reconciler.parts.notes.resync_wanted() is None


META = {"key": "tasks", "page": 0, "page_size": 1000, "url": "", "next_page_url": None}


def test_part_of_the_store_is_found_again(world: World) -> None:
    """A node of a cluster that comes back with nothing."""
    invites = escalated(world, 12)
    world.catch_up()
    emptied = {partition_of(str(invite["conversation_sid"])) for invite in invites[:6]}
    for name in world.redis.keys("*"):
        if int(name[6:8]) in emptied:
            world.redis.delete(name)
    assert pending(world, invites) < 12
    world.catch_up()
    assert pending(world, invites) == 12
    world.turn()
    assert world.judge()["double_invited"] == []


@pytest.mark.parametrize("known", [True, False], ids=["a usual reading", "a reading after a loss"])
def test_store_emptied_while_events_are_read_is_noticed(world: World, known: bool) -> None:
    """What the reading has heard before is gone with the rest, and what it writes at its end must not hide that."""
    invites = escalated(world, 3)
    if known:
        world.catch_up()
        world.redis.delete(key(0, "catchup-turn"))
    emptied: list[bool] = []

    def empty_once() -> bool:
        if not emptied:
            emptied.append(world.redis.flushall())
        return False

    with pytest.raises(StoreUnavailableError):
        catch_up(world.reconciler.parts, every_s=600, stopping=empty_once)
    assert emptied
    world.redis.delete(*(name for name in world.redis.keys("*") if "beat" not in name))  # nothing was heard since
    world.catch_up()
    assert pending(world, invites) == 3
    world.turn()
    assert world.judge()["double_invited"] == []


def test_reading_that_others_have_begun_is_joined(world: World) -> None:
    """Two processes notice one loss: neither undoes the other's reading, however long each takes."""
    marks, other = world.reconciler.parts.marks, Marks(world.redis)
    first = marks.begin_anew(marks.read())
    second = other.begin_anew(other.read())
    assert marks.renew(NOW_MS, first)
    assert other.renew(NOW_MS + 5, second)
    assert set(marks.read()) == {NOW_MS + 5}


def test_reading_before_a_loss_does_not_make_up_for_it(world: World) -> None:
    marks = world.reconciler.parts.marks
    early = marks.begin_anew(marks.read())
    world.redis.flushall()
    late = marks.begin_anew(marks.read())
    assert not marks.renew(NOW_MS, early)
    assert marks.renew(NOW_MS, late)


def test_store_set_back_learns_what_came_since(world: World) -> None:
    first = escalated(world, 2)
    world.catch_up()
    raw = redis.Redis(connection_pool=redis.ConnectionPool.from_url(world.settings.redis_url))
    backup = {name: (raw.dump(name), max(0, int(raw.pttl(name)))) for name in raw.keys("*")}
    later = escalated(world, 2)
    world.catch_up()
    raw.flushall()
    for name, (value, ttl) in backup.items():
        raw.restore(name, ttl, value or b"")
    raw.close()
    world.catch_up()
    assert pending(world, [*first, *later]) == 4


def test_crowded_twilio_makes_the_search_wait(world: World) -> None:
    invites = escalated(world, 2)
    world.advance(90_000)
    world.redis.flushall()
    world.fault("GET /v1/Workspaces/*/Tasks", status=429, when="before", times=1)
    with pytest.raises(TwilioUnavailableError):
        world.catch_up()
    assert world.reconciler.parts.notes.resync_wanted() == "the store is empty"
    world.catch_up()
    assert pending(world, invites) == 2
    assert world.reconciler.parts.notes.resync_wanted() is None


def test_search_goes_on_in_the_next_turn(world: World) -> None:
    escalated(world, 3)
    world.advance(1)  # its callbacks have come, and are none of this
    world.redis.flushall()
    tally = take_up_live_tasks(world.reconciler.parts, Tally(), until=0.0)
    assert (tally.tasks, tally.left) == (3, 3)
    tally = take_up_live_tasks(world.reconciler.parts, Tally())
    assert (tally.known_again, tally.left) == (3, 0)


def test_other_tasks_are_asked_for_once(world: World) -> None:
    tasks = world.reconciler.parts.taskrouter._workspace.tasks  # the SDK itself, as another application has it
    tasks.create(attributes='{"topic": "voicemail"}', workflow_sid=world.info["workflows"]["everyone"])
    first = resync(world.reconciler.parts)
    assert (first.tasks, first.not_flex, first.known_again) == (1, 1, 0)
    assert len(world.reconciler.parts.notes.not_flex()) == 1


def test_open_invite_known_again_is_found_by_its_thread(world: World) -> None:
    invite = escalated(world, 1)[0]
    parts, conversation = world.reconciler.parts, str(invite["conversation_sid"])
    assert known_again(parts.store, Kind.ESCALATION, conversation) is None, "with its plan it has its key too"
    world.redis.flushall()
    world.catch_up()
    found = known_again(parts.store, Kind.ESCALATION, conversation)
    assert found is not None
    assert found.id == invite["id"]
    assert known_again(parts.store, Kind.TRANSFER, conversation) is None


def environment(world: World) -> dict[str, str]:
    return {
        "TWILIO_ACCOUNT_SID": world.info["account_sid"],
        "TWILIO_AUTH_TOKEN": world.info["auth_token"],
        "TWILIO_WORKSPACE_SID": world.info["workspace_sid"],
        "TWILIO_BASE_URL": world.sandbox.base_url,
        "PUBLIC_BASE_URL": world.url,
        "REDIS_URL": world.settings.redis_url,
    }


def test_command_tells_what_it_found(world: World) -> None:
    invites = escalated(world, 2)
    world.advance(90_000)
    world.redis.flushall()
    done = CliRunner().invoke(main, ["resync", "--json"], env=environment(world))
    told = json.loads(done.stdout)
    assert (done.exit_code, told["done"]) == (0, True)
    assert (told["tasks"], told["known_again"], told["left"]) == (2, 2, 0)
    assert pending(world, invites) == 2
    again = CliRunner().invoke(main, ["resync"], env=environment(world))
    assert "2 known before, 0 known again" in again.stdout


def test_command_says_why_it_cannot(world: World) -> None:
    world.fault("GET *", status=429, when="before")
    done = CliRunner().invoke(main, ["resync", "--json"], env=environment(world))
    assert done.exit_code == 1
    assert json.loads(done.stdout)["done"] is False


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_thousand_open_invites_are_known_again(world: World) -> None:
    """Half of them older than the events that are read; prints the share that is known again, and how long it took."""
    count = 1000

    def one(_: int) -> Answer:
        return world.escalate(world.customer()["conversation_sid"])

    with ThreadPoolExecutor(4) as pool:
        invites = list(pool.map(one, range(count // 2)))
        world.advance(90_000)
        invites += pool.map(one, range(count // 2))
    world.redis.flushall()
    began = time.monotonic()
    world.catch_up()
    took_s = time.monotonic() - began
    known = pending(world, invites)
    print(f"\nresync: {known} of {count} open invites known again in {took_s:.1f} s")
    assert known >= 0.999 * count
    world.turn()
    assert world.judge()["double_invited"] == []


def test_same_request_after_an_emptied_store_makes_no_second_invite(world: World) -> None:
    conversation = world.customer()["conversation_sid"]
    first = world.escalate(conversation, idempotency_key="k")
    world.advance(1)
    world.redis.flushall()
    world.catch_up()
    again = world.escalate(conversation, idempotency_key="k")
    assert (again.status, again["id"]) == (200, first["id"])
    assert world.judge()["double_invited"] == []
