"""Single looks, each with one thing out of order."""

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest
import redis

from service.doctor.at_the_rules import look_at_rules
from service.doctor.at_the_store import look_at_clocks, look_at_store
from service.doctor.at_twilio import filter_with_ours, look_at_chat_service, look_at_workspace, retries
from service.doctor.at_work import look_at_reconciler, look_at_timeouts
from service.doctor.findings import Finding, found
from service.doctor.subject import Subject, subject_of
from service.flex.account import WorkspaceSettings
from service.tracking.checkup import Checkup, Server
from service.tracking.connection import connect
from service.tracking.lifecycle import EVENTS_FILTER
from tests.doctor.conftest import ids, look_around, with_settings
from tests.flow.world import World


def rows(findings: "list[Finding]") -> list[str]:
    return [finding.row.id for finding in findings]


@pytest.mark.parametrize(
    ("fragment", "enough"),
    [
        ("rc=5&rp=all", True),
        ("rc=3&rp=5xx,ct,rt", True),
        ("rc=5", False),
        ("rp=all", False),
        ("rc=1&rp=all", False),
        ("rc=5&rp=ct", False),
        ("", False),
        ("rc=many&rp=all", False),
    ],
)
def test_retries_are_read_from_overrides(fragment: str, enough: bool) -> None:
    assert retries(fragment) is enough


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("", ""),
        ("worker.created, task.created", "worker.created,task.created," + EVENTS_FILTER.removeprefix("task.created,")),
        (EVENTS_FILTER, EVENTS_FILTER),
    ],
    ids=["empty", "somebody else's", "whole"],
)
def test_fixed_filter_keeps_what_it_has(given: str, wanted: str) -> None:
    made = filter_with_ours(WorkspaceSettings("Flex Task Assignment", "", given))
    assert made == wanted


def test_callback_without_retries_is_told(subject: Subject) -> None:
    subject.account.send_events(callback_url=subject.door_url)
    assert rows(list(look_at_workspace(subject))) == ["callback.retries"]


def test_missing_callback_and_other_name_are_told(world: World, subject: Subject) -> None:
    world.sandbox.world.workspace.friendly_name = "Another"
    subject.account.send_events(callback_url="")
    assert rows(list(look_at_workspace(subject))) == ["workspace.name", "callback.none"]


def test_secrets_in_a_strange_callback_are_not_shown(subject: Subject) -> None:
    subject.account.send_events(callback_url="https://user:pass1@elsewhere.example/e?key=pass2#rc=2")
    (finding,) = look_at_workspace(subject)
    assert "elsewhere.example/e" in finding.what
    assert "pass" not in finding.what


def test_wrong_api_key_is_told(subject: Subject) -> None:
    changed = with_settings(subject, twilio_api_key="SK" + "0" * 32, twilio_api_secret="none")
    report = look_around(changed)
    assert ids(report) == {"credentials.rest"}
    assert "the workspace and its events" in report.unseen
    assert report.exit_code == 1


def test_unknown_workspace_is_told(subject: Subject) -> None:
    assert "workspace.unknown" in ids(look_around(with_settings(subject, twilio_workspace_sid="WS" + "0" * 32)))


def test_unreachable_twilio_is_no_finding(subject: Subject) -> None:
    report = look_around(with_settings(subject, twilio_base_url="http://127.0.0.1:9"))
    assert ids(report) == set()
    assert "the credentials" in report.unseen
    assert report.exit_code == 2


def test_other_default_chat_service_is_told(world: World, subject: Subject) -> None:
    services = {"default_chat_service_sid": "IS" + "1" * 32, "chat_service_instance_sid": "IS" + "2" * 32}
    world.fault("GET /v1/Configuration", status=200, body=services)
    (finding,) = look_at_chat_service(subject)
    assert (finding.row.id, "IS" + "2" * 32 in finding.mend) == ("conversations.default", True)


def test_default_chat_service_of_flex_is_fine(world: World, subject: Subject) -> None:
    services = {"default_chat_service_sid": "IS" + "1" * 32, "chat_service_instance_sid": "IS" + "1" * 32}
    world.fault("GET /v1/Configuration", status=200, body=services)
    assert list(look_at_chat_service(subject)) == []


