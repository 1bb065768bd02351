"""*System*: which processes work on the store, what they have done lately, and how its servers are."""

import html
import os
import re
import signal
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import requests

from service.console.system_view import process_view, server_view
from service.reconcile.loop import Reconciler
from service.reconcile.presence import AFTER_FAULT_S, Presence
from service.tracking.embedded import start_embedded
from service.tracking.roll import RECONCILE, WEB, Sign
from tests.console.house import Visitor, console_settings
from tests.console.test_house import SERVER
from tests.flow.world import World

pytestmark = pytest.mark.xdist_group("console")

NOW_MS = 1_800_000_000_000
SIGN = Sign(RECONCILE, "host-1", 7, "0.1.0", "abcdef012345", NOW_MS - 90_000, NOW_MS)
THIS = f"{socket.gethostname()}:{os.getpid()}"  # all of a world is one process


def text_of(operator: Visitor, page: str = "system") -> str:
    """What a person reads on the page."""
    return " ".join(re.sub(r"<[^>]+>", " ", html.unescape(operator.get(page).text)).split())


def signs(world: World) -> list[Sign]:
    parts = world.reconciler.parts
    return parts.roll.read(parts.store.now_ms())


@pytest.fixture
def unsigned(world: World) -> World:
    """The world as if nobody had signed yet."""
    world.redis.delete("flex:{00}:roll")
    return world


@pytest.mark.parametrize(
    ("kind", "silent_s", "state"),
    [
        (RECONCILE, 20, "at work"),
        (RECONCILE, 61, "gone?"),
        (WEB, 20, "at work"),
        (WEB, 61, "not looked at"),
    ],
)
def test_silence_says_more_of_a_reconciler_than_of_web(kind: str, silent_s: int, state: str) -> None:
    told = process_view(replace(SIGN, kind=kind), NOW_MS + silent_s * 1000)
    assert told["state"] == state


def test_probe_makes_the_web_process_sign(rules_file: Path, world: World) -> None:
    world.redis.delete("flex:{00}:roll")
    fresh = World(world.settings.redis_url, str(rules_file))
    try:
        requests.get(f"{fresh.url}/livez", timeout=20)
        deadline = time.monotonic() + 10
        while not signs(world):  # it signs when the answer is out
            assert time.monotonic() < deadline, "it does not sign"
            time.sleep(0.02)
        (found,) = signs(world)
        assert (found.kind, found.name, found.rules) == (WEB, THIS, fresh.reconciler.book.rules.current.sha256[:12])
    finally:
        fresh.close()


def test_requests_and_events_do_not_sign(rules_file: Path, world: World) -> None:
    world.redis.delete("flex:{00}:roll")
    fresh = World(world.settings.redis_url, str(rules_file))
    try:
        made = fresh.escalate(fresh.customer()["conversation_sid"])
        fresh.advance(0)
        assert made.status == 201
        assert signs(world) == []
    finally:
        fresh.close()


def test_page_lists_who_has_signed(operator: Visitor, unsigned: World) -> None:
    parts = unsigned.reconciler.parts
    now_ms = parts.store.now_ms()
    parts.roll.write(replace(SIGN, started_ms=now_ms - 7_200_000), now_ms=now_ms - 300_000)
    parts.roll.write(replace(SIGN, pid=8, rules=""), now_ms=now_ms)
    page = text_of(operator)
    assert re.search(r"gone\? reconcile 7 host-1 0\.1\.0 abcdef012345 2 h 5 min ago", page)
    assert "at work reconcile 8 host-1 0.1.0 none" in page


def test_dead_reconciler_is_the_first_thing_on_now(operator: Visitor, unsigned: World) -> None:
    parts = unsigned.reconciler.parts
    parts.roll.write(SIGN, now_ms=parts.store.now_ms() - 300_000)
    assert "No reconcile process is at work; the last one signed 5 min ago." in text_of(operator, "now")
    parts.roll.write(replace(SIGN, pid=8), now_ms=parts.store.now_ms())
    assert "No reconcile process is at work" not in text_of(operator, "now")


