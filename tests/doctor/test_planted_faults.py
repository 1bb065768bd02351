"""Ten faults are planted, one at a time, and each is named."""

import json
import re
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import redis

from service.doctor.subject import Subject, subject_of
from service.tracking.embedded import EmbeddedStore
from tests.doctor.conftest import found_in, ids, look_around, with_settings
from tests.doctor.middlemen import standing_before
from tests.flow.world import World
from tests.project.test_alerts import ALERTS


def wrong_callback(world: World, subject: Subject) -> Subject:
    subject.account.send_events(callback_url="https://old.example.com/taskrouter")
    return subject


def missing_event(world: World, subject: Subject) -> Subject:
    subject.account.send_events(events_filter="task.created,reservation.accepted,task.completed,worker.created")
    return subject


def unknown_queue(world: World, subject: Subject) -> Subject:
    path = subject.settings.rules_file.with_name("other.yaml")
    path.write_text("version: 1\nvia: transfers\ndefault: {queue: billling}\n")
    return with_settings(subject, rules_file=path)


def uncaught_route(world: World, subject: Subject) -> Subject:
    filters = [{"filter_friendly_name": "other", "expression": "router_queue == 'support'", "targets": []}]
    workflow = world.info["workflows"]["transfers"]
    world.sandbox.world.workflows[workflow].configuration = json.dumps({"task_routing": {"filters": filters}})
    return subject


def clock_off(world: World, subject: Subject) -> Subject:
    made = subject_of(subject.settings, subject.parts, now_s=lambda: time.time() + 600)
    return replace(made, checkup=subject.checkup)


def aof_off(world: World, subject: Subject) -> Subject:
    world.redis.config_set("appendonly", "no")
    return subject


def wrong_token(world: World, subject: Subject) -> Subject:
    return with_settings(subject, twilio_auth_token="0" * 32)


def dead_reconciler(world: World, subject: Subject) -> Subject:
    subject.parts.census.caught_up(subject.parts.store.now_ms() - 600_000)
    return subject


PLANTS: dict[str, tuple[Callable[[World, Subject], Subject], set[str]]] = {
    "wrong callback URL": (wrong_callback, {"callback.elsewhere"}),
    "missing event in the filter": (missing_event, {"filter.incomplete"}),
    "unknown queue": (unknown_queue, {"rules.names"}),
    "workflow without a matching filter": (uncaught_route, {"workflows.uncaught"}),
    "clock off": (clock_off, {"clock.off"}),
    "AOF off": (aof_off, {"store.aof"}),
    "wrong token": (wrong_token, {"credentials.token", "door.signature"}),
    "reconcile process dead": (dead_reconciler, {"reconcile.dead"}),
}


@pytest.mark.parametrize("name", PLANTS)
def test_planted_fault_is_named(name: str, world: World, subject: Subject) -> None:
    plant, expected = PLANTS[name]
    try:
        report = look_around(plant(world, subject))
    finally:
        world.redis.config_set("appendonly", "yes")
    assert ids(report) == expected
    assert report.exit_code == 1


STALE = {"rules.stale", "rules.unreadable"}
PREFIX_INSIDE, PREFIX_OUTSIDE = {"callback.prefix"}, {"door.prefix"}


def test_stale_rules_are_named(embedded: EmbeddedStore, client: "redis.Redis", rules_file: Path) -> None:
    world = World(embedded.url, str(rules_file))
    try:
        world.catch_up()
        rules_file.write_text("version: 1\ndefault: {workflow: everyone")  # the first request looks at the file again
        assert found_in(subject_of(world.settings, world.reconciler.parts)) == STALE
    finally:
        world.close()


def test_proxy_that_drops_the_prefix_is_named(embedded: EmbeddedStore, client: "redis.Redis", rules_file: Path) -> None:
    with standing_before(lambda target: target.removeprefix("/router")) as proxy:
        world = World(embedded.url, str(rules_file), PUBLIC_BASE_URL=proxy.url)
        try:
            proxy.behind = world.url
            world.catch_up()
            subject = subject_of(world.settings, world.reconciler.parts)
            subject.account.send_events(callback_url=f"{proxy.url}/router/v1/events/taskrouter#rc=5&rp=all")
            assert found_in(subject) == PREFIX_INSIDE  # as the web process sees its address
            outside = with_settings(subject, public_base_url=f"{proxy.url}/router")  # as Twilio calls it
            assert found_in(outside) == PREFIX_OUTSIDE
        finally:
            world.close()


def test_healthy_installation_has_no_findings(subject: Subject) -> None:
    assert found_in(subject) == set()
    assert look_around(subject).exit_code == 0


def test_page_has_the_table_of_all_ten(repository: Path) -> None:
    """What doctor says to each, and alerts that exist."""
    page = (repository / "docs" / "reference" / "doctor.md").read_text(encoding="utf-8")
    table = page.partition("## Ten common faults")[2].partition("## What it finds")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines() if line[:1] == "|"][2:]
    told = {fault: set(re.findall(r"`([a-z.-]+)`", doctor)) for fault, doctor, _ in rows}
    rest = {"stale rules": STALE, "proxy dropping the path prefix": PREFIX_INSIDE | PREFIX_OUTSIDE}
    assert told == {name: expected for name, (_, expected) in PLANTS.items()} | rest
    assert len(told) == 10
    named = {alert for *_, alerts in rows for alert in re.findall(r"\[(\w+)\]", alerts)}
    assert named
    assert named <= {alert["alert"] for alert in ALERTS}