STORES: dict[str, dict[str, object]] = {
    "store.old": {"version": "6.2.14"},
    "store.replica": {"role": "slave"},
    "store.aof": {"aof": False},
    "store.aof-failing": {"aof_written": False},
    "store.evicts": {"policy": "allkeys-lru"},
    "store.full": {"used_bytes": 90, "most_bytes": 100},
}


class OtherCheckup(Checkup):
    """A server that is set up otherwise than the one there is."""

    def __init__(self, client: "redis.Redis", server: Server) -> None:
        super().__init__(client)
        self._server = server

    def servers(self) -> list[Server]:
        return [self._server]

    def round_trip_s(self) -> float:
        return 0.05


@pytest.mark.parametrize("row", STORES)
def test_server_that_would_forget_is_told(row: str, lone: Subject, client: "redis.Redis") -> None:
    (sound,) = Checkup(client).servers()
    changed = replace(sound, **STORES[row])  # type: ignore[arg-type]  # the table names fields
    checkup = OtherCheckup(client, changed)
    given = Subject(lone.settings, lone.parts, lone.account, checkup)
    assert rows(list(look_at_store(given))) == [row, "store.slow"]


def test_eviction_is_read_from_the_server(lone: Subject, client: "redis.Redis") -> None:
    client.config_set("maxmemory-policy", "allkeys-lru")
    try:
        assert "store.evicts" in rows(list(look_at_store(lone)))
    finally:
        client.config_set("maxmemory-policy", "noeviction")


def test_absent_store_is_told(lone: Subject) -> None:
    away = Subject(lone.settings, lone.parts, lone.account, Checkup(connect("redis://127.0.0.1:9")))
    assert rows(list(look_at_store(away))) == ["store.away"]


def test_small_difference_of_clocks_is_a_warning(subject: Subject) -> None:
    later = subject_of(subject.settings, subject.parts, now_s=lambda: time.time() - 20)
    assert rows(list(look_at_clocks(later))) == ["clock.drifts"]


def test_store_without_any_catch_up_is_told(lone: Subject, client: "redis.Redis") -> None:
    assert rows(list(look_at_reconciler(lone))) == ["reconcile.never"]


def test_due_work_left_lying_is_told(lone: Subject, client: "redis.Redis") -> None:
    now_ms = lone.parts.store.now_ms()
    lone.parts.census.caught_up(now_ms)
    client.zadd("flex:{17}:due", {"iv_17_" + "0" * 32: now_ms - 120_000})
    assert rows(list(look_at_reconciler(lone))) == ["reconcile.behind"]


TIMEOUTS = {
    "timeouts.studio": ({"request_budget_s": 9.0}, "", ""),
    "timeouts.gunicorn": ({}, "graceful_timeout = 8\n", ""),
    "timeouts.proxy": ({}, "", "proxy_read_timeout 5s;"),
    "timeouts.keepalive": ({}, "keepalive = 60\n", "upstream web {\n server a:1;\n keepalive_timeout 60s;\n}"),
}


@pytest.mark.parametrize("row", TIMEOUTS)
def test_waiting_too_short_is_told(row: str, lone: Subject, tmp_path: Path) -> None:
    settings, gunicorn, proxy = TIMEOUTS[row]
    (tmp_path / "gunicorn.conf.py").write_text(gunicorn)
    (tmp_path / "nginx.conf").write_text(proxy)
    changed = with_settings(lone, **settings)
    given = replace(changed, gunicorn=tmp_path / "gunicorn.conf.py", proxy=tmp_path / "nginx.conf")
    assert rows(list(look_at_timeouts(given))) == [row]


def test_alias_for_nothing_is_told(subject: Subject) -> None:
    path = subject.settings.rules_file.with_name("aliases.yaml")
    path.write_text("version: 1\nqueues: {billing: billling}\n")
    assert "rules.names" in rows(list(look_at_rules(with_settings(subject, rules_aliases=path))))


def test_trap_in_a_workflow_is_told(world: World, subject: Subject) -> None:
    workflow = world.sandbox.world.workflows[world.info["workflows"]["transfers"]]
    filters = json.loads(workflow.configuration)["task_routing"]["filters"]
    filters.append({"filter_friendly_name": "odd", "expression": "language == 'null'", "targets": []})
    workflow.configuration = json.dumps({"task_routing": {"filters": filters}})
    assert rows(list(look_at_rules(subject))) == ["workflows.traps"]


def test_unfilled_mending_is_refused() -> None:
    with pytest.raises(KeyError):
        found("callback.none", "nothing")