def test_reconciler_signs_and_strikes_itself_out(unsigned: World) -> None:
    presence = Presence(unsigned.reconciler.parts, unsigned.reconciler.book, RECONCILE)
    presence.sign()
    assert [one.name for one in signs(unsigned)] == [THIS]
    unsigned.redis.delete("flex:{00}:roll")
    presence.sign()
    assert signs(unsigned) == [], "it signs once in a while only"
    Presence(unsigned.reconciler.parts, unsigned.reconciler.book, RECONCILE).sign()
    presence.leave()
    assert signs(unsigned) == []


def another_reconciler(world: World) -> Reconciler:
    """One that has not turned yet."""
    fresh = Reconciler(world.reconciler.parts, world.reconciler.book)
    fresh.next_catch_up = fresh.next_names = float("inf")
    return fresh


def test_turning_reconciler_signs(unsigned: World) -> None:
    fresh = another_reconciler(unsigned)
    fresh.step()
    fresh.drain()
    assert [one.kind for one in signs(unsigned)] == [RECONCILE]


def test_stopped_reconciler_is_off_the_roll(unsigned: World) -> None:
    fresh, stop = another_reconciler(unsigned), threading.Event()
    running = threading.Thread(target=fresh.run, args=(stop,))
    running.start()
    try:
        deadline = time.monotonic() + 10
        while not signs(unsigned):
            assert time.monotonic() < deadline, "it does not sign"
            time.sleep(0.02)
    finally:
        stop.set()
        running.join()
    assert signs(unsigned) == []


def test_search_for_lost_invites_is_told(operator: Visitor, world: World) -> None:
    assert "none: the store has forgotten nothing" in text_of(operator)
    world.reconciler.parts.notes.want_resync("the store is empty")
    try:
        assert "invites looked for the store is empty" in text_of(operator)
        assert "Open invites are being looked for at Twilio." in text_of(operator, "now")
    finally:
        world.reconciler.parts.notes.resync_done()


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({}, ("append-only file", "on")),
        ({"aof": False}, ("append-only file", "off")),
        ({"aof_written": False}, ("append-only file", "cannot be written")),
        ({"most_bytes": 0}, ("memory limit", "none")),
        ({"most_bytes": 402_653_184}, ("memory limit", "384 MB")),
        ({"name": "10.0.0.1:7000"}, ("name", "10.0.0.1:7000")),
    ],
)
def test_server_is_told_in_words(changed: dict[str, object], told: tuple[str, str]) -> None:
    assert told in server_view(replace(SERVER, **changed))  # type: ignore[arg-type]  # fields of a server


def test_page_names_the_servers_own_software(operator: Visitor) -> None:
    assert re.search(r"software (Valkey|Redis) \d", text_of(operator))


# -- a store that can be read and not be written


@pytest.fixture
def full(rules_file: Path, tmp_path: Path) -> Iterator[tuple[World, Visitor]]:
    store = start_embedded(tmp_path)
    running = World(store.url, str(rules_file), **console_settings())
    visitor = Visitor(running)
    visitor.sign_in()
    running.redis.config_set("maxmemory", 1)
    yield running, visitor
    running.close()
    store.close()


def test_probe_does_not_wait_for_a_store_that_hangs(rules_file: Path, tmp_path: Path) -> None:
    store = start_embedded(tmp_path)
    running = World(store.url, str(rules_file))
    try:
        os.kill(store.process.pid, signal.SIGSTOP)
        began = time.monotonic()
        assert requests.get(f"{running.url}/livez", timeout=20).status_code == 200
        assert time.monotonic() - began < 0.9, "it has waited for the store, which has a second"
    finally:
        os.kill(store.process.pid, signal.SIGCONT)
        running.close()
        store.close()


def test_store_that_refuses_to_write_is_told_on_now(full: tuple[World, Visitor]) -> None:
    world, visitor = full
    deadline = time.monotonic() + 30
    while "The store can be read, and refuses to write." not in (page := text_of(visitor, "now")):
        assert time.monotonic() < deadline, page
        time.sleep(0.5)
    assert "Redis: OutOfMemoryError" in page
    world.redis.config_set("maxmemory", 0)
    deadline = time.monotonic() + 10 * AFTER_FAULT_S
    while "refuses to write" in text_of(visitor, "now"):
        assert time.monotonic() < deadline, "it is told for too long"
        time.sleep(0.2)
